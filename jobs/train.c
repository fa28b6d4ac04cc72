/* The train job: data-parallel training of one model on all rows (doc/methods/train.md). Reads the
 * settings, brings the rows to the nodes, takes the steps, reports. */
#include <string.h>

#include "comm/share.h"
#include "core/base/arithmetic.h"
#include "jobs/data.h"
#include "jobs/family.h"
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/model.h"
#include "jobs/options.h"
#include "jobs/pooled.h"
#include "jobs/record.h"
#include "parallel/train.h"

static const mst_key_spec keys_train[] = {
    {.key = "train.epochs", .type = MST_KEY_INT, .min = 1, .max = 1e9, .unit = "epochs",
     .help = "passes over all rows; 10 when train.steps is not given either"},
    {.key = "train.steps", .type = MST_KEY_INT, .min = 1, .max = 1e12, .unit = "steps",
     .help = "steps of the optimizer, instead of train.epochs"},
    {.key = "train.block", .type = MST_KEY_INT, .fallback = "128", .min = 1, .max = 1e6,
     .unit = "rows",
     .help = "rows that are differentiated together; another number gives other last bits"},
    {.key = "train.accumulate", .type = MST_KEY_INT, .fallback = "1", .min = 1, .max = 1e6,
     .unit = "portions",
     .help = "portions in which a step's rows come from other nodes; the bits stay the same"},
    {.key = "train.overlap", .type = MST_KEY_BOOL, .unit = "",
     .help = "sum gradients while the backward pass goes on; by default where all ranks share "
             "memory; the bits stay the same"},
    {.key = "ema.decay", .type = MST_KEY_REAL, .fallback = "0", .min = 0, .max = 0.999999999,
     .unit = "",
     .help = "evaluate the average w = decay w + (1 - decay) x of the parameters x; 0: x"},
    {.key = "ema.batch", .type = MST_KEY_INT, .min = 1, .max = 2147483647.0, .unit = "rows",
     .help = "batch that ema.decay was chosen for; it becomes decay^(optimizer.batch / ema.batch)"},
    {.key = "evaluate.every", .type = MST_KEY_INT, .min = 0, .max = 1e12, .unit = "steps",
     .help = "report the loss, and score on data.test, every so many steps; 0: after the last one "
             "only; by default after every epoch"},
    MST_KEYS_STOP("accuracy|loss|train_loss"),
    {.key = "output.checkpoint.every_steps", .type = MST_KEY_INT, .fallback = "1000", .min = 0,
     .max = 1e12, .unit = "steps",
     .help = "save the state every so many steps, for --resume; 0: only when a signal comes"},
    {.key = NULL}};

/* Attacks of coded training, before them the one that is none. */
static bool attack_at(int i, mst_member *out) {
  const mst_attack_ops *o = mst_attack_at(i - 1);
  if (i == 0) *out = (mst_member){.name = "none", .summary = "all workers are honest"};
  if (o != NULL) *out = (mst_member){o->name, o->summary, o->params};
  return i == 0 || o != NULL;
}

static const mst_param attack_params[] = {
    {.name = "count", .type = MST_PARAM_INT, .offset = offsetof(mst_attack_spec, count),
     .fallback = "0", .min = 0, .max = MST_CODING_WORKERS, .unit = "workers",
     .help = "workers that attack, drawn from the seed"},
    {.name = NULL}};

static const mst_family family_attacks = {
    .name = "attacks",
    .summary = "what hostile workers send",
    .section = "attack",
    .key = "name",
    .help = "what coding's hostile workers send: see muster list attacks",
    .fallback = "none",
    .shared = attack_params,
    .chosen = offsetof(mst_attack_spec, name),
    .at = attack_at,
};

static const mst_job_section sections[] = {{.keys = mst_keys_data},
                                           {.family = &mst_family_features},
                                           {.family = &mst_family_models},
                                           {.family = &mst_family_optimizers},
                                           {.family = &mst_family_schedules},
                                           {.family = &mst_family_codings},
                                           {.family = &family_attacks},
                                           {.keys = keys_train},
                                           {.keys = NULL}};

typedef struct train_job {
  mst_job_context *context;
  mst_team *team;
  const mst_experiment *experiment;
  mst_job_data data;
  mst_model_spec model_spec;
  mst_model *model;
  mst_train_options options;
  mst_clients *rows;
  mst_train *train;
  int64_t rank_bytes, node_bytes;
} train_job;

