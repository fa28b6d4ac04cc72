/* The loop's state between two rounds: what a checkpoint holds and a resume finds again. */
#include <string.h>

#include "parallel/decentralised_internal.h"

/* The totals as arrays, which a state list can hold. */
static void pack_totals(mst_decentralised *f) {
  const mst_decentralised_totals *t = &f->totals;
  const int64_t counts[MST_DECENTRALISED_COUNTS] = {t->rounds, t->gradients, t->excluded,
                                                    t->nonfinite, t->uplink_bytes};
  const double figures[MST_DECENTRALISED_FIGURES] = {
      t->accuracy, t->accuracy_worst, t->loss, t->loss_worst, t->train_loss, t->consensus_distance};
  memcpy(f->counts, counts, sizeof counts);
  memcpy(f->figures, figures, sizeof figures);
}

static void unpack_totals(mst_decentralised *f) {
  const int64_t *c = f->counts;
  const double *v = f->figures;
  f->totals = (mst_decentralised_totals){.rounds = c[0],
                                         .gradients = c[1],
                                         .excluded = c[2],
                                         .nonfinite = c[3],
                                         .uplink_bytes = c[4],
                                         .accuracy = v[0],
                                         .accuracy_worst = v[1],
                                         .loss = v[2],
                                         .loss_worst = v[3],
                                         .train_loss = v[4],
                                         .consensus_distance = v[5]};
}

mst_status mst_decentralised_nodes(const mst_decentralised *f, const char *name, mst_state *state) {
  return mst_clients_state(f->clients, f->w, f->n, name, state);
}

/* Every node's vector, what it keeps, what attackers remember, the totals so far. */
static mst_status list_state(void *context, mst_state *s) {
  mst_decentralised *f = context;
  MST_TRY(mst_decentralised_nodes(f, "nodes", s));
  if (f->kept != NULL)
    MST_TRY(mst_clients_state(f->clients, f->kept, f->model->parameters, "kept", s));
  if (f->act != NULL) MST_TRY(mst_attackers_state(f->act, s));
  pack_totals(f);
  int64_t count = MST_DECENTRALISED_COUNTS, figures = MST_DECENTRALISED_FIGURES;
  MST_TRY(mst_state_add(s, "counts", MST_I64, 1, &count, f->counts));
  return mst_state_add(s, "figures", MST_F64, 1, &figures, f->figures);
}

mst_loop mst_decentralised_loop(mst_decentralised *f) {
  return (mst_loop){.team = f->team,
                    .context = f,
                    .list = list_state,
                    .unit = "round",
                    .all = f->options.rounds,
                    .checkpoint_every = f->options.checkpoint_every};
}

mst_status mst_decentralised_restore(mst_decentralised *f, const mst_loop *loop,
                                     const mst_observer *o) {
  int64_t round = 0;
  MST_TRY(mst_loop_restore(loop, o, &round));
  if (round == 0) return MST_OK;
  unpack_totals(f);
  return mst_decentralised_measure(f);
}
