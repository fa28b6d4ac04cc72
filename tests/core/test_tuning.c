/* Tuning: relaxations solve what a factorisation solves and are fastest where Young's formula says;
 * tuners keep the published bound, and those that look at contexts gain where these matter. */
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/tuning/member.h"
#include "core/tuning/relax.h"
#include "tests/harness.h"

enum {
  SIDE = 9,
  N = SIDE * SIDE
};

static double length_from(int64_t n, const double *x, const double *y) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (x[i] - y[i]) * (x[i] - y[i]);
  return sqrt(sum);
}

static void dense_laplacian(double shift, double *a) {
  memset(a, 0, N * N * sizeof *a);
  for (int i = 0; i < N; i++) {
    a[i * N + i] = 4 + shift;
    if (i % SIDE > 0) a[i * N + i - 1] = -1;
    if (i >= SIDE) a[i * N + i - SIDE] = -1;
  }
}

START_TEST(both_solvers_agree_with_a_factorisation_whatever_omega) {
  static double dense[N * N], b[N], want[N], x[N], work[4 * N];
  const double omega[] = {0.5, 1, 1.4, 1.9};
  mst_sparse a, filled;
  mst_stream s = mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, 0, 0));
  for (int i = 0; i < N; i++) b[i] = mst_stream_normal(&s);
  dense_laplacian(0.3, dense);
  ck_ok(mst_ridge_solve(N, 1, dense, N, b, 1, 0, want));
  dense_laplacian(0, dense);
  ck_ok(mst_sparse_laplacian(SIDE, &a));
  ck_ok(mst_sparse_dense(N, dense, N, &filled));
  ck_assert_int_eq(a.first[N], 5 * N - 4 * SIDE);
  ck_assert_int_eq(mst_relax_work(&a), 4 * N);
  for (int k = 0; k < 8; k++) {
    const mst_relax_options o = {.conjugate = k >= 4, .tolerance = 1e-12, .most = 5000};
    int64_t spent = 0, again = 0;
    memset(x, 0, sizeof x);
    ck_ok(mst_relax(&a, 0.3, b, omega[k % 4], &o, x, work, &spent));
    ck_assert_msg(spent > 5 && spent <= o.most, "%lld iterations", (long long)spent);
    ck_assert_double_lt(length_from(N, x, want), 1e-9);
    memset(x, 0, sizeof x);
    ck_ok(mst_relax(&filled, 0.3, b, omega[k % 4], &o, x, work, &again));
    ck_assert_int_eq(spent, again);
    ck_assert_double_lt(length_from(N, x, want), 1e-9);
  }
  mst_sparse_free(&a);
  mst_sparse_free(&filled);
}
END_TEST

START_TEST(preconditioned_gradients_take_fewer_iterations_than_sweeps) {
  double b[N], x[N], work[4 * N];
  mst_sparse a;
  int64_t spent[2];
  mst_stream s = mst_stream_of(mst_key_make(2, MST_PURPOSE_TEST, 0, 0));
  for (int i = 0; i < N; i++) b[i] = mst_stream_normal(&s);
  ck_ok(mst_sparse_laplacian(SIDE, &a));
  for (int k = 0; k < 2; k++) {
    const mst_relax_options o = {.conjugate = k == 1, .tolerance = 1e-8, .most = 1000};
    memset(x, 0, sizeof x);
    ck_ok(mst_relax(&a, 0, b, 1.3, &o, x, work, &spent[k]));
  }
  ck_assert_int_lt(3 * spent[1], spent[0]);
  mst_sparse_free(&a);
}
END_TEST

/* The Jacobi iteration of the Laplacian with shift c has radius 4 cos(pi / (side + 1)) / (4 + c).
 */
START_TEST(the_fastest_sor_is_where_youngs_formula_says) {
  static double b[40 * 40], x[40 * 40], work[4 * 40 * 40];
  const double shift[] = {0, 0.1};
  for (int k = 0; k < 2; k++) {
    const double best = mst_relax_best(4 * cos(acos(-1) / 41) / (4 + shift[k]));
    const mst_relax_options o = {.tolerance = 1e-13, .most = 10000};
    mst_sparse a;
    int64_t least = INT64_MAX;
    double at = 0;
    ck_ok(mst_sparse_laplacian(40, &a));
    mst_stream s = mst_stream_of(mst_key_make(3, MST_PURPOSE_TEST, 0, 0));
    for (int i = 0; i < 1600; i++) b[i] = mst_stream_normal(&s);
    for (int i = 0; i < 30; i++) {
      const double omega = 1.4 + 0.02 * i;
      int64_t spent = 0;
      memset(x, 0, sizeof x);
      ck_ok(mst_relax(&a, shift[k], b, omega, &o, x, work, &spent));
      if (spent < least) at = omega;
      if (spent < least) least = spent;
    }
    ck_assert_msg(fabs(at - best) <= 0.04, "fastest at %g, %g by the formula", at, best);
    mst_sparse_free(&a);
  }
}
END_TEST

