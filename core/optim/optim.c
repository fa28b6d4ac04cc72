/* The optimizer family: its table of members, what holds for all of them, and the walk over layers
 * and blocks on which the members' passes are called. */
#include "core/optim/optim.h"

#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/base/registry.h"
#include "core/optim/member.h"

static const mst_optim_ops *const members[] = {
    &mst_optim_sgd,
    &mst_optim_adam,
    &mst_optim_adamw,
    &mst_optim_laprop,
    &mst_optim_adopt,
    &mst_optim_grams,
    &mst_optim_lars,
    &mst_optim_lamb,
    &mst_optim_schedule_free_sgd,
    &mst_optim_schedule_free_adamw,
    &mst_optim_dog,
    &mst_optim_d_adaptation,
    &mst_optim_d_adaptation_adam,
    &mst_optim_egn,
};
enum {
  MEMBERS = sizeof members / sizeof members[0]
};

const mst_param mst_optim_params[] = {
    {.name = "batch",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_optim_spec, batch),
     .fallback = "50",
     .min = 1,
     .max = INT32_MAX,
     .unit = "rows",
     .help = "rows of a step"},
    MST_OPTIM_REAL(clip, "0", 0, INFINITY, false,
                   "longest gradient that is not shortened; 0 = none"),
    MST_OPTIM_END};

const mst_optim_ops *mst_optim_at(int i) { return i >= 0 && i < MEMBERS ? members[i] : NULL; }

static const char *name_at(int i) { return i >= 0 && i < MEMBERS ? members[i]->name : NULL; }

const mst_optim_ops *mst_optim_find(const char *name) {
  return mst_optim_at(mst_registry_find(name_at, name));
}

mst_optim_spec mst_optim_defaults(const char *kind) {
  mst_optim_spec spec = {.kind = kind};
  const mst_optim_ops *ops = mst_optim_find(kind);
  if (ops == NULL) return spec;
  mst_param_defaults(mst_optim_params, &spec);
  mst_param_defaults(ops->params, &spec);
  return spec;
}

mst_status mst_optim_check(const mst_optim_spec *spec) {
  const mst_optim_ops *ops = mst_optim_find(spec->kind);
  if (ops == NULL) return mst_registry_refuse(name_at, "optimizer.kind", spec->kind);
  return mst_param_check(ops->params, spec, "optimizer");
}

static int vectors_used(const mst_optim_ops *ops, const mst_optim_spec *spec) {
  return ops->used != NULL ? ops->used(spec) : ops->vectors;
}

/* Pieces: the common elements of a layer and of a block of the whole vector. */

static int64_t whole(const mst_optim *o) { return o->layers.first[o->layers.n]; }

static int layer_of(const mst_optim *o, int64_t at) {
  int low = 0, high = o->layers.n;
  while (high - low > 1) {
    int middle = low + (high - low) / 2;
    if (o->layers.first[middle] <= at)
      low = middle;
    else
      high = middle;
  }
  return low;
}

/* The piece that begins at an element of the whole vector ends before this one. */
static int64_t piece_end(const mst_optim *o, int layer, int64_t at, int64_t end) {
  const int64_t block = (at / MST_OPTIM_BLOCK + 1) * MST_OPTIM_BLOCK;
  return mst_least(mst_least(block, o->layers.first[layer + 1]), end);
}

static int64_t count_pieces(const mst_optim *o, int64_t first, int64_t end) {
  int64_t n = 0, at = first;
  for (int l = layer_of(o, at); at < end; l++)
    for (; at < mst_least(o->layers.first[l + 1], end); n++) at = piece_end(o, l, at, end);
  return n;
}

int64_t mst_optim_pieces(const mst_optim *o, bool of_whole) {
  return of_whole ? count_pieces(o, 0, whole(o)) : count_pieces(o, o->first, o->first + o->count);
}

int64_t mst_optim_parts(const mst_optim *o) {
  return o->ops->layer_sums == 0 ? 0 : mst_optim_pieces(o, false) * o->ops->layer_sums;
}

int64_t mst_optim_whole_parts(const mst_optim *o) {
  return o->ops->layer_sums == 0 ? 0 : mst_optim_pieces(o, true) * o->ops->layer_sums;
}

static mst_status check_layers(const mst_optim_layers *layers, int64_t first, int64_t count) {
  bool rising = layers->n >= 1 && layers->first[0] == 0;
  for (int i = 0; rising && i < layers->n; i++) rising = layers->first[i] <= layers->first[i + 1];
  if (!rising)
    return mst_fail(MST_ERR_INPUT, "the layers of an optimizer must rise from element 0");
  const int64_t n = layers->first[layers->n];
  if (first < 0 || count < 0 || first > n - count)
    return mst_fail(
        MST_ERR_INPUT,
        "an optimizer's shard of %lld elements from %lld is not within its vector of %lld",
        (long long)count, (long long)first, (long long)n);
  return MST_OK;
}

