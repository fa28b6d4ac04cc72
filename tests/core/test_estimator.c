/* Private methods: what the published scales of DIFF2 really spend, what is spent of a budget,
 * which points differences are from, and that methods of one pass use every row once. */
#include "tests/harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/privacy/accountant.h"
#include "core/privacy/calibrate.h"
#include "core/privacy/estimator.h"

enum {
  ROUNDS = 2000,
  ROWS = 20000
};

static mst_estimator *make(mst_estimator_spec spec, int64_t steps, int64_t population) {
  mst_sampler_spec sampling = {.kind = "poisson", .batch = 100, .population = population};
  mst_estimator *e = NULL;
  if (spec.share == 0) spec.share = 0.5;
  ck_ok(mst_estimator_create(&spec, &sampling, steps, &e));
  return e;
}

static mst_estimator *diff2(int64_t period) {
  return make((mst_estimator_spec){.name = "diff2", .period = period, .smoothness = 1}, ROUNDS,
              ROWS);
}

/* The releases of a run, of noise e->noise. */
static int list(const mst_estimator *e, mst_event *event) {
  for (int k = 0; k < e->kinds; k++) {
    event[k] = mst_estimator_event(e, k);
    event[k].count = mst_estimator_releases(e, k, 0);
  }
  return e->kinds;
}

static double spent(const mst_estimator *e, const char *accountant) {
  mst_event event[MST_ESTIMATOR_KINDS];
  mst_account_spec spec = {.name = accountant};
  mst_events events = {.event = event, .n = list(e, event), .adjacency = MST_ADJACENCY_REPLACE_ONE};
  mst_spent s;
  ck_ok(mst_account_epsilon(&spec, &events, 1e-5, &s));
  return s.epsilon;
}

/* The scales of the authors' program, u = 1.25, which it derives from one Renyi order; times the
 * number of rows, which cancels. */
static void publish(mst_estimator *e, double epsilon) {
  double u = 1.25, alpha = 1 + ceil(2 * log(1e5) / epsilon), period = (double)e->spec.period;
  double first = e->spec.period == 1 ? 4 : 4 * u;
  e->noise[0] = sqrt(first * alpha * ROUNDS / (period * epsilon));
  e->noise[1] = sqrt(2 * (2 * u / (u - 1)) * alpha * ROUNDS / epsilon);
}

START_TEST(the_published_scales_of_diff2_spend_a_fifth_less_than_they_say) {
  static const struct {
    double epsilon;
    int64_t period;
    double spends;
  } known[] = {{3, 1, 2.34143},   {3, 6, 2.29933}, {3, 20, 2.32825}, {3, 60, 2.35795},
               {3, 200, 2.34011}, {5, 1, 3.94002}, {5, 6, 3.86747},  {5, 200, 3.93775}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    mst_estimator *e = diff2(known[i].period);
    publish(e, known[i].epsilon);
    ck_assert_msg(fabs(spent(e, "gdp") - known[i].spends) < 6e-6, "period %d: %.6f",
                  (int)known[i].period, spent(e, "gdp"));
    ck_assert_double_lt(fabs(spent(e, "pld") - known[i].spends), 1e-4);
    mst_estimator_destroy(e);
  }
}
END_TEST

START_TEST(a_budget_is_spent_whole_and_in_the_shares_that_are_asked_for) {
  static const double share[] = {0.5, 0.8, 0.05};
  for (int i = 0; i < 3; i++) {
    mst_estimator *e =
        make((mst_estimator_spec){.name = "diff2", .period = 7, .smoothness = 1, .share = share[i]},
             ROUNDS, ROWS);
    mst_event event[MST_ESTIMATOR_KINDS];
    mst_account_spec spec = {.name = "gdp"};
    mst_events events = {
        .event = event, .n = list(e, event), .adjacency = MST_ADJACENCY_REPLACE_ONE};
    mst_spent s;
    double factor = 0;
    ck_ok(mst_calibrate_noise(&spec, &events, 3, 1e-5, 0, &factor, &s));
    ck_assert(s.epsilon <= 3 && s.epsilon > 3 - 1e-5);
    ck_assert_int_eq(event[0].count, 286);
    ck_assert_int_eq(event[1].count, ROUNDS - 286);
    double first = 286 / pow(e->noise[0], 2), rest = (ROUNDS - 286) / pow(e->noise[1], 2);
    ck_assert_double_eq_tol(first / (first + rest), share[i], 1e-12);
    mst_estimator_destroy(e);
  }
}
END_TEST

