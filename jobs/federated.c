/* The federated job: rounds of local training on dealt rows (doc/methods/federated.md). Reads the
 * settings, brings the rows to their clients' nodes, runs the loop, reports. */
#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "io/scratch.h"
#include "jobs/data.h"
#include "jobs/family.h"
#include "jobs/federated_private.h"
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/model.h"
#include "jobs/options.h"
#include "jobs/record.h"
#include "jobs/robust.h"
#include "jobs/secure.h"
#include "parallel/federated.h"

_Static_assert(MST_FEDERATED_MIXERS >= MST_FAMILY_LIST, "room for all mixers that can be chosen");

/* Of rows on their way to a file: of one read of a rank. */
#define FILE_WINDOW_BYTES ((int64_t)64 << 20)

static const mst_key_spec keys_federated[] = {
    {.key = "method.rounds", .type = MST_KEY_INT, .fallback = "100", .min = 1, .max = 1e9,
     .unit = "rounds", .help = "rounds of communication"},
    {.key = "method.participation", .type = MST_KEY_REAL, .fallback = "0.1", .min = 0, .max = 1,
     .open_min = true, .unit = "", .help = "share of the clients with rows that a round asks"},
    {.key = "method.cohort", .type = MST_KEY_INT, .min = 1, .max = 2147483647.0, .unit = "clients",
     .help = "clients of a round, instead of method.participation"},
    {.key = "method.sampling", .type = MST_KEY_WORD, .fallback = "fixed",
     .allowed = "fixed|bernoulli", .unit = "",
     .help = "fixed: every cohort has the same size; bernoulli: each client by its own coin"},
    {.key = "method.local_epochs", .type = MST_KEY_INT, .fallback = "5", .min = 1, .max = 1e9,
     .unit = "epochs", .help = "passes of a client over its rows in a round"},
    {.key = "method.local_steps", .type = MST_KEY_INT, .min = 1, .max = 1e9, .unit = "steps",
     .help = "steps of a client in a round, instead of method.local_epochs"},
    {.key = "evaluate.every", .type = MST_KEY_INT, .fallback = "1", .min = 0, .max = 1e9,
     .unit = "rounds",
     .help = "score on data.test every so many rounds; 0: after the last one only"},
    {.key = "evaluate.clients", .type = MST_KEY_BOOL, .fallback = "false", .unit = "",
     .help = "also score every client on its held-out rows, or all its own: mean, worst tenth, "
             "spread"},
    {.key = "evaluate.gradient", .type = MST_KEY_BOOL, .fallback = "false", .unit = "",
     .help = "also the norm of the loss's gradient over all rows trained on: a pass over them"},
    {.key = "clients.holdout", .type = MST_KEY_REAL, .fallback = "0", .min = 0, .max = 0.9,
     .unit = "",
     .help = "share of each client's rows that it is tested on, and does not train on"},
    {.key = "personal.keep", .type = MST_KEY_INT, .fallback = "0", .min = 0, .max = 1000,
     .unit = "layers", .help = "last layers of the model that stay with each client"},
    {.key = "personal.fine_tune_epochs", .type = MST_KEY_INT, .fallback = "0", .min = 0, .max = 1e9,
     .unit = "epochs",
     .help = "after the last round, also score every client after so many epochs on its own rows"},
    {.key = "resources.spill", .type = MST_KEY_WORD, .fallback = "none",
     .allowed = "none|state|all", .unit = "",
     .help = "keep in files beside output.run, not in memory: what a method keeps for each client; "
             "or that and the clients' rows; the results are the same"},
    MST_KEYS_ROBUST("messages of a round"),
    {.key = "aggregate.momentum", .type = MST_KEY_REAL, .fallback = "0", .min = 0, .max = 1,
     .unit = "", .help = "of what each honest client sends, over its messages; below 1; 0: none"},
    {.key = "aggregate.momentum_form", .type = MST_KEY_WORD, .fallback = "heavy",
     .allowed = "heavy|averaged", .unit = "",
     .help = "heavy: m = beta m + g; averaged: m = beta m + (1 - beta) g"},
    {.key = "aggregate.trusted_rows", .type = MST_KEY_INT, .min = 1, .max = 1e9, .unit = "rows",
     .help = "rows of data.train that the server has too, for fltrust and zeno"},
    MST_KEYS_SECURE("what a client sends"),
    MST_KEYS_STOP("accuracy|loss|train_loss|client_accuracy_mean|client_accuracy_worst"),
    {.key = "output.checkpoint.every_rounds", .type = MST_KEY_INT, .fallback = "10", .min = 0,
     .max = 1e9, .unit = "rounds",
     .help = "save the state every so many rounds, for --resume; 0: only when a signal comes"},
    {.key = NULL}};

