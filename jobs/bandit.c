/* The bandit job: agents that are offered arms, and share what they learn (doc/methods/bandits.md).
 * Reads the settings, runs the driver, reports regret and communication. No data are read. */
#include <string.h>

#include "jobs/family.h"
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/options.h"
#include "parallel/bandit.h"

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
    {.key = NULL}};

static const mst_job_section sections[] = {{.family = &mst_family_environments},
                                           {.family = &mst_family_policies},
                                           {.family = &mst_family_protocols},
                                           {.keys = keys_bandit},
                                           {.keys = NULL}};

/* What an online protocol is published with. */
static void choose_own(mst_policy_spec *policy) {
  *policy = mst_policy_defaults("linucb");
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
  if (mst_protocol_find(o->protocol.kind)->phased != NULL && !own)
    return mst_experiment_refuse(e, "policy.kind",
                                 "but protocol.kind: %s plays by a policy of its own; leave "
                                 "policy.kind out, or say own",
                                 o->protocol.kind);
  if (own) choose_own(&o->policy);
  return mst_bandit_check(o);
}

static mst_status write_estimate(mst_job_context *c, const mst_bandit_options *o) {
  const mst_job_count figure[] = {{"rank_bytes", mst_bandit_plan(mst_job_ranks(c), o)},
                                  {"instances", o->seeds},
                                  {"agents", o->agents},
                                  {"rounds", o->horizon},
                                  {NULL, 0}};
  return mst_job_estimate(c, figure);
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
  return mst_job_results(c, figure);
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

static mst_status play(mst_job_context *c, const mst_bandit_options *o) {
  mst_bandit *f = NULL;
  MST_TRY(mst_bandit_create(c->team, o, &f));
  mst_status st = mst_bandit_run(f, c->observer);
  if (st == MST_OK) {
    const mst_bandit_totals t = mst_bandit_figures(f);
    st = mst_team_agree(c->team, list_figures(c, o, &t));
  }
  if (st == MST_OK) st = report_state(c, f);
  mst_bandit_destroy(f);
  return st;
}

static mst_status run_bandit(mst_job_context *context) {
  mst_bandit_options o;
  MST_TRY(mst_team_agree(context->team, read_settings(context->experiment, &o)));
  if (context->dry_run) return mst_team_agree(context->team, write_estimate(context, &o));
  return play(context, &o);
}

const mst_job_ops mst_job_bandit = {
    .name = "bandit",
    .summary = "agents that choose among arms and share what they learn",
    .sections = sections,
    .run = run_bandit};
