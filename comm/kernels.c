/* What a reduction does to its elements: the table of reducers, and how an array is cut into
 * rounds, slices and chunks. The loops are plain, for the compiler to vectorise. */
#include <math.h>
#include <string.h>

#include "comm/internal.h"
#include "comm/sum.h"
#include "core/linalg/lattice.h"

static void copy(void *out, const void *in, int64_t n, int shift) {
  (void)shift;
  if (out != in) memcpy(out, in, (size_t)n * 8);
}

/* Modulo 2^64: unsigned, because a signed overflow is undefined. */
static void add_i64(void *sum, const void *term, int64_t n, int shift) {
  uint64_t *restrict s = sum;
  const uint64_t *restrict t = term;
  (void)shift;
  for (int64_t i = 0; i < n; i++) s[i] += t[i];
}

static void add_f64(void *sum, const void *term, int64_t n, int shift) {
  double *restrict s = sum;
  const double *restrict t = term;
  (void)shift;
  for (int64_t i = 0; i < n; i++) s[i] += t[i];
}

static void most_i64(void *most, const void *term, int64_t n, int shift) {
  int64_t *restrict m = most;
  const int64_t *restrict t = term;
  (void)shift;
  for (int64_t i = 0; i < n; i++) m[i] = t[i] > m[i] ? t[i] : m[i];
}

static void load_most_f64(void *most, const void *term, int64_t n, int shift) {
  double *m = most; /* may be term */
  const double *t = term;
  (void)shift;
  for (int64_t i = 0; i < n; i++) m[i] = isnan(t[i]) ? INFINITY : t[i];
}

static void most_f64(void *most, const void *term, int64_t n, int shift) {
  double *restrict m = most;
  const double *restrict t = term;
  (void)shift;
  for (int64_t i = 0; i < n; i++) {
    double v = isnan(t[i]) ? INFINITY : t[i];
    m[i] = v > m[i] ? v : m[i];
  }
}

static void load_lattice(void *sum, const void *term, int64_t n, int shift) {
  mst_lattice_from(sum, term, n, shift);
}

static void add_lattice(void *sum, const void *term, int64_t n, int shift) {
  mst_lattice_add(sum, term, n, shift);
}

static void store_lattice(void *out, const void *sum, int64_t n, int shift) {
  mst_lattice_to(out, sum, n, shift);
}

/* Sums of integers are modulo 2^64, so MPI sees them unsigned too. */
const mst_reducer mst_reducer_sum_i64 = {MPI_UINT64_T, MPI_SUM, copy, add_i64, copy};
const mst_reducer mst_reducer_sum_f64 = {MPI_DOUBLE, MPI_SUM, copy, add_f64, copy};
const mst_reducer mst_reducer_max_i64 = {MPI_INT64_T, MPI_MAX, copy, most_i64, copy};
const mst_reducer mst_reducer_max_f64 = {MPI_DOUBLE, MPI_MAX, load_most_f64, most_f64, copy};
const mst_reducer mst_reducer_lattice = {MPI_UINT64_T, MPI_SUM, load_lattice, add_lattice,
                                         store_lattice};

mst_span mst_reduction_round(const mst_reduction *r, int64_t k) {
  int64_t size = r->team->domain.round_elements, begin = k * size;
  return (mst_span){begin, r->n - begin < size ? r->n : begin + size};
}

/* Whole cache lines, so that two ranks never write to one. */
mst_span mst_span_slice(mst_span round, int of, int parts) {
  int64_t lines = (round.end - round.begin + 7) / 8;
  int64_t begin = round.begin + lines * of / parts * 8;
  int64_t end = round.begin + lines * (of + 1) / parts * 8;
  return (mst_span){begin < round.end ? begin : round.end, end < round.end ? end : round.end};
}

static int shift_at(const mst_reduction *r, int64_t entry) {
  if (r->magnitude == NULL) return 0;
  return mst_lattice_shift(mst_lattice_exponent(r->magnitude[entry / MST_SUM_CHUNK]) + r->headroom);
}

/* Chunk by chunk, because each has its own shift. */
void mst_reduction_apply(const mst_reduction *r, mst_kernel f, void *out, const void *in,
                         mst_span s) {
  for (int64_t begin = s.begin, end; begin < s.end; begin = end) {
    int64_t at = (begin - s.begin) * 8;
    end = (begin / MST_SUM_CHUNK + 1) * MST_SUM_CHUNK;
    if (end > s.end) end = s.end;
    f((char *)out + at, (const char *)in + at, end - begin, shift_at(r, begin));
  }
}