static const mst_job_section sections[] = {{.keys = mst_keys_data},
                                           {.family = &mst_family_partitions},
                                           {.family = &mst_family_features},
                                           {.family = &mst_family_models},
                                           {.family = &mst_family_optimizers},
                                           {.family = &mst_family_schedules},
                                           {.family = &mst_family_methods},
                                           {.family = &mst_family_compressors},
                                           {.family = &mst_family_rules},
                                           {.family = &mst_family_mixers},
                                           {.family = &mst_family_attacks},
                                           {.keys = keys_federated},
                                           {.keys = mst_keys_privacy, .optional = "privacy"},
                                           {.keys = mst_keys_ledger, .optional = "privacy"},
                                           {.keys = mst_keys_federated_private, .optional = "privacy"},
                                           {.family = &mst_family_accountants, .optional = "privacy"},
                                           {.keys = NULL}};

typedef struct federated_job {
  mst_job_context *context;
  mst_team *team;
  const mst_experiment *experiment;
  mst_job_data data;
  mst_model_spec model_spec;
  mst_model *model;
  mst_pipeline pipeline;
  mst_federated_options options;
  mst_clients *clients;
  mst_federated *loop;
  mst_share_backing backing; /* files for what is not to be in memory */
  mst_clients_spill spill;   /* what that is                          */
  int64_t rank_bytes, node_bytes, file_bytes;
  mst_job_federated_private privacy;
} federated_job;

/* The plain mean of all is the loop's own sum: then nothing is asked of rules. */
static mst_status read_aggregate(federated_job *j) {
  const mst_experiment *e = j->experiment;
  mst_federated_options *o = &j->options;
  mst_federated_aggregate *a = &o->aggregate;
  MST_TRY(mst_job_rule(e, &a->rule, a->mixer, &a->mixers));
  a->momentum = mst_experiment_real(e, "aggregate.momentum");
  a->averaged = strcmp(mst_experiment_word(e, "aggregate.momentum_form"), "averaged") == 0;
  a->trusted_rows = mst_experiment_int(e, "aggregate.trusted_rows");
  if (mst_federated_has_rule(o) && !mst_experiment_is_set(e, "aggregate.byzantine"))
    return mst_experiment_refuse(e, "aggregate.byzantine",
                                 "say how many messages of a round may be anything, so that %s is "
                                 "known to withstand them",
                                 a->rule.name);
  return MST_OK;
}

static mst_status read_settings(federated_job *j) {
  const mst_experiment *e = j->experiment;
  mst_federated_options *o = &j->options;
  MST_TRY(mst_family_read(&mst_family_models, e, &j->model_spec));
  MST_TRY(mst_family_read(&mst_family_optimizers, e, &o->optimizer));
  MST_TRY(mst_family_read(&mst_family_schedules, e, &o->schedule));
  MST_TRY(mst_family_read(&mst_family_methods, e, &o->method));
  MST_TRY(mst_family_read(&mst_family_compressors, e, &o->compress));
  MST_TRY(read_aggregate(j));
  MST_TRY(mst_job_attack(e, &o->attack));
  MST_TRY(mst_job_secure(e, &o->secure));
  o->seed = mst_job_seed(e);
  o->rounds = mst_experiment_int(e, "method.rounds");
  o->participation = mst_experiment_real(e, "method.participation");
  o->cohort = mst_experiment_int(e, "method.cohort");
  o->bernoulli = strcmp(mst_experiment_word(e, "method.sampling"), "bernoulli") == 0;
  o->local_epochs = mst_experiment_int(e, "method.local_epochs");
  o->local_steps = mst_experiment_int(e, "method.local_steps");
  o->evaluate_every = mst_experiment_int(e, "evaluate.every");
  o->evaluate_clients = mst_experiment_bool(e, "evaluate.clients");
  o->evaluate_gradient = mst_experiment_bool(e, "evaluate.gradient");
  o->keep = mst_experiment_int(e, "personal.keep");
  o->fine_tune_epochs = mst_experiment_int(e, "personal.fine_tune_epochs");
  o->checkpoint_every = mst_experiment_int(e, "output.checkpoint.every_rounds");
  const char *spill = mst_experiment_word(e, "resources.spill");
  j->backing = mst_scratch_beside(j->context->run_path);
  if (strcmp(spill, "none") != 0) j->spill.kept = &j->backing;
  if (strcmp(spill, "all") == 0) j->spill.rows = &j->backing;
  MST_TRY(mst_job_stop(e, &o->stop));
  if (o->bernoulli && mst_experiment_is_set(e, "method.cohort"))
    return mst_experiment_refuse(
        e, "method.cohort", "bernoulli sampling has no fixed cohort: give method.participation");
  if (o->keep > 0 && mst_experiment_is_set(e, "data.test"))
    return mst_experiment_refuse(
        e, "personal.keep",
        "then no one model is there to be scored on data.test: leave it out, "
        "and score clients by evaluate.clients and clients.holdout");
  MST_TRY(mst_job_federated_private_read(&j->privacy, j->context, o));
  j->pipeline = mst_pipeline_sum();
  return mst_federated_check(o, &j->pipeline);
}

