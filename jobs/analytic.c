/* The analytic job: closed-form federated learning in one round (doc/methods/analytic.md). Opens
 * the datasets, deals rows to clients, fits the feature map, trains and scores. */
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "jobs/feature_file.h"
#include "jobs/jobs.h"
#include "parallel/analytic.h"

#define TEST_WINDOW_BYTES ((int64_t)4 << 20) /* of a first look at the test rows: not kept if longer */

static const mst_key_spec keys_analytic[] = {
    {.key = "features.save_train", .type = MST_KEY_PATH, .unit = "",
     .help = "also write the training features, as a dataset that a later run can name"},
    {.key = "features.save_test", .type = MST_KEY_PATH, .unit = "",
     .help = "also write the test features, likewise"},
    {.key = "analytic.ridge", .type = MST_KEY_REAL, .fallback = "10", .min = 0, .max = 1e300,
     .unit = "", .help = "kept ridge: added to the diagonal of the (standardised) Gram matrix"},
    {.key = "analytic.gamma", .type = MST_KEY_REAL, .fallback = "1", .min = 0, .max = 1e300,
     .unit = "", .help = "each client's own regulariser, removed again after the sum"},
    {.key = "analytic.standardize", .type = MST_KEY_BOOL, .fallback = "true", .unit = "",
     .help = "divide each feature by its standard deviation over all clients"},
    {.key = "analytic.bias", .type = MST_KEY_BOOL, .fallback = "true", .unit = "",
     .help = "centre the features and learn an unpenalised intercept"},
    {.key = "reduce", .type = MST_KEY_WORD, .fallback = "exact", .allowed = "exact|fast",
     .unit = "", .help = "exact: same bits on any number of ranks; fast: floating-point sums and "
                         "ScaLAPACK's own process grid"},
    {.key = NULL}};

static const mst_key_spec *const key_tables[] = {mst_keys_data, mst_keys_clients, mst_keys_features,
                                                 keys_analytic, NULL};

/* One dataset of the job with what is made of it. */
typedef struct job_data {
  mst_team *team;
  mst_dataset *file;
  const mst_dataset_info *info;
  mst_row_store *rows;
  int32_t *label;      /* of every kept row, then of every place; all rows, on every rank */
  mst_roster *roster;
  int64_t dropped;
} job_data;

typedef struct analytic_job {
  mst_job_context *context;
  mst_team *team;
  const mst_experiment *experiment;
  mst_features_spec features_spec;
  mst_partition_spec partition;
  mst_analytic_options options;
  mst_pipeline pipeline;
  mst_features *features;
  mst_row_shape shape;
  job_data train, test;
  int64_t clients, clients_with_rows, outputs, sampled, memory, base_bytes;
  mst_analytic_plan plan;
} analytic_job;

static int64_t peak_resident_bytes(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (int64_t)usage.ru_maxrss * 1024;
}

/* What a rank may use when the experiment names no limit: its share of 80 % of the node. */
static int64_t memory_limit(const analytic_job *j) {
  int64_t asked = mst_job_memory(j->experiment);
  if (asked > 0) return asked;
  double physical = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  return (int64_t)(0.8 * physical / mst_team_node_size(j->team));
}

static mst_status read_settings(analytic_job *j) {
  const mst_experiment *e = j->experiment;
  MST_TRY(mst_job_features(e, &j->features_spec));
  MST_TRY(mst_job_partition(e, &j->partition));
  j->options = (mst_analytic_options){
      .ridge = mst_experiment_real(e, "analytic.ridge"),
      .gamma = mst_experiment_real(e, "analytic.gamma"),
      .standardize = mst_experiment_bool(e, "analytic.standardize"),
      .bias = mst_experiment_bool(e, "analytic.bias"),
      .fast = strcmp(mst_experiment_word(e, "reduce"), "fast") == 0};
  j->pipeline = mst_pipeline_sum();
  j->memory = memory_limit(j);
  if (mst_experiment_is_set(e, "features.save_test") && !mst_experiment_is_set(e, "data.test"))
    return mst_experiment_refuse(e, "features.save_test", "there is no data.test to take them from");
  return mst_pipeline_check(&j->pipeline);
}

