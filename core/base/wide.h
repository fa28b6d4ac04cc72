/* Loops that are compiled for several vector widths; the widest that the CPU has is taken at run
 * time. Private to core.
 *
 * MST_WIDE(name, parameters, arguments) defines the static function `name` from the body
 * `name_body`, which is written once as an always-inlined function of plain loops. The body is
 * compiled for 64, 32 and 16 byte vectors. Its loops are over independent lanes and the build
 * forbids fused operations, so the copies give the same bits. (Explicit copies rather than
 * target_clones: loader-time selection does not work under every sanitizer and C library.) MST_RUN
 * opens a part of such a body. */
#ifndef MST_CORE_BASE_WIDE_H
#define MST_CORE_BASE_WIDE_H

/** The first entry that this processor has in a table whose entries are for 64 byte vectors, for 32
 *  byte vectors with fused multiply-add (both on x86-64 alone), and for any processor, the last. It
 *  has `widths` entries. Local. */
static inline int mst_wide_first(int widths) {
#if defined(__x86_64__) && defined(__GNUC__)
  if (__builtin_cpu_supports("avx512f")) return 0;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 1;
#endif
  return widths - 1;
}

#define MST_RUN       static inline __attribute__((always_inline)) void
#define MST_WIDE_BODY MST_RUN

#if defined(__x86_64__) && defined(__GNUC__)
#define MST_WIDE(name, parameters, arguments)                               \
  __attribute__((target("avx512f"))) static void name##_avx512 parameters { \
    name##_body arguments;                                                  \
  }                                                                         \
  __attribute__((target("avx2"))) static void name##_avx2 parameters {      \
    name##_body arguments;                                                  \
  }                                                                         \
  static void name##_plain parameters {                                     \
    name##_body arguments;                                                  \
  }                                                                         \
  static void name parameters {                                             \
    if (__builtin_cpu_supports("avx512f"))                                  \
      name##_avx512 arguments;                                              \
    else if (__builtin_cpu_supports("avx2"))                                \
      name##_avx2 arguments;                                                \
    else                                                                    \
      name##_plain arguments;                                               \
  }
#else
#define MST_WIDE(name, parameters, arguments) \
  static void name parameters {               \
    name##_body arguments;                    \
  }
#endif

#endif
