/* Policies of bandits: each plays and learns what its formula says, and does what it is for. */
#include <math.h>
#include <string.h>

#include "core/bandit/policy.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "tests/harness.h"

enum {
  D = 4,
  ARMS = 6
};

/* An agent of a policy in an environment. */
typedef struct agent {
  mst_policy_spec policy;
  mst_environment *e;
  mst_ridge known;
  double *record, *room, *work;
  int64_t round, learned;
  double regret;
} agent;

static mst_environment_spec place(int64_t arms, int64_t dimension) {
  return (mst_environment_spec){
      .kind = "sphere", .dimension = dimension, .arms = arms, .noise = 0.3};
}

static void start(agent *a, const mst_policy_spec *p, const mst_environment_spec *e, uint64_t seed,
                  int64_t horizon) {
  int64_t blocks = 0, width = 0;
  *a = (agent){.policy = *p};
  mst_policy_tell(&a->policy, e, horizon);
  ck_ok(mst_policy_check(&a->policy));
  ck_ok(mst_environment_create(e, seed, &a->e));
  mst_policy_shape(&a->policy, e->arms, e->dimension, &blocks, &width);
  ck_ok(mst_alloc(&a->record, mst_ridge_doubles(blocks, width), sizeof(double), "statistics"));
  ck_ok(mst_alloc(&a->room, mst_environment_room(e) + 1, sizeof(double), "arms"));
  ck_ok(mst_alloc(&a->work,
                  mst_policy_work(&a->policy, e->arms, e->dimension) + width * (width + 1),
                  sizeof(double), "work"));
  a->known = mst_ridge_at(a->record, blocks, width, a->policy.ridge);
  mst_ridge_start(&a->known);
}

static void finish(agent *a) {
  mst_environment_destroy(a->e);
  mst_free(a->record);
  mst_free(a->room);
  mst_free(a->work);
}

/* One interaction; what was chosen and learned. */
static mst_choice step(agent *a, mst_contexts *c, mst_lesson *l) {
  const int64_t t = a->round++, d = a->e->spec.dimension;
  mst_stream s = mst_stream_of(mst_key_make(9, MST_PURPOSE_BANDIT_CHOICE, 0, (uint64_t)t));
  mst_choice choice;
  *c = mst_environment_offer(a->e, 0, t, a->room);
  const mst_policy_offer offer = {
      .arms = a->e->spec.arms, .x = c->x, .sigma = c->sigma, .round = t};
  ck_ok(mst_policy_choose(&a->policy, &a->known, &offer, &s, a->work, &choice));
  ck_assert(choice.arm >= 0 && choice.arm < offer.arms && choice.block < a->known.blocks);
  const double y = mst_environment_reward(a->e, c, choice.arm, 0, t);
  a->regret += c->best - c->mean[choice.arm];
  if (mst_policy_lesson(&a->policy, &choice, c->x, d, y, a->work, l)) {
    ck_ok(mst_ridge_learn(&a->known, l->block, l->x, l->y, a->work + d));
    a->learned++;
  }
  return choice;
}

static double regret(const mst_policy_spec *p, const mst_environment_spec *e, uint64_t seed,
                     int64_t horizon) {
  agent a;
  mst_contexts c;
  mst_lesson l;
  start(&a, p, e, seed, horizon);
  for (int64_t t = 0; t < horizon; t++) step(&a, &c, &l);
  const double sum = a.regret;
  finish(&a);
  return sum;
}

/* Rewards 0 or 1 for those that count them. */
static void suit(const mst_policy_ops *ops, mst_environment_spec *e) {
  if (ops->contextless) e->sets = 1;
  if (!ops->binary) return;
  e->link = "logistic";
  e->noise = 1;
  e->length = 4;
}

