/* What the round loop scores: the server's model on test rows, and each client's on rows of its
 * own. A client's model is the server's, with the layers that it keeps (FedPer, Arivazhagan et al.
 * 2019, arXiv 1912.00818); fine-tuned, it is where some epochs on its training rows lead from
 * there. */
#include <math.h>
#include <string.h>

#include "parallel/federated_internal.h"

/* Keeps the batches of fine-tuning apart from those of all rounds. */
#define TUNING_ROUND (INT64_C(1) << 40)

mst_status mst_federated_model_of(mst_federated *f, int64_t client, const float **w) {
  const float *shared = mst_share_at(f->w);
  *w = shared;
  if (f->personal == NULL) return MST_OK;
  memcpy(f->point, shared, (size_t)f->common * sizeof *shared);
  memcpy(f->point + f->common, mst_federated_kept(f, client),
         (size_t)(f->model->parameters - f->common) * sizeof *shared);
  *w = f->point;
  return MST_OK;
}

static mst_status find_model(void *context, int64_t client, const float **w) {
  return mst_federated_model_of(context, client, w);
}

/* A client that diverges is scored as it was before. */
static mst_status find_tuned(void *context, int64_t client, const float **w) {
  const mst_federated *f = context;
  const mst_federated_options *o = &f->options;
  const mst_local_spec spec = {.epochs = o->fine_tune_epochs,
                               .batch = o->optimizer.batch,
                               .lr = o->optimizer.lr,
                               .clip = o->optimizer.clip,
                               .weight_decay = o->optimizer.weight_decay,
                               .seed = o->seed,
                               .frozen = f->model->parameters};
  mst_batch rows = mst_clients_data(f->clients, client);
  mst_local_result result = {0};
  MST_TRY(find_model(context, client, w));
  mst_status st = mst_client_train(f->tuner, &spec, client, TUNING_ROUND, &rows, *w, NULL, NULL,
                                   f->up, NULL, &result);
  if (st != MST_OK) return mst_fail_within(st, "client %lld: ", (long long)client);
  const float *change = f->up[0];
  for (int64_t i = 0; i < f->model->parameters; i++) f->point[i] = (*w)[i] + change[i];
  *w = f->point;
  return MST_OK;
}

static mst_status score_clients(mst_federated *f,
                                mst_status (*find)(void *context, int64_t client, const float **w),
                                mst_summary *score) {
  const mst_client_models models = {.context = f, .find = find};
  return mst_score_clients(f->team, f->model, &models, f->clients, f->work, f->accuracy, score);
}

mst_status mst_federated_score(mst_federated *f, const mst_test_rows *test, mst_metric *metric,
                               int *n) {
  mst_federated_totals *t = &f->totals;
  if (test != NULL && test->rows != NULL) {
    mst_score s;
    MST_TRY(mst_score_test(f->team, f->model, mst_share_at(f->w), test, f->work, &s));
    t->accuracy = s.accuracy;
    t->loss = s.loss;
    if (!isnan(s.accuracy)) metric[(*n)++] = (mst_metric){"accuracy", s.accuracy};
    metric[(*n)++] = (mst_metric){"loss", s.loss};
  }
  if (f->options.evaluate_gradient) {
    MST_TRY(mst_federated_gradient(f, &t->gradient_norm));
    metric[(*n)++] = (mst_metric){"gradient_norm", t->gradient_norm};
  }
  if (!f->options.evaluate_clients) return MST_OK;
  mst_summary c;
  MST_TRY(score_clients(f, find_model, &c));
  t->client_mean = c.mean;
  t->client_worst = c.worst;
  t->client_spread = c.spread;
  metric[(*n)++] = (mst_metric){"client_accuracy_mean", c.mean};
  metric[(*n)++] = (mst_metric){"client_accuracy_worst", c.worst};
  metric[(*n)++] = (mst_metric){"client_accuracy_spread", c.spread};
  return MST_OK;
}

mst_status mst_federated_tune(mst_federated *f, mst_metric *metric, int *n) {
  mst_federated_totals *t = &f->totals;
  mst_summary c;
  MST_TRY(score_clients(f, find_tuned, &c));
  t->tuned_mean = c.mean;
  t->tuned_worst = c.worst;
  t->tuned_spread = c.spread;
  metric[(*n)++] = (mst_metric){"client_accuracy_tuned_mean", c.mean};
  metric[(*n)++] = (mst_metric){"client_accuracy_tuned_worst", c.worst};
  metric[(*n)++] = (mst_metric){"client_accuracy_tuned_spread", c.spread};
  return MST_OK;
}

mst_status mst_federated_appraise(mst_federated *f, const double **accuracy) {
  mst_summary c;
  *accuracy = f->accuracy;
  return score_clients(f, find_model, &c);
}

mst_status mst_federated_confusion(mst_federated *f, const mst_test_rows *test, int64_t classes,
                                   int64_t *confusion) {
  return mst_score_confusion(f->team, f->model, mst_share_at(f->w), test, f->work, classes,
                             confusion);
}