START_TEST(what_is_left_of_a_run_is_what_its_steps_are_charged) {
  static const mst_estimator_spec spec[] = {
      {.name = "dp_sgd"},
      {.name = "diff2", .period = 5, .smoothness = 1},
      {.name = "spiderboost", .period = 3, .smoothness = 1, .rows = 40},
      {.name = "tree_spider", .depth = 3, .smoothness = 1},
      {.name = "recursive", .stages = 4, .regularizer = 1},
      {.name = "diff2_bvr",
       .period = 3,
       .smoothness = 1,
       .local_share = 0.5,
       .workers = 2,
       .local_steps = 3,
       .rows = 10}};
  for (int i = 0; i < 6; i++) {
    mst_estimator *e = make(spec[i], 32, ROWS);
    int64_t left[MST_ESTIMATOR_KINDS] = {0};
    for (int64_t step = 31; step >= 0; step--) {
      if (mst_estimator_charged(e, step)) left[mst_estimator_release(e, step).kind]++;
      for (int k = 0; k < e->kinds; k++)
        ck_assert_int_eq(left[k], mst_estimator_releases(e, k, step));
    }
    mst_estimator_destroy(e);
  }
}
END_TEST

/* Slots as a run would fill them: each holds the step at which its point was seen. */
START_TEST(differences_are_from_the_step_before_or_the_parent_in_the_tree) {
  mst_estimator *e = diff2(5);
  for (int64_t step = 0; step < 20; step++) {
    mst_release r = mst_estimator_release(e, step);
    ck_assert_int_eq(r.from, step % 5 == 0 ? -1 : 0);
    ck_assert_int_eq(r.to, 0);
  }
  mst_estimator_destroy(e);
  e = make((mst_estimator_spec){.name = "tree_spider", .depth = 3, .smoothness = 1}, 16, ROWS);
  int64_t slot[4] = {-1, -1, -1, -1};
  static const int64_t parent[8] = {-1, 0, 0, 2, 0, 4, 4, 6}; /* s without its last bit */
  for (int64_t step = 0; step < 16; step++) {
    mst_release r = mst_estimator_release(e, step);
    int64_t s = step % 8, tree = step - s;
    if (s == 0)
      ck_assert_int_eq(r.from, -1);
    else
      ck_assert_int_eq(slot[r.from], tree + parent[s]);
    for (int k = r.to; k < e->slots; k++) slot[k] = step;
  }
  mst_estimator_destroy(e);
}
END_TEST

/* And a right child's sample is half as large as one a level above. */
START_TEST(one_pass_uses_every_row_once) {
  mst_estimator *e =
      make((mst_estimator_spec){.name = "tree_spider", .depth = 3, .smoothness = 1}, 16, ROWS);
  static int64_t row[ROWS], times[ROWS];
  static const double size[8] = {1, 0.125, 0.25, 0.125, 0.5, 0.125, 0.25, 0.125};
  mst_secret secret = mst_secret_test(3);
  double whole = ROWS / (2 * 2.5), all = 0; /* 2 trees of b (1 + D / 2) rows */
  memset(times, 0, sizeof times);
  for (int64_t step = 0; step < 16; step++) {
    mst_release r = mst_estimator_release(e, step);
    mst_sampler *s = mst_estimator_sample(e, &r, &secret, step);
    double expected = mst_sampler_expected(s);
    ck_assert_double_eq_tol(expected, whole * size[step % 8], 1e-6);
    int64_t n = mst_sampler_take(s, 0, ROWS, row);
    ck_assert_double_lt(fabs((double)n - expected), 5 * sqrt(expected));
    for (int64_t i = 0; i < n; i++) times[row[i]]++;
    all += expected;
  }
  ck_assert_double_eq_tol(all, ROWS, 1e-6);
  for (int64_t i = 0; i < ROWS; i++) ck_assert_int_eq(times[i], 1);
  mst_estimator_destroy(e);
}
END_TEST

