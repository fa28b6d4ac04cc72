/* What the files of off-policy evaluation share: a run at work, and passes over its log. */
#ifndef MST_PARALLEL_OFF_POLICY_INTERNAL_H
#define MST_PARALLEL_OFF_POLICY_INTERNAL_H

#include "core/ope/logged.h"
#include "parallel/off_policy.h"
#include "parallel/tally.h"

#define MST_LOG_BLOCK ((int64_t)1024) /* rows that are added before they go to the grid */

/* What can be wrong with a row. */
enum {
  MST_LOG_BAD_X,
  MST_LOG_BAD_REWARD,
  MST_LOG_BAD_PROPENSITY,
  MST_LOG_BAD_ARM,
  MST_LOG_BAD_RANGE,
  MST_LOG_BADS
};

typedef struct mst_off_policy_run {
  mst_team *team;
  const mst_off_policy_options *options;
  const mst_observer *observer;
  mst_off_policy_totals *totals;
  int64_t rows, d, width, arms, folds;
  int64_t split;                  /* the first judged row                                       */
  int64_t block_first, blocks;    /* this rank's                                                */
  int64_t window, windows;        /* blocks of one; how many, alike on all ranks                */
  bool kept;                      /* all rows are in memory                                     */
  float *x, *reward, *propensity; /* (window * MST_LOG_BLOCK, ...) */
  int32_t *arm;
  double *context, *work; /* (width), (2 arms)                                          */
  double *block;          /* sums of a block                                            */
  mst_target_policy target;
  double unit;    /* sums of products are kept in this power of two             */
  double most[3]; /* |x|, |reward|, 1 / propensity                              */
  mst_reward_models models;
  bool has_models;
  /* of the pass at hand */
  mst_tally tally;
  int64_t sums_n; /* numbers of block                                           */
  int64_t bad[MST_LOG_BADS], bad_row[MST_LOG_BADS];
  double weight_most;
} mst_off_policy_run;

/* A block of rows [first, first + count), which begin at place `at` of the window. */
typedef mst_status (*mst_log_task)(mst_off_policy_run *r, int64_t first, int64_t count, int64_t at);

/* The task for all blocks of this rank, reading what is not in memory. Collective. */
mst_status mst_off_policy_pass(mst_off_policy_run *r, const char *what,
                               mst_log_task task) MST_CHECKED;

/* Refuse a log with rows that cannot be; r->most, r->unit and the least propensity. Collective. */
mst_status mst_off_policy_look(mst_off_policy_run *r) MST_CHECKED;

#endif
