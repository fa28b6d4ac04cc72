/* The members of the table of evaluators. Private to core/ope. */
#ifndef MST_CORE_OPE_MEMBER_H
#define MST_CORE_OPE_MEMBER_H

#include "core/ope/ope.h"

extern const mst_evaluator_ops mst_evaluator_replay, mst_evaluator_ips, mst_evaluator_snips,
    mst_evaluator_dm, mst_evaluator_dr;

/** Mean and variance of n numbers from their sum and that of their squares; variance 0 for one.
 *  Local. */
mst_ope_moments mst_ope_mean(int64_t n, double sum, double squares);

#endif
