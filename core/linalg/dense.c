/* Small products: one body (dense_tile.h) for vectors of 64, 32 and 16 bytes, and the choice among
 * them. The sizes of tiles are what the registers hold: 28 accumulators of 32, or 12 of 16. */
#include "core/linalg/dense.h"

#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/wide.h"

#define PACK_DEPTH 256 /* rows of a packed panel: 32 KiB of 64 byte vectors                    */
#define BATCH_ROWS 126 /* rows of larger batches that are taken together: 9 tiles, in the cache */

/* C(rows, columns) = start + A B, where A(r, k) = a[r row_step + k depth_step]; start NULL = 0. */
typedef struct tile {
  int64_t depth;
  const float *a;
  int64_t row_step, depth_step;
  const float *b;
  int64_t b_step;
  const float *start;
  int64_t start_step;
  float *c;
  int64_t c_step;
  int64_t last;      /* columns of the last vector, 1 to WIDTH                  */
  float rate, decay; /* rate not 0: C = C - rate (A B + decay C), each rounded */
} tile;

/* Make a pointer's value unknown to the compiler, which else computes the addresses of all rows of
 * a tile beforehand and keeps them in memory. */
#if defined(__GNUC__)
#define RUNNING(pointer) __asm__("" : "+r"(pointer))
#else
#define RUNNING(pointer) (void)0
#endif

#define ROWS_1_2(X, v)  X(1, v) X(2, v)
#define ROWS_1_4(X, v)  ROWS_1_2(X, v) X(3, v) X(4, v)
#define ROWS_1_6(X, v)  ROWS_1_4(X, v) X(5, v) X(6, v)
#define ROWS_1_9(X, v)  ROWS_1_6(X, v) X(7, v) X(8, v) X(9, v)
#define ROWS_1_14(X, v) ROWS_1_9(X, v) X(10, v) X(11, v) X(12, v) X(13, v) X(14, v)

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

/* to(16, 16) = the transposed of w(columns, depth), padded with zeros; rows from depth on are left
 * out. First 4 x 4 blocks within the vectors' quarters, then the quarters. */
static __attribute__((target("avx512f"))) void transpose_avx512(int64_t columns, int64_t depth,
                                                                const float *w, int64_t ldw,
                                                                float *to, int64_t ldto) {
  const __mmask16 mask = (__mmask16)((1u << depth) - 1u);
  __m512 r[16], q[4][4];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++)
    r[i] = i < columns ? _mm512_maskz_loadu_ps(mask, w + i * ldw) : _mm512_setzero_ps();
#pragma GCC unroll 4
  for (int g = 0; g < 4; g++) {
    __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(r[4 * g], r[4 * g + 1]));
    __m512d high01 = _mm512_castps_pd(_mm512_unpackhi_ps(r[4 * g], r[4 * g + 1]));
    __m512d low23 = _mm512_castps_pd(_mm512_unpacklo_ps(r[4 * g + 2], r[4 * g + 3]));
    __m512d high23 = _mm512_castps_pd(_mm512_unpackhi_ps(r[4 * g + 2], r[4 * g + 3]));
    q[g][0] = _mm512_castpd_ps(_mm512_unpacklo_pd(low01, low23));
    q[g][1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low01, low23));
    q[g][2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high01, high23));
    q[g][3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high01, high23));
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; c++) {
    __m512 a = _mm512_shuffle_f32x4(q[0][c], q[1][c], 0x44);
    __m512 b = _mm512_shuffle_f32x4(q[0][c], q[1][c], 0xee);
    __m512 d = _mm512_shuffle_f32x4(q[2][c], q[3][c], 0x44);
    __m512 e = _mm512_shuffle_f32x4(q[2][c], q[3][c], 0xee);
    if (c < depth) _mm512_storeu_ps(to + c * ldto, _mm512_shuffle_f32x4(a, d, 0x88));
    if (4 + c < depth) _mm512_storeu_ps(to + (4 + c) * ldto, _mm512_shuffle_f32x4(a, d, 0xdd));
    if (8 + c < depth) _mm512_storeu_ps(to + (8 + c) * ldto, _mm512_shuffle_f32x4(b, e, 0x88));
    if (12 + c < depth) _mm512_storeu_ps(to + (12 + c) * ldto, _mm512_shuffle_f32x4(b, e, 0xdd));
  }
}

