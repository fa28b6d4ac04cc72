/* Optimizers in numbers: first steps that are worked out by hand, limits in which a rule is a
 * simple one, and where the steps lead. */
#include "tests/core/optim_vector.h"

START_TEST(momentum_in_numbers) {
  /* g = 1 then 2, mu = 1/2, lr = 1/4, from x = 1: m = 1, x = 3/4; m = 5/2, x = 1/8.
   * Nesterov: steps 1 + 1/2, 2 + 5/4: x = 5/8, then -3/16. */
  const double heavy_at[] = {0.75, 0.125}, nesterov_at[] = {0.625, -0.1875};
  for (int k = 0; k < 2; k++) {
    mst_optim_spec spec = mst_optim_defaults("sgd");
    spec.momentum = 0.5;
    spec.nesterov = k == 1;
    float w[N];
    for (int i = 0; i < N; i++) w[i] = 1;
    mst_optim *o = made(&spec, w);
    for (int t = 0; t < 2; t++) {
      float g[N];
      for (int i = 0; i < N; i++) g[i] = (float)(t + 1);
      mst_optim_step(o, w, g, 0.25);
      ck_assert_double_eq(w[6], k == 1 ? nesterov_at[t] : heavy_at[t]);
    }
    mst_optim_destroy(o);
  }
}
END_TEST

START_TEST(adam_in_numbers) {
  /* g = 1 then -3, b1 = 1/2, b2 = 3/4, lr = 1: m = 1/2, v = 1/4, x = -1;
   * m = 1/4 - 3/2 = -5/4, v = 3/16 + 9/4 = 39/16; m/(3/4) = -5/3, v/(7/16) = 39/7. */
  mst_optim_spec spec = mst_optim_defaults("adam");
  spec.beta1 = 0.5;
  spec.beta2 = 0.75;
  spec.epsilon = 1e-12;
  float w[N] = {0}, g[N];
  mst_optim *o = made(&spec, w);
  for (int i = 0; i < N; i++) g[i] = 1;
  mst_optim_step(o, w, g, 1);
  ck_assert_double_eq_tol(w[2], -1, 1e-6);
  for (int i = 0; i < N; i++) g[i] = -3;
  mst_optim_step(o, w, g, 1);
  ck_assert_double_eq_tol(w[2], -1 + 5.0 / 3 / sqrt(39.0 / 7), 1e-6);
  mst_optim_destroy(o);
}
END_TEST

START_TEST(laprop_without_memory_is_sign_descent) {
  mst_optim_spec spec = mst_optim_defaults("laprop");
  spec.beta1 = spec.beta2 = 0;
  float w[N] = {0}, g[N] = {3, -0.002f, 0, 1e-12f, -7e9f, 1, 2, -3};
  mst_optim *o = made(&spec, w);
  for (int t = 0; t < 3; t++) mst_optim_step(o, w, g, 0.25);
  const double at[] = {-0.75, 0.75, 0, -0.75, 0.75, -0.75, -0.75, 0.75};
  for (int i = 0; i < N; i++) ck_assert_double_eq_tol(w[i], at[i], 1e-3 * fabs(at[i]) + 1e-9);
  mst_optim_destroy(o);
}
END_TEST

START_TEST(adopt_leaves_the_gradient_out_of_its_denominator) {
  /* g = 2, 6, 6: nothing moves, then clip(6/2) = 1 at t = 1: m = 1/2; v = 2 + 18 = 20 (b2 = 1/2);
   * then min(6/sqrt(20), 2^(1/4)) = 1.1892: m = 1/4 + 0.5946. */
  mst_optim_spec spec = mst_optim_defaults("adopt");
  spec.beta1 = spec.beta2 = 0.5;
  float w[N] = {0}, g[N];
  mst_optim *o = made(&spec, w);
  const double at[] = {0, -0.5, -0.5 - 0.25 - 0.59460355750136};
  for (int t = 0; t < 3; t++) {
    for (int i = 0; i < N; i++) g[i] = t == 0 ? 2 : 6;
    mst_optim_step(o, w, g, 1);
    ck_assert_double_eq_tol(w[4], at[t], 1e-6);
  }
  mst_optim_destroy(o);
}
END_TEST

