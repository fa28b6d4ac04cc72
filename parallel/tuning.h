/* Tuning a solver over ranks: sequences of systems (A + c_t I) x = b_t, solved with relaxations
 * that a tuner chooses; repeated over independent instances (seeds seed, seed + 1, ...).
 *
 * With `compare`, every system is solved with every omega of the grid, systems divided among the
 * ranks, so that what the tuner took can be held against what it could have taken; else an instance
 * is one rank's, and only what the tuner chooses is solved. Costs are whole numbers and every
 * system a pure function of (seed, system), so the figures have the same bits on any ranks.
 * doc/methods/tuning.md. */
#ifndef MST_PARALLEL_TUNING_H
#define MST_PARALLEL_TUNING_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/base/observer.h"
#include "core/tuning/relax.h"
#include "core/tuning/tuner.h"
#include "parallel/rows.h"

typedef enum mst_shift_law {
  MST_SHIFT_BETA, /* low + (high - low) Beta(alpha, beta), drawn for every system      */
  MST_SHIFT_LOG,  /* uniform in the logarithm, drawn                                   */
  MST_SHIFT_PATH  /* from high to low, evenly in the logarithm: a ridge path           */
} mst_shift_law;

typedef struct mst_tuning_options {
  mst_tuner_spec tuner; /* arms are filled in                                            */
  mst_relax_options solver;
  int64_t side;               /* A: the Laplacian of a grid of so many points a side     */
  const mst_row_reader *rows; /* or, where not NULL: X'X / n of these rows; b is X'y / n
                                 where they have one output, else drawn like the Laplacian's */
  mst_shift_law law;
  double low, high, alpha, beta; /* of the shifts                                     */
  double omega_low, omega_high;  /* the grid, evenly between them                     */
  int64_t omegas;                /* of the grid                                       */
  int64_t systems, seeds;        /* of an instance; instances                         */
  uint64_t seed;                 /* of the first instance                             */
  bool compare;
} mst_tuning_options;

/* What a run came to, means over instances; the same on all ranks. A system that does not reach the
 * tolerance counts as `most` + 1 iterations. */
typedef struct mst_tuning_totals {
  double iterations;
  double failed; /* systems that the tuner's omega did not solve               */
  double late;   /* iterations a system, of the last tenth of the systems      */
  /* With `compare`: */
  double best_fixed;          /* with the best omega of the grid for the whole sequence     */
  double best_omega;          /* that one                                                   */
  double best_each;           /* with the best omega of the grid for every system           */
  double at_one, at_one_half; /* with omega = 1, and 1.5                                    */
} mst_tuning_totals;

/** Check what can be checked before any work.
 *  \return MST_OK, MST_ERR_INPUT. Local. */
mst_status mst_tuning_check(const mst_tuning_options *o) MST_CHECKED;

/** Solve all sequences.
 *  \return MST_OK, MST_ERR_INPUT, MST_ERR_MEMORY, MST_ERR_NONFINITE (a row, a solution),
 *          MST_ERR_SINGULAR, MST_ERR_INTERRUPTED after a signal (nothing is saved), what the
 *          reader returns. Collective on team; options must agree. */
mst_status mst_tuning(mst_team *team, const mst_tuning_options *o, const mst_observer *observer,
                      mst_tuning_totals *totals) MST_CHECKED;

/** Bytes of a rank that a run takes; of options that were checked. Local. */
int64_t mst_tuning_plan(const mst_tuning_options *o);

#endif
