/* A training's state between two steps: what a checkpoint holds and a resume finds again. */
#include <string.h>

#include "parallel/train_internal.h"

/* The totals as arrays, which a state list can hold. */
static void pack_totals(mst_train *t) {
  const mst_train_totals *a = &t->totals;
  const int64_t counts[MST_TRAIN_COUNTS] = {a->steps, a->rows, a->repeated, t->exponent,
                                            t->loss_rows};
  const double figures[MST_TRAIN_FIGURES] = {a->accuracy, a->loss, a->train_loss, t->loss_sum};
  memcpy(t->counts, counts, sizeof counts);
  memcpy(t->figures, figures, sizeof figures);
}

static void unpack_totals(mst_train *t) {
  const int64_t *c = t->counts;
  const double *v = t->figures;
  t->totals = (mst_train_totals){.steps = c[0],
                                 .rows = c[1],
                                 .repeated = c[2],
                                 .accuracy = v[0],
                                 .loss = v[1],
                                 .train_loss = v[2]};
  t->exponent = (int)c[3];
  t->loss_rows = c[4];
  t->loss_sum = v[3];
}

/* The whole state after a step, as it is saved and restored. */
static mst_status list_state(void *context, mst_state *s) {
  mst_train *t = context;
  int64_t n = t->model->parameters, counts = MST_TRAIN_COUNTS, figures = MST_TRAIN_FIGURES;
  MST_TRY(mst_state_add_shard(s, "parameters", MST_F32, 1, &n, t->first, t->mine,
                              mst_train_shard(t, t->w)));
  MST_TRY(mst_optim_state(t->optim, s));
  if (t->options.ema > 0) MST_TRY(mst_ema_state(&t->ema, n, t->first, s));
  pack_totals(t);
  if (t->coding != NULL) MST_TRY(mst_train_coding_state(t, s));
  if (t->privacy != NULL) MST_TRY(mst_train_private_state(t, s));
  MST_TRY(mst_state_add(s, "counts", MST_I64, 1, &counts, t->counts));
  return mst_state_add(s, "figures", MST_F64, 1, &figures, t->figures);
}

mst_loop mst_train_loop(mst_train *t) {
  return (mst_loop){.team = t->team,
                    .context = t,
                    .list = list_state,
                    .unit = "step",
                    .all = t->steps,
                    .checkpoint_every = t->options.checkpoint_every};
}

mst_status mst_train_restore(mst_train *t, const mst_loop *loop, const mst_observer *o) {
  int64_t step = 0;
  MST_TRY(mst_loop_restore(loop, o, &step));
  if (step == 0) return MST_OK;
  unpack_totals(t);
  if (t->coding != NULL) mst_train_coding_restore(t);
  return mst_share_gather(t->w, t->bytes);
}