START_TEST(lars_and_lamb_do_not_mind_the_scale_of_the_gradient) {
  const char *const kind[] = {"lars", "lamb"};
  for (int k = 0; k < 2; k++) {
    mst_optim_spec spec = mst_optim_defaults(kind[k]);
    spec.epsilon = 1e-12;
    float w[2][N], g[N];
    for (int scale = 0; scale < 2; scale++) {
      for (int i = 0; i < N; i++) w[scale][i] = sample(i, -3);
      mst_optim *o = made(&spec, w[scale]);
      for (int t = 0; t < 3; t++) {
        for (int i = 0; i < N; i++) g[i] = sample(i, t) * (scale == 0 ? 1 : 1024);
        mst_optim_step(o, w[scale], g, 0.01);
      }
      mst_optim_destroy(o);
    }
    for (int i = 0; i < N; i++) ck_assert_double_eq_tol(w[0][i], w[1][i], 1e-6);
    ck_assert_double_ne(w[0][0], sample(0, -3));
  }
}
END_TEST

START_TEST(schedule_free_sgd_in_numbers) {
  /* lr 1, beta 1/2, g = 1, 1: z = -1, -2; x = -1, then (-1 - 2)/2 = -3/2; y = -1, -7/4. */
  mst_optim_spec spec = mst_optim_defaults("schedule_free_sgd");
  spec.momentum = 0.5;
  float w[N] = {0}, out[N], g[N];
  for (int i = 0; i < N; i++) g[i] = 1;
  mst_optim *o = made(&spec, w);
  mst_optim_step(o, w, g, 1);
  mst_optim_step(o, w, g, 1);
  mst_optim_average(o, w, out);
  ck_assert_double_eq(w[1], -1.75);
  ck_assert_double_eq(out[1], -1.5);
  mst_optim_destroy(o);
}
END_TEST

START_TEST(dog_in_numbers) {
  /* 8 entries from 0 with gradients 2: |g| = sqrt 32; r = 1/2, so x = -2 (1/2)/sqrt(32) each and
   * |x| = 1/2; then r = 1/2 again over sqrt(64): x = -(1 + sqrt 2 / 2) / sqrt 32. */
  mst_optim_spec spec = mst_optim_defaults("dog");
  spec.initial = 0.5;
  float w[N] = {0}, g[N];
  for (int i = 0; i < N; i++) g[i] = 2;
  mst_optim *o = made(&spec, w);
  mst_optim_step(o, w, g, 1);
  ck_assert_double_eq_tol(w[7], -1 / sqrt(32), 1e-7);
  mst_optim_step(o, w, g, 1);
  ck_assert_double_eq_tol(w[7], -(1 + sqrt(0.5)) / sqrt(32), 1e-7);
  mst_optim_destroy(o);
}
END_TEST

START_TEST(d_adaptation_in_numbers) {
  /* d = 1/8, g = 1, 1 in the one entry that moves, mu = 0: lambda = 1/8, s = 1/8; then the
   * numerator is 2 (1/8) (1/8) = 1/32 over |s| = 1/4: d stays 1/8; s = 3/8: 3/32 over 3/8 is 1/4.
   */
  mst_optim_spec spec = mst_optim_defaults("d_adaptation");
  spec.initial = 0.125;
  spec.momentum = 0;
  float w[N] = {0}, g[N] = {1};
  mst_optim *o = made(&spec, w);
  const double d[] = {0.125, 0.125, 0.25}, x[] = {-0.125, -0.25, -0.375};
  for (int t = 0; t < 3; t++) {
    mst_optim_step(o, w, g, 1);
    ck_assert_double_eq(o->scalar[0], d[t]);
    ck_assert_double_eq(w[0], x[t]);
  }
  mst_optim_destroy(o);
}
END_TEST

START_TEST(d_adaptation_waits_for_a_gradient) {
  mst_optim_spec spec = mst_optim_defaults("d_adaptation");
  spec.initial = 0.125;
  float w[N] = {0}, g[N] = {0};
  mst_optim *o = made(&spec, w);
  mst_optim_step(o, w, g, 1);
  ck_assert_double_eq(w[0], 0);
  g[0] = 4;
  mst_optim_step(o, w, g, 1);
  ck_assert_double_eq_tol(w[0], -0.0125, 1e-8);
  mst_optim_destroy(o);
}
END_TEST

