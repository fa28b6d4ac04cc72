/* Weights of rows. They are on every rank, in the order of the roster's places, as labels are: so a
 * client's total is the same number everywhere. */
#include "jobs/weights.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "jobs/say.h"

const mst_key_spec mst_keys_weights[] = {
    {.key = "analytic.weights",
     .type = MST_KEY_WORD,
     .fallback = "auto",
     .allowed = "auto|rows|none",
     .unit = "",
     .help = "what a row counts for: rows: data.train's /weight; auto: that, where there is one; "
             "none: all alike"},
    {.key = "analytic.clients",
     .type = MST_KEY_WORD,
     .fallback = "rows",
     .allowed = "rows|equal",
     .unit = "",
     .help = "rows: a client counts as its rows do; equal: every client with rows counts the same"},
    {.key = "secure.weight_bound",
     .type = MST_KEY_REAL,
     .min = 0,
     .max = 1e30,
     .open_min = true,
     .unit = "",
     .help = "public bound of a row's weight in masked sums: larger ones are cut to it"},
    {.key = NULL}};

bool mst_job_weights_count(const mst_experiment *e, const char *key) {
  return mst_experiment_knows(e, "analytic.weights") &&
         strcmp(mst_experiment_word(e, "analytic.weights"), "none") != 0 &&
         (strcmp(key, "data.train") == 0 || strncmp(key, "update.", 7) == 0);
}

/* Why /weight cannot be in such sums, or NULL. */
static const char *no_rows(const mst_job_weights_use *use) {
  if (use->privacy)
    return "the noise is measured for rows that count 1 each; set analytic.weights: none";
  return NULL;
}

static const char *no_equal(const mst_job_weights_use *use) {
  if (use->privacy) return "the noise is measured for rows that count 1 each";
  if (use->robust) return "a rule counts every client alike as it is";
  if (use->kept)
    return "what a client counts for would change with every client that leaves or joins the kept "
           "statistics";
  return NULL;
}

static mst_status read_bound(mst_job_data *data, bool masks) {
  static const char key[] = "secure.weight_bound";
  const mst_experiment *e = data->experiment;
  const bool needed = masks && data->train.weighs, set = mst_experiment_is_set(e, key);
  if (set && !needed)
    return mst_experiment_refuse(
        e, key, masks ? "rows have no weights" : "but secure.aggregate is none: set it to masks");
  if (needed && !set)
    return mst_experiment_refuse(
        e, key,
        "data.train has a /weight, and masked sums lie on a grid that "
        "follows from public numbers: give one, or set analytic.weights: none");
  data->train.most_weight = set ? mst_experiment_real(e, key) : 0;
  return MST_OK;
}

mst_status mst_job_weights_read(mst_job_data *data, const mst_job_weights_use *use) {
  const mst_experiment *e = data->experiment;
  const bool rows = mst_job_weights_count(e, "data.train");
  const bool equal = strcmp(mst_experiment_word(e, "analytic.clients"), "equal") == 0;
  const bool has = data->train.info->has_weight;
  if (rows && has && no_rows(use) != NULL)
    return mst_experiment_refuse(e, "analytic.weights", "data.train has a /weight: %s",
                                 no_rows(use));
  if (!has && strcmp(mst_experiment_word(e, "analytic.weights"), "rows") == 0)
    return mst_experiment_refuse(e, "analytic.weights", "data.train has no /weight");
  if (equal && no_equal(use) != NULL)
    return mst_experiment_refuse(e, "analytic.clients", "%s", no_equal(use));
  data->train.weighs = data->train.digest.weights = rows && has;
  MST_TRY(read_bound(data, use->masks));
  data->equal_clients = equal;
  if (data->train.weighs) mst_say(data->team, "data.train: rows count by /weight");
  if (!rows && has)
    mst_say(data->team, "data.train: /weight is not used: analytic.weights is none");
  return MST_OK;
}

static bool is_weight(float w) {
  return w >= 0 && isfinite(w);
}

