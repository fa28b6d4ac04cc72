/* Locally private regression: what messages are made of, how far two users can be apart in them,
 * how much noise that takes, and what the server makes of means that are known. */
#include "core/base/key.h"
#include "core/local/linear.h"
#include "core/privacy/gaussian.h"
#include "core/privacy/mechanism.h"
#include "tests/core/local_sample.h"

enum {
  D = 5,
  MOST = D * (D + 1) / 2 + D
};

static const char *const METHODS[] = {"nldp", "nldp_public", "ldp_iht"};

START_TEST(members_are_found_by_name) {
  for (int i = 0; i < 3; i++) {
    ck_assert_str_eq(mst_ldp_at(i)->name, METHODS[i]);
    ck_assert_ptr_eq(mst_ldp_find(METHODS[i]), mst_ldp_at(i));
  }
  ck_assert_ptr_null(mst_ldp_at(3));
  ck_assert_ptr_null(mst_ldp_at(-1));
  mst_ldp_spec s = local_spec("nldp", 10, 3);
  s.method = "ndlp";
  ck_refused(mst_ldp_check(&s), MST_ERR_INPUT, "nldp");
}
END_TEST

START_TEST(settings_that_cannot_be_are_refused) {
  mst_ldp_spec s = local_spec("ldp_iht", 1000, 4);
  s.sparsity = 5;
  ck_refused(mst_ldp_check(&s), MST_ERR_INPUT, "5 non-zeros in 4 columns");
  s.sparsity = 0;
  ck_refused(mst_ldp_check(&s), MST_ERR_INPUT, "0 non-zeros");
  s = local_spec("ldp_iht", 1000, 4);
  s.sparsity = 3;
  s.keep = 2;
  ck_refused(mst_ldp_check(&s), MST_ERR_INPUT, "local.keep: 2 of 4");
  s = local_spec("ldp_iht", 9, 4);
  s.iterations = 10;
  ck_refused(mst_ldp_check(&s), MST_ERR_INPUT, "9 users cannot make 10 groups");
  s.step = 0;
  ck_refused(mst_ldp_check(&s), MST_ERR_INPUT, "local.step");
  for (int i = 0; i < 3; i++) {
    for (double epsilon = -1; epsilon <= 0; epsilon++) {
      s = local_spec(METHODS[i], 1000, 4);
      s.epsilon = epsilon;
      ck_refused(mst_ldp_check(&s), MST_ERR_INPUT, "privacy.epsilon");
    }
    s.epsilon = NAN;
    ck_refused(mst_ldp_check(&s), MST_ERR_INPUT, "privacy.epsilon");
    s = local_spec(METHODS[i], 0, 4);
    ck_refused(mst_ldp_check(&s), MST_ERR_INPUT, "0 users");
    s = local_spec(METHODS[i], 10, 0);
    ck_refused(mst_ldp_check(&s), MST_ERR_INPUT, "0 columns");
  }
  s = local_spec("nldp", 1000, 4);
  s.delta = 0;
  ck_refused(mst_ldp_check(&s), MST_ERR_INPUT, "privacy.delta");
}
END_TEST

START_TEST(every_user_speaks_in_one_round) {
  for (int64_t n = 3; n < 40; n++) {
    mst_ldp_spec s = local_spec("ldp_iht", n, 4);
    s.iterations = 3;
    mst_ldp *m = local_create(&s);
    int64_t met[3] = {0};
    for (int64_t i = 0; i < n; i++) met[mst_ldp_round_of(m, i)]++;
    for (int64_t t = 0; t < 3; t++) ck_assert_int_eq(met[t], mst_ldp_users(m, t));
    ck_assert_int_eq(met[0] + met[1] + met[2], n);
    mst_ldp_destroy(m);
  }
}
END_TEST

/* The message without its noise: that of the same noise and a row of zeros taken away. */
static void signal_of(const mst_ldp *m, const float *x, double y, double *out) {
  const float zero[D] = {0};
  const mst_noise noise = test_noise(1);
  double work[D], none[MOST];
  ck_ok(mst_ldp_message(m, &noise, x, y, work, out));
  ck_ok(mst_ldp_message(m, &noise, zero, 0, work, none));
  for (int64_t e = 0; e < m->entries; e++) out[e] -= none[e];
}

