/* The sketch job: products A'B and least squares from sketches of rows (doc/methods/sketch.md). A
 * is the rows of data.train, or their features; B their targets, or the rows of data.other. Opens
 * the data, sketches, and reports the estimate and what was sent for it. */
#include <math.h>
#include <string.h>

#include "jobs/data.h"
#include "jobs/family.h"
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/model.h"
#include "jobs/options.h"
#include "jobs/record.h"
#include "parallel/sketch.h"

#define NUMBER_BYTES 8

static const mst_key_spec keys_sketch[] = {
    {.key = "sketch.task",
     .type = MST_KEY_WORD,
     .fallback = "product",
     .allowed = "product|regression",
     .unit = "",
     .help = "product: A'B, A and B sketched apart; regression: of targets on features, by one "
             "sketch of both"},
    {.key = "sketch.exact",
     .type = MST_KEY_BOOL,
     .fallback = "false",
     .unit = "",
     .help = "find the product itself too, and how far the estimate is from it"},
    {.key = "sketch.ridge",
     .type = MST_KEY_REAL,
     .fallback = "0",
     .min = 0,
     .max = 1e12,
     .unit = "",
     .help = "regression: added to the diagonal of the features' products"},
    {.key = "data.other",
     .type = MST_KEY_PATH,
     .unit = "",
     .help = "product: dataset file whose rows are B, as many as in data.train and in the same "
             "order; unset: B is /y of data.train"},
    {.key = NULL}};

static const mst_job_section sections[] = {{.keys = mst_keys_data},
                                           {.family = &mst_family_features},
                                           {.family = &mst_family_sketches},
                                           {.keys = keys_sketch},
                                           {.keys = NULL}};

typedef struct sketch_job {
  mst_job_context *context;
  mst_team *team;
  mst_job_data data;
  mst_job_set other; /* B's rows, where they are not the targets */
  mst_features *other_map;
  mst_sketch_options options;
  mst_row_plan plan;
  int64_t d, m; /* columns of A and of B */
} sketch_job;

static mst_status read_settings(sketch_job *j) {
  const mst_experiment *e = j->context->experiment;
  const bool regression = strcmp(mst_experiment_word(e, "sketch.task"), "regression") == 0;
  j->options = (mst_sketch_options){.spec = {.seed = mst_job_seed(e)},
                                    .whole = regression,
                                    .exact = mst_experiment_bool(e, "sketch.exact"),
                                    .ridge = mst_experiment_real(e, "sketch.ridge")};
  MST_TRY(mst_family_read(&mst_family_sketches, e, &j->options.spec));
  MST_TRY(mst_sketch_check(&j->options.spec));
  const bool other = mst_experiment_is_set(e, "data.other");
  if (regression && other)
    return mst_experiment_refuse(e, "data.other", "sketch.task: regression learns from /y");
  if (!regression && mst_experiment_is_said(e, "sketch.ridge"))
    return mst_experiment_refuse(e, "sketch.ridge", "only sketch.task: regression has a ridge");
  if (!regression && mst_experiment_is_set(e, "data.test"))
    return mst_experiment_refuse(e, "data.test", "only sketch.task: regression scores a model");
  if (other && strcmp(mst_experiment_word(e, "data.on_nonfinite"), "drop") == 0)
    return mst_experiment_refuse(e, "data.on_nonfinite",
                                 "rows of data.train and data.other belong together: none is left "
                                 "out");
  return MST_OK;
}

static mst_status open_other(sketch_job *j) {
  const mst_experiment *e = j->context->experiment;
  mst_job_set *set = &j->other;
  set->team = j->team;
  MST_TRY(mst_dataset_open(j->team, mst_experiment_path(e, "data.other"), &set->file));
  set->info = mst_dataset_about(set->file);
  const mst_dataset_info *a = j->data.train.info, *b = set->info;
  if (a->rows != b->rows)
    return mst_experiment_refuse(e, "data.other",
                                 "it has %lld rows, data.train has %lld: A'B is a sum over rows "
                                 "that both have",
                                 (long long)b->rows, (long long)a->rows);
  const mst_features_spec spec = mst_features_defaults("identity");
  mst_row_shape shape = {.dims = b->row_dims};
  for (int k = 0; k < b->row_dims; k++) shape.size[k] = b->row_size[k];
  return mst_team_agree(j->team, mst_features_create(&spec, &shape, &j->other_map));
}

