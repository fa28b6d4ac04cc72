/* What attacks share: their names, entries of their parameter tables, the search for the strength
 * that does most harm, and what min_max and min_sum have in common. Private to core/robust; all
 * functions are Local. */
#ifndef MST_CORE_ROBUST_ATTACK_MEMBER_H
#define MST_CORE_ROBUST_ATTACK_MEMBER_H

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/robust/attack.h"

extern const mst_attack_ops mst_attack_sign_flip, mst_attack_label_flip, mst_attack_alie,
    mst_attack_ipm, mst_attack_mimic, mst_attack_min_max, mst_attack_min_sum, mst_attack_gaussian,
    mst_attack_nan, mst_attack_inf, mst_attack_constant, mst_attack_free_rider,
    mst_attack_dissensus;

#define MST_ATTACK_REAL(field, default_, min_, max_, open_, unit_, help_)                       \
  {                                                                                             \
    .name = #field, .type = MST_PARAM_REAL, .offset = offsetof(mst_attack_spec, field),         \
    .fallback = (default_), .min = (min_), .max = (max_), .open_min = (open_), .unit = (unit_), \
    .help = (help_)                                                                             \
  }
#define MST_ATTACK_INT(field, default_, min_, unit_, help_)                             \
  {                                                                                     \
    .name = #field, .type = MST_PARAM_INT, .offset = offsetof(mst_attack_spec, field),  \
    .fallback = (default_), .min = (min_), .max = 1e9, .unit = (unit_), .help = (help_) \
  }
#define MST_ATTACK_BOOL(field, default_, help_)                                         \
  {                                                                                     \
    .name = #field, .type = MST_PARAM_BOOL, .offset = offsetof(mst_attack_spec, field), \
    .fallback = (default_), .unit = "", .help = (help_)                                 \
  }
#define MST_ATTACK_WORD(field, default_, allowed_, help_)                               \
  {                                                                                     \
    .name = #field, .type = MST_PARAM_WORD, .offset = offsetof(mst_attack_spec, field), \
    .fallback = (default_), .allowed = (allowed_), .unit = "", .help = (help_)          \
  }

/* The entries of a search. */
#define MST_ATTACK_SEARCH_PARAMS                                                         \
  MST_ATTACK_BOOL(search, "false", "take the strength that does most harm to the rule"), \
      MST_ATTACK_INT(evaluations, "20", 1, "", "strengths that a search tries"),         \
      MST_ATTACK_REAL(start, "0", 0, 0, false, "", "first strength of a search"),        \
      MST_ATTACK_REAL(step, "10", 0, INFINITY, true, "", "first step of a search"),      \
      MST_ATTACK_REAL(contraction, "0.8", 0.5, 1, true, "",                              \
                      "what a search's step is multiplied by where it finds nothing better")

/** plan->factor = the best of the factors that a search along a line tries. */
mst_status mst_attack_search(const mst_attack_spec *s, const mst_attack_scene *scene,
                             mst_attack_plan *plan) MST_CHECKED;

/** The direction p of min_max and min_sum enters as the point mean + p; `send` is mean + factor p.
 */
void mst_attack_distance_point(const mst_attack_spec *s, const mst_attack_columns *c, double *out);
void mst_attack_distance_send(const mst_attack_spec *s, const mst_attack_plan *plan,
                              const mst_attack_columns *c, double *out);
/** plan->factor = the largest at which the attackers' vector is allowed: no farther from any honest
 *  vector than the two farthest of these are (sums = false); of a sum of squared distances no
 *  larger than the largest of the honest ones (sums = true). */
mst_status mst_attack_distance_plan(const mst_attack_spec *s, const mst_attack_scene *scene,
                                    bool sums, double *work, mst_attack_plan *plan) MST_CHECKED;

/* Their entries. */
#define MST_ATTACK_DISTANCE                                                                        \
  MST_ATTACK_WORD(perturbation, "std", "std|unit|sign",                                            \
                  "direction from the mean: against the standard deviation, the mean, its signs"), \
      MST_ATTACK_REAL(tolerance, "1e-5", 1e-15, 1, false, "",                                      \
                      "of the distance along it, as a share")

#endif
