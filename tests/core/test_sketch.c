/* Sketches: estimates of A'B have no bias and the variance of the formulas, samples keep the rows
 * and count the numbers that they should, and on sparse rows they beat linear sketches. */
#include "tests/harness.h"

#include <math.h>
#include <string.h>

#include "core/linalg/blas.h"
#include "core/sketch/sample.h"

enum {
  ROWS = 60,
  MOST = 600, /* columns */
  SIZE = 12
};

/* A(n, d) and B(n, m), rows of uneven lengths of which `s` entries are not zero. */
typedef struct pair {
  int64_t n, d, m;
  double a[ROWS * MOST], b[ROWS * MOST], product[MOST * MOST];
  double square_a[ROWS], square_b[ROWS], squares_a, squares_b, squares_both, product_square;
} pair;

static void fill(mst_stream *draw, int64_t n, int64_t d, int64_t s, double *x, double *square,
                 double *squares) {
  memset(x, 0, (size_t)(n * d) * sizeof *x);
  *squares = 0;
  for (int64_t i = 0; i < n; i++) {
    int64_t at[MOST], entries = 0;
    const double length = exp(0.4 * mst_stream_normal(draw));
    mst_stream_subset(draw, d, s, at);
    /* Values of a sample are float32. */
    for (int64_t k = 0; k < s; k++)
      x[i * d + at[k]] = (double)(float)(length * (1 + 0.5 * mst_stream_normal(draw)));
    square[i] = mst_sample_measure(d, x + i * d, &entries);
    ck_assert_int_eq(entries, s);
    *squares += square[i];
  }
}

static pair *make_pair(uint64_t seed, int64_t d, int64_t m, int64_t s) {
  static pair p;
  mst_stream draw = mst_stream_of(mst_key_make(seed, MST_PURPOSE_TEST, 0, 0));
  p.n = ROWS;
  p.d = d;
  p.m = m;
  fill(&draw, ROWS, d, s, p.a, p.square_a, &p.squares_a);
  fill(&draw, ROWS, m, s, p.b, p.square_b, &p.squares_b);
  mst_gemm(true, false, d, m, ROWS, 1, p.a, d, p.b, m, 0, p.product, m);
  p.squares_both = p.product_square = 0;
  for (int64_t i = 0; i < ROWS; i++) p.squares_both += p.square_a[i] * p.square_b[i];
  for (int64_t i = 0; i < d * m; i++) p.product_square += p.product[i] * p.product[i];
  return &p;
}

