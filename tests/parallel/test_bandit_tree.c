/* Private online bandits: without noise the plain protocol, with it the tree's, the same bits on
 * any ranks, the wider sets, one charge before the first round, and what is refused. */
#define MST_TEST_MPI
#include <math.h>

#include "core/bandit/private_sums.h"
#include "parallel/bandit_internal.h"
#include "tests/harness.h"
#include "tests/parallel/bandit_run.h"

enum {
  PERIOD = 10,
  SUMS = D * (D + 1) / 2 + D
};

typedef struct tree {
  mst_sampler *sampler;
  mst_correlation *correlation;
  mst_bandit_privacy privacy;
} tree;

static mst_bandit_options settings(int64_t horizon) {
  mst_bandit_options o = defaults("periodic");
  o.horizon = o.evaluate_every = horizon;
  o.policy = mst_policy_defaults("linucb");
  o.environment.kind = "ball";
  o.environment.sets = 3;
  o.protocol.period = PERIOD;
  return o;
}

static void plant(tree *t, mst_bandit_options *o, double sigma, double clip) {
  const mst_sampler_spec batches = {
      .kind = "cyclic", .batch = PERIOD, .population = o->horizon, .kept = true};
  const mst_correlation_spec spec = {.kind = "tree", .restart = false};
  ck_ok(mst_sampler_create(&batches, &t->sampler));
  ck_ok(mst_correlation_create(&spec, t->sampler, mst_bandit_releases(o), &t->correlation));
  t->privacy = (mst_bandit_privacy){
      .clip = clip, .sigma = sigma, .tree = t->correlation, .secret = mst_secret_test(3)};
  o->privacy = &t->privacy;
}

static void fell(tree *t) {
  mst_correlation_destroy(t->correlation);
  mst_sampler_destroy(t->sampler);
}

static mst_bandit *keep(mst_team *team, const mst_bandit_options *o) {
  mst_bandit *f = NULL;
  ck_ok(mst_bandit_create(team, o, &f));
  ck_ok(mst_bandit_run(f, NULL));
  return f;
}

static double regret_of(mst_team *team, const mst_bandit_options *o) {
  mst_bandit *f = keep(team, o);
  const mst_bandit_totals t = mst_bandit_figures(f);
  const int64_t releases = mst_bandit_releases(o);
  ck_assert(t.uplink_reals == (double)(SUMS * releases) && t.downlink_reals == t.uplink_reals);
  mst_bandit_destroy(f);
  return t.regret;
}

START_TEST(without_noise_it_is_the_plain_protocol_and_bits_are_the_same_on_any_ranks) {
  mst_team *one = NULL, *all = NULL;
  ck_ok(mst_team_create(MPI_COMM_SELF, NULL, &one));
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &all));
  mst_bandit_options o = settings(95);
  const double plain = play(&o).regret;
  tree t;
  plant(&t, &o, 0, 100); /* no reward is that large */
  ck_assert(regret_of(all, &o) == plain);
  t.privacy.sigma = 0.5;
  const double noisy = regret_of(one, &o);
  ck_assert(noisy != plain && regret_of(all, &o) == noisy);
  t.privacy.secret = mst_secret_test(4);
  ck_assert(regret_of(all, &o) != noisy);
  t.privacy.sigma = 0;
  t.privacy.clip = 0.01;
  ck_assert(regret_of(all, &o) > plain); /* rewards that are cut tell too little */
  fell(&t);
  mst_team_destroy(all);
  mst_team_destroy(one);
}
END_TEST

/* Else one reward would be in all that its agent tells of the batch. Both ways the first batch is
 * played alike: the same arm of each set, whatever it paid. */
START_TEST(what_is_played_in_a_batch_follows_from_what_was_told_before) {
  mst_bandit_options o = settings(PERIOD + 1);
  double first[2];
  tree t;
  plant(&t, &o, 0, 100);
  o.environment.sets = 1;
  for (int k = 0; k < 2; k++) {
    mst_team *one = NULL;
    ck_ok(mst_team_create(MPI_COMM_SELF, NULL, &one));
    o.environment.noise = k == 0 ? 0.01 : 3;
    mst_bandit *f = keep(one, &o);
    const mst_ridge server = mst_ridge_at(f->server, 1, D, o.policy.ridge);
    first[k] = server.v[1];
    /* one arm: the sum of x x' has rank 1 */
    const double *v = server.v, a = v[0] - 1, b = v[D + 1] - 1;
    ck_assert_double_eq_tol(a * b, v[1] * v[1], 1e-9 * a * b);
    mst_bandit_destroy(f);
    mst_team_destroy(one);
  }
  ck_assert(first[0] == first[1]);
  fell(&t);
}
END_TEST

