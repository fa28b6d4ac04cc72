/* The model family: its table of members, and how a model is put together of layers and given its
 * first parameters. What a model computes is in model_pass.c. */
#include "core/model/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/base/registry.h"
#include "core/base/word.h"
#include "core/model/layer.h"
#include "core/model/params.h"

static const mst_model_ops *const members[] = {
    &mst_model_softmax, &mst_model_glm, &mst_model_mlp, &mst_model_lenet, &mst_model_resnet,
};
enum {
  MEMBERS = sizeof members / sizeof members[0]
};

/* More parameters than this cannot be meant: sizes in bytes must not overflow. */
static const int64_t most_parameters = INT64_C(1) << 40;
static const int64_t most_width = INT64_C(1) << 31;

const mst_model_ops *mst_model_at(int i) {
  return i >= 0 && i < MEMBERS ? members[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? members[i]->name : NULL;
}

const mst_model_ops *mst_model_find(const char *name) {
  return mst_model_at(mst_registry_find(name_at, name));
}

static mst_status check_shape(const mst_row_shape *shape) {
  if (shape->dims < 1 || shape->dims > 3)
    return mst_fail(MST_ERR_INPUT,
                    "rows have %d dimensions; models take rows of shape (width), (height, width) "
                    "or (height, width, channels)",
                    shape->dims);
  int64_t elements = 1;
  for (int i = 0; i < shape->dims; i++) {
    int64_t size = shape->size[i];
    if (size < 1 || size > most_width || elements * size > most_width)
      return mst_fail(MST_ERR_INPUT,
                      "dimension %d of a row has size %lld; a row needs 1 to 2^31 numbers", i,
                      (long long)size);
    elements *= size;
  }
  return MST_OK;
}

static mst_status check_spec(const mst_model_ops *ops, const mst_model_spec *spec, bool classes,
                             int64_t outputs) {
  if (spec->init != NULL && !mst_word_is_in(spec->init, MST_MODEL_INITS))
    return mst_fail(MST_ERR_INPUT, "model.init is %s; choose one of %s", spec->init,
                    MST_MODEL_INITS);
  if (classes ? !ops->classes : !ops->values)
    return mst_fail(MST_ERR_INPUT, "model.kind %s learns %s, but the dataset's y holds %s",
                    ops->name, classes ? "values" : "classes", classes ? "classes" : "values");
  if (outputs < (classes ? 2 : 1) || outputs > most_width)
    return mst_fail(MST_ERR_INPUT, "a model for %lld %s; it needs %s", (long long)outputs,
                    classes ? "classes" : "value columns", classes ? "2 or more" : "1 or more");
  return MST_OK;
}

/* array(old) becomes array(count), the new elements zero. */
static mst_status grow(void *array, int64_t old, int64_t count, size_t size, const char *what) {
  void *longer = NULL, **place = array;
  MST_TRY(mst_alloc(&longer, count, size, what));
  if (old > 0) memcpy(longer, *place, (size_t)old * size);
  mst_free(*place);
  *place = longer;
  return MST_OK;
}

static bool name_taken(const mst_model *m, const char *name) {
  for (int i = 0; i < m->tensors; i++)
    if (strcmp(m->tensor[i].name, name) == 0) return true;
  return false;
}

static mst_status add_tensors(mst_model *m, const char *name, const mst_layer *l) {
  MST_TRY(grow(&m->tensor, m->tensors, m->tensors + l->tensors, sizeof *m->tensor, "tensor list"));
  for (int i = 0; i < l->tensors; i++) {
    mst_tensor t = l->tensor[i];
    int length = snprintf(t.name, sizeof t.name, "%s/%s", name, l->tensor[i].name);
    if (length < 0 || (size_t)length >= sizeof t.name || name_taken(m, t.name))
      return mst_fail(MST_ERR_INTERNAL, "tensor name '%s/%s' is too long or taken", name,
                      l->tensor[i].name);
    t.offset += l->first;
    m->tensor[m->tensors++] = t;
  }
  return MST_OK;
}

static mst_status add_layer(mst_model *m, const char *name, mst_layer *l) {
  if (mst_extent_size(l->in) != mst_extent_size(mst_model_extent(m)))
    return mst_fail(MST_ERR_INTERNAL, "layer %s takes %lld numbers, not %lld", name,
                    (long long)mst_extent_size(l->in),
                    (long long)mst_extent_size(mst_model_extent(m)));
  if (l->parameters > most_parameters - m->parameters)
    return mst_fail(MST_ERR_INPUT, "a model of more than 2^40 parameters");
  l->first = m->parameters;
  if (l->tensors > 0) MST_TRY(add_tensors(m, name, l));
  MST_TRY(grow(&m->layer, m->layers, m->layers + 1, sizeof(mst_layer *), "layer list"));
  m->parameters += l->parameters;
  m->layer[m->layers++] = l;
  return MST_OK;
}

mst_status mst_model_add(mst_model *m, const char *name, mst_status made, mst_layer *l) {
  if (made != MST_OK) return made;
  mst_status status = add_layer(m, name, l);
  if (status != MST_OK) mst_layer_destroy(l);
  return status;
}

mst_extent mst_model_extent(const mst_model *m) {
  if (m->layers > 0) return m->layer[m->layers - 1]->out;
  const int64_t *size = m->shape.size;
  if (m->shape.dims == 1) return (mst_extent){1, 1, size[0]};
  return (mst_extent){size[0], size[1], m->shape.dims == 3 ? size[2] : 1};
}

static mst_status build(mst_model *m, bool classes) {
  MST_TRY(m->ops->build(m, classes));
  if (m->layers == 0 || mst_extent_size(mst_model_extent(m)) != m->outputs)
    return mst_fail(MST_ERR_INTERNAL, "model %s does not end in %lld scores", m->ops->name,
                    (long long)m->outputs);
  return MST_OK;
}

mst_status mst_model_create(const mst_model_spec *spec, const mst_row_shape *shape, bool classes,
                            int64_t outputs, mst_model **out) {
  *out = NULL;
  const mst_model_ops *ops = mst_model_find(spec->kind);
  if (ops == NULL) return mst_registry_refuse(name_at, "model.kind", spec->kind);
  MST_TRY(check_shape(shape));
  MST_TRY(check_spec(ops, spec, classes, outputs));
  mst_model *m = NULL;
  MST_TRY(mst_alloc(&m, 1, sizeof *m, "model"));
  m->ops = ops;
  m->spec = *spec;
  m->spec.kind = ops->name;
  m->shape = *shape;
  m->inputs = mst_row_elements(shape);
  m->outputs = outputs;
  m->loss = classes ? MST_LOSS_CROSS_ENTROPY : MST_LOSS_SQUARED;
  mst_status status = build(m, classes);
  if (status != MST_OK) {
    mst_model_destroy(m);
    return status;
  }
  *out = m;
  return MST_OK;
}

mst_status mst_model_refuse_shared(const mst_model *m, const char *who, const char *why) {
  for (int i = 0; i < m->layers; i++)
    if (m->layer[i]->ops->evaluate != NULL)
      return mst_fail(MST_ERR_UNSUPPORTED, "model.norm: batch is not for %s: %s", who, why);
  return MST_OK;
}

void mst_model_destroy(mst_model *m) {
  if (m == NULL) return;
  for (int i = 0; i < m->layers; i++) mst_layer_destroy(m->layer[i]);
  mst_free(m->layer);
  mst_free(m->tensor);
  mst_free(m);
}

static void fill(float *w, int64_t count, float value) {
  for (int64_t i = 0; i < count; i++) w[i] = value;
}

static void draw_uniform(const mst_tensor *t, mst_stream *s, double bound, float *w) {
  for (int64_t i = 0; i < t->count; i++)
    w[i] = (float)(bound * (2.0 * mst_stream_uniform(s) - 1.0));
}

static void draw_normal(const mst_tensor *t, mst_stream *s, float *w) {
  double deviation = sqrt(2.0 / (double)t->fan_in);
  for (int64_t i = 0; i < t->count; i++) w[i] = (float)(deviation * mst_stream_normal(s));
}

void mst_model_init(const mst_model *m, uint64_t seed, int64_t copy, float *w) {
  const char *init = m->spec.init != NULL ? m->spec.init : "xavier";
  for (int i = 0; i < m->tensors; i++) {
    const mst_tensor *t = &m->tensor[i];
    float *at = w + t->offset;
    mst_stream s = mst_stream_of(mst_key_make(seed, MST_PURPOSE_INIT, (uint64_t)i, (uint64_t)copy));
    if (t->role == MST_TENSOR_SCALE || t->role == MST_TENSOR_VARIANCE)
      fill(at, t->count, 1.0f);
    else if (strcmp(init, "uniform") == 0 && t->fan_in > 0)
      draw_uniform(t, &s, 1 / sqrt((double)t->fan_in), at);
    else if (t->role != MST_TENSOR_WEIGHT || strcmp(init, "zero") == 0)
      fill(at, t->count, 0.0f);
    else if (strcmp(init, "he") == 0)
      draw_normal(t, &s, at);
    else
      draw_uniform(t, &s, sqrt(6.0 / (double)(t->fan_in + t->fan_out)), at);
  }
}
