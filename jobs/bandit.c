/* The bandit job: agents that are offered arms, and share what they learn (doc/methods/bandits.md).
 * Reads the settings, runs the driver, reports regret and communication. Arms
 * are made up, or the classes of a dataset. */
#include <string.h>

#include "core/base/memory.h"
#include "io/edges.h"
#include "jobs/bandit_private.h"
#include "jobs/bandit_rows.h"
#include "jobs/family.h"
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/options.h"
#include "jobs/robust.h"
#include "jobs/secure.h"
#include "parallel/bandit.h"

_Static_assert(MST_BANDIT_MIXERS >= MST_FAMILY_LIST, "room for all mixers that can be chosen");

static const mst_key_spec keys_bandit[] = {
    {.key = "agents.count",
     .type = MST_KEY_INT,
     .fallback = "1",
     .min = 1,
     .max = 4e6,
     .unit = "agents",
     .help = "agents of an instance"},
    {.key = "agents.active",
     .type = MST_KEY_WORD,
     .fallback = "all",
     .allowed = "all|one",
     .unit = "",
     .help = "all: every agent plays in every round; one: one of them, drawn at random"},
    {.key = "horizon",
     .type = MST_KEY_INT,
     .fallback = MST_KEY_REQUIRED,
     .min = 1,
     .max = 1e12,
     .unit = "rounds",
     .help = "rounds of an instance"},
    {.key = "seeds",
     .type = MST_KEY_INT,
     .fallback = "1",
     .min = 1,
     .max = 1e6,
     .unit = "instances",
     .help = "independent instances, of seed, seed + 1, ...; figures are means over them"},
    {.key = "evaluate.every",
     .type = MST_KEY_INT,
     .fallback = "0",
     .min = 0,
     .max = 1e12,
     .unit = "rounds",
     .help = "report every so many rounds; 0: a hundred times"},
    {.key = "output.checkpoint.every_rounds",
     .type = MST_KEY_INT,
     .fallback = "0",
     .min = 0,
     .max = 1e12,
     .unit = "rounds",
     .help = "save the state every so many rounds, for --resume; 0: only when a signal comes"},
    MST_KEYS_ROBUST("vectors of a batch"),
    MST_KEYS_SECURE("what an agent sends of a batch, for each of its rounds"),
    {.key = NULL}};

static const mst_key_spec keys_topology[] = {
    {.key = "topology.file",
     .type = MST_KEY_PATH,
     .unit = "",
     .help = "kind list: a text file with the numbers of two agents a line, from 0"},
    {.key = NULL}};

static const mst_job_section sections[] = {
    {.family = &mst_family_environments},
    {.family = &mst_family_policies},
    {.family = &mst_family_protocols},
    {.family = &mst_family_topologies, .optional = "topology"},
    {.keys = keys_topology, .optional = "topology"},
    {.family = &mst_family_rules},
    {.family = &mst_family_mixers},
    {.family = &mst_family_attacks},
    {.keys = keys_bandit},
    {.keys = mst_keys_bandit_rows, .optional = "data"},
    {.keys = mst_keys_privacy, .optional = "privacy"},
    {.keys = mst_keys_ledger, .optional = "privacy"},
    {.keys = mst_keys_bandit_private, .optional = "privacy"},
    {.family = &mst_family_accountants, .optional = "privacy"},
    {.keys = NULL}};

/* The agents' graph; *edge: of topology.file, to be freed. Collective. */
static mst_status read_topology(mst_job_context *c, mst_topology_spec *t, int64_t **edge) {
  const mst_experiment *e = c->experiment;
  *edge = NULL;
  if (!mst_experiment_knows(e, "topology.kind")) return MST_OK;
  MST_TRY(mst_team_agree(c->team, mst_family_read(&mst_family_topologies, e, t)));
  if (mst_topology_find(t->kind)->listed != mst_experiment_is_set(e, "topology.file"))
    return mst_experiment_refuse(e, "topology.file",
                                 "the file of the edges goes with topology.kind: list, and that "
                                 "with it; the kind is %s",
                                 t->kind);
  if (!mst_experiment_is_set(e, "topology.file")) return MST_OK;
  MST_TRY(mst_edges_read(c->team, mst_experiment_path(e, "topology.file"), edge, &t->edges));
  t->edge = *edge;
  return MST_OK;
}

