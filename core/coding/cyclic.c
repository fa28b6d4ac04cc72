/* The cyclic code: worker j takes parts j .. j+2s and sends one combination of them, whose
 * coefficients are those of the generator polynomial of a Reed-Solomon code over the n-th roots of
 * unity. So over the workers every coordinate of the messages is a codeword: 2s of its Fourier
 * coefficients are 0, and another one is the sum of the parts.
 *
 * Decoding works on one number a message, its product with a random vector. Hostile workers are the
 * roots of the locator polynomial, found from the 2s Fourier coefficients that should be 0 (a
 * Hankel system); messages that are not finite are known erasures; a set of workers is accepted
 * when the others agree with the code to the rounding of their own messages. Source: DRACO, section
 * 3.2; the construction, the proofs and the treatment of magnitudes: doc/methods/coding.md, whose
 * equation numbers stand below. */
#include <complex.h>
#include <float.h>

#include "core/base/arithmetic.h"
#include "core/coding/member.h"
#include "core/linalg/complex.h"

enum {
  CHECKS = 2 * MST_CODING_ADVERSARIES
};
_Static_assert(CHECKS <= MST_COMPLEX_ORDER, "a locator's system must fit");

/* Rounding of a syndrome, in units of the norm of its terms. */
#define ROUNDING (256 * DBL_EPSILON)

/* Most that errors which pass for rounding may add to the sum, in the same units. */
#define TOLERANCE 1e-5

/* zeta^k, zeta = exp(-2 pi i / n), from the angle in the first turn. (1) */
static double complex root(const mst_coding_spec *s, int64_t k) {
  const int64_t n = s->workers;
  const double angle = -2 * M_PI * (double)((k % n + n) % n) / (double)n;
  return CMPLX(cos(angle), sin(angle));
}

/* The first of the 2s consecutive frequencies that codewords lack, farthest from 0. (2) */
static int64_t gap(const mst_coding_spec *s) {
  return (s->workers - 2 * s->adversaries + 1) / 2;
}

/* Frequencies of the gap come in conjugate pairs: the code is real. */
static bool is_real(const mst_coding_spec *s) {
  return s->workers % 2 == 1;
}

/* By how much the sum of 2s neighbours' errors can exceed the one syndrome by which they show. (9)
 */
static double magnification(const mst_coding_spec *s) {
  const int64_t begin = gap(s), middle = begin + s->adversaries;
  const double half = M_PI / (double)s->workers;
  double x = 1;
  for (int64_t k = begin; k < begin + 2 * s->adversaries; k++)
    if (k != middle) x *= sin(half * (double)k) / fabs(sin(half * (double)(k - middle)));
  return x;
}

static bool tells_apart(const mst_coding_spec *s) {
  return ROUNDING * magnification(s) <= TOLERANCE;
}

static mst_status check(const mst_coding_spec *s) {
  const int64_t least = mst_coding_redundancy(s);
  mst_coding_spec most = *s;
  if (s->workers < least)
    return mst_fail(
        MST_ERR_INPUT,
        "coding.workers is %lld; cyclic with coding.adversaries: %lld needs at least %lld",
        (long long)s->workers, (long long)s->adversaries, (long long)least);
  while (!tells_apart(&most)) most.workers--; /* 2s+1 are always told apart */
  if (most.workers == s->workers) return MST_OK;
  return mst_fail(
      MST_ERR_INPUT,
      "coding.workers is %lld; cyclic with coding.adversaries: %lld tells hostile workers from "
      "honest ones in double precision among at most %lld (or coding.kind: repetition)",
      (long long)s->workers, (long long)s->adversaries, (long long)most.workers);
}

static int width(const mst_coding_spec *s) {
  return is_real(s) ? 1 : 2;
}

static int64_t first(const mst_coding_spec *s, int64_t worker) {
  (void)s;
  return worker;
}

/* Worker j's part j+k has g_(2s-k), g(x) = prod (x - zeta^k) / (1 - zeta^k) over the gap, from the
 * q-binomial theorem: positive numbers, and for even n a turn by half a root for each power. (3) */
