/* The table of mixings, the checks that hold for all of them, and what of a mixing is no member's:
 * distances, sums over neighbours, the scaling of tensors. */
#include "core/decentralised/mixing.h"

#include <string.h>

#include "core/base/registry.h"
#include "core/base/summary.h"
#include "core/base/wide.h"
#include "core/decentralised/member.h"
#include "core/robust/space.h"

static const mst_mixing_ops *const TABLE[] = {
    &mst_mixing_gossip,
    &mst_mixing_self_centred_clipping,
    &mst_mixing_variance_corrected,
    &mst_mixing_trimmed_mean,
    &mst_mixing_rule,
};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_mixing_ops *mst_mixing_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_mixing_ops *mst_mixing_find(const char *name) {
  return mst_mixing_at(mst_registry_find(name_at, name));
}

mst_status mst_mixing_check(const mst_mixing_spec *s) {
  const mst_mixing_ops *ops = mst_mixing_find(s->kind);
  if (ops == NULL) return mst_registry_refuse(name_at, "mixing.kind", s->kind);
  return mst_param_check(ops->params, s, "mixing");
}

int mst_mixing_needs(const mst_mixing_spec *s) {
  const mst_mixing_ops *ops = mst_mixing_find(s->kind);
  return ops->unneeded != NULL ? ops->needs & ~ops->unneeded(s) : ops->needs;
}

int64_t mst_mixing_doubles(const mst_mixing_spec *s, int64_t k, int64_t tensors) {
  const mst_mixing_ops *ops = mst_mixing_find(s->kind);
  const int64_t scales = (ops->needs & MST_MIXING_TENSORS) != 0 ? 2 * tensors : 0;
  return 2 * k + scales + (ops->doubles != NULL ? ops->doubles(k, tensors) : 0);
}

mst_status mst_mixing_start(const mst_mixing_spec *s, const mst_mixing_node *node, double *work,
                            mst_mixing_plan *plan) {
  const mst_mixing_ops *ops = mst_mixing_find(s->kind);
  if (ops == NULL) return mst_registry_refuse(name_at, "mixing.kind", s->kind);
  const int needs = mst_mixing_needs(s);
  const bool tensors = (needs & MST_MIXING_TENSORS) != 0;
  if ((needs & MST_MIXING_RULE) != 0)
    return mst_fail(MST_ERR_INTERNAL, "mixing by a robust rule was asked of the wrong function");
  if (((needs & MST_MIXING_HOSTILE) != 0 && node->hostile == NULL) ||
      (tensors && node->border == NULL))
    return mst_fail(MST_ERR_INTERNAL, "mixing %s was not told what it asks for", s->kind);
  const int64_t k = node->neighbours, count = tensors ? node->tensors : 0;
  memset(work, 0, (size_t)mst_mixing_doubles(s, k, count) * sizeof *work);
  *plan = (mst_mixing_plan){.spec = s,
                            .node = node,
                            .ops = ops,
                            .distance = work,
                            .share = work + k,
                            .scale = tensors ? work + 2 * k : NULL,
                            .centre = tensors ? work + 2 * k + count : NULL,
                            .keep = work + 2 * k + 2 * count,
                            .self = node->self,
                            .tau = INFINITY};
  return MST_OK;
}

bool mst_mixing_measures(const mst_mixing_plan *plan) {
  return plan->pass < plan->ops->passes;
}

void mst_mixing_conclude(mst_mixing_plan *p) {
  if (p->pass == 0)
    for (int64_t j = 0; j < p->node->neighbours; j++) p->left_out += !mst_mixing_finite(p, j);
  p->ops->conclude(p);
  p->pass++;
}

void mst_mixing_take_weights(mst_mixing_plan *p) {
  p->self = p->node->self;
  for (int64_t j = 0; j < p->node->neighbours; j++) {
    const bool finite = mst_mixing_finite(p, j);
    p->share[j] = finite ? p->node->weight[j] : 0;
    if (!finite) p->self += p->node->weight[j];
  }
}

int64_t mst_mixing_sort_finite(const mst_mixing_plan *p, const double *of, double *sorted) {
  int64_t n = 0;
  for (int64_t j = 0; j < p->node->neighbours; j++)
    if (mst_mixing_finite(p, j)) sorted[n++] = of[j];
  mst_summary_sort(sorted, n);
  return n;
}

static int64_t next_cut(int64_t column) {
  return (column / MST_MIXING_COLUMNS + 1) * MST_MIXING_COLUMNS;
}

/* Columns first .. first + m - 1, each about its tensor's mean. */
static void scale_tensors(const mst_mixing_plan *p, int64_t first, int64_t m, double *mixed) {
  const int64_t *border = p->node->border;
  for (int64_t t = mst_mixing_tensor(p, first); t < p->node->tensors; t++) {
    if (border[t] >= first + m) return;
    const int64_t end = mst_least(border[t + 1], first + m);
    for (int64_t c = mst_most(border[t], first); c < end; c++)
      mixed[c - first] = p->centre[t] + p->scale[t] * (mixed[c - first] - p->centre[t]);
  }
}

int64_t mst_mixing_tensor(const mst_mixing_plan *p, int64_t column) {
  int64_t least = 0, past = p->node->tensors;
  while (least < past) {
    const int64_t middle = least + (past - least) / 2;
    if (p->node->border[middle + 1] > column)
      past = middle;
    else
      least = middle + 1;
  }
  return least;
}

/* One neighbour's share of the differences. */
MST_RUN add_f32_body(int64_t m, double share, const float *own, const float *other,
                     double *restrict out) {
  for (int64_t c = 0; c < m; c++) out[c] += share * ((double)other[c] - (double)own[c]);
}
MST_WIDE(add_f32,
         (int64_t m, double share, const float *own, const float *other, double *restrict out),
         (m, share, own, other, out))
MST_RUN add_f64_body(int64_t m, double share, const double *own, const double *other,
                     double *restrict out) {
  for (int64_t c = 0; c < m; c++) out[c] += share * (other[c] - own[c]);
}
MST_WIDE(add_f64,
         (int64_t m, double share, const double *own, const double *other, double *restrict out),
         (m, share, own, other, out))

#define NAME(x)   x##_f32
#define REAL      float
#define DISTANCES mst_space_distances_f32
#define MEASURE   measure_f32
#define COLUMNS   columns_f32
#include "core/decentralised/mixing_tile.h"

#define NAME(x)   x##_f64
#define REAL      double
#define DISTANCES mst_space_distances_f64
#define MEASURE   measure_f64
#define COLUMNS   columns_f64
#include "core/decentralised/mixing_tile.h"
