/* The analytic job: closed-form federated learning in one round (doc/methods/analytic.md). Opens
 * the datasets, deals rows to clients, fits the feature map, trains and scores. */
#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "jobs/analytic_depth.h"
#include "jobs/analytic_keys.h"
#include "jobs/analytic_personal.h"
#include "jobs/analytic_private.h"
#include "jobs/analytic_robust.h"
#include "jobs/data.h"
#include "jobs/feature_file.h"
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/model.h"
#include "jobs/options.h"
#include "jobs/record.h"
#include "jobs/ridges.h"
#include "jobs/say.h"
#include "jobs/secure.h"
#include "jobs/unlearn.h"
#include "jobs/weights.h"
#include "parallel/analytic.h"

typedef struct analytic_job {
  mst_job_context *context;
  mst_team *team;
  const mst_experiment *experiment;
  mst_job_data data;
  mst_analytic_options options;
  mst_pipeline pipeline;
  mst_analytic_plan plan;
  int64_t sent; /* messages that came up */
  mst_job_analytic_private privacy;
  mst_job_analytic_robust robust;
  mst_job_unlearn unlearn;
  mst_job_ridges ridges;
  mst_job_personal personal;
  mst_job_depth depth;
} analytic_job;

static mst_job_weights_use sums_of(const analytic_job *j) {
  return (mst_job_weights_use){.masks = j->options.secure.kind != MST_MASK_NONE,
                               .privacy = j->privacy.on,
                               .robust = j->robust.on,
                               .kept = j->unlearn.keep};
}

/* Why there can be no layers, or NULL. */
static const char *reason_against_depth(const analytic_job *j) {
  if (j->options.fast) return "layers are solved of exact sums: leave out reduce: fast";
  if (j->options.secure.kind != MST_MASK_NONE)
    return "masks need public bounds of all that is summed, and there are none of what a layer "
           "changes: leave out secure.aggregate";
  if (j->privacy.on)
    return "every layer would be a release of its own, which the budget does not know of: leave "
           "out section privacy";
  if (j->robust.on)
    return "what a rule makes of the clients' statistics is no sum that layers could be solved of: "
           "leave out sections aggregate and attack";
  if (j->unlearn.keep)
    return "layers change with the clients, so that no statistics of theirs could be kept: leave "
           "out analytic.keep_statistics and section update";
  if (j->ridges.on) return "choose one ridge: analytic.ridges compares heads without layers";
  if (j->personal.on) return "heads of clients' own are of features without layers: leave out "
                             "section personal";
  return NULL;
}

static mst_status read_settings(analytic_job *j) {
  const mst_experiment *e = j->experiment;
  j->options = (mst_analytic_options){
      .ridge = mst_experiment_real(e, "analytic.ridge"),
      .gamma = mst_experiment_real(e, "analytic.gamma"),
      .standardize = mst_experiment_bool(e, "analytic.standardize"),
      .bias = mst_experiment_bool(e, "analytic.bias"),
      .fast = strcmp(mst_experiment_word(e, "reduce"), "fast") == 0,
      .save_seconds = 60 * mst_experiment_real(e, "output.checkpoint.every_minutes")};
  j->pipeline = mst_pipeline_sum();
  MST_TRY(mst_job_secure(e, &j->options.secure));
  if (j->options.secure.kind != MST_MASK_NONE)
    MST_TRY(mst_pipeline_put(&j->pipeline, &mst_stage_mask));
  if (mst_experiment_is_set(e, "features.save_test") && !mst_experiment_is_set(e, "data.test"))
    return mst_experiment_refuse(e, "features.save_test",
                                 "there is no data.test to take them from");
  MST_TRY(mst_job_analytic_private_read(&j->privacy, j->context));
  if (j->privacy.on && j->options.secure.kind != MST_MASK_NONE)
    return mst_experiment_refuse(
        e, "secure.aggregate",
        "private statistics get their noise from the server that sums them, "
        "which it cannot add to what it does not see: leave out one of them");
  MST_TRY(mst_job_analytic_robust_read(&j->robust, e, j->privacy.on, &j->pipeline));
  const bool plain = !j->options.fast && j->options.secure.kind == MST_MASK_NONE &&
                     !j->privacy.on && !j->robust.on;
  MST_TRY(mst_job_unlearn_read(&j->unlearn, j->context, plain));
  MST_TRY(mst_job_ridges_read(&j->ridges, e, plain && !j->unlearn.on));
  const mst_job_weights_use use = sums_of(j);
  MST_TRY(mst_job_personal_read(&j->personal, e, &use));
  if (j->personal.on) j->options.statistics = &j->personal.statistics;
  MST_TRY(mst_job_depth_read(&j->depth, e, &j->options, reason_against_depth(j)));
  return mst_pipeline_check(&j->pipeline);
}

