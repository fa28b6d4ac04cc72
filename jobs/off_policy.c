/* The off_policy job: what a policy would have been paid, from a log of another's decisions
 * (doc/methods/off_policy.md). Reads the settings, opens the log, reports every evaluator's
 * estimate with its interval, and how much of the log speaks of the target. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "io/dataset.h"
#include "io/runfile.h"
#include "jobs/family.h"
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/options.h"
#include "jobs/say.h"
#include "parallel/off_policy.h"

#define FEW_ROWS 100 /* an effective sample size below which the log is warned of */

static const mst_key_spec keys_off_policy[] = {
    {.key = "data.log",
     .type = MST_KEY_PATH,
     .fallback = MST_KEY_REQUIRED,
     .unit = "",
     .help = "dataset of logged decisions: /x, /arm, /reward, /propensity, attribute n_arms"},
    {.key = "target.kind",
     .type = MST_KEY_WORD,
     .fallback = MST_KEY_REQUIRED,
     .allowed = "uniform|constant|greedy|softmax",
     .unit = "",
     .help =
         "the policy to evaluate: any arm; one arm; the arm of the best modelled reward; arms in "
         "proportion to exp(modelled reward / temperature)"},
    {.key = "target.arm",
     .type = MST_KEY_INT,
     .fallback = "0",
     .min = 0,
     .max = INT32_MAX,
     .unit = "",
     .help = "constant: the arm, from 0"},
    {.key = "target.temperature",
     .type = MST_KEY_REAL,
     .fallback = "1",
     .min = 1e-9,
     .max = 1e9,
     .unit = "",
     .help = "softmax: by what modelled rewards are divided"},
    {.key = "target.train_fraction",
     .type = MST_KEY_REAL,
     .fallback = "0.5",
     .min = 0,
     .max = 1,
     .open_min = true,
     .unit = "",
     .help = "greedy, softmax: part of the log, its first rows, from which the policy is learned; "
             "it is evaluated on the others"},
    {.key = "target.ridge",
     .type = MST_KEY_REAL,
     .fallback = "1",
     .min = 0,
     .max = 1e12,
     .unit = "",
     .help = "greedy, softmax: regularisation of the regression, one an arm"},
    {.key = "target.weights",
     .type = MST_KEY_PATH,
     .unit = "",
     .help =
         "greedy, softmax: run file of this job whose target is taken, instead of learning one"},
    {.key = "evaluate.confidence",
     .type = MST_KEY_REAL,
     .fallback = "0.95",
     .min = 0.5,
     .max = 0.999999,
     .unit = "",
     .help = "probability with which an interval shall hold the value"},
    {.key = "evaluate.interval",
     .type = MST_KEY_WORD,
     .fallback = "normal",
     .allowed = "normal|bernstein",
     .unit = "",
     .help = "normal: by the standard error; bernstein: empirical Bernstein, which holds for any "
             "number of rows, for ips and replay"},
    {.key = "evaluate.reward_least",
     .type = MST_KEY_REAL,
     .fallback = "0",
     .min = -1e300,
     .max = 1e300,
     .unit = "",
     .help = "bernstein: no reward is smaller"},
    {.key = "evaluate.reward_most",
     .type = MST_KEY_REAL,
     .fallback = "1",
     .min = -1e300,
     .max = 1e300,
     .unit = "",
     .help = "bernstein: no reward is larger"},
    {.key = "evaluate.clip",
     .type = MST_KEY_REAL,
     .fallback = "0",
     .min = 0,
     .max = 1e300,
     .unit = "",
     .help = "largest weight pi / propensity, larger ones are cut off to it; 0: none is"},
    {.key = "evaluate.folds",
     .type = MST_KEY_INT,
     .fallback = "5",
     .min = 2,
     .max = 1000,
     .unit = "folds",
     .help = "dr: no row is judged by a model of rewards that has seen its fold"},
    {.key = "evaluate.ridge",
     .type = MST_KEY_REAL,
     .fallback = "1",
     .min = 0,
     .max = 1e12,
     .unit = "",
     .help = "dm, dr: regularisation of the models of rewards, one an arm"},
    {.key = NULL}};

static const mst_job_section sections[] = {
    {.family = &mst_family_evaluators}, {.keys = keys_off_policy}, {.keys = NULL}};

