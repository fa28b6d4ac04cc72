/* Small products for training: float32 matrix products whose one side is a batch of tens of rows,
 * where a general BLAS spends its time on packing. Row-major with row strides.
 *
 * Every element is one chain of fused multiply-adds over the inner index in increasing order, which
 * begins with 0 or the bias; so the bits depend neither on the width of the processor's vectors nor
 * on the rows beside it. Processors without fused multiply-add round differently. All functions are
 * Local and never fail. */
#ifndef MST_CORE_LINALG_DENSE_H
#define MST_CORE_LINALG_DENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows of the tiles that the widest vectors cut w and g into. */
#define MST_DENSE_TILE_ROWS 14

/** y(n, out) = x(n, in) w(in, out) + b(out); b NULL = 0. */
void mst_dense_forward(int64_t n, int64_t in, int64_t out, const float *x, int64_t ldx,
                       const float *w, int64_t ldw, const float *b, float *y, int64_t ldy);

/** g(in, out) = x(n, in)' dy(n, out); overwritten. */
void mst_dense_gradient(int64_t n, int64_t in, int64_t out, const float *x, int64_t ldx,
                        const float *dy, int64_t lddy, float *g, int64_t ldg);

/** w(in, out) = w - rate (g + decay w) for the g that mst_dense_gradient would give, with a
 *  rounding after each operation: the bits of a step after the gradient, in one pass over w. A rate
 *  of 0 leaves w as it is; a decay of 0 leaves its term out. */
void mst_dense_descend(int64_t n, int64_t in, int64_t out, const float *x, int64_t ldx,
                       const float *dy, int64_t lddy, float rate, float decay, float *w,
                       int64_t ldw);

/** dx(n, in) = dy(n, out) w(in, out)'; overwritten. */
void mst_dense_pull(int64_t n, int64_t in, int64_t out, const float *dy, int64_t lddy,
                    const float *w, int64_t ldw, float *dx, int64_t lddx);

/* The same functions for one width of vectors. */
typedef struct mst_dense_width {
  const char *name; /* avx512 | avx2 | plain                                     */
  bool fused;       /* with fused multiply-adds: such widths give the same bits */
  void (*forward)(int64_t n, int64_t in, int64_t out, const float *x, int64_t ldx, const float *w,
                  int64_t ldw, const float *b, float *y, int64_t ldy);
  void (*gradient)(int64_t n, int64_t in, int64_t out, const float *x, int64_t ldx,
                   const float *dy, int64_t lddy, float *g, int64_t ldg);
  void (*descend)(int64_t n, int64_t in, int64_t out, const float *x, int64_t ldx, const float *dy,
                  int64_t lddy, float rate, float decay, float *w, int64_t ldw);
  void (*pull)(int64_t n, int64_t in, int64_t out, const float *dy, int64_t lddy, const float *w,
               int64_t ldw, float *dx, int64_t lddx);
} mst_dense_width;

/** The i-th width that this processor has, from the widest, which the functions above take; NULL
 *  past the end. */
const mst_dense_width *mst_dense_width_at(int i);

#endif