START_TEST(another_start_makes_the_same_releases) {
  char straight[MST_DIGEST_HEX], resumed[MST_DIGEST_HEX], alone[MST_DIGEST_HEX];
  mst_team *one = NULL, *all = NULL;
  ck_ok(mst_team_create(MPI_COMM_SELF, NULL, &one));
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &all));
  mst_bandit_options o = settings(95);
  o.evaluate_every = 35; /* stops are within a batch, too */
  tree t;
  plant(&t, &o, 0.5, 1);
  run(one, &o, 0, alone);
  run(all, &o, 0, straight);
  run(all, &o, o.evaluate_every, resumed);
  ck_assert_str_eq(straight, alone);
  ck_assert_str_eq(resumed, alone);
  fell(&t);
  mst_team_destroy(all);
  mst_team_destroy(one);
}
END_TEST

/* With one arm an offer, what agents see does not depend on what they are told. */
START_TEST(the_noise_in_the_sums_is_that_of_the_nodes_of_a_tree) {
  enum {
    SEEDS = 60
  };
  mst_team *one = NULL;
  ck_ok(mst_team_create(MPI_COMM_SELF, NULL, &one));
  /* 4 releases are one node of the tree, 3 are two. */
  for (int releases = 3; releases <= 4; releases++) {
    mst_bandit_options o = settings(PERIOD * releases + 1);
    o.seeds = SEEDS;
    o.environment.arms = 1;
    mst_bandit *plain = keep(one, &o);
    tree t;
    plant(&t, &o, 2, 10);
    mst_bandit *noisy = keep(one, &o);
    const double node = 2 * sqrt(1 + 100), nodes = releases == 4 ? 1 : 2;
    double diagonal = 0, beside = 0, vector = 0;
    for (int64_t k = 0; k < SEEDS; k++) {
      const mst_ridge a = mst_ridge_at(plain->server + k * plain->record, 1, D, 1);
      const mst_ridge b = mst_ridge_at(noisy->server + k * noisy->record, 1, D, 1);
      const double shift = noisy->options.policy.ridge - plain->options.policy.ridge;
      for (int i = 0; i < D; i++) {
        vector += pow(b.b[i] - a.b[i], 2) / (SEEDS * D);
        diagonal += pow(b.v[i * D + i] - a.v[i * D + i] - shift, 2) / (SEEDS * D);
        for (int j = 0; j < i; j++) {
          beside += pow(b.v[i * D + j] - a.v[i * D + j], 2) * 2 / (SEEDS * D * (D - 1));
          ck_assert(b.v[i * D + j] == b.v[j * D + i]);
        }
      }
    }
    const double expected = AGENTS * nodes * node * node;
    ck_assert_double_eq_tol(vector / expected, 1, 0.35);
    ck_assert_double_eq_tol(diagonal / expected, 1, 0.35);
    ck_assert_double_eq_tol(2 * beside / expected, 1, 0.35);
    mst_bandit_destroy(plain);
    mst_bandit_destroy(noisy);
    fell(&t);
  }
  mst_team_destroy(one);
}
END_TEST

