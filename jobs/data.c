/* The data of a job: datasets opened and checked against each other, rows dealt to clients, looked
 * at and read, the feature map fitted. */
#include "jobs/data.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "comm/share.h"
#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "jobs/analytic_personal.h"
#include "jobs/family.h"
#include "jobs/options.h"
#include "jobs/say.h"
#include "jobs/weights.h"
#include "parallel/analytic.h"
#include "parallel/train.h"

/* Of a first look at the test rows: not kept if longer. */
#define TEST_WINDOW_BYTES ((int64_t)4 << 20)

static int64_t peak_resident_bytes(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (int64_t)usage.ru_maxrss * 1024;
}

/* What a rank may use when the experiment names no limit: its share of 80 % of the node. Nothing is
 * known of the nodes that a dry run estimates for. */
static int64_t memory_limit(const mst_job_data *j) {
  int64_t asked = mst_job_memory(j->experiment);
  if (asked > 0) return asked;
  if (j->context->ranks > 0) return INT64_MAX;
  double physical = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  return (int64_t)(0.8 * physical / mst_team_node_size(j->team));
}

/* The first data.rows rows of the training data, where the experiment says so. */
static mst_status limit_rows(const mst_job_data *j, mst_dataset *d) {
  const int64_t all = mst_dataset_about(d)->rows;
  if (!mst_experiment_knows(j->experiment, "data.rows") ||
      !mst_experiment_is_set(j->experiment, "data.rows"))
    return MST_OK;
  const int64_t rows = mst_experiment_int(j->experiment, "data.rows");
  if (rows > all)
    return mst_experiment_refuse(j->experiment, "data.rows", "data.train has %lld rows",
                                 (long long)all);
  return mst_dataset_limit(d, rows);
}

static mst_status open_data(mst_job_data *j, const char *key, mst_job_set *d) {
  d->team = j->team;
  MST_TRY(mst_dataset_open(j->team, mst_experiment_path(j->experiment, key), &d->file));
  if (strcmp(key, "data.train") == 0) MST_TRY(limit_rows(j, d->file));
  d->info = mst_dataset_about(d->file);
  if (d->info->has_weight && !(j->weighted && d == &j->train))
    mst_say(j->team, "%s: /weight is not used: all rows count alike in this job", key);
  if (d->info->target == MST_TARGET_NONE && !j->unlabelled)
    return mst_experiment_refuse(j->experiment, key, "the dataset has no /y to learn from");
  return MST_OK;
}

static mst_status check_test(const mst_job_data *j, int64_t classes) {
  const mst_dataset_info *a = j->train.info, *b = j->test.info;
  bool same = a->row_dims == b->row_dims && (j->unlabelled || a->target == b->target);
  for (int k = 0; same && k < a->row_dims; k++) same = a->row_size[k] == b->row_size[k];
  if (j->unlabelled)
    return same ? MST_OK
                : mst_experiment_refuse(j->experiment, "data.test",
                                        "its rows do not have the shape of data.train's");
  if (!same || (a->target == MST_TARGET_VALUES && a->outputs != b->outputs))
    return mst_experiment_refuse(j->experiment, "data.test",
                                 "its rows or targets do not have the shape of data.train's");
  if (a->target == MST_TARGET_CLASSES && b->n_classes > classes)
    return mst_experiment_refuse(j->experiment, "data.test",
                                 "it has %lld classes, data.train has %lld",
                                 (long long)b->n_classes, (long long)classes);
  return MST_OK;
}

/* Column of the file of one int32 a row, all rows on every rank, kept rows only. Collective. */
static mst_status gather_column(mst_job_set *d, const char *name, int32_t **out) {
  int64_t n = d->info->rows, first = 0, count = 0, kept = d->rows ? mst_rows_kept(d->rows) : n;
  int p = mst_team_size(d->team);
  int32_t *mine = NULL;
  int64_t *bytes = NULL;
  *out = NULL;
  mst_team_share(d->team, n, &first, &count);
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
  mst_job_set *d = context;
  bool values = d->info->target == MST_TARGET_VALUES;
  MST_TRY(mst_dataset_read_x(d->file, first, count, x));
  if (values) MST_TRY(mst_dataset_read_values(d->file, first, count, value));
  if (!d->looking) return MST_OK;
  MST_TRY(
      mst_dataset_digest_add(d->team, d->file, first, count, x, values ? value : NULL, &d->digest));
  return mst_job_weights_mark(d, first, count, x);
}

