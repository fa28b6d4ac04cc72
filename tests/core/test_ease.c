/* EASE's parts: the weights of a known inverse, what is held out, rankings and their grades. */
#include "tests/harness.h"

#include <math.h>
#include <string.h>

#include "core/ease/ease.h"

START_TEST(weights_are_the_inverse_over_its_diagonal) {
  double b[9] = {2, -1, 0.5, -1, 4, 1, 0.5, 1, 8};
  const double want[9] = {0, 0.25, -0.0625, 0.5, 0, -0.125, -0.25, -0.25, 0};
  mst_ease_weights(3, b);
  for (int i = 0; i < 9; i++) ck_assert_double_eq(b[i], want[i]);
}
END_TEST

static int held_of(uint64_t seed, int64_t user, double share, int64_t n, bool *held) {
  int64_t scratch[50];
  int count = 0;
  mst_ease_hold_out(seed, user, share, n, scratch, held);
  for (int64_t i = 0; i < n; i++) count += held[i];
  return count;
}

START_TEST(a_share_of_each_users_items_is_held_out_never_all) {
  bool held[50], again[50], other[50];
  ck_assert_int_eq(held_of(1, 7, 0.2, 50, held), 10);
  ck_assert_int_eq(held_of(1, 7, 0.2, 50, again), 10);
  ck_assert_mem_eq(held, again, sizeof held);
  ck_assert_int_eq(held_of(1, 8, 0.2, 50, other), 10);
  ck_assert_mem_ne(held, other, sizeof held);
  ck_assert_int_eq(held_of(1, 7, 0.2, 3, held), 1);
  ck_assert_int_eq(held_of(1, 7, 0.99, 2, held), 1);
  ck_assert_int_eq(held_of(1, 7, 0.5, 1, held), 0);
  ck_assert_int_eq(held_of(1, 7, 0.5, 0, held), 0);
  ck_assert_int_eq(held_of(1, 7, 0, 50, held), 0);
}
END_TEST

START_TEST(a_ranking_has_the_largest_scores_in_order) {
  const double score[] = {1, 5, 3, 5, -2, 4};
  const bool known[] = {false, false, false, false, false, true};
  const int64_t want[] = {1, 3, 2, 0, 4};
  int64_t top[6];
  ck_assert_int_eq(mst_ease_top(6, score, known, 6, top), 5);
  ck_assert_mem_eq(top, want, sizeof want);
  ck_assert_int_eq(mst_ease_top(6, score, known, 2, top), 2);
  ck_assert_mem_eq(top, want, 2 * sizeof *want);
}
END_TEST

/* Hits at ranks 0 and 25 of 3 items that are held out. */
START_TEST(grades_follow_their_formulas) {
  int64_t top[MST_EASE_TOP];
  bool held[200] = {false};
  double recall, gain;
  for (int i = 0; i < MST_EASE_TOP; i++) top[i] = i;
  held[0] = held[25] = held[150] = true;
  mst_ease_grade(MST_EASE_TOP, top, held, 3, &recall, &gain);
  ck_assert_double_eq(recall, 1.0 / 3);
  ck_assert_double_eq_tol(gain, (1 + 1 / log2(27)) / (1 + 1 / log2(3) + 0.5), 1e-15);
  memset(held, 1, sizeof held);
  mst_ease_grade(MST_EASE_TOP, top, held, 200, &recall, &gain);
  ck_assert_double_eq(recall, 1);
  ck_assert_double_eq(gain, 1);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("EASE");
  TCase *c = tcase_create("ease");
  tcase_add_test(c, weights_are_the_inverse_over_its_diagonal);
  tcase_add_test(c, a_share_of_each_users_items_is_held_out_never_all);
  tcase_add_test(c, a_ranking_has_the_largest_scores_in_order);
  tcase_add_test(c, grades_follow_their_formulas);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