START_TEST(every_policy_regrets_less_than_any_arm) {
  for (int k = 0; mst_policy_at(k) != NULL; k++) {
    mst_environment_spec e = place(ARMS, D);
    mst_policy_spec p = mst_policy_defaults(mst_policy_at(k)->name);
    mst_policy_spec any = mst_policy_defaults("epsilon_greedy");
    double sum = 0, uniform = 0;
    suit(mst_policy_at(k), &e);
    any.epsilon = 1;
    p.gamma = fmin(p.gamma, 0.1);
    p.scale = 0.3;
    p.greed = 5;
    if (strcmp(p.kind, "suplinucb") == 0) p.beta = 0.5;
    for (uint64_t seed = 0; seed < 3; seed++) {
      sum += regret(&p, &e, seed, 1500);
      uniform += regret(&any, &e, seed, 1500);
    }
    /* Sparse supports are of another theta. */
    if (strcmp(p.kind, "misspecified_sparse") != 0)
      ck_assert_msg(sum < 0.35 * uniform, "%s: %g, any arm %g", p.kind, sum, uniform);
  }
}
END_TEST

START_TEST(every_policy_plays_one_arm_one_entry_one_round) {
  for (int k = 0; mst_policy_at(k) != NULL; k++) {
    const mst_policy_ops *ops = mst_policy_at(k);
    mst_policy_spec p = mst_policy_defaults(ops->name);
    mst_environment_spec e = place(1, D);
    suit(ops, &e);
    ck_assert(regret(&p, &e, 1, 50) == 0);
    e = place(3, 1);
    p.sparsity = 1;
    suit(ops, &e);
    ck_assert(isfinite(regret(&p, &e, 1, 50)));
    e = place(3, 40); /* more entries than rounds */
    suit(ops, &e);
    ck_assert(isfinite(regret(&p, &e, 1, 9)));
    ck_assert(isfinite(regret(&p, &e, 1, 1)));
  }
}
END_TEST

START_TEST(dsoful_learns_from_wide_arms_alone) {
  mst_policy_spec p = mst_policy_defaults("ds_oful"), other = mst_policy_defaults("linucb");
  mst_environment_spec e = place(ARMS, D);
  agent a;
  mst_contexts c;
  mst_lesson l;
  int learned = 0, narrow = 0;
  p.gamma = 0.2;
  start(&a, &p, &e, 3, 1000);
  mst_policy_tell(&other, &e, 1000);
  for (int t = 0; t < 1000; t++) {
    double before[2 * D * D + 2 * D + 2], mean[ARMS], spread[ARMS], work[ARMS * D + 3 * D * D];
    memcpy(before, a.record, sizeof before);
    const mst_ridge r = mst_ridge_at(before, 1, D, 1);
    mst_choice same;
    const mst_choice choice = step(&a, &c, &l);
    const mst_policy_offer offer = {.arms = ARMS, .x = c.x};
    double own[2 * ARMS + ARMS * D + D * D + 2 * D];
    ck_ok(mst_policy_choose(&other, &r, &offer, NULL, own, &same));
    ck_assert_int_eq(choice.arm, same.arm);
    mst_ridge_score(&r, ARMS, c.x, mean, spread, work);
    const bool wide = sqrt(spread[choice.arm]) >= 0.2;
    learned += wide;
    narrow += !wide;
    ck_assert(choice.weight == (wide ? 1 : 0));
    ck_assert((memcmp(before, a.record, sizeof before) == 0) == !wide);
  }
  ck_assert_int_eq(a.learned, learned);
  /* Each adds log(1 + Gamma^2) at least to log det V, which stays below d log(1 + n / (d lambda)).
   */
  ck_assert(learned * log1p(0.04) <= D * log1p(learned / (double)D));
  ck_assert(narrow > 400);
  finish(&a);
}
END_TEST

START_TEST(dsoful_is_oful_where_it_learns_from_all) {
  mst_policy_spec p = mst_policy_defaults("ds_oful"), other = mst_policy_defaults("linucb");
  mst_environment_spec e = place(ARMS, D);
  p.gamma = 0;
  ck_assert(regret(&p, &e, 5, 400) == regret(&other, &e, 5, 400));
  p.gamma = 1;
  ck_refused(mst_policy_check(&p), MST_ERR_INPUT, "policy.gamma");
  p.gamma = -0.1;
  ck_refused(mst_policy_check(&p), MST_ERR_INPUT, "policy.gamma");
}
END_TEST

