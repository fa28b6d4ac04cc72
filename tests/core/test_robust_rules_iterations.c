/* Rules that iterate: the geometric median and centered clipping against the same iterations on the
 * vectors themselves, and what holds for them whatever the vectors are. */
#include "tests/core/robust_vectors.h"

/* Mean distance to the vectors. */
static double objective(const vectors *v, const double *z) {
  double sum = 0;
  for (int64_t i = 0; i < v->n; i++) sum += sqrt(square_between(v->d, row_of(v, i), z));
  return sum / (double)v->n;
}

START_TEST(a_converged_geometric_median_has_no_gradient) {
  for (int64_t t = 0; t < 20; t++) {
    mst_stream stream = draws(t, 20);
    const int64_t n = 5 + t % 16, f = (n - 1) / 2;
    vectors v = vectors_normal(n, 3 + t % 5, &stream);
    for (int64_t i = 0; i < f; i++) /* a part of them far away, and all far from zero */
      for (int64_t k = 0; k < v.d; k++) row_of(&v, i)[k] += 50 * (double)(t % 3);
    for (int64_t i = 0; i < n; i++) row_of(&v, i)[0] += 300;
    vectors_measure(&v);
    mst_rule_spec s = rule_spec("geometric_median", f);
    s.iterations = 0;
    s.nu = 1e-9;
    run_rule(&s, &v);
    double unit[8] = {0};
    for (int64_t i = 0; i < n; i++) {
      const double away = sqrt(square_between(v.d, row_of(&v, i), v.result));
      for (int64_t k = 0; k < v.d; k++) unit[k] += (row_of(&v, i)[k] - v.result[k]) / away;
    }
    ck_assert_double_le(length_of(v.d, unit), 1e-10);
    vectors_free(&v);
  }
}
END_TEST

/* One step from z, on the vectors themselves. */
static void plain_step(const vectors *v, double nu, double *z) {
  double next[8] = {0}, total = 0;
  for (int64_t i = 0; i < v->n; i++) {
    const double b = 1 / fmax(nu, sqrt(square_between(v->d, row_of(v, i), z)));
    total += b;
    for (int64_t k = 0; k < v->d; k++) next[k] += b * row_of(v, i)[k];
  }
  for (int64_t k = 0; k < v->d; k++) z[k] = next[k] / total;
}

START_TEST(each_step_of_the_geometric_median_lowers_its_objective) {
  for (int64_t t = 0; t < 10; t++) {
    mst_stream stream = draws(t, 21);
    vectors v = vectors_normal(9, 4, &stream);
    mst_rule_spec s = rule_spec("geometric_median", 4);
    s.nu = 1e-9;
    double z[8] = {0}, before = objective(&v, z);
    for (s.iterations = 1; s.iterations <= 40; s.iterations++) {
      run_rule(&s, &v);
      plain_step(&v, s.nu, z);
      for (int64_t k = 0; k < v.d; k++) ck_assert_double_eq_tol(v.result[k], z[k], 1e-13);
      const double now = objective(&v, v.result);
      ck_assert_double_le(now, before * (1 + 1e-15));
      if (s.iterations == 1) ck_assert_double_lt(now, before);
      before = now;
    }
    vectors_free(&v);
  }
}
END_TEST

START_TEST(within_nu_the_geometric_median_is_the_mean) {
  mst_stream stream = draws(0, 22);
  vectors v = vectors_normal(8, 3, &stream);
  mst_rule_spec s = rule_spec("geometric_median", 3);
  s.nu = 1000;
  s.iterations = 0;
  run_rule(&s, &v);
  for (int64_t i = 0; i < v.n; i++) ck_assert_double_eq_tol(v.weight[i], 0.125, 1e-16);
  vectors_free(&v);
}
END_TEST

START_TEST(a_client_of_weight_two_counts_as_two) {
  for (int64_t t = 0; t < 2; t++) {
    mst_stream stream = draws(t, 23);
    vectors v = vectors_normal(7, 4, &stream), twice = vectors_make(10, 4);
    const double weight[7] = {1, 2, 1, 1, 3, 1, 1};
    int64_t m = 0;
    for (int64_t i = 0; i < v.points; i++)
      for (int64_t c = 0; c < (i < 7 ? (int64_t)weight[i] : 1); c++)
        memcpy(row_of(&twice, m++), row_of(&v, i), 4 * sizeof(double));
    vectors_measure(&twice);
    v.view.weight = weight;
    mst_rule_spec s = rule_spec(t == 0 ? "geometric_median" : "centered_clipping", 3);
    s.tau = 1.5;
    s.iterations = 3;
    run_rule(&s, &v);
    run_rule(&s, &twice);
    for (int64_t k = 0; k < 4; k++) ck_assert_double_eq_tol(v.result[k], twice.result[k], 1e-14);
    vectors_free(&v);
    vectors_free(&twice);
  }
}
END_TEST

START_TEST(centered_clipping_without_a_bound_is_the_mean) {
  mst_stream stream = draws(0, 24);
  vectors v = vectors_normal(6, 4, &stream);
  mst_rule_spec s = rule_spec("centered_clipping", 2);
  s.tau = INFINITY;
  run_rule(&s, &v);
  for (int64_t i = 0; i < v.points; i++) ck_assert_double_eq(v.weight[i], i < v.n ? 1.0 / 6 : 0);
  vectors_free(&v);
}
END_TEST

