/* Distances and sums of vectors, at every width of vectors: against plain loops of twice the
 * digits, and bit by bit. */
#include "core/robust/space.h"

#include "tests/core/robust_vectors.h"

/* An unevaluated sum of two doubles, of about 106 bits on any processor, which a long double is
 * not (Dekker 1971; Knuth, volume 2, section 4.2.2). */
typedef struct twofold {
  double high, low;
} twofold;

static twofold sum_of(double a, double b) {
  const double sum = a + b, other = sum - a;
  return (twofold){sum, (a - (sum - other)) + (b - other)};
}

/* *sum += (a - b)^2 */
static void add_square(double a, double b, twofold *sum) {
  const twofold d = sum_of(a, -b);
  const double square = d.high * d.high;
  const twofold high = sum_of(sum->high, square);
  const double rest = fma(d.high, d.high, -square) + 2 * d.high * d.low;
  *sum = sum_of(high.high, high.low + (sum->low + rest));
}

/* n rows of m normal entries about `shift`. */
static double *make_rows(int64_t n, int64_t m, double shift, float **floats, const double ***row,
                         const float ***floats_row) {
  mst_stream s = draws(n, m);
  double *x = take_memory(n * m);
  *floats = take_memory(n * m);
  *row = take_memory(n);
  *floats_row = take_memory(n);
  for (int64_t i = 0; i < n * m; i++) {
    x[i] = shift + mst_stream_normal(&s);
    (*floats)[i] = (float)x[i];
  }
  for (int64_t i = 0; i < n; i++) {
    (*row)[i] = x + i * m;
    (*floats_row)[i] = *floats + i * m;
  }
  return x;
}

typedef struct rows {
  int64_t n, m;
  double *x;
  float *floats;
  const double **row;
  const float **floats_row;
} rows;

static rows rows_make(int64_t n, int64_t m, double shift) {
  rows r = {.n = n, .m = m};
  r.x = make_rows(n, m, shift, &r.floats, &r.row, &r.floats_row);
  return r;
}

static void rows_free(rows *r) {
  mst_free(r->x), mst_free(r->floats), mst_free(r->row), mst_free(r->floats_row);
}

static void expect_distances(const rows *r, bool floats, const double *distance) {
  for (int64_t i = 0; i < r->n; i++)
    for (int64_t j = 0; j < r->n; j++) {
      twofold sum = {0, 0};
      for (int64_t c = 0; c < r->m; c++)
        if (floats)
          add_square((double)r->floats_row[i][c], (double)r->floats_row[j][c], &sum);
        else
          add_square(r->row[i][c], r->row[j][c], &sum);
      expect_near(distance[i * r->n + j], sum.high, 2e-15 * sum.high);
      ck_assert(distance[i * r->n + j] == distance[j * r->n + i]);
    }
}

/* At each width, of both types. */
static void check_distances(int64_t n, int64_t m, double shift) {
  rows r = rows_make(n, m, shift);
  double *distance = take_memory(n * n), *first = take_memory(n * n);
  for (int floats = 0; floats < 2; floats++)
    for (int w = 0; mst_space_width_at(w) != NULL; w++) {
      const mst_space_width *width = mst_space_width_at(w);
      for (int64_t i = 0; i < n * n; i++) distance[i] = NAN;
      if (floats)
        width->distances_f32(n, m, r.floats_row, distance);
      else
        width->distances_f64(n, m, r.row, distance);
      expect_distances(&r, floats, distance);
      if (w == 0) memcpy(first, distance, (size_t)(n * n) * sizeof *first);
      ck_assert_mem_eq(first, distance, (size_t)(n * n) * sizeof *first);
    }
  mst_free(first), mst_free(distance);
  rows_free(&r);
}

START_TEST(distances_agree_with_twice_the_digits) {
  for (int64_t n = 1; n <= 23; n++) check_distances(n, 1 + 7 * n % 40, 0);
  for (int64_t m = 0; m <= 20; m++) check_distances(5, m, 0);
  check_distances(6, 2048, 0);
}
END_TEST

START_TEST(a_common_shift_costs_no_digit) {
  check_distances(9, 1003, 1e4);
  check_distances(9, 1003, -1e4);
}
END_TEST

START_TEST(a_distance_does_not_depend_on_the_other_rows) {
  rows r = rows_make(11, 77, 0);
  double all[121], two[4];
  for (int w = 0; mst_space_width_at(w) != NULL; w++) {
    const mst_space_width *width = mst_space_width_at(w);
    width->distances_f32(r.n, r.m, r.floats_row, all);
    for (int64_t i = 0; i < r.n; i++)
      for (int64_t j = 0; j < r.n; j++) {
        const float *pair[2] = {r.floats_row[i], r.floats_row[j]};
        width->distances_f32(2, r.m, pair, two);
        ck_assert(all[i * r.n + j] == two[1]);
      }
  }
  rows_free(&r);
}
END_TEST