static int ascending(const void *x, const void *y) {
  const double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

static double find_level(const mst_sketch_spec *s, const double *square, double squares) {
  double score[ROWS];
  for (int64_t i = 0; i < ROWS; i++) score[i] = mst_sketch_hash(s, i) / square[i];
  qsort(score, ROWS, sizeof *score, ascending);
  return mst_sketch_find(s->kind)->level(s, squares, ROWS, score);
}

static void take(const mst_sketch_spec *s, int64_t d, const double *x, const double *square,
                 double squares, mst_sample *out) {
  const double level = find_level(s, square, squares);
  ck_ok(mst_sample_create(level, ROWS, d, ROWS * d, out));
  for (int64_t i = 0; i < ROWS; i++)
    if (mst_sample_keeps(s, level, i, square[i])) mst_sample_add(out, i, square[i], x + i * d);
}

static int64_t estimate_sampled(const mst_sketch_spec *s, const pair *p, double *out,
                                int64_t *kept) {
  mst_sample a, b;
  mst_sample_pair at = {0};
  float x[MOST], y[MOST];
  take(s, p->d, p->a, p->square_a, p->squares_a, &a);
  take(s, p->m, p->b, p->square_b, p->squares_b, &b);
  while (mst_sample_next(&a, &b, &at)) {
    mst_sparse_rows_whole(&a.rows, at.a, x);
    mst_sparse_rows_whole(&b.rows, at.b, y);
    for (int64_t j = 0; j < p->d; j++)
      for (int64_t k = 0; k < p->m && x[j] != 0; k++)
        out[j * p->m + k] += (double)x[j] * (double)y[k] / at.chance;
  }
  const int64_t numbers = a.numbers + b.numbers;
  *kept = a.kept;
  mst_sample_free(&a);
  mst_sample_free(&b);
  return numbers;
}

static int64_t estimate_linear(const mst_sketch_spec *s, const pair *p, double *out) {
  static double sa[400 * MOST], sb[400 * MOST];
  const mst_sketch_ops *ops = mst_sketch_find(s->kind);
  int64_t place[400];
  double entry[400], largest = 0;
  memset(sa, 0, (size_t)(s->size * p->d) * sizeof *sa);
  memset(sb, 0, (size_t)(s->size * p->m) * sizeof *sb);
  for (int64_t i = 0; i < ROWS; i++) {
    ops->column(s, i, place, entry);
    for (int64_t e = 0; e < ops->nonzeros(s); e++) {
      largest = fmax(largest, fabs(entry[e]));
      for (int64_t j = 0; j < p->d; j++) sa[place[e] * p->d + j] += entry[e] * p->a[i * p->d + j];
      for (int64_t j = 0; j < p->m; j++) sb[place[e] * p->m + j] += entry[e] * p->b[i * p->m + j];
    }
  }
  ck_assert_double_le(largest, ops->largest(s));
  mst_gemm(true, false, p->d, p->m, s->size, 1, sa, p->d, sb, p->m, 0, out, p->m);
  return s->size * (p->d + p->m);
}

/* An estimate of A'B; how many numbers are sent for it, and rows of A kept. */
static int64_t estimate(const mst_sketch_spec *s, const pair *p, double *out, int64_t *kept) {
  memset(out, 0, (size_t)(p->d * p->m) * sizeof *out);
  *kept = 0;
  return mst_sketch_is_linear(mst_sketch_find(s->kind)) ? estimate_linear(s, p, out)
                                                        : estimate_sampled(s, p, out, kept);
}

static double squared_error(const pair *p, const double *out) {
  double sum = 0;
  for (int64_t i = 0; i < p->d * p->m; i++) sum += pow(out[i] - p->product[i], 2);
  return sum;
}

/* E |estimate - A'B|_F^2, where it is known. Equations (5) and (6). */
static double expected_error(const mst_sketch_spec *s, const pair *p) {
  const double k = (double)s->size;
  if (strcmp(s->kind, "gaussian") == 0)
    return (p->squares_a * p->squares_b + p->product_square) / k;
  if (strcmp(s->kind, "threshold") != 0)
    return (p->squares_a * p->squares_b + p->product_square - 2 * p->squares_both) / k;
  double sum = 0;
  for (int64_t i = 0; i < ROWS; i++) {
    const double chance =
        fmin(1, fmin(k * p->square_a[i] / p->squares_a, k * p->square_b[i] / p->squares_b));
    sum += (1 / chance - 1) * p->square_a[i] * p->square_b[i];
  }
  return sum;
}

START_TEST(estimates_have_no_bias_and_the_variance_of_the_formulas) {
  enum {
    D = 6,
    M = 5,
    TRIALS = 4000
  };
  const pair *p = make_pair(1, D, M, 3);
  const char *kind = mst_sketch_at(_i)->name;
  double sum[D * M] = {0}, square[D * M] = {0}, out[D * M], error = 0, errors = 0;
  for (int t = 0; t < TRIALS; t++) {
    const mst_sketch_spec s = {.kind = kind, .size = SIZE, .seed = (uint64_t)t};
    int64_t kept;
    estimate(&s, p, out, &kept);
    for (int i = 0; i < D * M; i++) {
      sum[i] += out[i] - p->product[i];
      square[i] += pow(out[i] - p->product[i], 2);
    }
    error += squared_error(p, out) / TRIALS;
    errors += pow(squared_error(p, out), 2) / TRIALS;
  }
  for (int i = 0; i < D * M; i++)
    ck_assert_msg(fabs(sum[i]) <= 5 * sqrt(square[i]), "%s: entry %d is off by %g, deviation %g",
                  kind, i, sum[i] / TRIALS, sqrt(square[i]) / TRIALS);
  const bool priority = strcmp(kind, "priority") == 0;
  const mst_sketch_spec s = {.kind = kind, .size = SIZE};
  const double deviation = sqrt((errors - error * error) / TRIALS), want = expected_error(&s, p);
  ck_assert_msg(priority || fabs(error - want) <= 5 * deviation, "%s: %g, but %g in %g", kind,
                error, want, deviation);
  ck_assert_msg(error <= 2 * p->squares_a * p->squares_b / (SIZE - priority), "%s: %g", kind,
                error);
}
END_TEST

START_TEST(priority_keeps_so_many_rows_and_threshold_as_many_on_average) {
  enum {
    TRIALS = 2000
  };
  const pair *p = make_pair(2, 5, 4, 3);
  static double out[5 * 4];
  double kept = 0, want = 0, variance = 0;
  for (int t = 0; t < TRIALS; t++) {
    mst_sketch_spec s = {.kind = "priority", .size = SIZE, .seed = (uint64_t)t};
    int64_t n;
    estimate(&s, p, out, &n);
    ck_assert_int_eq(n, SIZE);
    s.kind = "threshold";
    estimate(&s, p, out, &n);
    kept += (double)n / TRIALS;
  }
  for (int64_t i = 0; i < ROWS; i++) {
    const double chance = fmin(1, SIZE * p->square_a[i] / p->squares_a);
    want += chance;
    variance += chance * (1 - chance);
  }
  ck_assert_double_le(fabs(kept - want), 5 * sqrt(variance / TRIALS));
  ck_assert_double_le(want, SIZE + 1e-9);
}
END_TEST

START_TEST(a_sample_of_all_rows_gives_the_product_itself) {
  const pair *p = make_pair(3, 7, 4, 2);
  double out[7 * 4];
  int64_t kept;
  const mst_sketch_spec s = {.kind = "priority", .size = ROWS, .seed = 1};
  const int64_t numbers = estimate(&s, p, out, &kept);
  ck_assert_int_eq(kept, ROWS);
  ck_assert_int_eq(numbers, 2 * ROWS * (2 * 2 + 1));
  for (int i = 0; i < 7 * 4; i++) ck_assert_double_eq_tol(out[i], p->product[i], 1e-12 * 100);
}
END_TEST

START_TEST(a_sampled_row_costs_its_entries_with_their_columns_or_all_of_them) {
  const double x[] = {0, 2, 0, 0, 0, 1, 3, 4, 5, 6};
  mst_sample s;
  int64_t entries;
  ck_assert_double_eq(mst_sample_measure(5, x, &entries), 4);
  ck_assert_int_eq(entries, 1);
  ck_ok(mst_sample_create(1, 2, 5, 6, &s));
  mst_sample_add(&s, 3, 4, x);
  ck_assert_int_eq(s.numbers, 3);
  mst_sample_add(&s, 9, 87, x + 5);
  ck_assert_int_eq(s.numbers, 3 + 6);
  ck_ok(mst_sparse_rows_check(&s.rows, "rows", 0));
  ck_assert_float_eq(s.rows.value[s.rows.start[1] + 4], 6);
  mst_sample_free(&s);
}
END_TEST

START_TEST(a_row_of_zeros_is_never_kept_and_a_long_one_always_is) {
  for (uint64_t seed = 0; seed < 100; seed++) {
    const mst_sketch_spec s = {.kind = "threshold", .size = 4, .seed = seed};
    ck_assert(!mst_sample_keeps(&s, INFINITY, 1, 0));
    ck_assert(mst_sample_keeps(&s, 0.01, 1, 200));
  }
}
END_TEST

static double mean_error(const char *kind, int64_t size, const pair *p, double *numbers) {
  enum {
    TRIALS = 12
  };
  static double out[MOST * MOST];
  double error = 0;
  *numbers = 0;
  for (int t = 0; t < TRIALS; t++) {
    const mst_sketch_spec s = {.kind = kind, .size = size, .seed = (uint64_t)t};
    int64_t kept;
    *numbers += (double)estimate(&s, p, out, &kept) / TRIALS;
    error += squared_error(p, out) / TRIALS / p->squares_a / p->squares_b;
  }
  return error;
}

START_TEST(samples_of_sparse_rows_beat_linear_sketches_of_as_many_numbers) {
  static const char *const linear[] = {"count_sketch", "gaussian", "rademacher"};
  const int64_t d = 200, s = 4;
  const pair *p = make_pair(4, d, d, s);
  double numbers, most;
  const double threshold = mean_error("threshold", 40, p, &most);
  const double priority = mean_error("priority", 40, p, &numbers);
  most = fmax(most, numbers);
  ck_assert_double_le(most, 2 * 40 * (2 * s + 1));
  for (int l = 0; l < 3; l++) {
    /* The linear sketch may be a little larger. */
    const double error =
        mean_error(linear[l], (int64_t)ceil(most / (2.0 * (double)d)), p, &numbers);
    ck_assert_double_ge(numbers, most);
    ck_assert_msg(error > 8 * threshold && error > 8 * priority, "%s: %g, sampled %g and %g",
                  linear[l], error, threshold, priority);
  }
}
END_TEST

START_TEST(a_sample_of_rows_with_more_entries_needs_as_many_more_numbers) {
  double numbers[2], error[2];
  for (int i = 0; i < 2; i++) {
    const pair *p = make_pair(5, 200, 200, i == 0 ? 2 : 8);
    error[i] = mean_error("priority", 20, p, &numbers[i]);
  }
  ck_assert_double_eq_tol(numbers[1] / numbers[0], 17.0 / 5, 1e-9);
  for (int i = 0; i < 2; i++) ck_assert_double_lt(error[i], 2.0 / 19);
}
END_TEST

START_TEST(what_cannot_be_a_sketch_is_refused) {
  mst_sketch_spec s = {.kind = "treshold", .size = 10};
  ck_refused(mst_sketch_check(&s), MST_ERR_INPUT, "the nearest is threshold");
  s.kind = "gaussian";
  ck_ok(mst_sketch_check(&s));
  s.size = 1;
  ck_refused(mst_sketch_check(&s), MST_ERR_INPUT, "sketch.size");
}
END_TEST

START_TEST(every_member_has_one_of_the_two_forms) {
  int members = 0;
  for (; mst_sketch_at(members) != NULL; members++) {
    const mst_sketch_ops *ops = mst_sketch_at(members);
    const bool linear = mst_sketch_is_linear(ops);
    ck_assert_ptr_eq(mst_sketch_find(ops->name), ops);
    ck_assert_int_eq(linear, ops->nonzeros != NULL && ops->largest != NULL);
    ck_assert_int_eq(!linear, ops->scores != NULL && ops->level != NULL);
  }
  ck_assert_int_eq(members, 5);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("sketches");
  TCase *c = tcase_create("sketch");
  mst_blas_init();
  tcase_add_loop_test(c, estimates_have_no_bias_and_the_variance_of_the_formulas, 0, 5);
  tcase_add_test(c, priority_keeps_so_many_rows_and_threshold_as_many_on_average);
  tcase_add_test(c, a_sample_of_all_rows_gives_the_product_itself);
  tcase_add_test(c, a_sampled_row_costs_its_entries_with_their_columns_or_all_of_them);
  tcase_add_test(c, a_row_of_zeros_is_never_kept_and_a_long_one_always_is);
  tcase_add_test(c, samples_of_sparse_rows_beat_linear_sketches_of_as_many_numbers);
  tcase_add_test(c, a_sample_of_rows_with_more_entries_needs_as_many_more_numbers);
  tcase_add_test(c, what_cannot_be_a_sketch_is_refused);
  tcase_add_test(c, every_member_has_one_of_the_two_forms);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
