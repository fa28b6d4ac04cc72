/* Distances and sums of vectors: one body (space_tile.h) for vectors of 64, 32 and 16 bytes and
 * rows of either type, and the choice among them; then what can be known of sums of points from the
 * distances of the points. */
#include "core/robust/space.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/wide.h"

#define AHEAD      512  /* bytes of a row that are asked for before they are read            */
#define STRIP      128  /* columns that are turned into doubles at a time, a multiple of 8    */
#define GROUP      24   /* rows whose pairs are taken together, a multiple of 4               */
#define FEW_POINTS 64   /* points whose sums are compared one difference at a time           */
#define CANCELLED  1e-6 /* share of the terms of a difference below which it is taken anew   */

/* The sums of pairs from (i, j) on. */
#define AT(sum, i, j) ((double(*)[GROUP][8])(sum)[i][j])

/* The row of weight 1 when all others have 0, else -1. */
static int64_t only_row(int64_t n, const double *weight) {
  int64_t only = -1;
  for (int64_t i = 0; i < n; i++) {
    if (weight[i] == 0) continue;
    if (weight[i] != 1 || only >= 0) return -1;
    only = i;
  }
  return only;
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define BYTES                64
#define ACROSS               4
#define TARGET               __attribute__((target("avx512f")))
#define SQUARE_AND_ADD(d, s) _mm512_fmadd_pd((__m512d)(d), (__m512d)(d), (__m512d)(s))

#define NAME(x)     x##_f32_avx512
#define REAL        float
#define LOAD(p)     _mm512_cvtps_pd(_mm256_loadu_ps(p))
#define STORE(p, x) _mm256_storeu_ps(p, _mm512_cvtpd_ps((__m512d)(x)))
#include "core/robust/space_tile.h"

#define NAME(x)     x##_f64_avx512
#define REAL        double
#define LOAD(p)     _mm512_loadu_pd(p)
#define STORE(p, x) _mm512_storeu_pd(p, (__m512d)(x))
#include "core/robust/space_tile.h"
#undef BYTES
#undef ACROSS
#undef TARGET
#undef SQUARE_AND_ADD

#define BYTES                32
#define ACROSS               2
#define TARGET               __attribute__((target("avx2,fma")))
#define SQUARE_AND_ADD(d, s) _mm256_fmadd_pd((__m256d)(d), (__m256d)(d), (__m256d)(s))

#define NAME(x)     x##_f32_avx2
#define REAL        float
#define LOAD(p)     _mm256_cvtps_pd(_mm_loadu_ps(p))
#define STORE(p, x) _mm_storeu_ps(p, _mm256_cvtpd_ps((__m256d)(x)))
#include "core/robust/space_tile.h"

#define NAME(x)     x##_f64_avx2
#define REAL        double
#define LOAD(p)     _mm256_loadu_pd(p)
#define STORE(p, x) _mm256_storeu_pd(p, (__m256d)(x))
#include "core/robust/space_tile.h"
#undef BYTES
#undef ACROSS
#undef TARGET
#undef SQUARE_AND_ADD
#endif

typedef double pair __attribute__((vector_size(16)));

static inline pair load_floats(const float *p) {
  return (pair){p[0], p[1]};
}

static inline void store_floats(float *p, pair x) {
  p[0] = (float)x[0];
  p[1] = (float)x[1];
}

/* Rounded once, as the wider vectors have it: slow on a processor without such an operation. */
static inline pair square_and_add(pair d, pair s) {
  return (pair){fma(d[0], d[0], s[0]), fma(d[1], d[1], s[1])};
}

static inline pair load_doubles(const double *p) {
  return (pair){p[0], p[1]};
}

static inline void store_doubles(double *p, pair x) {
  memcpy(p, &x, sizeof x);
}

#define BYTES  16
#define ACROSS 2
#define TARGET
#define SQUARE_AND_ADD square_and_add

#define NAME(x) x##_f32_plain
#define REAL    float
#define LOAD    load_floats
#define STORE   store_floats
#include "core/robust/space_tile.h"

#define NAME(x) x##_f64_plain
#define REAL    double
#define LOAD    load_doubles
#define STORE   store_doubles
#include "core/robust/space_tile.h"

#define ENTRY(width)                                                                          \
  {                                                                                           \
#width, distances_f32_##width, distances_f64_##width, away_f32_##width, away_f64_##width, \
        combine_f32_##width, combine_f64_##width                                              \
  }
static const mst_space_width widths[] = {
#if defined(__x86_64__) && defined(__GNUC__)
    ENTRY(avx512),
    ENTRY(avx2),
#endif
    ENTRY(plain),
};
enum {
  WIDTHS = sizeof widths / sizeof widths[0]
};

static const mst_space_width *widest(void) {
  return &widths[mst_wide_first(WIDTHS)];
}

const mst_space_width *mst_space_width_at(int i) {
  const int at = mst_wide_first(WIDTHS) + i;
  return i >= 0 && at < WIDTHS ? &widths[at] : NULL;
}

void mst_space_distances_f32(int64_t n, int64_t m, const float *const *row, double *distance) {
  widest()->distances_f32(n, m, row, distance);
}

void mst_space_distances_f64(int64_t n, int64_t m, const double *const *row, double *distance) {
  widest()->distances_f64(n, m, row, distance);
}

void mst_space_away_f32(int64_t n, int64_t m, const float *const *row, const float *to,
                        double *away) {
  widest()->away_f32(n, m, row, to, away);
}

void mst_space_away_f64(int64_t n, int64_t m, const double *const *row, const double *to,
                        double *away) {
  widest()->away_f64(n, m, row, to, away);
}

void mst_space_combine_f32(int64_t n, int64_t m, const float *const *row, const double *weight,
                           float *out) {
  widest()->combine_f32(n, m, row, weight, out);
}

void mst_space_combine_f64(int64_t n, int64_t m, const double *const *row, const double *weight,
                           double *out) {
  widest()->combine_f64(n, m, row, weight, out);
}

/* Magnitudes are compared as integers: infinity and what is no number are above all numbers. */
MST_WIDE_BODY largest_f32_body(int64_t m, const float *row, int32_t *largest) {
  int32_t most = 0;
  for (int64_t c = 0; c < m; c++) {
    int32_t bits;
    memcpy(&bits, &row[c], sizeof bits);
    bits &= INT32_MAX;
    most = bits > most ? bits : most;
  }
  *largest = most;
}
MST_WIDE(largest_f32, (int64_t m, const float *row, int32_t *largest), (m, row, largest))

bool mst_space_finite_f32(int64_t m, const float *row) {
  int32_t largest;
  largest_f32(m, row, &largest);
  return largest < INT32_C(0x7f800000);
}

#define LANES 8 /* running sums of an inner product */

#define SIGNS(type, real)                                                               \
  MST_WIDE_BODY signs_##type##_body(int64_t m, const real *row, int64_t *count) {       \
    int32_t positive = 0, negative = 0;                                                 \
    for (int64_t c = 0; c < m; c++) {                                                   \
      positive += row[c] > 0;                                                           \
      negative += row[c] < 0;                                                           \
    }                                                                                   \
    count[0] = positive;                                                                \
    count[1] = negative;                                                                \
  }                                                                                     \
  MST_WIDE(signs_##type, (int64_t m, const real *row, int64_t *count), (m, row, count)) \
  void mst_space_signs_##type(int64_t m, const real *row, int64_t *count) {             \
    signs_##type(m, row, count);                                                        \
  }
