/* Matchings: which unit of a second network does what a unit of a first one does. Permuted that way
 * (symmetry.h) the second lies as near to the first as can be found, and their mean is a network
 * that still works. Ainsworth, Hayase, Srinivasa 2023, "Git Re-Basin: merging models modulo
 * permutation symmetries", arXiv:2209.04836, sections 3.1 and 3.2; doc/methods/merging.md.
 *
 * One file a member: weights.c activations.c none.c; the table is in matching.c. All functions are
 * Local. */
#ifndef MST_CORE_MERGE_MATCHING_H
#define MST_CORE_MERGE_MATCHING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/param.h"
#include "core/base/status.h"
#include "core/merge/symmetry.h"

/* Two networks of one model. */
typedef struct mst_match_pair {
  const mst_symmetry *symmetry;
  const float *a, *b; /* (parameters)                                                       */
  uint64_t seed;      /* with pair: orders are drawn from (seed, MST_PURPOSE_MERGE, pair, .) */
  int64_t pair;
  const double *const *likeness; /* (sets) each (count, count): of a's unit i and b's unit j, for
                                    a member that looks at activations; else NULL           */
} mst_match_pair;

typedef struct mst_matching_ops {
  const char *name;
  const char *summary;     /* one line for `muster list matchings` */
  const mst_param *params; /* NULL: none                           */
  bool looks;              /* at activations: needs rows           */
  mst_status (*match)(const mst_match_pair *p, int64_t *unit);
} mst_matching_ops;

/** The member of that name or NULL; the i-th member or NULL past the end; MST_ERR_INPUT for a name
 *  that no member has, called `key`. */
const mst_matching_ops *mst_matching_find(const char *name);
const mst_matching_ops *mst_matching_at(int i);
mst_status mst_matching_refuse(const char *key, const char *name) MST_CHECKED;

/** unit(symmetry->units) out: the permutation by which b is brought to a.
 *  \return MST_OK, MST_ERR_MEMORY, or MST_ERR_NONFINITE naming the set. */
mst_status mst_matching_match(const mst_matching_ops *ops, const mst_match_pair *p,
                              int64_t *unit) MST_CHECKED;

/** unit(count) out: the permutation of a set with the largest sum of value(u, unit[u]), for
 *  value(count, count), that maps groups onto groups: the best one within each pair of groups, then
 *  the best pairs; *total (may be NULL) that sum. Errors as mst_assignment, and the set named. */
mst_status mst_units_assign(const mst_units *u, const double *value, int64_t *unit,
                            double *total) MST_CHECKED;

#endif
