/* Local privacy over ranks: users are simulated, each on the rank that has its row. A message is
 * made and made private user by user, and added on a grid of integers whose step follows from
 * public bounds alone; only the sum leaves the rank. Every user speaks once, which is counted.
 *
 * Noise and made-up rows are pure functions of (secret or seed, user), so who simulates whom leaves
 * no trace in the bits. doc/methods/local_privacy.md. */
#ifndef MST_PARALLEL_LOCAL_REGRESSION_H
#define MST_PARALLEL_LOCAL_REGRESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/base/observer.h"
#include "core/local/linear.h"
#include "core/local/local.h"
#include "core/privacy/noise.h"
#include "parallel/rows.h"

typedef struct mst_local_regression_options {
  mst_ldp_spec method;        /* users and width are those of the rows                        */
  mst_secret secret;          /* the same on all ranks                                        */
  const mst_row_reader *rows; /* users' rows and responses (one output); NULL: made up        */
  const mst_row_reader *open_rows; /* public rows; NULL: made up */
  mst_linear_spec linear; /* of made-up rows                                              */
  int64_t open_count;     /* made-up public rows                                          */
} mst_local_regression_options;

/* What a run came to; the same on all ranks. */
typedef struct mst_local_regression_totals {
  int64_t rounds, messages; /* one message a user, or the run has failed                       */
  int64_t message_numbers;  /* of one message                                                  */
  int64_t uplink_bytes, downlink_bytes; /* logical: 8 a number; down goes the estimate, to those
                                           whose message depends on it */
  bool truth;            /* rows were made up, so that there is                             */
  double error, largest; /* length of estimate - truth, and its largest entry              */
  int64_t wrong;         /* entries that are zero in just one of them                       */
} mst_local_regression_totals;

/** Check what can be checked before any work.
 *  \return MST_OK, MST_ERR_INPUT. Local. */
mst_status mst_local_regression_check(const mst_local_regression_options *o) MST_CHECKED;

/** Let all users speak. A row that is not finite counts as zeros and goes unmentioned; a public one
 *  is refused.
 *  \param out  the method with its estimate; destroy it. NULL on an error.
 *  \return MST_OK, MST_ERR_INPUT, MST_ERR_MEMORY, MST_ERR_NONFINITE (a public row), MST_ERR_SINGULAR
 *          (mst_ldp_close), what a reader returns. Collective on team; options must agree. */
mst_status mst_local_regression(mst_team *team, const mst_local_regression_options *o,
                                const mst_observer *observer, mst_ldp **out,
                                mst_local_regression_totals *totals) MST_CHECKED;

/** Bytes of a rank that a run takes; of options that were checked. Local. */
int64_t mst_local_regression_plan(const mst_local_regression_options *o);

#endif