SIGNS(f32, float)
SIGNS(f64, double)

#define INNER(type, real)                                                                          \
  MST_WIDE_BODY inner_##type##_body(int64_t m, const real *a, const real *b, double *lane) {       \
    int64_t c = 0;                                                                                 \
    double sum[LANES] = {0};                                                                       \
    for (; c + LANES <= m; c += LANES)                                                             \
      for (int l = 0; l < LANES; l++) sum[l] += (double)a[c + l] * (double)b[c + l];               \
    for (; c < m; c++) sum[c % LANES] += (double)a[c] * (double)b[c];                              \
    for (int l = 0; l < LANES; l++) lane[l] = sum[l];                                              \
  }                                                                                                \
  MST_WIDE(inner_##type, (int64_t m, const real *a, const real *b, double *lane), (m, a, b, lane)) \
  double mst_space_inner_##type(int64_t m, const real *a, const real *b) {                         \
    double lane[LANES], sum = 0;                                                                   \
    inner_##type(m, a, b, lane);                                                                   \
    for (int l = 0; l < LANES; l++) sum += lane[l];                                                \
    return sum;                                                                                    \
  }
INNER(f32, float)
INNER(f64, double)

/* c = a - b. Weights that sum to 1 with a small one on a long vector and the rest on the zero
 * vector have lost the small one's digits in the rest: there the zero vector's entry comes from the
 * others.
 */
