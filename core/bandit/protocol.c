/* The table of protocols, and numbers of few bits. */
#include "core/bandit/protocol.h"

#include <math.h>

#include "core/bandit/protocol_member.h"
#include "core/base/registry.h"

static const mst_protocol_ops *const TABLE[] = {&mst_protocol_none,
                                                &mst_protocol_full,
                                                &mst_protocol_dislinucb,
                                                &mst_protocol_fedlinucb,
                                                &mst_protocol_async_linucb,
                                                &mst_protocol_periodic,
                                                &mst_protocol_disbe_lucb,
                                                &mst_protocol_disbe_lucb_estimated,
                                                &mst_protocol_decbe_lucb,
                                                &mst_protocol_delb,
                                                &mst_protocol_phased_elimination,
                                                &mst_protocol_fed_pe,
                                                &mst_protocol_coop_ucb,
                                                &mst_protocol_dducb};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_protocol_ops *mst_protocol_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_protocol_ops *mst_protocol_find(const char *name) {
  return mst_protocol_at(mst_registry_find(name_at, name));
}

mst_status mst_protocol_check(const mst_protocol_spec *s) {
  const mst_protocol_ops *ops = mst_protocol_find(s->kind);
  if (ops == NULL) return mst_registry_refuse(name_at, "protocol.kind", s->kind);
  return mst_param_check(ops->params, s, "protocol");
}

void mst_protocol_round(int64_t n, double *x, double bound, int64_t bits) {
  if (bits >= 64) return;
  const double most = ldexp(1, (int)bits - 1) - 1, step = bound / most;
  for (int64_t i = 0; i < n; i++) x[i] = fmin(fmax(rint(x[i] / step), -most), most) * step;
}
