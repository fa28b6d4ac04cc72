/* The exponential moving average of parameters: one pass, element by element, so its bits do not
 * depend on how the vector is cut. */
#include "core/optim/ema.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/wide.h"

double mst_ema_rate(double rho, double kappa) { return pow(rho, kappa); }

mst_status mst_ema_create(double rho, double kappa, int64_t count, mst_ema *out) {
  *out = (mst_ema){.count = count};
  if (!(rho >= 0 && rho < 1) || !(kappa > 0 && isfinite(kappa)))
    return mst_fail(
        MST_ERR_INPUT,
        "a moving average of rate %g for a batch scaled by %g: choose a rate of at least 0 "
        "and below 1, and a positive scale",
        rho, kappa);
  /* Of the rounded rate: the two must add up to 1, or the average of a constant drifts off. */
  out->rho = (float)mst_ema_rate(rho, kappa);
  out->rest = 1.0f - out->rho;
  if (!(out->rest > 0))
    return mst_fail(MST_ERR_INPUT,
                    "a moving average of rate %g for a batch scaled by %g keeps all but %g of the "
                    "parameters each step, less than float32 can hold; choose a lower rate",
                    rho, kappa, 1 - mst_ema_rate(rho, kappa));
  return mst_alloc(&out->mean, count, sizeof(float), "average of the parameters");
}

void mst_ema_free(mst_ema *e) {
  mst_free(e->mean);
  *e = (mst_ema){0};
}

void mst_ema_start(mst_ema *e, const float *w) {
  if (e->count > 0) memcpy(e->mean, w, (size_t)e->count * sizeof *w);
}

MST_WIDE_BODY add_body(int64_t n, const float *restrict w, float *restrict mean, float rho,
                       float rest) {
  for (int64_t i = 0; i < n; i++) mean[i] = rho * mean[i] + rest * w[i];
}
MST_WIDE(add, (int64_t n, const float *restrict w, float *restrict mean, float rho, float rest),
         (n, w, mean, rho, rest))

void mst_ema_add(mst_ema *e, const float *w) { add(e->count, w, e->mean, e->rho, e->rest); }

mst_status mst_ema_state(mst_ema *e, int64_t whole, int64_t first, mst_state *state) {
  return mst_state_add_shard(state, "average", MST_F32, 1, (int64_t[]){whole}, first, e->count,
                             e->mean);
}
