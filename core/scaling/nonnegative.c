/* Non-negative least squares over all sets of terms, and the extremes of a linear function on the
 * ellipsoid of fits that are good enough, cut with x >= 0. At such an extreme the terms that are
 * not zero form some set S; on S it is the extreme of the ellipsoid alone, x = x_S +- H^-1 g
 * sqrt(slack / g'H^-1 g) with H = A_S'A_S, since nothing else binds there. Where the columns of S
 * depend on each other a smaller set gives the same value, so that S can be left out. */
#include "core/scaling/nonnegative.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define TERMS     MST_NONNEGATIVE_TERMS
#define DEPENDENT 1e-10 /* a pivot, of columns of length 1, that is rounding                */
#define ALIKE     1e-9  /* misfits that differ by less of |y|^2 are the same                */

/* A set of terms, its solution, and what is needed to move along it. */
typedef struct face {
  int n, term[TERMS];
  double length[TERMS];   /* of the columns                            */
  double l[TERMS][TERMS]; /* Cholesky factor of the scaled H           */
  double x[TERMS];        /* least squares with these terms alone      */
  double misfit;
} face;

static double column(const mst_nonnegative *p, int row, int term) {
  return p->a[(int64_t)row * p->terms + term];
}

/* Factor H of the columns, each scaled to length 1; false when they depend on each other. */
static bool factor(const mst_nonnegative *p, face *f) {
  for (int i = 0; i < f->n; i++) {
    double square = 0;
    for (int r = 0; r < p->rows; r++) square += column(p, r, f->term[i]) * column(p, r, f->term[i]);
    f->length[i] = sqrt(square);
    if (!(f->length[i] > 0)) return false;
  }
  for (int i = 0; i < f->n; i++)
    for (int k = 0; k <= i; k++) {
      double h = 0;
      for (int r = 0; r < p->rows; r++) h += column(p, r, f->term[i]) * column(p, r, f->term[k]);
      h /= f->length[i] * f->length[k];
      for (int m = 0; m < k; m++) h -= f->l[i][m] * f->l[k][m];
      if (i == k && !(h > DEPENDENT)) return false;
      f->l[i][k] = i == k ? sqrt(h) : h / f->l[k][k];
    }
  return true;
}

/* H^-1 b, in place. */
static void solve(const face *f, double *b) {
  for (int i = 0; i < f->n; i++) {
    b[i] /= f->length[i];
    for (int k = 0; k < i; k++) b[i] -= f->l[i][k] * b[k];
    b[i] /= f->l[i][i];
  }
  for (int i = f->n - 1; i >= 0; i--) {
    for (int k = i + 1; k < f->n; k++) b[i] -= f->l[k][i] * b[k];
    b[i] /= f->l[i][i];
  }
  for (int i = 0; i < f->n; i++) b[i] /= f->length[i];
}

/* The face of the terms whose bits are set; false where it is left out. */
static bool make_face(const mst_nonnegative *p, unsigned set, face *f) {
  f->n = 0;
  for (int i = 0; i < p->terms; i++)
    if (set >> i & 1) f->term[f->n++] = i;
  if (!factor(p, f)) return false;
  for (int i = 0; i < f->n; i++) {
    f->x[i] = 0;
    for (int r = 0; r < p->rows; r++) f->x[i] += column(p, r, f->term[i]) * p->y[r];
  }
  solve(f, f->x);
  f->misfit = 0;
  for (int r = 0; r < p->rows; r++) {
    double e = p->y[r];
    for (int i = 0; i < f->n; i++) e -= column(p, r, f->term[i]) * f->x[i];
    f->misfit += e * e;
  }
  return true;
}

static bool is_allowed(const face *f, const double *x) {
  double most = 0;
  for (int i = 0; i < f->n; i++) most = fmax(most, f->length[i] * fabs(x[i]));
  for (int i = 0; i < f->n; i++)
    if (!(f->length[i] * x[i] >= -1e-12 * most)) return false;
  return true;
}

static int count_bits(unsigned set) {
  int n = 0;
  for (; set != 0; set &= set - 1) n++;
  return n;
}

double mst_nonnegative_fit(const mst_nonnegative *p, double *x) {
  face f, best = {.misfit = INFINITY};
  double square = 0;
  for (int r = 0; r < p->rows; r++) square += p->y[r] * p->y[r];
  for (int n = 0; n <= p->terms; n++)
    for (unsigned set = 0; set < 1U << p->terms; set++)
      if (count_bits(set) == n && make_face(p, set, &f) && is_allowed(&f, f.x) &&
          f.misfit < best.misfit - ALIKE * square)
        best = f;
  memset(x, 0, (size_t)p->terms * sizeof *x);
  for (int i = 0; i < best.n; i++) x[best.term[i]] = fmax(best.x[i], 0);
  return isfinite(best.misfit) ? best.misfit : square;
}

/* Widen [low, high] by the extreme of g'x on one face, in one direction, if it is allowed. */
static void reach(const face *f, const double *g, double most, double direction, double *low,
                  double *high) {
  double h[TERMS], x[TERMS], value = 0, along = 0;
  for (int i = 0; i < f->n; i++) h[i] = g[f->term[i]];
  solve(f, h);
  for (int i = 0; i < f->n; i++) along += g[f->term[i]] * h[i];
  double step = along > 0 ? direction * sqrt(fmax(most - f->misfit, 0) / along) : 0;
  for (int i = 0; i < f->n; i++) x[i] = f->x[i] + step * h[i];
  if (!is_allowed(f, x)) return;
  for (int i = 0; i < f->n; i++) value += g[f->term[i]] * fmax(x[i], 0);
  *low = fmin(*low, value); /* which take a number over NaN */
  *high = fmax(*high, value);
}

void mst_nonnegative_range(const mst_nonnegative *p, const double *g, double most, double *low,
                           double *high) {
  face f;
  double square = 0;
  *low = *high = NAN;
  for (int r = 0; r < p->rows; r++) square += p->y[r] * p->y[r];
  most += ALIKE * square;
  for (unsigned set = 0; set < 1U << p->terms; set++) {
    if (!make_face(p, set, &f) || !(f.misfit <= most)) continue;
    reach(&f, g, most, -1, low, high);
    reach(&f, g, most, 1, low, high);
  }
  if (isnan(*low)) return;
  for (int i = 0; i < p->terms; i++) {
    double largest = 0;
    for (int r = 0; r < p->rows; r++) largest = fmax(largest, column(p, r, i));
    if (largest == 0 && g[i] > 0) *high = INFINITY;
  }
}
