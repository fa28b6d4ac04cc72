/* D-Adaptation for Adam (Defazio and Mishchenko, ICML 2023, arXiv:2301.07733, algorithm 5). With
 * lambda = d lr and the averages before the step in the numerator,
 *   r = sqrt(b2) r + (1-sqrt(b2)) lambda <g, s / (sqrt(v) + epsilon)>;
 *   m = b1 m + (1-b1) lambda g;  v = b2 v + (1-b2) g^2;  s = sqrt(b2) s + (1-sqrt(b2)) lambda g;
 *   x -= m / (sqrt(v) + epsilon) + lambda wd x;  d = max(d, r / ((1-sqrt(b2)) |s|_1)).
 * No correction for the averages' missing weight. Decay is decoupled. */
#include "core/optim/member.h"

enum {
  ALONG,
  LENGTH, /* |s|_1 */
  SUMS
};
enum { /* scalars */
  D,
  NUMERATOR,
  SCALARS
};
enum { /* vectors */
  MEAN,
  SQUARE,
  SHIFT
};
enum { /* constants */
  B1, A1, B2, A2, BS, AS, EPSILON, DECAY,
  CONSTANTS
};

static void start(mst_optim *o, const float *w) {
  (void)w;
  o->scalar[D] = o->spec.initial;
}

static void constants(const mst_optim *o, double lr, float *k) {
  const mst_optim_spec *s = &o->spec;
  const double lambda = o->scalar[D] * lr, root = sqrt(s->beta2);
  k[B1] = (float)s->beta1;
  k[A1] = (float)((1 - s->beta1) * lambda);
  k[B2] = (float)s->beta2;
  k[A2] = (float)(1 - s->beta2);
  k[BS] = (float)root;
  k[AS] = (float)((1 - root) * lambda);
  k[EPSILON] = (float)s->epsilon;
  k[DECAY] = (float)(lambda * s->weight_decay);
}

MST_WIDE_BODY renew_body(int64_t n, const float *restrict g, float *restrict m, float *restrict v,
                         float *restrict s, const float *restrict k, double *restrict along,
                         double *restrict length) {
  const float b1 = k[B1], a1 = k[A1], b2 = k[B2], a2 = k[A2], bs = k[BS], as = k[AS],
              epsilon = k[EPSILON];
  double a[MST_OPTIM_LANES] = {0}, b[MST_OPTIM_LANES] = {0};
  MST_OPTIM_EACH(i, n, a[lane] += (double)g[i] * (double)(s[i] / (sqrtf(v[i]) + epsilon));
                 m[i] = b1 * m[i] + a1 * g[i]; v[i] = b2 * v[i] + a2 * g[i] * g[i];
                 s[i] = bs * s[i] + as * g[i]; b[lane] += (double)fabsf(s[i]););
  for (int j = 0; j < MST_OPTIM_LANES; j++) along[j] = a[j];
  for (int j = 0; j < MST_OPTIM_LANES; j++) length[j] = b[j];
}
MST_WIDE(renew,
         (int64_t n, const float *restrict g, float *restrict m, float *restrict v,
          float *restrict s, const float *restrict k, double *restrict along,
          double *restrict length),
         (n, g, m, v, s, k, along, length))

static void measure(mst_optim *o, int64_t at, int64_t n, const float *w, const float *g, double lr,
                    double *sum) {
  (void)w;
  float k[CONSTANTS];
  double along[MST_OPTIM_LANES], length[MST_OPTIM_LANES];
  constants(o, lr, k);
  renew(n, g, o->vector[MEAN] + at, o->vector[SQUARE] + at, o->vector[SHIFT] + at, k, along,
        length);
  sum[ALONG] = mst_optim_fold(along);
  sum[LENGTH] = mst_optim_fold(length);
}

static void prepare(mst_optim *o, double lr, const double *sum) {
  double along = 0, length = 0, *state = o->scalar;
  for (int l = 0; l < o->layers.n; l++) {
    along += sum[l * SUMS + ALONG];
    length += sum[l * SUMS + LENGTH];
  }
  const double root = sqrt(o->spec.beta2), lambda = state[D] * lr;
  constants(o, lr, o->factor);
  state[NUMERATOR] = root * state[NUMERATOR] + (1 - root) * lambda * along;
  const double bound = length > 0 ? state[NUMERATOR] / ((1 - root) * length) : 0;
  if (bound > state[D]) state[D] = bound;
}

MST_WIDE_BODY pass_body(int64_t n, float *restrict w, const float *restrict m,
                        const float *restrict v, float epsilon, float decay) {
  for (int64_t i = 0; i < n; i++) w[i] -= m[i] / (sqrtf(v[i]) + epsilon) + decay * w[i];
}
MST_WIDE(pass,
         (int64_t n, float *restrict w, const float *restrict m, const float *restrict v,
          float epsilon, float decay),
         (n, w, m, v, epsilon, decay))

static void apply(mst_optim *o, int layer, int64_t at, int64_t n, float *w, const float *g) {
  (void)layer, (void)g;
  pass(n, w, o->vector[MEAN] + at, o->vector[SQUARE] + at, o->factor[EPSILON], o->factor[DECAY]);
}

static const mst_param params[] = {
    MST_OPTIM_LR("1"),
    MST_OPTIM_BETA1("0.9"),
    MST_OPTIM_REAL(beta2, "0.999", 0, 0.999999999, true, "decay of the average of their squares"),
    MST_OPTIM_EPSILON("1e-8"),
    MST_OPTIM_REAL(initial, "1e-6", 0, INFINITY, true,
                   "first guess of the distance, far too small"),
    MST_OPTIM_DECAY,
    MST_OPTIM_END};

const mst_optim_ops mst_optim_d_adaptation_adam = {
    .name = "d_adaptation_adam",
    .summary = "Adam that finds its step size",
    .params = params,
    .vectors = 3,
    .vector_name = {"mean", "square", "shift"},
    .scalars = SCALARS,
    .layer_sums = SUMS,
    .start = start,
    .measure = measure,
    .prepare = prepare,
    .apply = apply,
};