/* What an online protocol is published with. */
static void choose_own(mst_policy_spec *policy) {
  *policy = mst_policy_defaults("linucb");
}

/* The plain mean of all is the driver's own sum: then nothing is asked of rules. */
static mst_status read_stages(const mst_experiment *e, mst_bandit_options *o) {
  mst_bandit_aggregate *a = &o->aggregate;
  MST_TRY(mst_job_rule(e, &a->rule, a->mixer, &a->mixers));
  MST_TRY(mst_job_attack(e, &o->attack));
  if ((strcmp(a->rule.name, "mean") != 0 || a->mixers > 0) &&
      !mst_experiment_is_set(e, "aggregate.byzantine"))
    return mst_experiment_refuse(e, "aggregate.byzantine",
                                 "say how many agents may send anything, so that %s is known to "
                                 "withstand them",
                                 a->rule.name);
  return mst_job_secure(e, &o->secure);
}

static mst_status read_settings(const mst_experiment *e, mst_bandit_options *o) {
  *o = (mst_bandit_options){.seed = mst_job_seed(e), .policy = {.ridge = 1}};
  MST_TRY(mst_family_read(&mst_family_environments, e, &o->environment));
  MST_TRY(mst_family_read(&mst_family_protocols, e, &o->protocol));
  MST_TRY(mst_family_read(&mst_family_policies, e, &o->policy));
  o->agents = mst_experiment_int(e, "agents.count");
  o->one_active = strcmp(mst_experiment_word(e, "agents.active"), "one") == 0;
  o->horizon = mst_experiment_int(e, "horizon");
  o->seeds = mst_experiment_int(e, "seeds");
  o->evaluate_every = mst_experiment_int(e, "evaluate.every");
  o->checkpoint_every = mst_experiment_int(e, "output.checkpoint.every_rounds");
  const bool own = strcmp(o->policy.kind, "own") == 0;
  if (mst_protocol_find(o->protocol.kind)->online == NULL && !own)
    return mst_experiment_refuse(e, "policy.kind",
                                 "but protocol.kind: %s plays by a policy of its own; leave "
                                 "policy.kind out, or say own",
                                 o->protocol.kind);
  if (own) choose_own(&o->policy);
  return read_stages(e, o);
}

/* What has no default, but for rows of a dataset. Local. */
static mst_status check_shape(const mst_experiment *e, const mst_bandit_options *o) {
  if (o->environment.rows == NULL && o->environment.dimension < 1)
    return mst_experiment_refuse(e, "environment.dimension", "choose 1 or more");
  if (o->environment.rows == NULL && o->environment.arms < 1)
    return mst_experiment_refuse(e, "environment.arms", "choose 1 or more");
  return mst_bandit_check(o);
}

/* Local. */
static mst_status check_memory(const mst_job_context *c, const mst_bandit_options *o,
                               int64_t rows_bytes) {
  const int64_t bytes = mst_bandit_plan(mst_job_ranks(c), o);
  return mst_job_fits(c->experiment,
                      rows_bytes < INT64_MAX - bytes ? bytes + rows_bytes : INT64_MAX);
}

static mst_status write_estimate(mst_job_context *c, const mst_bandit_options *o,
                                 const mst_job_bandit_private *p, int64_t rows_bytes) {
  const int64_t plan = mst_bandit_plan(mst_job_ranks(c), o);
  const int64_t bytes = rows_bytes <= INT64_MAX - plan ? plan + rows_bytes : INT64_MAX;
  const mst_job_count figure[] = {{"rank_bytes", bytes},
                                  {"instances", o->seeds},
                                  {"agents", o->agents},
                                  {"rounds", o->horizon},
                                  {NULL, 0}};
  MST_TRY(mst_job_estimate(c, figure));
  return mst_job_bandit_private_estimate(p);
}

