/* The table of mechanisms and the checks that hold for all of them. */
#include "core/privacy/mechanism.h"

#include <math.h>
#include <stddef.h>

#include "core/base/registry.h"
#include "core/privacy/mechanism_member.h"

static const mst_mechanism_ops *const TABLE[] = {
    &mst_mechanism_gaussian,         &mst_mechanism_laplace,   &mst_mechanism_discrete_gaussian,
    &mst_mechanism_discrete_laplace, &mst_mechanism_skellam,   &mst_mechanism_randomised_response,
    &mst_mechanism_exponential,      &mst_mechanism_noisy_max, &mst_mechanism_duchi,
    &mst_mechanism_sparse_vector,
};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_mechanism_ops *mst_mechanism_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_mechanism_ops *mst_mechanism_find(const char *name) {
  return mst_mechanism_at(mst_registry_find(name_at, name));
}

mst_status mst_mechanism_positive(const char *what, double x) {
  if (x > 0 && isfinite(x)) return MST_OK;
  return mst_fail(MST_ERR_INPUT, "%s is %g; it must be positive and finite", what, x);
}

static mst_status add(const char *name, double scale, const mst_noise *noise, int64_t first,
                      int64_t n, mst_mechanism_type type, void *x) {
  const mst_mechanism_ops *ops = mst_mechanism_find(name);
  if (ops == NULL) return mst_registry_refuse(name_at, "privacy.mechanism", name);
  if (ops->type != type)
    return mst_fail(MST_ERR_UNSUPPORTED, "mechanism %s does not add to %s", name,
                    type == MST_MECHANISM_REAL ? "reals" : "whole numbers");
  MST_TRY(mst_mechanism_positive("the scale of noise", scale));
  return ops->add(scale, noise, first, n, x);
}

mst_status mst_mechanism_add_real(const char *name, double scale, const mst_noise *noise,
                                  int64_t first, int64_t n, double *x) {
  return add(name, scale, noise, first, n, MST_MECHANISM_REAL, x);
}

mst_status mst_mechanism_add_whole(const char *name, double scale, const mst_noise *noise,
                                   int64_t first, int64_t n, int64_t *x) {
  return add(name, scale, noise, first, n, MST_MECHANISM_WHOLE, x);
}

mst_status mst_mechanism_candidates(int64_t n, const double *utility, double sensitivity,
                                    double epsilon, double *largest) {
  if (n < 1) return mst_fail(MST_ERR_INPUT, "a choice among %lld candidates", (long long)n);
  MST_TRY(mst_mechanism_positive("the sensitivity of utilities", sensitivity));
  MST_TRY(mst_mechanism_positive("epsilon", epsilon));
  *largest = -INFINITY;
  for (int64_t i = 0; i < n; i++) {
    if (!isfinite(utility[i]))
      return mst_fail(MST_ERR_NONFINITE, "the utility of candidate %lld is not finite",
                      (long long)i);
    *largest = fmax(*largest, utility[i]);
  }
  return MST_OK;
}
