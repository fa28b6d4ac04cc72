/* The table of locally private methods, and what holds for all of them: defaults, who speaks when,
 * rows that are not finite, public moments. */
#include "core/local/local.h"

#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/base/registry.h"
#include "core/local/member.h"

static const mst_ldp_ops *const TABLE[] = {&mst_ldp_nldp, &mst_ldp_nldp_public, &mst_ldp_iht};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_param mst_ldp_params[] = {
    {.name = "radius",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_ldp_spec, radius),
     .fallback = "0",
     .min = 0,
     .max = 1e12,
     .unit = "",
     .help = "length to which a user scales a longer row down, with its response; 0: the root of "
             "the number of columns, for columns of unit variance"},
    {.name = "truncation",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_ldp_spec, truncation),
     .fallback = "0",
     .min = 0,
     .max = 1e12,
     .unit = "",
     .help = "largest response, or residual; 0: the root of ln(users), for responses of unit "
             "variance"},
    {.name = NULL}};

const mst_ldp_ops *mst_ldp_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_ldp_ops *mst_ldp_find(const char *name) {
  return mst_ldp_at(mst_registry_find(name_at, name));
}

int64_t mst_ldp_packed(int64_t d) {
  return d * (d + 1) / 2;
}

/* Defaults that follow from n and d. */
static void fill(mst_ldp_spec *s) {
  const double spread = sqrt(fmax(1, log((double)s->users)));
  if (s->radius == 0) s->radius = sqrt((double)s->width);
  if (s->truncation == 0) s->truncation = spread;
  if (s->coordinate == 0) s->coordinate = spread;
  if (s->keep == 0) s->keep = mst_least(8 * s->sparsity, s->width);
  if (s->iterations == 0) s->iterations = mst_most(1, (int64_t)ceil(log((double)s->users) / 2));
}

static mst_status check_budget(const mst_ldp_spec *s, const mst_ldp_ops *ops) {
  if (!(s->epsilon > 0 && s->epsilon <= 700))
    return mst_fail(MST_ERR_INPUT,
                    "privacy.epsilon is %g; a message's must be positive and at most 700",
                    s->epsilon);
  if (!ops->pure && !(s->delta > 0 && s->delta < 1))
    return mst_fail(MST_ERR_INPUT, "privacy.delta is %g; it must lie between 0 and 1", s->delta);
  if (!(s->noise >= 0 && isfinite(s->noise)))
    return mst_fail(MST_ERR_INPUT, "noise of %g; it must be positive and finite", s->noise);
  return MST_OK;
}

mst_status mst_ldp_check(const mst_ldp_spec *spec) {
  const mst_ldp_ops *ops = mst_ldp_find(spec->method);
  if (ops == NULL) return mst_registry_refuse(name_at, "local.method", spec->method);
  MST_TRY(mst_param_check(mst_ldp_params, spec, "local"));
  MST_TRY(mst_param_check(ops->params, spec, "local"));
  MST_TRY(check_budget(spec, ops));
  if (spec->width < 1 || spec->width > MST_LDP_WIDTH)
    return mst_fail(MST_ERR_INPUT, "rows of %lld columns; there may be 1 to %lld",
                    (long long)spec->width, (long long)MST_LDP_WIDTH);
  if (spec->users < 1)
    return mst_fail(MST_ERR_INPUT, "%lld users; there must be at least 1", (long long)spec->users);
  if (ops != &mst_ldp_iht) return MST_OK;
  mst_ldp_spec s = *spec;
  fill(&s);
  if (s.sparsity < 1 || s.sparsity > s.width)
    return mst_fail(MST_ERR_INPUT,
                    "local.sparsity: %lld non-zeros in %lld columns; there must be 1 to %lld",
                    (long long)s.sparsity, (long long)s.width, (long long)s.width);
  if (s.keep < s.sparsity || s.keep > s.width)
    return mst_fail(MST_ERR_INPUT,
                    "local.keep: %lld of %lld columns for %lld non-zeros; there must be %lld to "
                    "%lld",
                    (long long)s.keep, (long long)s.width, (long long)s.sparsity,
                    (long long)s.sparsity, (long long)s.width);
  if (s.users < s.iterations)
    return mst_fail(MST_ERR_INPUT,
                    "local.iterations: %lld users cannot make %lld groups, one an iteration",
                    (long long)s.users, (long long)s.iterations);
  return MST_OK;
}

int64_t mst_ldp_entries(const mst_ldp_spec *s) {
  return s->width + (mst_ldp_find(s->method) == &mst_ldp_nldp ? mst_ldp_packed(s->width) : 0);
}

