/* The pca job: principal components, or the singular vectors, of a dataset's rows or of their
 * features (doc/methods/pca.md). Opens the data, decomposes, and reports what is left of the rows.
 */
#include <string.h>

#include "jobs/data.h"
#include "jobs/family.h"
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/model.h"
#include "jobs/options.h"
#include "jobs/record.h"
#include "parallel/pca.h"

static const mst_key_spec keys_pca[] = {
    {.key = "pca.components",
     .type = MST_KEY_INT,
     .fallback = MST_KEY_REQUIRED,
     .min = 1,
     .max = INT32_MAX,
     .unit = "components",
     .help = "k: how many to find, those of the largest variance"},
    {.key = "pca.centre",
     .type = MST_KEY_BOOL,
     .fallback = "true",
     .unit = "",
     .help = "subtract the means of the columns first; false: singular vectors of the rows as they "
             "are"},
    {.key = "pca.method",
     .type = MST_KEY_WORD,
     .fallback = "gram",
     .allowed = "gram|randomised",
     .unit = "",
     .help = "gram: of the exact matrix of products; randomised: subspace iteration, for rows too "
             "wide for that"},
    {.key = "pca.oversample",
     .type = MST_KEY_INT,
     .fallback = "10",
     .min = 0,
     .max = 1e6,
     .unit = "columns",
     .help = "randomised: iterate on so many columns beside the components"},
    {.key = "pca.power",
     .type = MST_KEY_INT,
     .fallback = "4",
     .min = 0,
     .max = 1000,
     .unit = "iterations",
     .help = "randomised: iterations after the first, of one walk over the rows each"},
    {.key = "reduce",
     .type = MST_KEY_WORD,
     .fallback = "exact",
     .allowed = "exact|fast",
     .unit = "",
     .help = "exact: same bits on any number of ranks; fast: floating-point sums and "
             "ScaLAPACK's own process grid, of pca.method gram"},
    {.key = NULL}};

static const mst_job_section sections[] = {
    {.keys = mst_keys_data}, {.family = &mst_family_features}, {.keys = keys_pca}, {.keys = NULL}};

typedef struct pca_job {
  mst_job_context *context;
  mst_team *team;
  mst_job_data data;
  mst_pca_options options;
  mst_row_plan plan;
} pca_job;

static mst_status read_settings(pca_job *j) {
  static const char *const only[] = {"pca.oversample", "pca.power"};
  const mst_experiment *e = j->context->experiment;
  j->options = (mst_pca_options){
      .components = mst_experiment_int(e, "pca.components"),
      .centre = mst_experiment_bool(e, "pca.centre"),
      .randomised = strcmp(mst_experiment_word(e, "pca.method"), "randomised") == 0,
      .oversample = mst_experiment_int(e, "pca.oversample"),
      .power = mst_experiment_int(e, "pca.power"),
      .seed = mst_job_seed(e),
      .fast = strcmp(mst_experiment_word(e, "reduce"), "fast") == 0};
  for (int i = 0; i < 2 && !j->options.randomised; i++)
    if (mst_experiment_is_said(e, only[i]))
      return mst_experiment_refuse(e, only[i], "only pca.method: randomised iterates");
  if (j->options.randomised && j->options.fast)
    return mst_experiment_refuse(e, "reduce", "sums of pca.method: randomised are exact");
  return MST_OK;
}

static mst_status prepare(pca_job *j) {
  const mst_job_data *d = &j->data;
  MST_TRY(mst_team_agree(j->team, read_settings(j)));
  MST_TRY(mst_job_data_open_rows(j->context, false, &j->data));
  MST_TRY(mst_pca_check(d->train.info->rows, d->features->width, &j->options));
  MST_TRY(mst_pca_arrange(mst_job_ranks(j->context), d->train.info->rows,
                          d->train.info->row_elements, d->features, &j->options, d->memory,
                          d->base_bytes, &j->plan));
  return mst_job_data_deal(&j->data, false);
}

