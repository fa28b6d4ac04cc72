/* Schedule-free SGD (Defazio et al., NeurIPS 2024, arXiv:2405.15682): the gradient is taken at y, a
 * mean of the moving point z and of the average x of its way; x is what is evaluated:
 *   z -= lr (grad(y) + wd y);  x = (1-c) x + c z;  y = (1-beta) z + beta x,
 * with c = lr_t^2 / sum_i lr_i^2, which is 1/t for a constant step. beta is `momentum`. */
#include "core/optim/schedule_free_rule.h"

static void prepare(mst_optim *o, double lr, const double *sum) {
  (void)sum;
  mst_free_prepare(o, lr, o->spec.momentum, &o->scalar[0]);
}

MST_WIDE_BODY pass_body(int64_t n, float *restrict y, const float *restrict g, float *restrict x,
                        float *restrict z, const float *restrict k) {
  const float lr = k[MST_LR], decay = k[MST_DECAY], beta = k[MST_FREE_BETA], c = k[MST_FREE_C];
  for (int64_t i = 0; i < n; i++) {
    z[i] -= lr * (g[i] + decay * y[i]);
    x[i] = (1 - c) * x[i] + c * z[i];
    y[i] = (1 - beta) * z[i] + beta * x[i];
  }
}
MST_WIDE(pass,
         (int64_t n, float *restrict y, const float *restrict g, float *restrict x,
          float *restrict z, const float *restrict k),
         (n, y, g, x, z, k))

static void apply(mst_optim *o, int layer, int64_t at, int64_t n, float *w, const float *g) {
  (void)layer;
  pass(n, w, g, o->vector[0] + at, o->vector[1] + at, o->factor);
}

static const mst_param params[] = {MST_OPTIM_LR("1"),
                                   MST_OPTIM_REAL(momentum, "0.9", 0, 0.999999, false,
                                                  "share of the average in the gradient's point"),
                                   MST_OPTIM_DECAY_COUPLED, MST_OPTIM_END};

const mst_optim_ops mst_optim_schedule_free_sgd = {
    .name = "schedule_free_sgd",
    .summary = "gradient descent that averages its way instead of a schedule",
    .params = params,
    .vectors = 2,
    .vector_name = {"average", "moving"},
    .scalars = 1,
    .averages = true,
    .average = 0,
    .start = mst_free_start,
    .prepare = prepare,
    .apply = apply,
};