/* The headline figures. Local. */
static mst_status list_figures(mst_job_context *c, const mst_bandit_options *o,
                               const mst_bandit_totals *t) {
  c->rounds = t->rounds;
  MST_TRY(mst_job_result(c, "regret", t->regret, false));
  MST_TRY(mst_job_result(c, "regret_sd", t->regret_sd, false));
  MST_TRY(mst_job_result(c, "regret_most", t->regret_most, false));
  MST_TRY(mst_job_result(c, "messages", t->messages, false));
  MST_TRY(mst_job_result(c, "uplink_reals_per_agent", t->uplink_reals, false));
  MST_TRY(mst_job_result(c, "downlink_reals_per_agent", t->downlink_reals, false));
  MST_TRY(mst_job_result(c, "uplink_bits_per_agent", t->uplink_bits, false));
  MST_TRY(mst_job_result(c, "downlink_bits_per_agent", t->downlink_bits, false));
  const mst_job_count figure[] = {
      {"batches", t->batches}, {"instances", o->seeds}, {"agents", o->agents}, {NULL, 0}};
  const mst_job_count consensus[] = {{"consensus_rounds", t->consensus_rounds}, {NULL, 0}};
  MST_TRY(mst_job_results(c, figure));
  return t->consensus_rounds > 0 ? mst_job_results(c, consensus) : MST_OK;
}

/* Every agent's regret, and what was learned. Collective. */
static mst_status report_state(mst_job_context *c, mst_bandit *f) {
  mst_state state;
  mst_state_init(&state);
  mst_status st = mst_team_agree(c->team, mst_bandit_state(f, &state));
  if (st == MST_OK) st = c->observer->on_state(c->observer->context, c->rounds, &state);
  mst_state_clear(&state);
  return st;
}

static mst_status play(mst_job_context *c, const mst_bandit_options *o, mst_job_bandit_private *p) {
  mst_bandit *f = NULL;
  MST_TRY(mst_job_bandit_private_open(p));
  MST_TRY(mst_bandit_create(c->team, o, &f));
  mst_status st = mst_bandit_run(f, c->observer);
  if (st == MST_OK) {
    const mst_bandit_totals t = mst_bandit_figures(f);
    st = mst_team_agree(c->team, list_figures(c, o, &t));
  }
  if (st == MST_OK) st = report_state(c, f);
  if (st == MST_OK) st = mst_job_bandit_private_end(p);
  mst_bandit_destroy(f);
  return st;
}

static mst_status run_bandit(mst_job_context *context) {
  mst_bandit_options o;
  int64_t *edge = NULL;
  mst_job_bandit_private privacy = {.on = false};
  mst_job_bandit_rows rows = {.x = NULL};
  mst_status st = read_settings(context->experiment, &o);
  if (st == MST_OK) st = mst_job_bandit_private_read(&privacy, context, &o);
  st = mst_team_agree(context->team, st);
  if (st == MST_OK) st = read_topology(context, &o.topology, &edge);
  if (st == MST_OK) st = mst_job_bandit_rows_read(&rows, context, &o);
  if (st == MST_OK) st = mst_team_agree(context->team, check_shape(context->experiment, &o));
  if (st == MST_OK) st = mst_job_bandit_private_plan(&privacy, &o);
  if (st == MST_OK && !context->dry_run)
    st = mst_team_agree(context->team, check_memory(context, &o, rows.bytes));
  if (st == MST_OK)
    st = context->dry_run
             ? mst_team_agree(context->team, write_estimate(context, &o, &privacy, rows.bytes))
             : play(context, &o, &privacy);
  mst_job_bandit_private_close(&privacy);
  mst_job_bandit_rows_clear(&rows);
  mst_free(edge);
  return st;
}

const mst_job_ops mst_job_bandit = {
    .name = "bandit",
    .summary = "agents that choose among arms and share what they learn",
    .sections = sections,
    .run = run_bandit};