static void coefficients(const mst_coding_spec *s, int64_t worker, double *re, double *im) {
  const int64_t degree = 2 * s->adversaries;
  const double half = M_PI / (double)s->workers, turn = is_real(s) ? 0 : half;
  double complex g[CHECKS + 1], sum = 0;
  double size = 1;
  (void)worker;
  for (int64_t k = 0; k <= degree; k++) {
    if (k > 0) size *= sin(half * (double)(degree - k + 1)) / sin(half * (double)k);
    g[k] = size * CMPLX(cos(turn * (double)k), sin(turn * (double)k));
    sum += g[k];
  }
  for (int64_t k = 0; k <= degree; k++) {
    re[k] = creal(g[k] / sum);
    im[k] = cimag(g[k] / sum);
  }
}

/* A sum with the rounding of its additions carried along (Knuth's two-sum). */
typedef struct total {
  double sum, lost;
} total;

static void add(total *t, double x) {
  const double sum = t->sum + x, part = sum - t->sum;
  t->lost += (t->sum - (sum - part)) + (x - part);
  t->sum = sum;
}

static void witness(const mst_coding_spec *s, int64_t d, const double *message,
                    const double *projection, mst_coding_witness *out) {
  const bool two = width(s) == 2;
  total re = {0, 0}, im = {0, 0};
  double squares = 0;
  for (int64_t i = 0; i < d; i++) {
    const double a = message[i] * projection[i], b = two ? message[d + i] * projection[i] : 0;
    add(&re, a);
    if (two) add(&im, b);
    squares += a * a + b * b;
  }
  out->re = re.sum + re.lost;
  out->im = im.sum + im.lost;
  out->size = sqrt(squares);
  out->finite = isfinite(out->re) && isfinite(out->im) && isfinite(out->size);
  if (out->finite) return;
  out->re = out->im = out->size = 0;
}

/* A set of workers that are taken for hostile. */
typedef struct suspects {
  int64_t n, worker[CHECKS];
} suspects;

static bool is_suspect(const suspects *t, int64_t worker) {
  for (int64_t i = 0; i < t->n; i++)
    if (t->worker[i] == worker) return true;
  return false;
}

/* u_j = zeta^(b j) prod_(t suspect) (1 - zeta^(j - t)): the check of frequency b that does not see
 * the suspects. (5) */
static double complex blind(const mst_coding_spec *s, const suspects *t, int64_t j) {
  double complex u = root(s, j * gap(s));
  for (int64_t i = 0; i < t->n; i++) u *= 1 - root(s, j - t->worker[i]);
  return u;
}

/* syndrome(2s - suspects), and its rounding. (6) */
static int64_t find_syndrome(const mst_coding_spec *s, const mst_coding_witness *w,
                             const suspects *t, double complex *syndrome, double *rounding) {
  const int64_t checks = 2 * s->adversaries - t->n;
  double squares = 0;
  for (int64_t k = 0; k < checks; k++) syndrome[k] = 0;
  for (int64_t j = 0; j < s->workers; j++) {
    if (is_suspect(t, j)) continue;
    const double complex u = blind(s, t, j), r = CMPLX(w[j].re, w[j].im);
    for (int64_t k = 0; k < checks; k++) syndrome[k] += u * root(s, j * k) * r;
    squares += pow(cabs(u) * w[j].size, 2);
  }
  *rounding = ROUNDING * sqrt(squares);
  return checks;
}

/* Whether the others agree with the code. */
static bool is_consistent(const mst_coding_spec *s, const mst_coding_witness *w,
                          const suspects *t) {
  double complex syndrome[CHECKS];
  double rounding = 0;
  const int64_t checks = find_syndrome(s, w, t, syndrome, &rounding);
  for (int64_t k = 0; k < checks; k++)
    if (!(cabs(syndrome[k]) <= rounding)) return false;
  return true;
}

/* The locator's value at a worker: sum_m sigma_m zeta^(j m), sigma monic. */
static double locate(const mst_coding_spec *s, int64_t order, const double complex *sigma,
                     int64_t j) {
  double complex value = root(s, j * order);
  for (int64_t m = 0; m < order; m++) value += sigma[m] * root(s, j * m);
  return cabs(value);
}