#define NAME(x)                x##_avx512
#define TARGET                 __attribute__((target("avx512f")))
#define WIDTH                  16
#define TILE_ROWS              MST_DENSE_TILE_ROWS
#define EACH_TILE(X)           ROWS_1_14(X, 1) ROWS_1_14(X, 2) ROWS_1_9(X, 3) ROWS_1_6(X, 4)
#define EACH_ACROSS(X)         ROWS_1_14(X, 1) ROWS_1_14(X, 2)
#define VECTOR                 __m512
#define ZERO                   _mm512_setzero_ps()
#define SPREAD(x)              _mm512_set1_ps(x)
#define FMA(a, b, c)           _mm512_fmadd_ps(a, b, c)
#define ADD(a, b)              _mm512_add_ps(a, b)
#define SUB(a, b)              _mm512_sub_ps(a, b)
#define MUL(a, b)              _mm512_mul_ps(a, b)
#define LOAD(p)                _mm512_loadu_ps(p)
#define STORE(p, x)            _mm512_storeu_ps(p, x)
#define MASK                   __mmask16
#define MASK_OF(count)         (__mmask16)((1u << (count)) - 1u)
#define LOAD_PART(p, mask)     _mm512_maskz_loadu_ps(mask, p)
#define STORE_PART(p, mask, x) _mm512_mask_storeu_ps(p, mask, x)
#define TRANSPOSE              transpose_avx512
#include "core/linalg/dense_tile.h"
#include "core/linalg/dense_undef.h"

static __attribute__((target("avx2"))) __m256i mask_avx2(int64_t count) {
  static const int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
  return _mm256_loadu_si256((const __m256i *)(const void *)(ones + 8 - count));
}

/* As transpose_avx512 for 8 x 8. */
static __attribute__((target("avx2"))) void transpose_avx2(int64_t columns, int64_t depth,
                                                           const float *w, int64_t ldw, float *to,
                                                           int64_t ldto) {
  const __m256i mask = mask_avx2(depth);
  __m256 r[8], q[2][4];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++)
    r[i] = i < columns ? _mm256_maskload_ps(w + i * ldw, mask) : _mm256_setzero_ps();
#pragma GCC unroll 2
  for (int g = 0; g < 2; g++) {
    __m256d low01 = _mm256_castps_pd(_mm256_unpacklo_ps(r[4 * g], r[4 * g + 1]));
    __m256d high01 = _mm256_castps_pd(_mm256_unpackhi_ps(r[4 * g], r[4 * g + 1]));
    __m256d low23 = _mm256_castps_pd(_mm256_unpacklo_ps(r[4 * g + 2], r[4 * g + 3]));
    __m256d high23 = _mm256_castps_pd(_mm256_unpackhi_ps(r[4 * g + 2], r[4 * g + 3]));
    q[g][0] = _mm256_castpd_ps(_mm256_unpacklo_pd(low01, low23));
    q[g][1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low01, low23));
    q[g][2] = _mm256_castpd_ps(_mm256_unpacklo_pd(high01, high23));
    q[g][3] = _mm256_castpd_ps(_mm256_unpackhi_pd(high01, high23));
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; c++) {
    if (c < depth)
      _mm256_storeu_ps(to + c * ldto, _mm256_permute2f128_ps(q[0][c], q[1][c], 0x20));
    if (4 + c < depth)
      _mm256_storeu_ps(to + (4 + c) * ldto, _mm256_permute2f128_ps(q[0][c], q[1][c], 0x31));
  }
}

#define NAME(x)                x##_avx2
#define TARGET                 __attribute__((target("avx2,fma")))
#define WIDTH                  8
#define TILE_ROWS              6
#define EACH_TILE(X)           ROWS_1_6(X, 1) ROWS_1_6(X, 2) ROWS_1_4(X, 3) ROWS_1_2(X, 4)
#define EACH_ACROSS(X)         ROWS_1_6(X, 1) ROWS_1_6(X, 2)
#define VECTOR                 __m256
#define ZERO                   _mm256_setzero_ps()
#define SPREAD(x)              _mm256_set1_ps(x)
#define FMA(a, b, c)           _mm256_fmadd_ps(a, b, c)
#define ADD(a, b)              _mm256_add_ps(a, b)
#define SUB(a, b)              _mm256_sub_ps(a, b)
#define MUL(a, b)              _mm256_mul_ps(a, b)
#define LOAD(p)                _mm256_loadu_ps(p)
#define STORE(p, x)            _mm256_storeu_ps(p, x)
#define MASK                   __m256i
#define MASK_OF(count)         mask_avx2(count)
#define LOAD_PART(p, mask)     _mm256_maskload_ps(p, mask)
#define STORE_PART(p, mask, x) _mm256_maskstore_ps(p, mask, x)
#define TRANSPOSE              transpose_avx2
#include "core/linalg/dense_tile.h"
#include "core/linalg/dense_undef.h"
#endif

