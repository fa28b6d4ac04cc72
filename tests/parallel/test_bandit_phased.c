/* Batches of a bandit between the agents and the sum: averages over neighbours, attackers and
 * rules, masks, noise. The same bits on any ranks and after a resume; what each is for; what is
 * refused. */
#define MST_TEST_MPI
#include <math.h>

#include "comm/sum.h"
#include "tests/parallel/bandit_run.h"

static mst_bandit_options batches(void) {
  mst_bandit_options o = defaults("disbe_lucb");
  o.horizon = 300;
  o.evaluate_every = 100;
  o.agents = 8;
  return o;
}

static mst_bandit_options neighbours(const char *graph) {
  mst_bandit_options o = defaults("decbe_lucb");
  o.horizon = 300;
  o.evaluate_every = 100;
  o.agents = 8;
  o.protocol.batches = 3;
  o.topology = (mst_topology_spec){.kind = graph, .probability = 0.6};
  return o;
}

static void lie(mst_bandit_options *o, const char *attack, const char *rule) {
  o->attack = (mst_attack_spec){.name = attack};
  mst_param_defaults(mst_attack_find(attack)->params, &o->attack);
  o->attack.count = 2;
  o->aggregate.rule = (mst_rule_spec){.name = rule, .byzantine = 2};
  mst_param_defaults(mst_rule_find(rule)->params, &o->aggregate.rule);
  o->aggregate.rule.byzantine = 2;
}

static void hide(mst_bandit_options *o, mst_mask_kind kind, double dropout) {
  o->secure = (mst_mask_options){
      .kind = kind, .secure = {.threshold = 0.51, .dropout = dropout}, .bound = 2};
}

/* What noise and its ledger are given; a charge that is refused. */
typedef struct till {
  mst_bandit_privacy privacy;
  int64_t charges, most;
} till;

static mst_status charge(void *context, int64_t release) {
  till *t = context;
  ck_assert_int_eq(release, t->charges);
  if (t->charges == t->most) return mst_fail(MST_ERR_BUDGET, "the budget is spent");
  t->charges++;
  return MST_OK;
}

static void keep_private(mst_bandit_options *o, till *t, double clip, double sigma) {
  *t = (till){.privacy = {.clip = clip, .sigma = sigma, .secret = mst_secret_test(9)}, .most = 99};
  o->privacy = &t->privacy;
}

static till shared;

/* One after the other: all stages. */
static bool choose_case(mst_bandit_options *o, int number) {
  static const struct {
    const char *attack, *rule;
  } liars[] = {{"sign_flip", "krum"},
               {"alie", "centered_clipping"},
               {"nan", "mean"},
               {"min_max", "median"},
               {"free_rider", "geometric_median"}};
  *o = number < 3 ? neighbours(number == 0   ? "ring"
                               : number == 1 ? "erdos_renyi"
                                             : "star")
                  : batches();
  if (number < 3) {
    o->protocol.share = 0.1;
  } else if (number < 8) {
    lie(o, liars[number - 3].attack, liars[number - 3].rule);
    if (number == 4) o->attack.search = true;
    if (number == 4) o->attack.evaluations = 3;
    if (number == 5) o->protocol.bits = 16;
    if (number == 6) o->aggregate.mixer[0] = (mst_mixer_spec){.name = "nnm", .byzantine = 2};
    o->aggregate.mixers = number == 6;
    if (number == 7) o->attack.sends = "previous";
  } else if (number < 10) {
    hide(o, number == 8 ? MST_MASK_SUM : MST_MASK_ON, number == 8 ? 0 : 0.1);
  } else if (number < 13) {
    keep_private(o, &shared, 1, 2);
    shared.privacy.hardened = number != 10;
    shared.privacy.agents = number == 12;
  } else {
    return false;
  }
  return true;
}

