/* Rules that look at more than distances between clients' vectors: a trusted vector (fltrust), a
 * trusted loss (zeno), the signs of entries (signguard). */
#include "tests/core/robust_vectors.h"

START_TEST(fltrust_turns_opposite_vectors_off_and_knows_no_scale) {
  mst_stream stream = draws(0, 5);
  vectors v = vectors_normal(9, 40, &stream);
  const double *root = row_of(&v, v.n + 2);
  for (int64_t k = 0; k < v.d; k++) {
    row_of(&v, 0)[k] = -3 * root[k];
    row_of(&v, 1)[k] = k % 2 == 0 ? root[k + 1] : -root[k - 1]; /* a right angle */
    row_of(&v, 2)[k] = 0;
    row_of(&v, 3)[k] = 2 * root[k];
  }
  vectors_measure(&v);
  mst_rule_spec s = rule_spec("fltrust", 3);
  run_rule(&s, &v);
  for (int64_t i = 0; i < 3; i++) ck_assert_double_eq(v.weight[i], 0);
  ck_assert_double_eq(v.weight[v.n + 2], 0);
  double want[40] = {0}, trust = 0;
  for (int64_t i = 0; i < v.n; i++) {
    double own = length_of(v.d, row_of(&v, i)), whole = length_of(v.d, root);
    double cosine = own > 0 ? fmax(0, v.product[i] / (own * whole)) : 0;
    trust += cosine;
    for (int64_t k = 0; k < v.d && cosine > 0; k++)
      want[k] += cosine * whole / own * row_of(&v, i)[k];
  }
  for (int64_t k = 0; k < v.d; k++) ck_assert_double_eq_tol(v.result[k], want[k] / trust, 1e-13);
  double before[40];
  memcpy(before, v.result, sizeof before);
  for (int64_t i = 0; i < v.n; i++)
    for (int64_t k = 0; k < v.d; k++) row_of(&v, i)[k] = ldexp(row_of(&v, i)[k], (int)(7 * i - 30));
  vectors_measure(&v);
  run_rule(&s, &v);
  ck_assert_mem_eq(before, v.result, sizeof before);
  vectors_free(&v);
}
END_TEST

START_TEST(fltrust_without_any_trust_gives_zero) {
  mst_stream stream = draws(1, 5);
  vectors v = vectors_normal(3, 5, &stream);
  for (int64_t i = 0; i < 3; i++)
    for (int64_t k = 0; k < v.d; k++) row_of(&v, i)[k] = -row_of(&v, v.n + 2)[k];
  vectors_measure(&v);
  mst_rule_spec s = rule_spec("fltrust", 1);
  run_rule(&s, &v);
  ck_assert_double_eq(v.weight[v.n], 1);
  ck_assert_double_eq(length_of(v.d, v.result), 0);
  vectors_free(&v);
}
END_TEST

START_TEST(zeno_keeps_the_vectors_that_lower_the_loss) {
  mst_stream stream = draws(0, 6);
  vectors v = vectors_normal(8, 3, &stream);
  const double loss[8] = {-1, -2, 5, NAN, -1.5, 0.1, INFINITY, -3};
  v.view.loss = loss;
  for (int64_t k = 0; k < 3; k++) row_of(&v, 7)[k] = 100; /* the loss falls most, but it is long */
  vectors_measure(&v);
  mst_rule_spec s = rule_spec("zeno", 5);
  ck_assert_double_eq(s.rho, 0.0005);
  ck_ok(mst_rule_check(&s, v.n));
  run_rule(&s, &v);
  for (int64_t i = 0; i < 8; i++)
    ck_assert_double_eq(v.weight[i], i == 0 || i == 1 || i == 4 ? 1.0 / 3 : 0);
  s.rho = 0;
  run_rule(&s, &v);
  for (int64_t i = 0; i < 8; i++)
    ck_assert_double_eq(v.weight[i], i == 1 || i == 4 || i == 7 ? 1.0 / 3 : 0);
  vectors_free(&v);
}
END_TEST

