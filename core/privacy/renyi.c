/* Renyi divergences of single releases.
 *
 * Of sampled Gaussian noise A(alpha) = E_Q (P/Q)^alpha is taken as 1 + E_Q g with
 * g = (1+u)^alpha - 1 - alpha u and u = P/Q - 1, whose mean is 0: g is nowhere negative, so
 * trapezoids lose no digits at any order or sampling rate (published series of binomials alternate
 * in sign at fractional orders). The rule converges like e^(-c/step): the integrand is analytic
 * around the axis. */
#include <math.h>

#include "core/base/memory.h"
#include "core/privacy/member.h"

/* ln of a sum of exponentials, one after the other. */
typedef struct log_sum {
  double top, sum;
} log_sum;

static void add_log(log_sum *s, double x) {
  if (x == -INFINITY) return;
  if (x > s->top) {
    s->sum = s->sum * exp(s->top - x) + 1;
    s->top = x;
  } else {
    s->sum += exp(x - s->top);
  }
}

static double log_of(const log_sum *s) {
  return s->sum > 0 ? s->top + log(s->sum) : -INFINITY;
}

/* ln(1 + e^x) and ln(e^x - 1). */
static double log1p_exp(double x) {
  return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

/* ln of (1+u)^a - 1 - a u, for l = ln(1 + u). */
static double log_excess(double a, double u, double l) {
  if (a * fabs(u) < 1e-2) {
    const double series =
        1 + (a - 2) / 3 * u * (1 + (a - 3) / 4 * u * (1 + (a - 4) / 5 * u * (1 + (a - 5) / 6 * u)));
    return u == 0 ? -INFINITY : log(a * (a - 1) / 2 * series) + 2 * log(fabs(u));
  }
  if (a * l > 40) return a * l;
  return log(expm1(a * l) - a * u);
}

static double log_normal(double x, double s) {
  return -x * x / (2 * s * s) - 0.9189385332046727 - log(s);
}

/* ln A(a) of P = (1-q) N(0, s^2) + q N(1, s^2) against N(0, s^2), or, two-sided, against
 * (1-q) N(0, s^2) + q N(-1, s^2). */
static double log_moment(double q, double s, double a, bool twosided) {
  const double v = 2 * s * s, step = fmin(s * s / 3, s / 4);
  const double low = -(twosided ? 1 : 0) - 13 * s, high = (twosided ? 2 * a : a) + 13 * s;
  log_sum sum = {-INFINITY, 0};
  for (double i = floor(low / step); i * step <= high; i++) {
    const double x = i * step, z = (2 * x - 1) / v;
    const double up = q * expm1(z), down = twosided ? q * expm1(-(2 * x + 1) / v) : 0;
    const double l_down = log1p(down);
    /* where e^z has no double, 1 - q beside it has no weight */
    const double l = (z < 600 ? log1p(up) : log(q) + z) - l_down;
    const double u = z < 600 ? (up - down) / (1 + down) : INFINITY;
    add_log(&sum, log_normal(x, s) + l_down + (z < 600 ? log_excess(a, u, l) : a * l));
  }
  return log1p_exp(log_of(&sum) + log(step));
}

/* ln E_Q (P/Q - 1)^l for even l, N(1, s^2) against N(0, s^2). */
static double log_central_moment(double s, int l) {
  const double v = 2 * s * s, step = fmin(s * s / 3, s / 4);
  log_sum sum = {-INFINITY, 0};
  for (double i = floor(-13 * s / step); i * step <= l + 13 * s; i++) {
    const double x = i * step, z = (2 * x - 1) / v;
    add_log(&sum, log_normal(x, s) + l * (z > 40 ? z : log(fabs(expm1(z)))));
  }
  return log_of(&sum) + log(step);
}

/* Sampling without replacement at a whole order: Wang, Balle and Kasiviswanathan 2019, theorem 27,
 * with the moments of P/Q - 1 in the place of their alternating sums. (a - 1) times the divergence.
 */
static mst_status without_replacement_whole(double q, double s, int a, double *out) {
  double *moment = NULL; /* ln of the even ones: moment[l / 2] */
  MST_TRY(mst_alloc(&moment, a / 2 + 2, sizeof *moment, "moments"));
  for (int l = 2; l <= a + 1; l += 2) moment[l / 2] = log_central_moment(s, l);
  log_sum sum = {0, 1};
  for (int j = 2; j <= a; j++) {
    const double choose = lgamma(a + 1.0) - lgamma(j + 1.0) - lgamma(a - j + 1.0);
    const double by_moments = log(4) + (moment[j / 2] + moment[(j + 1) / 2]) / 2;
    const double plain = log(2) + (double)j * (j - 1) / (2 * s * s);
    add_log(&sum, choose + j * log(q) + fmin(by_moments, plain));
  }
  mst_free(moment);
  *out = log_of(&sum);
  return MST_OK;
}

#define WHOLE_MOST 256 /* beyond, (alpha - 1) times the divergence is not computed */

static mst_status without_replacement(double q, double s, double alpha, double *out) {
  const int low = (int)floor(alpha), high = (int)ceil(alpha);
  double a = 0, b;
  if (alpha > WHOLE_MOST) {
    *out = INFINITY;
    return MST_OK;
  }
  if (low > 1) MST_TRY(without_replacement_whole(q, s, low, &a));
  MST_TRY(without_replacement_whole(q, s, high, &b));
  /* convex in alpha, 0 at 1: a chord is above it */
  *out = (a + (high > low ? (b - a) * (alpha - low) : 0)) / (alpha - 1);
  return MST_OK;
}

static double laplace(double alpha, double t) { /* t: shift over scale */
  const double up = (alpha - 1) * t, w = alpha / (2 * alpha - 1);
  if (up > 30) return t + (log(w) + log1p((1 - w) / w * exp(-up - alpha * t))) / (alpha - 1);
  return log1p(w * expm1(up) + (1 - w) * expm1(-alpha * t)) / (alpha - 1);
}

/* Of randomised response, the worst of all pure mechanisms. */
static double pure(double alpha, double epsilon) {
  const double yes = 1 / (1 + exp(-epsilon)), no = 1 / (1 + exp(epsilon));
  const double up = (alpha - 1) * epsilon;
  if (up > 30) return epsilon + (log(yes) + log1p(exp(-up - alpha * epsilon))) / (alpha - 1);
  return log1p(yes * expm1(up) + no * expm1(-up)) / (alpha - 1);
}

static mst_status sampled(const mst_event *e, mst_adjacency adjacency, double alpha, double *out) {
  const double q = mst_event_rate(e), shift = mst_event_shift(e, adjacency, 1);
  if (e->mechanism != MST_MECHANISM_GAUSSIAN)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "accountant rdp knows samples with Gaussian noise, not with %s; use pld",
                    mst_mechanism_name((int)e->mechanism));
  if (e->sampling == MST_SAMPLING_WITHOUT_REPLACEMENT)
    return without_replacement(q, e->noise / shift, alpha, out);
  const bool twosided = adjacency == MST_ADJACENCY_REPLACE_ONE;
  *out = log_moment(q, e->noise / (twosided ? shift / 2 : shift), alpha, twosided) / (alpha - 1);
  return MST_OK;
}

