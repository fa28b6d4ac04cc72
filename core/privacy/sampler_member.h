/* The table of samplers' entries. Private to core/privacy. */
#ifndef MST_CORE_PRIVACY_SAMPLER_MEMBER_H
#define MST_CORE_PRIVACY_SAMPLER_MEMBER_H

#include "core/privacy/sampler.h"

extern const mst_sampler_ops mst_sampler_poisson, mst_sampler_fixed, mst_sampler_full,
    mst_sampler_cyclic;

#endif