/* The run file tells what the dataset says, and checkpoints do, so that a resume can compare. */
static mst_status record_digest(mst_job_data *j, const char *key, const mst_job_set *d) {
  char hex[MST_DIGEST_HEX];
  MST_TRY(mst_dataset_digest_end(j->team, d->info, &d->digest, hex));
  return mst_runfile_input(j->context->runfile, key, hex);
}

mst_status mst_job_set_read(mst_job_set *d, int64_t window_bytes) {
  mst_row_reader reader = {
      .context = d, .rows = d->info->rows, .row_elements = d->info->row_elements,
      .outputs = d->info->target == MST_TARGET_VALUES ? d->info->outputs : 0, .read = read_rows};
  d->looking = true;
  MST_TRY(mst_rows_create(d->team, &reader, window_bytes, &d->rows));
  d->looking = false;
  return MST_OK;
}

static const char *or_weight(const mst_job_set *d) {
  return d->weighs ? ", or have a weight that is negative or not finite" : "";
}

/* Look at every row; refuse or drop the non-finite ones. Collective. */
static mst_status scan_rows(mst_job_data *j, const char *key, mst_job_set *d,
                            int64_t window_bytes) {
  if (j->context->observer->on_phase)
    j->context->observer->on_phase(j->context->observer->context, "read", d->info->rows, "rows");
  if (j->keeps_sparse && d->info->sparse) {
    MST_TRY(mst_job_set_read_sparse(d));
    return record_digest(j, key, d);
  }
  MST_TRY(mst_job_set_read(d, window_bytes));
  int64_t first = 0;
  d->dropped = mst_rows_nonfinite(d->rows, &first);
  if (j->secret && d == &j->train) return MST_OK;
  MST_TRY(record_digest(j, key, d));
  if (d->dropped == 0) return MST_OK;
  bool drop = strcmp(mst_experiment_word(j->experiment, "data.on_nonfinite"), "drop") == 0;
  if (drop && d->dropped == d->info->rows)
    return mst_fail(MST_ERR_NONFINITE, "%s: %s: every row holds NaN or infinity: none is left", key,
                    mst_experiment_path(j->experiment, key));
  if (drop) {
    mst_say(j->team,
            "%s: left out %lld of %lld rows that hold NaN or infinity%s (the first is row %lld)",
            key, (long long)d->dropped, (long long)d->info->rows, or_weight(d), (long long)first);
    return MST_OK;
  }
  return mst_fail(
      MST_ERR_NONFINITE,
      "%s: %s: %lld of %lld rows hold NaN or infinity%s (the first is row %lld, counted "
      "from 0); mend them, or set data.on_nonfinite: drop to leave them out",
      key, mst_experiment_path(j->experiment, key), (long long)d->dropped, (long long)d->info->rows,
      or_weight(d), (long long)first);
}

/* Put labels into the order of the roster's places. */
static mst_status order_labels(mst_job_set *d) {
  if (!d->label) return MST_OK;
  int32_t *placed = NULL;
  MST_TRY(mst_alloc(&placed, d->roster->rows, sizeof *placed, "labels in client order"));
  for (int64_t i = 0; i < d->roster->rows; i++) placed[i] = d->label[d->roster->order[i]];
  mst_free(d->label);
  d->label = placed;
  return MST_OK;
}

/* Leave out the rows of clients that do not take part. */
static mst_status choose_clients(const mst_job_data *j, int64_t rows, int32_t *client) {
  const mst_job_choice *c = &j->choice;
  bool *named = NULL;
  if (c->key == NULL) return MST_OK;
  mst_status st = mst_alloc(&named, j->clients, sizeof *named, "marks of clients");
  for (int64_t i = 0; i < c->n && st == MST_OK; i++) {
    const int64_t k = c->client[i];
    if (k < 0 || k >= j->clients)
      st = mst_experiment_refuse(j->experiment, c->key, "there is no client %lld: they are 0 to %lld",
                                 (long long)k, (long long)j->clients - 1);
    else if (named[k])
      st = mst_experiment_refuse(j->experiment, c->key, "client %lld is named twice", (long long)k);
    else
      named[k] = true;
  }
  for (int64_t i = 0; i < rows && st == MST_OK; i++)
    if (named[client[i]] != c->only) client[i] = MST_NO_CLIENT;
  mst_free(named);
  return st;
}