/* Sums have the same bits on any cut only where no block is cut. */
static mst_status check_shard(const mst_optim_ops *ops, const mst_optim_layers *layers,
                              int64_t first, int64_t count) {
  const int64_t end = first + count, n = layers->first[layers->n];
  if (ops->layer_sums == 0 || count == 0) return MST_OK;
  if (first % MST_OPTIM_BLOCK == 0 && (end % MST_OPTIM_BLOCK == 0 || end == n)) return MST_OK;
  return mst_fail(
      MST_ERR_INPUT,
      "the shard [%lld, %lld) of optimizer %s does not begin and end on multiples of %d",
      (long long)first, (long long)end, ops->name, MST_OPTIM_BLOCK);
}

static mst_status allocate(mst_optim *o, const mst_optim_layers *layers) {
  const mst_optim_ops *ops = o->ops;
  int64_t *copy = NULL;
  MST_TRY(mst_alloc(&copy, layers->n + 1, sizeof *copy, "optimizer's layers"));
  memcpy(copy, layers->first, (size_t)(layers->n + 1) * sizeof *copy);
  o->layers = (mst_optim_layers){layers->n, copy};
  for (int i = 0; i < vectors_used(ops, &o->spec); i++)
    MST_TRY(mst_alloc(&o->vector[i], o->count, sizeof(float), "optimizer's state"));
  MST_TRY(mst_alloc(&o->layer_scalar, (int64_t)layers->n * ops->layer_scalars, sizeof(double),
                    "optimizer's scalars"));
  if (ops->layer_sums == 0) return MST_OK;
  MST_TRY(mst_alloc(&o->rate, layers->n, sizeof(double), "optimizer's step sizes"));
  MST_TRY(mst_alloc(&o->sum, (int64_t)layers->n * ops->layer_sums, sizeof(double),
                    "optimizer's sums"));
  if (o->count == whole(o))
    MST_TRY(mst_alloc(&o->part, mst_optim_parts(o), sizeof(double), "optimizer's sums"));
  return MST_OK;
}

mst_status mst_optim_create(const mst_optim_spec *spec, const mst_optim_layers *layers,
                            int64_t first, int64_t count, mst_optim **out) {
  *out = NULL;
  MST_TRY(mst_optim_check(spec));
  const mst_optim_ops *ops = mst_optim_find(spec->kind);
  if (ops->needs_model)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "optimizer %s steps with the model itself, not with its gradient", ops->name);
  MST_TRY(check_layers(layers, first, count));
  MST_TRY(check_shard(ops, layers, first, count));
  mst_optim *o = NULL;
  MST_TRY(mst_alloc(&o, 1, sizeof *o, "optimizer"));
  o->ops = ops;
  o->spec = *spec;
  o->spec.kind = ops->name;
  o->first = first;
  o->count = count;
  mst_status status = allocate(o, layers);
  if (status != MST_OK) {
    mst_optim_destroy(o);
    return status;
  }
  *out = o;
  return MST_OK;
}

void mst_optim_destroy(mst_optim *o) {
  if (o == NULL) return;
  for (int i = 0; i < MST_OPTIM_VECTORS; i++) mst_free(o->vector[i]);
  mst_free(o->layer_scalar);
  mst_free(o->rate);
  mst_free(o->sum);
  mst_free(o->part);
  mst_free((void *)(uintptr_t)o->layers.first);
  mst_free(o);
}

int64_t mst_optim_bytes(const mst_optim_spec *spec, const mst_optim_layers *layers, int64_t count) {
  const mst_optim_ops *ops = mst_optim_find(spec->kind);
  if (ops == NULL || ops->needs_model) return 0;
  mst_optim o = {.ops = ops, .spec = *spec, .layers = *layers, .count = count};
  const int64_t real = (int64_t)sizeof(double), n = layers->n;
  int64_t bytes = (int64_t)sizeof o + (n + 1) * (int64_t)sizeof *layers->first +
                  vectors_used(ops, spec) * count * (int64_t)sizeof(float) +
                  n * ops->layer_scalars * real;
  if (ops->layer_sums > 0) bytes += n * (1 + ops->layer_sums) * real;
  if (ops->layer_sums > 0 && count == whole(&o)) bytes += mst_optim_parts(&o) * real;
  return bytes;
}

void mst_optim_start(mst_optim *o, const float *w) {
  o->step = 0;
  for (int i = 0; i < MST_OPTIM_VECTORS; i++)
    if (o->vector[i] != NULL) memset(o->vector[i], 0, (size_t)o->count * sizeof(float));
  memset(o->scalar, 0, sizeof o->scalar);
  if (o->layer_scalar != NULL)
    memset(o->layer_scalar, 0, (size_t)(o->layers.n * o->ops->layer_scalars) * sizeof(double));
  if (o->ops->start != NULL) o->ops->start(o, w);
}

