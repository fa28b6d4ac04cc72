/* The environments. Private to core/bandit. */
#ifndef MST_CORE_BANDIT_ENVIRONMENT_MEMBER_H
#define MST_CORE_BANDIT_ENVIRONMENT_MEMBER_H

#include "core/bandit/environment.h"

extern const mst_environment_ops mst_environment_cube, mst_environment_gaussian,
    mst_environment_sphere, mst_environment_ball, mst_environment_corners, mst_environment_rows;

/** Of `rows`: as mst_environment_check, whose errors it has; as mst_environment_offer. */
mst_status mst_environment_rows_check(const mst_environment_spec *s) MST_CHECKED;
mst_contexts mst_environment_rows_offer(const mst_environment *e, int64_t agent, int64_t round,
                                        double *room);

/** x(d) uniform on the unit sphere. */
void mst_environment_draw_direction(mst_stream *s, int64_t d, double *x);

#endif