/* What can be said of masks once the data is known. */
static mst_status check_secure(analytic_job *j) {
  const mst_experiment *e = j->experiment;
  const bool set = mst_experiment_is_set(e, "secure.target_bound");
  const bool classes = j->data.train.info->target == MST_TARGET_CLASSES;
  if (set && (classes || j->options.secure.kind == MST_MASK_NONE))
    return mst_experiment_refuse(e, "secure.target_bound",
                                 classes ? "the targets of classes have the bound 1"
                                         : "but secure.aggregate is none: set it to masks");
  if (j->options.secure.kind == MST_MASK_NONE) return MST_OK;
  j->options.target_bound = classes ? 1 : mst_experiment_real(e, "secure.target_bound");
  MST_TRY(mst_job_secure_features(e, &j->options.secure, j->data.features));
  return mst_analytic_check(&j->options);
}

/* Of sums that are kept beside the matrix. */
static int64_t kept_bytes(const analytic_job *j) {
  const int64_t order = j->data.features->width + j->data.outputs + 1;
  const int64_t bytes = mst_job_unlearn_bytes(&j->unlearn, order);
  return mst_job_weights_bytes(&j->data) +
         (j->ridges.on ? 2 * mst_gram_sums_bytes(order, mst_job_ranks(j->context)) : bytes);
}

/* How many clients have rows is not said of private rows: all are counted. */
static mst_status arrange(analytic_job *j) {
  bool on = j->privacy.on;
  if (j->depth.on)
    return mst_job_depth_arrange(&j->depth, &j->data, j->data.clients_with_rows, &j->plan);
  mst_status st = mst_analytic_arrange(
      mst_job_ranks(j->context), j->data.train.info->rows, j->data.train.info->row_elements,
      on ? j->data.clients : j->data.clients_with_rows + j->unlearn.has_set,
      on ? j->privacy.bounded : j->data.features, j->data.outputs, &j->pipeline, j->data.memory,
      j->data.base_bytes + j->robust.bytes + kept_bytes(j) +
          (on ? mst_features_memory(j->data.features) : 0),
      &j->plan);
  if (st == MST_OK || j->robust.bytes == 0) return st;
  return mst_fail_within(st, "%.3f GiB of it for the statistics of single clients: ",
                         (double)j->robust.bytes / 0x1p30);
}

/* The plan's bytes are of vectors that all clients send. With masks there is the protocol too, and
 * only the survivors send. */
static void count_secure(analytic_job *j, int64_t survivors, mst_secure_bytes protocol) {
  mst_analytic_plan *p = &j->plan;
  if (j->options.secure.kind == MST_MASK_NONE) return;
  p->uplink_bytes = p->uplink_bytes / mst_most(p->uplink_messages, 1) * survivors + protocol.up;
  p->downlink_bytes += protocol.down;
}

/* Before the round: rows that the feature map is fitted on, and the columns' shift, go up; the
 * shift and a fitted map go down to every client with rows (one drawn from the key needs only the
 * seed). With a rule every client with rows tells its units, and is told those of all. */
static int64_t shift_bytes(const analytic_job *j) {
  const int64_t columns = j->data.features->width + j->data.outputs;
  const bool looked = !j->privacy.on && j->options.secure.kind == MST_MASK_NONE;
  if (j->robust.on) return 2 * 8 * columns;
  return j->options.bias && looked ? 4 * columns : 0;
}

