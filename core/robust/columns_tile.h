/* Kernels over columns for one width of vectors and one type of rows; included once for each with
 *
 *   NAME(x)   x with the type and the width      TARGET   attribute of the functions
 *   REAL      float or double                    BYTES    of a vector
 *   FLOATS    defined if REAL is float
 *   LOAD_WIDE(p), STORE_WIDE(p, x), HALF_WIDE(x, second): floats as doubles, where a compiler's own
 *             conversion is slow
 *   MIN(a, b), MAX(a, b): the second of equal ones, so that MIN(a, b) and MAX(b, a) are both
 *             of them
 *
 * A tile is LANES columns of all rows. Sorting is Batcher's odd-even merge sort (1968); a
 * comparator is a MIN and a MAX of two rows of the tile. Up to BLOCK rows stay in registers, in
 * networks whose size the compiler knows: it unrolls them, and leaves out what leads to no output.
 * Loops over rows that read from memory are unrolled by 4: at some distances between rows, a
 * processor that meets all of them in a single load waits for each. */

typedef REAL NAME(vector) __attribute__((vector_size(BYTES)));
typedef REAL NAME(memory) __attribute__((vector_size(BYTES), aligned(sizeof(REAL)), may_alias));
typedef double NAME(wide) __attribute__((vector_size(BYTES)));
typedef int64_t NAME(mask) __attribute__((vector_size(BYTES)));
typedef int32_t NAME(bits) __attribute__((vector_size(BYTES)));
/* As many entries as there are doubles in a vector. */
typedef REAL NAME(part) __attribute__((vector_size(BYTES / sizeof(double) * sizeof(REAL)),
                                       aligned(sizeof(REAL)), may_alias));

#define LANES  (BYTES / (int)sizeof(REAL))
#define WIDES  (BYTES / (int)sizeof(double)) /* doubles of a vector          */
#define INLINE TARGET static inline __attribute__((always_inline))

/* A vector of the same value. */
INLINE NAME(wide) NAME(spread)(double x) {
  return x - (NAME(wide)){0};
}

INLINE NAME(vector) NAME(load)(const REAL *p) {
  return *(const NAME(memory) *)p;
}

INLINE NAME(wide) NAME(load_wide)(const REAL *p) {
#ifdef LOAD_WIDE
  return (NAME(wide))LOAD_WIDE(p);
#else
  return __builtin_convertvector(*(const NAME(part) *)p, NAME(wide));
#endif
}

/* -0 becomes +0: which of the two a network moves up depends on the order of the rows. */
INLINE void NAME(store_wide)(REAL *p, NAME(wide) x) {
#ifdef STORE_WIDE
  STORE_WIDE(p, x + NAME(spread)(0));
#else
  *(NAME(part) *)p = __builtin_convertvector(x + NAME(spread)(0), NAME(part));
#endif
}

/* a where the mask is set, else b. */
INLINE NAME(wide) NAME(choose)(NAME(mask) mask, NAME(wide) a, NAME(wide) b) {
  return (NAME(wide))((mask & (NAME(mask))a) | (~mask & (NAME(mask))b));
}

INLINE NAME(wide) NAME(magnitude)(NAME(wide) x) {
  return (NAME(wide))((NAME(mask))x & INT64_MAX);
}

INLINE void NAME(exchange)(NAME(vector) * a, NAME(vector) * b) {
  NAME(vector) low = MIN(*a, *b), high = MAX(*b, *a);
  *a = low;
  *b = high;
}

/* The comparators at distance k in merging sorted runs of p. */
INLINE void NAME(merge_step)(NAME(vector) * v, int n, int p, int k) {
#pragma GCC unroll 32
  for (int i = 0; i < n - k; i++)
    if (mst_columns_meet(i, p, k)) NAME(exchange)(&v[i], &v[i + k]);
}

/* The comparators at distance k within a block of a bitonic merge. */
INLINE void NAME(clean_step)(NAME(vector) * v, int k) {
#pragma GCC unroll 32
  for (int i = 0; i < BLOCK; i++)
    if (i / k % 2 == 0) NAME(exchange)(&v[i], &v[i + k]);
}

