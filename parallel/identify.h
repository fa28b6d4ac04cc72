/* Pure exploration over ranks: independent instances of one kind, of seeds seed, seed + 1, ...,
 * each of which one rank works through. What becomes of an instance is a pure function of its seed,
 * so who took it leaves no trace in the bits. doc/methods/identify.md. */
#ifndef MST_PARALLEL_IDENTIFY_H
#define MST_PARALLEL_IDENTIFY_H

#include <stdint.h>

#include "comm/team.h"
#include "core/base/observer.h"
#include "core/identify/identify.h"

typedef struct mst_identify_options {
  mst_instance_spec instance;
  mst_identifier_spec identifier;
  uint64_t seed;            /* of the first instance                             */
  int64_t seeds;            /* instances                                         */
  double confidence;        /* of bounds on the probability of error             */
  int64_t report_every;     /* instances; 0 = a twentieth of them                */
  int64_t checkpoint_every; /* instances; 0 = only when a signal comes           */
} mst_identify_options;

typedef struct mst_identification mst_identification;

/** Check what can be checked before any work, and fill in what follows from the settings.
 *  \return MST_OK or MST_ERR_INPUT. Local. */
mst_status mst_identify_check(mst_identify_options *o) MST_CHECKED;

/** Set up.
 *  \return MST_OK, what mst_identify_check returns, MST_ERR_MEMORY. Collective. */
mst_status mst_identification_create(mst_team *team, const mst_identify_options *o,
                                     mst_identification **out) MST_CHECKED;
void mst_identification_destroy(mst_identification *f); /* Local; NULL is allowed */

/** Work through the instances that are left. Begins by asking the observer for a state to go on
 * from.
 *  \return MST_OK; MST_ERR_INTERRUPTED after a signal, the state having been saved; what
 *          mst_instance_create and mst_identify return. Collective. */
mst_status mst_identification_run(mst_identification *f, const mst_observer *observer) MST_CHECKED;

/* What the instances so far came to; the same on all ranks. An instance is wrong if a task's
 * answer is, and undecided if none is wrong and a task is undecided. */
typedef struct mst_identify_totals {
  int64_t instances, tasks;      /* done; in all of them                                          */
  double pulls, pulls_sd;        /* of all tasks of an instance: mean and standard deviation      */
  double pulls_median;           /* of all tasks of an instance                                  */
  double pulls_task, pulls_most; /* of a task: mean; the most of any                         */
  double pulls_found;            /* of a task: for finding the subspace                           */
  int64_t wrong, undecided, alone; /* instances                                           */
  int64_t wrong_tasks, undecided_tasks;
  double error, error_upper; /* wrong / decided, and its Clopper-Pearson bound; 1 if none is */
  double task_error;         /* wrong tasks / decided tasks                                  */
  double loss_most;          /* the most that an answer earns less than the best             */
} mst_identify_totals;

mst_identify_totals mst_identification_figures(const mst_identification *f);

/** Add to a state list, of every instance: pulls (seeds, tasks), answer (seeds, tasks, contexts; -1
 *  undecided), loss (seeds, tasks) and alone (seeds). They point into f. Local. */
mst_status mst_identification_state(mst_identification *f, mst_state *state) MST_CHECKED;

/** Bytes of a rank that a run takes; of options that were checked. Local. */
int64_t mst_identify_plan(const mst_identify_options *o);

#endif
