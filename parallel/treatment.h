/* Treatment rules over ranks: independent instances (seeds seed, seed + 1, ...), whole ones on
 * every rank; what they come to is brought together in their order, so that the bits are the same
 * on any ranks. doc/methods/treatment.md. */
#ifndef MST_PARALLEL_TREATMENT_H
#define MST_PARALLEL_TREATMENT_H

#include <stdint.h>

#include "comm/team.h"
#include "core/base/observer.h"
#include "core/treatment/treatment.h"

typedef struct mst_treatment_options {
  mst_treatment_spec spec;
  uint64_t seed;            /* of the first instance                        */
  int64_t seeds;            /* instances                                    */
  int64_t patients;         /* of an instance                               */
  int64_t evaluate_every;   /* patients; 0 = a hundredth of them            */
  int64_t checkpoint_every; /* patients; 0 = only when a signal comes       */
} mst_treatment_options;

/* What a run came to; the same on all ranks. */
typedef struct mst_treatment_totals {
  double regret, regret_sd, regret_most; /* over instances: mean, standard deviation, largest */
  double forced;                         /* patients who were forced, mean                    */
} mst_treatment_totals;

/** \return MST_OK, MST_ERR_INPUT. Local. */
mst_status mst_treatment_options_check(const mst_treatment_options *o) MST_CHECKED;

/** Treat all patients. Begins by asking the observer for a state to go on from.
 *  \return MST_OK, MST_ERR_INPUT, MST_ERR_MEMORY, MST_ERR_SINGULAR, MST_ERR_INTERRUPTED after a
 *          signal, the state having been saved. Collective on team; options must agree. */
mst_status mst_treatment_run(mst_team *team, const mst_treatment_options *o,
                             const mst_observer *observer,
                             mst_treatment_totals *totals) MST_CHECKED;

/** Bytes of a rank that a run on so many ranks takes. Local. */
int64_t mst_treatment_plan(int ranks, const mst_treatment_options *o);

#endif
