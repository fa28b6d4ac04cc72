/* dp_sgd: a sum of gradients every step (Abadi et al., CCS 2016). */
#include "core/privacy/estimator_member.h"

static mst_status prepare(mst_estimator *e) {
  e->kinds = 1;
  return mst_sampler_create(&e->sampling, &e->sampler[0]);
}

static mst_release at(const mst_estimator *e, int64_t step) {
  (void)e;
  (void)step;
  return (mst_release){.kind = 0, .from = -1, .to = 0};
}

static int64_t releases(const mst_estimator *e, int kind, int64_t from) {
  return mst_sampler_charges(e->sampler[kind], from, e->steps);
}

const mst_estimator_ops mst_estimator_dp_sgd = {
    .name = "dp_sgd",
    .summary = "clipped gradients of every step's sample",
    .prepare = prepare,
    .at = at,
    .releases = releases,
};
