/* Rules over columns: against sorting by the C library, published outputs and numpy's bits; and the
 * same bits in any order of the rows, at every width of vectors, however the columns are cut. */
#include <float.h>

#include "core/robust/columns.h"
#include "tests/core/robust_numpy.h"
#include "tests/core/robust_vectors.h"

#define COLUMNS 53 /* no multiple of a vector */

static int64_t trim_of(int64_t n, int which) {
  return which == 0 ? 0 : which == 1 ? n / 5 : (n - 1) / 2;
}

/* Values of one size, of sizes far apart, or many equal ones with zeros of both signs. */
static double draw(mst_stream *s, int kind) {
  const double x = mst_stream_normal(s);
  if (kind == 0) return x;
  if (kind == 1) return ldexp(x, (int)mst_stream_below(s, 90) - 45);
  return copysign((double)mst_stream_below(s, 4), x);
}

/* The kernels of one type, on rows x(n, m). */
enum {
  KERNELS = 9
};
#define OF_TYPE(REAL, suffix)                                                                      \
  static int compare_##suffix(const void *a, const void *b) {                                      \
    const REAL x = *(const REAL *)a, y = *(const REAL *)b;                                         \
    return (x > y) - (x < y);                                                                      \
  }                                                                                                \
  static void fill_##suffix(REAL *x, int64_t count, mst_stream *s, int kind) {                     \
    for (int64_t i = 0; i < count; i++) x[i] = (REAL)draw(s, kind);                                \
  }                                                                                                \
  static void run_##suffix(const mst_columns_width *w, int kernel, int64_t n, int64_t m,           \
                           const REAL *const *row, const double *weight, REAL *out) {              \
    const int which = kernel % 3;                                                                  \
    if (kernel == 0) w->mean_##suffix(n, m, row, NULL, out);                                       \
    if (kernel == 1) w->mean_##suffix(n, m, row, weight, out);                                     \
    if (kernel == 2) w->median_##suffix(n, m, row, out);                                           \
    if (kernel / 3 == 1) w->trimmed_##suffix(n, m, row, trim_of(n, which), out);                   \
    if (kernel / 3 == 2)                                                                           \
      w->nearest_##suffix(n, m, row, which == 2 ? 1 + n / 4 : n - trim_of(n, 2 * which), out);     \
  }                                                                                                \
  /* The same bits from rows in another order, from another width, and from columns in pieces. */  \
  static void expect_same_bits_##suffix(int64_t n, int64_t m, int kind) {                          \
    mst_stream s = draws(n, 10 + kind);                                                            \
    REAL *x = take_memory(n * m), *want = take_memory(m), *got = take_memory(m);                   \
    const REAL **row = take_memory(n), **mixed = take_memory(n);                                   \
    double *weight = take_memory(n), *weights = take_memory(n);                                    \
    int64_t *order = take_memory(n);                                                               \
    fill_##suffix(x, n *m, &s, kind);                                                              \
    mst_stream_permutation(&s, n, order);                                                          \
    for (int64_t i = 0; i < n; i++) {                                                              \
      row[i] = x + i * m;                                                                          \
      weight[i] =                                                                                  \
          ldexp(1 + mst_stream_uniform(&s), kind == 1 ? -(int)mst_stream_below(&s, 90) : 3);       \
    }                                                                                              \
    for (int64_t i = 0; i < n; i++) {                                                              \
      mixed[i] = row[order[i]];                                                                    \
      weights[i] = weight[order[i]];                                                               \
    }                                                                                              \
    for (int kernel = 0; kernel < KERNELS; kernel++) {                                             \
      run_##suffix(mst_columns_width_at(0), kernel, n, m, row, weight, want);                      \
      for (int w = 0; mst_columns_width_at(w) != NULL; w++) {                                      \
        const mst_columns_width *width = mst_columns_width_at(w);                                  \
        run_##suffix(width, kernel, n, m, mixed, weights, got);                                    \
        ck_assert_msg(memcmp(want, got, (size_t)m * sizeof *got) == 0,                             \
                      #suffix " kernel %d of %lld rows, %s", kernel, (long long)n, width->name);   \
        memset(got, 0xff, (size_t)m * sizeof *got);                                                \
        for (int64_t c = 0, piece = 1; c < m; c += piece++) {                                      \
          const int64_t count = piece < m - c ? piece : m - c;                                     \
          for (int64_t i = 0; i < n; i++) mixed[i] += c;                                           \
          run_##suffix(width, kernel, n, count, mixed, weights, got + c);                          \
          for (int64_t i = 0; i < n; i++) mixed[i] -= c;                                           \
        }                                                                                          \
        ck_assert_msg(memcmp(want, got, (size_t)m * sizeof *got) == 0,                             \
                      #suffix " kernel %d of %lld rows in pieces, %s", kernel, (long long)n,       \
                      width->name);                                                                \
      }                                                                                            \
    }                                                                                              \
    mst_free(order), mst_free(weights), mst_free(weight), mst_free(mixed), mst_free(row);          \
    mst_free(got), mst_free(want), mst_free(x);                                                    \
  }                                                                                                \
  /* Mean of the `keep` values nearest to the median: the farther end is left out, of two that are \
   * equally far the larger. */                                                                    \
  static double nearest_of_##suffix(int64_t n, const REAL *sorted, int64_t keep) {                 \
    const double twice = (double)sorted[(n - 1) / 2] + sorted[n / 2];                              \
    int64_t begin = 0, end = n;                                                                    \
    while (end - begin > keep)                                                                     \
      if ((double)sorted[begin] + sorted[end - 1] < twice)                                         \
        begin++;                                                                                   \
      else                                                                                         \
        end--;                                                                                     \
    long double sum = 0;                                                                           \
    for (int64_t i = begin; i < end; i++) sum += sorted[i];                                        \
    return (double)(sum / (long double)keep);                                                      \
  }                                                                                                \
  static void expect_near_##suffix(const char *what, int64_t n, double want, REAL got,             \
                                   double size) {                                                  \
    const double tolerance = (sizeof(REAL) == 4 ? 0x1p-24 * fabs(want) : 0) + 1e-15 * size;        \
    ck_assert_msg(fabs(want - (double)got) <= tolerance,                                           \
                  #suffix " %s of %lld rows: %.17g, not %.17g", what, (long long)n, (double)got,   \
                  want);                                                                           \
  }                                                                                                \
  static void expect_sorted_##suffix(int64_t n, int64_t m, int kind) {                             \
    mst_stream s = draws(n, 20 + kind);                                                            \
    REAL *x = take_memory(n * m), *column = take_memory(n), *out = take_memory(m * KERNELS);       \
    const REAL **row = take_memory(n);                                                             \
    double *weight = take_memory(n);                                                               \
    fill_##suffix(x, n *m, &s, kind);                                                              \
    for (int64_t i = 0; i < n; i++) {                                                              \
      row[i] = x + i * m;                                                                          \
      weight[i] = 0.01 + mst_stream_uniform(&s);                                                   \
    }                                                                                              \
    for (int k = 0; k < KERNELS; k++)                                                              \
      run_##suffix(mst_columns_width_at(0), k, n, m, row, weight, out + k * m);                    \
    for (int64_t c = 0; c < m; c++) {                                                              \
      long double sum = 0, weighted = 0, total = 0;                                                \
      double size = 0;                                                                             \
      for (int64_t i = 0; i < n; i++) {                                                            \
        column[i] = row[i][c];                                                                     \
        sum += column[i];                                                                          \
        weighted += (long double)weight[i] * column[i];                                            \
        total += weight[i];                                                                        \
        size = fmax(size, fabs((double)column[i]));                                                \
      }                                                                                            \
      qsort(column, (size_t)n, sizeof *column, compare_##suffix);                                  \
      expect_near_##suffix("mean", n, (double)(sum / (long double)n), out[c], size);               \
      expect_near_##suffix("weighted mean", n, (double)(weighted / total), out[m + c], size);      \
      const REAL low = column[(n - 1) / 2], high = column[n / 2];                                  \
      const REAL middle = n % 2 != 0 ? low : (low + high) / 2;                                     \
      ck_assert_msg(middle == out[2 * m + c], #suffix " median of %lld rows", (long long)n);       \
      for (int which = 0; which < 3; which++) {                                                    \
        const int64_t f = trim_of(n, which),                                                       \
                      keep = which == 2 ? 1 + n / 4 : n - trim_of(n, 2 * which);                   \
        double kept = 0;                                                                           \
        for (int64_t i = f; i < n - f; i++) kept += (double)column[i];                             \
        ck_assert_msg((REAL)(kept / (double)(n - 2 * f)) == out[(3 + which) * m + c],              \
                      #suffix " trimmed mean of %lld rows, f = %lld", (long long)n, (long long)f); \
        expect_near_##suffix("meamed", n, nearest_of_##suffix(n, column, keep),                    \
                             out[(6 + which) * m + c], (double)n *size);                           \
      }                                                                                            \
    }                                                                                              \
    mst_free(weight), mst_free(row), mst_free(out), mst_free(column), mst_free(x);                 \
  }
OF_TYPE(float, f32)
OF_TYPE(double, f64)

START_TEST(every_number_of_rows_agrees_with_sorting) {
  for (int64_t n = 1; n <= 70; n++)
    for (int kind = 0; kind < 3; kind++) {
      expect_sorted_f32(n, COLUMNS, kind);
      expect_sorted_f64(n, COLUMNS, kind);
    }
}
END_TEST

START_TEST(many_rows_agree_with_sorting) {
  const int64_t many[] = {127, 128, 129, 500, 1025, MST_RULE_ROWS - 1, MST_RULE_ROWS};
  for (size_t i = 0; i < sizeof many / sizeof *many; i++) {
    expect_sorted_f32(many[i], 17, 2);
    expect_sorted_f64(many[i], 9, 0);
  }
}
END_TEST

START_TEST(few_columns_agree_with_sorting) {
  for (int64_t m = 1; m <= 33; m++) {
    expect_sorted_f32(20, m, 0);
    expect_sorted_f64(41, m, 0);
  }
}
END_TEST

START_TEST(order_width_and_cuts_leave_the_bits) {
  const int64_t some[] = {1, 2, 3, 4, 7, 8, 20, 31, 32, 33, 50, 64, 65, 100, 200};
  for (size_t i = 0; i < sizeof some / sizeof *some; i++)
    for (int kind = 0; kind < 3; kind++) {
      expect_same_bits_f32(some[i], 2 * COLUMNS, kind);
      expect_same_bits_f64(some[i], 2 * COLUMNS, kind);
    }
}
END_TEST

/* Runs rule `name` over the rows of the golden inputs, as doubles. */
static void run_golden(const char *name, const vectors *v, double *out) {
  const mst_rule_ops *ops = mst_rule_find(name);
  const mst_rule_spec s = rule_spec(name, GOLDEN_F);
  const double *row[GOLDEN_N];
  for (int64_t i = 0; i < GOLDEN_N; i++) row[i] = row_of(v, i);
  ck_ok(mst_rule_check(&s, v->n));
  ops->columns_f64(&s, v->n, v->d, row, NULL, out);
}

START_TEST(outputs_agree_with_published_ones) {
  const char *const rules[][2] = {
      {"mean", "Average"}, {"median", "Median"}, {"trimmed_mean", "TrMean"}, {"meamed", "Meamed"}};
  vectors v = vectors_golden();
  for (int i = 0; i < 4; i++) {
    run_golden(rules[i][0], &v, v.result);
    expect_golden(rules[i][1], v.d, v.result);
  }
  vectors_free(&v);
}
END_TEST

START_TEST(medians_of_floats_have_the_bits_of_numpy) {
  float *x = take_memory(GOLDEN_N * GOLDEN_D), out[GOLDEN_D];
  const float *row[GOLDEN_N];
  const mst_rule_spec s = rule_spec("median", 0);
  read_golden("inputs.f32", sizeof *x, GOLDEN_N * GOLDEN_D, x);
  for (int64_t i = 0; i < GOLDEN_N; i++) row[i] = x + i * GOLDEN_D;
  for (int64_t n = 1; n <= GOLDEN_N; n++) {
    mst_rule_find("median")->columns_f32(&s, n, GOLDEN_D, row, NULL, out);
    ck_assert_mem_eq(out, NUMPY_MEDIANS[n - 1], sizeof NUMPY_MEDIANS[0]);
  }
  mst_free(x);
}
END_TEST

START_TEST(the_mean_loses_nothing_when_large_terms_cancel) {
  const double large = 0x1p66, values[5] = {large, 1, -large, 0x1p-20, -0.25};
  const float floats[5] = {0x1p66f, 1, -0x1p66f, 0x1p-20f, -0.25f};
  for (int w = 0; mst_columns_width_at(w) != NULL; w++)
    for (int turn = 0; turn < 5; turn++) {
      const double *row[5];
      const float *floats_row[5];
      for (int i = 0; i < 5; i++) {
        row[i] = &values[(i + turn) % 5];
        floats_row[i] = &floats[(i + turn) % 5];
      }
      double mean;
      float rounded;
      mst_columns_width_at(w)->mean_f64(5, 1, row, NULL, &mean);
      ck_assert_double_eq(mean, (0.75 + 0x1p-20) / 5);
      mst_columns_width_at(w)->mean_f32(5, 1, floats_row, NULL, &rounded);
      ck_assert(rounded == (float)((0.75 + 0x1p-20) / 5));
    }
}
END_TEST

START_TEST(the_mean_of_floats_keeps_bits_that_a_double_has_no_room_for) {
  const float values[3] = {0x1p38f, 1 + 0x1p-23f, -0x1p38f};
  for (int w = 0; mst_columns_width_at(w) != NULL; w++)
    for (int turn = 0; turn < 3; turn++) {
      const float *row[3] = {&values[turn], &values[(turn + 1) % 3], &values[(turn + 2) % 3]};
      float mean;
      mst_columns_width_at(w)->mean_f32(3, 1, row, NULL, &mean);
      ck_assert(mean == (float)((1 + 0x1p-23) / 3));
    }
}
END_TEST

START_TEST(equal_weights_are_no_weights) {
  enum {
    N = 13,
    M = 40
  };
  double x[N][M], weight[N], want[M], got[M];
  const double *row[N];
  mst_stream s = draws(1, 2);
  for (int i = 0; i < N; i++) {
    for (int c = 0; c < M; c++) x[i][c] = mst_stream_normal(&s);
    row[i] = x[i];
  }
  mst_columns()->mean_f64(N, M, row, NULL, want);
  for (int power = -1000; power <= 1000; power += 40) {
    for (int i = 0; i < N; i++) weight[i] = ldexp(1, power);
    mst_columns()->mean_f64(N, M, row, weight, got);
    ck_assert_mem_eq(want, got, sizeof want);
  }
}
END_TEST

START_TEST(the_largest_and_the_smallest_numbers_are_no_exception) {
  const double large[4] = {DBL_MAX, DBL_MAX, DBL_MAX / 2, DBL_MAX / 2};
  const double small[4] = {0x1p-1074, 0x1p-1073, 0, 0x1p-1074};
  const float floats[2] = {FLT_MAX, FLT_MAX};
  const double *row[4], *low[4];
  const float *pair[2] = {&floats[0], &floats[1]};
  for (int i = 0; i < 4; i++) {
    row[i] = &large[i];
    low[i] = &small[i];
  }
  for (int w = 0; mst_columns_width_at(w) != NULL; w++) {
    const mst_columns_width *width = mst_columns_width_at(w);
    double out;
    float rounded;
    width->mean_f64(4, 1, row, NULL, &out);
    ck_assert_double_eq(out, DBL_MAX / 4 * 3);
    for (int e = 940; e < 1024; e++) {
      const double power = ldexp(1, e), *powers[4] = {&power, &power, &power, &power};
      width->mean_f64(4, 1, powers, NULL, &out);
      ck_assert_double_eq(out, power);
    }
    width->mean_f64(4, 1, low, NULL, &out);
    ck_assert_double_eq(out, 0x1p-1074);
    width->median_f64(2, 1, row, &out);
    ck_assert_double_eq(out, DBL_MAX);
    width->median_f32(2, 1, pair, &rounded);
    ck_assert(rounded == FLT_MAX);
  }
}
END_TEST

START_TEST(a_zero_has_no_sign) {
  const float zeros[4] = {-0.0f, 0.0f, -0.0f, -0.0f};
  for (int64_t n = 1; n <= 4; n++)
    for (int kernel = 0; kernel < KERNELS; kernel++) {
      const float *row[4] = {&zeros[0], &zeros[1], &zeros[2], &zeros[3]};
      const double weight[4] = {1, 2, 3, 4};
      float out = NAN;
      run_f32(mst_columns(), kernel, n, 1, row, weight, &out);
      ck_assert(out == 0 && !signbit(out));
    }
}
END_TEST

START_TEST(too_few_vectors_are_refused) {
  const char *const rules[] = {"median", "trimmed_mean", "meamed"};
  for (int i = 0; i < 3; i++) {
    const mst_rule_spec s = rule_spec(rules[i], 4);
    ck_ok(mst_rule_check(&s, 9));
    ck_refused(mst_rule_check(&s, 8), MST_ERR_INPUT, "needs at least 9 vectors, there are 8");
    ck_ok(mst_rule_check(&s, MST_RULE_ROWS));
    ck_refused(mst_rule_check(&s, MST_RULE_ROWS + 1), MST_ERR_INPUT, "at most 4096");
  }
  mst_rule_spec s = rule_spec("median", -1);
  ck_refused(mst_rule_check(&s, 9), MST_ERR_INPUT, "aggregate.byzantine is -1");
  s.byzantine = INT64_MAX;
  ck_refused(mst_rule_check(&s, 9), MST_ERR_INPUT, "needs at least");
  s.name = "medain";
  ck_refused(mst_rule_check(&s, 9), MST_ERR_INPUT, "median");
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("robust_columns");
  TCase *c = tcase_create("columns");
  tcase_set_timeout(c, 120);
  tcase_add_test(c, every_number_of_rows_agrees_with_sorting);
  tcase_add_test(c, many_rows_agree_with_sorting);
  tcase_add_test(c, few_columns_agree_with_sorting);
  tcase_add_test(c, order_width_and_cuts_leave_the_bits);
  tcase_add_test(c, outputs_agree_with_published_ones);
  tcase_add_test(c, medians_of_floats_have_the_bits_of_numpy);
  tcase_add_test(c, the_mean_loses_nothing_when_large_terms_cancel);
  tcase_add_test(c, the_mean_of_floats_keeps_bits_that_a_double_has_no_room_for);
  tcase_add_test(c, equal_weights_are_no_weights);
  tcase_add_test(c, the_largest_and_the_smallest_numbers_are_no_exception);
  tcase_add_test(c, a_zero_has_no_sign);
  tcase_add_test(c, too_few_vectors_are_refused);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