/* Ten rounds, each from the last one's result, beside the same steps on the vectors; and no step is
 * longer than tau. */
START_TEST(centered_clipping_carries_its_centre_over_rounds) {
  const int64_t n = 9, d = 5, rounds = 10;
  const double tau = 1.2;
  double centre[5] = {2, -1, 0, 3, 1};
  for (int64_t round = 0; round < rounds; round++) {
    mst_stream stream = draws(round, 25);
    vectors v = vectors_normal(n, d, &stream);
    for (int64_t k = 0; k < d; k++) row_of(&v, 0)[k] *= 40;
    memcpy(row_of(&v, n + 1), centre, sizeof centre);
    vectors_measure(&v);
    mst_rule_spec s = rule_spec("centered_clipping", 4);
    s.tau = tau;
    double last[5];
    memcpy(last, centre, sizeof last);
    for (s.iterations = 1; s.iterations <= 4; s.iterations++) {
      run_rule(&s, &v);
      double step[5] = {0};
      for (int64_t i = 0; i < n; i++) {
        const double away = sqrt(square_between(d, row_of(&v, i), last));
        for (int64_t k = 0; k < d; k++)
          step[k] += fmin(1, tau / away) * (row_of(&v, i)[k] - last[k]) / (double)n;
      }
      ck_assert_double_le(sqrt(square_between(d, v.result, last)), tau * (1 + 1e-12));
      for (int64_t k = 0; k < d; k++) {
        last[k] += step[k];
        ck_assert_double_eq_tol(v.result[k], last[k], 1e-12);
      }
    }
    memcpy(centre, v.result, sizeof centre);
    vectors_free(&v);
  }
}
END_TEST

/* However far the hostile vectors are, and at however different distances, the result stays among
 * the others: not even rounding lets them in. */
START_TEST(far_vectors_do_not_move_the_result_far) {
  static const char *const names[] = {"geometric_median", "geometric_median", "centered_clipping"};
  for (int rule = 0; rule < 3; rule++)
    for (int exponent = 0; exponent <= 36; exponent += 3) {
      mst_stream stream = draws(exponent, 26);
      vectors v = vectors_normal(11, 6, &stream);
      memset(row_of(&v, 12), 0, 6 * sizeof(double));
      for (int64_t i = 0; i < 4; i++)
        for (int64_t k = 0; k < v.d; k++)
          row_of(&v, i)[k] =
              pow(10, (double)exponent * (double)(i + 1) / 4) * (1 + 0.1 * (double)i);
      vectors_measure(&v);
      mst_rule_spec s = rule_spec(names[rule], 4);
      s.iterations = rule == 1 ? 0 : 5;
      s.tau = 2;
      s.nu = 1e-3;
      run_rule(&s, &v);
      ck_assert_msg(length_of(v.d, v.result) < 10, "%s at 1e%d: %g", names[rule], exponent,
                    length_of(v.d, v.result));
      vectors_free(&v);
    }
}
END_TEST

/* Vectors about a point far from the start, and one that is much farther: the gradient is then
 * below the rounding of its terms, which must not pass for convergence. */
START_TEST(a_far_vector_does_not_pass_for_convergence) {
  for (int exponent = 4; exponent <= 36; exponent += 4) {
    mst_stream stream = draws(exponent, 27);
    vectors v = vectors_normal(9, 6, &stream);
    for (int64_t i = 0; i < v.n; i++)
      for (int64_t k = 0; k < v.d; k++) row_of(&v, i)[k] += k == 0 ? 300 : 0;
    for (int64_t k = 0; k < v.d; k++) row_of(&v, 2)[k] = k == 1 ? pow(10, exponent) : 0;
    vectors_measure(&v);
    mst_rule_spec s = rule_spec("geometric_median", 4);
    s.iterations = 0;
    run_rule(&s, &v);
    double z[8] = {0};
    for (int t = 0; t < 2000; t++) plain_step(&v, s.nu, z);
    const double off = sqrt(square_between(v.d, z, v.result));
    const double allowed = 1e-10 + fmin(0x1p-52 * pow(10, exponent), 2); /* the vectors' spread */
    ck_assert_msg(off < allowed, "1e%d: %g", exponent, off);
    vectors_free(&v);
  }
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("robust_rules_iterations");
  TCase *t = tcase_create("iterations");
  tcase_set_timeout(t, 60);
  tcase_add_test(t, a_converged_geometric_median_has_no_gradient);
  tcase_add_test(t, each_step_of_the_geometric_median_lowers_its_objective);
  tcase_add_test(t, within_nu_the_geometric_median_is_the_mean);
  tcase_add_test(t, a_client_of_weight_two_counts_as_two);
  tcase_add_test(t, centered_clipping_without_a_bound_is_the_mean);
  tcase_add_test(t, centered_clipping_carries_its_centre_over_rounds);
  tcase_add_test(t, a_far_vector_does_not_pass_for_convergence);
  tcase_add_test(t, far_vectors_do_not_move_the_result_far);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
