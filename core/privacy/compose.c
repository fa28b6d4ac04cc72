/* Where to tilt, how wide the window must be, the transform, and delta from the sums. */
#include "core/privacy/compose.h"

#include <fftw3.h>
#include <math.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"

#define POINTS_MAX (INT64_C(1) << 24)
#define LOG_TAIL   (-30.0) /* ln of what the window may leave out, relative to delta       */
#define UNIT       0x1p-53
#define BUTTERFLY  16.0 /* rounding errors of a level of the transform and of the masses, in units \
                         */

typedef struct sum {
  const mst_part *part;
  int n;
} sum;

static double cumulant(const sum *s, double alpha) {
  double k = 0;
  for (int i = 0; i < s->n; i++) k += s->part[i].count * mst_loss_cumulant(s->part[i].loss, alpha);
  return k;
}

/* max over y >= 0 of e^(-alpha y) (1 - e^-y), in logarithms: what a loss y above epsilon adds. */
static double log_peak(double alpha) {
  return alpha > 0 ? alpha * log(alpha / (1 + alpha)) - log1p(alpha) : 0;
}

/* Chernoff's bound: of epsilon at delta (log_delta < 0), or of ln delta at epsilon. */
static double chernoff(const sum *s, double alpha, double log_delta, double epsilon) {
  const double k = cumulant(s, alpha) + log_peak(alpha);
  return log_delta < 0 ? (k - log_delta) / alpha : k - alpha * epsilon;
}

/* The alpha of the least bound, by golden section in ln alpha; to a percent, as it needs no more.
 */
static double best_alpha(const sum *s, double log_delta, double epsilon) {
  const double golden = 0.6180339887498949;
  double low = -9, high = 23, a = high - golden * (high - low), b = low + golden * (high - low);
  double fa = chernoff(s, exp(a), log_delta, epsilon), fb = chernoff(s, exp(b), log_delta, epsilon);
  while (high - low > 0.02) {
    if (fa <= fb || isnan(fb)) {
      high = b, b = a, fb = fa;
      a = high - golden * (high - low);
      fa = chernoff(s, exp(a), log_delta, epsilon);
    } else {
      low = a, a = b, fa = fb;
      b = low + golden * (high - low);
      fb = chernoff(s, exp(b), log_delta, epsilon);
    }
  }
  return exp((low + high) / 2);
}

/* The window [bottom, top]: above it at most e^log_out of the sum's mass, below it what wraps round
 * changes delta at the centre by at most e^log_out. */
static void window(const sum *s, mst_composition *c, double log_out, double *bottom, double *top) {
  static const double factor[] = {0.5, 1, 2, 3, 4.5, 6.5, 9, 13, 18, 25, 60, 200, 1000};
  const double k = cumulant(s, c->alpha);
  const double nudge = 1e-3 * fmax(c->alpha, 1e-3);
  const double bend = (cumulant(s, c->alpha + nudge) + cumulant(s, c->alpha - nudge) - 2 * k);
  const double deviation = fmax(sqrt(fmax(bend, 0)) / nudge, c->step);
  double least = 0, most = 0;
  for (int i = 0; i < s->n; i++) {
    least += s->part[i].count * (double)s->part[i].loss->first * c->step;
    most +=
        s->part[i].count * (double)(s->part[i].loss->first + s->part[i].loss->count - 1) * c->step;
  }
  *top = most;
  *bottom = least;
  for (size_t i = 0; i < sizeof factor / sizeof factor[0]; i++) {
    const double by = factor[i] / deviation, up = cumulant(s, c->alpha + by);
    const double down = cumulant(s, c->alpha - by);
    if (isfinite(up) && (up - log_out) / (c->alpha + by) < *top) {
      *top = (up - log_out) / (c->alpha + by);
      c->over = by;
    }
    if (isfinite(down)) *bottom = fmax(*bottom, (log_out + c->alpha * c->centre - down) / by);
  }
  /* What is above the top comes back a length below, with weights for there: keep that low too. */
  if (c->over > 0)
    *bottom = fmin(*bottom, c->centre - fmax(c->alpha * (*top - c->centre) - 5, 0) / c->over);
  *bottom = fmin(*bottom, c->centre - c->step);
  *top = fmax(*top, c->centre + c->step);
}