static mst_status prepare(sketch_job *j) {
  mst_job_data *d = &j->data;
  MST_TRY(mst_team_agree(j->team, read_settings(j)));
  const bool other = mst_experiment_is_set(j->context->experiment, "data.other");
  MST_TRY(other ? mst_job_data_open_rows(j->context, false, d)
                : mst_job_data_open_pooled(j->context, d));
  if (other) MST_TRY(open_other(j));
  const int64_t columns = other ? j->other_map->width : d->outputs;
  const int64_t whole = d->features->width + columns + 1;
  j->d = j->options.whole ? whole : d->features->width;
  j->m = j->options.whole ? whole : columns;
  MST_TRY(mst_sketch_arrange(mst_job_ranks(j->context), d->train.info->rows,
                             d->train.info->row_elements + columns, j->d, j->m, d->features,
                             &j->options, d->memory, d->base_bytes, &j->plan));
  return mst_job_data_deal(d, false);
}

static mst_status write_estimate(sketch_job *j) {
  const mst_sketch_spec *s = &j->options.spec;
  const int64_t rows = j->data.train.info->rows;
  int64_t numbers = mst_sketch_most_numbers(s, rows, j->d);
  if (!j->options.whole) numbers += mst_sketch_most_numbers(s, rows, j->m);
  const mst_job_count figure[] = {{"rank_bytes", j->plan.rank_bytes},
                                  {"rows", rows},
                                  {"columns_a", j->d},
                                  {"columns_b", j->m},
                                  {"most_uplink_bytes", NUMBER_BYTES * numbers},
                                  {"row_groups", j->plan.groups},
                                  {NULL, 0}};
  return mst_job_estimate(j->context, figure);
}

/* B's rows, which must all be finite. Collective. */
static mst_status read_other(sketch_job *j) {
  mst_job_set *set = &j->other;
  char hex[MST_DIGEST_HEX];
  int64_t first = 0;
  if (set->file == NULL) return MST_OK;
  mst_observer_phase(j->context->observer, "read", set->info->rows, "rows");
  MST_TRY(mst_job_set_read(set, j->plan.window_bytes));
  MST_TRY(mst_dataset_digest_end(j->team, set->info, &set->digest, hex));
  MST_TRY(mst_runfile_input(j->context->runfile, "data.other", hex));
  if (mst_rows_nonfinite(set->rows, &first) > 0)
    return mst_fail(MST_ERR_NONFINITE,
                    "data.other: row %lld, counted from 0, holds NaN or infinity",
                    (long long)first);
  mst_rows_assign(set->rows, j->data.train.roster, j->plan.groups);
  return MST_OK;
}

/* Local. */
static mst_status list_figures(sketch_job *j, int n, const mst_metric *metric,
                               const mst_sketch_result *r) {
  const mst_job_count figure[] = {{"rows", r->rows},
                                  {"dropped_rows", j->data.train.dropped + j->data.test.dropped},
                                  {"columns_a", r->d},
                                  {"columns_b", r->m},
                                  {"sampled_a", r->sampled_a},
                                  {"sampled_b", r->sampled_b},
                                  {"sampled_both", r->sampled_both},
                                  {"uplink_bytes", NUMBER_BYTES * (r->numbers_a + r->numbers_b)},
                                  {NULL, 0}};
  for (int i = 0; i < n; i++)
    MST_TRY(mst_job_result(j->context, metric[i].name, metric[i].value, false));
  return mst_job_results(j->context, figure);
}

static mst_status report(sketch_job *j, int n, const mst_metric *metric, mst_sketch_result *r,
                         mst_analytic_model *model) {
  const mst_observer *o = j->context->observer;
  mst_runfile *file = j->context->runfile;
  mst_state state;
  j->context->rounds = 1;
  if (o->on_round) MST_TRY(o->on_round(o->context, 1, n, metric));
  MST_TRY(mst_team_agree(j->team, list_figures(j, n, metric, r)));
  MST_TRY(mst_runfile_ledger(file, 1, "uplink", NUMBER_BYTES * (r->numbers_a + r->numbers_b),
                             j->options.whole ? 1 : 2));
  MST_TRY(mst_record_shape(j->team, file, &j->data.shape, j->data.train.info->n_classes,
                           j->options.whole ? model->c : r->m));
  MST_TRY(mst_runfile_timing(file, "planned_bytes", (double)j->plan.rank_bytes));
  mst_state_init(&state);
  mst_status st;
  if (j->options.whole) {
    st = mst_state_add(&state, "weights", MST_F64, 2, (const int64_t[]){model->d, model->c},
                       model->weights);
    if (st == MST_OK)
      st = mst_state_add(&state, "intercept", MST_F64, 1, &model->c, model->intercept);
  } else {
    st = mst_state_add(&state, "product", MST_F64, 2, (const int64_t[]){r->d, r->m}, r->product);
  }
  return mst_job_report_model(&j->data, st, &state);
}

