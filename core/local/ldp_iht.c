/* Sequentially interactive regression: iterative hard thresholding, an iteration a group of users,
 * each of whom sends the gradient of its own error through Duchi's randomiser (Zhu, Ding, Aggarwal,
 * Xu and Wang 2024, algorithm 2). With bound: residual the error itself is truncated, so that the
 * randomiser's ball does not grow with the number of non-zeros. */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/local/member.h"
#include "core/privacy/mechanism.h"

static const mst_param params[] = {
    {.name = "sparsity",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_ldp_spec, sparsity),
     .fallback = "0",
     .min = 0,
     .max = 65536,
     .unit = "columns",
     .help = "non-zeros of the estimate; 0: those of the generated one"},
    {.name = "keep",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_ldp_spec, keep),
     .fallback = "0",
     .min = 0,
     .max = 65536,
     .unit = "columns",
     .help = "non-zeros that an iteration keeps; 0: 8 times local.sparsity"},
    {.name = "iterations",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_ldp_spec, iterations),
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .unit = "iterations",
     .help = "groups of users; 0: half of ln(users), rounded up"},
    {.name = "step",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_ldp_spec, step),
     .fallback = "0.5",
     .min = 0,
     .max = 1e12,
     .open_min = true,
     .unit = "",
     .help = "step size of an iteration"},
    {.name = "bound",
     .type = MST_PARAM_WORD,
     .offset = offsetof(mst_ldp_spec, bound),
     .fallback = "residual",
     .allowed = "residual|published",
     .unit = "",
     .help = "what bounds a gradient: a truncated residual; or truncated coordinates and response, "
             "as published"},
    {.name = "coordinate",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_ldp_spec, coordinate),
     .fallback = "0",
     .min = 0,
     .max = 1e12,
     .unit = "",
     .help = "bound: published: largest coordinate of a row; 0: the root of ln(users)"},
    {.name = NULL}};

static bool published(const mst_ldp *m) {
  return strcmp(m->spec.bound, "published") == 0;
}

static mst_status prepare(mst_ldp *m) {
  const mst_ldp_spec *s = &m->spec;
  m->radius = s->radius * s->truncation;
  if (published(m))
    m->radius = sqrt((double)s->width) * s->coordinate *
                (sqrt((double)s->keep) * s->coordinate + s->truncation);
  m->bound = mst_duchi_norm(s->width, m->radius, s->epsilon);
  m->event = (mst_event){.mechanism = MST_MECHANISM_PURE, .noise = s->epsilon, .count = 1};
  return MST_OK;
}

static mst_status message(const mst_ldp *m, const mst_noise *noise, const float *x, double y,
                          double *work, double *out) {
  const mst_ldp_spec *s = &m->spec;
  double residual = 0;
  if (published(m)) {
    for (int64_t j = 0; j < s->width; j++) work[j] = mst_ldp_clamp((double)x[j], s->coordinate);
    residual = -mst_ldp_clamp(y, s->truncation);
  } else {
    residual = -mst_ldp_scale(m, x, y, work);
  }
  for (int64_t j = 0; j < s->width; j++) residual += m->theta[j] * work[j];
  if (!published(m)) residual = mst_ldp_clamp(residual, s->truncation);
  for (int64_t j = 0; j < s->width; j++) work[j] *= residual;
  return mst_duchi(noise, s->width, work, m->radius, s->epsilon, out);
}

typedef struct place {
  double size;
  int64_t at;
} place;

/* The larger first; of like ones the first. */
static int by_size(const void *a, const void *b) {
  const place *p = a, *q = b;
  if (p->size != q->size) return p->size > q->size ? -1 : 1;
  return p->at < q->at ? -1 : 1;
}

/* All but the `keep` largest entries become 0. */
static mst_status threshold(double *theta, int64_t d, int64_t keep) {
  place *entry = NULL;
  MST_TRY(mst_alloc(&entry, d, sizeof *entry, "an estimate in order"));
  for (int64_t j = 0; j < d; j++) entry[j] = (place){fabs(theta[j]), j};
  qsort(entry, (size_t)d, sizeof *entry, by_size);
  for (int64_t j = keep; j < d; j++) theta[entry[j].at] = 0;
  mst_free(entry);
  return MST_OK;
}

static mst_status end(mst_ldp *m, int64_t users, const double *mean) {
  (void)users;
  const mst_ldp_spec *s = &m->spec;
  const bool last = m->round + 1 == m->rounds;
  double square = 0;
  for (int64_t j = 0; j < s->width; j++) m->theta[j] -= s->step * mean[j];
  MST_TRY(threshold(m->theta, s->width, s->keep));
  for (int64_t j = 0; j < s->width; j++) square += m->theta[j] * m->theta[j];
  for (int64_t j = 0; square > 1 && j < s->width; j++) m->theta[j] /= sqrt(square);
  return last ? threshold(m->theta, s->width, s->sparsity) : MST_OK;
}

const mst_ldp_ops mst_ldp_iht = {
    .name = "ldp_iht",
    .summary = "iterative hard thresholding, a group of users an iteration; pure epsilon",
    .params = params,
    .pure = true,
    .prepare = prepare,
    .message = message,
    .close = end,
};