typedef struct off_policy_job {
  mst_job_context *context;
  mst_team *team;
  const mst_experiment *experiment;
  mst_dataset *log;
  mst_log_reader reader;
  mst_off_policy_options options;
  double *weight; /* (arms, width) of a greedy or softmax target; else NULL */
} off_policy_job;

static mst_target_kind kind_of(const char *word) {
  if (strcmp(word, "uniform") == 0) return MST_OPE_UNIFORM;
  if (strcmp(word, "constant") == 0) return MST_OPE_CONSTANT;
  return strcmp(word, "greedy") == 0 ? MST_OPE_GREEDY : MST_OPE_SOFTMAX;
}

static bool has_weight(const off_policy_job *j) {
  const mst_target_kind kind = j->options.target.kind;
  return kind == MST_OPE_GREEDY || kind == MST_OPE_SOFTMAX;
}

/* A key that was said although it means nothing beside the others. */
static mst_status check_key(const off_policy_job *j, const char *key, bool means,
                            const char *otherwise) {
  if (means || !mst_experiment_is_said(j->experiment, key)) return MST_OK;
  return mst_experiment_refuse(j->experiment, key, "%s", otherwise);
}

static mst_status check_keys(const off_policy_job *j) {
  const mst_off_policy_options *o = &j->options;
  const bool weight = has_weight(j), given = mst_experiment_is_set(j->experiment, "target.weights");
  bool models = false;
  for (int e = 0; e < o->evaluators; e++) models = models || o->evaluator[e]->models;
  MST_TRY(check_key(j, "target.arm", o->target.kind == MST_OPE_CONSTANT,
                    "but only target.kind: constant has an arm"));
  MST_TRY(check_key(j, "target.temperature", o->target.kind == MST_OPE_SOFTMAX,
                    "but only target.kind: softmax has a temperature"));
  MST_TRY(check_key(j, "target.weights", weight,
                    "but only target.kind: greedy and softmax have weights"));
  MST_TRY(check_key(j, "target.train_fraction", weight && !given,
                    "but the target is not learned from this log"));
  MST_TRY(check_key(j, "target.ridge", weight && !given,
                    "but the target is not learned from this log"));
  MST_TRY(check_key(j, "evaluate.reward_least", o->rule.bernstein,
                    "but only evaluate.interval: bernstein asks for a range"));
  MST_TRY(check_key(j, "evaluate.reward_most", o->rule.bernstein,
                    "but only evaluate.interval: bernstein asks for a range"));
  MST_TRY(check_key(j, "evaluate.folds", models, "but no evaluator has a model of rewards"));
  return check_key(j, "evaluate.ridge", models, "but no evaluator has a model of rewards");
}

/* Those that are named, or all that can keep to the rule. */
static mst_status choose_evaluators(off_policy_job *j) {
  mst_off_policy_options *o = &j->options;
  const int named = mst_experiment_count(j->experiment, "evaluate.by");
  for (int i = 0; i < named; i++) {
    const char *name = NULL;
    MST_TRY(mst_family_read_at(&mst_family_evaluators, j->experiment, i, &name));
    for (int k = 0; k < i; k++)
      if (strcmp(o->evaluator[k]->name, name) == 0)
        return mst_experiment_refuse(j->experiment, "evaluate.by", "%s is named twice", name);
    if (i == MST_OFF_POLICY_EVALUATORS)
      return mst_experiment_refuse(j->experiment, "evaluate.by", "at most %d can be named",
                                   MST_OFF_POLICY_EVALUATORS);
    o->evaluator[o->evaluators++] = mst_evaluator_find(name);
  }
  for (int i = 0; named == 0 && mst_evaluator_at(i) != NULL; i++) {
    const mst_evaluator_ops *ops = mst_evaluator_at(i);
    if (!o->rule.bernstein || (ops->range != NULL && isfinite(ops->range(&o->rule))))
      o->evaluator[o->evaluators++] = ops;
  }
  return MST_OK;
}

