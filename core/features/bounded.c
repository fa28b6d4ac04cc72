/* Bounded features. The projection's entries are N(0, 1 / directions), so that a row keeps its
 * length on average. */
#include "core/features/bounded.h"

#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/features/member.h"
#include "core/features/projection.h"
#include "core/privacy/adassp.h"

enum {
  ROWS = 64 /* of the inner map at a time */
};

typedef struct bounded_map {
  mst_features base;
  mst_features *inner;
  mst_bounded_spec spec;
  mst_projection projection;
  int64_t kept; /* features without the constant */
  float *wide;  /* (ROWS, inner width)           */
  float *row;   /* (ROWS, kept)                  */
} bounded_map;

static int64_t sample_rows(const mst_features *f) {
  (void)f;
  return 0;
}

static mst_status apply(mst_features *f, const float *rows, int64_t n, float *out) {
  bounded_map *m = (bounded_map *)f;
  int64_t in = mst_row_elements(&f->shape), width = f->width;
  double c = m->spec.constant, length = sqrt(m->spec.length * m->spec.length - c * c);
  for (int64_t done = 0, k; done < n; done += k) {
    k = n - done < ROWS ? n - done : ROWS;
    MST_TRY(mst_features_apply(m->inner, rows + done * in, k, m->wide));
    if (m->spec.project > 0) mst_projection_apply(&m->projection, m->wide, k, m->row);
    for (int64_t i = 0; i < k; i++) {
      const float *from = (m->spec.project > 0 ? m->row : m->wide) + i * m->kept;
      float *to = out + (done + i) * width;
      (void)mst_adassp_clip(m->kept, from, length, to);
      if (c > 0) to[m->kept] = (float)c;
    }
  }
  return MST_OK;
}

static void destroy(mst_features *f) {
  bounded_map *m = (bounded_map *)f;
  mst_projection_destroy(&m->projection);
  mst_free(m->wide);
  mst_free(m->row);
  mst_free(m);
}

static const mst_features_ops bounded_ops = {.name = "bounded",
                                             .summary = "another map's, projected and shortened",
                                             .sample_rows = sample_rows,
                                             .apply = apply,
                                             .destroy = destroy};

static mst_status draw(bounded_map *m) {
  int64_t k = m->spec.project;
  if (k == 0) return MST_OK;
  MST_TRY(mst_projection_create(&m->projection, m->inner->width, k));
  mst_stream stream = mst_stream_of(mst_key_make(m->spec.seed, MST_PURPOSE_FEATURE, 1, 0));
  mst_projection_draw(&m->projection, &stream, 1 / sqrt((double)k));
  return mst_alloc(&m->row, ROWS * k, sizeof *m->row, "projected rows");
}

mst_status mst_bounded_create(const mst_bounded_spec *spec, mst_features *inner,
                              mst_features **out) {
  *out = NULL;
  if (!(spec->length > 0) || !(spec->constant >= 0) || !(spec->constant < spec->length))
    return mst_fail(
        MST_ERR_INPUT,
        "rows of length %g cannot hold a constant of %g: it must be at least 0 and less",
        spec->length, spec->constant);
  int64_t before = mst_memory_current();
  mst_features *f = NULL;
  MST_TRY(mst_features_new(&bounded_ops, &inner->spec, &inner->shape, sizeof(bounded_map), &f));
  bounded_map *m = (bounded_map *)f;
  m->inner = inner;
  m->spec = *spec;
  m->kept = spec->project > 0 ? spec->project : inner->width;
  f->width = m->kept + (spec->constant > 0);
  mst_status st = mst_alloc(&m->wide, ROWS * inner->width, sizeof *m->wide, "features of rows");
  if (st == MST_OK) st = draw(m);
  if (st != MST_OK) {
    destroy(f);
    return st;
  }
  f->bytes = mst_memory_current() - before;
  *out = f;
  return MST_OK;
}

void mst_bounded_unfold(const mst_features *map, int64_t c, const double *bounded, double *weights,
                        double *intercept) {
  const bounded_map *m = (const bounded_map *)map;
  int64_t d = m->inner->width;
  memset(weights, 0, (size_t)(d * c) * sizeof *weights);
  for (int64_t k = 0; k < c; k++)
    intercept[k] = m->spec.constant > 0 ? m->spec.constant * bounded[m->kept * c + k] : 0;
  for (int64_t i = 0; i < d; i++)
    for (int64_t q = 0; q < m->kept; q++) {
      double r =
          m->spec.project > 0 ? (double)m->projection.weights[i * m->kept + q] : (double)(i == q);
      if (r == 0) continue;
      for (int64_t k = 0; k < c; k++) weights[i * c + k] += r * bounded[q * c + k];
    }
}
