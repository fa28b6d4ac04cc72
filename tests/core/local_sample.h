/* What tests of locally private methods share: settings, and users that are far from each other. */
#ifndef MST_TESTS_CORE_LOCAL_SAMPLE_H
#define MST_TESTS_CORE_LOCAL_SAMPLE_H

#include "core/local/local.h"
#include "tests/core/noise_check.h"

static inline mst_ldp_spec local_spec(const char *method, int64_t users, int64_t width) {
  mst_ldp_spec s = {.method = method, .epsilon = 1, .delta = 1e-5, .users = users, .width = width};
  mst_param_defaults(mst_ldp_params, &s);
  mst_param_defaults(mst_ldp_find(method)->params, &s);
  s.sparsity = 1;
  return s;
}

static inline mst_ldp *local_create(const mst_ldp_spec *s) {
  mst_ldp *m = NULL;
  ck_ok(mst_ldp_create(s, &m));
  return m;
}

/* Public second moments of a unit matrix, where the method takes any. */
static inline void local_unit_moments(mst_ldp *m) {
  if (!m->ops->public) return;
  double packed[64] = {0};
  for (int64_t i = 0; i < m->spec.width; i++) packed[mst_ldp_packed(i) + i] = 1;
  ck_ok(mst_ldp_moments(m, 1000000, packed));
}

#endif