static mst_status read_settings(off_policy_job *j) {
  const mst_experiment *e = j->experiment;
  mst_off_policy_options *o = &j->options;
  *o = (mst_off_policy_options){
      .seed = mst_job_seed(e),
      .log = &j->reader,
      .target = {.kind = kind_of(mst_experiment_word(e, "target.kind")),
                 .arm = mst_experiment_int(e, "target.arm"),
                 .temperature = mst_experiment_real(e, "target.temperature")},
      .train_fraction = mst_experiment_real(e, "target.train_fraction"),
      .target_ridge = mst_experiment_real(e, "target.ridge"),
      .folds = mst_experiment_int(e, "evaluate.folds"),
      .ridge = mst_experiment_real(e, "evaluate.ridge"),
      .rule = {.confidence = mst_experiment_real(e, "evaluate.confidence"),
               .clip = mst_experiment_real(e, "evaluate.clip"),
               .bernstein = strcmp(mst_experiment_word(e, "evaluate.interval"), "bernstein") == 0,
               .reward_least = mst_experiment_real(e, "evaluate.reward_least"),
               .reward_most = mst_experiment_real(e, "evaluate.reward_most")}};
  MST_TRY(mst_ope_rule_check(&o->rule));
  MST_TRY(choose_evaluators(j));
  return check_keys(j);
}

static mst_status read_log(void *context, int64_t first, int64_t count, float *x, int32_t *arm,
                           float *reward, float *propensity) {
  MST_TRY(mst_dataset_read_x(context, first, count, x));
  return mst_dataset_read_log(context, first, count, arm, reward, propensity);
}

static mst_status open_log(off_policy_job *j) {
  const mst_experiment *e = j->experiment;
  MST_TRY(mst_dataset_open(j->team, mst_experiment_path(e, "data.log"), &j->log));
  const mst_dataset_info *info = mst_dataset_about(j->log);
  if (!info->has_log)
    return mst_experiment_refuse(e, "data.log",
                                 "is no log of decisions: it needs /arm, /reward and /propensity");
  if (info->n_arms == 0)
    return mst_experiment_refuse(e, "data.log",
                                 "its attribute n_arms, the number of arms, is missing");
  j->reader = (mst_log_reader){.context = j->log,
                               .rows = info->rows,
                               .row_elements = info->row_elements,
                               .arms = info->n_arms,
                               .read = read_log};
  return MST_OK;
}

/* The target of a run file. Collective. */
static mst_status read_target(off_policy_job *j) {
  const int64_t shape[2] = {j->reader.arms, j->reader.row_elements + 1};
  mst_state state;
  if (!has_weight(j)) return MST_OK;
  MST_TRY(mst_team_agree(j->team, mst_alloc(&j->weight, shape[0] * shape[1], sizeof *j->weight,
                                            "the target's weights")));
  if (!mst_experiment_is_set(j->experiment, "target.weights")) return MST_OK;
  mst_state_init(&state);
  mst_status st =
      mst_team_agree(j->team, mst_state_add(&state, "target", MST_F64, 2, shape, j->weight));
  if (st == MST_OK)
    st = mst_runfile_read(j->team, mst_experiment_path(j->experiment, "target.weights"), "model",
                          &state);
  mst_state_clear(&state);
  for (int64_t i = 0; i < shape[0] * shape[1] && st == MST_OK; i++)
    if (!isfinite(j->weight[i]))
      st = mst_experiment_refuse(j->experiment, "target.weights", "its weights are not all finite");
  j->options.target.weight = j->weight;
  return st;
}

static mst_status check_settings(const off_policy_job *j) {
  MST_TRY(mst_off_policy_check(&j->options));
  return mst_job_fits(j->experiment, mst_off_policy_plan(mst_job_ranks(j->context), &j->options));
}

static mst_status prepare(off_policy_job *j) {
  MST_TRY(mst_team_agree(j->team, read_settings(j)));
  MST_TRY(open_log(j));
  MST_TRY(read_target(j));
  return mst_team_agree(j->team, check_settings(j));
}

static mst_status write_estimate(off_policy_job *j) {
  const mst_job_count figure[] = {
      {"rank_bytes", mst_off_policy_plan(mst_job_ranks(j->context), &j->options)},
      {"rows", j->reader.rows},
      {"columns", j->reader.row_elements},
      {"arms", j->reader.arms},
      {NULL, 0}};
  return mst_job_estimate(j->context, figure);
}