/* A record of two axes: (n, sum) of each. */
static void fill_axes(const mst_ridge *r, int64_t block, const double *n, const double *sum) {
  double work[4];
  for (int i = 0; i < 2; i++) {
    r->v[(block * 2 + i) * 2 + i] += n[i];
    r->b[block * 2 + i] += sum[i];
  }
  ck_ok(mst_ridge_factor(r, work));
}

START_TEST(suplinucb_goes_down_its_levels) {
  const double x[] = {1, 0, 0, 1};
  double record[4 * 12 + 2], work[64];
  mst_policy_spec p = mst_policy_defaults("suplinucb");
  int64_t blocks = 0, width = 0;
  mst_choice choice;
  const mst_policy_offer offer = {.arms = 2, .x = x};
  p.beta = 1;
  p.horizon = 256;
  mst_policy_shape(&p, 2, 2, &blocks, &width);
  ck_assert(blocks == 4 && width == 2);
  const mst_ridge r = mst_ridge_at(record, 4, 2, 1);
  mst_ridge_start(&r);
  ck_ok(mst_policy_choose(&p, &r, &offer, NULL, work, &choice));
  ck_assert(choice.arm == 0 && choice.block == 0 && choice.weight == 1);
  fill_axes(&r, 0, (double[]){3, 0}, (double[]){2, 0}); /* widths 1/2, 1 */
  ck_ok(mst_policy_choose(&p, &r, &offer, NULL, work, &choice));
  ck_assert(choice.arm == 1 && choice.block == 0 && choice.weight == 1);
  fill_axes(&r, 0, (double[]){0, 3}, (double[]){0, -0.5}); /* bounds 1 and 3/8: none goes */
  fill_axes(&r, 1, (double[]){3, 0}, (double[]){2, 0});
  ck_ok(mst_policy_choose(&p, &r, &offer, NULL, work, &choice));
  ck_assert(choice.arm == 1 && choice.block == 1 && choice.weight == 1);
  fill_axes(&r, 0, (double[]){0, 0}, (double[]){0, -2.1}); /* -0.15: lower by more than 1 */
  ck_ok(mst_policy_choose(&p, &r, &offer, NULL, work, &choice));
  ck_assert(choice.arm == 0 && choice.block == 1 && choice.weight == 1);
  fill_axes(&r, 1, (double[]){252, 252}, (double[]){1, 300}); /* widths 1/16, 1/253^(1/2) */
  ck_ok(mst_policy_choose(&p, &r, &offer, NULL, work, &choice));
  ck_assert(choice.arm == 0 && choice.block == 1 && choice.weight == 0);
  p.horizon = 1;
  mst_policy_shape(&p, 2, 2, &blocks, &width);
  ck_assert_int_eq(blocks, 1);
}
END_TEST

START_TEST(squarecb_plays_in_inverse_proportion_to_gaps) {
  enum {
    TIMES = 40000
  };
  const double x[] = {1, 0, 0, 1, 0.6, 0.8};
  double record[2 * 2 * 2 + 2 * 2 + 2], work[64];
  int played[3] = {0};
  mst_policy_spec p = mst_policy_defaults("squarecb");
  mst_choice choice;
  const mst_ridge r = mst_ridge_at(record, 1, 2, 1);
  mst_ridge_start(&r);
  fill_axes(&r, 0, (double[]){9, 9}, (double[]){10, 2}); /* theta = (1, 0.2); means 1, .2, .76 */
  p.greed = 2;
  const mst_policy_offer offer = {.arms = 3, .x = x, .round = 47};
  for (int t = 0; t < TIMES; t++) {
    mst_stream s = mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, 3, (uint64_t)t));
    ck_ok(mst_policy_choose(&p, &r, &offer, &s, work, &choice));
    ck_assert(choice.weight == 1 && choice.block == 0);
    played[choice.arm]++;
  }
  const double gamma = 2 * sqrt(3 * 48) / (sqrt(log(100) + 2 * log(100)) + 1);
  ck_assert_double_eq_tol(played[1] / (double)TIMES, 1 / (3 + gamma * 0.8), 0.006);
  ck_assert_double_eq_tol(played[2] / (double)TIMES, 1 / (3 + gamma * 0.24), 0.006);
}
END_TEST