START_TEST(a_run_has_the_same_bits_on_any_ranks_and_after_a_resume) {
  mst_team *one = NULL, *all = NULL;
  ck_ok(mst_team_create(MPI_COMM_SELF, NULL, &one));
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &all));
  mst_bandit_options o;
  for (int c = 0; choose_case(&o, c); c++) {
    char expected[MST_DIGEST_HEX], found[MST_DIGEST_HEX];
    run(one, &o, 0, expected);
    run(all, &o, 0, found);
    ck_assert_msg(strcmp(found, expected) == 0, "case %d: other bits on the ranks", c);
    run(all, &o, o.evaluate_every, found);
    ck_assert_msg(strcmp(found, expected) == 0, "case %d: other bits after a resume", c);
  }
  mst_team_destroy(all);
  mst_team_destroy(one);
}
END_TEST

/* The largest difference between two agents' estimates of an instance. */
static double find_spread(const mst_bandit_options *o) {
  mst_team *team = NULL;
  mst_bandit *f = NULL;
  double spread = 0;
  ck_ok(mst_team_create(MPI_COMM_SELF, NULL, &team));
  ck_ok(mst_bandit_create(team, o, &f));
  ck_ok(mst_bandit_run(f, NULL));
  for (int64_t i = 0; i < o->seeds * o->agents; i++)
    for (int64_t j = 0; j < D; j++)
      spread =
          fmax(spread, fabs(f->theta[i * D + j] - f->theta[i / o->agents * o->agents * D + j]));
  mst_bandit_destroy(f);
  mst_team_destroy(team);
  return spread;
}

START_TEST(neighbours_agree_as_closely_as_is_asked) {
  mst_bandit_options o = neighbours("ring");
  o.protocol.share = 1;
  const double far = find_spread(&o);
  o.protocol.share = 1e-6;
  const double near = find_spread(&o);
  ck_assert_msg(far > 1e-3 && near < 1e-6 && near > 0, "%g, %g", far, near);
}
END_TEST

START_TEST(consensus_takes_the_rounds_of_theory_and_is_counted) {
  const mst_bandit_options o = neighbours("ring");
  const mst_bandit_totals t = play(&o);
  const double n = (double)o.agents, e = 1 / (n * (double)o.horizon);
  const double rho = (1 + 2 * cos(2 * M_PI / n)) / 3; /* of a ring with weights 1/3 */
  const double published = ceil(log(2 * n / e) / sqrt(2 * log(1 / rho)));
  const int64_t s = t.consensus_rounds;
  ck_assert_int_eq(s, (int64_t)ceil(acosh(n / e) / acosh(1 / rho)));
  ck_assert_msg((double)s <= published && (double)s > published - 3, "%lld, %g", (long long)s,
                published);
  ck_assert_int_eq(t.batches, 3);
  ck_assert_double_eq(t.messages, (double)(t.batches * s) * 2 * n);
  ck_assert(t.uplink_reals == (double)(t.batches * s * 2 * D));
  ck_assert(t.downlink_reals == t.uplink_reals);
}
END_TEST

START_TEST(one_agent_has_nobody_to_wait_for) {
  mst_bandit_options o = neighbours("ring");
  o.agents = 1;
  const mst_bandit_totals without = play(&o);
  o.protocol.kind = "disbe_lucb";
  o.topology.kind = NULL;
  ck_assert(without.regret == play(&o).regret);
  ck_assert(without.messages == 0 && without.consensus_rounds == 0);
}
END_TEST

START_TEST(without_a_server_agents_learn_from_one_another_all_the_same) {
  mst_bandit_options o = neighbours("torus");
  o.horizon = o.evaluate_every = 4000;
  o.protocol.batches = 0;
  o.environment.noise = 1;
  const double together = play(&o).regret;
  o.protocol.kind = "disbe_lucb";
  o.topology.kind = NULL;
  const double server = play(&o).regret;
  o.agents = 1;
  const double alone = 8 * play(&o).regret;
  ck_assert_msg(together < 1.25 * server && together < 0.6 * alone, "%g, %g, %g", together, server,
                alone);
}
END_TEST