typedef struct difference {
  const double *a, *b;
  int64_t zero; /* the point whose entry is `rest`, or -1 */
  double rest;
} difference;

static difference difference_of(int64_t points, int64_t zero, const double *a, const double *b) {
  difference c = {.a = a, .b = b, .zero = -1};
  if (zero < 0 || (a[zero] == 0 && b[zero] == 0)) return c;
  c.zero = zero;
  for (int64_t i = 0; i < points; i++)
    if (i != zero) c.rest -= a[i] - b[i];
  return c;
}

static inline double entry(const difference *c, int64_t i) {
  return i == c->zero ? c->rest : c->a[i] - c->b[i];
}

/* min_q (sum_i |c_i| |p_i - p_q|)^2: the triangle inequality, which has no differences. */
static double longest(int64_t points, const double *distance, const difference *c) {
  double least = INFINITY;
  for (int64_t q = 0; q < points; q++) {
    double path = 0;
    for (int64_t i = 0; i < points && path < least; i++) {
      const double of = fabs(entry(c, i));
      if (of != 0) path += of * sqrt(distance[i * points + q]);
    }
    least = fmin(least, path);
  }
  return least * least;
}

/* -1/2 sum_ij c_i c_j D_ij. Points that both sums hold alike are not looked at, so one that is far
 * away costs the others no digit. What is below the rounding of its terms is not known; it counts
 * as that rounding, not as 0, but never as more than it can be. */
double mst_space_between(int64_t points, const double *distance, int64_t zero, const double *a,
                         const double *b) {
  const difference c = difference_of(points, zero, a, b);
  double sum = 0, terms = 0;
  for (int64_t i = 0; i < points; i++) {
    const double of = entry(&c, i);
    if (of == 0) continue;
    double inner = 0, size = 0;
    for (int64_t j = 0; j < i; j++) {
      const double other = entry(&c, j);
      if (other == 0) continue;
      inner += other * distance[i * points + j];
      size += fabs(other) * distance[i * points + j];
    }
    sum -= of * inner;
    terms += 2 * fabs(of) * size;
  }
  if (isnan(sum)) return INFINITY; /* distances that overflowed */
  const double rounding = (double)points * DBL_EPSILON * terms;
  if (sum * CANCELLED > rounding) return sum;
  return fmin(fmax(sum, rounding), longest(points, distance, &c));
}

/* matrix(k, points) times distance times its transposed: (k, k) at stride. */
static void multiply(int64_t points, const double *distance, int64_t k, const double *matrix,
                     double *work, double *product, int64_t stride) {
  for (int64_t i = 0; i < k; i++) {
    memset(work, 0, (size_t)points * sizeof *work);
    for (int64_t p = 0; p < points; p++) {
      const double w = matrix[i * points + p];
      if (w == 0) continue;
      for (int64_t q = 0; q < points; q++) work[q] += w * distance[p * points + q];
    }
    for (int64_t j = i; j < k; j++) {
      double sum = 0;
      for (int64_t q = 0; q < points; q++)
        if (matrix[j * points + q] != 0) sum += matrix[j * points + q] * work[q];
      product[i * stride + j] = sum;
    }
  }
}