static mst_status open_data(analytic_job *j, const char *key, job_data *d) {
  d->team = j->team;
  MST_TRY(mst_dataset_open(j->team, mst_experiment_path(j->experiment, key), &d->file));
  d->info = mst_dataset_about(d->file);
  if (d->info->has_weight)
    mst_team_say(j->team, "%s: /weight is not used: all rows count alike in this job", key);
  if (d->info->target == MST_TARGET_NONE)
    return mst_experiment_refuse(j->experiment, key, "the dataset has no /y to learn from");
  return MST_OK;
}

static mst_status check_test(const analytic_job *j) {
  const mst_dataset_info *a = j->train.info, *b = j->test.info;
  bool same = a->row_dims == b->row_dims && a->target == b->target;
  for (int k = 0; same && k < a->row_dims; k++) same = a->row_size[k] == b->row_size[k];
  if (!same || (a->target == MST_TARGET_VALUES && a->outputs != b->outputs))
    return mst_experiment_refuse(j->experiment, "data.test",
                                 "its rows or targets do not have the shape of data.train's");
  if (a->target == MST_TARGET_CLASSES && b->n_classes > a->n_classes)
    return mst_experiment_refuse(j->experiment, "data.test",
                                 "it has %lld classes, data.train has %lld",
                                 (long long)b->n_classes, (long long)a->n_classes);
  return MST_OK;
}

/* Column of the file of one int32 a row, all rows on every rank, kept rows only. Collective. */
static mst_status gather_column(job_data *d, const char *name, int32_t **out) {
  int64_t n = d->info->rows, first = 0, count = 0, kept = d->rows ? mst_rows_kept(d->rows) : n;
  int p = mst_team_size(d->team);
  int32_t *mine = NULL;
  int64_t *bytes = NULL;
  *out = NULL;
  mst_roster_read_share(d->team, n, &first, &count);
  mst_status st = mst_alloc(&mine, count, sizeof *mine, "labels being read");
  if (st == MST_OK) st = mst_alloc(out, n, sizeof **out, "labels of all rows");
  if (st == MST_OK) st = mst_alloc(&bytes, p, sizeof *bytes, "sizes of shares");
  st = mst_team_agree(d->team, st);
  if (st == MST_OK)
    st = name ? mst_dataset_read_i32(d->file, name, first, count, mine)
              : mst_dataset_read_labels(d->file, first, count, mine);
  if (st == MST_OK) st = mst_gather_i64(d->team, count * (int64_t)sizeof *mine, bytes);
  if (st == MST_OK) st = mst_gather_all(d->team, mine, bytes, *out);
  for (int64_t i = 0; st == MST_OK && kept < n && i < kept; i++)
    (*out)[i] = (*out)[mst_rows_dataset_row(d->rows, i)];
  mst_free(bytes);
  mst_free(mine);
  return st;
}

static mst_status read_rows(void *context, int64_t first, int64_t count, float *x, float *value) {
  job_data *d = context;
  MST_TRY(mst_dataset_read_x(d->file, first, count, x));
  return d->info->target == MST_TARGET_VALUES
             ? mst_dataset_read_values(d->file, first, count, value)
             : MST_OK;
}

/* Look at every row; refuse or drop the non-finite ones. Collective. */
static mst_status scan_rows(analytic_job *j, const char *key, job_data *d, int64_t window_bytes) {
  mst_row_reader reader = {
      .context = d, .rows = d->info->rows, .row_elements = d->info->row_elements,
      .outputs = d->info->target == MST_TARGET_VALUES ? d->info->outputs : 0, .read = read_rows};
  if (j->context->observer->on_phase)
    j->context->observer->on_phase(j->context->observer->context, "read", d->info->rows, "rows");
  MST_TRY(mst_rows_create(j->team, &reader, window_bytes, &d->rows));
  int64_t first = 0;
  d->dropped = mst_rows_nonfinite(d->rows, &first);
  if (d->dropped == 0) return MST_OK;
  bool drop = strcmp(mst_experiment_word(j->experiment, "data.on_nonfinite"), "drop") == 0;
  if (drop && d->dropped == d->info->rows)
    return mst_fail(MST_ERR_NONFINITE, "%s: %s: every row holds NaN or infinity: none is left", key,
                    mst_experiment_path(j->experiment, key));
  if (drop) {
    mst_team_say(j->team, "%s: left out %lld of %lld rows that hold NaN or infinity (the first is row %lld)",
                 key, (long long)d->dropped, (long long)d->info->rows, (long long)first);
    return MST_OK;
  }
  return mst_fail(MST_ERR_NONFINITE,
                  "%s: %s: %lld of %lld rows hold NaN or infinity (the first is row %lld, counted "
                  "from 0); mend them, or set data.on_nonfinite: drop to leave them out",
                  key, mst_experiment_path(j->experiment, key), (long long)d->dropped,
                  (long long)d->info->rows, (long long)first);
}

