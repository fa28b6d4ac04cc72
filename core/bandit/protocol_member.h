/* The protocols, and entries of their parameter tables. Private to core/bandit. */
#ifndef MST_CORE_BANDIT_PROTOCOL_MEMBER_H
#define MST_CORE_BANDIT_PROTOCOL_MEMBER_H

#include <math.h>
#include <stddef.h>

#include "core/bandit/protocol.h"

extern const mst_protocol_ops mst_protocol_none, mst_protocol_full, mst_protocol_dislinucb,
    mst_protocol_fedlinucb, mst_protocol_async_linucb, mst_protocol_disbe_lucb,
    mst_protocol_decbe_lucb, mst_protocol_delb, mst_protocol_phased_elimination,
    mst_protocol_fed_pe, mst_protocol_disbe_lucb_estimated;

extern const mst_protocol_ops mst_protocol_coop_ucb, mst_protocol_dducb, mst_protocol_periodic;

#define MST_PROTOCOL_REAL(field, value, low, open, text)                                  \
  {                                                                                       \
    .name = #field, .type = MST_PARAM_REAL, .offset = offsetof(mst_protocol_spec, field), \
    .fallback = (value), .min = (low), .max = 1e300, .open_min = (open), .unit = "",      \
    .help = (text)                                                                        \
  }
#define MST_PROTOCOL_INT(field, value, low, high, units, text)                           \
  {                                                                                      \
    .name = #field, .type = MST_PARAM_INT, .offset = offsetof(mst_protocol_spec, field), \
    .fallback = (value), .min = (low), .max = (high), .unit = (units), .help = (text)    \
  }

#define MST_PROTOCOL_DELTA(text)                                                           \
  {                                                                                        \
    .name = "delta", .type = MST_PARAM_REAL, .offset = offsetof(mst_protocol_spec, delta), \
    .fallback = "0.01", .min = 0, .max = 1, .open_min = true, .unit = "", .help = (text)   \
  }

#define MST_PROTOCOL_GAP(value)                                                               \
  MST_PROTOCOL_REAL(gap, value, 0, true,                                                      \
                    "most by which a design's largest variance exceeds the least that there " \
                    "is, as a share of it; larger: fewer arms are pulled")

#endif