/* 12 vectors of some length; the first ten have like shares of signs, the last two others. */
static vectors signed_vectors(double sign[12][3]) {
  mst_stream stream = draws(0, 7);
  vectors v = vectors_normal(12, 10, &stream);
  for (int64_t i = 0; i < 12; i++) {
    const double positive = i < 10 ? 0.6 + 0.001 * (double)(i % 4) : 0.3;
    sign[i][0] = positive;
    sign[i][1] = 0.01;
    sign[i][2] = 0.99 - positive;
    const double norm = length_of(v.d, row_of(&v, i));
    for (int64_t k = 0; k < v.d; k++)
      row_of(&v, i)[k] *= (i == 0 ? 100 : i == 1 ? 0.01 : 1 + 0.1 * (double)i) / norm;
  }
  v.view.sign = &sign[0][0];
  vectors_measure(&v);
  return v;
}

START_TEST(signguard_drops_odd_norms_and_odd_signs) {
  double sign[12][3];
  vectors v = signed_vectors(sign);
  mst_rule_spec s = rule_spec("signguard", 2);
  ck_ok(mst_rule_check(&s, v.n));
  run_rule(&s, &v);
  /* Norms .01, 1.2, 1.3 ... 2.1, 100: the middle ones are 1.6 and 1.7. */
  const double middle = 1.65;
  for (int64_t i = 0; i < 12; i++) {
    const double norm = 1 + 0.1 * (double)i;
    const double want = i < 2 || i >= 10 ? 0 : fmin(1, middle / norm) / 8;
    ck_assert_double_eq_tol(v.weight[i], want, 1e-15);
  }
  ck_assert_double_gt(v.weight[v.n], 0);
  vectors_free(&v);
}
END_TEST

/* Two halves of equal shares, whose mean may differ from them by a rounding: the first half is kept
 * whole. */
START_TEST(signguard_keeps_all_vectors_of_equal_signs) {
  double sign[12][3];
  vectors v = signed_vectors(sign);
  mst_rule_spec s = rule_spec("signguard", 2);
  for (int p = 1; p < 100; p++) {
    for (int64_t i = 0; i < 12; i++) {
      sign[i][0] = i < 6 ? 0.01 * p : 0.005;
      sign[i][1] = 0;
      sign[i][2] = 1 - sign[i][0];
    }
    run_rule(&s, &v);
    for (int64_t i = 0; i < 12; i++) ck_assert_int_eq(v.weight[i] > 0, i >= 2 && i < 6);
  }
  vectors_free(&v);
}
END_TEST

START_TEST(signguard_without_a_vector_that_passes_both_trusts_norms) {
  /* The first six share their signs, but are too short beside the median norm; the others' signs
   * are all over. */
  double sign[12][3] = {{0}};
  vectors v = vectors_make(12, 2);
  for (int64_t i = 0; i < 12; i++) {
    row_of(&v, i)[i % 2] = i < 6 ? 1 : 100;
    sign[i][1] = i < 6;
    sign[i][0] = i < 6 ? 0 : 0.1 + 0.16 * (double)(i - 6);
    sign[i][2] = i < 6 ? 0 : 1 - sign[i][0];
  }
  v.view.sign = &sign[0][0];
  vectors_measure(&v);
  mst_rule_spec s = rule_spec("signguard", 2);
  run_rule(&s, &v);
  for (int64_t i = 0; i < 12; i++)
    ck_assert_double_eq_tol(v.weight[i], i < 6 ? 0 : 0.505 / 6, 1e-15);
  vectors_free(&v);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("robust_rules_trusted");
  TCase *t = tcase_create("weights");
  tcase_set_timeout(t, 60);
  tcase_add_test(t, fltrust_turns_opposite_vectors_off_and_knows_no_scale);
  tcase_add_test(t, fltrust_without_any_trust_gives_zero);
  tcase_add_test(t, zeno_keeps_the_vectors_that_lower_the_loss);
  tcase_add_test(t, signguard_drops_odd_norms_and_odd_signs);
  tcase_add_test(t, signguard_keeps_all_vectors_of_equal_signs);
  tcase_add_test(t, signguard_without_a_vector_that_passes_both_trusts_norms);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
