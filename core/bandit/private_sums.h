/* Private statistics of linear bandits: what agents tell of sum x x' and sum y x under differential
 * privacy, and what the noise costs (Shariff, Sheffet 2018; Dubey, Pentland 2020; Zhou, Chowdhury
 * 2024). Sums are packed as in core/bandit/ridge.h, of one block. doc/methods/bandits.md. All
 * functions are Local. */
#ifndef MST_CORE_BANDIT_PRIVATE_SUMS_H
#define MST_CORE_BANDIT_PRIVATE_SUMS_H

#include <stdint.h>

/** The most that one interaction with |x| <= 1, |y| <= clip can change (sum x x', sum y x), a pair
 *  whose length is that of all entries of the matrix and the vector: (1 + clip^2)^(1/2). */
double mst_private_sums_bound(double clip);

/** An interaction as it is told: x(d) and y shortened by what is needed for |x| <= 1, then y to
 *  [-clip, clip]. out(d), returns y. */
double mst_private_sums_clip(int64_t d, const double *x, double y, double clip, double *out);

/** noise(d (d + 1) / 2 + d): independent draws of one standard deviation s, in which the pair of
 *  above has a length; in: draws, out: what is added to packed sums, so that a matrix has s on the
 *  diagonal and s / 2^(1/2) beside it. */
void mst_private_sums_shape(int64_t d, double *noise);

/* What noise of standard deviation `deviation` in the server's sums does to a confidence set. All
 * of it holds for all releases together but with probability `delta` each. */
typedef struct mst_private_widths {
  double matrix; /* no eigenvalue of the matrix's noise is larger in magnitude:
                    s ((2 d)^(1/2) + (2 log(2 releases / delta))^(1/2))            */
  double vector; /* length of the vector's: s (d^(1/2) + (2 log(releases / delta))^(1/2)) */
} mst_private_widths;

mst_private_widths mst_private_sums_widths(int64_t d, double deviation, int64_t releases,
                                           double delta);

#endif
