/* Residual features. The random matrices have entries of equal size and random sign: their bits
 * follow from the key on any processor, and are made anew when a layer is come to, so that no layer
 * takes memory for them. Sums over few outputs are chains of their own for every row
 * (core/linalg/dense.h); those over many go through a projection, which sees to the same. */
#include "core/features/residual.h"

#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/features/member.h"
#include "core/features/projection.h"
#include "core/linalg/dense.h"
#include "core/model/elementary.h"

enum {
  ROWS = 96,       /* at a time: a block of projections         */
  SIGN_BLOCKS = 64 /* of the key, drawn at a time               */
};

typedef struct residual_map {
  mst_features base;
  mst_features *inner;
  mst_residual_spec spec;
  bool relu;
  mst_projection first, layer; /* inner width -> h, and width -> h; the latter's signs are of */
  int64_t signs_of;            /* this layer; -1: none yet                                    */
  float *centre, *scale;       /* (inner width)                                               */
  float *middle, *spread;      /* (width)                                                     */
  float *q, *offset, *weights; /* (depth, h, c), (depth, c), (depth, c, width)                */
  int64_t layers[1];
  float *wide;   /* (ROWS, the larger of inner width and width): scaled rows   */
  float *below;  /* (ROWS, inner width): the inner map's                       */
  float *hidden; /* (ROWS, h)                                                  */
  float *step;   /* (ROWS, c)                                                  */
  float *move;   /* (ROWS, width)                                              */
} residual_map;

static residual_map *map_of(const mst_features *f) {
  return (residual_map *)(uintptr_t)f;
}

MST_WIDE_BODY gelu_body(float *restrict x, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    float density, tail = mst_normal_tail_lane(x[i], &density);
    x[i] *= x[i] < 0.0f ? tail : 1.0f - tail;
  }
}
MST_WIDE(gelu, (float *restrict x, int64_t n), (x, n))

MST_WIDE_BODY relu_body(float *restrict x, int64_t n) {
  for (int64_t i = 0; i < n; i++) x[i] = x[i] < 0.0f ? 0.0f : x[i]; /* a NaN stays */
}
MST_WIDE(relu, (float *restrict x, int64_t n), (x, n))

static void activate(const residual_map *m, float *x, int64_t n) {
  if (m->relu)
    relu(x, n);
  else
    gelu(x, n);
}

/* w(n) = 1 / sqrt(inputs) with the signs of layer t of the key, t = -1 the first. */
static void draw_signs(const residual_map *m, int64_t t, mst_projection *p) {
  const mst_key key = mst_key_make(m->spec.seed, MST_PURPOSE_FEATURE, 2, (uint64_t)(t + 1));
  const float size = (float)(1 / sqrt((double)p->inputs));
  uint32_t plus, signs[32];
  memcpy(&plus, &size, sizeof plus);
  const int64_t n = p->inputs * p->outputs;
  uint32_t word[4 * SIGN_BLOCKS];
  for (int64_t at = 0; at < n; at += 128 * SIGN_BLOCKS) {
    const int64_t some = mst_least(n - at, 128 * SIGN_BLOCKS);
    mst_key_blocks(key, (uint64_t)(at / 128), mst_ceil_div(some, 128), word);
    for (int64_t i = 0; i < some; i += 32) {
      for (int k = 0; k < 32; k++) signs[k] = plus | (~word[i / 32] >> k & 1) << 31;
      memcpy(p->weights + at + i, signs, (size_t)mst_least(some - i, 32) * sizeof *signs);
    }
  }
}

/* out(n, to) = act(rows(n, from) signs), rows about their means and by their deviations. */
static void random_features(residual_map *m, mst_projection *p, int64_t n, const float *rows,
                            const float *mean, const float *inverse, float *out) {
  const int64_t from = p->inputs, to = p->outputs;
  for (int64_t done = 0, k; done < n; done += k) {
    k = mst_least(n - done, ROWS);
    for (int64_t i = 0; i < k; i++)
      for (int64_t j = 0; j < from; j++)
        m->wide[i * from + j] = (rows[(done + i) * from + j] - mean[j]) * inverse[j];
    mst_projection_apply(p, m->wide, k, out + done * to);
    activate(m, out + done * to, k * to);
  }
}

void mst_residual_begin(mst_features *f, int64_t n, const float *features, float *phi) {
  residual_map *m = map_of(f);
  const int64_t width = m->inner->width;
  if (m->spec.random) {
    random_features(m, &m->first, n, features, m->centre, m->scale, phi);
    return;
  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < width; j++)
      phi[i * width + j] = (features[i * width + j] - m->centre[j]) * m->scale[j];
}