START_TEST(a_rule_withstands_liars_that_break_the_sum) {
  static const char *const rules[] = {"median", "trimmed_mean", "krum", "geometric_median"};
  mst_bandit_options o = batches();
  o.horizon = o.evaluate_every = 2000;
  const double honest = play(&o).regret;
  lie(&o, "sign_flip", "mean");
  o.attack.scale = 100;
  const double broken = play(&o).regret;
  ck_assert_msg(broken > 5 * honest, "honest %g, with liars %g", honest, broken);
  for (int r = 0; r < 4; r++) {
    lie(&o, "sign_flip", rules[r]);
    o.attack.scale = 100;
    const double regret = play(&o).regret;
    ck_assert_msg(regret < 2 * honest, "%s: honest %g, with liars %g", rules[r], honest, regret);
  }
}
END_TEST

START_TEST(masks_change_no_bit_of_the_sum) {
  char sum[MST_DIGEST_HEX], masks[MST_DIGEST_HEX];
  mst_team *team = NULL;
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &team));
  mst_bandit_options o = batches();
  const double plain = run(team, &o, 0, sum).regret;
  for (int gone = 0; gone < 2; gone++) {
    hide(&o, MST_MASK_SUM, 0.1 * gone);
    const double regret = run(team, &o, 0, sum).regret;
    if (gone == 0) ck_assert_double_eq_tol(regret, plain, 1e-9 * plain);
    hide(&o, MST_MASK_ON, 0.1 * gone);
    run(team, &o, 0, masks);
    ck_assert(strcmp(sum, masks) == 0);
  }
  mst_team_destroy(team);
}
END_TEST

/* Who is gone sends nothing, and hears the total all the same. */
START_TEST(who_is_gone_is_not_counted_as_having_sent) {
  mst_bandit_options o = batches();
  hide(&o, MST_MASK_SUM, 0.3);
  o.agents = 40;
  o.seeds = 6;
  const mst_bandit_totals t = play(&o);
  const double all = t.downlink_reals;
  ck_assert_double_eq(all, (double)(D * t.batches));
  ck_assert_double_eq_tol(t.uplink_reals / all, 0.7, 0.07);
  ck_assert_double_eq(t.messages * D, (t.uplink_reals + all) * (double)o.agents);
}
END_TEST

/* What came down at the end of the first batch, of all instances: total(seeds, D). */
static void find_first(const mst_bandit_options *o, double *total) {
  mst_team *team = NULL;
  mst_bandit *f = NULL;
  ck_ok(mst_team_create(MPI_COMM_SELF, NULL, &team));
  ck_ok(mst_bandit_create(team, o, &f));
  ck_ok(mst_bandit_run(f, NULL));
  for (int64_t k = 0; k < o->seeds; k++)
    memcpy(total + k * D, f->totals_told + k * MST_BATCHES * D, D * sizeof *total);
  mst_bandit_destroy(f);
  mst_team_destroy(team);
}

enum {
  INSTANCES = 60
};

static mst_bandit_options many(void) {
  mst_bandit_options o = batches();
  o.seeds = INSTANCES;
  o.horizon = 12;
  o.protocol.batches = 2;
  return o;
}

/* A rule's total comes down in as few bits as agents' vectors go up. */
START_TEST(what_a_rule_makes_comes_down_in_few_bits) {
  double total[INSTANCES * D];
  int64_t batches_n = 0, length[MST_BATCHES];
  mst_bandit_options o = many();
  lie(&o, "sign_flip", "geometric_median");
  o.protocol.bits = 5;
  mst_protocol_schedule(o.agents, o.horizon, D, 2, &batches_n, length);
  const double step = (double)(o.agents * length[0]) * (1 + o.environment.noise) / 15;
  find_first(&o, total);
  for (int i = 0; i < INSTANCES * D; i++)
    ck_assert_double_eq_tol(total[i] / step, rint(total[i] / step), 1e-9);
}
END_TEST

