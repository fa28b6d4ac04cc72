/* Observer: how a running job tells of itself without knowing files or terminals.
 *
 * parallel calls these; jobs connects them to io (progress, run file, checkpoints) and to
 * signals. Any function may be NULL. */
#ifndef MST_CORE_BASE_OBSERVER_H
#define MST_CORE_BASE_OBSERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/state.h"
#include "core/base/status.h"

typedef struct mst_metric {
  const char *name; /* series below /metrics, e.g. "accuracy" */
  double value;     /* the same bits on every rank            */
} mst_metric;

typedef struct mst_observer {
  void *context;

  /** A phase begins ("features", "gram", "solve"); total is its number of steps on all ranks
   *  (0 = unknown), unit what a step is ("rows"). Ends when the next begins, or with NULL. */
  void (*on_phase)(void *context, const char *phase, int64_t total, const char *unit);

  /** `done` more steps of the phase were finished by this rank. Cheap; call often. */
  void (*on_step)(void *context, int64_t done);

  /** Collective. A round ended with these metrics, the same on all ranks. */
  mst_status (*on_round)(void *context, int64_t round, int n, const mst_metric *metrics);

  /** Collective. The final model. */
  mst_status (*on_state)(void *context, int64_t round, const mst_state *state);

  /** Collective. Logical bytes and messages of a round in one direction ("uplink", "downlink"). */
  mst_status (*on_bytes)(void *context, int64_t round, const char *direction, int64_t bytes,
                         int64_t messages);

  /** Collective. Keep the whole state after `round` rounds, for a resume. */
  mst_status (*on_save)(void *context, int64_t round, const mst_state *state);

  /** Collective. Fill the arrays of state from what was kept last and set *round to its rounds; 0,
   *  and nothing filled, where there is nothing to go on from. */
  mst_status (*on_restore)(void *context, mst_state *state, int64_t *round);

  /** True once a signal asked for an orderly end. Local: callers agree on it. */
  bool (*should_stop)(void *context);
} mst_observer;

/** Tell o of a phase or of steps, and ask it whether to stop; o, and what it does not implement,
 *  may be NULL. Local. */
static inline void mst_observer_phase(const mst_observer *o, const char *phase, int64_t total,
                                      const char *unit) {
  if (o && o->on_phase) o->on_phase(o->context, phase, total, unit);
}
static inline void mst_observer_step(const mst_observer *o, int64_t done) {
  if (o && o->on_step) o->on_step(o->context, done);
}
static inline bool mst_observer_stop(const mst_observer *o) {
  return o && o->should_stop && o->should_stop(o->context);
}

#endif
