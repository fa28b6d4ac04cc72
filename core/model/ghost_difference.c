/* Sums of clipped differences of rows' gradients at two points: lengths and sums come from what the
 * layers are given forward and backward at both, as in ghost.h for one. The difference of two outer
 * products is made of terms that are as small as the points are near (dense_layer.c), so a row's
 * part of the sum is rounded in proportion to itself, and not to its gradients. */
#include <math.h>
#include <string.h>

#include "core/model/ghost.h"
#include "core/model/pass.h"

#define ROUNDING 0x1p-18 /* of a difference's terms: beyond what float32 loses of them */

/* Every layer with parameters can tell its difference? */
static bool is_whole(const mst_model *m) {
  for (int i = 0; i < m->layers; i++)
    if (m->layer[i]->parameters > 0 && m->layer[i]->ops->difference == NULL) return false;
  return true;
}

static int64_t scratch_floats(const mst_model *m, int64_t n) {
  int64_t most = 0;
  for (int i = 0; i < m->layers; i++) {
    const mst_layer *l = m->layer[i];
    if (l->parameters > 0)
      most = mst_most(most, 2 * n * (mst_extent_size(l->in) + mst_extent_size(l->out)));
  }
  return most;
}

int64_t mst_model_difference_room(const mst_model *m, int64_t n) {
  if (!is_whole(m)) return 2 * mst_pass_padded(m->parameters);
  int64_t floats = mst_pass_padded(n) + mst_pass_padded(scratch_floats(m, n));
  for (int i = 0; i < m->layers; i++)
    if (mst_pass_parameters_before(m, i))
      floats += 2 * mst_pass_padded(n * mst_extent_size(m->layer[i]->in));
  return floats;
}

/* Both points' way backward: what a layer is given there, and room for what it gives. */
typedef struct way {
  const mst_model *m;
  const float *const *w;
  const mst_batch *b;
  mst_model_work *const *work;
  const float *x[2], *dy[2];
  float *room;
} way;

static void begin(way *v, float *room) {
  v->room = room;
  for (int k = 0; k < 2; k++) v->dy[k] = v->work[k]->residual;
}

static void look_at(way *v, int i) {
  for (int k = 0; k < 2; k++) v->x[k] = mst_pass_input(v->work[k], v->b->x, i);
}

/* On to the layer before; pull: for the first time. */
static void go_back(way *v, int i, bool pull) {
  const mst_layer *l = v->m->layer[i];
  for (int k = 0; k < 2; k++) {
    float *dx = mst_pass_take(&v->room, v->b->n * mst_extent_size(l->in));
    mst_model_work *work = v->work[k];
    if (pull)
      l->ops->backward(l, v->w[k] + l->first, v->b->n, v->x[k], work->output[i], work->keep[i],
                       v->dy[k], dx, NULL, work->scratch);
    v->dy[k] = dx;
  }
}

/* The lengths; both points' forward passes are done. */
static bool measure(way *v, double *length) {
  const mst_model *m = v->m;
  double *square = v->work[0]->square, *terms = v->work[1]->square;
  bool finite = true;
  for (int64_t i = 0; i < v->b->n; i++) square[i] = terms[i] = 0;
  for (int i = m->layers - 1; i >= 0; i--) {
    const mst_layer *l = m->layer[i];
    look_at(v, i);
    if (l->parameters > 0) l->ops->difference_norms(l, v->b->n, v->x, v->dy, square, terms);
    if (!mst_pass_parameters_before(m, i)) break;
    go_back(v, i, true);
  }
  for (int64_t i = 0; i < v->b->n; i++) {
    length[i] = sqrt(square[i]) + ROUNDING * sqrt(terms[i]);
    finite = finite && isfinite(length[i]);
  }
  return finite;
}

static void add_up(way *v, const float *weight, float *scratch, float *g) {
  const mst_model *m = v->m;
  for (int i = m->layers - 1; i >= 0; i--) {
    const mst_layer *l = m->layer[i];
    look_at(v, i);
    if (l->parameters > 0)
      l->ops->difference(l, v->b->n, v->x, v->dy, weight, g + l->first, scratch);
    if (!mst_pass_parameters_before(m, i)) return;
    go_back(v, i, false);
  }
}

static float factor(double bound, double length) {
  return length > bound ? (float)(bound / length) : 1.0f;
}

/* All rows together. */
static bool clip_together(way *v, double bound, float *room, double *length, float *g) {
  const mst_model *m = v->m;
  int64_t n = v->b->n;
  float *weight = mst_pass_take(&room, n);
  float *scratch = mst_pass_take(&room, scratch_floats(m, n));
  for (int k = 0; k < 2; k++) mst_pass_residual(m, v->w[k], v->b, v->work[k]);
  begin(v, room);
  if (!measure(v, length)) return false;
  for (int64_t i = 0; i < n; i++) weight[i] = factor(bound, length[i]);
  begin(v, room);
  add_up(v, weight, scratch, g);
  return true;
}

/* One row: its gradients at both points, and g += its part. */
static double add_row(const way *v, const mst_batch *row, double bound, float *pair[2], float *g) {
  double square = 0;
  for (int k = 0; k < 2; k++) mst_model_gradient(v->m, v->w[k], row, v->work[k], pair[k], NULL);
  for (int64_t j = 0; j < v->m->parameters; j++) {
    double gap = (double)pair[0][j] - (double)pair[1][j];
    square += gap * gap;
  }
  double length = sqrt(square) * (1 + ROUNDING);
  float share = factor(bound, length);
  for (int64_t j = 0; j < v->m->parameters && isfinite(length); j++)
    g[j] += share * (pair[0][j] - pair[1][j]);
  return length;
}

static bool clip_singly(const way *v, double bound, float *room, double *length, float *g) {
  const mst_model *m = v->m;
  bool finite = true;
  float *pair[2];
  for (int k = 0; k < 2; k++) pair[k] = mst_pass_take(&room, m->parameters);
  if (m->parameters > 0) memset(g, 0, (size_t)m->parameters * sizeof *g);
  for (int64_t i = 0; i < v->b->n; i++) {
    mst_batch row = {.n = 1,
                     .x = v->b->x + i * m->inputs,
                     .label = v->b->label != NULL ? v->b->label + i : NULL,
                     .value = v->b->value != NULL ? v->b->value + i * m->outputs : NULL};
    length[i] = add_row(v, &row, bound, pair, g);
    finite = finite && isfinite(length[i]);
  }
  return finite;
}

bool mst_model_clipped_difference(const mst_model *m, const float *const w[2],
                                  const mst_batch *batch, double bound,
                                  mst_model_work *const work[2], float *room, double *length,
                                  float *g) {
  way v = {.m = m, .w = w, .b = batch, .work = work};
  return is_whole(m) ? clip_together(&v, bound, room, length, g)
                     : clip_singly(&v, bound, room, length, g);
}