START_TEST(noise_is_as_wide_as_what_a_unit_can_change) {
  double plain[INSTANCES * D], noisy[INSTANCES * D];
  int64_t count = 0, length[MST_BATCHES];
  mst_bandit_options o = many();
  till t;
  mst_protocol_schedule(o.agents, o.horizon, D, 2, &count, length);
  ck_assert(length[0] > 1);
  for (int c = 0; c < 4; c++) {
    double square = 0;
    keep_private(&o, &t, 0.7, 0);
    t.privacy.hardened = c % 2 == 1;
    t.privacy.agents = c >= 2;
    find_first(&o, plain);
    t.privacy.sigma = 3;
    find_first(&o, noisy);
    for (int i = 0; i < INSTANCES * D; i++) square += pow(noisy[i] - plain[i], 2);
    const double wide = 3 * 0.7 * (c >= 2 ? (double)length[0] : 1);
    const double found = sqrt(square / (INSTANCES * D));
    ck_assert_msg(fabs(found / wide - 1) < 0.2, "case %d: %g, not %g", c, found, wide);
  }
}
END_TEST

/* Rewards of about 100 sigma, and still no interaction adds more than the bound. */
START_TEST(no_interaction_adds_more_than_its_bound) {
  double total[INSTANCES * D];
  mst_bandit_options o = many();
  till t;
  o.agents = 1;
  o.horizon = 1;
  o.environment.noise = 100;
  for (int hardened = 0; hardened < 2; hardened++) {
    double longest = 0;
    keep_private(&o, &t, 0.25, 0);
    t.privacy.hardened = hardened == 1;
    find_first(&o, total);
    for (int k = 0; k < INSTANCES; k++) {
      double square = 0;
      for (int j = 0; j < D; j++) square += pow(total[k * D + j], 2);
      longest = fmax(longest, sqrt(square));
    }
    ck_assert_msg(longest < 0.25 + 1e-9 && longest > 0.249, "%g", longest);
  }
}
END_TEST

START_TEST(a_wide_clip_without_noise_changes_nothing) {
  mst_bandit_options o = batches();
  till t;
  const double plain = play(&o).regret;
  keep_private(&o, &t, 1e3, 0);
  ck_assert_double_eq_tol(play(&o).regret, plain, 1e-9 * plain);
  t.privacy.hardened = true;
  ck_assert_double_eq_tol(play(&o).regret, plain, 1e-9 * plain);
}
END_TEST

START_TEST(releases_are_charged_before_they_are_made) {
  mst_team *team = NULL;
  mst_bandit *f = NULL;
  till t;
  mst_bandit_options o = batches();
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &team));
  for (int agents = 0; agents < 2; agents++) {
    keep_private(&o, &t, 1, 2);
    t.privacy.agents = agents == 1;
    t.privacy.charge = charge;
    t.privacy.context = &t;
    const mst_bandit_totals all = play(&o);
    ck_assert_int_eq(t.charges, agents == 1 ? all.batches : 1);
    t.charges = t.most = 0;
    ck_ok(mst_bandit_create(team, &o, &f));
    ck_refused(mst_bandit_run(f, NULL), MST_ERR_BUDGET, "spent");
    ck_assert_int_eq(f->batch[MST_BANDIT_CLOSED], 0);
    mst_bandit_destroy(f);
  }
  mst_team_destroy(team);
}
END_TEST

static void refused_check(const mst_bandit_options *o, mst_status code, const char *reason) {
  ck_refused(mst_bandit_check(o), code, reason);
}