/* Keys that exclude or need each other. */
static mst_status check_keys(const train_job *j) {
  const mst_experiment *e = j->experiment;
  const mst_optim_ops *ops = mst_optim_find(j->options.optimizer.kind);
  if (mst_experiment_is_set(e, "train.steps") && mst_experiment_is_set(e, "train.epochs"))
    return mst_experiment_refuse(e, "train.steps",
                                 "train.epochs says the same in another unit: give one of them");
  if (ops->needs_model)
    return mst_experiment_refuse(
        e, "optimizer.kind",
        "%s solves a system of all rows of the batch together, which is no "
        "sum over blocks of them; choose another, or job: federated",
        ops->name);
  if (j->options.ema > 0 && ops->averages)
    return mst_experiment_refuse(
        e, "ema.decay",
        "optimizer.kind %s is evaluated at an average of its own: leave it "
        "out",
        ops->name);
  if (j->options.coding.kind != NULL && j->options.accumulate > 1)
    return mst_experiment_refuse(e, "train.accumulate",
                                 "a coded step is taken in one portion: leave it out");
  if (j->options.coding.kind != NULL && mst_experiment_bool(e, "train.overlap"))
    return mst_experiment_refuse(e, "train.overlap",
                                 "workers send a coded step's messages when they are whole: leave "
                                 "it out");
  if (mst_experiment_is_set(e, "ema.batch") && !(j->options.ema > 0))
    return mst_experiment_refuse(e, "ema.batch", "without ema.decay there is no average");
  return MST_OK;
}

/* The sections coding and attack. */
static mst_status read_coding(train_job *j) {
  const mst_experiment *e = j->experiment;
  mst_train_options *o = &j->options;
  o->attack = (mst_attack_spec){.seed = mst_job_seed(e)};
  MST_TRY(mst_family_read(&mst_family_codings, e, &o->coding));
  MST_TRY(mst_family_read(&family_attacks, e, &o->attack));
  if (strcmp(o->coding.kind, "none") == 0) o->coding.kind = NULL;
  if (strcmp(o->attack.name, "none") == 0) {
    o->attack.name = NULL;
    if (o->attack.count > 0)
      return mst_experiment_refuse(e, "attack.count", "without attack.name nobody attacks");
  }
  return MST_OK;
}

static mst_status read_settings(train_job *j) {
  const mst_experiment *e = j->experiment;
  mst_train_options *o = &j->options;
  MST_TRY(mst_family_read(&mst_family_models, e, &j->model_spec));
  MST_TRY(mst_family_read(&mst_family_optimizers, e, &o->optimizer));
  MST_TRY(mst_family_read(&mst_family_schedules, e, &o->schedule));
  o->seed = mst_job_seed(e);
  o->epochs = mst_experiment_is_set(e, "train.epochs") ? mst_experiment_int(e, "train.epochs") : 10;
  o->steps = mst_experiment_int(e, "train.steps");
  o->block = mst_experiment_int(e, "train.block");
  o->accumulate = mst_experiment_int(e, "train.accumulate");
  o->overlap = mst_experiment_is_set(e, "train.overlap") ? mst_experiment_bool(e, "train.overlap")
                                                         : mst_team_domains(j->team) == 1;
  o->ema = mst_experiment_real(e, "ema.decay");
  o->ema_batch = mst_experiment_int(e, "ema.batch");
  o->evaluate_every =
      mst_experiment_is_set(e, "evaluate.every") ? mst_experiment_int(e, "evaluate.every") : -1;
  o->checkpoint_every = mst_experiment_int(e, "output.checkpoint.every_steps");
  MST_TRY(mst_job_stop(e, &o->stop));
  MST_TRY(read_coding(j));
  MST_TRY(check_keys(j));
  return mst_train_check_coding(o);
}

static mst_status prepare(train_job *j) {
  MST_TRY(mst_team_agree(j->team, read_settings(j)));
  MST_TRY(mst_job_data_open_pooled(j->context, &j->data));
  MST_TRY(mst_job_data_deal(&j->data, true));
  MST_TRY(mst_job_model_create(&j->data, &j->model_spec, &j->model));
  mst_pooled_plan(&j->data, j->model, &j->options, 0, &j->rank_bytes, &j->node_bytes);
  return mst_pooled_check_memory(&j->data, j->rank_bytes, j->node_bytes);
}

