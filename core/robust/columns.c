/* Kernels over columns: one body (columns_tile.h) for vectors of 64, 32 and 16 bytes and rows of
 * either type, and the choice among them. */
#include "core/robust/columns.h"

#include <math.h>
#include <string.h>

#include "core/base/wide.h"
#include "core/robust/rule.h"

/* Rows that are sorted in registers: a tile of 64 byte vectors just about fits. */
#define BLOCK 32
/* Bytes of a row that are asked for before they are read. */
#define AHEAD 512

/* Whether Batcher's network compares i with i + k at distance k of the merge of sorted runs of p; p
 * and k are powers of two. */
static inline __attribute__((always_inline)) int mst_columns_meet(int i, int p, int k) {
  const int first = k % p;
  return i >= first && (i - first) / k % 2 == 0 && i / (2 * p) == (i + k) / (2 * p);
}

/* So many streams are more than a processor follows by itself. Past the end of a row this asks for
 * what is not read, which does no harm. */
static inline __attribute__((always_inline)) void mst_columns_ask(const void *p) {
  __builtin_prefetch((const void *)((uintptr_t)p + AHEAD));
}

/* A power of two that is at least n, and 2. */
static double mst_columns_grid(int64_t n) {
  double grid = 2;
  while (grid < (double)n) grid *= 2;
  return grid;
}

/* *scale = the power of two that brings the largest weight into [1/2, 1); *total = the sum of the
 * weights so scaled, the same in any order (as the sums of columns_mean.h). */
