/* A loop's state between two rounds goes to the observer as a list of arrays and comes back the
 * same way. A list that one rank cannot make is nobody's. */
#include "parallel/loop.h"

static mst_status save(const mst_loop *loop, const mst_observer *o, int64_t done) {
  mst_state state;
  if (o == NULL || o->on_save == NULL) return MST_OK;
  mst_state_init(&state);
  mst_status st = mst_team_agree(loop->team, loop->list(loop->context, &state));
  if (st == MST_OK) st = o->on_save(o->context, done, &state);
  mst_state_clear(&state);
  return st;
}

mst_status mst_loop_restore(const mst_loop *loop, const mst_observer *o, int64_t *done) {
  mst_state state;
  *done = 0;
  if (o == NULL || o->on_restore == NULL) return MST_OK;
  mst_state_init(&state);
  mst_status st = mst_team_agree(loop->team, loop->list(loop->context, &state));
  if (st == MST_OK) st = o->on_restore(o->context, &state, done);
  mst_state_clear(&state);
  return st;
}

mst_status mst_loop_pause(const mst_loop *loop, const mst_observer *o, int64_t done, bool asked) {
  int64_t every = loop->checkpoint_every;
  if (asked || (every > 0 && done % every == 0)) MST_TRY(save(loop, o, done));
  return asked ? mst_fail(MST_ERR_INTERRUPTED,
                          "interrupted after %s %lld of %lld; --resume goes on from there",
                          loop->unit, (long long)done, (long long)loop->all)
               : MST_OK;
}

mst_status mst_loop_look_around(const mst_loop *loop, const mst_observer *o, int64_t done,
                                bool end) {
  bool asked = false;
  MST_TRY(mst_team_any(loop->team, mst_observer_stop(o), &asked));
  return end ? MST_OK : mst_loop_pause(loop, o, done, asked);
}
