/* How the time of a run depends on the number of its ranks, from runs on a few counts, and what
 * follows for others.
 *
 * A run's seconds are the sum of two parts that each rank measures: work, outside of communication,
 * and communication with the waiting in it. Each part is a sum of terms with coefficients that are
 * not negative (doc/methods/scaling.md):
 *
 *     serial     what more ranks do not shorten: 1, or the share of the work where it grows (weak)
 *     compute    what ranks share: the load of the rank that has most, 1/p for pieces without end
 *     latency    log2 p: the depth of a tree of messages
 *     bandwidth  bytes that the rank moves that moves most, B(p)
 *
 * Work has the first three, communication serial, latency and bandwidth. All functions are
 * Local. */
#ifndef MST_CORE_SCALING_SCALING_H
#define MST_CORE_SCALING_SCALING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

typedef enum mst_scaling_term {
  MST_SCALING_COMPUTE,
  MST_SCALING_SERIAL,
  MST_SCALING_LATENCY,
  MST_SCALING_BANDWIDTH,
  MST_SCALING_TERMS,
  MST_SCALING_PIECES = MST_SCALING_TERMS /* as a limit: too few pieces for so many ranks */
} mst_scaling_term;

/** "compute", "serial", "latency", "bandwidth", "pieces". */
const char *mst_scaling_term_name(mst_scaling_term term);

/* One run: means over its ranks, and the bytes of the rank that moved most. */
typedef struct mst_scaling_run {
  int64_t ranks;
  double work, comm; /* seconds */
  double bytes;
} mst_scaling_run;

/* What was measured. */
typedef struct mst_scaling_runs {
  int n;
  const mst_scaling_run *run; /* (n) */
  bool weak;                  /* the work was ranks / base of the largest's      */
  int64_t base;               /* weak: the count that did all of it               */
  int64_t pieces;             /* that work is dealt in, alike; 0: without end    */
} mst_scaling_runs;

/* One part of the seconds. */
typedef struct mst_scaling_part {
  double coefficient[MST_SCALING_TERMS]; /* seconds, of the term as mst_scaling_fit scales it */
  double spread;                         /* standard error of one run, as a share of its seconds */
  int freedom;                           /* degrees of freedom that the spread is known by; 0:
                                            it is MST_SCALING_ASSUMED                             */
  double misfit;                         /* in units of the spread                                */
} mst_scaling_part;

#define MST_SCALING_ASSUMED 0.05 /* spread of times that were measured once */
#define MST_SCALING_LEAST   0.01 /* no machine is steadier than that        */

typedef struct mst_scaling_law {
  mst_scaling_runs runs; /* not owned */
  int counts;            /* different rank counts            */
  mst_scaling_part work, comm;
  double unit_bytes; /* bytes of one of the bandwidth term: the most that any run moved */
} mst_scaling_law;

/** Fit both parts, each by weighted non-negative least squares.
 *  \return MST_OK, MST_ERR_INPUT (fewer than two counts; a number that is negative or not finite;
 *          no seconds) or MST_ERR_MEMORY. */
mst_status mst_scaling_fit(const mst_scaling_runs *runs, mst_scaling_law *law) MST_CHECKED;

typedef struct mst_scaling_forecast {
  double ranks;
  double seconds, low, high;      /* with the interval: see mst_scaling_predict        */
  double term[MST_SCALING_TERMS]; /* seconds of each                                   */
  double bytes;                   /* of the rank that moves most                       */
  mst_scaling_term limit;         /* what keeps more ranks from helping                */
} mst_scaling_forecast;

/** Seconds on that many ranks. low and high are the least and the largest that any law of this form
 *  gives which fits the runs nearly as well as the best: whose misfit in units of the spread is
 *  larger by at most the square of Student's 97.5 % quantile, the 95 % interval of a linear model.
 *  Ends of the parts are added, as if they erred together. Where few counts were measured most laws
 *  fit, and the interval shows it; high may be infinite. MST_ERR_MEMORY. */
mst_status mst_scaling_predict(const mst_scaling_law *law, int64_t ranks,
                               mst_scaling_forecast *out) MST_CHECKED;

/** Student's quantile of 97.5 % for that many degrees of freedom; 0: of the normal distribution. */
double mst_scaling_student(int freedom);

#endif
