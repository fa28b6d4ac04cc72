/* LaProp (Ziyin, Wang and Ueda, arXiv:2002.04839, algorithm 1): the gradient is normalised before
 * it enters the momentum:
 *   v = b2 v + (1-b2) g^2;  m = b1 m + (1-b1) g / (sqrt(v / (1-b2^t)) + epsilon);
 *   x -= lr (m / (1-b1^t) + wd x).
 * b1 = b2 = 0 gives sign descent, b1 > 0 with b2 = 0 its momentum (signum). */
#include "core/optim/member.h"

MST_WIDE_BODY pass_body(int64_t n, float *restrict w, const float *restrict g, float *restrict m,
                        float *restrict v, const float *restrict k) {
  const float b1 = k[MST_B1], a1 = k[MST_A1], b2 = k[MST_B2], a2 = k[MST_A2], r2 = k[MST_R2],
              epsilon = k[MST_EPSILON], lr = k[MST_LR],
              c1 = k[MST_C1], decay = k[MST_DECAY];
  for (int64_t i = 0; i < n; i++) {
    v[i] = b2 * v[i] + a2 * g[i] * g[i];
    m[i] = b1 * m[i] + a1 * (g[i] / (r2 * sqrtf(v[i]) + epsilon));
    w[i] -= lr * (c1 * m[i] + decay * w[i]);
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

static const mst_param params[] = {MST_OPTIM_LR("0.0004"),   MST_OPTIM_BETA1("0.9"),
                                   MST_OPTIM_BETA2("0.999"), MST_OPTIM_EPSILON("1e-15"),
                                   MST_OPTIM_DECAY,          MST_OPTIM_END};

const mst_optim_ops mst_optim_laprop = {
    .name = "laprop",
    .summary = "momentum of normalised gradients",
    .params = params,
    .vectors = 2,
    .vector_name = {"mean", "square"},
    .scalars = 2,
    .prepare = mst_optim_take_constants,
    .apply = apply,
};