/* Put labels into the order of the roster's places. */
static mst_status order_labels(job_data *d) {
  if (!d->label) return MST_OK;
  int32_t *placed = NULL;
  MST_TRY(mst_alloc(&placed, d->roster->rows, sizeof *placed, "labels in client order"));
  for (int64_t i = 0; i < d->roster->rows; i++) placed[i] = d->label[d->roster->order[i]];
  mst_free(d->label);
  d->label = placed;
  return MST_OK;
}

/* Which client each kept row belongs to, and the roster. Collective. */
static mst_status deal_rows(analytic_job *j) {
  job_data *d = &j->train;
  int64_t kept = d->rows ? mst_rows_kept(d->rows) : d->info->rows;
  int32_t *client = NULL, *natural = NULL;
  mst_free(d->label);
  d->label = NULL;
  mst_roster_destroy(d->roster);
  d->roster = NULL;
  mst_status st = MST_OK;
  if (d->info->target == MST_TARGET_CLASSES) st = gather_column(d, NULL, &d->label);
  if (st == MST_OK && strcmp(j->partition.name, "natural") == 0 && d->info->has_client)
    st = gather_column(d, "client", &natural);
  if (st == MST_OK) st = mst_alloc(&client, kept, sizeof *client, "clients of rows");
  /* One rank deals for all: logarithms may round differently on another kind of processor. */
  if (st == MST_OK && mst_team_rank(j->team) == 0)
    st = mst_partition_assign(&j->partition, kept, d->label, d->info->n_classes, natural, client,
                              &j->clients);
  st = mst_team_agree(j->team, st);
  if (st == MST_OK) st = mst_team_bcast(j->team, &j->clients, sizeof j->clients, 0);
  if (st == MST_OK) st = mst_team_bcast(j->team, client, kept * (int64_t)sizeof *client, 0);
  if (st == MST_OK)
    st = mst_roster_create(j->team, kept, client, j->clients,
                           mst_pipeline_needs_single(&j->pipeline), &d->roster);
  if (st == MST_OK) st = order_labels(d);
  st = mst_team_agree(j->team, st);
  if (st == MST_OK) {
    j->clients_with_rows = 0;
    for (int64_t k = 0; k < j->clients; k++)
      if (d->roster->client_first[k + 1] > d->roster->client_first[k]) j->clients_with_rows++;
  }
  mst_free(natural);
  mst_free(client);
  return st;
}

/* Test rows: one client, in the file's order. Collective. */
static mst_status place_test(analytic_job *j) {
  job_data *d = &j->test;
  int64_t kept = mst_rows_kept(d->rows);
  int32_t *client = NULL;
  mst_status st = MST_OK;
  if (d->info->target == MST_TARGET_CLASSES) st = gather_column(d, NULL, &d->label);
  if (st == MST_OK) st = mst_alloc(&client, kept, sizeof *client, "clients of test rows");
  if (st == MST_OK) st = mst_roster_create(j->team, kept, client, 1, false, &d->roster);
  st = mst_team_agree(j->team, st);
  if (st == MST_OK) mst_rows_assign(d->rows, d->roster, j->plan.groups);
  mst_free(client);
  return st;
}