int64_t mst_ldp_rounds(const mst_ldp_spec *spec) {
  mst_ldp_spec s = *spec;
  fill(&s);
  return mst_ldp_find(s.method) == &mst_ldp_iht ? s.iterations : 1;
}

int64_t mst_ldp_bytes(const mst_ldp_spec *s) {
  /* theta; moments, and for the solve their copy, the unit matrix and the inverse */
  const bool solves = mst_ldp_find(s->method) != &mst_ldp_iht;
  return 8 * s->width * (solves ? 1 + 4 * s->width : 3);
}

mst_status mst_ldp_create(const mst_ldp_spec *spec, mst_ldp **out) {
  mst_ldp *m = NULL;
  *out = NULL;
  MST_TRY(mst_ldp_check(spec));
  MST_TRY(mst_alloc(&m, 1, sizeof *m, "a locally private method"));
  m->ops = mst_ldp_find(spec->method);
  m->spec = *spec;
  m->entries = mst_ldp_entries(spec);
  m->rounds = mst_ldp_rounds(spec);
  fill(&m->spec);
  mst_status st = mst_alloc(&m->theta, spec->width, sizeof(double), "an estimate");
  if (st == MST_OK && m->ops->public)
    st = mst_alloc(&m->moments, mst_ldp_packed(spec->width), sizeof(double), "public moments");
  if (st == MST_OK) st = m->ops->prepare(m);
  if (st == MST_OK)
    *out = m;
  else
    mst_ldp_destroy(m);
  return st;
}

void mst_ldp_destroy(mst_ldp *m) {
  if (m == NULL) return;
  mst_free(m->theta);
  mst_free(m->moments);
  mst_free(m);
}

int64_t mst_ldp_round_of(const mst_ldp *m, int64_t user) {
  return user % m->rounds;
}

int64_t mst_ldp_users(const mst_ldp *m, int64_t round) {
  return mst_ceil_div(m->spec.users - round, m->rounds);
}

double mst_ldp_clamp(double x, double bound) {
  return fmin(bound, fmax(-bound, x));
}

double mst_ldp_scale(const mst_ldp *m, const float *x, double y, double *work) {
  double square = 0;
  for (int64_t j = 0; j < m->spec.width; j++) square += (double)x[j] * (double)x[j];
  const double r = m->spec.radius, w = square > r * r ? r / sqrt(square) : 1;
  for (int64_t j = 0; j < m->spec.width; j++) work[j] = w * (double)x[j];
  return w * y;
}

static bool all_finite(const float *x, int64_t n) {
  float sum = 0; /* 0 x is NaN unless x is finite */
  for (int64_t j = 0; j < n; j++) sum += 0 * x[j];
  return sum == 0;
}

mst_status mst_ldp_message(const mst_ldp *m, const mst_noise *noise, const float *x, double y,
                           double *work, double *out) {
  static const float zero[MST_LDP_WIDTH];
  const bool good = all_finite(x, m->spec.width) && isfinite(y);
  return m->ops->message(m, noise, good ? x : zero, good ? y : 0, work, out);
}

mst_status mst_ldp_moment(const mst_ldp *m, const float *x, double *work, double *out) {
  if (!all_finite(x, m->spec.width))
    return mst_fail(MST_ERR_NONFINITE, "a public row holds NaN or infinity");
  mst_ldp_scale(m, x, 0, work);
  for (int64_t i = 0; i < m->spec.width; i++)
    for (int64_t j = 0; j <= i; j++) *out++ = work[i] * work[j];
  return MST_OK;
}

mst_status mst_ldp_moments(mst_ldp *m, int64_t rows, const double *mean) {
  if (m->moments == NULL || rows < 1)
    return mst_fail(MST_ERR_INTERNAL, "moments of %lld public rows for %s", (long long)rows,
                    m->ops->name);
  memcpy(m->moments, mean, (size_t)mst_ldp_packed(m->spec.width) * sizeof *mean);
  m->moment_rows = rows;
  return MST_OK;
}

mst_status mst_ldp_close(mst_ldp *m, const double *mean) {
  if (m->round >= m->rounds) return mst_fail(MST_ERR_INTERNAL, "the last round is over");
  if (m->moments != NULL && m->moment_rows == 0)
    return mst_fail(MST_ERR_INTERNAL, "%s without public moments", m->ops->name);
  MST_TRY(m->ops->close(m, mst_ldp_users(m, m->round), mean));
  m->round++;
  return MST_OK;
}