/* Standard deviation of an entry's noise. */
static double noise_of(const mst_ldp *m, int64_t e) {
  const int64_t packed = m->matrix_noise > 0 ? mst_ldp_packed(D) : 0;
  if (e >= packed) return m->vector_noise;
  for (int64_t i = 0; i < D; i++)
    if (e == mst_ldp_packed(i) + i) return m->matrix_noise;
  return m->matrix_noise * sqrt(0.5);
}

START_TEST(noise_has_the_deviation_that_is_said) {
  enum {
    DRAWS = 20000
  };
  const float zero[D] = {0};
  for (int i = 0; i < 2; i++) {
    const mst_ldp_spec s = local_spec(METHODS[i], 1000, D);
    mst_ldp *m = local_create(&s);
    double work[D], out[MOST], squares[MOST] = {0};
    for (uint64_t k = 0; k < DRAWS; k++) {
      const mst_noise noise = test_noise(k);
      ck_ok(mst_ldp_message(m, &noise, zero, 0, work, out));
      for (int64_t e = 0; e < m->entries; e++) squares[e] += out[e] * out[e];
    }
    for (int64_t e = 0; e < m->entries; e++)
      ck_assert_double_eq_tol(sqrt(squares[e] / DRAWS) / noise_of(m, e), 1, 4.5 / sqrt(2 * DRAWS));
    mst_ldp_destroy(m);
  }
}
END_TEST

/* How far two users' messages are apart, in deviations of the noise. */
static double apart(const mst_ldp *m, const float *x, double y, const float *u, double v) {
  double a[MOST], b[MOST], square = 0;
  signal_of(m, x, y, a);
  signal_of(m, u, v, b);
  for (int64_t e = 0; e < m->entries; e++) square += pow((a[e] - b[e]) / noise_of(m, e), 2);
  return sqrt(square);
}

START_TEST(no_two_users_are_further_apart_than_the_noise_allows) {
  mst_stream s = mst_stream_of(mst_key_make(5, MST_PURPOSE_TEST, 0, 0));
  for (int i = 0; i < 2; i++)
    for (double tau = 0.1; tau < 200; tau *= 4) {
      mst_ldp_spec spec = local_spec(METHODS[i], 1000, D);
      spec.truncation = tau;
      mst_ldp *m = local_create(&spec);
      const double mu = mst_gaussian_mu(spec.epsilon, spec.delta);
      double most = 0;
      for (int trial = 0; trial < 400; trial++) {
        float x[D], u[D];
        const float size = ldexpf(1, trial % 7), other = ldexpf(1, trial % 5);
        for (int j = 0; j < D; j++) x[j] = size * (float)mst_stream_normal(&s);
        for (int j = 0; j < D; j++) u[j] = other * (float)mst_stream_normal(&s);
        most = fmax(most, apart(m, x, 1e6 * mst_stream_normal(&s), u, 1e6));
      }
      ck_assert_msg(most <= mu * (1 + 1e-12), "%s: %g, mu %g", METHODS[i], most, mu);
      /* The worst: of largest length, at the angle whose cosine is B / 2 A, responses opposed. */
      const double r = m->spec.radius, a = pow(r * r / m->matrix_noise, 2),
                   b = pow(r * tau / m->vector_noise, 2), c = i == 0 ? b / (2 * a) : 1;
      const float x[D] = {(float)(2 * r)},
                  u[D] = {(float)(2 * r * c), (float)(2 * r * sqrt(1 - c * c))};
      ck_assert_double_le(c, 1);
      ck_assert_double_eq_tol(apart(m, x, 1e6, u, -1e6) / mu, 1, 1e-6);
      mst_ldp_destroy(m);
    }
}
END_TEST

