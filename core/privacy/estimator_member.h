/* The table of private methods' entries, and what they share. Private to core/privacy. */
#ifndef MST_CORE_PRIVACY_ESTIMATOR_MEMBER_H
#define MST_CORE_PRIVACY_ESTIMATOR_MEMBER_H

#include <stddef.h>

#include "core/privacy/estimator.h"

extern const mst_estimator_ops mst_estimator_dp_sgd, mst_estimator_diff2, mst_estimator_diff2_bvr,
    mst_estimator_spiderboost, mst_estimator_tree_spider, mst_estimator_recursive;

/** A sum of gradients every spec.period steps (kind 0), differences from the step before in between
 *  (kind 1): the plan, and the noise of both such that differences take 1 - spec.share of what is
 *  spent. */
mst_release mst_periodic_at(const mst_estimator *e, int64_t step);
int64_t mst_periodic_releases(const mst_estimator *e, int kind, int64_t from);
void mst_periodic_noise(mst_estimator *e);

#define MST_ESTIMATOR_PARAM_PERIOD                                                            \
  {                                                                                           \
    .name = "period", .type = MST_PARAM_INT, .offset = offsetof(mst_estimator_spec, period),  \
    .fallback = NULL, .min = 1, .max = 1e12, .unit = "steps",                                 \
    .help = "from one sum of gradients to the next; in between, sums of differences. 1: none" \
  }
#define MST_ESTIMATOR_PARAM_SMOOTHNESS                                                  \
  {                                                                                     \
    .name = "smoothness", .type = MST_PARAM_REAL,                                       \
    .offset = offsetof(mst_estimator_spec, smoothness), .fallback = NULL, .min = 1e-12, \
    .max = 1e12, .unit = "",                                                            \
    .help = "L: differences of a row's gradients at w and u are shortened to L |w - u|" \
  }
#define MST_ESTIMATOR_PARAM_SHARE                                                           \
  {                                                                                         \
    .name = "share", .type = MST_PARAM_REAL, .offset = offsetof(mst_estimator_spec, share), \
    .fallback = "0.5", .min = 0.001, .max = 0.999, .unit = "",                              \
    .help = "of what is spent, for sums of gradients; the rest is for differences"          \
  }

#endif
