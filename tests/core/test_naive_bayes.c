/* Naive Bayes on arrays: the model of four rows that are counted by hand, and what is refused. */
#include "tests/harness.h"

#include <math.h>

#include "core/naive_bayes/naive_bayes.h"

enum {
  D = 2,
  C = 2
};

/* Classes 0, 0, 1, 1; z = (x - 1) 2. */
static const double rows[4][D] = {{1, 3}, {3, 5}, {2, 0}, {4, 2}};
static const int32_t labels[4] = {0, 0, 1, 1};
static const double twos[D] = {2, 2}, ones[D] = {1, 1}, none[D] = {0, 0}, counts[C] = {2, 2};

static void sum_up(const double *centre, const double *scale, double *sum, double *square) {
  double x[4 * D];
  for (int i = 0; i < 4 * D; i++) x[i] = rows[i / D][i % D] - centre[i % D];
  mst_naive_bayes_add(4, D, labels, x, scale, sum, square);
}

START_TEST(a_normal_class_has_its_rows_mean_and_variance) {
  const mst_naive_bayes_options o = {.smoothing = 0.5};
  double sum[C * D] = {0}, square[C * D] = {0}, constant[C], score[C];
  const mst_naive_bayes_sums sums = {sum, square, ones, twos, counts};
  mst_naive_bayes m;
  sum_up(ones, twos, sum, square);
  ck_ok(mst_naive_bayes_create(D, C, false, &m));
  ck_ok(mst_naive_bayes_fit(&m, &o, &sums));
  /* over all rows: variances 5/4 and 13/4 */
  const double mean[C * D] = {2, 4, 3, 1};
  for (int e = 0; e < C * D; e++) {
    ck_assert_double_eq(m.mean[e], mean[e]);
    ck_assert_double_eq(m.variance[e], 1 + 0.5 * 13 / 4);
  }
  ck_assert_double_eq(m.prior[0], log(0.5));
  mst_naive_bayes_constants(&m, constant);
  mst_naive_bayes_row_score(&m, constant, rows[0], score);
  const double v = 1 + 0.5 * 13 / 4;
  ck_assert_double_eq_tol(score[0], log(0.5) - log(2 * M_PI * v) - 2 / v / 2, 1e-14);
  ck_assert_double_eq_tol(score[1], log(0.5) - log(2 * M_PI * v) - 8 / v / 2, 1e-14);
  mst_naive_bayes_free(&m);
}
END_TEST

START_TEST(a_class_of_counts_has_its_shares) {
  const mst_naive_bayes_options o = {.multinomial = true, .smoothing = 1};
  double sum[C * D] = {0}, square[C * D] = {0}, constant[C], score[C];
  const mst_naive_bayes_sums sums = {sum, square, none, twos, counts};
  mst_naive_bayes m;
  sum_up(none, twos, sum, square);
  ck_ok(mst_naive_bayes_create(D, C, true, &m));
  ck_ok(mst_naive_bayes_fit(&m, &o, &sums));
  ck_assert_ptr_null(m.variance);
  const double share[C * D] = {5.0 / 14, 9.0 / 14, 7.0 / 10, 3.0 / 10};
  for (int e = 0; e < C * D; e++) ck_assert_double_eq_tol(m.mean[e], log(share[e]), 1e-15);
  mst_naive_bayes_constants(&m, constant);
  mst_naive_bayes_row_score(&m, constant, rows[3], score);
  ck_assert_double_eq_tol(score[1], log(0.5) + 4 * log(0.7) + 2 * log(0.3), 1e-14);
  mst_naive_bayes_free(&m);
}
END_TEST

START_TEST(the_loss_is_that_of_the_likeliest_class_share) {
  const double score[3] = {log(0.2), log(0.3), log(0.3)};
  int64_t best;
  ck_assert_double_eq_tol(mst_naive_bayes_loss(3, score, 0, &best), -log(0.25), 1e-14);
  ck_assert_int_eq(best, 1);
  const double far[2] = {-1e5, 0};
  ck_assert_double_eq(mst_naive_bayes_loss(2, far, 0, &best), 1e5);
}
END_TEST

START_TEST(what_has_no_law_is_refused) {
  const double zero[C * D] = {0}, some[C * D] = {0, 1, 0, 3}, squares[C * D] = {0, 1, 0, 9};
  const mst_naive_bayes_sums alike = {zero, zero, none, ones, counts};
  const mst_naive_bayes_sums constant = {some, squares, none, ones, counts};
  mst_naive_bayes_options o = {.smoothing = 0};
  mst_naive_bayes m;
  ck_ok(mst_naive_bayes_create(D, C, false, &m));
  ck_refused(mst_naive_bayes_fit(&m, &o, &alike), MST_ERR_INPUT, "alike");
  ck_refused(mst_naive_bayes_fit(&m, &o, &constant), MST_ERR_INPUT, "constant in class 0");
  mst_naive_bayes_free(&m);
  o.multinomial = true;
  ck_ok(mst_naive_bayes_create(D, C, true, &m));
  ck_refused(mst_naive_bayes_fit(&m, &o, &constant), MST_ERR_INPUT, "never seen in class 0");
  mst_naive_bayes_free(&m);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("naive_bayes");
  TCase *c = tcase_create("arrays");
  tcase_add_test(c, a_normal_class_has_its_rows_mean_and_variance);
  tcase_add_test(c, a_class_of_counts_has_its_shares);
  tcase_add_test(c, the_loss_is_that_of_the_likeliest_class_share);
  tcase_add_test(c, what_has_no_law_is_refused);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
