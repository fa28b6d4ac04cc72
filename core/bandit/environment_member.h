/* The environments. Private to core/bandit. */
#ifndef MST_CORE_BANDIT_ENVIRONMENT_MEMBER_H
#define MST_CORE_BANDIT_ENVIRONMENT_MEMBER_H

#include "core/bandit/environment.h"

extern const mst_environment_ops mst_environment_cube, mst_environment_gaussian,
    mst_environment_sphere, mst_environment_ball;

/** x(d) uniform on the unit sphere. */
void mst_environment_draw_direction(mst_stream *s, int64_t d, double *x);

#endif
