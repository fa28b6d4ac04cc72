/* Variance-corrected averaging (Tian et al., arXiv 2404.04616): the mean of models that differ has
 * less variance in each tensor than any of them, and learns slowly for it; so each tensor of the
 * mean is scaled about its own mean m,
 *
 *     out = m + (mixed - m) sqrt((v + EPSILON) / (var(mixed) + EPSILON)),
 *     mixed = c x + (1 - c) sum_j W_ij x_j / sum_j W_ij,
 *     v = c var(x) + (1 - c) sum_j W_ij var(x_j) / sum_j W_ij,
 *
 * with unbiased variances; c = 0 (follow: others), a constant (conservative), or W_ii (mixing). A
 * tensor of one entry is left as mixed. Two passes: variances of all vectors and who is finite,
 * then those of `mixed`. */
#include "core/base/word.h"
#include "core/decentralised/member.h"

#define EPSILON 1e-4 /* in squared units of the parameters, as in the paper's code */

/* Mean, and sum of squared deviations, of a vector's tensor so far. */
typedef struct moments {
  double mean, squares;
} moments;

/* Of tensor t: neighbours 0 .. k-1, then the own vector, then `mixed`. */
static moments *moments_of(const mst_mixing_plan *p, int64_t t, int64_t vector) {
  return (moments *)(void *)p->keep + t * (p->node->neighbours + 2) + vector;
}

/* Join the moments of x(n) to those of `before` entries (Chan, Golub, LeVeque 1983). */
#define JOIN(name, real)                                                                      \
  static void name(moments *to, int64_t before, int64_t n, const real *x) {                   \
    double mean = 0, squares = 0;                                                             \
    for (int64_t c = 0; c < n; c++) mean += (double)x[c];                                     \
    mean /= (double)n;                                                                        \
    for (int64_t c = 0; c < n; c++) squares += ((double)x[c] - mean) * ((double)x[c] - mean); \
    const double away = mean - to->mean, share = (double)n / (double)(before + n);            \
    to->squares += squares + away * away * share * (double)before;                            \
    to->mean += away * share;                                                                 \
  }
JOIN(join_f32, float)
JOIN(join_f64, double)

#define MEASURE(name, real, join, combine)                                               \
  static void name(mst_mixing_plan *p, int64_t first, int64_t m, const real *own,        \
                   const real *const *neighbour, int64_t offset) {                       \
    const int64_t k = p->node->neighbours, *border = p->node->border;                    \
    double mixed[MST_MIXING_COLUMNS];                                                    \
    if (p->pass == 1) combine(p, m, own, neighbour, offset, mixed);                      \
    for (int64_t t = mst_mixing_tensor(p, first); t < p->node->tensors; t++) {           \
      if (border[t] >= first + m) return;                                                \
      const int64_t begin = mst_most(border[t], first), before = begin - border[t];      \
      const int64_t n = mst_least(border[t + 1], first + m) - begin, at = begin - first; \
      if (n == 0) continue;                                                              \
      if (p->pass == 1) {                                                                \
        join_f64(moments_of(p, t, k + 1), before, n, mixed + at);                        \
        continue;                                                                        \
      }                                                                                  \
      join(moments_of(p, t, k), before, n, own + offset + at);                           \
      for (int64_t j = 0; j < k; j++)                                                    \
        join(moments_of(p, t, j), before, n, neighbour[j] + offset + at);                \
    }                                                                                    \
  }
MEASURE(measure_f32, float, join_f32, mst_mixing_combine_f32)
MEASURE(measure_f64, double, join_f64, mst_mixing_combine_f64)

/* The own vector's share c of the mean. */
static double own_share(const mst_mixing_plan *p) {
  if (mst_word_is_in(p->spec->follow, "others")) return 0;
  if (mst_word_is_in(p->spec->follow, "conservative")) return p->spec->conservative;
  return p->self;
}

static void find_shares(mst_mixing_plan *p) {
  mst_mixing_take_weights(p);
  double total = 0;
  for (int64_t j = 0; j < p->node->neighbours; j++) total += p->share[j];
  const double own = own_share(p);
  for (int64_t j = 0; j < p->node->neighbours; j++)
    if (p->share[j] > 0) p->share[j] *= (1 - own) / total;
  p->self = total > 0 ? own : 1;
}

static void find_scales(mst_mixing_plan *p) {
  const int64_t k = p->node->neighbours, *border = p->node->border;
  for (int64_t t = 0; t < p->node->tensors; t++) {
    const double freedom = (double)(border[t + 1] - border[t] - 1);
    const moments *mixed = moments_of(p, t, k + 1);
    double wanted = p->self * moments_of(p, t, k)->squares;
    for (int64_t j = 0; j < k; j++)
      if (p->share[j] > 0) wanted += p->share[j] * moments_of(p, t, j)->squares;
    p->centre[t] = mixed->mean;
    p->scale[t] = 1;
    if (freedom > 0)
      p->scale[t] = sqrt((wanted / freedom + EPSILON) / (mixed->squares / freedom + EPSILON));
  }
}

static void conclude(mst_mixing_plan *p) {
  if (p->pass == 0)
    find_shares(p);
  else
    find_scales(p);
}

static int64_t doubles(int64_t k, int64_t tensors) {
  return tensors * (k + 2) * (int64_t)(sizeof(moments) / sizeof(double));
}

static const mst_param params[] = {
    MST_MIXING_WORD(follow, "mixing", "mixing|others|conservative",
                    "the own vector's share: its mixing weight, none, or `conservative`"),
    MST_MIXING_REAL(conservative, "0.5", 0, 1, false, "", "follow: conservative, that share"),
    {.name = NULL}};

const mst_mixing_ops mst_mixing_variance_corrected = {
    .name = "variance_corrected",
    .summary = "the mean, with the variance of every tensor that the vectors have",
    .params = params,
    .needs = MST_MIXING_TENSORS,
    .passes = 2,
    .doubles = doubles,
    .measure_f32 = measure_f32,
    .measure_f64 = measure_f64,
    .conclude = conclude,
};
