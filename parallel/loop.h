/* What loops over rounds or steps share: when it is time for something, and how their state is
 * saved, found again and left behind in good order. Not installed. */
#ifndef MST_PARALLEL_LOOP_H
#define MST_PARALLEL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/base/observer.h"

/* A loop to its end, as saving it needs to know it. */
typedef struct mst_loop {
  mst_team *team;
  void *context;
  /* Local: add all that the next round follows from, brought up to date, to the state list. */
  mst_status (*list)(void *context, mst_state *state);
  const char *unit;         /* "round", "step": for the message of an interruption             */
  int64_t all;              /* rounds                                                          */
  int64_t checkpoint_every; /* rounds; 0 = only when a signal comes                            */
} mst_loop;

/** Is what comes every so many of `all` rounds (0: after the last one only) due when so many are
 *  done? Local. */
static inline bool mst_loop_due(int64_t done, int64_t all, int64_t every) {
  return done == all || (every > 0 && done % every == 0);
}

/** Ask the observer for a state to go on from: *done = rounds it had, 0 when there is none; then
 *  nothing was changed. Collective. */
mst_status mst_loop_restore(const mst_loop *loop, const mst_observer *o, int64_t *done) MST_CHECKED;

/** After a round that was not the last: hand the whole state to the observer when it is time, or
 *  when asked to stop. asked must agree.
 *  \return MST_OK, or MST_ERR_INTERRUPTED when asked. Collective. */
mst_status mst_loop_pause(const mst_loop *loop, const mst_observer *o, int64_t done,
                          bool asked) MST_CHECKED;

/** The same after any round, where this rank's observer says whether to stop; after the last (end)
 *  nothing is saved. \return as mst_loop_pause. Collective. */
mst_status mst_loop_look_around(const mst_loop *loop, const mst_observer *o, int64_t done,
                                bool end) MST_CHECKED;

#endif