START_TEST(distances_to_one_row_have_the_bits_of_those_of_all) {
  for (int64_t m = 0; m <= 90; m += m < 20 ? 1 : 7) {
    const int64_t n = 1 + m % 9;
    rows r = rows_make(n, m, 3);
    double all[81], away[9];
    for (int w = 0; mst_space_width_at(w) != NULL; w++)
      for (int64_t to = 0; to < n; to++) {
        const mst_space_width *width = mst_space_width_at(w);
        width->distances_f32(n, m, r.floats_row, all);
        width->away_f32(n, m, r.floats_row, r.floats_row[to], away);
        ck_assert_mem_eq(away, all + to * n, (size_t)n * sizeof *away);
        width->distances_f64(n, m, r.row, all);
        width->away_f64(n, m, r.row, r.row[to], away);
        ck_assert_mem_eq(away, all + to * n, (size_t)n * sizeof *away);
      }
    rows_free(&r);
  }
}
END_TEST

START_TEST(sums_take_the_rows_in_their_order) {
  for (int64_t m = 0; m <= 300; m += m < 70 ? 1 : 57) {
    rows r = rows_make(7, m, 0);
    const double weight[7] = {0.3, 0, -1.7, 0.1, 0, 2, 1e-3};
    float want[300], got[300];
    double wide[300], narrow[300];
    for (int64_t c = 0; c < m; c++) {
      double sum = 0, of_floats = 0;
      for (int64_t i = 0; i < 7; i++) {
        if (weight[i] != 0) sum += weight[i] * r.row[i][c];
        if (weight[i] != 0) of_floats += weight[i] * (double)r.floats_row[i][c];
      }
      wide[c] = sum;
      want[c] = (float)of_floats;
    }
    r.row[1] = r.row[4] = NULL; /* not read */
    r.floats_row[1] = r.floats_row[4] = NULL;
    for (int w = 0; mst_space_width_at(w) != NULL; w++) {
      mst_space_width_at(w)->combine_f32(7, m, r.floats_row, weight, got);
      mst_space_width_at(w)->combine_f64(7, m, r.row, weight, narrow);
      ck_assert(memcmp(got, want, (size_t)m * sizeof *got) == 0);
      ck_assert(memcmp(narrow, wide, (size_t)m * sizeof *wide) == 0);
      const float *const last = r.floats_row[5]; /* out may be a row */
      memcpy(got, last, (size_t)m * sizeof *got);
      r.floats_row[5] = got;
      mst_space_width_at(w)->combine_f32(7, m, r.floats_row, weight, got);
      ck_assert(memcmp(got, want, (size_t)m * sizeof *got) == 0);
      r.floats_row[5] = last;
    }
    rows_free(&r);
  }
}
END_TEST

START_TEST(a_single_row_is_copied) {
  const float x[3] = {-0.0f, 0x1p-149f, 1.5f};
  const double y[3] = {-0.0, 0x1p-1074, 1.5};
  const float *row[3] = {NULL, x, NULL};
  const double *rows_of_doubles[3] = {NULL, y, NULL};
  const double weight[3] = {0, 1, 0};
  float out[3];
  double wide[3];
  mst_space_combine_f32(3, 3, row, weight, out);
  mst_space_combine_f64(3, 3, rows_of_doubles, weight, wide);
  ck_assert_mem_eq(out, x, sizeof x);
  ck_assert_mem_eq(wide, y, sizeof y);
}
END_TEST

START_TEST(what_is_not_finite_is_found_at_every_place) {
  const double bad[4] = {NAN, -NAN, INFINITY, -INFINITY};
  float x[70] = {0};
  ck_assert(mst_space_finite_f32(0, x));
  for (int n = 1; n <= 70; n++)
    for (int at = 0; at < n; at++) {
      for (int i = 0; i < n; i++) x[i] = i % 2 != 0 ? 3.4028234e38f : -1;
      ck_assert(mst_space_finite_f32(n, x));
      x[at] = (float)bad[(n + at) % 4];
      ck_assert(!mst_space_finite_f32(n, x));
    }
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("robust_space");
  TCase *c = tcase_create("space");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, distances_agree_with_twice_the_digits);
  tcase_add_test(c, a_common_shift_costs_no_digit);
  tcase_add_test(c, a_distance_does_not_depend_on_the_other_rows);
  tcase_add_test(c, distances_to_one_row_have_the_bits_of_those_of_all);
  tcase_add_test(c, sums_take_the_rows_in_their_order);
  tcase_add_test(c, a_single_row_is_copied);
  tcase_add_test(c, what_is_not_finite_is_found_at_every_place);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
