/* diff2: gradients of all rows every so many steps, differences of gradients of all rows in between
 * (Murata and Suzuki, ICML 2023, the GD routine). Differences are as short as steps are, and so is
 * their noise. */
#include "core/privacy/estimator_member.h"

static mst_status prepare(mst_estimator *e) {
  mst_sampler_spec all = e->sampling;
  all.kind = "full";
  e->kinds = 2;
  e->slots = 1;
  for (int k = 0; k < 2; k++) MST_TRY(mst_sampler_create(&all, &e->sampler[k]));
  mst_periodic_noise(e);
  return MST_OK;
}

static const mst_param params[] = {MST_ESTIMATOR_PARAM_PERIOD,
                                   MST_ESTIMATOR_PARAM_SMOOTHNESS,
                                   MST_ESTIMATOR_PARAM_SHARE,
                                   {.name = NULL}};

const mst_estimator_ops mst_estimator_diff2 = {
    .name = "diff2",
    .summary = "all rows: gradients now and then, differences of gradients in between",
    .params = params,
    .sampler = "full",
    .prepare = prepare,
    .at = mst_periodic_at,
    .releases = mst_periodic_releases,
};
