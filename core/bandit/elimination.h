/* Elimination in phases over one fixed set of arms: a core set of arms is pulled a planned number
 * of times, the pulls divided among the agents; then arms that are worse than the best by more than
 * the phase's precision are dropped. Private to core/bandit; all functions are Local. */
#ifndef MST_CORE_BANDIT_ELIMINATION_H
#define MST_CORE_BANDIT_ELIMINATION_H

#include "core/bandit/protocol.h"

/* Pulls of phase l = 1, 2, ..., all agents' together, before those of each arm are rounded up.
 * `most` is the largest x'V^-1 x of the arms that are left, V that of the phase's design, whose
 * weights sum to 1. */
typedef double (*mst_elimination_pulls)(const mst_protocol_spec *s, int64_t arms, int64_t phase,
                                        double most);

/** A new object for the functions below. */
mst_status mst_elimination_create(const mst_protocol_spec *s, const mst_environment *e,
                                  mst_elimination_pulls pulls, void **out) MST_CHECKED;

/* The rest of mst_phased_ops. */
mst_status mst_elimination_check(const mst_protocol_spec *s,
                                 const mst_environment_spec *e) MST_CHECKED;
void mst_elimination_destroy(void *self);
int64_t mst_elimination_width(const mst_protocol_spec *s, const mst_environment_spec *e);
double mst_elimination_bytes(const mst_protocol_spec *s, const mst_environment_spec *e);
int64_t mst_elimination_length(const void *self);
int64_t mst_elimination_up(const void *self, int64_t agent);
int64_t mst_elimination_down(const void *self, int64_t agent);
mst_status mst_elimination_choose(void *self, const mst_contexts *c, const mst_turn *turn,
                                  mst_stream *stream, int64_t *arm) MST_CHECKED;
void mst_elimination_gather(const void *self, const mst_contexts *c, const mst_turn *turn,
                            int64_t arm, double y, double *sum);
double mst_elimination_bound(const void *self);
mst_status mst_elimination_close(void *self, const double *total) MST_CHECKED;
const double *mst_elimination_theta(const void *self);

#define MST_ELIMINATION_OPS(create_)                                                               \
  {                                                                                                \
    .check = mst_elimination_check, .create = (create_), .destroy = mst_elimination_destroy,       \
    .width = mst_elimination_width, .bytes = mst_elimination_bytes,                                \
    .length = mst_elimination_length, .up = mst_elimination_up, .down = mst_elimination_down,      \
    .choose = mst_elimination_choose, .gather = mst_elimination_gather,                            \
    .bound = mst_elimination_bound, .close = mst_elimination_close, .theta = mst_elimination_theta \
  }

#endif
