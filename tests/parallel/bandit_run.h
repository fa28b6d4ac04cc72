/* Runs of distributed bandits for tests: small settings, a memory for states, digests of all that a
 * run reports, stops and resumes. */
#ifndef MST_TESTS_PARALLEL_BANDIT_RUN_H
#define MST_TESTS_PARALLEL_BANDIT_RUN_H

#include <string.h>

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
    o.protocol.constant = 0.05;
  }
  if (strcmp(protocol, "delb") == 0 || strcmp(protocol, "phased_elimination") == 0)
    o.environment.sets = 1;
  if (strcmp(protocol, "fed_pe") == 0) o.environment.offer = "own";
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

static mst_bandit_totals play(const mst_bandit_options *o) {
  char hex[MST_DIGEST_HEX];
  mst_team *team = NULL;
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &team));
  const mst_bandit_totals t = run(team, o, 0, hex);
  mst_team_destroy(team);
  return t;
}

#endif