START_TEST(gaussian_noise_is_the_least_for_the_budget) {
  for (int i = 0; i < 2; i++)
    for (double epsilon = 0.1; epsilon < 20; epsilon *= 3) {
      mst_ldp_spec s = local_spec(METHODS[i], 1000, D);
      s.epsilon = epsilon;
      mst_ldp *m = local_create(&s);
      const double delta = mst_gaussian_delta(2 / m->event.noise, epsilon);
      ck_assert_double_le(delta, s.delta * (1 + 1e-12));
      ck_assert_double_ge(delta, s.delta * (1 - 1e-9));
      /* The textbook's noise, of the same message, in its parts at half the budget each. */
      const double r = m->spec.radius, textbook = r * r * sqrt(32 * log(2.5 / s.delta)) / epsilon;
      if (i == 0 && epsilon <= 1) ck_assert_double_le(m->matrix_noise, 0.75 * textbook);
      /* Noise that is given is taken. */
      s.noise = m->event.noise;
      mst_ldp *given = local_create(&s);
      ck_assert_double_eq_tol(given->vector_noise / m->vector_noise, 1, 1e-14);
      mst_ldp_destroy(given);
      mst_ldp_destroy(m);
    }
}
END_TEST

START_TEST(the_split_of_noise_disturbs_least) {
  for (double tau = 0.05; tau < 100; tau *= 3) {
    mst_ldp_spec s = local_spec("nldp", 1000, D);
    s.truncation = tau;
    mst_ldp *m = local_create(&s);
    const double r = m->spec.radius, mu = 2 / m->event.noise;
    const double cost = pow(m->matrix_noise, 2) / 2 + pow(m->vector_noise, 2);
    for (double ratio = 0.001; ratio <= 2; ratio *= 1.01) {
      const double a = 2 * pow(mu / (2 + ratio), 2), b = ratio * a;
      const double other = pow(r, 4) / (2 * a) + r * r * tau * tau / b;
      ck_assert_double_le(cost, other * (1 + 1e-12));
    }
    mst_ldp_destroy(m);
  }
}
END_TEST

START_TEST(entries_stay_within_their_public_bound) {
  const float far[D] = {1e30f, -1e30f, 3, 4, 5}, broken[D] = {1, NAN, INFINITY, 0, 0},
              zero[D] = {0}, plain[D] = {1, 2, 3, 4, 5};
  for (int i = 0; i < 3; i++) {
    const mst_ldp_spec s = local_spec(METHODS[i], 1000, D);
    mst_ldp *m = local_create(&s);
    double work[D], out[MOST], none[MOST];
    for (uint64_t k = 0; k < 2000; k++) {
      const mst_noise noise = test_noise(k);
      ck_ok(mst_ldp_message(m, &noise, far, -1e300, work, out));
      for (int64_t e = 0; e < m->entries; e++) ck_assert_double_le(fabs(out[e]), m->bound);
    }
    /* What is not finite is a row of zeros, and nothing tells. */
    const mst_noise noise = test_noise(3);
    ck_ok(mst_ldp_message(m, &noise, zero, 0, work, none));
    ck_ok(mst_ldp_message(m, &noise, broken, 1, work, out));
    ck_assert_mem_eq(out, none, (size_t)m->entries * sizeof *out);
    ck_ok(mst_ldp_message(m, &noise, plain, NAN, work, out));
    ck_assert_mem_eq(out, none, (size_t)m->entries * sizeof *out);
    mst_ldp_destroy(m);
  }
}
END_TEST

START_TEST(a_long_row_is_scaled_with_its_response) {
  mst_ldp_spec s = local_spec("nldp", 1000, D);
  s.truncation = 100;
  mst_ldp *m = local_create(&s);
  const float x[D] = {10, 0, -20, 0, 5};
  double out[MOST];
  signal_of(m, x, 7, out);
  const double w = sqrt(D / 525.0);
  for (int64_t i = 0; i < D; i++) {
    for (int64_t j = 0; j <= i; j++)
      ck_assert_double_eq_tol(out[mst_ldp_packed(i) + j], w * w * (double)x[i] * (double)x[j],
                              1e-10);
    ck_assert_double_eq_tol(out[mst_ldp_packed(D) + i], w * w * 7 * (double)x[i], 1e-10);
  }
  mst_ldp_destroy(m);
}
END_TEST