static mst_status check_settings(const federated_job *j) {
  const mst_experiment *e = j->experiment;
  const mst_federated_options *o = &j->options;
  bool classes = j->data.train.info->target == MST_TARGET_CLASSES;
  if (o->evaluate_clients && !classes)
    return mst_experiment_refuse(e, "evaluate.clients", "data.train holds values, not classes");
  if (o->fine_tune_epochs > 0 && !classes)
    return mst_experiment_refuse(e, "personal.fine_tune_epochs",
                                 "clients are scored by accuracy, but data.train holds values, not "
                                 "classes");
  if (o->cohort > j->data.clients_with_rows)
    return mst_experiment_refuse(
        e, "method.cohort",
        "only %lld of the %lld clients have rows, and a cohort has no client "
        "twice",
        (long long)j->data.clients_with_rows, (long long)j->data.clients);
  if (o->attack.count > j->data.clients)
    return mst_experiment_refuse(e, "attack.count", "there are %lld clients",
                                 (long long)j->data.clients);
  if (o->stop.metric != NULL && strncmp(o->stop.metric, "client", 6) == 0 && !o->evaluate_clients)
    return mst_experiment_refuse(e, "stop.metric",
                                 "set evaluate.clients: true to have this metric");
  return MST_OK;
}

/* The cohort's size from its share: at least one client. */
static void choose_cohort(federated_job *j) {
  mst_federated_options *o = &j->options;
  if (o->cohort > 0 || o->bernoulli) return;
  o->cohort = (int64_t)llround(o->participation * (double)j->data.clients_with_rows);
  if (o->cohort < 1) o->cohort = 1;
}

/* Of one read of a rank. Rows that go to a file need not all pass at once. */
static int64_t window_bytes(const federated_job *j) {
  int64_t some = j->data.memory / 4;
  return j->spill.rows != NULL ? mst_least(some, FILE_WINDOW_BYTES) : some;
}

/* Bytes of a rank, a node and all files: of the loop, and of the rows, as read and where the
 * clients are. */
static void plan(federated_job *j) {
  int ranks = mst_job_ranks(j->context), domains = mst_job_domains(j->context);
  int64_t rows = j->data.train.info->rows, in = 4 * j->data.train.info->row_elements;
  int64_t row = 4 * j->model->inputs + 4, share = mst_ceil_div(rows, ranks) * row;
  mst_federated_plan(ranks, domains, j->model, j->data.clients, &j->options, &j->spill,
                     &j->rank_bytes, &j->node_bytes, &j->file_bytes);
  j->rank_bytes += j->data.base_bytes;
  if (j->spill.rows == NULL) {
    j->node_bytes += 2 * mst_ceil_div(rows, domains) * row;
    return;
  }
  j->rank_bytes += mst_least(window_bytes(j), share) + 2 * mst_least(MST_ROWS_PIECE_BYTES, share);
  j->file_bytes += rows * (row + (j->data.features->ops->plain ? 0 : in));
}

