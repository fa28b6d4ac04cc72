/* The straight path between two networks in the space of parameters, the barrier on it, and the
 * mean of several networks. The loss barrier: Entezari, Sedghi, Saukh, Neyshabur 2022, "The role of
 * permutation invariance in linear mode connectivity of neural networks", arXiv:2110.06296.
 * All functions are Local. */
#ifndef MST_CORE_MERGE_PATH_H
#define MST_CORE_MERGE_PATH_H

#include <stdint.h>

/** Point i of `points` that lie evenly from 0 to 1, ends included. */
double mst_merge_place(int points, int i);

/** w(n) = (1 - t) a + t b, rounded once from double; a at t = 0, b at t = 1. */
void mst_merge_point(int64_t n, const float *a, const float *b, double t, float *w);

/** The largest of loss(i) - ((1 - t) loss(first) + t loss(last)) over the points t of
 *  mst_merge_place: 0 or more; NaN when a loss is not finite. loss(points), points at least 2. */
double mst_merge_barrier(int points, const double *loss);

/** w(n) = the mean of `networks` vectors of n, added in double in their order. */
void mst_merge_mean(int64_t n, int networks, const float *const *network, float *w);

#endif
