/* How the nodes do: which models are finite, their exact mean, their distance from it, and how each
 * scores on the test rows. */
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "parallel/decentralised_internal.h"

static bool is_finite(const float *x, int64_t n) {
  for (int64_t c = 0; c < n; c++)
    if (!(fabs((double)x[c]) <= MST_TALLY_BOUND)) return false;
  return true;
}

/* Add the finite models of the nodes that this rank takes. */
static void add_some(mst_decentralised *f) {
  int64_t p = f->model->parameters;
  mst_tally_clear(&f->sum);
  memset(f->finite, 0, (size_t)f->nodes * sizeof *f->finite);
  for (;;) {
    int64_t ticket = mst_share_ticket(f->counter[f->turn]);
    if (ticket >= f->judged.n) return;
    int64_t i = f->judged.node[ticket];
    const float *x = mst_node_at(f, f->w, i);
    f->finite[i] = is_finite(x, p);
    if (f->finite[i]) mst_tally_add_f32(&f->sum, 0, p, x, 1);
  }
}

/* Squared distances from the mean; how many. */
static int64_t measure_some(mst_decentralised *f) {
  int64_t p = f->model->parameters, n = 0;
  for (;;) {
    int64_t ticket = mst_share_ticket(f->counter[f->turn]);
    if (ticket >= f->judged.n) return n;
    int64_t i = f->judged.node[ticket];
    if (!f->finite[i]) continue;
    const float *x = mst_node_at(f, f->w, i);
    double sum = 0;
    for (int64_t c = 0; c < p; c++) {
      double away = (double)x[c] - f->total[c];
      sum += away * away;
    }
    f->distance[n++] = sum;
  }
}

mst_status mst_decentralised_measure(mst_decentralised *f) {
  int64_t p = f->model->parameters, finite = 0;
  MST_TRY(mst_decentralised_turn(f));
  add_some(f);
  MST_TRY(mst_sum_i64(f->team, f->finite, f->nodes));
  for (int64_t i = 0; i < f->nodes; i++) finite += f->finite[i];
  f->facts.nonfinite = f->honest - finite;
  if (finite == 0)
    return mst_fail(MST_ERR_NONFINITE,
                    "round %lld: the models of all %lld honest nodes are not finite; use a smaller "
                    "optimizer.lr, set optimizer.clip, or, with attackers, another mixing.kind",
                    (long long)f->totals.rounds + 1, (long long)f->honest);
  MST_TRY(mst_tally_total(f->team, &f->sum, f->total));
  for (int64_t c = 0; c < p; c++) {
    f->total[c] /= (double)finite;
    f->mean[c] = (float)f->total[c];
  }
  MST_TRY(mst_decentralised_turn(f));
  int64_t n = measure_some(f);
  MST_TRY(mst_tally_terms(f->team, f->distance, n, f->honest, &f->facts.consensus_distance));
  f->facts.consensus_distance /= (double)finite;
  return MST_OK;
}

/* A node's model on every rank. Collective. */
static mst_status show_model(mst_decentralised *f, int64_t i, const float **w) {
  if (mst_team_domains(f->team) == 1) {
    *w = mst_node_at(f, f->w, i);
    return MST_OK;
  }
  int64_t bytes = f->model->parameters * (int64_t)sizeof **w;
  int owner = mst_clients_owner(f->clients, i);
  if (owner == mst_team_rank(f->team)) memcpy(f->change, mst_node_at(f, f->w, i), (size_t)bytes);
  *w = f->change;
  return mst_team_bcast(f->team, f->change, bytes, owner);
}

mst_status mst_decentralised_score(mst_decentralised *f, const mst_test_rows *test,
                                   mst_metric *metric, int *n) {
  mst_decentralised_totals *t = &f->totals;
  if (test == NULL || test->rows == NULL) return MST_OK;
  double accuracy = 0, loss = 0, worst = INFINITY, most = -INFINITY;
  for (int64_t i = 0; i < f->nodes; i++) {
    const float *w = NULL;
    mst_score s;
    if (f->attacker[i]) continue;
    MST_TRY(show_model(f, i, &w));
    MST_TRY(mst_score_test(f->team, f->model, w, test, f->model_work, &s));
    accuracy += s.accuracy;
    loss += s.loss;
    if (!(s.accuracy >= worst)) worst = s.accuracy;
    if (!(s.loss <= most)) most = s.loss;
  }
  t->accuracy = accuracy / (double)f->honest;
  t->accuracy_worst = isnan(t->accuracy) ? (double)NAN : worst;
  t->loss = loss / (double)f->honest;
  t->loss_worst = isnan(t->loss) ? (double)NAN : most;
  if (!isnan(t->accuracy)) {
    metric[(*n)++] = (mst_metric){"accuracy", t->accuracy};
    metric[(*n)++] = (mst_metric){"accuracy_worst", t->accuracy_worst};
  }
  metric[(*n)++] = (mst_metric){"loss", t->loss};
  metric[(*n)++] = (mst_metric){"loss_worst", t->loss_worst};
  return MST_OK;
}

mst_status mst_decentralised_confusion(mst_decentralised *f, const mst_test_rows *test,
                                       int64_t classes, int64_t *confusion) {
  return mst_score_confusion(f->team, f->model, f->mean, test, f->model_work, classes, confusion);
}