static mst_status arrange(analytic_job *j) {
  return mst_analytic_arrange(j->team, j->train.info->rows, j->train.info->row_elements,
                              j->clients_with_rows, j->features, j->outputs, &j->pipeline,
                              j->memory, j->base_bytes, &j->plan);
}

/* Labels, clients and their order are on every rank: refuse numbers that would not fit before they
 * are allocated. */
static mst_status check_tables(const analytic_job *j) {
  int64_t rows = j->train.info->rows, clients = j->partition.clients;
  int64_t need = j->base_bytes + 40 * rows + 24 * clients;
  if (need <= j->memory) return MST_OK;
  return mst_fail(MST_ERR_MEMORY,
                  "%lld rows and %lld clients need tables of %.3f GiB a rank, more than the %.3f GiB "
                  "that it may use: give resources.memory, fewer ranks a node, or fewer clients",
                  (long long)rows, (long long)clients, (double)need / 0x1p30,
                  (double)j->memory / 0x1p30);
}

/* Before the round: rows that the feature map is fitted on, and the columns' shift, go up; the shift
 * and a fitted map go down to every client with rows (one drawn from the key needs only the seed). */
static int64_t shift_bytes(const analytic_job *j) {
  return j->options.bias ? 4 * (j->features->width + j->outputs) : 0;
}

static int64_t setup_uplink_bytes(const analytic_job *j) {
  return 4 * j->sampled * j->train.info->row_elements + shift_bytes(j);
}

static mst_status setup_downlink_bytes(const analytic_job *j, int64_t *bytes) {
  mst_state map;
  mst_state_init(&map);
  bool fitted = mst_features_sample_rows(j->features) > 0;
  mst_status st = fitted ? mst_features_parameters(j->features, &map) : MST_OK;
  *bytes = shift_bytes(j);
  for (int i = 0; i < map.n; i++)
    *bytes += mst_state_local_elements(&map.item[i]) * mst_dtype_size(map.item[i].type);
  *bytes *= j->clients_with_rows;
  mst_state_clear(&map);
  return st;
}

static mst_status write_estimate(analytic_job *j) {
  json_t *e = j->context->estimate;
  const mst_analytic_plan *p = &j->plan;
  j->sampled = mst_features_sample_rows(j->features);
  if (j->sampled > j->train.info->rows) j->sampled = j->train.info->rows;
  int64_t setup_down = 0;
  MST_TRY(setup_downlink_bytes(j, &setup_down));
  const struct { const char *name; int64_t value; } figure[] = {
      {"rank_bytes", p->rank_bytes}, {"matrix_bytes", p->matrix_bytes},
      {"panel_bytes", p->gram.bytes}, {"row_bytes", p->row_bytes},
      {"feature_bytes", p->feature_bytes}, {"features", j->features->width},
      {"outputs", j->outputs}, {"rows", j->train.info->rows}, {"clients", j->clients},
      {"clients_with_rows", j->clients_with_rows}, {"passes", p->gram.passes},
      {"row_groups", p->groups}, {"setup_uplink_bytes", setup_uplink_bytes(j)},
      {"setup_downlink_bytes", setup_down},
      {"uplink_bytes", p->uplink_bytes}, {"downlink_bytes", p->downlink_bytes}};
  for (size_t i = 0; i < sizeof figure / sizeof figure[0]; i++)
    if (json_object_set_new(e, figure[i].name, json_integer(figure[i].value)) != 0)
      return mst_fail(MST_ERR_MEMORY, "no memory for the estimate");
  if (json_object_set_new(e, "epsilon", json_integer(0)) != 0)
    return mst_fail(MST_ERR_MEMORY, "no memory for the estimate");
  return MST_OK;
}

static mst_status save_features(analytic_job *j) {
  const struct { const char *key; job_data *data; } file[] = {
      {"features.save_train", &j->train}, {"features.save_test", &j->test}};
  for (int i = 0; i < 2; i++)
    if (mst_experiment_is_set(j->experiment, file[i].key))
      MST_TRY(mst_feature_file_write(j->team, file[i].data->file, file[i].data->rows, j->features,
                                     mst_experiment_path(j->experiment, file[i].key),
                                     j->context->observer));
  return MST_OK;
}