/* The least length of at least n that is a power of 2 or three quarters, or five eighths, of one.
 */
static int64_t fast_length(int64_t n) {
  int64_t p = 16;
  while (p < n) p *= 2;
  if (p / 8 * 5 >= n) return p / 8 * 5;
  return p / 4 * 3 >= n ? p / 4 * 3 : p;
}

/* field(length) = the tilted masses of a part, each at its index modulo the length. */
static void wrap(const mst_loss *l, double alpha, int64_t length, double *field) {
  const double k = mst_loss_cumulant(l, alpha);
  for (int64_t i = 0; i < length; i++) field[i] = 0;
  int64_t at = l->first % length;
  if (at < 0) at += length;
  for (int64_t i = 0; i < l->count; i++) {
    if (l->mass[i] > 0) field[at] += l->mass[i] * exp(alpha * (double)(l->first + i) * l->step - k);
    if (++at == length) at = 0;
  }
}

/* product *= spectrum^count. error: the running bound of ln(1 + |error| / |product|), to which a
 * transform of modulus r that is wrong by eta adds count ln(1 + eta / r); or, where the product has
 * become negligible and is put to 0, of |error| itself. */
static void multiply_power(const fftw_complex *spectrum, double count, double eta, int64_t points,
                           fftw_complex *product, double *error) {
  const double negligible = exp(-160 / fmax(count, 1)), lost = pow(sqrt(negligible) + eta, count);
  for (int64_t i = 0; i < points; i++) {
    const double re = spectrum[i][0], im = spectrum[i][1], square = re * re + im * im;
    const double now = product[i][0] * product[i][0] + product[i][1] * product[i][1];
    if (now == 0) continue;
    if (square < negligible) {
      product[i][0] = product[i][1] = 0;
      error[i] = lost;
      continue;
    }
    const double size = count / 2 * log(square), angle = count * atan2(im, re);
    const double r = exp(size), c = r * cos(angle), s = r * sin(angle);
    const double re0 = product[i][0], im0 = product[i][1];
    product[i][0] = re0 * c - im0 * s;
    product[i][1] = re0 * s + im0 * c;
    error[i] += count * log1p(eta / sqrt(square)) + 8 * UNIT;
  }
}

typedef struct buffers {
  double *field, *error;
  fftw_complex *spectrum, *product;
  fftw_plan forward, backward;
} buffers;

static void clear_buffers(buffers *b) {
  if (b->forward != NULL) fftw_destroy_plan(b->forward);
  if (b->backward != NULL) fftw_destroy_plan(b->backward);
  mst_free(b->field);
  mst_free(b->error);
  mst_free(b->spectrum);
  mst_free(b->product);
}

static mst_status open_buffers(int64_t length, buffers *b) {
  const int64_t points = length / 2 + 1;
  *b = (buffers){0};
  mst_status st = mst_alloc(&b->field, length, sizeof(double), "a sum of privacy losses");
  if (st == MST_OK) st = mst_alloc(&b->error, points, sizeof(double), "a sum of privacy losses");
  if (st == MST_OK)
    st = mst_alloc(&b->spectrum, points, sizeof(fftw_complex), "a sum of privacy losses");
  if (st == MST_OK)
    st = mst_alloc(&b->product, points, sizeof(fftw_complex), "a sum of privacy losses");
  if (st == MST_OK) {
    b->forward = fftw_plan_dft_r2c_1d((int)length, b->field, b->spectrum, FFTW_ESTIMATE);
    b->backward = fftw_plan_dft_c2r_1d((int)length, b->product, b->field, FFTW_ESTIMATE);
    if (b->forward == NULL || b->backward == NULL)
      st = mst_fail(MST_ERR_MEMORY, "a transform of %lld points cannot be planned",
                    (long long)length);
  }
  if (st != MST_OK) clear_buffers(b);
  return st;
}

