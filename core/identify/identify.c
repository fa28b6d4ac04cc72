/* The table of identifiers, and what holds for all of them. */
#include "core/identify/identify.h"

#include <string.h>

#include "core/base/registry.h"
#include "core/identify/member.h"

static const mst_identifier_ops *const TABLE[] = {
    &mst_identifier_glucb,      &mst_identifier_lucb,         &mst_identifier_xy_static,
    &mst_identifier_rage,       &mst_identifier_task_by_task, &mst_identifier_douexpdes,
    &mst_identifier_c_douexpdes};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_param mst_identifier_params[] = {
    {.name = "delta",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_identifier_spec, delta),
     .fallback = "0.05",
     .min = 1e-300,
     .max = 0.5,
     .unit = "",
     .help = "probability with which any task's answer may be wrong"},
    {.name = "most",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_identifier_spec, most),
     .fallback = "1e12",
     .min = 1,
     .max = 1e15,
     .unit = "pulls",
     .help = "a task that needs more is undecided"},
    {.name = NULL}};

const mst_identifier_ops *mst_identifier_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_identifier_ops *mst_identifier_find(const char *name) {
  return mst_identifier_at(mst_registry_find(name_at, name));
}

static mst_status check_rank(mst_identifier_spec *s, const mst_instance_spec *i) {
  if (s->rank == 0) s->rank = i->rank;
  if (s->rank < 1)
    return mst_fail(MST_ERR_INPUT,
                    "identify.rank: an instance of kind %s does not say how many dimensions its "
                    "tasks share; %s must be told",
                    i->kind, s->method);
  if (s->rank > i->dimension)
    return mst_fail(MST_ERR_INPUT, "identify.rank: %lld of %lld dimensions", (long long)s->rank,
                    (long long)i->dimension);
  if (s->rank < i->dimension && i->contexts * i->arms < i->dimension)
    return mst_fail(MST_ERR_INPUT,
                    "identify.method: %s finds the subspace from arms that span all %lld "
                    "dimensions, and there are %lld arms",
                    s->method, (long long)i->dimension, (long long)(i->contexts * i->arms));
  if (s->rank < i->dimension && i->tasks < s->rank)
    return mst_fail(MST_ERR_INPUT, "identify.rank: %lld tasks cannot show %lld dimensions",
                    (long long)i->tasks, (long long)s->rank);
  return MST_OK;
}

mst_status mst_identifier_check(mst_identifier_spec *s, const mst_instance_spec *i) {
  const mst_identifier_ops *ops = mst_identifier_find(s->method);
  if (ops == NULL) return mst_registry_refuse(name_at, "identify.method", s->method);
  MST_TRY(mst_param_check(mst_identifier_params, s, "identify"));
  MST_TRY(mst_param_check(ops->params, s, "identify"));
  if (ops->contexts != (strcmp(i->kind, "contexts") == 0))
    return mst_fail(MST_ERR_INPUT, "identify.method: %s is for instances with%s contexts, not %s",
                    ops->name, ops->contexts ? "" : "out", i->kind);
  if (ops == &mst_identifier_douexpdes || ops == &mst_identifier_c_douexpdes)
    return check_rank(s, i);
  return MST_OK;
}

mst_status mst_identify(const mst_identifier_spec *s, mst_instance *i, mst_identified *out) {
  const int64_t tasks = i->spec.tasks, contexts = i->spec.contexts;
  memset(out->pulls, 0, (size_t)tasks * sizeof *out->pulls);
  for (int64_t a = 0; a < tasks * contexts; a++) out->answer[a] = i->spec.arms == 1 ? 0 : -1;
  out->alone = false;
  out->found = 0;
  return i->spec.arms == 1 ? MST_OK : mst_identifier_find(s->method)->run(s, i, out);
}

int32_t mst_identify_left(int64_t n, const bool *keep) {
  int32_t only = -1;
  for (int64_t a = 0; a < n; a++) {
    if (!keep[a]) continue;
    if (only >= 0) return -1;
    only = (int32_t)a;
  }
  return only;
}