void mst_residual_hidden(mst_features *f, int64_t t, int64_t n, const float *phi, float *hidden) {
  residual_map *m = map_of(f);
  if (m->signs_of != t) draw_signs(m, t, &m->layer);
  m->signs_of = t;
  random_features(m, &m->layer, n, phi, m->middle, m->spread, hidden);
}

void mst_residual_step(mst_features *f, int64_t t, int64_t n, const float *hidden, float *step) {
  const residual_map *m = map_of(f);
  const int64_t h = m->spec.width, c = m->spec.outputs;
  mst_dense_forward(n, h, c, hidden, h, m->q + t * h * c, c, m->offset + t * c, step, c);
}

void mst_residual_advance(mst_features *f, int64_t t, int64_t n, const float *step, float *phi) {
  const residual_map *m = map_of(f);
  const int64_t d = f->width, c = m->spec.outputs;
  for (int64_t done = 0, k; done < n; done += k) {
    k = mst_least(n - done, ROWS);
    mst_dense_forward(k, c, d, step + done * c, c, m->weights + t * c * d, d, NULL, m->move, d);
    for (int64_t i = 0; i < k * d; i++) phi[done * d + i] += m->move[i];
  }
}

static mst_status apply(mst_features *f, const float *rows, int64_t n, float *out) {
  residual_map *m = map_of(f);
  const int64_t in = mst_row_elements(&f->shape), d = f->width;
  for (int64_t done = 0, k; done < n; done += k) {
    k = mst_least(n - done, ROWS);
    MST_TRY(mst_features_apply(m->inner, rows + done * in, k, m->below));
    mst_residual_begin(f, k, m->below, out + done * d);
  }
  for (int64_t t = 0; t < m->layers[0]; t++) /* all rows through a layer: its signs are drawn once */
    for (int64_t done = 0, k; done < n; done += k) {
      k = mst_least(n - done, ROWS);
      mst_residual_hidden(f, t, k, out + done * d, m->hidden);
      mst_residual_step(f, t, k, m->hidden, m->step);
      mst_residual_advance(f, t, k, m->step, out + done * d);
    }
  return MST_OK;
}

static int64_t sample_rows(const mst_features *f) {
  return mst_features_sample_rows(map_of(f)->inner);
}

static mst_status fit(mst_features *f, const float *sample, int64_t n) {
  return mst_features_fit(map_of(f)->inner, sample, n);
}

mst_status mst_residual_state(mst_features *f, mst_state *state) {
  residual_map *m = map_of(f);
  const int64_t h = m->spec.width, c = m->spec.outputs, d = f->width, t = m->spec.depth, one = 1;
  MST_TRY(mst_state_add(state, "depth/layers", MST_I64, 1, &one, m->layers));
  MST_TRY(mst_state_add(state, "depth/centre", MST_F32, 1, &m->inner->width, m->centre));
  MST_TRY(mst_state_add(state, "depth/scale", MST_F32, 1, &m->inner->width, m->scale));
  MST_TRY(mst_state_add(state, "depth/middle", MST_F32, 1, &d, m->middle));
  MST_TRY(mst_state_add(state, "depth/spread", MST_F32, 1, &d, m->spread));
  MST_TRY(mst_state_add(state, "depth/q", MST_F32, 3, (const int64_t[]){t, h, c}, m->q));
  MST_TRY(mst_state_add(state, "depth/offset", MST_F32, 2, (const int64_t[]){t, c}, m->offset));
  return mst_state_add(state, "depth/weights", MST_F32, 3, (const int64_t[]){t, c, d}, m->weights);
}

static mst_status parameters(mst_features *f, mst_state *state) {
  MST_TRY(mst_features_parameters(map_of(f)->inner, state));
  return mst_residual_state(f, state);
}

/* All but the inner map. */
static void release(mst_features *f) {
  residual_map *m = map_of(f);
  float *const array[] = {m->centre,  m->scale, m->middle, m->spread, m->q,    m->offset,
                          m->weights, m->wide,  m->below,  m->hidden, m->step, m->move};
  mst_projection_destroy(&m->first);
  mst_projection_destroy(&m->layer);
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
  mst_free(m);
}

static void destroy(mst_features *f) {
  mst_features_destroy(map_of(f)->inner);
  release(f);
}

