/* Batches with public policies, as disbe_lucb.c, disbe_lucb_estimated.c and decbe_lucb.c have them:
 * in a batch agents play a policy that is learned from the law of contexts, and drop arms by what
 * the batches before have told. Private to core/bandit; all functions are Local. */
#ifndef MST_CORE_BANDIT_DISBE_H
#define MST_CORE_BANDIT_DISBE_H

#include "core/bandit/protocol.h"

/** A new object for the functions below. estimated: the law is what the agent has seen of it. */
mst_status mst_disbe_create(const mst_protocol_spec *s, const mst_environment *e, bool estimated,
                            void **out) MST_CHECKED;
/** Its bytes. */
double mst_disbe_bytes(const mst_protocol_spec *s, const mst_environment_spec *e, bool estimated);

/* The rest of mst_phased_ops. */
void mst_disbe_destroy(void *self);
int64_t mst_disbe_width(const mst_protocol_spec *s, const mst_environment_spec *e);
int64_t mst_disbe_length(const void *self);
int64_t mst_disbe_numbers(const void *self, int64_t agent);
mst_status mst_disbe_choose(void *self, const mst_contexts *c, const mst_turn *turn,
                            mst_stream *stream, int64_t *arm) MST_CHECKED;
void mst_disbe_gather(const void *self, const mst_contexts *c, const mst_turn *turn, int64_t arm,
                      double y, double *sum);
double mst_disbe_bound(const void *self);
double mst_disbe_bound_down(const void *self);
mst_status mst_disbe_close(void *self, const double *total) MST_CHECKED;
const double *mst_disbe_theta(const void *self);

#define MST_DISBE_OPS                                                                       \
  .create = create, .bytes = bytes, .destroy = mst_disbe_destroy, .width = mst_disbe_width, \
  .length = mst_disbe_length, .up = mst_disbe_numbers, .down = mst_disbe_numbers,           \
  .choose = mst_disbe_choose, .gather = mst_disbe_gather, .bound = mst_disbe_bound,         \
  .bound_down = mst_disbe_bound_down, .close = mst_disbe_close, .theta = mst_disbe_theta

#define MST_DISBE_BETA                   \
  MST_PROTOCOL_REAL(beta, "0", 0, false, \
                    "width of the confidence sets by which arms are dropped; 0: from the bound")
#define MST_DISBE_REGULARISATION \
  MST_PROTOCOL_REAL(regularisation, "1", 0, true, "lambda: what the diagonal of Lambda begins with")
#define MST_DISBE_BATCHES \
  MST_PROTOCOL_INT(batches, "0", 0, MST_BATCHES, "batches", "number of batches; 0: as published")
#define MST_DISBE_LAW_SETS                          \
  MST_PROTOCOL_INT(law_sets, "100", 1, 1e6, "sets", \
                   "sets of arms that stand for their law, where there is no pool")
#define MST_DISBE_BITS \
  MST_PROTOCOL_INT(bits, "64", 2, 64, "bits", "of a number on the way; 64: as it is")

#endif
