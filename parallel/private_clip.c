/* Adaptive clipping: the count beside a step's sum, and what becomes of the clip. */
#include "parallel/private_clip.h"

#include <math.h>

#include "comm/sum.h"
#include "parallel/private.h"

#define SMALLEST 0x1p-40 /* clip, of the greatest */

double mst_private_clip_sigma(double sigma, double count_noise) {
  double left = 1 / (sigma * sigma) - 1 / (4 * count_noise * count_noise);
  return left > 0 ? 1 / sqrt(left) : INFINITY;
}

mst_status mst_private_clip_check(const mst_private_options *o) {
  const mst_private_clip_spec *a = &o->adaptive;
  if (a->quantile == 0) return MST_OK;
  if (!(a->quantile > 0 && a->quantile < 1 && a->rate > 0 && a->count_noise >= 0) ||
      !(a->most >= o->clip) || !isfinite(a->most))
    return mst_fail(MST_ERR_INPUT,
                    "an adaptive clip needs a quantile between 0 and 1, a rate above 0, and a "
                    "greatest clip not below the first, which is %g",
                    o->clip);
  if (o->estimator != NULL && o->estimator->slots > 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "differences have a bound of their own; leave out privacy.adaptive_clip");
  if (o->hardened)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "hardened noise is on a grid of one clip; leave out privacy.adaptive_clip");
  if (o->correlation != NULL && o->correlation->ops != mst_correlation_find("independent"))
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "the noise of %s steps cancels only where all have the same clip; leave out "
                    "privacy.adaptive_clip",
                    o->correlation->ops->name);
  if (o->sampler->cycle > 1)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "privacy.sampler %s is charged once a cycle, for one clip; with "
                    "privacy.adaptive_clip choose poisson",
                    o->sampler->ops->name);
  return MST_OK;
}

mst_private_clip mst_private_clip_begin(const mst_private_options *o) {
  return (mst_private_clip){.moves = o->adaptive.quantile > 0, .now = o->clip};
}

void mst_private_clip_count(mst_private_clip *c, int64_t n, const double *norm) {
  for (int64_t i = 0; i < n; i++) c->twice += norm[i] <= c->now ? 1 : -1;
}

mst_status mst_private_clip_state(mst_private_clip *c, mst_state *s) {
  int64_t one = 1;
  return c->moves ? mst_state_add(s, "clip", MST_F64, 1, &one, &c->now) : MST_OK;
}

mst_status mst_private_clip_move(mst_private_clip *c, mst_team *team, const mst_private_options *o,
                                 int64_t step) {
  const mst_private_clip_spec *a = &o->adaptive;
  double noise = 0;
  if (!c->moves) return MST_OK;
  MST_TRY(mst_sum_i64(team, &c->twice, 1));
  mst_noise count = mst_noise_of(&o->secret, MST_NOISE_COUNT, 0, (uint64_t)step);
  mst_noise_gaussian(&count, 0, 1, a->count_noise, &noise);
  mst_noise_wipe(&count);
  double share = 0.5 + ((double)c->twice / 2 + noise) / mst_sampler_expected(o->sampler);
  c->now = fmin(a->most, fmax(SMALLEST * a->most, c->now * exp(-a->rate * (share - a->quantile))));
  c->twice = 0;
  return MST_OK;
}