mst_status mst_job_data_deal(mst_job_data *j, bool single) {
  j->single = single;
  mst_job_set *d = &j->train;
  int64_t kept = d->rows ? mst_rows_kept(d->rows) : d->info->rows;
  int32_t *client = NULL, *natural = NULL;
  mst_free(d->label);
  d->label = NULL;
  mst_roster_destroy(d->roster);
  d->roster = NULL;
  mst_status st = MST_OK;
  if (d->info->target == MST_TARGET_CLASSES) st = gather_column(d, NULL, &d->label);
  bool natural_clients = !j->pooled && strcmp(j->partition.name, "natural") == 0;
  if (st == MST_OK && natural_clients && d->info->has_client)
    st = gather_column(d, "client", &natural);
  if (st == MST_OK) st = mst_alloc(&client, kept, sizeof *client, "clients of rows");
  /* One rank deals for all: logarithms may round differently on another kind of processor. */
  if (st == MST_OK && j->secret && j->pooled)
    j->clients = mst_private_deal(kept, j->rate, j->block, client);
  else if (st == MST_OK && j->pooled)
    j->clients = mst_train_deal(kept, client);
  else if (st == MST_OK && mst_team_rank(j->team) == 0)
    st = mst_partition_assign(&j->partition, kept, d->label, d->info->n_classes, natural, client,
                              &j->clients);
  st = mst_team_agree(j->team, st);
  if (st == MST_OK) st = mst_team_bcast(j->team, &j->clients, sizeof j->clients, 0);
  if (st == MST_OK) st = mst_team_bcast(j->team, client, kept * (int64_t)sizeof *client, 0);
  if (st == MST_OK) st = choose_clients(j, kept, client);
  if (st == MST_OK) st = mst_job_personal_hold_out(j, kept, client);
  if (st == MST_OK)
    st = mst_roster_create(j->team, kept, client, j->clients,
                           single, &d->roster);
  if (st == MST_OK) st = order_labels(d);
  st = mst_team_agree(j->team, st);
  if (st == MST_OK) st = mst_job_weights_place(j);
  if (st == MST_OK) {
    j->clients_with_rows = 0;
    for (int64_t k = 0; k < j->clients; k++)
      if (d->roster->client_first[k + 1] > d->roster->client_first[k]) j->clients_with_rows++;
  }
  mst_free(natural);
  mst_free(client);
  return st;
}

mst_status mst_job_set_place(mst_job_set *d, int64_t groups) {
  int64_t kept = d->rows != NULL ? mst_rows_kept(d->rows) : d->info->rows;
  int32_t *client = NULL;
  mst_status st = MST_OK;
  if (d->info->target == MST_TARGET_CLASSES) st = gather_column(d, NULL, &d->label);
  if (st == MST_OK) st = mst_alloc(&client, kept, sizeof *client, "clients of test rows");
  if (st == MST_OK) st = mst_roster_create(d->team, kept, client, 1, false, &d->roster);
  st = mst_team_agree(d->team, st);
  if (st == MST_OK && d->rows != NULL) mst_rows_assign(d->rows, d->roster, groups);
  if (st == MST_OK) st = mst_job_weights_place_set(d);
  mst_free(client);
  return st;
}

mst_status mst_job_data_place_test(mst_job_data *j, int64_t groups) {
  return mst_job_set_place(&j->test, groups);
}

/* Labels, clients and their order are on every rank: refuse numbers that would not fit before they
 * are allocated. */
static mst_status check_tables(const mst_job_data *j) {
  int64_t rows = j->train.info->rows, clients = j->partition.clients;
  int64_t need = j->base_bytes + 40 * rows + 24 * clients;
  if (need <= j->memory) return MST_OK;
  return mst_fail(
      MST_ERR_MEMORY,
      "%lld rows and %lld clients need tables of %.3f GiB a rank, more than the %.3f GiB "
      "that it may use: give resources.memory, fewer ranks a node, or fewer clients",
      (long long)rows, (long long)clients, (double)need / 0x1p30, (double)j->memory / 0x1p30);
}