START_TEST(generalised_rewards_are_learned_as_newton_steps) {
  mst_policy_spec p = mst_policy_defaults("glm_ucb");
  const double x[] = {1, 0, 0, 2};
  double room[2];
  mst_lesson l;
  p.link = "logistic";
  mst_choice choice = {.arm = 1, .weight = 0.196611933241481852, .centre = 1}; /* mu'(1) */
  ck_assert(mst_policy_lesson(&p, &choice, x, 2, 1, room, &l));
  const double root = sqrt(0.196611933241481852);
  ck_assert(l.block == 0 && l.x[0] == 0);
  ck_assert_double_eq_tol(l.x[1], 2 * root, 1e-14);
  /* root (1 + (1 - mu(1)) / mu'(1)) */
  ck_assert_double_eq_tol(l.y, root * (1 + 0.268941421369995120 / 0.196611933241481852), 1e-13);
  p.link = "identity";
  choice.weight = 1;
  ck_assert(mst_policy_lesson(&p, &choice, x, 2, 0.3, room, &l) && l.y == 0.3 && l.x == x + 2);
  p.length = 9;
  ck_refused(mst_policy_check(&p), MST_ERR_INPUT, "environment.length");
}
END_TEST

START_TEST(losses_are_expanded_where_the_hidden_vector_can_be) {
  const double x[] = {0, 0.5};
  double record[2 * 2 * 2 + 2 * 2 + 2], work[64];
  mst_policy_spec p = mst_policy_defaults("glm_ucb");
  mst_choice choice;
  const mst_policy_offer offer = {.arms = 1, .x = x};
  const mst_ridge r = mst_ridge_at(record, 1, 2, 1);
  mst_ridge_start(&r);
  p.link = "logistic";
  p.length = 2; /* so that |x'theta| <= 1 */
  fill_axes(&r, 0, (double[]){0, 1}, (double[]){0, 3});
  ck_ok(mst_policy_choose(&p, &r, &offer, NULL, work, &choice));
  ck_assert_double_eq_tol(choice.centre, 0.75, 1e-14); /* theta = (0, 3/2) */
  fill_axes(&r, 0, (double[]){0, 0}, (double[]){0, 97});
  ck_ok(mst_policy_choose(&p, &r, &offer, NULL, work, &choice));
  ck_assert(choice.centre == 1);
  ck_assert_double_eq_tol(choice.weight, 0.196611933241481852, 1e-15);
}
END_TEST

START_TEST(a_generalised_policy_finds_the_hidden_vector_where_a_linear_one_cannot) {
  static const char *const links[] = {"logistic", "probit"};
  for (int k = 0; k < 2; k++) {
    mst_policy_spec p = mst_policy_defaults("glm_ucb");
    mst_environment_spec e = place(ARMS, D);
    agent a;
    mst_contexts c;
    mst_lesson l;
    e.link = links[k];
    e.noise = 1;
    e.length = 3;
    p.beta = 100; /* explores all the time */
    start(&a, &p, &e, 2, 6000);
    for (int t = 0; t < 6000; t++) step(&a, &c, &l);
    double off = 0;
    for (int i = 0; i < D; i++) off += pow(a.known.theta[i] - a.e->theta[i], 2);
    ck_assert_msg(sqrt(off) < 0.35, "%s: off by %g of 3", links[k], sqrt(off));
    finish(&a);
  }
}
END_TEST