START_TEST(chances_are_those_that_the_entropy_asks_for) {
  const double total[] = {3, 0, 7.5, 0.25};
  double p[4], sum = 0;
  mst_tuner_tsallis(4, total, 9, p);
  /* p_i = 4 / (eta (L_i - x))^2 has one x for all, eta = 2 / 3 */
  const double x = total[0] - 2 / sqrt(p[0]) * 1.5;
  for (int i = 0; i < 4; i++) {
    ck_assert_double_eq_tol(total[i] - 2 / sqrt(p[i]) * 1.5, x, 1e-9);
    sum += p[i];
  }
  ck_assert_double_eq_tol(sum, 1, 1e-12);
  ck_assert(x < 0);
}
END_TEST

/* What a tuner pays for made-up costs beyond the best arm in hindsight, mean over seeds. The better
 * of two arms changes with the context where `matters`. */
static double regret_of(const char *kind, bool matters, double *paid) {
  enum {
    ARMS = 5,
    TIMES = 2000,
    SEEDS = 8
  };
  double regret = 0;
  *paid = 0;
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    mst_tuner_spec spec = {.kind = kind, .arms = ARMS};
    double all[ARMS] = {0}, mine = 0;
    mst_tuner *t = NULL;
    mst_param_defaults(mst_tuner_params, &spec);
    mst_param_defaults(mst_tuner_find(kind)->params, &spec);
    spec.scale = 1;
    ck_ok(mst_tuner_create(&spec, &t));
    for (int i = 0; i < TIMES; i++) {
      mst_stream s = mst_stream_of(mst_key_make(seed, MST_PURPOSE_TEST, 1, (uint64_t)i));
      const double context = 2 * mst_stream_uniform(&s) - 1;
      double cost[ARMS];
      int64_t arm = 0;
      for (int a = 0; a < ARMS; a++) {
        const double mean = matters ? fabs(context - (a - 2) / 2.0) / 2 : a == 3 ? 0.1 : 0.9;
        cost[a] = mst_stream_uniform(&s) < mean ? 1 : 0;
        all[a] += cost[a];
      }
      ck_ok(mst_tuner_choose(t, context, mst_key_make(seed, MST_PURPOSE_TUNING, 0, (uint64_t)i),
                             &arm));
      ck_ok(mst_tuner_learn(t, context, arm, cost[arm]));
      mine += cost[arm];
    }
    double best = all[0];
    for (int a = 1; a < ARMS; a++) best = fmin(best, all[a]);
    regret += (mine - best) / SEEDS;
    *paid += mine / SEEDS;
    mst_tuner_destroy(t);
  }
  return regret;
}

START_TEST(the_regret_is_within_the_published_bound) {
  const double bound = 4 * sqrt(5 * 2000.0) + 1; /* Zimmert, Seldin 2021, theorem 1 */
  double paid;
  ck_assert_double_gt(regret_of("uniform", false, &paid), 2 * bound); /* the bound is one */
  const double regret = regret_of("tsallis_inf", false, &paid);
  ck_assert_msg(regret < bound / 2, "regret %g", regret); /* costs are drawn, not adversarial */
}
END_TEST

START_TEST(contexts_help_where_they_matter) {
  double blind, binned, poly;
  regret_of("tsallis_inf", true, &blind);
  regret_of("binned", true, &binned);
  regret_of("cheb_cb", true, &poly);
  ck_assert_msg(poly < 0.6 * blind && binned < 0.9 * blind,
                "costs %g, %g in bins, %g by polynomials", blind, binned, poly);
}
END_TEST