typedef float vector4 __attribute__((vector_size(16)));

static inline vector4 load_plain(const float *p, int64_t count) {
  vector4 v = {0};
  memcpy(&v, p, (size_t)count * sizeof *p);
  return v;
}

static inline void store_plain(float *p, int64_t count, vector4 v) {
  memcpy(p, &v, (size_t)count * sizeof *p);
}

static void transpose_plain(int64_t columns, int64_t depth, const float *w, int64_t ldw, float *to,
                            int64_t ldto) {
  for (int64_t k = 0; k < depth; k++)
    for (int64_t j = 0; j < 4; j++) to[k * ldto + j] = j < columns ? w[j * ldw + k] : 0.0f;
}

#define NAME(x)                x##_plain
#define TARGET
#define WIDTH                  4
#define TILE_ROWS              6
#define EACH_TILE(X)           ROWS_1_6(X, 1) ROWS_1_6(X, 2) ROWS_1_4(X, 3) ROWS_1_2(X, 4)
#define EACH_ACROSS(X)         ROWS_1_6(X, 1) ROWS_1_6(X, 2)
#define VECTOR                 vector4
#define ZERO                   (vector4){0}
#define SPREAD(x)              (vector4){x, x, x, x}
#define FMA(a, b, c)           ((a) * (b) + (c))
#define ADD(a, b)              ((a) + (b))
#define SUB(a, b)              ((a) - (b))
#define MUL(a, b)              ((a) * (b))
#define LOAD(p)                load_plain(p, 4)
#define STORE(p, x)            store_plain(p, 4, x)
#define MASK                   int64_t
#define MASK_OF(count)         (count)
#define LOAD_PART(p, mask)     load_plain(p, mask)
#define STORE_PART(p, mask, x) store_plain(p, mask, x)
#define TRANSPOSE              transpose_plain
#include "core/linalg/dense_tile.h"

static const mst_dense_width widths[] = {
#if defined(__x86_64__) && defined(__GNUC__)
    {"avx512", true, forward_avx512, gradient_avx512, descend_avx512, pull_avx512},
    {"avx2", true, forward_avx2, gradient_avx2, descend_avx2, pull_avx2},
#endif
    {"plain", false, forward_plain, gradient_plain, descend_plain, pull_plain},
};
enum {
  WIDTHS = sizeof widths / sizeof widths[0]
};

static const mst_dense_width *widest(void) {
  return &widths[mst_wide_first(WIDTHS)];
}

const mst_dense_width *mst_dense_width_at(int i) {
  int at = mst_wide_first(WIDTHS) + i;
  return i >= 0 && at < WIDTHS ? &widths[at] : NULL;
}

void mst_dense_forward(int64_t n, int64_t in, int64_t out, const float *x, int64_t ldx,
                       const float *w, int64_t ldw, const float *b, float *y, int64_t ldy) {
  widest()->forward(n, in, out, x, ldx, w, ldw, b, y, ldy);
}

void mst_dense_gradient(int64_t n, int64_t in, int64_t out, const float *x, int64_t ldx,
                        const float *dy, int64_t lddy, float *g, int64_t ldg) {
  widest()->gradient(n, in, out, x, ldx, dy, lddy, g, ldg);
}

void mst_dense_descend(int64_t n, int64_t in, int64_t out, const float *x, int64_t ldx,
                       const float *dy, int64_t lddy, float rate, float decay, float *w,
                       int64_t ldw) {
  widest()->descend(n, in, out, x, ldx, dy, lddy, rate, decay, w, ldw);
}

void mst_dense_pull(int64_t n, int64_t in, int64_t out, const float *dy, int64_t lddy,
                    const float *w, int64_t ldw, float *dx, int64_t lddx) {
  widest()->pull(n, in, out, dy, lddy, w, ldw, dx, lddx);
}