static mst_status report_model(analytic_job *j, mst_analytic_model *m) {
  const mst_observer *o = j->context->observer;
  mst_state state;
  mst_state_init(&state);
  mst_status st = mst_state_add(&state, "weights", MST_F64, 2, (int64_t[]){m->d, m->c}, m->weights);
  if (st == MST_OK)
    st = mst_state_add(&state, "intercept", MST_F64, 1, (int64_t[]){m->c}, m->intercept);
  if (st == MST_OK) st = mst_features_parameters(j->features, &state);
  st = mst_team_agree(j->team, st);
  if (st == MST_OK && o->on_state) st = o->on_state(o->context, 1, &state);
  mst_state_clear(&state);
  return st;
}

static mst_status set_result(analytic_job *j, const char *name, double value, bool whole) {
  json_t *number = whole ? json_integer((json_int_t)value)
                   : isfinite(value) ? json_real(value) : json_null();
  if (!number || json_object_set_new(j->context->result, name, number) != 0)
    return mst_fail(MST_ERR_MEMORY, "no memory for the result");
  return MST_OK;
}

static mst_status report(analytic_job *j, const mst_analytic_model *m, const mst_analytic_score *s,
                         const mst_gram_result *g) {
  const mst_observer *o = j->context->observer;
  mst_metric metric[3];
  int n = 0;
  if (j->test.file && !isnan(s->accuracy)) metric[n++] = (mst_metric){"accuracy", s->accuracy};
  if (j->test.file) metric[n++] = (mst_metric){"loss", s->loss};
  if (!isnan(m->train_loss)) metric[n++] = (mst_metric){"train_loss", m->train_loss};
  if (o->on_round) MST_TRY(o->on_round(o->context, 1, n, metric));
  for (int i = 0; i < n; i++) MST_TRY(set_result(j, metric[i].name, metric[i].value, false));
  MST_TRY(set_result(j, "rows", (double)j->train.roster->rows, true));
  MST_TRY(set_result(j, "dropped_rows", (double)(j->train.dropped + j->test.dropped), true));
  MST_TRY(set_result(j, "clients", (double)j->clients, true));
  MST_TRY(set_result(j, "clients_with_rows", (double)j->clients_with_rows, true));
  MST_TRY(set_result(j, "features", (double)m->d, true));
  MST_TRY(set_result(j, "condition_estimate", m->condition, false));
  int64_t setup_up = setup_uplink_bytes(j), setup_down = 0;
  MST_TRY(setup_downlink_bytes(j, &setup_down));
  MST_TRY(set_result(j, "setup_uplink_bytes", (double)setup_up, true));
  MST_TRY(set_result(j, "setup_downlink_bytes", (double)setup_down, true));
  MST_TRY(set_result(j, "uplink_bytes", (double)j->plan.uplink_bytes, true));
  MST_TRY(set_result(j, "downlink_bytes", (double)j->plan.downlink_bytes, true));
  mst_runfile *r = j->context->runfile;
  MST_TRY(mst_runfile_ledger(r, 1, "setup_uplink", setup_up, j->sampled + j->options.bias));
  MST_TRY(mst_runfile_ledger(r, 1, "setup_downlink", setup_down, j->plan.uplink_messages));
  MST_TRY(mst_runfile_ledger(r, 1, "uplink", j->plan.uplink_bytes, j->plan.uplink_messages));
  MST_TRY(mst_runfile_ledger(r, 1, "downlink", j->plan.downlink_bytes, j->plan.uplink_messages));
  MST_TRY(mst_runfile_timing(r, "gram_products_seconds", g->seconds_products));
  MST_TRY(mst_runfile_timing(r, "gram_sums_seconds", g->seconds_sums));
  MST_TRY(mst_runfile_timing(r, "gram_flops", g->flops));
  MST_TRY(mst_runfile_timing(r, "planned_bytes", (double)j->plan.rank_bytes));
  j->context->rounds = 1;
  return MST_OK;
}