static mst_status write_estimate(train_job *j) {
  int64_t rows = j->data.train.info->rows;
  const mst_job_count figure[] = {{"rank_bytes", j->rank_bytes},
                                  {"node_bytes", j->node_bytes},
                                  {"parameters", j->model->parameters},
                                  {"rows", rows},
                                  {"epoch_steps", mst_train_epoch_steps(rows, &j->options)},
                                  {"steps", mst_train_steps(rows, &j->options)},
                                  {NULL, 0}};
  return mst_job_estimate(j->context, figure);
}

static mst_status record_times(const train_job *j) {
  mst_runfile *file = j->context->runfile;
  mst_train_times t = mst_train_seconds(j->train);
  MST_TRY(mst_runfile_timing(file, "rows_seconds", t.rows));
  MST_TRY(mst_runfile_timing(file, "gradients_seconds", t.gradients));
  MST_TRY(mst_runfile_timing(file, "wait_seconds", t.wait));
  MST_TRY(mst_runfile_timing(file, "sums_seconds", t.sums));
  MST_TRY(mst_runfile_timing(file, "hidden_sums_seconds", t.hidden));
  MST_TRY(mst_runfile_timing(file, "update_seconds", t.update));
  MST_TRY(mst_runfile_timing(file, "loop_seconds", t.all));
  return mst_runfile_timing(file, "planned_bytes", (double)j->rank_bytes);
}

/* What the code cost and found: rows and bytes as workers of their own would take and send them. */
static mst_status list_coding(train_job *j, const mst_train_totals *t) {
  const mst_coding_spec *s = &j->options.coding;
  int64_t redundancy = mst_coding_redundancy(s), width = mst_coding_width(s);
  const mst_job_count figure[] = {
      {"redundancy", redundancy},
      {"worker_rows", t->rows * redundancy},
      {"uplink_bytes", t->steps * s->workers * width * j->model->parameters * 8},
      {"hostile_messages", t->hostile},
      {NULL, 0}};
  return mst_job_results(j->context, figure);
}

/* The headline figures. Local. */
static mst_status list_figures(train_job *j) {
  mst_job_context *c = j->context;
  mst_train_totals t = mst_train_figures(j->train);
  c->rounds = t.steps;
  MST_TRY(mst_job_scores(&j->data, t.accuracy, t.loss, t.train_loss));
  const mst_job_count figure[] = {
      {"parameters", j->model->parameters},
      {"rows", j->data.train.roster->rows},
      {"dropped_rows", j->data.train.dropped + j->data.test.dropped},
      {"epoch_steps", mst_train_epoch_steps(j->data.train.roster->rows, &j->options)},
      {"steps", t.steps},
      {"rows_differentiated", t.rows},
      {"repeated_steps", t.repeated},
      {NULL, 0}};
  MST_TRY(mst_job_results(c, figure));
  return j->options.coding.kind != NULL ? list_coding(j, &t) : MST_OK;
}

static mst_status train(train_job *j) {
  mst_test_rows test;
  MST_TRY(mst_job_place_rows(&j->data, mst_pooled_groups(&j->data, mst_team_size(j->team)), 0,
                             j->options.seed, NULL, &j->rows));
  MST_TRY(mst_train_create(j->team, j->model, j->rows, &j->options, &j->train));
  MST_TRY(mst_job_test_rows(&j->data, &test));
  MST_TRY(mst_train_run(j->train, &test, j->context->observer));
  MST_TRY(mst_team_agree(j->team, list_figures(j)));
  MST_TRY(record_times(j));
  MST_TRY(mst_record_data(&j->data));
  MST_TRY(mst_pooled_record_test(&j->data, &test, j->train));
  return mst_pooled_report_model(&j->data, j->model, j->train);
}

static mst_status run_train(mst_job_context *context) {
  train_job j = {.context = context, .team = context->team, .experiment = context->experiment};
  mst_status st = prepare(&j);
  if (st == MST_OK && context->dry_run) st = mst_team_agree(j.team, write_estimate(&j));
  if (st == MST_OK && !context->dry_run) {
    st = mst_job_data_read(&j.data, mst_pooled_window(&j.data));
    if (st == MST_OK) st = train(&j);
  }
  mst_train_destroy(j.train);
  mst_clients_destroy(j.rows);
  mst_model_destroy(j.model);
  mst_job_data_close(&j.data);
  return st;
}

const mst_job_ops mst_job_train = {
    .name = "train",
    .summary = "data-parallel training of one model: sharded optimizers, large batches",
    .sections = sections,
    .run = run_train};