START_TEST(what_does_not_go_together_is_refused) {
  mst_team *team = NULL;
  mst_bandit *f = NULL;
  till t;
  mst_bandit_options o = defaults("fedlinucb");
  lie(&o, "sign_flip", "median");
  refused_check(&o, MST_ERR_UNSUPPORTED, "section aggregate is for sums of vectors");
  o = neighbours("ring");
  keep_private(&o, &t, 1, 1);
  refused_check(&o, MST_ERR_UNSUPPORTED, "section privacy");
  o = neighbours("ring");
  hide(&o, MST_MASK_ON, 0);
  refused_check(&o, MST_ERR_UNSUPPORTED, "no server");
  o = batches();
  lie(&o, "sign_flip", "krum");
  o.attack.name = NULL;
  hide(&o, MST_MASK_ON, 0);
  refused_check(&o, MST_ERR_UNSUPPORTED, "compares distances");
  o.aggregate.rule.name = "median";
  refused_check(&o, MST_ERR_UNSUPPORTED, "only their sum");
  o = batches();
  hide(&o, MST_MASK_ON, 0);
  keep_private(&o, &t, 1, 1);
  refused_check(&o, MST_ERR_UNSUPPORTED, "leave out one of secure and privacy");
  o = batches();
  keep_private(&o, &t, 1, 1);
  o.aggregate.rule = (mst_rule_spec){.name = "median", .byzantine = 2};
  refused_check(&o, MST_ERR_UNSUPPORTED, "one interaction can change");
  o = batches();
  lie(&o, "sign_flip", "krum");
  o.aggregate.rule.byzantine = 5;
  refused_check(&o, MST_ERR_INPUT, "8 agents");
  o = batches();
  lie(&o, "label_flip", "median");
  refused_check(&o, MST_ERR_UNSUPPORTED, "labels");
  o = batches();
  lie(&o, "sign_flip", "fltrust");
  refused_check(&o, MST_ERR_UNSUPPORTED, "the server plays no arms");
  o = batches();
  hide(&o, MST_MASK_ON, 0);
  o.protocol.bits = 8;
  refused_check(&o, MST_ERR_UNSUPPORTED, "protocol.bits");
  o = neighbours("ring");
  o.protocol.bits = 8;
  refused_check(&o, MST_ERR_UNSUPPORTED, "protocol.bits");
  o = neighbours(NULL);
  refused_check(&o, MST_ERR_INPUT, "topology.kind");
  o = batches();
  o.topology.kind = "ring";
  refused_check(&o, MST_ERR_UNSUPPORTED, "tell a server");
  o = neighbours("ring");
  o.horizon = 20;
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &team));
  ck_refused(mst_bandit_create(team, &o, &f), MST_ERR_INPUT, "neighbours take its last");
  mst_team_destroy(team);
}
END_TEST

/* Wherever the last rank has no memory, all say so; past the last place the run goes through. */
START_TEST(one_rank_without_memory_is_everyones_failure) {
  mst_team *team = NULL;
  mst_bandit *f = NULL;
  mst_bandit_options o;
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &team));
  for (int c = 0; choose_case(&o, c); c += 3)
    for (int n = 8; n < 60; n += 5) {
      if (mst_team_rank(team) == mst_team_size(team) - 1) mst_memory_fail_at(n);
      mst_status st = mst_bandit_create(team, &o, &f);
      if (st == MST_OK) st = mst_bandit_run(f, NULL);
      mst_memory_fail_at(0);
      ck_assert_msg(st == MST_OK || st == MST_ERR_MEMORY, "case %d: %s", c, mst_status_name(st));
      ck_assert(n > 20 || st == MST_ERR_MEMORY);
      mst_bandit_destroy(f);
      f = NULL;
    }
  mst_team_destroy(team);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("bandit_phased");
  TCase *tc = tcase_create("parallel");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, a_run_has_the_same_bits_on_any_ranks_and_after_a_resume);
  tcase_add_test(tc, neighbours_agree_as_closely_as_is_asked);
  tcase_add_test(tc, consensus_takes_the_rounds_of_theory_and_is_counted);
  tcase_add_test(tc, one_agent_has_nobody_to_wait_for);
  tcase_add_test(tc, without_a_server_agents_learn_from_one_another_all_the_same);
  tcase_add_test(tc, a_rule_withstands_liars_that_break_the_sum);
  tcase_add_test(tc, masks_change_no_bit_of_the_sum);
  tcase_add_test(tc, who_is_gone_is_not_counted_as_having_sent);
  tcase_add_test(tc, what_a_rule_makes_comes_down_in_few_bits);
  tcase_add_test(tc, noise_is_as_wide_as_what_a_unit_can_change);
  tcase_add_test(tc, no_interaction_adds_more_than_its_bound);
  tcase_add_test(tc, a_wide_clip_without_noise_changes_nothing);
  tcase_add_test(tc, releases_are_charged_before_they_are_made);
  tcase_add_test(tc, what_does_not_go_together_is_refused);
  tcase_add_test(tc, one_rank_without_memory_is_everyones_failure);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