/* name, name_error, name_low, name_high, name_rows of an evaluator. Local. */
static mst_status list_estimate(mst_job_context *c, const char *name, const mst_ope_estimate *e) {
  const struct {
    const char *suffix;
    double value;
  } figure[] = {{"", e->value}, {"_error", e->error}, {"_low", e->low}, {"_high", e->high}};
  char key[64];
  for (size_t i = 0; i < sizeof figure / sizeof figure[0]; i++) {
    snprintf(key, sizeof key, "%s%s", name, figure[i].suffix);
    MST_TRY(mst_job_result(c, key, figure[i].value, false));
  }
  snprintf(key, sizeof key, "%s_rows", name);
  return mst_job_result(c, key, (double)e->rows, true);
}

static mst_status list_figures(off_policy_job *j, const mst_off_policy_totals *t) {
  mst_job_context *c = j->context;
  const mst_off_policy_options *o = &j->options;
  c->rounds = 1;
  for (int e = 0; e < o->evaluators; e++)
    MST_TRY(list_estimate(c, o->evaluator[e]->name, &t->estimate[e]));
  MST_TRY(mst_job_result(c, "effective_rows", t->effective, false));
  MST_TRY(mst_job_result(c, "weight_mean", t->weight_mean, false));
  MST_TRY(mst_job_result(c, "weight_most", t->weight_most, false));
  MST_TRY(mst_job_result(c, "logged_reward", t->reward_mean, false));
  MST_TRY(mst_job_result(c, "least_propensity", t->least_propensity, false));
  const mst_job_count figure[] = {{"rows", t->rows},
                                  {"train_rows", t->train_rows},
                                  {"matched_rows", t->matched},
                                  {"clipped_rows", t->clipped},
                                  {NULL, 0}};
  return mst_job_results(c, figure);
}

static void warn(const off_policy_job *j, const mst_off_policy_totals *t) {
  if (t->matched > 0 && t->effective < FEW_ROWS)
    mst_say(j->team,
            "the log hardly speaks of the target: its %lld rows count like %.1f (matched: %lld, "
            "largest weight %.4g); intervals by the normal approximation are too narrow then",
            (long long)t->rows, t->effective, (long long)t->matched, t->weight_most);
  if (t->clipped > 0)
    mst_say(j->team, "%lld weights were cut off to evaluate.clip: ips, snips and dr are biased",
            (long long)t->clipped);
}

/* Collective. */
static mst_status report(off_policy_job *j, const mst_off_policy_totals *t) {
  const mst_observer *o = j->context->observer;
  const mst_off_policy_options *options = &j->options;
  const int64_t shape[2] = {j->reader.arms, j->reader.row_elements + 1};
  mst_metric metric[2 * MST_OFF_POLICY_EVALUATORS + 1];
  char error[MST_OFF_POLICY_EVALUATORS][32];
  int n = 0;
  for (int e = 0; e < options->evaluators; e++) {
    snprintf(error[e], sizeof error[e], "%s_error", options->evaluator[e]->name);
    metric[n++] = (mst_metric){options->evaluator[e]->name, t->estimate[e].value};
    metric[n++] = (mst_metric){error[e], t->estimate[e].error};
  }
  metric[n++] = (mst_metric){"effective_rows", t->effective};
  if (o->on_round != NULL) MST_TRY(o->on_round(o->context, 1, n, metric));
  if (j->weight == NULL || o->on_state == NULL) return MST_OK;
  mst_state state;
  mst_state_init(&state);
  mst_status st =
      mst_team_agree(j->team, mst_state_add(&state, "target", MST_F64, 2, shape, j->weight));
  if (st == MST_OK) st = o->on_state(o->context, 1, &state);
  mst_state_clear(&state);
  return st;
}

static mst_status evaluate(off_policy_job *j) {
  mst_off_policy_totals t;
  MST_TRY(mst_off_policy(j->team, &j->options, j->context->observer, j->weight, &t));
  warn(j, &t);
  MST_TRY(mst_team_agree(j->team, list_figures(j, &t)));
  return report(j, &t);
}

static mst_status run_off_policy(mst_job_context *context) {
  off_policy_job j = {.context = context, .team = context->team, .experiment = context->experiment};
  mst_status st = prepare(&j);
  if (st == MST_OK)
    st = context->dry_run ? mst_team_agree(j.team, write_estimate(&j)) : evaluate(&j);
  mst_dataset_close(j.log);
  mst_free(j.weight);
  return st;
}

const mst_job_ops mst_job_off_policy = {
    .name = "off_policy",
    .summary = "what a policy is worth, from a log of what another one did",
    .sections = sections,
    .run = run_off_policy};