START_TEST(known_variances_are_weights) {
  const double x[] = {1, 0, 0, 1}, sigma[] = {0.5, 0.05};
  double record[2 * 2 * 2 + 2 * 2 + 2], work[64], room[2];
  mst_policy_spec p = mst_policy_defaults("weighted_oful");
  mst_choice choice;
  mst_lesson l;
  const mst_ridge r = mst_ridge_at(record, 1, 2, 1);
  mst_policy_offer offer = {.arms = 2, .x = x, .sigma = sigma};
  mst_ridge_start(&r);
  p.beta = 1;
  fill_axes(&r, 0, (double[]){0, 3}, (double[]){0, 0}); /* widths 1, 1/2 */
  ck_ok(mst_policy_choose(&p, &r, &offer, NULL, work, &choice));
  ck_assert(choice.arm == 0 && choice.weight == 4);
  ck_assert(mst_policy_lesson(&p, &choice, x, 2, 3, room, &l) && l.x[0] == 2 && l.y == 6);
  p.damping = 2;
  ck_ok(mst_policy_choose(&p, &r, &offer, NULL, work, &choice));
  ck_assert(choice.arm == 0 && choice.weight == 0.25);
  p.damping = 0;
  fill_axes(&r, 0, (double[]){0, 0}, (double[]){0, 8});
  ck_ok(mst_policy_choose(&p, &r, &offer, NULL, work, &choice));
  ck_assert_int_eq(choice.arm, 1);
  ck_assert_double_eq_tol(choice.weight, 400, 1e-10);
  p.least_noise = 0.1;
  ck_ok(mst_policy_choose(&p, &r, &offer, NULL, work, &choice));
  ck_assert_double_eq_tol(choice.weight, 100, 1e-10);
  ck_assert_double_eq_tol(mst_policy_weight(&p), 100, 1e-10);
  offer.sigma = NULL;
  p.noise = 2;
  ck_ok(mst_policy_choose(&p, &r, &offer, NULL, work, &choice));
  ck_assert(choice.weight == 0.25);
}
END_TEST

START_TEST(who_is_told_variances_regrets_less) {
  mst_policy_spec p = mst_policy_defaults("weighted_oful"), other = mst_policy_defaults("linucb");
  mst_environment_spec e = place(ARMS, D);
  double sum = 0, without = 0;
  e.noise = 0.5;
  e.noise_spread = 8;
  for (uint64_t seed = 0; seed < 3; seed++) {
    sum += regret(&p, &e, seed, 1500);
    without += regret(&other, &e, seed, 1500);
  }
  ck_assert_msg(sum < 0.3 * without, "%g, without %g", sum, without);
}
END_TEST

START_TEST(posterior_draws_of_ones_and_zeros_have_their_law) {
  enum {
    TIMES = 20000
  };
  double record[2 * 4 + 2], work[64];
  const double x[] = {0, 0};
  int second = 0;
  mst_policy_spec p = mst_policy_defaults("thompson_bernoulli");
  mst_choice choice;
  const mst_policy_offer offer = {.arms = 2, .x = x};
  const mst_ridge r = mst_ridge_at(record, 2, 1, 1);
  mst_ridge_start(&r);
  r.v[0] += 3; /* 2 ones, a zero: Beta(3, 2), with the mean 3/5 */
  r.b[0] += 2;
  for (int t = 0; t < TIMES; t++) {
    mst_stream s = mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, 4, (uint64_t)t));
    ck_ok(mst_policy_choose(&p, &r, &offer, &s, work, &choice));
    second += choice.arm == 1;
    ck_assert_int_eq(choice.block, choice.arm);
  }
  ck_assert_double_eq_tol(second / (double)TIMES, 0.4, 0.012); /* P(uniform > Beta(3, 2)) */
  ck_refused(mst_policy_check(&p), MST_ERR_INPUT, "environment.link");
  p.link = "logistic";
  ck_ok(mst_policy_check(&p));
}
END_TEST

/* The bound of x by a support of two, by the formula on the page, and whether it stays. */
static double bound_of(const mst_ridge *r, const mst_policy_spec *p, int i, int j, const double *x,
                       double drift, bool *stays) {
  const double a = r->v[i * D + i], b = r->v[i * D + j], c = r->v[j * D + j], det = a * c - b * b;
  const double u = (c * r->b[i] - b * r->b[j]) / det, v = (a * r->b[j] - b * r->b[i]) / det;
  const double spread = (c * x[i] * x[i] - 2 * b * x[i] * x[j] + a * x[j] * x[j]) / det;
  double all = -r->b[i] * u - r->b[j] * v;
  for (int k = 0; k < D; k++) all += r->b[k] * r->theta[k];
  const double least = p->floor > 0 ? p->floor : 1, more = 1 + p->slack + drift;
  *stays = sqrt(all) <= p->noise * sqrt(*r->logdet - D * log(least) + 2 * log(100)) + more;
  return u * x[i] + v * x[j] +
         (p->noise * sqrt(log(det) - 2 * log(least) + 2 * log(6 * 100)) + more) * sqrt(spread);
}