/* The tilted law of the sum in b->field, and the noise of delta that its errors may make. */
static void convolve(const sum *s, mst_composition *c, int64_t length, buffers *b) {
  const int64_t points = length / 2 + 1;
  const double eta = BUTTERFLY * UNIT * log2((double)length);
  for (int64_t i = 0; i < points; i++) b->product[i][0] = 1;
  for (int i = 0; i < s->n; i++) {
    wrap(s->part[i].loss, c->alpha, length, b->field);
    fftw_execute(b->forward);
    multiply_power(b->spectrum, s->part[i].count, eta, points, b->product, b->error);
  }
  double square = 0, total = 0;
  for (int64_t i = 0; i < points; i++) {
    const double twice = i == 0 || 2 * i == length ? 1 : 2;
    const double size = hypot(b->product[i][0], b->product[i][1]);
    const double off = size > 0 ? size * expm1(fmin(b->error[i], 300)) : b->error[i];
    square += twice * off * off;
    total += twice * size;
  }
  fftw_execute(b->backward);
  /* delta weighs the errors by w(y) = e^(-alpha y) (1 - e^-y) at the grid points above epsilon,
   * which need not be on the grid: each counts as the greatest w of its cell. Cauchy and Schwarz.
   */
  const double fall = exp(-c->alpha * c->step), shrink = exp(-c->step), grow = -expm1(-c->step);
  const double mode = log1p(1 / c->alpha) / c->step, peak = exp(log_peak(c->alpha));
  double weight = 0, weight_square = 0, tilt = 1, below = 0;
  for (int64_t i = 0; i < length; i++) {
    const double here = tilt * below;
    if (c->alpha * (double)i * c->step > 60) break;
    tilt *= fall;
    below = below * shrink + grow;
    const bool holds = (double)i <= mode && mode <= (double)(i + 1);
    const double w = holds ? peak : fmax(here, tilt * below);
    weight += w;
    weight_square += w * w;
  }
  const double n = (double)length;
  c->noise = sqrt(weight_square * square / n) + weight * eta * total / n;
}

static void accumulate(mst_composition *c, int64_t length, const double *field) {
  int64_t at = (c->first + c->count - 1) % length;
  if (at < 0) at += length;
  for (int64_t i = c->count - 1; i >= 0; i--) {
    const double y = (double)(c->first + i) * c->step - c->centre;
    const double mass = field[at] / (double)length * exp(-c->alpha * y);
    c->above[i] = c->above[i + 1] + mass;
    c->above_reduced[i] = c->above_reduced[i + 1] + mass * exp(-y);
    if (--at < 0) at = length - 1;
  }
}

static void loose_masses(const sum *s, mst_composition *c) {
  for (int i = 0; i < s->n; i++) {
    c->infinite += s->part[i].count * s->part[i].loss->infinite;
    c->surplus += s->part[i].count * s->part[i].loss->surplus;
    c->cut += s->part[i].count * s->part[i].loss->cut;
  }
}

