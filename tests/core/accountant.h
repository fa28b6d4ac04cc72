/* Short ways to ask accountants, for their tests. */
#ifndef MST_TESTS_CORE_ACCOUNTANT_H
#define MST_TESTS_CORE_ACCOUNTANT_H

#include <math.h>
#include <string.h>

#include "core/privacy/accountant.h"
#include "tests/harness.h"

/* count Gaussian releases of noise sigma, Poisson with q < 1. */
static inline mst_event gaussian_event(double q, double sigma, int64_t count) {
  return (mst_event){.mechanism = MST_MECHANISM_GAUSSIAN,
                     .noise = sigma,
                     .sampling = q < 1 ? MST_SAMPLING_POISSON : MST_SAMPLING_NONE,
                     .q = q,
                     .count = count};
}

static inline mst_spent spent_at_delta(const char *name, double accuracy, mst_event event,
                                       mst_adjacency adjacency, double delta) {
  const mst_account_spec spec = {name, accuracy};
  const mst_events list = {&event, 1, adjacency, 1};
  mst_spent out;
  ck_ok(mst_account_epsilon(&spec, &list, delta, &out));
  return out;
}

static inline mst_spent spent_at_epsilon(const char *name, double accuracy, mst_event event,
                                         mst_adjacency adjacency, double epsilon) {
  const mst_account_spec spec = {name, accuracy};
  const mst_events list = {&event, 1, adjacency, 1};
  mst_spent out;
  ck_ok(mst_account_delta(&spec, &list, epsilon, &out));
  return out;
}

#define ck_near(got, want, relative)                                                              \
  do {                                                                                            \
    const double ck_got_ = (got), ck_want_ = (want);                                              \
    ck_assert_msg(fabs(ck_got_ - ck_want_) <= (relative)*fabs(ck_want_), "%s = %.16g, not %.16g", \
                  #got, ck_got_, ck_want_);                                                       \
  } while (0)

#endif