/* In every round the arm of the largest bound is played; supports, over the rounds, that were
 * excluded and that stayed. */
static void follow(double floor, double slack, int *gone, int *kept) {
  mst_policy_spec p = mst_policy_defaults("misspecified_sparse");
  mst_environment_spec e = place(ARMS, D);
  agent a;
  mst_contexts c;
  mst_lesson l;
  e.noise = 0.05;
  e.sparsity = 2;
  e.length = 1;
  e.misspecified = 0.001;
  start(&a, &p, &e, 4, 400);
  a.policy.floor = floor;
  a.policy.slack = slack;
  for (int t = 0; t < 400; t++) {
    double before[2 * D * D + 2 * D + 2], best = -INFINITY;
    memcpy(before, a.record, sizeof before);
    const mst_ridge r = mst_ridge_at(before, 1, D, 1);
    const mst_choice choice = step(&a, &c, &l);
    int arm = 0;
    for (int k = 0; k < ARMS; k++)
      for (int i = 0; i < D; i++)
        for (int j = i + 1; j < D; j++) {
          bool stays = false;
          const double bound = bound_of(&r, &a.policy, i, j, c.x + k * D, 0.001 * sqrt(t), &stays);
          if (k == 0) *(stays ? kept : gone) += 1;
          if (!stays) ck_assert(a.e->theta[i] == 0 || a.e->theta[j] == 0);
          if (!stays || bound <= best) continue;
          best = bound;
          arm = k;
        }
    ck_assert_int_eq(choice.arm, arm);
  }
  finish(&a);
}

START_TEST(sparse_supports_that_the_rewards_exclude_are_dropped) {
  int gone = 0, kept = 0, wider = 0;
  follow(0, 0, &gone, &kept);
  ck_assert(gone > 400 && kept >= 400);
  follow(0.5, 0.4, &wider, &kept); /* statistics that hold noise */
  ck_assert(wider < gone);
}
END_TEST

START_TEST(few_entries_are_found_sooner_than_all) {
  mst_policy_spec p = mst_policy_defaults("misspecified_sparse"),
                  other = mst_policy_defaults("linucb");
  mst_environment_spec e = place(10, 20);
  e.sparsity = 2;
  p.beta = other.beta = 0.5;
  double sparse = 0, all = 0;
  for (uint64_t seed = 0; seed < 4; seed++) {
    sparse += regret(&p, &e, seed, 600);
    all += regret(&other, &e, seed, 600);
  }
  ck_assert_msg(sparse < 0.8 * all, "%g, with all entries %g", sparse, all);
  p.sparsity = 4;
  ck_refused(mst_policy_check(&p), MST_ERR_INPUT, "policy.sparsity");
  p.sparsity = 3;
  p.dimension = 2;
  ck_refused(mst_policy_check(&p), MST_ERR_INPUT, "policy.sparsity");
  p.dimension = 200;
  ck_refused(mst_policy_check(&p), MST_ERR_INPUT, "1313400 supports");
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("bandit policies");
  TCase *tc = tcase_create("core");
  tcase_add_test(tc, every_policy_regrets_less_than_any_arm);
  tcase_add_test(tc, every_policy_plays_one_arm_one_entry_one_round);
  tcase_add_test(tc, dsoful_learns_from_wide_arms_alone);
  tcase_add_test(tc, dsoful_is_oful_where_it_learns_from_all);
  tcase_add_test(tc, suplinucb_goes_down_its_levels);
  tcase_add_test(tc, squarecb_plays_in_inverse_proportion_to_gaps);
  tcase_add_test(tc, generalised_rewards_are_learned_as_newton_steps);
  tcase_add_test(tc, losses_are_expanded_where_the_hidden_vector_can_be);
  tcase_add_test(tc, a_generalised_policy_finds_the_hidden_vector_where_a_linear_one_cannot);
  tcase_add_test(tc, known_variances_are_weights);
  tcase_add_test(tc, who_is_told_variances_regrets_less);
  tcase_add_test(tc, posterior_draws_of_ones_and_zeros_have_their_law);
  tcase_add_test(tc, sparse_supports_that_the_rewards_exclude_are_dropped);
  tcase_add_test(tc, few_entries_are_found_sooner_than_all);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