static mst_status prepare(federated_job *j) {
  MST_TRY(mst_team_agree(j->team, read_settings(j)));
  MST_TRY(mst_job_data_open(j->context, &j->data));
  j->data.secret = j->privacy.on;
  MST_TRY(mst_job_data_deal(&j->data, true));
  MST_TRY(mst_team_agree(j->team, check_settings(j)));
  MST_TRY(mst_team_agree(
      j->team, mst_job_secure_features(j->experiment, &j->options.secure, j->data.features)));
  choose_cohort(j);
  MST_TRY(mst_team_agree(j->team, mst_federated_check(&j->options, &j->pipeline)));
  mst_job_bound_batch(&j->data, &j->options.optimizer.batch);
  MST_TRY(mst_job_model_create(&j->data, &j->model_spec, &j->model));
  MST_TRY(mst_team_agree(j->team, mst_federated_check_model(j->model)));
  int64_t common = 0;
  MST_TRY(mst_federated_common(j->model, j->options.keep, &common));
  MST_TRY(mst_job_federated_private_plan(&j->privacy, &j->data, j->model->parameters));
  plan(j);
  return MST_OK;
}

static mst_status write_estimate(federated_job *j) {
  const mst_federated_options *o = &j->options;
  const mst_method_ops *ops = mst_method_find(o->method.name);
  int64_t clients = j->privacy.on ? j->data.clients : j->data.clients_with_rows;
  int64_t cohort =
      o->bernoulli ? (int64_t)llround(o->participation * (double)clients) : o->cohort;
  int64_t uplink = 0, downlink = 0;
  mst_federated_traffic(j->model, o, &uplink, &downlink);
  mst_secure_bytes protocol = {0};
  if (o->secure.kind == MST_MASK_ON && cohort > 0)
    protocol = mst_secure_traffic(&o->secure.secure, cohort, cohort);
  const mst_job_count figure[] = {
      {"rank_bytes", j->rank_bytes},
      {"node_bytes", j->node_bytes},
      {"scratch_bytes", j->file_bytes},
      {"parameters", j->model->parameters},
      {"rows", j->data.train.info->rows},
      {"clients", j->data.clients},
      {"clients_with_rows", clients},
      {"cohort", cohort},
      {"rounds", o->rounds},
      {"gradients_per_step", ops->gradients},
      {"uplink_bytes", o->rounds * (cohort * uplink + protocol.up)},
      {"downlink_bytes", o->rounds * (cohort * downlink + protocol.down)},
      {NULL, 0}};
  MST_TRY(mst_job_estimate(j->context, figure));
  return mst_job_federated_private_estimate(&j->privacy);
}

/* The tensors that clients share, those that they keep as one array of all of them. Collective. */
static mst_status report_model(federated_job *j) {
  int64_t common = 0;
  mst_state state;
  mst_state_init(&state);
  mst_status st = mst_federated_common(j->model, j->options.keep, &common);
  if (st == MST_OK)
    st = mst_job_list_tensors(j->model, mst_federated_parameters(j->loop), common, &state);
  if (st == MST_OK) st = mst_federated_personal(j->loop, "personal", &state);
  return mst_job_report_model(&j->data, st, &state);
}

static mst_status record_times(const federated_job *j) {
  mst_runfile *file = j->context->runfile;
  double training = 0, all = 0;
  mst_federated_seconds(j->loop, &training, &all);
  MST_TRY(mst_runfile_timing(file, "local_training_seconds", training));
  MST_TRY(mst_runfile_timing(file, "loop_seconds", all));
  return mst_runfile_timing(file, "planned_bytes", (double)j->rank_bytes);
}

/* Those that tell nothing of the training rows. Local. */
static mst_status list_private(federated_job *j, const mst_federated_totals *t) {
  mst_job_context *c = j->context;
  const mst_job_count figure[] = {{"parameters", j->model->parameters},
                                  {"clients", j->data.clients},
                                  {"lost_rounds", t->lost},
                                  {"uplink_bytes", t->uplink_bytes},
                                  {"downlink_bytes", t->downlink_bytes},
                                  {NULL, 0}};
  if (j->data.test.file != NULL && !isnan(t->accuracy))
    MST_TRY(mst_job_result(c, "accuracy", t->accuracy, false));
  if (j->data.test.file != NULL) MST_TRY(mst_job_result(c, "loss", t->loss, false));
  return mst_job_results(c, figure);
}

