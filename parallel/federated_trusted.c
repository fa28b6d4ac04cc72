/* Rows that the server has of its own, for rules that trust nothing else: FLTrust's root data set,
 * drawn uniformly from the rows of all clients (Cao, Fang, Liu, Gong 2021), and Zeno's losses on
 * them (Xie, Koyejo, Gupta 2019). */
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/robust/space.h"
#include "parallel/federated_internal.h"

struct mst_trusted {
  int64_t *words; /* x(n, inputs), then targets; in words that can be added */
  mst_batch rows;
  float *point; /* (P) where a step leads */
};

static int64_t target_bytes(const mst_model *m, bool classes) {
  return classes ? (int64_t)sizeof(int32_t) : m->outputs * (int64_t)sizeof(float);
}

static int64_t words_of(const mst_model *m, int64_t rows, bool classes) {
  const int64_t row = m->inputs * (int64_t)sizeof(float) + target_bytes(m, classes);
  return mst_ceil_div(rows * row, (int64_t)sizeof(int64_t));
}

int64_t mst_trusted_bytes(const mst_model *model, int64_t rows) {
  return (int64_t)sizeof(int64_t) * words_of(model, rows, false) +
         (int64_t)sizeof(float) * model->parameters;
}

/* Copy row `from` of a client to row `to` of the server. */
static void copy_row(const mst_federated *f, mst_trusted *t, const mst_batch *client, int64_t from,
                     int64_t to) {
  const int64_t in = f->model->inputs, out = f->model->outputs;
  float *x = (float *)t->words, *target = x + t->rows.n * in;
  memcpy(x + to * in, client->x + from * in, (size_t)in * sizeof *x);
  if (client->label != NULL)
    ((int32_t *)(void *)target)[to] = client->label[from];
  else
    memcpy(target + to * out, client->value + from * out, (size_t)out * sizeof *target);
}

/* Rows chosen(n) of all clients' training rows, in the clients' order: those of this domain. */
static void copy_rows(const mst_federated *f, mst_trusted *t, const int64_t *chosen) {
  int64_t first = 0, at = 0;
  if (mst_team_domain_rank(f->team) != 0) return;
  for (int64_t k = 0; k < f->cohort.candidates && at < t->rows.n; k++) {
    const int64_t client = f->cohort.candidate[k], rows = mst_clients_rows(f->clients, client);
    const int64_t begin = at;
    while (at < t->rows.n && chosen[at] < first + rows) at++;
    if (at > begin && mst_clients_here(f->clients, client)) {
      const mst_batch batch = mst_clients_data(f->clients, client);
      for (int64_t i = begin; i < at; i++) copy_row(f, t, &batch, chosen[i] - first, i);
    }
    first += rows;
  }
}

/* Draw and copy; drawn like the rows that a further client would hold out. Local. */
static mst_status draw(mst_federated *f, mst_trusted *t) {
  const int64_t n = f->options.aggregate.trusted_rows;
  int64_t all = 0, *chosen = NULL;
  for (int64_t k = 0; k < f->cohort.candidates; k++)
    all += mst_clients_rows(f->clients, f->cohort.candidate[k]);
  if (n > all)
    return mst_fail(MST_ERR_INPUT, "aggregate.trusted_rows is %lld, but clients train on %lld rows",
                    (long long)n, (long long)all);
  const bool classes = mst_model_classes(f->model) > 0;
  MST_TRY(mst_alloc(&t->words, words_of(f->model, n, classes), sizeof *t->words, "trusted rows"));
  MST_TRY(mst_alloc(&t->point, f->model->parameters, sizeof *t->point, "a step"));
  MST_TRY(mst_alloc(&chosen, n, sizeof *chosen, "trusted rows"));
  t->rows = (mst_batch){.n = n, .x = (float *)t->words};
  const float *target = t->rows.x + n * f->model->inputs;
  if (classes)
    t->rows.label = (const int32_t *)(const void *)target;
  else
    t->rows.value = target;
  mst_stream s = mst_stream_of(
      mst_key_make(f->options.seed, MST_PURPOSE_SPLIT, (uint64_t)mst_clients_count(f->clients), 0));
  mst_stream_subset(&s, all, n, chosen);
  copy_rows(f, t, chosen);
  mst_free(chosen);
  return MST_OK;
}

mst_status mst_trusted_create(mst_federated *f, mst_trusted **out) {
  mst_trusted *t = NULL;
  *out = NULL;
  mst_status st = mst_alloc(&t, 1, sizeof *t, "trusted rows");
  if (st == MST_OK) st = draw(f, t);
  st = mst_team_agree(f->team, st);
  if (st == MST_OK) /* one domain has each row, the others 0: the sum is the rows */
    st = mst_sum_i64(f->team, t->words,
                     words_of(f->model, t->rows.n, mst_model_classes(f->model) > 0));
  if (st != MST_OK) {
    mst_trusted_destroy(t);
    return st;
  }
  *out = t;
  return MST_OK;
}

void mst_trusted_destroy(mst_trusted *t) {
  if (t == NULL) return;
  mst_free(t->words);
  mst_free(t->point);
  mst_free(t);
}

mst_status mst_trusted_train(mst_federated *f, const mst_trusted *t, const mst_local_spec *spec,
                             float *message) {
  const float *shared[MST_METHOD_VECTORS] = {NULL};
  double scalar[MST_METHOD_SUMS] = {0};
  mst_local_result result = {0};
  const int64_t n = f->model->parameters;
  for (int v = 0; v < f->ops->shared; v++) shared[v] = mst_share_at(f->shared[v]);
  MST_TRY(mst_client_train(f->trainer, spec, mst_clients_count(f->clients), f->totals.rounds,
                           &t->rows, mst_share_at(f->w), shared, NULL, f->up, scalar, &result));
  if (!result.finite)
    return mst_fail(MST_ERR_NONFINITE,
                    "round %lld: the server's own update from its trusted rows is not finite; use "
                    "a smaller optimizer.lr, or set optimizer.clip",
                    (long long)f->totals.rounds + 1);
  for (int v = 0; v < f->ops->uplink; v++)
    memcpy(message + v * n, f->up[v], (size_t)n * sizeof *message);
  for (int s = 0; s < f->ops->scalars; s++) message[f->ops->uplink * n + s] = (float)scalar[s];
  return MST_OK;
}

static double mean_loss(const mst_federated *f, const mst_trusted *t, const float *w) {
  double sum = 0;
  for (int64_t done = 0; done < t->rows.n; done += MST_BLOCK_ROWS) {
    mst_batch part = t->rows;
    double loss = 0;
    part.n = mst_least(t->rows.n - done, MST_BLOCK_ROWS);
    part.x += done * f->model->inputs;
    if (part.label != NULL)
      part.label += done;
    else
      part.value += done * f->model->outputs;
    mst_model_loss(f->model, w, &part, f->work, &loss, NULL);
    sum += loss;
  }
  return sum / (double)t->rows.n;
}

void mst_trusted_losses(const mst_federated *f, mst_trusted *t, int64_t n, float *const *message,
                        double *loss) {
  const float *w = mst_share_at(f->w);
  const double before = n > 0 ? mean_loss(f, t, w) : 0;
  for (int64_t k = 0; k < n; k++) {
    loss[k] = NAN;
    if (!mst_space_finite_f32(f->model->parameters, message[k])) continue;
    for (int64_t i = 0; i < f->model->parameters; i++) t->point[i] = w[i] + message[k][i];
    loss[k] = mean_loss(f, t, t->point) - before;
  }
}
