/* The members of the table of tuners, and what they share. Private to core/tuning; all functions
 * are Local. */
#ifndef MST_CORE_TUNING_MEMBER_H
#define MST_CORE_TUNING_MEMBER_H

#include "core/tuning/tuner.h"

extern const mst_tuner_ops mst_tuner_tsallis_inf, mst_tuner_binned, mst_tuner_cheb_cb,
    mst_tuner_fixed, mst_tuner_uniform;

/** p(arms) of follow-the-regularised-leader with 1/2-Tsallis entropy and learning rate
 *  2 / time^(1/2), for estimated total costs (Zimmert, Seldin 2021). time >= 1. */
void mst_tuner_tsallis(int64_t arms, const double *total, double time, double *p);

#endif
