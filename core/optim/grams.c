/* Grams (Cao, Li and Song, arXiv:2412.17107): the direction of the gradient, the size of Adam's
 * step u = (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + epsilon):
 *   x -= lr (sign(g) |u| + wd x),  where sign(0) = 0. */
#include "core/optim/member.h"

MST_WIDE_BODY pass_body(int64_t n, float *restrict w, const float *restrict g, float *restrict m,
                        float *restrict v, const float *restrict k) {
  const float b1 = k[MST_B1], a1 = k[MST_A1], b2 = k[MST_B2], a2 = k[MST_A2], c1 = k[MST_C1],
              r2 = k[MST_R2], lr = k[MST_LR], epsilon = k[MST_EPSILON], decay = k[MST_DECAY];
  for (int64_t i = 0; i < n; i++) {
    m[i] = b1 * m[i] + a1 * g[i];
    v[i] = b2 * v[i] + a2 * g[i] * g[i];
    const float size = fabsf(c1 * m[i]) / (r2 * sqrtf(v[i]) + epsilon);
    w[i] -= lr * ((g[i] != 0 ? copysignf(size, g[i]) : 0.0f) + decay * w[i]);
  }
}
MST_WIDE(pass,
         (int64_t n, float *restrict w, const float *restrict g, float *restrict m,
          float *restrict v, const float *restrict k),
         (n, w, g, m, v, k))

static void apply(mst_optim *o, int layer, int64_t at, int64_t n, float *w, const float *g) {
  (void)layer;
  pass(n, w, g, o->vector[0] + at, o->vector[1] + at, o->factor);
}

static const mst_param params[] = {MST_OPTIM_LR("0.001"),    MST_OPTIM_BETA1("0.9"),
                                   MST_OPTIM_BETA2("0.999"), MST_OPTIM_EPSILON("1e-8"),
                                   MST_OPTIM_DECAY,          MST_OPTIM_END};

const mst_optim_ops mst_optim_grams = {
    .name = "grams",
    .summary = "the gradient's signs with the sizes of Adam's step",
    .params = params,
    .vectors = 2,
    .vector_name = {"mean", "square"},
    .scalars = 2,
    .prepare = mst_optim_take_constants,
    .apply = apply,
};