/* Nothing is known yet but who asks. */
static mst_job_data nothing_of(mst_job_context *context, bool pooled) {
  return (mst_job_data){.context = context,
                        .team = context->team,
                        .experiment = context->experiment,
                        .pooled = pooled};
}

/* The feature map's spec may stand there already. */
static mst_status open_sets(mst_job_data *j, int64_t classes) {
  const bool pooled = j->pooled;
  mst_status st = MST_OK;
  if (j->features_spec.kind == NULL) st = mst_job_features(j->experiment, &j->features_spec);
  if (st == MST_OK && !pooled) st = mst_job_partition(j->experiment, &j->partition);
  MST_TRY(mst_team_agree(j->team, st));
  MST_TRY(open_data(j, "data.train", &j->train));
  const mst_dataset_info *info = j->train.info;
  classes = mst_most(classes, info->n_classes);
  if (mst_experiment_is_set(j->experiment, "data.test")) {
    MST_TRY(open_data(j, "data.test", &j->test));
    MST_TRY(check_test(j, classes));
  }
  j->outputs = info->target == MST_TARGET_CLASSES ? classes : info->outputs;
  j->shape.dims = info->row_dims;
  for (int k = 0; k < info->row_dims; k++) j->shape.size[k] = info->row_size[k];
  MST_TRY(mst_team_agree(j->team, mst_features_create(&j->features_spec, &j->shape, &j->features)));
  j->base_bytes = peak_resident_bytes();
  MST_TRY(mst_max_i64(j->team, &j->base_bytes, 1));
  /* Ranks of unequal nodes arrange alike: by the smallest limit. */
  int64_t limit = -memory_limit(j);
  MST_TRY(mst_max_i64(j->team, &limit, 1));
  j->memory = -limit;
  return check_tables(j);
}

mst_status mst_job_data_open(mst_job_context *context, mst_job_data *j) {
  *j = nothing_of(context, false);
  return open_sets(j, 0);
}

mst_status mst_job_data_open_classes(mst_job_context *context, int64_t classes, mst_job_data *j) {
  *j = nothing_of(context, false);
  j->weighted = true;
  return open_sets(j, classes);
}

mst_status mst_job_data_open_pooled(mst_job_context *context, mst_job_data *j) {
  *j = nothing_of(context, true);
  return open_sets(j, 0);
}

mst_status mst_job_data_open_rows(mst_job_context *context, bool plain, mst_job_data *j) {
  *j = nothing_of(context, true);
  j->unlabelled = true;
  if (plain) j->features_spec = mst_features_defaults("identity");
  return open_sets(j, 0);
}

mst_status mst_job_data_read(mst_job_data *j, int64_t window_bytes) {
  MST_TRY(scan_rows(j, "data.train", &j->train, window_bytes));
  if (j->test.file) MST_TRY(scan_rows(j, "data.test", &j->test, TEST_WINDOW_BYTES));
  MST_TRY(mst_job_check_stop(j->context));
  if (j->train.dropped > 0) MST_TRY(mst_job_data_deal(j, j->single));
  if (j->train.rows == NULL) return MST_OK;
  return mst_analytic_fit_features(j->team, j->train.rows, j->features, &j->sampled);
}

void mst_job_set_clear(mst_job_set *d) {
  mst_rows_destroy(d->rows);
  mst_roster_destroy(d->roster);
  mst_sparse_rows_free(&d->sparse);
  mst_free(d->label);
  mst_free(d->weight);
  mst_dataset_close(d->file);
}

void mst_job_data_close(mst_job_data *j) {
  mst_features_destroy(j->features);
  mst_job_set_clear(&j->train);
  mst_job_set_clear(&j->test);
}

int mst_job_ranks(const mst_job_context *context) {
  return context->ranks > 0 ? context->ranks : mst_team_size(context->team);
}

int mst_job_domains(const mst_job_context *context) {
  return context->ranks > 0 ? context->nodes : mst_team_domains(context->team);
}

mst_row_shape mst_job_model_shape(const mst_features *map) {
  if (map->ops->plain) return map->shape;
  return (mst_row_shape){.dims = 1, .size = {map->width}};
}

mst_status mst_job_check_stop(mst_job_context *context) {
  bool any = false;
  MST_TRY(mst_team_any(context->team, mst_observer_stop(context->observer), &any));
  return any ? mst_fail(MST_ERR_INTERRUPTED, "interrupted; start the run again") : MST_OK;
}
