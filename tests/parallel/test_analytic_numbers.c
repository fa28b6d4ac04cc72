/* The numbers of the analytic job: what is singular and what only looks so, advice that is enough,
 * and digits that large offsets and units do not cost. */
#define MST_TEST_MPI
#include "tests/harness.h"

#include "tests/parallel/analytic_toy.h"

static double pooled[D * C + C];

START_TEST(the_fast_sums_and_solver_agree_to_rounding) {
  toy t = toy_make(N, D, C);
  toy_run r;
  usual_start(&r, &t, 50);
  ck_ok(toy_train(&r, &t));
  double loss = r.model.train_loss;
  mst_analytic_model_free(&r.model);
  r.options.fast = true;
  ck_ok(toy_train(&r, &t));
  toy_reference(&t, 0.5, pooled, pooled + D * C);
  ck_assert_double_lt(relative_difference(r.model.weights, pooled, D * C), 1e-10);
  ck_assert_double_lt(fabs(r.model.train_loss - loss), 1e-9 * loss);
  toy_end(&r);
  toy_free(&t);
}
END_TEST

START_TEST(singular_statistics_at_ridge_zero_suggest_a_ridge) {
  toy t = toy_make(200, 20, C);
  for (int64_t i = 0; i < t.n; i++) t.x[i * 20 + 7] = t.x[i * 20 + 3]; /* a repeated feature */
  toy_run r;
  usual_start(&r, &t, 10);
  r.options.ridge = 0;
  ck_refused(toy_train(&r, &t), MST_ERR_SINGULAR, "analytic.ridge");
  r.options.ridge = 1e-3;
  ck_ok(toy_train(&r, &t));
  toy_end(&r);
  toy_free(&t);
}
END_TEST

START_TEST(fewer_rows_than_features_are_singular_at_ridge_zero) {
  toy t = toy_make(60, D, C);
  toy_run r;
  usual_start(&r, &t, 10);
  r.options.ridge = 0;
  ck_refused(toy_train(&r, &t), MST_ERR_SINGULAR, "analytic.ridge");
  toy_end(&r);
  toy_free(&t);
}
END_TEST

START_TEST(badly_scaled_features_are_not_singular) {
  toy t = toy_make(500, 40, C);
  for (int64_t i = 0; i < t.n; i++) {
    t.x[i * 40 + 3] *= 1e-12f;
    t.x[i * 40 + 8] *= 1e12f;
  }
  toy_run r;
  usual_start(&r, &t, 10);
  r.options.ridge = 0;
  r.options.standardize = false;
  ck_ok(toy_train(&r, &t));
  ck_assert_double_lt(r.model.condition, 1e6);
  toy_end(&r);
  toy_free(&t);
}
END_TEST

START_TEST(offsets_cost_no_digits) {
  toy t = toy_make(N, 40, C);
  toy_run r;
  for (int64_t i = 0; i < t.n * t.d; i++) t.x[i] = roundf(4 * t.x[i]) + 1e6f; /* exact in float32 */
  toy_reference(&t, 0.5, pooled, pooled + 40 * C);
  usual_start(&r, &t, 30);
  ck_ok(toy_train(&r, &t));
  ck_assert_double_lt(relative_difference(r.model.weights, pooled, 40 * C), 1e-11);
  toy_end(&r);
  toy_free(&t);
}
END_TEST

START_TEST(near_duplicates_show_in_the_condition_estimate) {
  toy t = toy_make(500, 40, C);
  for (int pair = 1; pair < 4; pair++) {
    toy_run r;
    for (int64_t i = 0; i < t.n; i++)
      t.x[i * 40 + pair] = t.x[i * 40] + 1e-4f * (float)((i * 7919) % 13 - 6);
    usual_start(&r, &t, 10);
    r.options.ridge = 0;
    ck_ok(toy_train(&r, &t));
    ck_assert_double_gt(r.model.condition, 3e5); /* true: about 4e7; a blind probe: some 100 */
    ck_assert_double_lt(r.model.condition, 1e12);
    toy_end(&r);
    for (int64_t i = 0; i < t.n; i++) t.x[i * 40 + pair] = (float)((i * 104729) % (101 + 6 * pair));
  }
  toy_free(&t);
}
END_TEST

START_TEST(the_advised_ridge_is_enough) {
  toy t = toy_make(300, 20, C);
  const float unit[] = {1e6f, 1.0f, 1e-6f};
  for (int k = 0; k < 3; k++) {
    for (int64_t i = 0; i < t.n; i++)
      for (int64_t j = 0; j < 20; j++)
        t.x[i * 20 + j] = unit[k] * (float)(j == 7   ? (i * 31 + 3) % 11 + (i * 17) % 5
                                            : j == 3 ? (i * 31 + 3) % 11
                                            : j == 5 ? (i * 17) % 5
                                                     : (i * (j + 2) * 7 + j) % 13);
    toy_run r;
    double advice = 0;
    usual_start(&r, &t, 10);
    r.options.ridge = 0;
    r.options.standardize = false;
    ck_refused(toy_train(&r, &t), MST_ERR_SINGULAR, "for example ");
    sscanf(strstr(mst_status_detail(), "for example ") + 12, "%lf", &advice);
    r.options.ridge = advice;
    ck_ok(toy_train(&r, &t));
    toy_end(&r);
  }
  toy_free(&t);
}
END_TEST

START_TEST(a_constant_feature_gets_no_weight) {
  toy t = toy_make(200, 20, C);
  for (int64_t i = 0; i < t.n; i++) t.x[i * 20 + 7] = 0.3f;
  toy_run r;
  usual_start(&r, &t, 10);
  ck_ok(toy_train(&r, &t));
  for (int64_t k = 0; k < C; k++) ck_assert(r.model.weights[7 * C + k] == 0);
  toy_end(&r);
  toy_free(&t);
}
END_TEST

START_TEST(train_loss_from_the_statistics_is_the_residual_on_the_rows) {
  toy t = toy_make(500, 40, C);
  toy_run r;
  mst_analytic_score score;
  usual_start(&r, &t, 10);
  ck_ok(toy_train(&r, &t));
  mst_analytic_data data = {.rows = r.rows, .roster = r.roster, .label = r.label, .outputs = C};
  ck_ok(mst_analytic_evaluate(world, &data, r.features, &r.model, NULL, &score, NULL));
  ck_assert_double_lt(fabs(score.loss / r.model.train_loss - 1), 1e-9);
  ck_assert_int_eq(score.rows, 500);
  ck_assert_double_gt(score.accuracy, 0.4); /* four classes: chance is 0.25 */
  toy_end(&r);
  toy_free(&t);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("analytic_numbers");
  TCase *c = tcase_create("analytic_numbers");
  tcase_add_unchecked_fixture(c, start_team, end_team);
  tcase_add_test(c, the_fast_sums_and_solver_agree_to_rounding);
  tcase_add_test(c, singular_statistics_at_ridge_zero_suggest_a_ridge);
  tcase_add_test(c, fewer_rows_than_features_are_singular_at_ridge_zero);
  tcase_add_test(c, badly_scaled_features_are_not_singular);
  tcase_add_test(c, offsets_cost_no_digits);
  tcase_add_test(c, near_duplicates_show_in_the_condition_estimate);
  tcase_add_test(c, the_advised_ridge_is_enough);
  tcase_add_test(c, a_constant_feature_gets_no_weight);
  tcase_add_test(c, train_loss_from_the_statistics_is_the_residual_on_the_rows);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
