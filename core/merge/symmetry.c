/* The sets of units of each kind of model, from its tensors: a weight's last axis makes units, the
 * one before reads those of the layer before; scales and biases go with the weight in front of
 * them. In a residual network all blocks of a stage write to the same channels. */
#include "core/merge/symmetry.h"

#include <stdio.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"

typedef struct finder {
  const mst_model *m;
  mst_symmetry *s;
} finder;

enum {
  NONE = -1 /* no set: the rows' own numbers, or the scores */
};

static bool is_weight(const mst_tensor *t) {
  return t->role == MST_TENSOR_WEIGHT;
}

static int64_t made_by(const mst_tensor *t) {
  return t->shape[t->dims - 1];
}

/* A new set, of what that tensor makes; there is room for as many as tensors. */
static int add_set(finder *f, const mst_tensor *t) {
  mst_symmetry *s = f->s;
  mst_units *u = &s->set[s->sets];
  u->count = made_by(t);
  u->groups = 1;
  u->first = s->units;
  u->reader = NONE;
  s->units += u->count;
  return s->sets++;
}

static mst_status add_place(finder *f, int set, int64_t offset, int64_t outer, int64_t inner) {
  mst_units *u = &f->s->set[set];
  if (u->place == NULL)
    MST_TRY(mst_alloc(&u->place, 2 * f->m->tensors, sizeof *u->place, "places of units"));
  u->place[u->places++] = (mst_unit_place){.offset = offset, .outer = outer, .inner = inner};
  return MST_OK;
}

/* Tensor t has a number, or a column, for each unit of the set that it makes. */
static mst_status makes(finder *f, int set, const mst_tensor *t) {
  if (set == NONE) return MST_OK;
  mst_units *u = &f->s->set[set];
  if (u->name[0] == '\0') snprintf(u->name, sizeof u->name, "%s", t->name);
  if (t->role == MST_TENSOR_SCALE) u->groups = f->m->spec.groups;
  return add_place(f, set, t->offset, t->count / u->count, 1);
}

/* Weight t reads the units of the set: a dense layer behind a convolution at every position. */
static mst_status reads(finder *f, int set, const mst_tensor *t) {
  if (set == NONE) return MST_OK;
  int64_t out = made_by(t), units = f->s->set[set].count;
  if (t->count % (out * units) != 0)
    return mst_fail(MST_ERR_INTERNAL, "%s does not read the %lld units of %s", t->name,
                    (long long)units, f->s->set[set].name);
  f->s->set[set].reader = (int)(t - f->m->tensor);
  return add_place(f, set, t->offset, t->count / (out * units), out);
}

/* Layers one after the other: softmax, glm, mlp, lenet. */
static mst_status find_chain(finder *f) {
  const mst_model *m = f->m;
  int last = NONE, set = NONE;
  for (int i = 0; i < m->tensors; i++)
    if (is_weight(&m->tensor[i])) last = i;
  for (int i = 0; i < m->tensors; i++) {
    const mst_tensor *t = &m->tensor[i];
    if (is_weight(t)) {
      MST_TRY(reads(f, set, t));
      set = i == last ? NONE : add_set(f, t);
    }
    MST_TRY(makes(f, set, t));
  }
  return MST_OK;
}

static bool ends(const mst_tensor *t, const char *end) {
  size_t n = strlen(t->name), k = strlen(end);
  return n >= k && strcmp(t->name + n - k, end) == 0;
}

static bool is_in(const mst_tensor *t, const char *layer) {
  return strstr(t->name, layer) != NULL;
}

/* The sets around a residual block: what it reads, makes inside, and adds to. */
typedef struct block {
  int from, inside, to;
} block;

/* One tensor of a residual network. */
static mst_status add_residual(finder *f, block *b, const mst_tensor *t) {
  if (ends(t, "conv1/weight")) {
    b->from = b->to;
    b->inside = add_set(f, t);
    if (f->s->set[b->from].count != made_by(t)) b->to = add_set(f, t);
    MST_TRY(reads(f, b->from, t));
    return makes(f, b->inside, t);
  }
  if (is_in(t, "/norm1/")) return makes(f, b->inside, t);
  if (ends(t, "conv2/weight")) MST_TRY(reads(f, b->inside, t));
  if (ends(t, "shortcut/weight")) MST_TRY(reads(f, b->from, t));
  return makes(f, b->to, t);
}

/* The stem writes to the first stage's channels; a block that makes more begins a stage, to whose
 * channels its shortcut and the stage's other blocks write. */
static mst_status find_residual(finder *f) {
  const mst_model *m = f->m;
  block b = {.from = NONE, .inside = NONE, .to = add_set(f, &m->tensor[0])};
  for (int i = 0; i < m->tensors; i++) {
    const mst_tensor *t = &m->tensor[i];
    if (ends(t, "dense/bias")) continue;
    MST_TRY(ends(t, "dense/weight") ? reads(f, b.to, t) : add_residual(f, &b, t));
  }
  return MST_OK;
}

static const struct {
  const char *kind;
  mst_status (*find)(finder *f);
} known[] = {{"softmax", find_chain},
             {"glm", find_chain},
             {"mlp", find_chain},
             {"lenet", find_chain},
             {"resnet", find_residual}};

mst_status mst_symmetry_find(const mst_model *m, mst_symmetry *s) {
  finder f = {.m = m, .s = s};
  MST_TRY(
      mst_model_refuse_shared(m, "matching units",
                              "the running statistics of a mean of networks are not the mean of "
                              "theirs"));
  s->parameters = m->parameters;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (strcmp(m->ops->name, known[i].kind) != 0) continue;
    MST_TRY(mst_alloc(&s->set, 2 * m->tensors, sizeof *s->set, "sets of units"));
    return known[i].find(&f);
  }
  return mst_fail(MST_ERR_UNSUPPORTED,
                  "which units of model.kind %s may be exchanged is not known: its networks cannot "
                  "be matched",
                  m->ops->name);
}

void mst_symmetry_clear(mst_symmetry *s) {
  for (int i = 0; i < s->sets; i++) mst_free(s->set[i].place);
  mst_free(s->set);
  *s = (mst_symmetry){.sets = 0};
}

void mst_symmetry_stay(const mst_symmetry *s, int64_t *unit) {
  for (int i = 0; i < s->sets; i++)
    for (int64_t u = 0; u < s->set[i].count; u++) unit[s->set[i].first + u] = u;
}

int64_t mst_symmetry_scratch(const mst_symmetry *s) {
  int64_t most = 0;
  for (int i = 0; i < s->sets; i++)
    for (int k = 0; k < s->set[i].places; k++)
      most = mst_most(most, s->set[i].count * s->set[i].place[k].inner);
  return most;
}

void mst_units_permute(const mst_units *u, const int64_t *unit, float *w, float *scratch) {
  for (int k = 0; k < u->places; k++) {
    const mst_unit_place *p = &u->place[k];
    size_t bytes = (size_t)p->inner * sizeof *w;
    for (int64_t o = 0; o < p->outer; o++) {
      float *at = w + p->offset + o * u->count * p->inner;
      memcpy(scratch, at, (size_t)u->count * bytes);
      for (int64_t i = 0; i < u->count; i++)
        memcpy(at + i * p->inner, scratch + unit[i] * p->inner, bytes);
    }
  }
}

void mst_symmetry_permute(const mst_symmetry *s, const int64_t *unit, float *w, float *scratch) {
  for (int i = 0; i < s->sets; i++)
    mst_units_permute(&s->set[i], unit + s->set[i].first, w, scratch);
}
