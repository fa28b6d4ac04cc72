/* What rules over weights share: entries of their parameter tables, the nearest of some vectors,
 * and what of a sum of points and of the vectors' spread can be had from distances. Arrays of
 * distances are (points, points) with row stride `stride`. Sums run over the vectors in the order
 * they are given. Private to core/robust; all functions are Local. */
#ifndef MST_CORE_ROBUST_WEIGHTS_H
#define MST_CORE_ROBUST_WEIGHTS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/robust/member.h"

/* Entries of parameter tables, with the member's own default. */
#define MST_RULE_REAL(field, default_, min_, max_, open_, unit_, help_)                         \
  {                                                                                             \
    .name = #field, .type = MST_PARAM_REAL, .offset = offsetof(mst_rule_spec, field),           \
    .fallback = (default_), .min = (min_), .max = (max_), .open_min = (open_), .unit = (unit_), \
    .help = (help_)                                                                             \
  }
#define MST_RULE_INT(field, default_, min_, unit_, help_)                                  \
  {                                                                                        \
    .name = #field, .type = MST_PARAM_INT, .offset = offsetof(mst_rule_spec, field),       \
    .fallback = (default_), .min = (min_), .max = 1e9, .open_min = false, .unit = (unit_), \
    .help = (help_)                                                                        \
  }
#define MST_RULE_WORD(field, default_, allowed_, help_)                               \
  {                                                                                   \
    .name = #field, .type = MST_PARAM_WORD, .offset = offsetof(mst_rule_spec, field), \
    .fallback = (default_), .allowed = (allowed_), .unit = "", .help = (help_)        \
  }
#define MST_RULE_NEIGHBOURS                               \
  MST_RULE_WORD(neighbours, "others", "others|published", \
                "vectors that a score sums over: the nearest n-f-1 others, or n-f-2 as published")

/** Sort x(n) ascending, in O(n log n) whatever the values are. */
void mst_weights_sort(int64_t n, double *x);

/** weight(i) = share for the k of the n vectors with the least key, else 0; of equal keys the first
 *  vectors are taken. 1 <= k <= n; work(n). */
void mst_weights_nearest(int64_t n, const double *key, int64_t k, double share, double *work,
                         double *weight);

/** n - f - 1, or n - f - 2 with neighbours: published. */
int64_t mst_weights_neighbours(const mst_rule_spec *s, int64_t n);
/** The check of krum and multi_krum: that there is at least one such neighbour. */
mst_status mst_weights_check_neighbours(const mst_rule_spec *s, int64_t n);
/** score(n): the sums of the squared distances to the nearest neighbours. work(n). */
void mst_weights_krum_scores(const mst_rule_spec *s, const mst_rule_view *v, double *work,
                             double *score);

/** share(n) = the clients' weights, divided by their sum. */
void mst_weights_shares(const mst_rule_view *v, double *share);

/** away(points) = distances of all points to the sum of points w(points), w not negative and of
 *  sum 1. Differences of large squares lose digits to a very long vector, however little it weighs;
 *  so the results are held between what the triangle inequality allows, which loses none.
 *  work(points). */
void mst_weights_distances(int64_t points, const double *distance, const double *w, double *work,
                           double *away);

/** gram(n, n) = <x_i - m, x_j - m> for the mean m = sum_i share_i x_i; share(n) sums to 1.
 *  work(n). */
void mst_weights_gram(int64_t n, int64_t stride, const double *distance, const double *share,
                      double *work, double *gram);

/** weight(zero) = 1 - the sum of the other weights. */
void mst_weights_rest(int64_t points, int64_t zero, double *weight);

#endif