static void mst_columns_total(int64_t n, const double *weight, double *scale, double *total) {
  double largest = 0, sum = 0, rest = 0;
  for (int64_t i = 0; i < n; i++) largest = fmax(largest, weight[i]);
  int exponent;
  frexp(largest, &exponent);
  *scale = ldexp(1, -exponent);
  const double grid = mst_columns_grid(n), sigma = 1.5 * grid, fine = sigma * grid * 0x1p-52;
  for (int64_t i = 0; i < n; i++) {
    const double w = weight[i] * *scale, high = (w + sigma) - sigma;
    sum += high;
    rest += ((w - high) + fine) - fine;
  }
  *total = sum + rest;
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define BYTES          64
#define TARGET         __attribute__((target("avx512f")))
#define MAX_WIDE(a, b) (__typeof__(a))_mm512_max_pd((__m512d)(a), (__m512d)(b))

#define NAME(x) x##_f32_avx512
#define REAL    float
#define FLOATS
#define MIN(a, b)        (__typeof__(a))_mm512_min_ps((__m512)(a), (__m512)(b))
#define MAX(a, b)        (__typeof__(a))_mm512_max_ps((__m512)(a), (__m512)(b))
#define LOAD_WIDE(p)     _mm512_cvtps_pd(_mm256_loadu_ps(p))
#define STORE_WIDE(p, x) _mm256_storeu_ps(p, _mm512_cvtpd_ps((__m512d)(x)))
#define HALF_WIDE(x, second)                                                          \
  _mm512_cvtps_pd(_mm256_castpd_ps((second) ? _mm512_extractf64x4_pd((__m512d)(x), 1) \
                                            : _mm512_extractf64x4_pd((__m512d)(x), 0)))
#include "core/robust/columns_tile.h"
#include "core/robust/columns_undef.h"

#define NAME(x)   x##_f64_avx512
#define REAL      double
#define MIN(a, b) (__typeof__(a))_mm512_min_pd((__m512d)(a), (__m512d)(b))
#define MAX(a, b) (__typeof__(a))_mm512_max_pd((__m512d)(a), (__m512d)(b))
#include "core/robust/columns_tile.h"
#include "core/robust/columns_undef.h"
#undef BYTES
#undef TARGET
#undef MAX_WIDE

#define BYTES          32
#define TARGET         __attribute__((target("avx2")))
#define MAX_WIDE(a, b) (__typeof__(a))_mm256_max_pd((__m256d)(a), (__m256d)(b))

#define NAME(x) x##_f32_avx2
#define REAL    float
#define FLOATS
#define MIN(a, b)        (__typeof__(a))_mm256_min_ps((__m256)(a), (__m256)(b))
#define MAX(a, b)        (__typeof__(a))_mm256_max_ps((__m256)(a), (__m256)(b))
#define LOAD_WIDE(p)     _mm256_cvtps_pd(_mm_loadu_ps(p))
#define STORE_WIDE(p, x) _mm_storeu_ps(p, _mm256_cvtpd_ps((__m256d)(x)))
#define HALF_WIDE(x, second)                                       \
  _mm256_cvtps_pd((second) ? _mm256_extractf128_ps((__m256)(x), 1) \
                           : _mm256_extractf128_ps((__m256)(x), 0))
#include "core/robust/columns_tile.h"
#include "core/robust/columns_undef.h"

#define NAME(x)   x##_f64_avx2
#define REAL      double
#define MIN(a, b) (__typeof__(a))_mm256_min_pd((__m256d)(a), (__m256d)(b))
#define MAX(a, b) (__typeof__(a))_mm256_max_pd((__m256d)(a), (__m256d)(b))
#include "core/robust/columns_tile.h"
#include "core/robust/columns_undef.h"
#undef BYTES
#undef TARGET
#undef MAX_WIDE

#define PLAIN_MIN_PS(a, b) (__typeof__(a))_mm_min_ps((__m128)(a), (__m128)(b))
#define PLAIN_MAX_PS(a, b) (__typeof__(a))_mm_max_ps((__m128)(a), (__m128)(b))
#define PLAIN_MIN_PD(a, b) (__typeof__(a))_mm_min_pd((__m128d)(a), (__m128d)(b))
#define PLAIN_MAX_PD(a, b) (__typeof__(a))_mm_max_pd((__m128d)(a), (__m128d)(b))
#else
typedef int32_t bits32 __attribute__((vector_size(16)));
typedef int64_t bits64 __attribute__((vector_size(16)));
#define PICK(bits, less, a, b) \
  (__typeof__(a))(((bits)(less) & (bits)(a)) | (~(bits)(less) & (bits)(b)))
#define PLAIN_MIN_PS(a, b) PICK(bits32, (a) < (b), a, b)
#define PLAIN_MAX_PS(a, b) PICK(bits32, (a) > (b), a, b)
#define PLAIN_MIN_PD(a, b) PICK(bits64, (a) < (b), a, b)
#define PLAIN_MAX_PD(a, b) PICK(bits64, (a) > (b), a, b)
#endif

#define BYTES 16
#define TARGET
#define MAX_WIDE PLAIN_MAX_PD

#define NAME(x) x##_f32_plain
#define REAL    float
#define FLOATS
#define MIN PLAIN_MIN_PS
#define MAX PLAIN_MAX_PS
#include "core/robust/columns_tile.h"
#include "core/robust/columns_undef.h"

#define NAME(x) x##_f64_plain
#define REAL    double
#define MIN     PLAIN_MIN_PD
#define MAX     PLAIN_MAX_PD
#include "core/robust/columns_tile.h"

#define ENTRY(width)                                                                       \
  {                                                                                        \
#width, mean_f32_##width, mean_f64_##width, median_f32_##width, median_f64_##width,    \
        trimmed_f32_##width, trimmed_f64_##width, nearest_f32_##width, nearest_f64_##width \
  }
static const mst_columns_width widths[] = {
#if defined(__x86_64__) && defined(__GNUC__)
    ENTRY(avx512),
    ENTRY(avx2),
#endif
    ENTRY(plain),
};
enum {
  WIDTHS = sizeof widths / sizeof widths[0]
};

const mst_columns_width *mst_columns_width_at(int i) {
  const int at = mst_wide_first(WIDTHS) + i;
  return i >= 0 && at < WIDTHS ? &widths[at] : NULL;
}

const mst_columns_width *mst_columns(void) {
  return &widths[mst_wide_first(WIDTHS)];
}
