/* Passes over memory and chains in registers, as plain loops for the compiler's vectors. Sums are
 * of integers, whose order is free, so that reading is not slowed by the additions. */
#include "core/base/peak.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    __GNUC__ >= 12 && !defined(__SANITIZE_THREAD__) && !defined(MST_NO_CLONES)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#define CHOOSES
#else
#define CLONES
#endif

CLONES uint64_t mst_peak_read(int64_t n, const double *x) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < n; i++) {
    uint64_t word;
    memcpy(&word, &x[i], sizeof word);
    sum += word;
  }
  return sum;
}

void mst_peak_copy(int64_t n, const double *from, double *to) {
  memcpy(to, from, (size_t)n * sizeof *to);
}

CLONES void mst_peak_triad(int64_t n, double factor, const double *restrict b,
                           const double *restrict c, double *restrict a) {
  for (int64_t i = 0; i < n; i++) a[i] = b[i] + factor * c[i];
}

/* Lanes must hide the latency of all pipes and yet fit in the registers: 12 of AVX-512's 32, 12 of
 * AVX2's 16, 24 of NEON's 32. */
#define LANES_WIDE 96
#define LANES      48

#define CHAINS(name, lanes, target)                                                     \
  static target double name(int64_t n, double factor, double term) {                    \
    double lane[lanes], sum = 0;                                                        \
    for (int i = 0; i < (lanes); i++) lane[i] = i;                                      \
    for (int64_t k = 0; k < n; k++)                                                     \
      for (int i = 0; i < (lanes); i++) lane[i] = __builtin_fma(lane[i], factor, term); \
    for (int i = 0; i < (lanes); i++) sum += lane[i];                                   \
    return sum;                                                                         \
  }

#ifdef CHOOSES
CHAINS(fuse_avx512, LANES_WIDE, __attribute__((target("avx512f,prefer-vector-width=512"))))
CHAINS(fuse_avx2, LANES, __attribute__((target("avx2,fma"))))
#elif defined(__FMA__) || defined(__aarch64__) || defined(__powerpc64__)
CHAINS(fuse_plain, LANES, )
#define ALWAYS
#endif

int64_t mst_peak_fuse(int64_t n, double factor, double term, double *result) {
  *result = 0;
#ifdef CHOOSES
  if (__builtin_cpu_supports("avx512f")) {
    *result = fuse_avx512(n, factor, term);
    return 2 * LANES_WIDE * n;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    *result = fuse_avx2(n, factor, term);
    return 2 * LANES * n;
  }
#elif defined(ALWAYS)
  *result = fuse_plain(n, factor, term);
  return 2 * LANES * n;
#endif
  (void)n, (void)factor, (void)term; /* a fused operation would be a call into the library */
  return 0;
}