/* Sort n vectors, a constant of at most BLOCK. */
INLINE void NAME(sort)(NAME(vector) * v, int n) {
  NAME(merge_step)(v, n, 1, 1);
  NAME(merge_step)(v, n, 2, 2);
  NAME(merge_step)(v, n, 2, 1);
  if (n > 4) {
    NAME(merge_step)(v, n, 4, 4);
    NAME(merge_step)(v, n, 4, 2);
    NAME(merge_step)(v, n, 4, 1);
  }
  if (n > 8) {
    NAME(merge_step)(v, n, 8, 8);
    NAME(merge_step)(v, n, 8, 4);
    NAME(merge_step)(v, n, 8, 2);
    NAME(merge_step)(v, n, 8, 1);
  }
  if (n > 16) {
    NAME(merge_step)(v, n, 16, 16);
    NAME(merge_step)(v, n, 16, 8);
    NAME(merge_step)(v, n, 16, 4);
    NAME(merge_step)(v, n, 16, 2);
    NAME(merge_step)(v, n, 16, 1);
  }
}

/* Rows row[0..n-1] at column c as the vectors v(size), size - 4 < n <= size: `below` vectors of
 * -infinity, the rows, and as many of +infinity as are left. Later columns are asked for. */
INLINE void NAME(gather)(const REAL *const *row, int64_t c, int n, int below, int size,
                         NAME(vector) * v) {
  const NAME(vector) infinite = (REAL)INFINITY - (NAME(vector)){0};
  v[0] = below > 0 ? -infinite : NAME(load)(row[0] + c);
#pragma GCC unroll 32
  for (int i = 1; i < size - 3; i++) v[i] = NAME(load)(row[i - below] + c);
#pragma GCC unroll 3
  for (int i = size - 3; i < size; i++)
    v[i] = i < below + n ? NAME(load)(row[i - below] + c) : infinite;
  for (int i = 0; i < n; i++) mst_columns_ask(row[i] + c);
}

/* One network for each multiple of 4: to(size) = the sorted vectors, those of +infinity last. */
#define SORT(size)                                                               \
  TARGET static void NAME(sort_##size)(const REAL *const *row, int64_t c, int n, \
                                       NAME(vector) * to) {                      \
    NAME(vector) v[size];                                                        \
    NAME(gather)(row, c, n, 0, size, v);                                         \
    NAME(sort)(v, size);                                                         \
    _Pragma("GCC unroll 32") for (int i = 0; i < (size); i++) to[i] = v[i];      \
  }

/* The same for the median alone: as many vectors of -infinity as of +infinity, or one less, keep it
 * in the middle. */
#define MEDIAN(size)                                                                               \
  TARGET static void NAME(median_##size)(const NAME(job) * job, const REAL *const *row, int64_t c, \
                                         REAL *out) {                                              \
    NAME(vector) v[size];                                                                          \
    const int n = (int)job->n;                                                                     \
    NAME(gather)(row, c, n, ((size)-n) / 2, size, v);                                              \
    NAME(sort)(v, size);                                                                           \
    NAME(store_middle)(v[(size) / 2 - 1], v[(size) / 2], n % 2 == 0, out);                         \
  }

#define EACH_SIZE(X) X(4) X(8) X(12) X(16) X(20) X(24) X(28) X(32)

/* What a call says to its tiles. */
typedef struct NAME(job) {
  int64_t n, count; /* rows; trimmed or kept values */
  int32_t limit;    /* mean: of exponents           */
  const double *weight;
  double scale; /* mean: power of two that brings the largest weight below 1 ... */
  double total; /* ... and the sum of the scaled weights                          */
} NAME(job);

/* out(LANES) from the columns c, ... of the rows. */
typedef void (*NAME(tile))(const NAME(job) * job, const REAL *const *row, int64_t c, REAL *out);

/* Half the sum, in the precision of the rows as numpy has it; where the sum overflows, the sum of
 * halves. */
