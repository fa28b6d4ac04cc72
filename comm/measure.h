/* Measuring: work that is repeated until its time is up, on as many ranks as take part, with one
 * number of repeats for all of them. Private to muster. */
#ifndef MST_COMM_MEASURE_H
#define MST_COMM_MEASURE_H

#include <stdbool.h>

#include "comm/team.h"

/* Work that is timed. */
typedef struct mst_trial {
  mst_status (*run)(void *context);
  mst_status (*prepare)(void *context); /* before each timing, not timed; NULL: nothing. Returns to
                                           all ranks before any of them runs                 */
  void *context;
  int times; /* runs in one timing, for short ones; 0 counts as 1 */
} mst_trial;

typedef struct mst_pace {
  double seconds; /* repeat for so long, all trials together */
  int fewest;     /* repeats at least, also when that takes longer, up to four times as long */
  int most;       /* and at most */
  bool warm;      /* each runs once before, unmeasured */
  bool alone;     /* rank 0 works, the others sleep */
} mst_pace;

typedef struct mst_measured {
  double seconds; /* of one run: the median over repeats of the slowest rank's time */
  double own;     /* the median of this rank's; the same as seconds when alone       */
  int repeats;
  double busy; /* share of the timed seconds in which the rank that had the least of it had a core:
                  below 1 where it waited asleep, or others took the core from it            */
} mst_measured;

/** Time n trials in turn, so that what else goes on meets all of them. Collective on team; n, pace
 *  and times must agree. Trials may be collective, but then are not alone.
 *  \param out  (n), the same on every rank but for `own`.
 *  \return MST_OK, MST_ERR_MEMORY or what a trial returned, agreed: the first that fails ends it. */
mst_status mst_measure(mst_team *team, const mst_trial *trial, int n, const mst_pace *pace,
                       mst_measured *out) MST_CHECKED;

#endif