/* Add `order` more suspects: the workers at which the locator is smallest. (7) */
static mst_status add_located(const mst_coding_spec *s, const mst_coding_witness *w, int64_t order,
                              suspects *t) {
  double complex syndrome[CHECKS], hankel[CHECKS * CHECKS], right[CHECKS], sigma[CHECKS];
  double rounding = 0;
  const int64_t checks = find_syndrome(s, w, t, syndrome, &rounding), rows = checks - order;
  if (order == 0) return MST_OK;
  for (int64_t k = 0; k < rows; k++) {
    right[k] = -syndrome[k + order];
    for (int64_t m = 0; m < order; m++) hankel[k * order + m] = syndrome[k + m];
  }
  MST_TRY(mst_complex_least_squares(rows, order, hankel, right, sigma));
  for (int64_t i = 0; i < order; i++) {
    int64_t best = -1;
    double least = INFINITY;
    for (int64_t j = 0; j < s->workers; j++) {
      if (is_suspect(t, j)) continue;
      const double value = locate(s, order, sigma, j);
      if (best < 0 || value < least) {
        best = j;
        least = value;
      }
    }
    t->worker[t->n++] = best;
  }
  return MST_OK;
}

/* The largest message among those that are not suspected. */
static void add_largest(const mst_coding_spec *s, const mst_coding_witness *w, suspects *t) {
  int64_t largest = -1;
  for (int64_t j = 0; j < s->workers; j++)
    if (!is_suspect(t, j) && (largest < 0 || w[j].size > w[largest].size)) largest = j;
  t->worker[t->n++] = largest;
}

/* Those without whom the others agree as well were wrongly suspected. */
static void acquit(const mst_coding_spec *s, const mst_coding_witness *w, int64_t known,
                   suspects *t) {
  for (int64_t i = t->n - 1; i >= known; i--) {
    suspects less = *t;
    less.worker[i] = less.worker[--less.n];
    if (is_consistent(s, w, &less)) *t = less;
  }
}

/* From the erasures on: the q largest messages are set aside, so that the rounding of what is huge
 * does not cover what is small, and up to s - q others located. Any set of at most s workers that
 * leaves the others consistent holds all hostile ones. */
static mst_status find_hostile(const mst_coding_spec *s, const mst_coding_witness *w,
                               suspects *found) {
  suspects aside = {0};
  for (int64_t j = 0; j < s->workers; j++)
    if (w[j].finite == 0) aside.worker[aside.n++] = j;
  const int64_t known = aside.n;
  for (; aside.n <= s->adversaries; add_largest(s, w, &aside))
    for (int64_t order = 0; order <= s->adversaries - aside.n; order++) {
      *found = aside;
      MST_TRY(add_located(s, w, order, found));
      if (!is_consistent(s, w, found)) continue;
      acquit(s, w, known, found);
      return MST_OK;
    }
  return mst_fail(MST_ERR_INPUT,
                  "the messages of %lld workers agree with no set of at most coding.adversaries: "
                  "%lld hostile ones",
                  (long long)s->workers, (long long)s->adversaries);
}

/* v_j = 1 + sum_k a_k zeta^(j (b+k)), the shortest a with v = 0 at the suspects. (8) */
static mst_status weigh(const mst_coding_spec *s, const suspects *t, mst_coding_decoding *out) {
  double complex a[CHECKS] = {0}, system[CHECKS * CHECKS], right[CHECKS];
  const int64_t terms = 2 * s->adversaries;
  for (int64_t i = 0; i < t->n; i++) {
    right[i] = -1;
    for (int64_t k = 0; k < terms; k++)
      system[i * terms + k] = root(s, t->worker[i] * (gap(s) + k));
  }
  if (t->n > 0) MST_TRY(mst_complex_least_squares(t->n, terms, system, right, a));
  for (int64_t j = 0; j < s->workers; j++) {
    double complex v = 1;
    for (int64_t k = 0; k < terms; k++) v += a[k] * root(s, j * (gap(s) + k));
    out->hostile[j] = is_suspect(t, j);
    out->re[j] = out->hostile[j] ? 0 : creal(v);
    out->im[j] = out->hostile[j] || is_real(s) ? 0 : cimag(v);
  }
  return MST_OK;
}

static mst_status decode(const mst_coding_spec *s, const mst_coding_witness *w,
                         mst_coding_decoding *out) {
  suspects hostile = {0};
  MST_TRY(find_hostile(s, w, &hostile));
  return weigh(s, &hostile, out);
}

static const mst_param params[] = {MST_CODING_PARAMS};

const mst_coding_ops mst_coding_cyclic = {
    .name = "cyclic",
    .summary = "combinations over the roots of unity; 2s+1 workers or more",
    .params = params,
    .projects = true,
    .check = check,
    .width = width,
    .first = first,
    .coefficients = coefficients,
    .witness = witness,
    .decode = decode,
};
