/* UCB over sparse supports, when theta has at most s entries that are not 0 and means are linear up
 * to zeta: all C(d, s) supports are enumerated, as by Dong, Yang 2023, and those eliminated that
 * the statistics exclude. If theta* is the truth, |theta - theta*| in the norm of V is at most rho
 * = beta + zeta n^(1/2): beta by the self-normalised bound, and |V^(-1/2) sum x e| <= |e| for
 * errors e of at most zeta. So a support S stays if the ellipsoid has a vector on it,
 *
 *     b'V^-1 b - b_S'V_SS^-1 b_S <= rho^2,
 *
 * and an arm's bound is the largest of <theta_S, x_S> + rho_S (x_S'V_SS^-1 x_S)^(1/2) over those,
 * rho_S likewise with s numbers and delta / C(d, s), or with the beta that was chosen. */
#include <float.h>

#include "core/bandit/policy_member.h"
#include "core/base/arithmetic.h"
#include "core/linalg/blas.h"

enum {
  MOST = 3, /* entries    */
  MOST_SUPPORTS = 20000
};

static double supports(int64_t d, int64_t s) {
  double n = 1;
  for (int64_t i = 0; i < s; i++) n = n * (double)(d - i) / (double)(i + 1);
  return n;
}

/* The next of the s-subsets of 0 .. d - 1 in lexicographic order. */
static bool next_support(int64_t d, int64_t s, int64_t *at) {
  int64_t i = s - 1;
  while (i >= 0 && at[i] == d - s + i) i--;
  if (i < 0) return false;
  at[i]++;
  for (int64_t j = i + 1; j < s; j++) at[j] = at[j - 1] + 1;
  return true;
}

/* Statistics of one support. */
typedef struct part {
  double l[MOST * MOST], b[MOST], theta[MOST];
  double excess; /* of the squared distance from the ellipsoid's centre */
  double logdet;
} part;

static mst_status fit(const mst_ridge *r, double all, int64_t s, const int64_t *at, part *p) {
  double explained = 0;
  for (int64_t i = 0; i < s; i++) {
    for (int64_t j = 0; j < s; j++) p->l[i * s + j] = r->v[at[i] * r->width + at[j]];
    p->theta[i] = p->b[i] = r->b[at[i]];
  }
  MST_TRY(mst_cholesky(s, p->l, s));
  mst_cholesky_solve(s, 1, p->l, s, p->theta, 1);
  p->logdet = 0;
  for (int64_t i = 0; i < s; i++) {
    explained += p->b[i] * p->theta[i];
    p->logdet += 2 * log(p->l[i * s + i]);
  }
  p->excess = all - explained;
  return MST_OK;
}

/* bound(n) = at least those of arms by this support. */
static void raise_bounds(const part *p, int64_t s, const int64_t *at, double rho, int64_t width,
                         const mst_arms *arms, double *bound) {
  for (int64_t a = 0; a < arms->n; a++) {
    const double *x = arms->x + a * width;
    double z[MOST], mean = 0, square = 0;
    for (int64_t i = 0; i < s; i++) {
      z[i] = x[at[i]];
      for (int64_t j = 0; j < i; j++) z[i] -= p->l[i * s + j] * z[j];
      z[i] /= p->l[i * s + i];
      square += z[i] * z[i];
      mean += x[at[i]] * p->theta[i];
    }
    bound[a] = fmax(bound[a], mean + rho * sqrt(square));
  }
}

/* Interactions: an agent's own, or what the trace of V says of those that it was told, if longer.
 */
static double interactions(const mst_ridge *r, int64_t round) {
  double trace = 0;
  for (int64_t i = 0; i < r->width; i++) trace += r->v[i * r->width + i] - r->lambda;
  return fmax(trace, (double)round);
}

static double rho_of(const mst_policy_spec *s, const part *p, int64_t n, double count,
                     double drift) {
  if (s->beta > 0) return s->beta + drift;
  const double grown = fmax(p->logdet - (double)n * log(s->floor > 0 ? s->floor : s->ridge), 0);
  return s->noise * sqrt(grown + 2 * log(count / s->delta)) + sqrt(s->ridge) * s->length +
         s->slack + drift;
}

static mst_status choose(const mst_policy_spec *s, const mst_ridge *known, const mst_arms *arms,
                         mst_stream *stream, mst_choice *choice) {
  const int64_t d = known->width, n = mst_least(s->sparsity, MOST);
  const double count = supports(d, n);
  const double drift = s->misspecified * sqrt(interactions(known, arms->round));
  const double rho = mst_policy_bound(s, known, s->noise) + drift;
  double all = 0, least = INFINITY, *bound = arms->mean, *fallback = arms->spread;
  int64_t at[MOST] = {0, 1, 2};
  bool any = false;
  (void)stream;
  for (int64_t i = 0; i < d; i++) all += known->b[i] * known->theta[i];
  for (int64_t a = 0; a < arms->n; a++) bound[a] = -INFINITY;
  do {
    part p;
    MST_TRY(fit(known, all, n, at, &p));
    const double own = rho_of(s, &p, n, count, drift);
    if (p.excess <= rho * rho) {
      any = true;
      raise_bounds(&p, n, at, own, d, arms, bound);
    } else if (!any && p.excess < least) {
      least = p.excess;
      for (int64_t a = 0; a < arms->n; a++) fallback[a] = -INFINITY;
      raise_bounds(&p, n, at, own, d, arms, fallback);
    }
  } while (next_support(d, n, at));
  choice->arm = mst_policy_largest(arms->n, any ? bound : fallback);
  return MST_OK;
}

static mst_status check(const mst_policy_spec *s) {
  if (s->dimension == 0) return MST_OK;
  if (s->sparsity > s->dimension)
    return mst_fail(MST_ERR_INPUT, "policy.sparsity: %lld of %lld entries; choose at most these",
                    (long long)s->sparsity, (long long)s->dimension);
  if (supports(s->dimension, s->sparsity) <= MOST_SUPPORTS) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "policy.sparsity: %lld of %lld entries are %.0f supports to go through in every "
                  "round; choose a sparsity or a dimension of at most %d",
                  (long long)s->sparsity, (long long)s->dimension,
                  supports(s->dimension, s->sparsity), MOST_SUPPORTS);
}

static const mst_param params[] = {{.name = "sparsity",
                                    .type = MST_PARAM_INT,
                                    .offset = offsetof(mst_policy_spec, sparsity),
                                    .fallback = "2",
                                    .min = 1,
                                    .max = MOST,
                                    .unit = "entries",
                                    .help = "entries of the hidden vector that are not 0, at most"},
                                   MST_POLICY_BETA,
                                   MST_POLICY_DELTA,
                                   MST_POLICY_RIDGE,
                                   {.name = NULL}};

const mst_policy_ops mst_policy_misspecified_sparse = {
    .name = "misspecified_sparse",
    .summary = "the largest upper confidence bound over sparse supports that are not excluded",
    .params = params,
    .own_scores = true,
    .check = check,
    .choose = choose,
};
