/* The members of the table of mechanisms, and what their checks share. Private to core/privacy. */
#ifndef MST_CORE_PRIVACY_MECHANISM_MEMBER_H
#define MST_CORE_PRIVACY_MECHANISM_MEMBER_H

#include "core/privacy/mechanism.h"

#define MST_MECHANISM_CHUNK 2048 /* entries of noise at a time; a multiple of MST_NOISE_BLOCK */

extern const mst_mechanism_ops mst_mechanism_gaussian, mst_mechanism_laplace,
    mst_mechanism_discrete_gaussian, mst_mechanism_discrete_laplace, mst_mechanism_skellam,
    mst_mechanism_randomised_response, mst_mechanism_exponential, mst_mechanism_noisy_max,
    mst_mechanism_duchi, mst_mechanism_sparse_vector;

/** Refuse a number that is not positive and finite, naming it. Local. */
mst_status mst_mechanism_positive(const char *what, double x) MST_CHECKED;

/** Check the candidates of a choice and find the largest utility. Local. */
mst_status mst_mechanism_candidates(int64_t n, const double *utility, double sensitivity,
                                    double epsilon, double *largest) MST_CHECKED;

#endif
