/* The table of federated methods and the checks that hold for all of them. Equations and sources of
 * the members: doc/methods/federated.md. */
#include "core/federated/method.h"

#include <stdio.h>

#include "core/base/registry.h"
#include "core/federated/member.h"

static const mst_method_ops *const TABLE[] = {
    &mst_method_fedavg,   &mst_method_fedavgm,    &mst_method_fedprox, &mst_method_fedadam,
    &mst_method_fedyogi,  &mst_method_fedadagrad, &mst_method_fednova, &mst_method_scaffold,
    &mst_method_feddyn,   &mst_method_fedcm,      &mst_method_fedsam,  &mst_method_mofedsam,
    &mst_method_fedgamma, &mst_method_fedspeed,   &mst_method_fedsmoo,
};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_param mst_method_params[] = {{.name = NULL}};

const mst_method_ops *mst_method_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_method_ops *mst_method_find(const char *name) {
  return mst_method_at(mst_registry_find(name_at, name));
}

/* All numbers of methods are real. NaN is refused by being in no range. */
static mst_status check_setting(const mst_method_ops *ops, const mst_param *p,
                                const mst_method_spec *spec) {
  double value = *(const double *)(const void *)((const char *)spec + p->offset);
  bool inside = (p->open_min ? value > p->min : value >= p->min) && value <= p->max;
  if (inside && isfinite(value)) return MST_OK;
  char most[32] = "";
  if (!isinf(p->max)) snprintf(most, sizeof most, " and at most %g", p->max);
  return mst_fail(MST_ERR_INPUT, "method.%s is %g, but %s needs a finite number %s %g%s", p->name,
                  value, ops->name, p->open_min ? "above" : "from", p->min, most);
}

mst_status mst_method_check(const mst_method_spec *spec) {
  const mst_method_ops *ops = mst_method_find(spec->name);
  if (ops == NULL) return mst_registry_refuse(name_at, "method.name", spec->name);
  bool may_weigh = false;
  for (const mst_param *p = ops->params; p->name != NULL; p++) {
    if (p->type == MST_PARAM_REAL) MST_TRY(check_setting(ops, p, spec));
    if (p->offset == offsetof(mst_method_spec, weighted)) may_weigh = true;
  }
  if (spec->weighted && !may_weigh)
    return mst_fail(MST_ERR_INPUT,
                    "method.weighted is true, but %s keeps a sum over all clients, which needs the "
                    "plain mean; set it to false",
                    ops->name);
  return MST_OK;
}