START_TEST(every_stage_has_rows_of_its_own_and_uses_them_in_all_its_steps) {
  mst_estimator *e =
      make((mst_estimator_spec){.name = "recursive", .stages = 3, .regularizer = 1}, 12, ROWS);
  static int64_t row[ROWS], times[ROWS], stage[ROWS];
  mst_secret secret = mst_secret_test(3);
  ck_assert_int_eq(mst_estimator_releases(e, 0, 0), 4);
  memset(times, 0, sizeof times);
  for (int64_t step = 0; step < 12; step++) {
    mst_release r = mst_estimator_release(e, step);
    mst_sampler *s = mst_estimator_sample(e, &r, &secret, step);
    ck_assert_double_eq_tol(mst_sampler_expected(s), ROWS / 3.0, 1e-6);
    int64_t n = mst_sampler_take(s, 0, ROWS, row);
    for (int64_t i = 0; i < n; i++) {
      if (times[row[i]]++ == 0) stage[row[i]] = step / 4;
      ck_assert_int_eq(stage[row[i]], step / 4);
    }
  }
  for (int64_t i = 0; i < ROWS; i++) ck_assert_int_eq(times[i], 4);
  mst_estimator_destroy(e);
}
END_TEST

static const mst_estimator_spec local = {.name = "diff2_bvr",
                                         .period = 3,
                                         .smoothness = 1,
                                         .share = 0.5,
                                         .local_share = 0.25,
                                         .workers = 5,
                                         .local_steps = 4,
                                         .rows = 1000,
                                         .seed = 9};

/* Which worker's is drawn anew for a round: uniformly, and for all its steps. */
START_TEST(rounds_are_of_one_worker_whom_the_seed_draws_and_no_step_before_it) {
  enum {
    TURNS = 4000
  };
  mst_estimator *e = make(local, 4 * TURNS, ROWS);
  int64_t turns[5] = {0}, again = 0, last = -1;
  for (int64_t step = 0; step < 4 * TURNS; step++) {
    const mst_release r = mst_estimator_release(e, step);
    const int64_t k = step % 4, round = step / 4;
    ck_assert_int_eq(r.kind, k > 0 ? 2 : round % 3 > 0 ? 1 : 0);
    ck_assert_int_eq(r.from, k > 0 ? 1 : round % 3 > 0 ? 0 : -1);
    ck_assert_int_eq(r.to, k > 0);
    if (k == 1) turns[r.worker]++, again += r.worker == last, last = r.worker;
    if (k > 1) ck_assert_int_eq(r.worker, last);
  }
  for (int w = 0; w < 5; w++)
    ck_assert_double_lt(fabs((double)turns[w] - TURNS / 5.0), 5 * sqrt(TURNS * 0.16));
  ck_assert_double_lt(fabs((double)again - TURNS / 5.0), 5 * sqrt(TURNS * 0.16));
  mst_estimator_spec other = local;
  other.seed = 10;
  mst_estimator *f = make(other, 4 * TURNS, ROWS);
  int64_t same = 0;
  for (int64_t step = 1; step < 4 * TURNS; step += 4)
    same += mst_estimator_release(e, step).worker == mst_estimator_release(f, step).worker;
  ck_assert_double_lt(fabs((double)same - TURNS / 5.0), 5 * sqrt(TURNS * 0.16));
  mst_estimator_destroy(e);
  mst_estimator_destroy(f);
}
END_TEST

START_TEST(a_worker_keeps_its_rows_and_samples_of_them_are_drawn_anew) {
  static int64_t row[ROWS], owner[ROWS], times[ROWS];
  const int64_t workers = 5, rows = 1000, turns = 40;
  const mst_secret secret = mst_secret_test(3);
  mst_sampler *s = NULL;
  ck_ok(mst_sampler_create_workers(ROWS, workers, rows, &s));
  ck_assert_double_eq_tol(s->q, 0.25, 1e-15);
  ck_assert_double_eq_tol(mst_sampler_expected(s), 1000, 1e-9);
  for (int64_t i = 0; i < ROWS; i++) owner[i] = -1, times[i] = 0;
  for (int64_t step = 0; step < workers * turns; step++) {
    mst_sampler_begin(s, &secret, step);
    mst_sampler_worker(s, step % workers);
    const int64_t n = mst_sampler_take(s, 0, ROWS, row);
    ck_assert_double_lt(fabs((double)n - 1000), 6 * sqrt(1000));
    for (int64_t i = 0; i < n; i++) {
      if (times[row[i]]++ == 0) owner[row[i]] = step % workers;
      ck_assert_int_eq(owner[row[i]], step % workers);
    }
  }
  double square = 0; /* of a binomial of 40 and 1/4: variance 7.5 */
  for (int64_t i = 0; i < ROWS; i++) square += pow((double)times[i] - 10, 2) / ROWS;
  ck_assert_double_eq_tol(square, 7.5, 0.4);
  int64_t middle = mst_sampler_take(s, 300, 500, row); /* any rank may ask for any part */
  for (int64_t i = 0; i < middle; i++) ck_assert(row[i] >= 300 && row[i] < 800);
  static int64_t whole[ROWS];
  int64_t n = mst_sampler_take(s, 0, ROWS, whole), at = 0;
  while (whole[at] < 300) at++;
  ck_assert_int_le(at + middle, n);
  ck_assert(memcmp(whole + at, row, (size_t)middle * sizeof *row) == 0);
  mst_sampler_destroy(s);
}
END_TEST