mst_status mst_compose(const mst_part *part, int n, double delta, double epsilon,
                       mst_composition *out) {
  const sum s = {part, n};
  *out = (mst_composition){.step = part[0].loss->step};
  double log_delta = delta > 0 ? log(delta) : 0;
  out->alpha = best_alpha(&s, log_delta, epsilon);
  const double bound = chernoff(&s, out->alpha, log_delta, epsilon);
  out->centre = log_delta < 0 ? bound : epsilon;
  if (log_delta == 0) log_delta = fmin(bound, 0) - 7;
  double bottom, top;
  window(&s, out, log_delta + LOG_TAIL, &bottom, &top);
  out->log_beyond = log_delta + LOG_TAIL;
  out->log_wrapped = log_delta + LOG_TAIL;
  out->log_scale = cumulant(&s, out->alpha) - out->alpha * out->centre;
  if (!((top - bottom) / out->step < (double)POINTS_MAX - 8 && fabs(bottom) / out->step < 1e15))
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "the sum of the privacy losses takes more than %lld steps of %g",
                    (long long)POINTS_MAX, out->step);
  out->first = (int64_t)floor(bottom / out->step) - 1;
  out->count = (int64_t)ceil(top / out->step) + 2 - out->first;
  const int64_t length = fast_length(out->count);
  out->log_over = out->over > 0 ? log_delta + LOG_TAIL + (out->alpha + out->over) * top -
                                      out->over * (double)length * out->step
                                : -INFINITY;
  out->log_top = log_delta + LOG_TAIL + out->alpha * top;
  buffers b;
  MST_TRY(open_buffers(length, &b));
  mst_status st = mst_alloc(&out->above, out->count + 1, sizeof(double), "a law of losses");
  if (st == MST_OK)
    st = mst_alloc(&out->above_reduced, out->count + 1, sizeof(double), "a law of losses");
  if (st == MST_OK) {
    convolve(&s, out, length, &b);
    accumulate(out, length, b.field);
    loose_masses(&s, out);
  } else {
    mst_composition_clear(out);
  }
  clear_buffers(&b);
  return st;
}

/* delta of the masses in the window, and what they may be wrong by. */
static double in_window(const mst_composition *c, double epsilon, double *noise) {
  const double y = epsilon - c->centre;
  int64_t i = (int64_t)floor(epsilon / c->step) + 1 - c->first;
  i = mst_least(mst_most(i, 0), c->count);
  const double tilt = exp(c->log_scale);
  *noise = tilt * exp(-c->alpha * y) * c->noise + 1e-14 * tilt * fabs(c->above[i]);
  return tilt * (c->above[i] - exp(y) * c->above_reduced[i]);
}

double mst_composition_delta(const mst_composition *c, double epsilon) {
  double noise;
  const double inside = fmax(in_window(c, epsilon, &noise), 0);
  return fmin(inside + noise + exp(c->log_beyond) + c->infinite, 1);
}

double mst_composition_delta_below(const mst_composition *c, double epsilon) {
  double noise;
  const double inside = in_window(c, epsilon, &noise);
  const double wrapped =
      exp(c->log_wrapped - c->alpha * (epsilon - c->centre)) +
      exp(fmin(c->log_over - (c->alpha + c->over) * epsilon, c->log_top - c->alpha * epsilon));
  return fmax(inside - noise - wrapped - c->surplus + c->infinite - c->cut, 0);
}

/* Where a curve that falls from above delta at low to below it at high passes: the last interval.
 */
static void pass(const mst_composition *c, double delta,
                 double (*curve)(const mst_composition *, double), double *low, double *high) {
  for (int i = 0; i < 200; i++) {
    const double mid = *low + (*high - *low) / 2;
    if (mid <= *low || mid >= *high) break;
    if (curve(c, mid) <= delta)
      *high = mid;
    else
      *low = mid;
  }
}

double mst_composition_epsilon(const mst_composition *c, double delta) {
  double low = (double)c->first * c->step, high = (double)(c->first + c->count) * c->step;
  pass(c, delta, mst_composition_delta, &low, &high);
  return mst_composition_delta(c, high) <= delta ? fmax(high, 0) : INFINITY;
}

/* The bound from below is worth nothing near the window's lower end, where what wraps round counts:
 * it is searched for downward from the centre. */
double mst_composition_epsilon_below(const mst_composition *c, double delta) {
  const double end = (double)c->first * c->step;
  double high = c->centre, low = high, stride = fmax(0.1 / (1 + c->alpha), c->step);
  while (mst_composition_delta_below(c, low) < delta) {
    high = low;
    low -= stride;
    stride *= 1.2;
    if (low < end) return -INFINITY;
  }
  pass(c, delta, mst_composition_delta_below, &low, &high);
  return low;
}

void mst_composition_clear(mst_composition *c) {
  mst_free(c->above);
  mst_free(c->above_reduced);
  *c = (mst_composition){0};
}