static const mst_features_ops residual_ops = {.name = "residual",
                                              .summary = "another map's, with residual layers",
                                              .sample_rows = sample_rows,
                                              .fit = fit,
                                              .parameters = parameters,
                                              .apply = apply,
                                              .destroy = destroy};

static mst_status create_arrays(residual_map *m) {
  const int64_t h = m->spec.width, c = m->spec.outputs, t = m->spec.depth;
  const int64_t p = m->inner->width, d = m->base.width;
  const struct {
    float **array;
    int64_t n;
  } want[] = {{&m->centre, p},
              {&m->scale, p},
              {&m->middle, d},
              {&m->spread, d},
              {&m->q, t * h * c},
              {&m->offset, t * c},
              {&m->weights, t * c * d},
              {&m->wide, ROWS * mst_most(p, d)},
              {&m->below, ROWS * p},
              {&m->hidden, ROWS * h},
              {&m->step, ROWS * c},
              {&m->move, ROWS * d}};
  for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
    MST_TRY(mst_alloc(want[i].array, want[i].n, sizeof(float), "residual layers"));
  for (int64_t j = 0; j < p; j++) m->scale[j] = 1;
  for (int64_t j = 0; j < d; j++) m->spread[j] = 1;
  MST_TRY(mst_projection_create(&m->layer, d, h));
  if (!m->spec.random) return MST_OK;
  MST_TRY(mst_projection_create(&m->first, p, h));
  draw_signs(m, -1, &m->first);
  return MST_OK;
}

mst_status mst_residual_create(const mst_residual_spec *spec, mst_features *inner,
                               mst_features **out) {
  *out = NULL;
  if (spec->width < 1 || spec->depth < 1 || spec->outputs < 1)
    return mst_fail(MST_ERR_INPUT,
                    "residual layers need a width, a depth and outputs of at least 1");
  const int64_t before = mst_memory_current();
  mst_features *f = NULL;
  MST_TRY(mst_features_new(&residual_ops, &inner->spec, &inner->shape, sizeof(residual_map), &f));
  residual_map *m = map_of(f);
  m->inner = inner;
  m->spec = *spec;
  m->relu = strcmp(spec->activation, "relu") == 0;
  m->signs_of = -1;
  f->width = spec->random ? spec->width : inner->width;
  mst_status st = create_arrays(m);
  if (st != MST_OK) {
    release(f);
    return st;
  }
  f->bytes = inner->bytes + mst_memory_current() - before;
  *out = f;
  return MST_OK;
}

bool mst_residual_is(const mst_features *f) {
  return f->ops == &residual_ops;
}

mst_features *mst_residual_inner(const mst_features *f) {
  return map_of(f)->inner;
}

static void round_all(int64_t n, const double *from, float *to) {
  for (int64_t i = 0; i < n; i++) to[i] = (float)from[i];
}

void mst_residual_standardise(mst_features *f, const double *mean, const double *inverse) {
  round_all(map_of(f)->inner->width, mean, map_of(f)->centre);
  round_all(map_of(f)->inner->width, inverse, map_of(f)->scale);
}

void mst_residual_scale(mst_features *f, const double *mean, const double *inverse) {
  round_all(f->width, mean, map_of(f)->middle);
  round_all(f->width, inverse, map_of(f)->spread);
}

int64_t mst_residual_layers(const mst_features *f) {
  return map_of(f)->layers[0];
}

void mst_residual_use(mst_features *f, int64_t n) {
  map_of(f)->layers[0] = mst_least(n, map_of(f)->spec.depth);
}

const mst_residual_spec *mst_residual_about(const mst_features *f) {
  return &map_of(f)->spec;
}

mst_status mst_residual_push(mst_features *f, const double *q, const double *offset,
                             const double *weights) {
  residual_map *m = map_of(f);
  const int64_t h = m->spec.width, c = m->spec.outputs, d = f->width, t = m->layers[0];
  if (t >= m->spec.depth) return mst_fail(MST_ERR_INTERNAL, "no layer is left to be added");
  round_all(h * c, q, m->q + t * h * c);
  round_all(c, offset, m->offset + t * c);
  for (int64_t j = 0; j < d; j++)
    for (int64_t k = 0; k < c; k++)
      m->weights[(t * c + k) * d + j] = (float)weights[j * c + k];
  m->layers[0]++;
  return MST_OK;
}

const float *mst_residual_weights(const mst_features *f, int64_t t) {
  const residual_map *m = map_of(f);
  return m->weights + t * m->spec.outputs * f->width;
}
