/* The products of patches.h, compiled for each width of vectors; the widest that the CPU has is
 * taken at run time. */
#include "core/model/patches.h"

#include <stddef.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/wide.h"

/* a += b * c is one fused multiply-add here, wherever the processor has it. */
#if defined(__clang__)
#pragma clang fp contract(fast)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=fast")
#endif

#define TILE_RUN static inline __attribute__((always_inline)) void
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#if defined(__x86_64__) && defined(__GNUC__)
#define WIDTH     16
#define MOST      14
#define TARGET    __attribute__((target("avx512f")))
#define NAME(x)   x##_16
#define EACH_ROWS                                         \
  ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) \
  ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
#include "core/model/patches_width.h"

#define WIDTH     8
#define MOST      6
#define TARGET    __attribute__((target("avx2,fma")))
#define NAME(x)   x##_8
#define EACH_ROWS ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6)
#include "core/model/patches_width.h"
#endif

#define WIDTH     4
#define MOST      6
#define TARGET
#define NAME(x)   x##_4
#define EACH_ROWS ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6)
#include "core/model/patches_width.h"

static const mst_patches_width widths[] = {
#if defined(__x86_64__) && defined(__GNUC__)
    {"avx512", true, product_16, gradient_16},
    {"avx2", true, product_8, gradient_8},
#endif
    {"plain", false, product_4, gradient_4},
};
enum {
  WIDTHS = sizeof widths / sizeof widths[0]
};

static const mst_patches_width *widest(void) {
  return &widths[mst_wide_first(WIDTHS)];
}

const mst_patches_width *mst_patches_width_at(int i) {
  int at = mst_wide_first(WIDTHS) + i;
  return i >= 0 && at < WIDTHS ? &widths[at] : NULL;
}

void mst_patches_product(const mst_patches *p, const float *x, const float *w, int64_t lanes,
                         const float *start, float *y) {
  widest()->product(p, x, w, lanes, start, y);
}

void mst_patches_gradient(const mst_patches *p, const float *x, const float *dy, int64_t lanes,
                          float *g) {
  widest()->gradient(p, x, dy, lanes, g);
}