INLINE void NAME(store_middle)(NAME(vector) a, NAME(vector) b, int even, REAL *out) {
  if (even) {
    const NAME(vector) sum = a + b, halves = a * (REAL)0.5 + b * (REAL)0.5;
    /* Of a finite sum alone: NOLINTNEXTLINE(misc-redundant-expression) */
    const NAME(mask) finite = (NAME(mask))(sum - sum == 0);
    a = (NAME(vector))((finite & (NAME(mask))(sum * (REAL)0.5)) | (~finite & (NAME(mask))halves));
  }
  *(NAME(memory) *)out = a + (REAL)0;
}

EACH_SIZE(SORT)
EACH_SIZE(MEDIAN)

/* The steps of a bitonic merge within a block: comparators at distances BLOCK / 2, ..., 1. */
TARGET static void NAME(clean)(NAME(vector) * block) {
  NAME(vector) v[BLOCK];
#pragma GCC unroll 32
  for (int i = 0; i < BLOCK; i++) v[i] = block[i];
  NAME(clean_step)(v, 16);
  NAME(clean_step)(v, 8);
  NAME(clean_step)(v, 4);
  NAME(clean_step)(v, 2);
  NAME(clean_step)(v, 1);
#pragma GCC unroll 32
  for (int i = 0; i < BLOCK; i++) block[i] = v[i];
}

/* to(n) = the sorted rows at column c; to has room for whole blocks. Blocks are sorted in
 * registers; then runs of p are merged by Batcher's other network, the bitonic, whose last steps
 * stay within blocks: first the run's mirror image is compared, so that all comparators point
 * upwards and what would stand behind the last row (+infinity) stays there. */
TARGET static void NAME(sort_any)(const REAL *const *row, int64_t c, int n, NAME(vector) * to) {
#define SORT_ENTRY(size) NAME(sort_##size),
  static void (*const sorts[])(const REAL *const *, int64_t, int,
                               NAME(vector) *) = {EACH_SIZE(SORT_ENTRY)};
#undef SORT_ENTRY
  for (int i = 0; i < n; i += BLOCK) {
    const int rows = n - i < BLOCK ? n - i : BLOCK;
    sorts[(rows - 1) / 4](row + i, c, rows, to + i);
  }
  if (n <= BLOCK) return;
  const int end = (n + BLOCK - 1) / BLOCK * BLOCK;
  for (int i = (n + 3) / 4 * 4; i < end; i++) to[i] = (REAL)INFINITY - (NAME(vector)){0};
  for (int p = BLOCK; p < n; p *= 2) {
    for (int begin = 0; begin + p < n; begin += 2 * p)
      for (int i = begin + p; i < begin + 2 * p && i < n; i++)
        NAME(exchange)(&to[2 * (begin + p) - 1 - i], &to[i]);
    for (int k = p / 2; k >= BLOCK; k /= 2)
      for (int begin = 0; begin + k < n; begin += 2 * k)
        for (int i = begin; i < begin + k && i + k < n; i++) NAME(exchange)(&to[i], &to[i + k]);
    for (int i = 0; i < end; i += BLOCK) NAME(clean)(to + i);
  }
}

/* The mean of sorted values, from the smallest, without the first and the last of them. */
INLINE void NAME(store_trimmed)(const NAME(job) * job, const NAME(vector) * sorted, REAL *out) {
  const int64_t begin = job->count, end = job->n - job->count;
  const NAME(wide) count = NAME(spread)((double)(end - begin));
#pragma GCC unroll 2
  for (int h = 0; h < LANES; h += WIDES) {
    NAME(wide) sum = NAME(spread)(0);
    for (int64_t i = begin; i < end; i++) sum += NAME(load_wide)((const REAL *)&sorted[i] + h);
    NAME(store_wide)(out + h, sum / count);
  }
}

/* The kept values are neighbours in the sorted column, so just one of each class of places modulo
 * their number. Value i displaces value i - keep when it is nearer to the median, that is, when
 * their sum is below twice the median; once a value fails to, so do all after it. */
