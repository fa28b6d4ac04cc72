/* The space that rules over weights live in: squared distances of points, sums of points, and what
 * of them can be known from distances alone.
 *
 * A vector of the space is a list of weights over the points that sums to 1. With a difference c of
 * two such lists (which sums to 0), |sum_i c_i p_i|^2 = -1/2 sum_ij c_i c_j D_ij. */
#ifndef MST_CORE_ROBUST_SPACE_H
#define MST_CORE_ROBUST_SPACE_H

#include <stdbool.h>
#include <stdint.h>

/** distance(n, n) = squared distances of row[0..n-1](m), both halves, in float64: differences are
 *  taken and squared entry by entry, so a common part of the rows costs no digit, and a row that is
 *  far away spoils only its own distances: (1e38)^2 is no more than a float64 holds. One fixed
 * order of operations for each pair whatever n is, with the same bits for all widths of vectors.
 * The caller sums blocks of columns; of blocks of MST_RULE_COLUMNS the relative error is at most (m
 * / 8 + 6) 2^-53, 2.9e-14 (as a bound; 1e-15 is seen). Local. */
void mst_space_distances_f32(int64_t n, int64_t m, const float *const *row, double *distance);
void mst_space_distances_f64(int64_t n, int64_t m, const double *const *row, double *distance);

/** away(n) = squared distances of row[0..n-1](m) to one other row(m), each with the bits that
 *  mst_space_distances gives it. Local. */
void mst_space_away_f32(int64_t n, int64_t m, const float *const *row, const float *to,
                        double *away);
void mst_space_away_f64(int64_t n, int64_t m, const double *const *row, const double *to,
                        double *away);

/** out(m) = sum_i weight(i) row[i](m), in float64 in the order of the rows; rows of weight 0 are
 *  not read; out may be a row; the same bits for all widths of vectors. When one weight is
 *  1 and the others 0 the row is copied, bit for bit. Local. */
void mst_space_combine_f32(int64_t n, int64_t m, const float *const *row, const double *weight,
                           float *out);
void mst_space_combine_f64(int64_t n, int64_t m, const double *const *row, const double *weight,
                           double *out);

/** Whether all entries of a row(m) are finite. Local. */
bool mst_space_finite_f32(int64_t m, const float *row);

/** count(2) = positive and negative entries of a row(m); m < 2^31. Local. */
void mst_space_signs_f32(int64_t m, const float *row, int64_t *count);
void mst_space_signs_f64(int64_t m, const double *row, int64_t *count);

/** Inner product of two rows(m), in float64: 8 running sums, of the columns by their number modulo
 * 8, added in their order; the same bits for all widths of vectors. Local. */
double mst_space_inner_f32(int64_t m, const float *a, const float *b);
double mst_space_inner_f64(int64_t m, const double *a, const double *b);

/** Squared distance of two sums of points: a, b (points), which sum to 1 alike. Never negative; 0
 *  for equal sums, and else 0 only where the points that differ are the same: what is lost in the
 *  rounding of long vectors comes out as that rounding, within what the triangle inequality allows.
 *  \param zero  which point is the zero vector, -1 = none. Local. */
double mst_space_between(int64_t points, const double *distance, int64_t zero, const double *a,
                         const double *b);

/** mixed(k + extra, k + extra) = distances of the k vectors of matrix(k, points), then of the
 *  points from n on (extra = points - n). zero as above. work(points). Local. */
void mst_space_mix(int64_t n, int64_t points, const double *distance, int64_t zero, int64_t k,
                   const double *matrix, double *work, double *mixed);

/** order(n): the vectors by the sum of their distances, then by their sorted distances, then by
 *  those to the further points, then by key(n, keys), the first key first, then by number. So what
 *  follows in this order does not depend on how the vectors were numbered, but for vectors that
 *  none of these tells apart. work(3 n). Local. */
void mst_space_order(int64_t n, int64_t points, const double *distance, int64_t keys,
                     const double *key, double *work, int64_t *order);

/* The functions over columns for one width of vectors. */
typedef struct mst_space_width {
  const char *name; /* avx512 | avx2 | plain */
  void (*distances_f32)(int64_t n, int64_t m, const float *const *row, double *distance);
  void (*distances_f64)(int64_t n, int64_t m, const double *const *row, double *distance);
  void (*away_f32)(int64_t n, int64_t m, const float *const *row, const float *to, double *away);
  void (*away_f64)(int64_t n, int64_t m, const double *const *row, const double *to, double *away);
  void (*combine_f32)(int64_t n, int64_t m, const float *const *row, const double *weight,
                      float *out);
  void (*combine_f64)(int64_t n, int64_t m, const double *const *row, const double *weight,
                      double *out);
} mst_space_width;

/** The i-th width that this processor has, from the widest, which the functions above take; NULL
 *  past the end. Local. */
const mst_space_width *mst_space_width_at(int i);

#endif