static mst_status write_estimate(pca_job *j) {
  const mst_job_count figure[] = {
      {"rank_bytes", j->plan.rank_bytes},    {"rows", j->data.train.info->rows},
      {"features", j->data.features->width}, {"components", j->options.components},
      {"row_groups", j->plan.groups},        {NULL, 0}};
  return mst_job_estimate(j->context, figure);
}

/* Local. */
static mst_status list_figures(pca_job *j, int n, const mst_metric *metric, const mst_pca *p) {
  const mst_job_count figure[] = {{"rows", p->rows},
                                  {"dropped_rows", j->data.train.dropped + j->data.test.dropped},
                                  {"features", p->d},
                                  {"components", p->k},
                                  {NULL, 0}};
  for (int i = 0; i < n; i++)
    MST_TRY(mst_job_result(j->context, metric[i].name, metric[i].value, false));
  return mst_job_results(j->context, figure);
}

static mst_status report_components(pca_job *j, mst_pca *p) {
  mst_state state;
  mst_state_init(&state);
  mst_status st =
      mst_state_add(&state, "components", MST_F64, 2, (const int64_t[]){p->k, p->d}, p->components);
  if (st == MST_OK) st = mst_state_add(&state, "mean", MST_F64, 1, &p->d, p->mean);
  if (st == MST_OK) st = mst_state_add(&state, "singular_values", MST_F64, 1, &p->k, p->singular);
  if (st == MST_OK)
    st = mst_state_add(&state, "explained_variance", MST_F64, 1, &p->k, p->variance);
  return mst_job_report_model(&j->data, st, &state);
}

/* Collective. */
static mst_status report(pca_job *j, mst_pca *p, double test_residual) {
  const mst_observer *o = j->context->observer;
  const mst_metric metric[] = {{"explained", p->explained},
                               {"residual", p->residual},
                               {"orthogonality", p->orthogonality},
                               {"test_residual", test_residual}};
  const int n = j->data.test.file != NULL ? 4 : 3;
  j->context->rounds = 1;
  if (o->on_round) MST_TRY(o->on_round(o->context, 1, n, metric));
  MST_TRY(mst_team_agree(j->team, list_figures(j, n, metric, p)));
  MST_TRY(mst_record_shape(j->team, j->context->runfile, &j->data.shape, 0, j->options.components));
  MST_TRY(mst_runfile_timing(j->context->runfile, "planned_bytes", (double)j->plan.rank_bytes));
  return report_components(j, p);
}

static mst_status decompose(pca_job *j) {
  mst_pca p = {0};
  double test_residual = 0;
  mst_job_data *d = &j->data;
  mst_rows_assign(d->train.rows, d->train.roster, j->plan.groups);
  mst_analytic_data data = {.rows = d->train.rows, .roster = d->train.roster};
  MST_TRY(
      mst_pca_train(j->team, &data, d->features, &j->plan, &j->options, j->context->observer, &p));
  mst_status st = mst_job_check_stop(j->context);
  if (st == MST_OK && d->test.file != NULL) {
    st = mst_job_data_place_test(d, j->plan.groups);
    data = (mst_analytic_data){.rows = d->test.rows, .roster = d->test.roster};
    if (st == MST_OK)
      st = mst_pca_residual(j->team, &data, d->features, &j->plan, &p, j->context->observer,
                            &test_residual);
  }
  if (st == MST_OK) st = report(j, &p, test_residual);
  mst_pca_free(&p);
  return st;
}

static mst_status run_pca(mst_job_context *context) {
  pca_job j = {.context = context, .team = context->team};
  mst_status st = prepare(&j);
  if (st == MST_OK && context->dry_run) st = mst_team_agree(j.team, write_estimate(&j));
  if (st == MST_OK && !context->dry_run) {
    st = mst_job_data_read(&j.data, j.plan.window_bytes);
    if (st == MST_OK) st = decompose(&j);
  }
  mst_job_data_close(&j.data);
  return st;
}

const mst_job_ops mst_job_pca = {
    .name = "pca",
    .summary = "principal components or singular vectors of rows, exactly or by random projections",
    .sections = sections,
    .run = run_pca};
