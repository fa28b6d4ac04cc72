/* The naive_bayes job: a classifier from sums alone, one walk over the rows
 * (doc/methods/naive_bayes.md). */
#include "parallel/naive_bayes.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "jobs/data.h"
#include "jobs/family.h"
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/model.h"
#include "jobs/options.h"
#include "jobs/record.h"

static const mst_key_spec keys_bayes[] = {
    {.key = "naive_bayes.kind",
     .type = MST_KEY_WORD,
     .fallback = "gaussian",
     .allowed = "gaussian|multinomial",
     .unit = "",
     .help = "law of a feature given the class: normal, or features are counts of one draw"},
    {.key = "naive_bayes.smoothing",
     .type = MST_KEY_REAL,
     .min = 0,
     .max = 1e12,
     .unit = "",
     .help = "gaussian: added to variances, in units of the largest feature's (unset: 1e-9); "
             "multinomial: added to counts (unset: 1)"},
    {.key = NULL}};

static const mst_job_section sections[] = {{.keys = mst_keys_data},
                                           {.family = &mst_family_features},
                                           {.keys = keys_bayes},
                                           {.keys = NULL}};

typedef struct bayes_job {
  mst_job_context *context;
  mst_team *team;
  mst_job_data data;
  mst_naive_bayes_options options;
  mst_row_plan plan;
} bayes_job;

static void read_settings(bayes_job *j) {
  const mst_experiment *e = j->context->experiment;
  mst_naive_bayes_options *o = &j->options;
  o->multinomial = strcmp(mst_experiment_word(e, "naive_bayes.kind"), "multinomial") == 0;
  o->smoothing = o->multinomial ? 1 : 1e-9;
  if (mst_experiment_is_set(e, "naive_bayes.smoothing"))
    o->smoothing = mst_experiment_real(e, "naive_bayes.smoothing");
}

static mst_status prepare(bayes_job *j) {
  const mst_job_data *d = &j->data;
  read_settings(j);
  MST_TRY(mst_job_data_open_pooled(j->context, &j->data));
  if (d->train.info->target != MST_TARGET_CLASSES)
    return mst_experiment_refuse(j->context->experiment, "data.train", "it has no classes");
  MST_TRY(mst_naive_bayes_arrange(mst_job_ranks(j->context), d->train.info->rows,
                                  d->train.info->row_elements, d->features, d->outputs, d->memory,
                                  d->base_bytes, &j->plan));
  return mst_job_data_deal(&j->data, false);
}

static mst_status write_estimate(bayes_job *j) {
  const mst_job_count figure[] = {
      {"rank_bytes", j->plan.rank_bytes},    {"rows", j->data.train.info->rows},
      {"features", j->data.features->width}, {"classes", j->data.outputs},
      {"row_groups", j->plan.groups},        {NULL, 0}};
  return mst_job_estimate(j->context, figure);
}

/* Local. */
static mst_status list_figures(bayes_job *j, int n, const mst_metric *metric) {
  const mst_job_count figure[] = {{"rows", j->data.train.roster->rows},
                                  {"dropped_rows", j->data.train.dropped + j->data.test.dropped},
                                  {"features", j->data.features->width},
                                  {"classes", j->data.outputs},
                                  {NULL, 0}};
  for (int i = 0; i < n; i++)
    MST_TRY(mst_job_result(j->context, metric[i].name, metric[i].value, false));
  return mst_job_results(j->context, figure);
}

static mst_status report_model(bayes_job *j, mst_naive_bayes *m) {
  const int64_t size[] = {m->c, m->d};
  mst_state state;
  mst_state_init(&state);
  mst_status st = mst_state_add(&state, "log_prior", MST_F64, 1, &m->c, m->prior);
  if (st == MST_OK)
    st = mst_state_add(&state, m->multinomial ? "log_share" : "mean", MST_F64, 2, size, m->mean);
  if (st == MST_OK && !m->multinomial)
    st = mst_state_add(&state, "variance", MST_F64, 2, size, m->variance);
  return mst_job_report_model(&j->data, st, &state);
}

/* Collective. */
static mst_status report(bayes_job *j, mst_naive_bayes *m, const mst_naive_bayes_score *s) {
  const mst_observer *o = j->context->observer;
  const mst_metric metric[] = {{"accuracy", s->accuracy}, {"loss", s->loss}};
  const int n = j->data.test.file != NULL ? 2 : 0;
  j->context->rounds = 1;
  if (o->on_round) MST_TRY(o->on_round(o->context, 1, n, metric));
  MST_TRY(mst_team_agree(j->team, list_figures(j, n, metric)));
  MST_TRY(mst_record_data(&j->data));
  MST_TRY(mst_runfile_timing(j->context->runfile, "planned_bytes", (double)j->plan.rank_bytes));
  return report_model(j, m);
}

static mst_status score_test(bayes_job *j, const mst_naive_bayes *m, mst_naive_bayes_score *s) {
  mst_job_data *d = &j->data;
  int64_t *confusion = NULL;
  if (d->test.file == NULL) return MST_OK;
  MST_TRY(mst_job_data_place_test(d, j->plan.groups));
  const mst_analytic_data data = {.rows = d->test.rows,
                                  .roster = d->test.roster,
                                  .label = d->test.label,
                                  .outputs = d->outputs};
  mst_status st = mst_record_room(d, &confusion);
  if (st == MST_OK)
    st = mst_naive_bayes_evaluate(j->team, &data, d->features, &j->plan, m, j->context->observer, s,
                                  confusion);
  if (st == MST_OK) st = mst_record_confusion(d, confusion);
  mst_free(confusion);
  return st;
}

static mst_status learn(bayes_job *j) {
  mst_naive_bayes m = {0};
  mst_naive_bayes_score score = {.accuracy = NAN, .loss = NAN};
  const mst_job_data *d = &j->data;
  mst_rows_assign(d->train.rows, d->train.roster, j->plan.groups);
  const mst_analytic_data data = {.rows = d->train.rows,
                                  .roster = d->train.roster,
                                  .label = d->train.label,
                                  .outputs = d->outputs};
  MST_TRY(mst_naive_bayes_train(j->team, &data, d->features, &j->plan, &j->options,
                                j->context->observer, &m));
  mst_status st = mst_job_check_stop(j->context);
  if (st == MST_OK) st = score_test(j, &m, &score);
  if (st == MST_OK) st = report(j, &m, &score);
  mst_naive_bayes_free(&m);
  return st;
}

static mst_status run_naive_bayes(mst_job_context *context) {
  bayes_job j = {.context = context, .team = context->team};
  mst_status st = prepare(&j);
  if (st == MST_OK && context->dry_run) st = mst_team_agree(j.team, write_estimate(&j));
  if (st == MST_OK && !context->dry_run) {
    st = mst_job_data_read(&j.data, j.plan.window_bytes);
    if (st == MST_OK) st = learn(&j);
  }
  mst_job_data_close(&j.data);
  return st;
}

const mst_job_ops mst_job_naive_bayes = {
    .name = "naive_bayes",
    .summary = "Gaussian or multinomial naive Bayes: a classifier from sums over the rows alone",
    .sections = sections,
    .run = run_naive_bayes};
