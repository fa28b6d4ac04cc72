/* What the mixings share: their names, entries of their parameter tables, shares of neighbours that
 * are finite. Private to core/decentralised; all functions are Local. */
#ifndef MST_CORE_DECENTRALISED_MEMBER_H
#define MST_CORE_DECENTRALISED_MEMBER_H

#include <math.h>
#include <stddef.h>

#include "core/base/arithmetic.h"
#include "core/decentralised/mixing.h"

extern const mst_mixing_ops mst_mixing_gossip, mst_mixing_self_centred_clipping,
    mst_mixing_variance_corrected, mst_mixing_trimmed_mean, mst_mixing_rule;

#define MST_MIXING_REAL(field, default_, min_, max_, open_, unit_, help_)                       \
  {                                                                                             \
    .name = #field, .type = MST_PARAM_REAL, .offset = offsetof(mst_mixing_spec, field),         \
    .fallback = (default_), .min = (min_), .max = (max_), .open_min = (open_), .unit = (unit_), \
    .help = (help_)                                                                             \
  }
#define MST_MIXING_WORD(field, default_, allowed_, help_)                               \
  {                                                                                     \
    .name = #field, .type = MST_PARAM_WORD, .offset = offsetof(mst_mixing_spec, field), \
    .fallback = (default_), .allowed = (allowed_), .unit = "", .help = (help_)          \
  }
#define MST_MIXING_BYZANTINE                                                                    \
  {                                                                                             \
    .name = "byzantine", .type = MST_PARAM_INT, .offset = offsetof(mst_mixing_spec, byzantine), \
    .fallback = "0", .min = 0, .max = 1e9, .unit = "neighbours",                                \
    .help = "most neighbours of a node that may be anything"                                    \
  }

/** Is neighbour j's vector finite (and so near the own one that the distance is)? After the first
 *  pass. */
static inline bool mst_mixing_finite(const mst_mixing_plan *p, int64_t j) {
  return isfinite(p->distance[j]);
}

/** share = W_ij for neighbours that are finite, else 0; self = W_ii and the others' weights. */
void mst_mixing_take_weights(mst_mixing_plan *p);

/** sorted(n), ascending, from the numbers of neighbours that are finite; returns n. `of` is (k):
 * the weights, the distances. */
int64_t mst_mixing_sort_finite(const mst_mixing_plan *p, const double *of, double *sorted);

/** The first tensor that ends after a column. */
int64_t mst_mixing_tensor(const mst_mixing_plan *p, int64_t column);

/** out(m) = x + sum_j s_j (x_j - x) from entry `offset` of the vectors on, m at most
 * MST_MIXING_COLUMNS. */
void mst_mixing_combine_f32(const mst_mixing_plan *p, int64_t m, const float *own,
                            const float *const *neighbour, int64_t offset, double *out);
void mst_mixing_combine_f64(const mst_mixing_plan *p, int64_t m, const double *own,
                            const double *const *neighbour, int64_t offset, double *out);

#endif