START_TEST(a_solver_tunes_itself_along_a_ridge_path) {
  enum {
    D = 30,
    TIMES = 300
  };
  static double rows[2 * D * D], gram[D * D], b[D], x[D], want[D], work[4 * D];
  const double omega[] = {0.2, 0.6, 1, 1.4, 1.8};
  const mst_relax_options o = {.conjugate = true, .tolerance = 1e-10, .most = 500};
  mst_tuner_spec spec = {.kind = "tsallis_inf", .arms = 5};
  mst_tuned tuned = {.omega = omega, .low = 1e-3, .high = 10, .seed = 5};
  mst_sparse a;
  int64_t each[5] = {0};
  mst_stream s = mst_stream_of(mst_key_make(4, MST_PURPOSE_TEST, 0, 0));
  for (int i = 0; i < 2 * D * D; i++) rows[i] = mst_stream_normal(&s) * (1 + i % D);
  for (int i = 0; i < D; i++) b[i] = mst_stream_normal(&s);
  mst_syrk_at_a(D, 2 * D, 1. / (2 * D), rows, D, 0, gram, D);
  ck_ok(mst_sparse_dense(D, gram, D, &a));
  ck_ok(mst_tuner_create(&spec, &tuned.tuner));
  for (int i = 0; i < TIMES; i++) {
    const double ridge = 10 * pow(1e-4, (double)i / (TIMES - 1));
    memset(x, 0, sizeof x);
    ck_ok(mst_tuned_solve(&tuned, &a, ridge, b, &o, x, work));
    ck_ok(mst_ridge_solve(D, 1, gram, D, b, 1, ridge, want));
    ck_assert_double_lt(length_from(D, x, want), 1e-6 * length_from(D, want, (double[D]){0}));
    for (int k = 0; k < 5; k++) {
      int64_t spent = 0;
      memset(x, 0, sizeof x);
      ck_ok(mst_relax(&a, ridge, b, omega[k], &o, x, work, &spent));
      each[k] += spent;
    }
  }
  int64_t best = each[0], most = each[0];
  for (int k = 1; k < 5; k++) {
    if (each[k] < best) best = each[k];
    if (each[k] > most) most = each[k];
  }
  ck_assert_int_eq(tuned.solved, TIMES);
  ck_assert_msg((double)tuned.iterations < 0.5 * (double)(best + most),
                "%lld iterations, %lld with the best omega, %lld with the worst",
                (long long)tuned.iterations, (long long)best, (long long)most);
  mst_tuner_destroy(tuned.tuner);
  mst_sparse_free(&a);
}
END_TEST

START_TEST(what_cannot_be_is_refused) {
  mst_tuner_spec spec = {.kind = "tsallis", .arms = 5};
  mst_sparse a;
  double b[4] = {1, 1, 1, 1}, x[4] = {0}, work[16];
  int64_t spent;
  ck_refused(mst_tuner_check(&spec), MST_ERR_INPUT, "tsallis_inf");
  spec.kind = "fixed";
  spec.arm = 5;
  ck_refused(mst_tuner_check(&spec), MST_ERR_INPUT, "tuner.arm");
  spec.arms = 0;
  ck_refused(mst_tuner_check(&spec), MST_ERR_INPUT, "0 settings");
  ck_ok(mst_sparse_laplacian(2, &a));
  const mst_relax_options o = {.tolerance = 1e-8, .most = 3};
  ck_refused(mst_relax(&a, 0, b, 2, &o, x, work, &spent), MST_ERR_INPUT, "omega 2");
  ck_refused(mst_relax(&a, -5, b, 1, &o, x, work, &spent), MST_ERR_SINGULAR, "diagonal entry 0");
  b[2] = NAN;
  ck_refused(mst_relax(&a, 0, b, 1, &o, x, work, &spent), MST_ERR_NONFINITE, "right side");
  b[2] = 1;
  ck_ok(mst_relax(&a, 0, b, 1, &o, x, work, &spent));
  ck_assert_int_eq(spent, 4); /* the end was not reached */
  mst_sparse_free(&a);
  ck_refused(mst_sparse_laplacian(0, &a), MST_ERR_INPUT, "0 points");
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("tuning");
  TCase *c = tcase_create("tuning");
  tcase_add_test(c, both_solvers_agree_with_a_factorisation_whatever_omega);
  tcase_add_test(c, preconditioned_gradients_take_fewer_iterations_than_sweeps);
  tcase_add_test(c, the_fastest_sor_is_where_youngs_formula_says);
  tcase_add_test(c, chances_are_those_that_the_entropy_asks_for);
  tcase_add_test(c, the_regret_is_within_the_published_bound);
  tcase_add_test(c, contexts_help_where_they_matter);
  tcase_add_test(c, a_solver_tunes_itself_along_a_ridge_path);
  tcase_add_test(c, what_cannot_be_is_refused);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
