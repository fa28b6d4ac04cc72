/* The round loop's state between two rounds: what a checkpoint holds and a resume finds again. */
#include <stdio.h>
#include <string.h>

#include "parallel/federated_internal.h"

/* The totals as arrays, which a state list can hold. */
static void pack_totals(mst_federated *f) {
  const mst_federated_totals *t = &f->totals;
  const int64_t counts[MST_FEDERATED_COUNTS] = {t->rounds,    t->contributions, t->excluded,
                                                t->gradients, t->uplink_bytes,  t->downlink_bytes};
  const double figures[MST_FEDERATED_FIGURES] = {
      t->accuracy,      t->loss,       t->train_loss,  t->client_mean,  t->client_worst,
      t->client_spread, t->tuned_mean, t->tuned_worst, t->tuned_spread, t->gradient_norm};
  memcpy(f->counts, counts, sizeof counts);
  memcpy(f->figures, figures, sizeof figures);
}

static void unpack_totals(mst_federated *f) {
  const int64_t *c = f->counts;
  const double *v = f->figures;
  f->totals = (mst_federated_totals){.rounds = c[0],
                                     .contributions = c[1],
                                     .excluded = c[2],
                                     .gradients = c[3],
                                     .uplink_bytes = c[4],
                                     .downlink_bytes = c[5],
                                     .accuracy = v[0],
                                     .loss = v[1],
                                     .train_loss = v[2],
                                     .client_mean = v[3],
                                     .client_worst = v[4],
                                     .client_spread = v[5],
                                     .tuned_mean = v[6],
                                     .tuned_worst = v[7],
                                     .tuned_spread = v[8],
                                     .gradient_norm = v[9]};
}

/* The whole state after a round, as it is saved and restored: shards of the parameters and vectors,
 * the clients' own vectors and parameters, what compression lost, what a rule, momentum and
 * attackers look back at, the totals so far. */
static mst_status list_state(void *context, mst_state *s) {
  mst_federated *f = context;
  char name[32];
  int64_t n = f->model->parameters;
  MST_TRY(mst_state_add_shard(s, "parameters", MST_F32, 1, &n, f->first, f->mine,
                              (float *)mst_share_at(f->w) + f->first));
  for (int v = 0; v < f->ops->shared; v++) {
    snprintf(name, sizeof name, "shared%d", v);
    MST_TRY(mst_state_add_shard(s, name, MST_F32, 1, &n, f->first, f->mine,
                                (float *)mst_share_at(f->shared[v]) + f->first));
  }
  for (int v = 0; v < f->ops->server; v++) {
    snprintf(name, sizeof name, "server%d", v);
    MST_TRY(mst_state_add_shard(s, name, MST_F32, 1, &n, f->first, f->mine, f->server[v]));
  }
  if (f->own != NULL) MST_TRY(mst_clients_state(f->clients, f->own, f->ops->own * n, "clients", s));
  MST_TRY(mst_federated_personal(f, "personal", s));
  MST_TRY(mst_compression_state(f->compression, s));
  MST_TRY(mst_federated_robust_state(f, s));
  MST_TRY(mst_federated_secure_state(f, s));
  pack_totals(f);
  int64_t count = MST_FEDERATED_COUNTS, figures = MST_FEDERATED_FIGURES;
  MST_TRY(mst_state_add(s, "counts", MST_I64, 1, &count, f->counts));
  return mst_state_add(s, "figures", MST_F64, 1, &figures, f->figures);
}

mst_loop mst_federated_loop(mst_federated *f) {
  return (mst_loop){.team = f->team,
                    .context = f,
                    .list = list_state,
                    .unit = "round",
                    .all = f->options.rounds,
                    .checkpoint_every = f->options.checkpoint_every};
}

mst_status mst_federated_restore(mst_federated *f, const mst_loop *loop, const mst_observer *o) {
  int64_t round = 0;
  MST_TRY(mst_loop_restore(loop, o, &round));
  if (round == 0) return MST_OK;
  unpack_totals(f);
  mst_federated_secure_restored(f);
  MST_TRY(mst_share_gather(f->w, f->bytes));
  for (int v = 0; v < f->ops->shared; v++) MST_TRY(mst_share_gather(f->shared[v], f->bytes));
  if (f->own != NULL) MST_TRY(mst_share_sync(f->own));
  if (f->personal != NULL) MST_TRY(mst_share_sync(f->personal));
  MST_TRY(mst_federated_robust_restored(f));
  return mst_compression_restored(f->compression);
}
