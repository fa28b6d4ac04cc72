/* Summaries against figures worked out by hand. */
#include "core/base/summary.h"

#include <math.h>

#include "tests/harness.h"

START_TEST(numbers_are_sorted_with_equal_ones_and_infinities) {
  double x[] = {3, -1, INFINITY, 0.5, -1, 2, -INFINITY};
  const double want[] = {-INFINITY, -1, -1, 0.5, 2, 3, INFINITY};
  mst_summary_sort(x, 7);
  for (int i = 0; i < 7; i++) ck_assert_double_eq(x[i], want[i]);
  double one[] = {4};
  mst_summary_sort(one, 1);
  ck_assert_double_eq(one[0], 4);
  mst_summary_sort(NULL, 0);
}
END_TEST

START_TEST(mean_and_most_take_numbers_in_any_order) {
  const double x[] = {3, -1, 7, -5};
  ck_assert_double_eq(mst_summary_mean(x, 4), 1);
  ck_assert_double_eq(mst_summary_most(x, 4), 7);
  ck_assert_double_eq(mst_summary_most(x + 3, 1), -5);
  ck_assert_double_eq_tol(mst_summary_deviation((const double[]){1, 2, 3, 4, 10}, 5), sqrt(12.5),
                          1e-15);
  ck_assert_double_eq(mst_summary_deviation(x, 1), 0);
  ck_assert_double_eq(mst_summary_deviation(x, 0), 0);
  ck_assert_double_nan(mst_summary_mean(x, 0));
  ck_assert_double_nan(mst_summary_most(x, 0));
}
END_TEST

/* Class 0: 8 of its 10 rows are found, and 2 of class 1 are taken for it; class 2 has no rows,
 * but one is taken for it. */
START_TEST(recall_and_precision_are_shares_of_rows_and_of_choices) {
  const double counts[] = {8, 1, 1, 2, 3, 0, 0, 0, 0};
  ck_assert_double_eq(mst_confusion_rows(counts, 3, 0), 10);
  ck_assert_double_eq(mst_confusion_recall(counts, 3, 0), 0.8);
  ck_assert_double_eq(mst_confusion_precision(counts, 3, 0), 0.8);
  ck_assert_double_eq(mst_confusion_recall(counts, 3, 1), 0.6);
  ck_assert_double_eq(mst_confusion_precision(counts, 3, 1), 0.75);
  ck_assert_double_nan(mst_confusion_recall(counts, 3, 2));
  ck_assert_double_eq(mst_confusion_precision(counts, 3, 2), 0);
  ck_assert_double_nan(mst_confusion_precision((const double[]){1, 0, 1, 0}, 2, 1));
}
END_TEST

/* 2 4 4 4 5 5 7 9: the sum is 40, the distances from 5 are 3 1 1 1 0 0 2 4, their squares add
 * to 32. */
START_TEST(the_figures_are_those_of_the_definition) {
  const double x[] = {2, 4, 4, 4, 5, 5, 7, 9};
  mst_summary s = mst_summary_make(x, 8);
  ck_assert_double_eq(s.mean, 5);
  ck_assert_double_eq(s.spread, 2);
  ck_assert_double_eq(s.worst, 2);
}
END_TEST

/* 0, 1, ..., n - 1: the worst tenth of 19 is one number, of 20 are two, of 39 are three. */
START_TEST(the_worst_tenth_is_rounded_down_but_holds_one_number) {
  double x[39];
  for (int i = 0; i < 39; i++) x[i] = i;
  ck_assert_double_eq(mst_summary_make(x, 1).worst, 0);
  ck_assert_double_eq(mst_summary_make(x + 1, 9).worst, 1);
  ck_assert_double_eq(mst_summary_make(x, 19).worst, 0);
  ck_assert_double_eq(mst_summary_make(x, 20).worst, 0.5);
  ck_assert_double_eq(mst_summary_make(x, 39).worst, 1);
  ck_assert_double_eq(mst_summary_make(x, 39).mean, 19);
}
END_TEST

START_TEST(one_number_has_no_spread_and_none_has_no_figures) {
  const double x[] = {0.25};
  mst_summary s = mst_summary_make(x, 1);
  ck_assert_double_eq(s.mean, 0.25);
  ck_assert_double_eq(s.worst, 0.25);
  ck_assert_double_eq(s.spread, 0);
  s = mst_summary_make(NULL, 0);
  ck_assert_double_nan(s.mean);
  ck_assert_double_nan(s.worst);
  ck_assert_double_nan(s.spread);
}
END_TEST

/* Of 1 2 3 4: up to a quarter the smallest, half of them do not exceed 2, more than half needs 3.
 */
START_TEST(a_quantile_is_the_smallest_number_that_so_many_do_not_exceed) {
  const double x[] = {1, 2, 3, 4};
  static const double q[] = {0, 0.1, 0.25, 0.26, 0.5, 0.51, 0.75, 0.76, 1};
  static const double want[] = {1, 1, 1, 2, 2, 3, 3, 4, 4};
  for (int i = 0; i < 9; i++) ck_assert_double_eq(mst_summary_quantile(x, 4, q[i]), want[i]);
  ck_assert_double_eq(mst_summary_quantile(x, 3, 0.5), 2);
  double many[1000]; /* k / n is the k-th number, however q n rounds */
  for (int n = 1; n <= 1000; n++) {
    many[n - 1] = n;
    for (int k = 1; k <= n; k++)
      ck_assert_double_eq(mst_summary_quantile(many, n, (double)k / n), k);
  }
  ck_assert_double_eq(mst_summary_quantile(many, 100, 0.07), 7);
  ck_assert_double_eq(mst_summary_quantile(many, 100, 0.0700001), 8);
  ck_assert_double_eq(mst_summary_quantile(x + 2, 1, 0.9), 3);
  ck_assert_double_nan(mst_summary_quantile(NULL, 0, 0.5));
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("summary");
  TCase *c = tcase_create("summary");
  tcase_add_test(c, numbers_are_sorted_with_equal_ones_and_infinities);
  tcase_add_test(c, the_figures_are_those_of_the_definition);
  tcase_add_test(c, mean_and_most_take_numbers_in_any_order);
  tcase_add_test(c, recall_and_precision_are_shares_of_rows_and_of_choices);
  tcase_add_test(c, the_worst_tenth_is_rounded_down_but_holds_one_number);
  tcase_add_test(c, one_number_has_no_spread_and_none_has_no_figures);
  tcase_add_test(c, a_quantile_is_the_smallest_number_that_so_many_do_not_exceed);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