/* Collective. */
static mst_status check_stop(const analytic_job *j) {
  const mst_observer *o = j->context->observer;
  bool any = false;
  MST_TRY(mst_team_any(j->team, o->should_stop && o->should_stop(o->context), &any));
  return any ? mst_fail(MST_ERR_INTERRUPTED, "interrupted; start the run again") : MST_OK;
}

static mst_status train_and_score(analytic_job *j) {
  mst_analytic_model model = {0};
  mst_analytic_score score = {.accuracy = NAN, .loss = NAN};
  mst_gram_result gram = {0};
  mst_rows_assign(j->train.rows, j->train.roster, j->plan.groups);
  mst_analytic_data data = {.rows = j->train.rows, .roster = j->train.roster,
                            .label = j->train.label, .outputs = j->outputs};
  mst_status st = mst_analytic_train(j->team, &data, j->features, &j->pipeline, &j->plan,
                                     &j->options, j->context->observer, &model, &gram);
  if (st == MST_OK) st = check_stop(j);
  if (st == MST_OK && j->test.file) {
    st = place_test(j);
    data = (mst_analytic_data){.rows = j->test.rows, .roster = j->test.roster,
                               .label = j->test.label, .outputs = j->outputs};
    if (st == MST_OK)
      st = mst_analytic_evaluate(j->team, &data, j->features, &model, j->context->observer, &score);
  }
  if (st == MST_OK) st = check_stop(j);
  if (st == MST_OK) st = save_features(j);
  if (st == MST_OK) st = report_model(j, &model);
  if (st == MST_OK) st = report(j, &model, &score, &gram);
  mst_analytic_model_free(&model);
  return st;
}

static mst_status prepare(analytic_job *j) {
  MST_TRY(mst_team_agree(j->team, read_settings(j)));
  MST_TRY(open_data(j, "data.train", &j->train));
  const mst_dataset_info *info = j->train.info;
  if (mst_experiment_is_set(j->experiment, "data.test")) {
    MST_TRY(open_data(j, "data.test", &j->test));
    MST_TRY(check_test(j));
  }
  j->outputs = info->target == MST_TARGET_CLASSES ? info->n_classes : info->outputs;
  j->shape.dims = info->row_dims;
  for (int k = 0; k < info->row_dims; k++) j->shape.size[k] = info->row_size[k];
  MST_TRY(mst_team_agree(j->team, mst_features_create(&j->features_spec, &j->shape, &j->features)));
  j->base_bytes = peak_resident_bytes();
  MST_TRY(mst_max_i64(j->team, &j->base_bytes, 1));
  /* Ranks of unequal nodes arrange alike: by the smallest limit. */
  int64_t limit = -j->memory;
  MST_TRY(mst_max_i64(j->team, &limit, 1));
  j->memory = -limit;
  MST_TRY(check_tables(j));
  MST_TRY(deal_rows(j));
  return arrange(j);
}

static void clear_data(job_data *d) {
  mst_rows_destroy(d->rows);
  mst_roster_destroy(d->roster);
  mst_free(d->label);
  mst_dataset_close(d->file);
}

static mst_status run_analytic(mst_job_context *context) {
  analytic_job j = {.context = context, .team = context->team, .experiment = context->experiment};
  mst_status st = prepare(&j);
  if (st == MST_OK && context->dry_run) st = mst_team_agree(j.team, write_estimate(&j));
  if (st == MST_OK && !context->dry_run) {
    st = scan_rows(&j, "data.train", &j.train, j.plan.window_bytes);
    if (st == MST_OK && j.test.file) st = scan_rows(&j, "data.test", &j.test, TEST_WINDOW_BYTES);
    if (st == MST_OK) st = check_stop(&j);
    if (st == MST_OK && j.train.dropped > 0) st = deal_rows(&j);
    if (st == MST_OK)
      st = mst_analytic_fit_features(j.team, j.train.rows, j.features, &j.sampled);
    if (st == MST_OK) st = train_and_score(&j);
  }
  mst_features_destroy(j.features);
  clear_data(&j.train);
  clear_data(&j.test);
  return st;
}

const mst_job_ops mst_job_analytic = {
    .name = "analytic",
    .summary = "closed-form federated learning: one round, the weights of pooled training",
    .keys = key_tables,
    .run = run_analytic};