static int64_t setup_senders(const analytic_job *j) {
  if (j->unlearn.on) return 0; /* the shift of the kept sums goes down */
  return j->robust.on ? j->plan.uplink_messages : 1;
}

static int64_t setup_uplink_bytes(const analytic_job *j) {
  return 4 * j->data.sampled * j->data.train.info->row_elements + shift_bytes(j) * setup_senders(j);
}

static mst_status setup_downlink_bytes(const analytic_job *j, int64_t *bytes) {
  mst_state map;
  mst_state_init(&map);
  mst_features *below = mst_job_depth_below(j->data.features);
  bool fitted = mst_features_sample_rows(below) > 0;
  mst_status st = fitted ? mst_features_parameters(below, &map) : MST_OK;
  *bytes = shift_bytes(j);
  for (int i = 0; i < map.n; i++)
    *bytes += mst_state_local_elements(&map.item[i]) * mst_dtype_size(map.item[i].type);
  *bytes *= j->data.clients_with_rows;
  mst_state_clear(&map);
  return st;
}

/* Both, with the sums that layers are preceded by. */
static mst_status setup_bytes(const analytic_job *j, int64_t *up, int64_t *down) {
  MST_TRY(setup_downlink_bytes(j, down));
  *up = setup_uplink_bytes(j) + j->depth.plan.setup_uplink_bytes;
  *down += j->depth.plan.setup_downlink_bytes;
  return MST_OK;
}

static mst_status write_estimate(analytic_job *j) {
  const mst_analytic_plan *p = &j->plan;
  j->data.sampled = mst_features_sample_rows(j->data.features);
  if (j->data.sampled > j->data.train.info->rows) j->data.sampled = j->data.train.info->rows;
  int64_t setup_up = 0, setup_down = 0;
  MST_TRY(setup_bytes(j, &setup_up, &setup_down));
  const int64_t asked = p->uplink_messages;
  if (j->options.secure.kind == MST_MASK_ON)
    count_secure(j, asked, mst_secure_traffic(&j->options.secure.secure, asked, asked));
  if (j->depth.on) {
    j->plan.uplink_bytes = mst_job_depth_uplink(&j->depth);
    j->plan.downlink_bytes = mst_job_depth_downlink(&j->depth);
  }
  const mst_job_count figure[] = {{"rank_bytes", p->rank_bytes},
                                  {"matrix_bytes", p->matrix_bytes},
                                  {"panel_bytes", p->gram.bytes},
                                  {"row_bytes", p->row_bytes},
                                  {"feature_bytes", p->feature_bytes},
                                  {"features", j->data.features->width},
                                  {"outputs", j->data.outputs},
                                  {"rows", j->data.train.info->rows},
                                  {"clients", j->data.clients},
                                  {"clients_with_rows", p->uplink_messages},
                                  {"passes", p->gram.passes},
                                  {"row_groups", p->groups},
                                  {"setup_uplink_bytes", setup_up},
                                  {"setup_downlink_bytes", setup_down},
                                  {"uplink_bytes", p->uplink_bytes},
                                  {"downlink_bytes", p->downlink_bytes},
                                  {j->privacy.on ? NULL : "epsilon", 0},
                                  {NULL, 0}};
  MST_TRY(mst_job_estimate(j->context, figure));
  const mst_job_count layers[] = {
      {"depth", j->depth.depth}, {"communications", 2 * j->depth.depth + 1}, {NULL, 0}};
  if (j->depth.on) MST_TRY(mst_job_estimate(j->context, layers));
  return j->privacy.on ? mst_privacy_estimate(&j->privacy.budget) : MST_OK;
}

static mst_status save_features(analytic_job *j) {
  const struct {
    const char *key;
    const mst_job_set *data;
  } file[] = {{"features.save_train", &j->data.train}, {"features.save_test", &j->data.test}};
  for (int i = 0; i < 2; i++)
    if (mst_experiment_is_set(j->experiment, file[i].key))
      MST_TRY(mst_feature_file_write(
          j->team, file[i].data->file, file[i].data->rows, j->data.features,
          mst_experiment_path(j->experiment, file[i].key), j->context->observer));
  return MST_OK;
}

