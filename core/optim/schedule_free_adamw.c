/* Schedule-free AdamW (Defazio et al., NeurIPS 2024, arXiv:2405.15682, algorithm 1): schedule-free
 * SGD whose step is divided by the root of v, and whose step size carries v's missing weight:
 *   lr_t = lr sqrt(1 - b2^t);  v = b2 v + (1-b2) g^2;
 *   z -= lr_t (g / (sqrt(v) + epsilon) + wd y);  x = (1-c) x + c z;  y = (1-b1) z + b1 x,
 * with c = lr_t^2 / sum_i lr_i^2. The paper's warm-up is the schedule's. */
#include "core/optim/schedule_free_rule.h"

static void prepare(mst_optim *o, double lr, const double *sum) {
  mst_optim_take_constants(o, lr, sum);
  mst_free_prepare(o, lr * sqrt(o->scalar[1]), o->spec.beta1, &o->scalar[2]);
}

MST_WIDE_BODY pass_body(int64_t n, float *restrict y, const float *restrict g, float *restrict x,
                        float *restrict z, float *restrict v, const float *restrict k) {
  const float lr = k[MST_LR], decay = k[MST_DECAY], beta = k[MST_FREE_BETA], c = k[MST_FREE_C],
              b2 = k[MST_B2], a2 = k[MST_A2], epsilon = k[MST_EPSILON];
  for (int64_t i = 0; i < n; i++) {
    v[i] = b2 * v[i] + a2 * g[i] * g[i];
    z[i] -= lr * (g[i] / (sqrtf(v[i]) + epsilon) + decay * y[i]);
    x[i] = (1 - c) * x[i] + c * z[i];
    y[i] = (1 - beta) * z[i] + beta * x[i];
  }
}
MST_WIDE(pass,
         (int64_t n, float *restrict y, const float *restrict g, float *restrict x,
          float *restrict z, float *restrict v, const float *restrict k),
         (n, y, g, x, z, v, k))

static void apply(mst_optim *o, int layer, int64_t at, int64_t n, float *w, const float *g) {
  (void)layer;
  pass(n, w, g, o->vector[0] + at, o->vector[1] + at, o->vector[2] + at, o->factor);
}

static const mst_param params[] = {MST_OPTIM_LR("0.0025"),
                                   MST_OPTIM_REAL(beta1, "0.9", 0, 0.999999, false,
                                                  "share of the average in the gradient's point"),
                                   MST_OPTIM_BETA2("0.999"),
                                   MST_OPTIM_EPSILON("1e-8"),
                                   MST_OPTIM_DECAY,
                                   MST_OPTIM_END};

const mst_optim_ops mst_optim_schedule_free_adamw = {
    .name = "schedule_free_adamw",
    .summary = "AdamW that averages its way instead of a schedule",
    .params = params,
    .vectors = 3,
    .vector_name = {"average", "moving", "square"},
    .scalars = 3,
    .averages = true,
    .average = 0,
    .start = mst_free_start,
    .prepare = prepare,
    .apply = apply,
};