/* The headline figures. Local. */
static mst_status list_figures(federated_job *j) {
  mst_job_context *c = j->context;
  mst_federated_totals t = mst_federated_figures(j->loop);
  c->rounds = t.rounds;
  if (j->privacy.on) return list_private(j, &t);
  MST_TRY(mst_job_scores(&j->data, t.accuracy, t.loss, t.train_loss));
  if (j->options.evaluate_gradient)
    MST_TRY(mst_job_result(c, "gradient_norm", t.gradient_norm, false));
  if (j->options.evaluate_clients) {
    MST_TRY(mst_job_result(c, "client_accuracy_mean", t.client_mean, false));
    MST_TRY(mst_job_result(c, "client_accuracy_worst", t.client_worst, false));
    MST_TRY(mst_job_result(c, "client_accuracy_spread", t.client_spread, false));
  }
  if (j->options.fine_tune_epochs > 0) {
    MST_TRY(mst_job_result(c, "client_accuracy_tuned_mean", t.tuned_mean, false));
    MST_TRY(mst_job_result(c, "client_accuracy_tuned_worst", t.tuned_worst, false));
    MST_TRY(mst_job_result(c, "client_accuracy_tuned_spread", t.tuned_spread, false));
  }
  if (j->options.secure.kind != MST_MASK_NONE) {
    const mst_job_count gone[] = {
        {"dropped_clients", t.dropped}, {"aborted_rounds", t.aborted}, {NULL, 0}};
    MST_TRY(mst_job_results(c, gone));
  }
  const mst_job_count figure[] = {{"parameters", j->model->parameters},
                                  {"rows", j->data.train.roster->rows},
                                  {"held_out_rows", mst_clients_held(j->clients)},
                                  {"dropped_rows", j->data.train.dropped + j->data.test.dropped},
                                  {"clients", j->data.clients},
                                  {"clients_with_rows", j->data.clients_with_rows},
                                  {"contributions", t.contributions},
                                  {"excluded", t.excluded},
                                  {"gradients", t.gradients},
                                  {"uplink_bytes", t.uplink_bytes},
                                  {"downlink_bytes", t.downlink_bytes},
                                  {NULL, 0}};
  return mst_job_results(c, figure);
}

static mst_status count_confusion(void *loop, const mst_test_rows *test, int64_t classes,
                                  int64_t *confusion) {
  return mst_federated_confusion(loop, test, classes, confusion);
}

/* How the model does at the end, for reports. */
static mst_status record(federated_job *j, const mst_test_rows *test) {
  const double *accuracy = NULL;
  MST_TRY(mst_record_data(&j->data));
  if (j->privacy.on) MST_TRY(mst_privacy_record(&j->privacy.budget));
  if (j->data.train.label == NULL) return MST_OK;
  if (!j->privacy.on) {
    MST_TRY(mst_federated_appraise(j->loop, &accuracy));
    MST_TRY(mst_record_accuracy(j->context, j->data.clients, accuracy));
  }
  return mst_record_test(&j->data, test, count_confusion, j->loop);
}

static mst_status train(federated_job *j) {
  mst_test_rows test;
  double holdout = mst_experiment_real(j->experiment, "clients.holdout");
  MST_TRY(mst_job_place_rows(&j->data, 1, holdout, j->options.seed, &j->spill, &j->clients));
  MST_TRY(mst_federated_create(j->team, j->model, j->clients, &j->pipeline, &j->options, &j->loop));
  MST_TRY(mst_job_test_rows(&j->data, &test));
  MST_TRY(mst_federated_run(j->loop, &test, j->context->observer));
  MST_TRY(mst_team_agree(j->team, list_figures(j)));
  MST_TRY(record_times(j));
  MST_TRY(record(j, &test));
  return report_model(j);
}

static mst_status run_federated(mst_job_context *context) {
  federated_job j = {.context = context, .team = context->team, .experiment = context->experiment};
  mst_status st = prepare(&j);
  if (st == MST_OK && context->dry_run) st = mst_team_agree(j.team, write_estimate(&j));
  if (st == MST_OK && !context->dry_run) {
    st = mst_job_federated_private_open(&j.privacy);
    if (st == MST_OK) st = mst_job_data_read(&j.data, window_bytes(&j));
    if (st == MST_OK) st = train(&j);
  }
  mst_federated_destroy(j.loop);
  mst_clients_destroy(j.clients);
  mst_model_destroy(j.model);
  mst_job_federated_private_close(&j.privacy);
  mst_job_data_close(&j.data);
  return st;
}

const mst_job_ops mst_job_federated = {
    .name = "federated",
    .summary = "federated training of a model: local steps, an aggregation method, rounds",
    .sections = sections,
    .run = run_federated};