static mst_status report_model(analytic_job *j, mst_analytic_model *m) {
  mst_state state;
  mst_state_init(&state);
  j->context->rounds = j->depth.depth + 1;
  mst_status st = mst_state_add(&state, "weights", MST_F64, 2, (int64_t[]){m->d, m->c}, m->weights);
  if (st == MST_OK)
    st = mst_state_add(&state, "intercept", MST_F64, 1, (int64_t[]){m->c}, m->intercept);
  return mst_job_report_model(&j->data, st, &state);
}

/* The headline figures: the round's metrics, and what it took. Local. */
static mst_status list_figures(analytic_job *j, const mst_analytic_model *m, int n,
                               const mst_metric *metric, int64_t setup_up, int64_t setup_down) {
  mst_job_context *c = j->context;
  const mst_job_count known[] = {{"clients", j->data.clients}, {"features", m->d}, {NULL, 0}};
  const mst_job_count figure[] = {{"rows", j->data.train.roster->rows},
                                  {"dropped_rows", j->data.train.dropped + j->data.test.dropped},
                                  {"clients", j->data.clients},
                                  {"clients_with_rows", j->data.clients_with_rows},
                                  {"features", m->d},
                                  {NULL, 0}};
  const mst_job_count layers[] = {
      {"depth", j->depth.depth}, {"communications", 2 * j->depth.depth + 1}, {NULL, 0}};
  const mst_job_count bytes[] = {{"setup_uplink_bytes", setup_up},
                                 {"setup_downlink_bytes", setup_down},
                                 {"uplink_bytes", j->plan.uplink_bytes},
                                 {"downlink_bytes", j->plan.downlink_bytes},
                                 {NULL, 0}};
  const mst_job_count gone[] = {{"dropped_clients", j->plan.uplink_messages - j->sent}, {NULL, 0}};
  for (int i = 0; i < n; i++) MST_TRY(mst_job_result(c, metric[i].name, metric[i].value, false));
  MST_TRY(mst_job_results(c, j->privacy.on ? known : figure));
  if (j->options.secure.kind != MST_MASK_NONE) MST_TRY(mst_job_results(c, gone));
  if (j->depth.on) MST_TRY(mst_job_results(c, layers));
  MST_TRY(mst_job_analytic_robust_results(&j->robust, c));
  MST_TRY(mst_job_result(c, "condition_estimate", m->condition, false));
  return mst_job_results(c, bytes);
}

/* Collective. */
static mst_status report(analytic_job *j, const mst_analytic_model *m, const mst_analytic_score *s,
                         const mst_gram_result *g) {
  const mst_observer *o = j->context->observer;
  mst_metric metric[3 + MST_JOB_PERSONAL_METRICS];
  int n = 0;
  if (j->data.test.file && !isnan(s->accuracy)) metric[n++] = (mst_metric){"accuracy", s->accuracy};
  if (j->data.test.file) metric[n++] = (mst_metric){"loss", s->loss};
  if (!isnan(m->train_loss)) metric[n++] = (mst_metric){"train_loss", m->train_loss};
  mst_job_personal_metrics(&j->personal, metric, &n);
  if (o->on_round && !j->depth.on) MST_TRY(o->on_round(o->context, 1, n, metric));
  int64_t setup_up = 0, setup_down = 0;
  mst_status st = setup_bytes(j, &setup_up, &setup_down);
  if (j->depth.on) { /* the training has told of the rest */
    j->plan.uplink_bytes = mst_job_depth_uplink(&j->depth);
    j->plan.downlink_bytes = mst_job_depth_downlink(&j->depth);
  }
  if (st == MST_OK) st = list_figures(j, m, n, metric, setup_up, setup_down);
  MST_TRY(mst_team_agree(j->team, st));
  mst_runfile *r = j->context->runfile;
  if (!j->depth.on) {
    MST_TRY(mst_runfile_ledger(
        r, 1, "setup_uplink", setup_up,
        j->data.sampled + (j->robust.on || j->options.bias) * setup_senders(j)));
    MST_TRY(mst_runfile_ledger(r, 1, "setup_downlink", setup_down, j->plan.uplink_messages));
    MST_TRY(mst_runfile_ledger(r, 1, "uplink", j->plan.uplink_bytes, j->sent));
    MST_TRY(mst_runfile_ledger(r, 1, "downlink", j->plan.downlink_bytes, j->plan.uplink_messages));
  }
  MST_TRY(mst_runfile_timing(r, "gram_products_seconds", g->seconds_products));
  MST_TRY(mst_runfile_timing(r, "gram_sums_seconds", g->seconds_sums));
  if (!j->privacy.on) MST_TRY(mst_runfile_timing(r, "gram_flops", g->flops));
  return mst_runfile_timing(r, "planned_bytes", (double)j->plan.rank_bytes);
}