START_TEST(known_moments_give_the_regression) {
  const double theta[D] = {0.5, 0, -0.5, 0, 0.7}, lambda = 0.1;
  for (int i = 0; i < 2; i++) {
    mst_ldp_spec s = local_spec(METHODS[i], 1000, D);
    s.threshold = lambda;
    mst_ldp *m = local_create(&s);
    double packed[MOST] = {0}, *b = packed + (i == 0 ? mst_ldp_packed(D) : 0), full[D][D];
    for (int p = 0; p < D; p++)
      for (int q = 0; q < D; q++) full[p][q] = pow(0.5, abs(p - q));
    for (int p = 0; p < D; p++)
      for (int q = 0; q <= p; q++) packed[mst_ldp_packed(p) + q] = full[p][q];
    if (i == 1) ck_ok(mst_ldp_moments(m, 100, packed));
    for (int p = 0; p < D; p++) {
      b[p] = 0;
      for (int q = 0; q < D; q++) b[p] += full[p][q] * theta[q];
    }
    ck_ok(mst_ldp_close(m, i == 0 ? packed : b));
    for (int p = 0; p < D; p++)
      ck_assert_double_eq_tol(m->theta[p],
                              theta[p] == 0 ? 0 : theta[p] - copysign(lambda, theta[p]), 1e-12);
    ck_refused(mst_ldp_close(m, packed), MST_ERR_INTERNAL, "last round");
    mst_ldp_destroy(m);
  }
}
END_TEST

START_TEST(moments_that_noise_has_drowned_are_refused) {
  const mst_ldp_spec s = local_spec("nldp", 100, D);
  mst_ldp *m = local_create(&s);
  double mean[MOST] = {-1};
  ck_refused(mst_ldp_close(m, mean), MST_ERR_SINGULAR, "more users");
  mst_ldp_destroy(m);
  const mst_ldp_spec open = local_spec("nldp_public", 100, D);
  m = local_create(&open);
  ck_refused(mst_ldp_close(m, mean), MST_ERR_INTERNAL, "without public moments");
  const float broken[D] = {1, 2, NAN, 4, 5};
  double work[D], out[MOST];
  ck_refused(mst_ldp_moment(m, broken, work, out), MST_ERR_NONFINITE, "public row");
  mst_ldp_destroy(m);
}
END_TEST

START_TEST(thresholding_converges_on_known_gradients) {
  mst_ldp_spec s = local_spec("ldp_iht", 1000, D);
  const double theta[D] = {0, 0.8, 0, -0.6, 0};
  s.sparsity = 2;
  s.keep = 3;
  s.iterations = 60;
  mst_ldp *m = local_create(&s);
  for (int64_t t = 0; t < 60; t++) {
    double mean[D];
    int kept = 0;
    for (int j = 0; j < D; j++) /* columns of unequal size, and a little noise */
      mean[j] = (0.5 + 0.2 * j) * (m->theta[j] - theta[j]) + (j == 0 ? 1e-9 : 0);
    ck_ok(mst_ldp_close(m, mean));
    for (int j = 0; j < D; j++) kept += m->theta[j] != 0;
    ck_assert_int_le(kept, t < 59 ? 3 : 2);
  }
  for (int j = 0; j < D; j++) ck_assert_double_eq_tol(m->theta[j], theta[j], 1e-6);
  mst_ldp_destroy(m);
  /* An estimate stays within the unit ball. */
  s.iterations = 1;
  m = local_create(&s);
  const double steep[D] = {-30, 0, 40, 0, 1};
  ck_ok(mst_ldp_close(m, steep));
  ck_assert_double_eq_tol(m->theta[0], 15 / sqrt(225 + 400 + 0.25), 1e-12);
  ck_assert_double_eq(m->theta[4], 0);
  mst_ldp_destroy(m);
}
END_TEST