static bool has_param(const mst_optim_ops *ops, size_t offset) {
  for (const mst_param *p = ops->params; p->name != NULL; p++)
    if (p->offset == offset) return true;
  return false;
}

double mst_optim_base_momentum(const mst_optim_spec *spec) {
  return spec->momentum > 0 ? spec->momentum : spec->beta1;
}

void mst_optim_momentum(mst_optim *o, double momentum) {
  if (has_param(o->ops, offsetof(mst_optim_spec, momentum))) o->spec.momentum = momentum;
  if (has_param(o->ops, offsetof(mst_optim_spec, beta1))) o->spec.beta1 = momentum;
}

void mst_optim_measure(mst_optim *o, const float *w, const float *g, double lr, double *part) {
  const int sums = o->ops->layer_sums;
  const int64_t end = o->first + o->count;
  if (sums == 0 || o->count == 0) return;
  int64_t at = o->first;
  for (int l = layer_of(o, at); at < end; l++)
    while (at < mst_least(o->layers.first[l + 1], end)) {
      const int64_t stop = piece_end(o, l, at, end), here = at - o->first;
      o->ops->measure(o, here, stop - at, w + here, g + here, lr, part);
      part += sums;
      at = stop;
    }
}

/* sum(layers, layer_sums) = the parts, added in the vector's order. */
static void add_parts(mst_optim *o, const double *part) {
  const int sums = o->ops->layer_sums;
  const int64_t end = whole(o);
  int64_t at = 0;
  for (int l = 0; l < o->layers.n; l++) {
    double *sum = o->sum + l * sums;
    for (int j = 0; j < sums; j++) sum[j] = 0;
    for (; at < o->layers.first[l + 1]; part += sums) {
      for (int j = 0; j < sums; j++) sum[j] += part[j];
      at = piece_end(o, l, at, end);
    }
  }
}

void mst_optim_apply(mst_optim *o, float *w, const float *g, double lr, const double *part) {
  if (o->ops->layer_sums > 0) add_parts(o, part);
  o->ops->prepare(o, lr, o->sum);
  const int64_t end = o->first + o->count;
  int64_t at = o->first;
  for (int l = layer_of(o, at); at < end; l++) {
    const int64_t stop = mst_least(o->layers.first[l + 1], end), here = at - o->first;
    if (stop > at) o->ops->apply(o, l, here, stop - at, w + here, g + here);
    at = mst_most(at, stop);
  }
  o->step++;
}

void mst_optim_step(mst_optim *o, float *w, const float *g, double lr) {
  mst_optim_measure(o, w, g, lr, o->part);
  mst_optim_apply(o, w, g, lr, o->part);
}

MST_WIDE_BODY squares_body(int64_t n, const float *restrict x, double *restrict lanes) {
  double a[MST_OPTIM_LANES] = {0};
  MST_OPTIM_EACH(i, n, a[lane] += (double)x[i] * (double)x[i];);
  for (int j = 0; j < MST_OPTIM_LANES; j++) lanes[j] = a[j];
}
MST_WIDE(squares, (int64_t n, const float *restrict x, double *restrict lanes), (n, x, lanes))

void mst_optim_squares(const mst_optim *o, const float *x, double *part) {
  const int64_t end = o->first + o->count;
  int64_t at = o->first;
  for (int l = layer_of(o, at); at < end; l++)
    while (at < mst_least(o->layers.first[l + 1], end)) {
      const int64_t stop = piece_end(o, l, at, end);
      double lanes[MST_OPTIM_LANES];
      squares(stop - at, x + (at - o->first), lanes);
      *part++ = mst_optim_fold(lanes);
      at = stop;
    }
}

void mst_optim_average(const mst_optim *o, const float *w, float *out) {
  if (o->count > 0)
    memcpy(out, o->ops->averages ? o->vector[o->ops->average] : w,
           (size_t)o->count * sizeof(float));
}

mst_status mst_optim_state(mst_optim *o, mst_state *state) {
  const mst_optim_ops *ops = o->ops;
  MST_TRY(mst_state_add(state, "optimizer/step", MST_I64, 1, (int64_t[]){1}, &o->step));
  if (ops->scalars > 0)
    MST_TRY(mst_state_add(state, "optimizer/scalars", MST_F64, 1, (int64_t[]){ops->scalars},
                          o->scalar));
  if (ops->layer_scalars > 0)
    MST_TRY(mst_state_add(state, "optimizer/layers", MST_F64, 2,
                          (int64_t[]){o->layers.n, ops->layer_scalars}, o->layer_scalar));
  for (int i = 0; i < vectors_used(ops, &o->spec); i++) {
    char name[64] = "optimizer/";
    strncat(name, ops->vector_name[i], sizeof name - strlen(name) - 1);
    MST_TRY(mst_state_add_shard(state, name, MST_F32, 1, (int64_t[]){whole(o)}, o->first, o->count,
                                o->vector[i]));
  }
  return MST_OK;
}