/* Collective. */
static mst_status train_layers(analytic_job *j, mst_analytic_model *model, mst_gram_result *gram,
                               mst_analytic_score *score, int64_t **confusion) {
  int64_t up = 0, down = 0;
  MST_TRY(mst_team_agree(j->team, setup_bytes(j, &up, &down)));
  if (j->data.test.file) MST_TRY(mst_record_room(&j->data, confusion));
  return mst_job_depth_train(&j->depth, &j->data, up, down, model, gram, score, *confusion);
}

static mst_status train_and_score(analytic_job *j) {
  mst_analytic_model model = {0};
  mst_analytic_score score = {.accuracy = NAN, .loss = NAN};
  mst_gram_result gram = {0};
  int64_t *confusion = NULL;
  mst_rows_assign(j->data.train.rows, j->data.train.roster, j->plan.groups);
  mst_analytic_data data = {.rows = j->data.train.rows,
                            .roster = j->data.train.roster,
                            .label = j->data.train.label,
                            .outputs = j->data.outputs,
                            .weight = j->data.train.weight};
  mst_status st = j->privacy.on ? mst_job_analytic_private_charge(&j->privacy) : MST_OK;
  if (st == MST_OK && j->privacy.on)
    st = mst_analytic_private_train(j->team, &data, j->data.features, j->privacy.bounded, &j->plan,
                                    &j->privacy.options, j->context->observer, &model, &gram);
  else if (st == MST_OK && j->robust.on)
    st = mst_analytic_robust_train(j->team, &data, j->data.features, &j->plan, &j->options,
                                   &j->robust.options, j->context->observer, &model,
                                   &j->robust.trust);
  else if (st == MST_OK && j->depth.on)
    st = train_layers(j, &model, &gram, &score, &confusion);
  else if (st == MST_OK && j->unlearn.on)
    st = mst_job_unlearn_train(&j->unlearn, &j->data, &j->options, &model, &gram);
  else if (st == MST_OK) {
    st = mst_job_unlearn_begin(&j->unlearn, &j->data, &j->options.sums);
    if (st == MST_OK && j->ridges.on)
      st = mst_job_ridges_train(&j->ridges, &j->data, &j->options, &j->plan, &model, &gram);
    else if (st == MST_OK)
      st = mst_analytic_train(j->team, &data, j->data.features, &j->pipeline, &j->plan, &j->options,
                              j->context->observer, &model, &gram);
  }
  const bool masked = j->options.secure.kind != MST_MASK_NONE;
  j->sent = masked ? gram.survivors : j->plan.uplink_messages;
  if (st == MST_OK) count_secure(j, gram.survivors, gram.protocol);
  if (st == MST_OK) st = mst_job_check_stop(j->context);
  if (st == MST_OK && j->data.test.file && !j->depth.on) { /* with layers it is scored */
    st = mst_job_data_place_test(&j->data, j->plan.groups);
    data = (mst_analytic_data){.rows = j->data.test.rows,
                               .roster = j->data.test.roster,
                               .label = j->data.test.label,
                               .outputs = j->data.outputs};
    if (st == MST_OK) st = mst_record_room(&j->data, &confusion);
    if (st == MST_OK)
      st = mst_analytic_evaluate(j->team, &data, j->data.features, &model, j->context->observer,
                                 &score, confusion);
  }
  if (st == MST_OK) st = mst_job_personal_run(&j->personal, &j->data, &j->plan, &model);
  if (st == MST_OK) st = mst_job_check_stop(j->context);
  if (st == MST_OK) st = save_features(j);
  if (st == MST_OK) st = mst_record_data(&j->data);
  if (st == MST_OK) st = mst_record_confusion(&j->data, confusion);
  if (st == MST_OK) st = report_model(j, &model);
  if (st == MST_OK) st = report(j, &model, &score, &gram);
  if (st == MST_OK && j->privacy.on) st = mst_privacy_record(&j->privacy.budget);
  if (st == MST_OK) st = mst_job_unlearn_record(&j->unlearn, &j->data);
  if (st == MST_OK) st = mst_job_ridges_record(&j->ridges, j->context);
  if (st == MST_OK) st = mst_job_personal_record(&j->personal, j->context);
  mst_free(confusion);
  mst_analytic_model_free(&model);
  return st;
}