START_TEST(averages_stay_exact_when_their_decay_changes) {
  /* With g = 1 throughout, the mean without bias is 1 and so every step of Adam is lr. */
  mst_optim_spec spec = mst_optim_defaults("adam");
  float w[N] = {0}, g[N];
  for (int i = 0; i < N; i++) g[i] = 1;
  mst_optim *o = made(&spec, w);
  for (int t = 0; t < 6; t++) {
    mst_optim_momentum(o, t % 2 == 0 ? 0.95 : 0.5);
    mst_optim_step(o, w, g, 0.125);
    ck_assert_double_eq_tol(w[0], -0.125 * (t + 1), 1e-6);
  }
  mst_optim_destroy(o);
}
END_TEST

START_TEST(every_member_finds_the_minimum_of_a_quadratic) {
  /* f = sum a_i (x_i - 1)^2 / 2 with a from 1/2 to 3, from x = 0: f_0 = 14. */
  const struct {
    const char *kind;
    double lr, momentum, initial;
    int steps;
  } run[] = {
      {"sgd", 0.2, 0, 0, 300},
      {"sgd", 0.05, 0.9, 0, 300},
      {"adam", 0.05, 0, 0, 800},
      {"adamw", 0.05, 0, 0, 800},
      {"laprop", 0.02, 0, 0, 1500},
      {"adopt", 0.05, 0, 0, 1500},
      {"grams", 0.02, 0, 0, 1500},
      {"lars", 20, 0.5, 0, 3000},
      {"lamb", 0.01, 0, 0, 1500},
      {"schedule_free_sgd", 0.3, 0.9, 0, 2000},
      {"schedule_free_adamw", 0.1, 0, 0, 2000},
      {"dog", 1, 0, 0.01, 2000},
      {"d_adaptation", 1, 0.9, 0.001, 3000},
      {"d_adaptation_adam", 1, 0, 0.001, 3000},
  };
  const int64_t first[] = {0, 3, 8};
  const mst_optim_layers two = {2, first};
  for (size_t k = 0; k < sizeof run / sizeof *run; k++) {
    mst_optim_spec spec = mst_optim_defaults(run[k].kind);
    float x[8] = {0}, d[8], at[8];
    double f = 0;
    if (run[k].momentum > 0) spec.momentum = run[k].momentum;
    if (run[k].initial > 0) spec.initial = run[k].initial;
    mst_optim *o;
    ck_ok(mst_optim_create(&spec, &two, 0, 8, &o));
    mst_optim_start(o, x);
    for (int t = 0; t < run[k].steps; t++) {
      for (int i = 0; i < 8; i++) d[i] = (0.5f + 2.5f * (float)i / 7) * (x[i] - 1);
      /* Rules of constant length need a decay to come to rest. */
      mst_optim_step(o, x, d, run[k].lr * (o->ops->averages ? 1 : 1 - (double)t / run[k].steps));
    }
    mst_optim_average(o, x, at);
    for (int i = 0; i < 8; i++) f += (0.5 + 2.5 * i / 7) * pow((double)at[i] - 1, 2) / 2;
    ck_assert_msg(f < 1e-3, "%s leaves %g", run[k].kind, f);
    mst_optim_destroy(o);
  }
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("optimizers in numbers");
  TCase *t = tcase_create("numbers");
  tcase_set_timeout(t, 60);
  suite_add_tcase(suite, t);
  tcase_add_test(t, momentum_in_numbers);
  tcase_add_test(t, adam_in_numbers);
  tcase_add_test(t, laprop_without_memory_is_sign_descent);
  tcase_add_test(t, adopt_leaves_the_gradient_out_of_its_denominator);
  tcase_add_test(t, lars_and_lamb_do_not_mind_the_scale_of_the_gradient);
  tcase_add_test(t, schedule_free_sgd_in_numbers);
  tcase_add_test(t, dog_in_numbers);
  tcase_add_test(t, d_adaptation_in_numbers);
  tcase_add_test(t, d_adaptation_waits_for_a_gradient);
  tcase_add_test(t, averages_stay_exact_when_their_decay_changes);
  tcase_add_test(t, every_member_finds_the_minimum_of_a_quadratic);
  return mst_test_main(argc, argv, suite);
}