/* The loss on training rows, and the least there is. Collective. */
static mst_status score_training(sketch_job *j, const mst_sketch_result *r,
                                 const mst_analytic_model *model, mst_metric metric[2]) {
  mst_analytic_model best;
  MST_TRY(mst_sketch_regress(j->team, model->d, model->c, r->exact, j->options.ridge, &best));
  metric[0] = (mst_metric){"train_loss", mst_sketch_loss(model, r->rows, r->exact)};
  metric[1] = (mst_metric){"exact_train_loss", mst_sketch_loss(&best, r->rows, r->exact)};
  mst_analytic_model_free(&best);
  return MST_OK;
}

static mst_status score_test(sketch_job *j, const mst_analytic_model *model,
                             mst_analytic_score *score) {
  mst_job_data *d = &j->data;
  MST_TRY(mst_job_data_place_test(d, j->plan.groups));
  const mst_analytic_data data = {.rows = d->test.rows,
                                  .roster = d->test.roster,
                                  .label = d->test.label,
                                  .outputs = d->outputs};
  return mst_analytic_evaluate(j->team, &data, d->features, model, j->context->observer, score,
                               NULL);
}

/* Learn where that is asked for, score, and report. Collective. */
static mst_status finish(sketch_job *j, mst_sketch_result *r) {
  mst_analytic_model model = {0};
  mst_analytic_score score;
  mst_metric metric[5];
  mst_status st = MST_OK;
  int n = 0;
  if (j->options.exact) metric[n++] = (mst_metric){"relative_error", r->error};
  if (!j->options.whole) return report(j, n, metric, r, &model);
  MST_TRY(mst_sketch_regress(j->team, j->data.features->width, j->data.outputs, r->product,
                             j->options.ridge, &model));
  if (j->options.exact) {
    st = score_training(j, r, &model, metric + n);
    n += 2;
  }
  if (st == MST_OK && j->data.test.file != NULL) {
    st = score_test(j, &model, &score);
    if (st == MST_OK && !isnan(score.accuracy))
      metric[n++] = (mst_metric){"accuracy", score.accuracy};
    if (st == MST_OK) metric[n++] = (mst_metric){"loss", score.loss};
  }
  if (st == MST_OK) st = report(j, n, metric, r, &model);
  mst_analytic_model_free(&model);
  return st;
}

static mst_status sketch(sketch_job *j) {
  mst_sketch_result r;
  const mst_job_data *d = &j->data;
  MST_TRY(read_other(j));
  mst_rows_assign(d->train.rows, d->train.roster, j->plan.groups);
  const bool other = j->other.file != NULL;
  const mst_analytic_data a = {.rows = d->train.rows,
                               .roster = d->train.roster,
                               .label = other ? NULL : d->train.label,
                               .outputs = other ? 0 : d->outputs};
  const mst_analytic_data b = {.rows = j->other.rows, .roster = d->train.roster};
  const mst_sketch_rows rows_a = {.data = &a, .features = d->features};
  const mst_sketch_rows rows_b = {.data = &b, .features = j->other_map};
  MST_TRY(mst_sketch_estimate(j->team, &rows_a, other ? &rows_b : NULL, &j->plan, &j->options,
                              j->context->observer, &r));
  mst_status st = mst_job_check_stop(j->context);
  if (st == MST_OK) st = finish(j, &r);
  mst_sketch_free(&r);
  return st;
}

static mst_status run_sketch(mst_job_context *context) {
  sketch_job j = {.context = context, .team = context->team};
  mst_status st = prepare(&j);
  if (st == MST_OK && context->dry_run) st = mst_team_agree(j.team, write_estimate(&j));
  if (st == MST_OK && !context->dry_run) {
    st = mst_job_data_read(&j.data, j.plan.window_bytes);
    if (st == MST_OK) st = sketch(&j);
  }
  mst_features_destroy(j.other_map);
  mst_job_set_clear(&j.other);
  mst_job_data_close(&j.data);
  return st;
}

const mst_job_ops mst_job_sketch = {
    .name = "sketch",
    .summary = "products of matrices and least squares from linear sketches or coordinated samples",
    .sections = sections,
    .run = run_sketch};
