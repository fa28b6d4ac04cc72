/* D-Adaptation for SGD (Defazio and Mishchenko, ICML 2023, arXiv:2301.07733, algorithm 4): the
 * distance to the solution is bounded from below on the way, and the bound is the step size:
 *   lambda = d lr / |g_0|;  s' = s + lambda g;  z = x_0 - s';  x = mu x + (1-mu) z;
 *   d = max(d, 2 sum_i lambda_i <g_i, s_i> / |s'|).
 * The numerator equals |s'|^2 - sum_i lambda_i^2 |g_i|^2, the form of the paper's first version. lr
 * is 1 unless a schedule lowers it. Decay is in the gradient. */
#include <string.h>

#include "core/optim/member.h"

enum {
  ALONG, /* <g, s>  */
  SHIFT, /* <s, s>  */
  GRADIENT,
  SUMS
};
enum { /* scalars */
  D,
  FIRST, /* |g_0| */
  NUMERATOR,
  SCALARS
};
enum { /* vectors */
  S,
  START
};

static void start(mst_optim *o, const float *w) {
  o->scalar[D] = o->spec.initial;
  if (o->count > 0) memcpy(o->vector[START], w, (size_t)o->count * sizeof *w);
}

MST_WIDE_BODY products_body(int64_t n, const float *restrict w, const float *restrict g,
                            const float *restrict s, float decay, double *restrict gs,
                            double *restrict ss, double *restrict gg) {
  double a[MST_OPTIM_LANES] = {0}, b[MST_OPTIM_LANES] = {0}, c[MST_OPTIM_LANES] = {0};
  MST_OPTIM_EACH(i, n, const double gradient = (double)(g[i] + decay * w[i]);
                 a[lane] += gradient * (double)s[i]; b[lane] += (double)s[i] * (double)s[i];
                 c[lane] += gradient * gradient;);
  for (int j = 0; j < MST_OPTIM_LANES; j++) gs[j] = a[j];
  for (int j = 0; j < MST_OPTIM_LANES; j++) ss[j] = b[j];
  for (int j = 0; j < MST_OPTIM_LANES; j++) gg[j] = c[j];
}
MST_WIDE(products,
         (int64_t n, const float *restrict w, const float *restrict g, const float *restrict s,
          float decay, double *restrict gs, double *restrict ss, double *restrict gg),
         (n, w, g, s, decay, gs, ss, gg))

static void measure(mst_optim *o, int64_t at, int64_t n, const float *w, const float *g, double lr,
                    double *sum) {
  (void)lr;
  double gs[MST_OPTIM_LANES], ss[MST_OPTIM_LANES], gg[MST_OPTIM_LANES];
  products(n, w, g, o->vector[S] + at, (float)o->spec.weight_decay, gs, ss, gg);
  sum[ALONG] = mst_optim_fold(gs);
  sum[SHIFT] = mst_optim_fold(ss);
  sum[GRADIENT] = mst_optim_fold(gg);
}

static void prepare(mst_optim *o, double lr, const double *sum) {
  double total[SUMS] = {0};
  for (int l = 0; l < o->layers.n; l++)
    for (int j = 0; j < SUMS; j++) total[j] += sum[l * SUMS + j];
  double *state = o->scalar;
  if (state[FIRST] == 0) state[FIRST] = sqrt(total[GRADIENT]);
  /* Before the first gradient that is not 0 there is nowhere to go. */
  const double lambda = state[FIRST] == 0 ? 0 : state[D] * lr / state[FIRST];
  state[NUMERATOR] += lambda * total[ALONG];
  const double shift =
      sqrt(total[SHIFT] + 2 * lambda * total[ALONG] + lambda * lambda * total[GRADIENT]);
  if (shift > 0 && 2 * state[NUMERATOR] / shift > state[D])
    state[D] = 2 * state[NUMERATOR] / shift;
  o->factor[0] = (float)lambda;
  o->factor[1] = (float)o->spec.weight_decay;
  o->factor[2] = (float)o->spec.momentum;
  o->factor[3] = (float)(1 - o->spec.momentum);
}

MST_WIDE_BODY pass_body(int64_t n, float *restrict w, const float *restrict g, float *restrict s,
                        const float *restrict start_at, const float *restrict k) {
  const float lambda = k[0], decay = k[1], mu = k[2], rest = k[3];
  for (int64_t i = 0; i < n; i++) {
    s[i] += lambda * (g[i] + decay * w[i]);
    w[i] = mu * w[i] + rest * (start_at[i] - s[i]);
  }
}
MST_WIDE(pass,
         (int64_t n, float *restrict w, const float *restrict g, float *restrict s,
          const float *restrict start_at, const float *restrict k),
         (n, w, g, s, start_at, k))

static void apply(mst_optim *o, int layer, int64_t at, int64_t n, float *w, const float *g) {
  (void)layer;
  pass(n, w, g, o->vector[S] + at, o->vector[START] + at, o->factor);
}

static const mst_param params[] = {MST_OPTIM_LR("1"), MST_OPTIM_MOMENTUM("0.9"),
                                   MST_OPTIM_REAL(initial, "1e-6", 0, INFINITY, true,
                                                  "first guess of the distance, far too small"),
                                   MST_OPTIM_DECAY_COUPLED, MST_OPTIM_END};

const mst_optim_ops mst_optim_d_adaptation = {
    .name = "d_adaptation",
    .summary = "gradient descent that finds its step size",
    .params = params,
    .vectors = 2,
    .vector_name = {"shift", "start"},
    .scalars = SCALARS,
    .layer_sums = SUMS,
    .start = start,
    .measure = measure,
    .prepare = prepare,
    .apply = apply,
};