START_TEST(sets_are_wider_by_what_the_noise_can_do) {
  mst_team *one = NULL;
  mst_bandit *f = NULL;
  ck_ok(mst_team_create(MPI_COMM_SELF, NULL, &one));
  mst_bandit_options o = settings(10 * PERIOD + 1); /* ten releases: four nodes at most */
  tree t;
  plant(&t, &o, 0.5, 1);
  ck_ok(mst_bandit_create(one, &o, &f));
  const double s = 0.5 * sqrt(2) * sqrt(4.0 * AGENTS);
  const double m = s * (sqrt(2 * D) + sqrt(2 * log(2 * 10 / o.policy.delta)));
  const double v = s * (sqrt(D) + sqrt(2 * log(10 / o.policy.delta)));
  const mst_policy_spec *p = &f->options.policy;
  ck_assert_double_eq_tol(p->ridge, 1 + 2 * m, 1e-9);
  ck_assert_double_eq_tol(p->floor, 1 + m, 1e-9);
  const mst_ridge start = mst_ridge_at(f->known, 1, D, p->ridge);
  const double width = p->noise * sqrt(D * log((1 + 2 * m) / (1 + m)) + 2 * log(1 / p->delta)) +
                       sqrt(1 + 3 * m) + v / sqrt(1 + m);
  ck_assert_double_eq_tol(mst_policy_width(p, &start), width, 1e-9);
  mst_bandit_destroy(f);
  fell(&t);
  mst_team_destroy(one);
}
END_TEST

static mst_status charge(void *context, int64_t release) {
  ck_assert_int_eq(release, 0);
  ++*(int *)context;
  return *(int *)context > 1 ? mst_fail(MST_ERR_BUDGET, "the budget is spent") : MST_OK;
}

START_TEST(the_whole_run_is_charged_once_before_it_begins) {
  mst_team *all = NULL;
  mst_bandit *f = NULL;
  int charged = 0;
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &all));
  mst_bandit_options o = settings(95);
  tree t;
  plant(&t, &o, 0.5, 1);
  t.privacy.charge = charge;
  t.privacy.context = &charged;
  mst_bandit_destroy(keep(all, &o));
  ck_assert_int_eq(charged, 1);
  ck_ok(mst_bandit_create(all, &o, &f));
  ck_refused(mst_bandit_run(f, NULL), MST_ERR_BUDGET, "spent");
  mst_bandit_destroy(f);
  t.privacy.charged = 1;
  mst_bandit_destroy(keep(all, &o));
  ck_assert_int_eq(charged, 2);
  fell(&t);
  mst_team_destroy(all);
}
END_TEST

START_TEST(what_would_not_be_private_is_refused) {
  static const char *const leaky[] = {"dislinucb", "fedlinucb", "async_linucb", "full"};
  mst_bandit_options o = settings(95);
  tree t;
  plant(&t, &o, 0.5, 1);
  for (int k = 0; k < 4; k++) {
    o.protocol.kind = leaky[k];
    mst_param_defaults(mst_protocol_find(leaky[k])->params, &o.protocol);
    ck_refused(mst_bandit_check(&o), MST_ERR_UNSUPPORTED, "protocol.kind: periodic");
  }
  o.protocol.kind = "none";
  ck_refused(mst_bandit_check(&o), MST_ERR_UNSUPPORTED, "nothing is told");
  o.protocol.kind = "periodic";
  o.policy = mst_policy_defaults("ucb1");
  ck_refused(mst_bandit_check(&o), MST_ERR_UNSUPPORTED, "ucb1");
  o.policy = mst_policy_defaults("ds_oful"); /* what it tells of one depends on others */
  ck_refused(mst_bandit_check(&o), MST_ERR_UNSUPPORTED, "earlier ones");
  o.policy = mst_policy_defaults("linucb");
  t.privacy.agents = true;
  ck_refused(mst_bandit_check(&o), MST_ERR_UNSUPPORTED, "whole agents");
  t.privacy.agents = false;
  t.privacy.hardened = true;
  ck_refused(mst_bandit_check(&o), MST_ERR_UNSUPPORTED, "float");
  t.privacy.hardened = false;
  o.protocol.period = 95;
  ck_refused(mst_bandit_check(&o), MST_ERR_INPUT, "protocol.period");
  fell(&t);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("bandit_tree");
  TCase *tc = tcase_create("parallel");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, without_noise_it_is_the_plain_protocol_and_bits_are_the_same_on_any_ranks);
  tcase_add_test(tc, what_is_played_in_a_batch_follows_from_what_was_told_before);
  tcase_add_test(tc, another_start_makes_the_same_releases);
  tcase_add_test(tc, the_noise_in_the_sums_is_that_of_the_nodes_of_a_tree);
  tcase_add_test(tc, sets_are_wider_by_what_the_noise_can_do);
  tcase_add_test(tc, the_whole_run_is_charged_once_before_it_begins);
  tcase_add_test(tc, what_would_not_be_private_is_refused);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