/* All rows of the worker in every local step: then a run is mu-GDP. 26 rounds, 9 with gradients. */
START_TEST(local_steps_of_all_of_a_workers_rows_are_gaussian_releases_of_their_own) {
  mst_estimator_spec spec = local;
  spec.rows = ROWS / 5;
  mst_estimator *e = make(spec, 101, ROWS);
  const double noise[] = {40, 50, 70};
  memcpy(e->noise, noise, sizeof noise);
  ck_assert_int_eq(mst_estimator_releases(e, 0, 0), 9);
  ck_assert_int_eq(mst_estimator_releases(e, 1, 0), 17);
  ck_assert_int_eq(mst_estimator_releases(e, 2, 0), 75);
  const double mu = 2 * sqrt(9 / 1600. + 17 / 2500. + 75 / 4900.), epsilon = spent(e, "gdp");
  const double delta = 0.5 * erfc((epsilon / mu - mu / 2) / sqrt(2)) -
                       exp(epsilon) * 0.5 * erfc((epsilon / mu + mu / 2) / sqrt(2));
  ck_assert_double_eq_tol(delta, 1e-5, 1e-10);
  mst_estimator_destroy(e);
}
END_TEST

/* Renyi divergence of whole orders of a Gaussian sum over a Poisson sample (Mironov, Talwar and
 * Zhang), added up over the releases that a list of the steps has. */
static double renyi(double q, double sigma, int order) {
  double sum = 0;
  for (int k = 0; k <= order; k++)
    sum +=
        exp(lgamma(order + 1) - lgamma(k + 1) - lgamma(order - k + 1) + (k > 0 ? k * log(q) : 0) +
            (k < order ? (order - k) * log1p(-q) : 0) + (double)(k * k - k) / (2 * sigma * sigma));
  return log(sum) / (order - 1);
}

START_TEST(local_steps_are_charged_as_samples_of_the_workers_rows) {
  mst_estimator *e = make(local, 102, ROWS);
  const double noise[] = {20, 30, 5};
  memcpy(e->noise, noise, sizeof noise);
  double least = INFINITY;
  for (int order = 2; order < 64; order++) {
    double total = 0;
    for (int step = 0; step < 102; step++) {
      const int kind = step % 4 > 0 ? 2 : step / 4 % 3 > 0;
      total += kind == 2 ? renyi(1000. * 5 / ROWS, noise[2], order)
                         : order / (2 * noise[kind] * noise[kind]);
    }
    least = fmin(least, total + log1p(-1. / order) - log(1e-5 * order) / (order - 1));
  }
  mst_event event[MST_ESTIMATOR_KINDS];
  mst_events events = {.event = event, .n = list(e, event), .adjacency = MST_ADJACENCY_ADD_REMOVE};
  mst_spent s, exact;
  ck_ok(mst_account_epsilon(&(mst_account_spec){.name = "rdp"}, &events, 1e-5, &s));
  ck_ok(mst_account_epsilon(&(mst_account_spec){.name = "pld"}, &events, 1e-5, &exact));
  ck_assert_msg(s.epsilon <= least + 1e-9 && s.epsilon > 0.99 * least, "%g, %g", s.epsilon, least);
  ck_assert(exact.epsilon < s.epsilon && exact.epsilon > 0.8 * s.epsilon);
  mst_estimator_destroy(e);
}
END_TEST

START_TEST(what_differences_spend_is_shared_with_local_steps_as_asked) {
  mst_estimator *e = make(local, 102, ROWS);
  double cost[3], all = 0;
  for (int k = 0; k < 3; k++)
    all += cost[k] =
        (double)mst_estimator_releases(e, k, 0) * pow(e->sampler[k]->q / e->noise[k], 2);
  ck_assert_double_eq_tol(cost[0] / all, 0.5, 1e-12);
  ck_assert_double_eq_tol(cost[1] / all, 0.375, 1e-12);
  ck_assert_double_eq_tol(cost[2] / all, 0.125, 1e-12);
  mst_estimator_destroy(e);
}
END_TEST