INLINE void NAME(store_nearest)(const NAME(job) * job, const NAME(vector) * sorted, REAL *out) {
  const int64_t n = job->n, keep = job->count;
  const NAME(wide) count = NAME(spread)((double)keep);
#pragma GCC unroll 2
  for (int h = 0; h < LANES; h += WIDES) {
    const REAL *x = (const REAL *)sorted + h;
    const NAME(wide) twice =
        NAME(load_wide)(x + (n - 1) / 2 * LANES) + NAME(load_wide)(x + n / 2 * LANES);
    NAME(wide) sum = NAME(spread)(0);
    for (int64_t first = 0; first < keep; first++) {
      NAME(wide) kept = NAME(load_wide)(x + first * LANES), before = kept;
      for (int64_t i = first + keep; i < n; i += keep) {
        const NAME(wide) value = NAME(load_wide)(x + i * LANES);
        kept = NAME(choose)((NAME(mask))(before + value < twice), value, kept);
        before = value;
      }
      sum += kept;
    }
    NAME(store_wide)(out + h, sum / count);
  }
}

/* A rule over sorted columns: of at most BLOCK rows, whose tile stays in the cache's first level,
 * or of any number. */
#define OF_SORTED(function, rule, rows)                                      \
  TARGET static __attribute__((noinline)) void NAME(function)(               \
      const NAME(job) * job, const REAL *const *row, int64_t c, REAL *out) { \
    NAME(vector) sorted[rows];                                               \
    NAME(sort_any)(row, c, (int)job->n, sorted);                             \
    NAME(store_##rule)(job, sorted, out);                                    \
  }
INLINE void NAME(store_median)(const NAME(job) * job, const NAME(vector) * sorted, REAL *out) {
  NAME(store_middle)(sorted[(job->n - 1) / 2], sorted[job->n / 2], job->n % 2 == 0, out);
}
OF_SORTED(median_many, median, MST_RULE_ROWS)
OF_SORTED(trimmed_few, trimmed, BLOCK)
OF_SORTED(trimmed_many, trimmed, MST_RULE_ROWS)
OF_SORTED(nearest_few, nearest, BLOCK)
OF_SORTED(nearest_many, nearest, MST_RULE_ROWS)

/* Fewer columns than a vector has lanes. */
TARGET static __attribute__((noinline)) void NAME(run_narrow)(const NAME(job) * job,
                                                              NAME(tile) tile, int64_t m,
                                                              const REAL *const *row, REAL *out) {
  REAL copy[MST_RULE_ROWS][LANES], result[LANES];
  const REAL *rows[MST_RULE_ROWS];
  for (int64_t i = 0; i < job->n; i++) {
    rows[i] = copy[i];
    for (int64_t j = 0; j < LANES; j++) copy[i][j] = j < m ? row[i][j] : 0;
  }
  tile(job, rows, 0, result);
  memcpy(out, result, (size_t)m * sizeof *out);
}

/* All columns; the last tile begins earlier where they are no multiple. */
static void NAME(run)(const NAME(job) * job, NAME(tile) tile, int64_t m, const REAL *const *row,
                      REAL *out) {
  if (m < LANES) {
    if (m > 0) NAME(run_narrow)(job, tile, m, row, out);
    return;
  }
  for (int64_t c = 0; c + LANES <= m; c += LANES) tile(job, row, c, out + c);
  if (m % LANES != 0) tile(job, row, m - LANES, out + m - LANES);
}

static void NAME(median)(int64_t n, int64_t m, const REAL *const *row, REAL *out) {
#define MEDIAN_ENTRY(size) NAME(median_##size),
  static const NAME(tile) medians[] = {EACH_SIZE(MEDIAN_ENTRY)};
#undef MEDIAN_ENTRY
  NAME(job) job = {.n = n};
  NAME(run)(&job, n <= BLOCK ? medians[(n - 1) / 4] : NAME(median_many), m, row, out);
}

static void NAME(trimmed)(int64_t n, int64_t m, const REAL *const *row, int64_t trim, REAL *out) {
  NAME(job) job = {.n = n, .count = trim};
  NAME(run)(&job, n <= BLOCK ? NAME(trimmed_few) : NAME(trimmed_many), m, row, out);
}

static void NAME(nearest)(int64_t n, int64_t m, const REAL *const *row, int64_t keep, REAL *out) {
  NAME(job) job = {.n = n, .count = keep};
  NAME(run)(&job, n <= BLOCK ? NAME(nearest_few) : NAME(nearest_many), m, row, out);
}

#include "core/robust/columns_mean.h"
