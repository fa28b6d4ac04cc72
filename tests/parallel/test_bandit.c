/* Distributed bandits: the same bits on any ranks for every protocol, whether replicates or agents
 * are divided; resumes; the identities between protocols; what is counted. */
#define MST_TEST_MPI
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/digest.h"
#include "core/base/memory.h"
#include "parallel/bandit_internal.h"
#include "tests/harness.h"

enum {
  D = 4,
  ARMS = 5,
  AGENTS = 6,
  ROUNDS = 60
};

static mst_bandit_options defaults(const char *protocol) {
  mst_bandit_options o = {.seed = 3,
                          .seeds = 2,
                          .agents = AGENTS,
                          .horizon = ROUNDS,
                          .evaluate_every = 20,
                          .policy = mst_policy_defaults("linucb"),
                          .environment = {.kind = "sphere",
                                          .dimension = D,
                                          .arms = ARMS,
                                          .noise = 0.3,
                                          .theta = "sphere"},
                          .protocol = {.kind = protocol}};
  mst_param_defaults(mst_protocol_find(protocol)->params, &o.protocol);
  o.protocol.threshold = 4;
  o.policy.beta = 0.5;
  if (mst_protocol_find(protocol)->phased != NULL) {
    o.environment.sets = 3;
    o.protocol.beta = 1;
  }
  return o;
}

/* A memory for states, as files are. */
typedef struct memory {
  mst_team *team;
  mst_digest digest;
  int64_t stop_at, round, n; /* stop_at: ask to stop after so many rounds */
  unsigned char *kept[32];
  int64_t first[32], count[32];
} memory;

static mst_status on_round(void *context, int64_t round, int n, const mst_metric *metric) {
  memory *m = context;
  m->round = round;
  for (int i = 0; i < n; i++) mst_digest_add(&m->digest, &metric[i].value, sizeof metric[i].value);
  return MST_OK;
}

static bool should_stop(void *context) {
  const memory *m = context;
  return m->stop_at > 0 && m->round >= m->stop_at;
}

static mst_status on_save(void *context, int64_t round, const mst_state *state) {
  memory *m = context;
  m->round = round;
  m->n = state->n;
  for (int i = 0; i < state->n; i++) {
    const mst_state_item *item = &state->item[i];
    const int64_t bytes = mst_state_local_elements(item) * mst_dtype_size(item->type);
    MST_TRY(mst_alloc(&m->kept[i], bytes + 1, 1, "kept"));
    memcpy(m->kept[i], item->data, (size_t)bytes);
  }
  return MST_OK;
}

static mst_status on_restore(void *context, mst_state *state, int64_t *round) {
  memory *m = context;
  *round = m->n > 0 ? m->round : 0;
  for (int i = 0; i < (int)m->n; i++) {
    const mst_state_item *item = &state->item[i];
    memcpy(item->data, m->kept[i],
           (size_t)(mst_state_local_elements(item) * mst_dtype_size(item->type)));
    mst_free(m->kept[i]);
  }
  m->n = 0;
  return MST_OK;
}

static mst_bandit_totals finish(memory *m, mst_bandit *f, char *hex) {
  char state_hex[MST_DIGEST_HEX];
  mst_state state;
  mst_state_init(&state);
  ck_ok(mst_bandit_state(f, &state));
  ck_ok(mst_team_digest(m->team, &state, state_hex));
  mst_state_clear(&state);
  mst_digest_add(&m->digest, state_hex, sizeof state_hex);
  mst_digest_hex(&m->digest, hex);
  const mst_bandit_totals t = mst_bandit_figures(f);
  mst_bandit_destroy(f);
  return t;
}

/* The digest of a run; stopped after so many rounds and resumed, if stop_at > 0. */
static mst_bandit_totals run(mst_team *team, const mst_bandit_options *o, int64_t stop_at,
                             char *hex) {
  memory m = {.team = team, .stop_at = stop_at};
  mst_observer observer = {.context = &m,
                           .on_round = on_round,
                           .on_save = on_save,
                           .on_restore = on_restore,
                           .should_stop = should_stop};
  mst_bandit *f = NULL;
  mst_digest_start(&m.digest);
  ck_ok(mst_bandit_create(team, o, &f));
  if (stop_at > 0) {
    ck_refused(mst_bandit_run(f, &observer), MST_ERR_INTERRUPTED, "interrupted");
    mst_bandit_destroy(f);
    m.stop_at = 0;
    ck_ok(mst_bandit_create(team, o, &f));
  }
  ck_ok(mst_bandit_run(f, &observer));
  return finish(&m, f, hex);
}

/* One after the other: every protocol, with all agents and with one a round, and what else there
 * is. */