/* Column /weight of the file, of all kept rows, on every rank. Collective. */
static mst_status gather(const mst_job_set *d, float **out) {
  const int64_t n = d->info->rows, kept = d->rows != NULL ? mst_rows_kept(d->rows) : n;
  int64_t first = 0, count = 0, *bytes = NULL;
  float *mine = NULL;
  mst_team_share(d->team, n, &first, &count);
  mst_status st = mst_alloc(&mine, count, sizeof *mine, "weights being read");
  if (st == MST_OK) st = mst_alloc(out, n, sizeof **out, "weights of all rows");
  if (st == MST_OK)
    st = mst_alloc(&bytes, mst_team_size(d->team), sizeof *bytes, "sizes of shares");
  st = mst_team_agree(d->team, st);
  if (st == MST_OK) st = mst_dataset_read_weight(d->file, first, count, mine);
  if (st == MST_OK) st = mst_gather_i64(d->team, count * (int64_t)sizeof *mine, bytes);
  if (st == MST_OK) st = mst_gather_all(d->team, mine, bytes, *out);
  for (int64_t i = 0; st == MST_OK && kept < n && i < kept; i++)
    (*out)[i] = (*out)[mst_rows_dataset_row(d->rows, i)];
  mst_free(bytes);
  mst_free(mine);
  return st;
}

static double cut(const mst_job_set *d, double weight) {
  return d->most_weight > 0 ? fmin(weight, d->most_weight) : weight;
}

mst_status mst_job_weights_place_set(mst_job_set *d) {
  float *column = NULL;
  mst_free(d->weight);
  d->weight = NULL;
  if (!d->weighs) return MST_OK;
  mst_status st = gather(d, &column);
  if (st == MST_OK)
    st = mst_team_agree(
        d->team, mst_alloc(&d->weight, d->roster->rows, sizeof *d->weight, "weights of places"));
  for (int64_t i = 0; st == MST_OK && i < d->roster->rows; i++)
    d->weight[i] = cut(d, (double)column[d->roster->order[i]]);
  mst_free(column);
  return st;
}

static double client_weight(const mst_job_set *d, int64_t client) {
  double sum = 0;
  for (int64_t i = d->roster->client_first[client]; i < d->roster->client_first[client + 1]; i++)
    sum += d->weight[i];
  return sum;
}

/* What the rows of each client weigh together: as much as those of all over the number of clients.
 * Clients whose rows weigh nothing are not counted. */
static void level(mst_job_data *j) {
  mst_job_set *d = &j->train;
  const mst_roster *r = d->roster;
  double all = 0;
  int64_t n = 0;
  for (int64_t k = 0; k < r->clients; k++) {
    const double own = client_weight(d, k);
    all += own;
    n += own > 0;
  }
  if (!j->keep_level) j->client_level = n > 0 ? all / (double)n : 0;
  for (int64_t k = 0; k < r->clients; k++) {
    const double own = client_weight(d, k), factor = own > 0 ? j->client_level / own : 0;
    for (int64_t i = r->client_first[k]; i < r->client_first[k + 1]; i++) d->weight[i] *= factor;
  }
}

mst_status mst_job_weights_place(mst_job_data *j) {
  mst_job_set *d = &j->train;
  MST_TRY(mst_job_weights_place_set(d));
  if (!j->equal_clients) return MST_OK;
  if (d->weight == NULL) {
    mst_status st = mst_alloc(&d->weight, d->roster->rows, sizeof *d->weight, "weights of places");
    MST_TRY(mst_team_agree(j->team, st));
    for (int64_t i = 0; i < d->roster->rows; i++) d->weight[i] = 1;
  }
  level(j);
  return MST_OK;
}

mst_status mst_job_weights_mark(mst_job_set *d, int64_t first, int64_t count, float *x) {
  float *weight = NULL;
  if (!d->weighs) return MST_OK;
  mst_status st = mst_alloc(&weight, count, sizeof *weight, "weights being read");
  st = mst_team_agree(d->team, st);
  if (st == MST_OK) st = mst_dataset_read_weight(d->file, first, count, weight);
  for (int64_t i = 0; st == MST_OK && i < count; i++)
    if (!is_weight(weight[i])) x[i * d->info->row_elements] = NAN;
  mst_free(weight);
  return st;
}

int64_t mst_job_weights_bytes(const mst_job_data *j) {
  const bool any = j->train.weighs || j->equal_clients;
  return any ? 12 * j->train.info->rows : 0;
}
