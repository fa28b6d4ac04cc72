/* Secure aggregation of the statistics: what it is refused with, and the mask in the pipeline. The
 * rest is the Gram's (parallel/gram.h). doc/methods/secure_aggregation.md. */
#include <math.h>

#include "parallel/analytic.h"

mst_status mst_analytic_check(const mst_analytic_options *o) {
  if (o->secure.kind == MST_MASK_NONE) return MST_OK;
  MST_TRY(mst_mask_check(&o->secure));
  if (!(o->target_bound > 0 && isfinite(o->target_bound)))
    return mst_fail(MST_ERR_INPUT,
                    "secure.target_bound is %g: targets that are no classes need a public bound of "
                    "their own: give a positive one",
                    o->target_bound);
  if (o->fast)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "reduce: fast adds floating-point numbers, and masks cancel in whole numbers "
                    "only: use reduce: exact");
  return MST_OK;
}

mst_status mst_analytic_mask(mst_team *team, const mst_analytic_options *options,
                             mst_pipeline *pipeline, mst_mask **mask) {
  if (options->secure.kind == MST_MASK_NONE) return MST_OK;
  MST_TRY(mst_team_agree(team, mst_analytic_check(options)));
  MST_TRY(mst_mask_create(team, &options->secure, mask));
  if (pipeline->slot[MST_SLOT_MASK] == &mst_stage_mask) pipeline->slot[MST_SLOT_MASK] = NULL;
  mst_status st = mst_pipeline_put(pipeline, mst_mask_stage(*mask)); /* the same on all ranks */
  if (st == MST_OK) return st;
  mst_mask_destroy(*mask);
  *mask = NULL;
  return st;
}