/* Of many points the distances of sums come from products of the whole matrix, a'Db - (a'Da + b'Db)
 * / 2, as long as that leaves 10 digits; else, as of few points, from the difference of the two. */
void mst_space_mix(int64_t n, int64_t points, const double *distance, int64_t zero, int64_t k,
                   const double *matrix, double *work, double *mixed) {
  const int64_t all = k + points - n;
  const bool many = points > FEW_POINTS;
  if (many) multiply(points, distance, k, matrix, work, mixed, all);
  for (int64_t i = 0; i < k; i++)
    for (int64_t j = i + 1; j < k; j++) {
      double *d = &mixed[i * all + j], halves = 0;
      if (many) {
        halves = mixed[i * all + i] / 2 + mixed[j * all + j] / 2;
        *d -= halves;
      }
      if (!(many && *d > CANCELLED * halves))
        *d = mst_space_between(points, distance, zero, matrix + i * points, matrix + j * points);
    }
  memset(work, 0, (size_t)points * sizeof *work);
  for (int64_t j = k; j < all; j++) {
    const int64_t point = n + j - k;
    work[point] = 1;
    for (int64_t i = 0; i < k; i++)
      mixed[i * all + j] = mst_space_between(points, distance, zero, matrix + i * points, work);
    work[point] = 0;
    for (int64_t i = k; i < j; i++) mixed[i * all + j] = distance[(n + i - k) * points + point];
  }
  for (int64_t i = 0; i < all; i++) {
    mixed[i * all + i] = 0;
    for (int64_t j = 0; j < i; j++) mixed[i * all + j] = mixed[j * all + i];
  }
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void sort_distances(int64_t n, int64_t points, const double *distance, int64_t vector,
                           double *sorted) {
  memcpy(sorted, distance + vector * points, (size_t)n * sizeof *sorted);
  qsort(sorted, (size_t)n, sizeof *sorted, compare);
}

/* Whether vector a comes before vector b; sum(n), then room for both vectors' distances. */
static bool comes_before(int64_t n, int64_t points, const double *distance, int64_t keys,
                         const double *key, double *sum, int64_t a, int64_t b) {
  if (sum[a] != sum[b]) return sum[a] < sum[b];
  double *of_a = sum + n, *of_b = sum + 2 * n;
  sort_distances(n, points, distance, a, of_a);
  sort_distances(n, points, distance, b, of_b);
  for (int64_t i = 0; i < n; i++)
    if (of_a[i] != of_b[i]) return of_a[i] < of_b[i];
  for (int64_t p = n; p < points; p++) {
    const double x = distance[a * points + p], y = distance[b * points + p];
    if (x != y) return x < y;
  }
  for (int64_t k = 0; k < keys; k++) {
    const double x = key[a * keys + k], y = key[b * keys + k];
    if (x != y) return x < y;
  }
  return a < b;
}

/* Insertion by halving. */
void mst_space_order(int64_t n, int64_t points, const double *distance, int64_t keys,
                     const double *key, double *work, int64_t *order) {
  for (int64_t i = 0; i < n; i++) {
    double sum = 0;
    sort_distances(n, points, distance, i, work + n);
    for (int64_t j = 0; j < n; j++) sum += work[n + j];
    work[i] = sum;
  }
  for (int64_t i = 0; i < n; i++) {
    int64_t low = 0, high = i;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (comes_before(n, points, distance, keys, key, work, i, order[middle]))
        high = middle;
      else
        low = middle + 1;
    }
    memmove(&order[low + 1], &order[low], (size_t)(i - low) * sizeof *order);
    order[low] = i;
  }
}
