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

  /** Collective. The state after a round, for a checkpoint or as the final model. */
  mst_status (*on_state)(void *context, int64_t round, const mst_state *state);

  /** True once a signal asked for an orderly end. Local: callers agree on it. */
  bool (*should_stop)(void *context);
} mst_observer;

#endif
