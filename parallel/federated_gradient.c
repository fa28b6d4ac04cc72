/* The norm of the gradient of the mean loss over all rows that clients train on: how far the
 * server's model is from a stationary point, whatever the clients did to get there. Each
 * client's mean gradient, block by block of its rows, is weighted by its share of the rows
 * and summed exactly. */
#include <math.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "parallel/federated_internal.h"

/* A client's part, unless an entry of it cannot be summed. Local. */
static bool add_client(mst_federated *f, int64_t client, int64_t all_rows, const float *w) {
  const mst_batch rows = mst_clients_data(f->clients, client);
  float *g = f->up[0];
  for (int64_t done = 0; done < rows.n; done += MST_BLOCK_ROWS) {
    mst_batch part = rows;
    part.n = mst_least(rows.n - done, MST_BLOCK_ROWS);
    part.x += done * f->model->inputs;
    if (part.label != NULL)
      part.label += done;
    else
      part.value += done * f->model->outputs;
    mst_model_gradient(f->model, w, &part, f->work, g, NULL);
    for (int64_t i = 0; i < f->common; i++)
      if (!(fabsf(g[i]) <= (float)MST_TALLY_BOUND)) return false;
    mst_tally_add_f32(&f->tally, 0, f->common, g, (double)part.n / (double)all_rows);
  }
  return true;
}

/* Take clients from the node's counter until there are no more. Local. */
static mst_status add_clients(mst_federated *f, int64_t all_rows, int64_t *unusable) {
  for (int64_t k; (k = mst_share_ticket(f->w)) < f->cohort.candidates;) {
    const int64_t client = f->cohort.candidate[k];
    const float *w = NULL;
    if (!mst_clients_here(f->clients, client)) continue;
    MST_TRY(mst_federated_model_of(f, client, &w));
    if (!add_client(f, client, all_rows, w)) ++*unusable;
  }
  return MST_OK;
}

/* The norm of what the tally holds. Collective. */
static mst_status norm_of_sum(mst_federated *f, double *norm) {
  double *g = f->mean[0], square = 0;
  MST_TRY(mst_tally_scatter(f->team, &f->tally, 0, f->count, f->hi, f->lo, g));
  int64_t blocks = mst_ceil_div(f->mine, MST_OPTIM_BLOCK);
  for (int64_t b = 0; b < blocks; b++) {
    const int64_t first = b * MST_OPTIM_BLOCK, end = mst_least(first + MST_OPTIM_BLOCK, f->mine);
    f->term[b] = 0;
    for (int64_t i = first; i < end; i++) f->term[b] += g[i] * g[i];
  }
  MST_TRY(mst_tally_terms(f->team, f->term, blocks,
                          mst_ceil_div(f->model->parameters, MST_OPTIM_BLOCK), &square));
  *norm = sqrt(square);
  return MST_OK;
}

mst_status mst_federated_gradient(mst_federated *f, double *norm) {
  int64_t unusable = 0, rows = 0;
  *norm = NAN;
  for (int64_t k = 0; k < f->cohort.candidates; k++)
    rows += mst_clients_rows(f->clients, f->cohort.candidate[k]);
  mst_tally_clear(&f->tally);
  if (mst_team_domain_rank(f->team) == 0) mst_share_rewind(f->w);
  MST_TRY(mst_share_sync(f->w));
  MST_TRY(mst_team_agree(f->team, add_clients(f, rows, &unusable)));
  MST_TRY(mst_sum_i64(f->team, &unusable, 1));
  return unusable > 0 ? MST_OK : norm_of_sum(f, norm);
}