static bool choose_case(mst_bandit_options *o, int number) {
  static const char *const names[] = {"none",      "full",         "dislinucb",
                                      "fedlinucb", "async_linucb", "disbe_lucb"};
  enum {
    N = sizeof names / sizeof names[0]
  };
  if (number < N) {
    *o = defaults(names[number]);
  } else if (number < 2 * N - 1) {
    *o = defaults(names[number - N]);
    o->one_active = true;
  } else if (number == 2 * N - 1) {
    *o = defaults("fedlinucb");
    o->policy = mst_policy_defaults("ucb1");
    o->environment.sets = 1;
  } else if (number == 2 * N) {
    *o = defaults("dislinucb");
    o->policy = mst_policy_defaults("thompson");
    o->policy.disjoint = true;
  } else if (number == 2 * N + 1) {
    *o = defaults("disbe_lucb");
    o->environment.sets = 0;
    o->protocol.law_sets = 4;
    o->protocol.bits = 12;
    o->horizon = 40;
    o->evaluate_every = 20;
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
    ck_assert_msg(strcmp(found, expected) == 0, "case %d, %s: other bits on the ranks", c,
                  o.protocol.kind);
    run(all, &o, o.evaluate_every, found);
    ck_assert_msg(strcmp(found, expected) == 0, "case %d, %s: other bits after a resume", c,
                  o.protocol.kind);
  }
  mst_team_destroy(all);
  mst_team_destroy(one);
}
END_TEST

static mst_bandit_totals play(const mst_bandit_options *o) {
  char hex[MST_DIGEST_HEX];
  mst_team *team = NULL;
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &team));
  const mst_bandit_totals t = run(team, o, 0, hex);
  mst_team_destroy(team);
  return t;
}

START_TEST(who_knows_more_regrets_less) {
  mst_bandit_options o = defaults("none");
  o.horizon = 400;
  o.evaluate_every = 400;
  const double alone = play(&o).regret;
  o.protocol.kind = "fedlinucb";
  o.protocol.alpha = 1;
  o.protocol.first = true;
  const double some = play(&o).regret;
  o.protocol.kind = "full";
  const double all = play(&o).regret;
  ck_assert_msg(all < some && some < alone, "%g, %g, %g", all, some, alone);
}
END_TEST

START_TEST(frequent_messages_are_full_synchronisation) {
  mst_bandit_options o = defaults("full");
  o.one_active = true;
  const double full = play(&o).regret;
  o = defaults("dislinucb");
  o.one_active = true;
  o.protocol.threshold = 1e-300;
  const mst_bandit_totals t = play(&o);
  ck_assert(t.regret == full);
  ck_assert(t.messages == 2.0 * AGENTS * ROUNDS);
  /* A statistic and whether it asks. */
  ck_assert(t.uplink_reals == ROUNDS * (D * (D + 1) / 2 + D + 1));
}
END_TEST

START_TEST(messages_are_counted_as_they_are_sent) {
  mst_bandit_options o = defaults("full");
  o.one_active = true;
  mst_bandit_totals t = play(&o);
  ck_assert(t.messages == (AGENTS + 1.0) * ROUNDS);
  ck_assert(t.uplink_reals == (D + 1.0) * ROUNDS / AGENTS &&
            t.downlink_reals == (D + 1.0) * ROUNDS);
  ck_assert(t.uplink_bits == 64 * t.uplink_reals);
  o = defaults("none");
  t = play(&o);
  ck_assert(t.messages == 0 && t.uplink_reals == 0);
  o = defaults("disbe_lucb");
  o.protocol.bits = 16;
  t = play(&o);
  ck_assert(t.batches >= 2 && t.batches <= 5);
  ck_assert(t.uplink_reals == (double)(D * t.batches) && t.downlink_reals == t.uplink_reals);
  ck_assert(t.uplink_bits == 16 * t.uplink_reals);
}
END_TEST

START_TEST(a_replicate_is_what_its_own_seed_gives) {
  mst_bandit_options o = defaults("fedlinucb");
  const double both = play(&o).regret;
  o.seeds = 1;
  const double first = play(&o).regret;
  o.seed++;
  const double second = play(&o).regret;
  ck_assert_double_eq_tol(both, (first + second) / 2, 1e-12);
}
END_TEST

START_TEST(what_does_not_go_together_is_refused) {
  mst_bandit_options o = defaults("disbe_lucb");
  o.one_active = true;
  ck_refused(mst_bandit_check(&o), MST_ERR_UNSUPPORTED, "agents.active");
  o = defaults("full");
  o.policy.kind = "linucp";
  ck_refused(mst_bandit_check(&o), MST_ERR_INPUT, "linucb");
}
END_TEST

START_TEST(one_rank_without_memory_is_everyones_failure) {
  mst_team *team = NULL;
  mst_bandit *f = NULL;
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &team));
  const mst_bandit_options o = defaults("fedlinucb");
  for (int n = 3; n < 20; n += 8) {
    if (mst_team_rank(team) == mst_team_size(team) - 1) mst_memory_fail_at(n);
    ck_refused(mst_bandit_create(team, &o, &f), MST_ERR_MEMORY, "");
    mst_memory_fail_at(0);
    ck_assert(f == NULL);
  }
  mst_team_destroy(team);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("bandit");
  TCase *tc = tcase_create("parallel");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, a_run_has_the_same_bits_on_any_ranks_and_after_a_resume);
  tcase_add_test(tc, who_knows_more_regrets_less);
  tcase_add_test(tc, frequent_messages_are_full_synchronisation);
  tcase_add_test(tc, messages_are_counted_as_they_are_sent);
  tcase_add_test(tc, a_replicate_is_what_its_own_seed_gives);
  tcase_add_test(tc, what_does_not_go_together_is_refused);
  tcase_add_test(tc, one_rank_without_memory_is_everyones_failure);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