static mst_status prepare(analytic_job *j) {
  MST_TRY(mst_team_agree(j->team, read_settings(j)));
  int64_t classes = 0;
  MST_TRY(mst_job_unlearn_open(&j->unlearn, &classes));
  MST_TRY(mst_job_data_open_classes(j->context, classes, &j->data));
  MST_TRY(mst_team_agree(j->team, mst_job_depth_wrap(j->experiment, j->data.outputs,
                                                     &j->data.features)));
  j->data.secret = j->privacy.on;
  const mst_job_weights_use sums = sums_of(j);
  MST_TRY(mst_team_agree(j->team, mst_job_weights_read(&j->data, &sums)));
  j->options.weight_bound = j->data.train.most_weight;
  if (j->depth.on && (j->data.train.weighs || j->data.equal_clients))
    return mst_experiment_refuse(
        j->experiment, "analytic.depth",
        "layers are solved of rows that count alike: set analytic.weights: none, and leave out "
        "analytic.clients");
  mst_job_personal_open(&j->personal, &j->data);
  MST_TRY(mst_job_analytic_private_plan(&j->privacy, &j->data));
  MST_TRY(mst_job_unlearn_choose(&j->unlearn, &j->data));
  MST_TRY(mst_job_data_deal(
      &j->data, j->robust.on || j->unlearn.keep || mst_pipeline_needs_single(&j->pipeline)));
  MST_TRY(mst_team_agree(j->team, check_secure(j)));
  MST_TRY(mst_team_agree(j->team, mst_job_analytic_robust_plan(&j->robust, &j->data, &j->options)));
  MST_TRY(arrange(j));
  MST_TRY(mst_team_agree(j->team, mst_job_personal_plan(&j->personal, &j->data, &j->plan)));
  j->plan.rank_bytes += mst_mask_bytes(&j->options.secure, j->plan.uplink_messages);
  return MST_OK;
}

static mst_status run_analytic(mst_job_context *context) {
  analytic_job j = {.context = context, .team = context->team, .experiment = context->experiment};
  mst_status st = prepare(&j);
  if (st == MST_OK && context->dry_run) st = mst_team_agree(j.team, write_estimate(&j));
  if (st == MST_OK && !context->dry_run) {
    st = mst_job_analytic_private_open(&j.privacy);
    if (st == MST_OK) st = mst_job_data_read(&j.data, j.plan.window_bytes);
    if (st == MST_OK) st = train_and_score(&j);
  }
  mst_job_analytic_private_close(&j.privacy);
  mst_job_unlearn_close(&j.unlearn);
  mst_job_ridges_close(&j.ridges);
  mst_job_personal_close(&j.personal);
  mst_job_data_close(&j.data);
  return st;
}

const mst_job_ops mst_job_analytic = {
    .name = "analytic",
    .summary = "closed-form federated learning: one round, the weights of pooled training",
    .sections = mst_analytic_sections,
    .run = run_analytic};