mst_status mst_rdp_order(const mst_event *e, mst_adjacency adjacency, int64_t group, double alpha,
                         double *out) {
  const double shift = mst_event_shift(e, adjacency, group), t = shift / e->noise;
  if (mst_event_rate(e) < 1) return sampled(e, adjacency, alpha, out);
  if (e->truncate > 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "noise that is cut off has no finite Renyi divergence; use accountant pld");
  switch (e->mechanism) {
    case MST_MECHANISM_LAPLACE: *out = laplace(alpha, t); break;
    case MST_MECHANISM_PURE:
      *out = pure(alpha, e->noise * mst_event_shift(e, MST_ADJACENCY_ADD_REMOVE, group));
      break;
    case MST_MECHANISM_DISCRETE_LAPLACE: *out = pure(alpha, t); break;
    default: *out = alpha * t * t / 2; /* Gaussian; discrete: Canonne, Kamath and Steinke 2020 */
  }
  return MST_OK;
}

double mst_rdp_epsilon(double alpha, double rho, double delta) {
  if (!(alpha > 1.01) || !isfinite(rho)) return INFINITY;
  if (delta * delta + expm1(-rho) > 0) return 0;
  return fmax(0, rho + log1p(-1 / alpha) - log(delta * alpha) / (alpha - 1));
}

double mst_rdp_delta(double alpha, double rho, double epsilon) {
  if (!(alpha > 1.01) || !isfinite(rho)) return 1;
  const double tail = exp((alpha - 1) * (rho - epsilon + log1p(-1 / alpha))) / alpha;
  return fmin(1, fmin(tail, sqrt(-expm1(-rho))));
}