/* Stages begin at 5, 7 and -2. */
START_TEST(the_pull_of_a_stage_is_the_gradient_of_all_quadratics_so_far) {
  const double lambda = 0.3, begun[3] = {5, 7, -2}, w = 1.7;
  mst_estimator *e =
      make((mst_estimator_spec){.name = "recursive", .stages = 3, .regularizer = lambda}, 12, ROWS);
  double centre = 0;
  for (int64_t step = 0; step < 12; step++) {
    mst_release r = mst_estimator_release(e, step);
    double want = 0;
    centre += r.blend * (begun[step / 4] - centre);
    for (int s = 0; s <= step / 4; s++) want += ldexp(lambda, s) * (w - begun[s]);
    ck_assert_double_eq_tol(r.pull * (w - centre), want, 1e-12);
    ck_assert_int_eq(r.halvings, step / 4);
    ck_assert_int_eq(r.from, -1);
  }
  mst_estimator_destroy(e);
}
END_TEST

START_TEST(a_start_without_what_came_before_begins_with_gradients) {
  mst_estimator *e = diff2(5);
  ck_assert(mst_estimator_begins(e, 10, false) && !mst_estimator_begins(e, 11, false));
  ck_assert(mst_estimator_begins(e, 11, true));
  mst_estimator_destroy(e);
  e = make((mst_estimator_spec){.name = "tree_spider", .depth = 3, .smoothness = 1}, 16, ROWS);
  ck_assert(mst_estimator_begins(e, 0, false) && !mst_estimator_begins(e, 8, true));
  mst_estimator_destroy(e);
}
END_TEST

START_TEST(what_cannot_be_is_refused) {
  static const mst_estimator_spec spec[] = {
      {.name = "diff3"},
      {.name = "diff2", .period = 0, .smoothness = 1, .share = 0.5},
      {.name = "diff2", .period = 2, .smoothness = 1, .share = 1},
      {.name = "spiderboost", .period = 2, .smoothness = 1, .share = 0.5, .rows = ROWS + 1},
      {.name = "tree_spider", .depth = 3, .smoothness = 1},
      {.name = "recursive", .stages = 5, .regularizer = 1},
      {.name = "recursive", .stages = 3},
      {.name = "diff2_bvr", /* more rows than a worker has */
       .period = 1,
       .smoothness = 1,
       .share = 0.5,
       .local_share = 0.5,
       .workers = 3,
       .local_steps = 2,
       .rows = ROWS / 3 + 1}};
  mst_sampler_spec sampling = {.kind = "poisson", .batch = 10, .population = ROWS};
  for (size_t i = 0; i < sizeof spec / sizeof spec[0]; i++) {
    mst_estimator *e = NULL;
    ck_assert_int_eq(mst_estimator_create(&spec[i], &sampling, 12, &e), MST_ERR_INPUT);
    ck_assert(e == NULL);
  }
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("estimator");
  TCase *c = tcase_create("estimator");
  tcase_add_test(c, the_published_scales_of_diff2_spend_a_fifth_less_than_they_say);
  tcase_add_test(c, a_budget_is_spent_whole_and_in_the_shares_that_are_asked_for);
  tcase_add_test(c, what_is_left_of_a_run_is_what_its_steps_are_charged);
  tcase_add_test(c, differences_are_from_the_step_before_or_the_parent_in_the_tree);
  tcase_add_test(c, one_pass_uses_every_row_once);
  tcase_add_test(c, every_stage_has_rows_of_its_own_and_uses_them_in_all_its_steps);
  tcase_add_test(c, rounds_are_of_one_worker_whom_the_seed_draws_and_no_step_before_it);
  tcase_add_test(c, a_worker_keeps_its_rows_and_samples_of_them_are_drawn_anew);
  tcase_add_test(c, local_steps_of_all_of_a_workers_rows_are_gaussian_releases_of_their_own);
  tcase_add_test(c, local_steps_are_charged_as_samples_of_the_workers_rows);
  tcase_add_test(c, what_differences_spend_is_shared_with_local_steps_as_asked);
  tcase_add_test(c, the_pull_of_a_stage_is_the_gradient_of_all_quadratics_so_far);
  tcase_add_test(c, a_start_without_what_came_before_begins_with_gradients);
  tcase_add_test(c, what_cannot_be_is_refused);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
