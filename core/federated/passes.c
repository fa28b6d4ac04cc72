/* The elementwise loops of a local step. Each is written once with the terms that may be absent as
 * compile-time constants, so that the compiler makes one straight loop for each case. */
#include "core/federated/passes.h"

#include <math.h>
#include <stddef.h>

#include "core/base/wide.h"

#define BLOCK 4096 /* elements of a partial norm */
#define LANES 16

MST_RUN run_direction(const mst_descent *t, int64_t n, const float *restrict g, float *restrict d,
                      bool proximal, bool constant) {
  const float a = t->gradient, b = t->proximal;
  const float *restrict w = t->from, *restrict start = t->start, *restrict more = t->constant;
  for (int64_t i = 0; i < n; i++) {
    float sum = a * g[i];
    if (proximal) sum += b * (w[i] - start[i]);
    if (constant) sum += more[i];
    d[i] = sum;
  }
}

MST_WIDE_BODY direction_body(const mst_descent *t, int64_t n, const float *g, float *d) {
  switch ((t->proximal != 0.0f) + 2 * (t->constant != NULL)) {
    case 0: run_direction(t, n, g, d, false, false); break;
    case 1: run_direction(t, n, g, d, true, false); break;
    case 2: run_direction(t, n, g, d, false, true); break;
    default: run_direction(t, n, g, d, true, true); break;
  }
}
MST_WIDE(direction, (const mst_descent *t, int64_t n, const float *g, float *d), (t, n, g, d))

void mst_pass_direction(const mst_descent *t, int64_t n, const float *g, float *d) {
  direction(t, n, g, d);
}

/* Lane j takes the elements i with i mod LANES = j; then a tree over the lanes. */
MST_RUN run_square(int64_t n, const float *restrict g, const float *restrict shift, bool shifted,
                   double *lane) {
  int64_t whole = n - n % LANES;
  for (int64_t i = 0; i < whole; i += LANES)
    for (int j = 0; j < LANES; j++) {
      double y = shifted ? (double)(g[i + j] - shift[i + j]) : (double)g[i + j];
      lane[j] += y * y;
    }
  for (int64_t i = whole; i < n; i++) {
    double y = shifted ? (double)(g[i] - shift[i]) : (double)g[i];
    lane[i - whole] += y * y;
  }
}

MST_WIDE_BODY square_body(int64_t n, const float *g, const float *shift, double *square) {
  for (int64_t first = 0; first < n; first += BLOCK) {
    int64_t count = n - first < BLOCK ? n - first : BLOCK;
    double lane[LANES] = {0};
    if (shift != NULL)
      run_square(count, g + first, shift + first, true, lane);
    else
      run_square(count, g + first, g, false, lane);
    for (int width = LANES / 2; width > 0; width /= 2)
      for (int j = 0; j < width; j++) lane[j] += lane[j + width];
    *square += lane[0];
  }
}
MST_WIDE(square, (int64_t n, const float *g, const float *shift, double *sum), (n, g, shift, sum))

double mst_pass_square_norm(int64_t n, const float *g, const float *shift) {
  double sum = 0.0;
  square(n, g, shift, &sum);
  return sum;
}

MST_RUN run_perturb(int64_t n, float scale, const float *restrict g, const float *restrict shift,
                    const float *restrict w, float *restrict point, bool shifted) {
  for (int64_t i = 0; i < n; i++) point[i] = w[i] + scale * (shifted ? g[i] - shift[i] : g[i]);
}

/* A shift that is absent is stood in for by g. */
MST_WIDE_BODY perturb_body(int64_t n, float scale, const float *g, const float *shift,
                           const float *w, float *point) {
  if (shift != NULL)
    run_perturb(n, scale, g, shift, w, point, true);
  else
    run_perturb(n, scale, g, g, w, point, false);
}
MST_WIDE(perturb,
         (int64_t n, float scale, const float *g, const float *shift, const float *w, float *point),
         (n, scale, g, shift, w, point))

void mst_pass_perturb(int64_t n, float scale, const float *g, const float *shift, const float *w,
                      float *point) {
  perturb(n, scale, g, shift, w, point);
}

MST_WIDE_BODY mix_body(int64_t n, float share, const float *restrict second, float *restrict g) {
  const float rest = 1.0f - share;
  for (int64_t i = 0; i < n; i++) g[i] = rest * g[i] + share * second[i];
}
MST_WIDE(mix, (int64_t n, float share, const float *restrict second, float *restrict g),
         (n, share, second, g))

void mst_pass_mix(int64_t n, float share, const float *second, float *g) {
  mix(n, share, second, g);
}

/* NaN is at most nothing. */
MST_RUN run_bounded(int64_t n, float bound, const float *restrict x, int *bad) {
  int over = 0;
  for (int64_t i = 0; i < n; i++) over |= !(fabsf(x[i]) <= bound);
  *bad |= over;
}

MST_WIDE_BODY delta_body(int64_t n, float bound, const float *restrict w,
                         const float *restrict start, float *restrict out, int *bad) {
  for (int64_t first = 0; first < n; first += BLOCK) {
    int64_t count = n - first < BLOCK ? n - first : BLOCK;
    for (int64_t i = first; i < first + count; i++) out[i] = w[i] - start[i];
    run_bounded(count, bound, out + first, bad);
  }
}
MST_WIDE(delta,
         (int64_t n, float bound, const float *restrict w, const float *restrict start,
          float *restrict out, int *bad),
         (n, bound, w, start, out, bad))

bool mst_pass_delta(int64_t n, float bound, const float *w, const float *start, float *out) {
  int bad = 0;
  delta(n, bound, w, start, out, &bad);
  return bad == 0;
}

MST_WIDE_BODY bounded_body(int64_t n, float bound, const float *restrict x, int *bad) {
  run_bounded(n, bound, x, bad);
}
MST_WIDE(bounded, (int64_t n, float bound, const float *restrict x, int *bad), (n, bound, x, bad))

bool mst_pass_bounded(int64_t n, float bound, const float *x) {
  int bad = 0;
  bounded(n, bound, x, &bad);
  return bad == 0;
}
