/* The treatment job: two-stage treatment rules that are learned as patients come
 * (doc/methods/treatment.md). Reads the settings, runs the driver, reports regret. No data are
 * read. */
#include <string.h>

#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/options.h"
#include "parallel/treatment.h"

static const mst_key_spec keys_treatment[] = {
    {.key = "patients",
     .type = MST_KEY_INT,
     .fallback = MST_KEY_REQUIRED,
     .min = 1,
     .max = 1e9,
     .unit = "patients",
     .help = "of an instance, one after the other"},
    {.key = "seeds",
     .type = MST_KEY_INT,
     .fallback = "1",
     .min = 1,
     .max = 1e6,
     .unit = "instances",
     .help = "independent instances, of seed, seed + 1, ...; figures are means over them"},
    {.key = "noise",
     .type = MST_KEY_REAL,
     .fallback = "1",
     .min = 0,
     .max = 1e6,
     .unit = "",
     .help = "standard deviation of a reward about its mean"},
    {.key = "policy.kind",
     .type = MST_KEY_WORD,
     .fallback = "dtr",
     .allowed = "dtr|greedy|epsilon_greedy|uniform|oracle",
     .unit = "",
     .help =
         "forced pulls with two estimators; greedy, with any arm now and then; any arm; the truth"},
    {.key = "policy.pulls",
     .type = MST_KEY_INT,
     .fallback = "5",
     .min = 2,
     .max = 1e6,
     .unit = "patients",
     .help = "q: forced to each of the four ways of treatment, at times that double"},
    {.key = "policy.gap",
     .type = MST_KEY_REAL,
     .fallback = "1",
     .min = 0,
     .max = 1e6,
     .open_min = true,
     .unit = "",
     .help = "dtr: forced patients decide where their two arms differ by more than half of it"},
    {.key = "policy.epsilon",
     .type = MST_KEY_REAL,
     .fallback = "0.1",
     .min = 0,
     .max = 1,
     .unit = "",
     .help = "epsilon_greedy: share of the choices that are of any arm"},
    {.key = "policy.refit",
     .type = MST_KEY_REAL,
     .fallback = "0.01",
     .min = 0,
     .max = 1,
     .unit = "",
     .help = "estimates follow when the patients have grown by this share; 0: after each"},
    {.key = "evaluate.every",
     .type = MST_KEY_INT,
     .fallback = "0",
     .min = 0,
     .max = 1e9,
     .unit = "patients",
     .help = "report every so many patients; 0: a hundred times"},
    {.key = "output.checkpoint.every_rounds",
     .type = MST_KEY_INT,
     .fallback = "0",
     .min = 0,
     .max = 1e9,
     .unit = "patients",
     .help = "save the state every so many patients, for --resume; 0: only when a signal comes"},
    {.key = NULL}};

static const mst_job_section sections[] = {{.keys = keys_treatment}, {.keys = NULL}};

static mst_treatment_policy policy_of(const char *word) {
  static const char *const names[] = {"dtr", "greedy", "epsilon_greedy", "uniform", "oracle"};
  int i = 0;
  while (i < 4 && strcmp(word, names[i]) != 0) i++;
  return (mst_treatment_policy)i;
}

static mst_status read_settings(const mst_experiment *e, mst_treatment_options *o) {
  *o = (mst_treatment_options){
      .spec = {.policy = policy_of(mst_experiment_word(e, "policy.kind")),
               .pulls = mst_experiment_int(e, "policy.pulls"),
               .gap = mst_experiment_real(e, "policy.gap"),
               .epsilon = mst_experiment_real(e, "policy.epsilon"),
               .noise = mst_experiment_real(e, "noise"),
               .refit = mst_experiment_real(e, "policy.refit")},
      .seed = mst_job_seed(e),
      .seeds = mst_experiment_int(e, "seeds"),
      .patients = mst_experiment_int(e, "patients"),
      .evaluate_every = mst_experiment_int(e, "evaluate.every"),
      .checkpoint_every = mst_experiment_int(e, "output.checkpoint.every_rounds")};
  return mst_treatment_options_check(o);
}

static mst_status write_estimate(mst_job_context *c, const mst_treatment_options *o) {
  const mst_job_count figure[] = {{"rank_bytes", mst_treatment_plan(mst_job_ranks(c), o)},
                                  {"instances", o->seeds},
                                  {"patients", o->patients},
                                  {NULL, 0}};
  return mst_job_estimate(c, figure);
}

/* Local. */
static mst_status list_figures(mst_job_context *c, const mst_treatment_options *o,
                               const mst_treatment_totals *t) {
  c->rounds = o->patients;
  MST_TRY(mst_job_result(c, "regret", t->regret, false));
  MST_TRY(mst_job_result(c, "regret_sd", t->regret_sd, false));
  MST_TRY(mst_job_result(c, "regret_most", t->regret_most, false));
  MST_TRY(mst_job_result(c, "forced", t->forced, false));
  const mst_job_count figure[] = {{"patients", o->patients}, {"instances", o->seeds}, {NULL, 0}};
  return mst_job_results(c, figure);
}

static mst_status run_treatment(mst_job_context *c) {
  mst_treatment_options o;
  mst_treatment_totals t;
  MST_TRY(mst_team_agree(c->team, read_settings(c->experiment, &o)));
  if (c->dry_run) return mst_team_agree(c->team, write_estimate(c, &o));
  MST_TRY(mst_job_fits(c->experiment, mst_treatment_plan(mst_job_ranks(c), &o)));
  MST_TRY(mst_treatment_run(c->team, &o, c->observer, &t));
  return mst_team_agree(c->team, list_figures(c, &o, &t));
}

const mst_job_ops mst_job_treatment = {
    .name = "treatment",
    .summary = "two-stage treatment rules that are learned as patients come",
    .sections = sections,
    .run = run_treatment};
