/* The identify job: pure exploration, which looks for the best arm of every task with as few pulls
 * as it can (doc/methods/identify.md). Reads the settings, runs the driver, reports pulls and
 * errors. No data are read. */
#include "jobs/family.h"
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/options.h"
#include "jobs/say.h"
#include "parallel/identify.h"

static const mst_key_spec keys_identify[] = {
    {.key = "seeds",
     .type = MST_KEY_INT,
     .fallback = "1",
     .min = 1,
     .max = 1e9,
     .unit = "instances",
     .help = "independent instances, of seed, seed + 1, ...; figures are over all of them"},
    {.key = "evaluate.confidence",
     .type = MST_KEY_REAL,
     .fallback = "0.95",
     .min = 0.5,
     .max = 0.999999,
     .unit = "",
     .help = "of the upper bound on the probability of error"},
    {.key = "evaluate.every",
     .type = MST_KEY_INT,
     .fallback = "0",
     .min = 0,
     .max = 1e9,
     .unit = "instances",
     .help = "report every so many instances; 0: twenty times"},
    {.key = "output.checkpoint.every_rounds",
     .type = MST_KEY_INT,
     .fallback = "0",
     .min = 0,
     .max = 1e9,
     .unit = "instances",
     .help = "save the state every so many instances, for --resume; 0: only when a signal comes"},
    {.key = NULL}};

static const mst_job_section sections[] = {{.family = &mst_family_instances},
                                           {.family = &mst_family_identifiers},
                                           {.keys = keys_identify},
                                           {.keys = NULL}};

static mst_status read_settings(const mst_experiment *e, mst_identify_options *o) {
  *o = (mst_identify_options){.seed = mst_job_seed(e)};
  MST_TRY(mst_family_read(&mst_family_instances, e, &o->instance));
  MST_TRY(mst_family_read(&mst_family_identifiers, e, &o->identifier));
  o->seeds = mst_experiment_int(e, "seeds");
  o->confidence = mst_experiment_real(e, "evaluate.confidence");
  o->report_every = mst_experiment_int(e, "evaluate.every");
  o->checkpoint_every = mst_experiment_int(e, "output.checkpoint.every_rounds");
  MST_TRY(mst_identify_check(o));
  return mst_job_fits(e, mst_identify_plan(o));
}

static mst_status write_estimate(mst_job_context *c, const mst_identify_options *o) {
  const mst_job_count figure[] = {{"rank_bytes", mst_identify_plan(o)},
                                  {"instances", o->seeds},
                                  {"tasks", o->instance.tasks},
                                  {"arms", o->instance.arms},
                                  {NULL, 0}};
  return mst_job_estimate(c, figure);
}

/* The headline figures. Local. */
static mst_status list_figures(mst_job_context *c, const mst_identify_totals *t) {
  c->rounds = t->instances;
  MST_TRY(mst_job_result(c, "pulls", t->pulls, false));
  MST_TRY(mst_job_result(c, "pulls_sd", t->pulls_sd, false));
  MST_TRY(mst_job_result(c, "pulls_median", t->pulls_median, false));
  MST_TRY(mst_job_result(c, "pulls_per_task", t->pulls_task, false));
  MST_TRY(mst_job_result(c, "pulls_most", t->pulls_most, true));
  MST_TRY(mst_job_result(c, "pulls_found", t->pulls_found, false));
  MST_TRY(mst_job_result(c, "error", t->error, false));
  MST_TRY(mst_job_result(c, "error_upper", t->error_upper, false));
  MST_TRY(mst_job_result(c, "task_error", t->task_error, false));
  MST_TRY(mst_job_result(c, "loss_most", t->loss_most, false));
  const mst_job_count figure[] = {{"wrong", t->wrong},
                                  {"undecided", t->undecided},
                                  {"alone", t->alone},
                                  {"wrong_tasks", t->wrong_tasks},
                                  {"undecided_tasks", t->undecided_tasks},
                                  {"instances", t->instances},
                                  {"tasks", t->tasks},
                                  {NULL, 0}};
  return mst_job_results(c, figure);
}

/* Pulls and answer of every task. Collective. */
static mst_status report_state(mst_job_context *c, mst_identification *f) {
  mst_state state;
  mst_state_init(&state);
  mst_status st = mst_team_agree(c->team, mst_identification_state(f, &state));
  if (st == MST_OK) st = c->observer->on_state(c->observer->context, c->rounds, &state);
  mst_state_clear(&state);
  return st;
}

/* Is a subspace sought with fewer pulls than the bound asks for? */
static bool is_short(const mst_identify_options *o) {
  const mst_identifier_spec *s = &o->identifier;
  return s->constant > 0 && s->constant < 1 && s->rank < o->instance.dimension;
}

static mst_status identify(mst_job_context *c, const mst_identify_options *o) {
  mst_identification *f = NULL;
  if (is_short(o))
    mst_say(c->team,
            "identify.constant is %g, below 1: that errors are rarer than identify.delta is not "
            "known, only measured",
            o->identifier.constant);
  MST_TRY(mst_identification_create(c->team, o, &f));
  mst_status st = mst_identification_run(f, c->observer);
  if (st == MST_OK) {
    const mst_identify_totals t = mst_identification_figures(f);
    st = mst_team_agree(c->team, list_figures(c, &t));
  }
  if (st == MST_OK) st = report_state(c, f);
  mst_identification_destroy(f);
  return st;
}

static mst_status run_identify(mst_job_context *context) {
  mst_identify_options o;
  MST_TRY(mst_team_agree(context->team, read_settings(context->experiment, &o)));
  if (context->dry_run) return mst_team_agree(context->team, write_estimate(context, &o));
  return identify(context, &o);
}

const mst_job_ops mst_job_identify = {
    .name = "identify",
    .summary = "pure exploration: the best arm of every task, with few pulls",
    .sections = sections,
    .run = run_identify};