START_TEST(the_published_ball_grows_with_the_non_zeros) {
  mst_ldp_spec s = local_spec("ldp_iht", 1000, 64);
  s.bound = "published";
  s.coordinate = 1;
  s.truncation = 3;
  for (int64_t k = 1; k <= 8; k *= 2) {
    s.sparsity = k;
    mst_ldp *m = local_create(&s);
    ck_assert_int_eq(m->spec.keep, 8 * k);
    ck_assert_double_eq_tol(m->radius, 8 * (sqrt(8 * (double)k) + 3), 1e-12);
    ck_assert_double_eq_tol(m->bound, mst_duchi_norm(64, m->radius, 1), 1e-9);
    mst_ldp_destroy(m);
    mst_ldp_spec ours = s;
    ours.bound = "residual";
    m = local_create(&ours);
    ck_assert_double_eq_tol(m->radius, 24, 1e-12);
    mst_ldp_destroy(m);
  }
}
END_TEST

START_TEST(made_up_rows_are_of_a_sparse_model) {
  enum {
    WIDE = 40,
    ROWS = 20000
  };
  mst_linear_spec s = {.seed = 3, .width = WIDE, .sparsity = 4, .noise = 0.5, .correlation = 0.6};
  double theta[WIDE], y, square = 0, products[3] = {0}, residual = 0;
  float x[WIDE], again[WIDE];
  ck_ok(mst_linear_check(&s));
  mst_linear_truth(&s, theta);
  int nonzero = 0;
  for (int j = 0; j < WIDE; j++) square += theta[j] * theta[j], nonzero += theta[j] != 0;
  ck_assert_int_eq(nonzero, 4);
  ck_assert_double_eq_tol(square, 1, 1e-14);
  for (int64_t i = 0; i < ROWS; i++) {
    mst_linear_row(&s, theta, i, x, &y);
    for (int j = 0; j < WIDE; j++) y -= theta[j] * (double)x[j];
    residual += y * y;
    for (int lag = 0; lag < 3; lag++) products[lag] += (double)x[7] * (double)x[7 + lag];
  }
  ck_assert_double_eq_tol(residual / ROWS, 0.25, 0.25 * 4.5 * sqrt(2.0 / ROWS));
  for (int lag = 0; lag < 3; lag++)
    ck_assert_double_eq_tol(products[lag] / ROWS, pow(0.6, lag), 4.5 * sqrt(2.0 / ROWS));
  mst_linear_row(&s, theta, 5, x, &y);
  mst_linear_row(&s, theta, 5, again, NULL);
  ck_assert_mem_ne(x, again, sizeof x); /* public rows are others */
  s.correlation = 0;
  s.signs = true;
  mst_linear_row(&s, theta, 5, x, &y);
  for (int j = 0; j < WIDE; j++) ck_assert(x[j] == 1 || x[j] == -1);
  s.sparsity = 41;
  ck_refused(mst_linear_check(&s), MST_ERR_INPUT, "41 non-zeros in 40 columns");
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("locally private methods");
  TCase *c = tcase_create("methods");
  tcase_add_test(c, members_are_found_by_name);
  tcase_add_test(c, settings_that_cannot_be_are_refused);
  tcase_add_test(c, every_user_speaks_in_one_round);
  tcase_add_test(c, noise_has_the_deviation_that_is_said);
  tcase_add_test(c, no_two_users_are_further_apart_than_the_noise_allows);
  tcase_add_test(c, gaussian_noise_is_the_least_for_the_budget);
  tcase_add_test(c, the_split_of_noise_disturbs_least);
  tcase_add_test(c, entries_stay_within_their_public_bound);
  tcase_add_test(c, a_long_row_is_scaled_with_its_response);
  tcase_add_test(c, known_moments_give_the_regression);
  tcase_add_test(c, moments_that_noise_has_drowned_are_refused);
  tcase_add_test(c, thresholding_converges_on_known_gradients);
  tcase_add_test(c, the_published_ball_grows_with_the_non_zeros);
  tcase_add_test(c, made_up_rows_are_of_a_sparse_model);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
