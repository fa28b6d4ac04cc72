/* From a pair to masses on a grid: cell by cell over the pieces, then the atoms. */
#include "core/privacy/loss.h"

#include <math.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"

#define CELLS_MAX (INT64_C(1) << 24)

/* Where masses go to, and the sums over all of them for the mean. */
typedef struct deposit {
  mst_loss *loss;
  double half; /* nearest: cells are about grid points, not between them: 0.5 */
  mst_rounding rounding;
  double down, up;                   /* e^-step - 1, e^step - 1 */
  double total, moved, moved_square; /* nearest: of mass (true - rounded loss) */
} deposit;

/* A mass at loss t in a cell: (cell, cell + 1) steps, or of nearest (cell + 0.5, cell + 1.5). */
static void put(deposit *d, int64_t cell, double t, double mass) {
  mst_loss *l = d->loss;
  const int64_t i = cell - l->first;
  if (d->rounding == MST_ROUNDING_NEAREST) {
    const double off = t - (double)(cell + 1) * l->step;
    l->mass[i + 1] += mass;
    d->total += mass;
    d->moved += mass * off;
    d->moved_square += mass * off * off;
    return;
  }
  const double u = fmin(fmax(t - (double)cell * l->step, 0), l->step);
  /* P and Q stay: right (1 - e^-step) = 1 - e^-u; of a small u by its series. */
  const double fall =
      u < 1e-3 ? -u * (1 - u / 2 * (1 - u / 3 * (1 - u / 4 * (1 - u / 5)))) : expm1(-u);
  const double right = mass * (fall / d->down), left = mass - right;
  l->mass[i] += left;
  l->mass[i + 1] += right;
  l->defect[i] += left * fall;
  l->defect[i + 1] += right * (d->up + (1 + d->up) * fall);
}

/* Gauss's rule on [a, b] of x, all in one cell: of three nodes where that is a small part of the
 * width on which four are exact, to double precision. */
static void put_interval(deposit *d, const mst_piece *p, int64_t cell, double a, double b,
                         double width) {
  static const double node[2][4] = {
      {-0.77459666924148338, 0, 0.77459666924148338},
      {-0.86113631159405258, -0.33998104358485626, 0.33998104358485626, 0.86113631159405258}};
  static const double weight[2][4] = {
      {5.0 / 9, 8.0 / 9, 5.0 / 9},
      {0.34785484513745385, 0.65214515486254615, 0.65214515486254615, 0.34785484513745385}};
  const double mid = (a + b) / 2, half = (b - a) / 2;
  const int rule = b - a > 0.2 * width;
  for (int k = 0; k < 3 + rule; k++) {
    double t, density;
    p->at(p, mid + half * node[rule][k], &t, &density);
    put(d, cell, t, density * half * weight[rule][k]);
  }
}

static int64_t cell_of(double t, double step, double half) {
  return (int64_t)floor(t / step - half);
}

static void put_piece(deposit *d, const mst_piece *p) {
  const double step = d->loss->step;
  double x = p->first, t, density;
  p->at(p, x, &t, &density);
  for (int64_t cell = cell_of(t, step, d->half); x < p->last; cell++) {
    double end = p->where(p, ((double)(cell + 1) + d->half) * step);
    end = cell >= d->loss->first + d->loss->count - 2 ? p->last : fmin(end, p->last);
    while (x < end) {
      const double width = p->width / (1 + fabs(x) / (4 * p->scale));
      const double stop = end - x <= width * 1.5 ? end : x + width;
      put_interval(d, p, cell, x, stop, width);
      x = stop;
    }
  }
}

/* The least and greatest finite loss. */
static void range_of(const mst_pair *pair, double *low, double *high) {
  *low = INFINITY;
  *high = -INFINITY;
  for (int i = 0; i < pair->pieces; i++) {
    const mst_piece *p = &pair->piece[i];
    double t, density;
    p->at(p, p->first, &t, &density);
    *low = fmin(*low, t);
    p->at(p, p->last, &t, &density);
    *high = fmax(*high, t);
  }
  for (int64_t i = 0; i < pair->atoms; i++) {
    *low = fmin(*low, pair->atom[i].loss);
    if (pair->atom[i].loss < INFINITY) *high = fmax(*high, pair->atom[i].loss);
  }
}

/* An atom on a grid point up to rounding belongs there wholly. */
static void put_atom(deposit *d, double t, double mass) {
  const double step = d->loss->step, near = nearbyint(t / step), off = fabs(t - near * step);
  if (t == INFINITY) {
    d->loss->infinite += mass;
  } else if (d->half == 0 && off <= 1e-12 * fmax(1, fabs(t)) && off < 1e-3 * step) {
    put(d, (int64_t)near, near * step, mass);
    d->loss->snapped = fmax(d->loss->snapped, off);
  } else {
    put(d, cell_of(t, step, d->half), t, mass);
  }
}

static void put_all(const mst_pair *pair, deposit *d) {
  mst_loss *l = d->loss;
  for (int i = 0; i < pair->pieces; i++) put_piece(d, &pair->piece[i]);
  for (int64_t i = 0; i < pair->atoms; i++) put_atom(d, pair->atom[i].loss, pair->atom[i].mass);
  l->infinite += pair->cut_above;
  l->cut = pair->cut_above;
  l->surplus = pair->cut_below;
  l->mass[MST_LOSS_SURPLUS] += pair->cut_below; /* the grid point above the least loss kept */
  if (d->total > 0) {
    l->shift = d->moved / d->total;
    l->variance = fmax(0, d->moved_square / d->total - l->shift * l->shift);
  }
}

mst_status mst_loss_make(const mst_pair *pair, double step, mst_rounding rounding, mst_loss *out) {
  double low, high;
  range_of(pair, &low, &high);
  *out = (mst_loss){.step = step, .greatest = pair->greatest};
  if (!((high - low) / step < (double)CELLS_MAX && fmax(fabs(low), fabs(high)) / step < 1e15))
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "a privacy loss from %g to %g takes more than %lld steps of %g", low, high,
                    (long long)CELLS_MAX, step);
  out->first = cell_of(low, step, 0) - 1;
  out->count = cell_of(high, step, 0) + 4 - out->first;
  mst_status st = mst_alloc(&out->mass, out->count, sizeof(double), "a privacy loss");
  if (st == MST_OK && rounding == MST_ROUNDING_DOTS)
    st = mst_alloc(&out->defect, out->count, sizeof(double), "a privacy loss");
  if (st == MST_OK) {
    deposit d = {
        out, rounding == MST_ROUNDING_NEAREST ? 0.5 : 0, rounding, expm1(-step), expm1(step), 0, 0,
        0};
    put_all(pair, &d);
    while (out->count > 1 && out->mass[out->count - 1] == 0) out->count--;
  } else {
    mst_loss_clear(out);
  }
  return st;
}

double mst_loss_cumulant(const mst_loss *loss, double alpha) {
  const double z = exp(-fabs(alpha) * loss->step);
  double sum = 0;
  int64_t end = alpha >= 0 ? loss->first + loss->count - 1 : loss->first;
  if (alpha >= 0)
    for (int64_t i = 0; i < loss->count; i++) sum = sum * z + loss->mass[i];
  else {
    int64_t bottom = 0; /* the lowest point with a mass: below it nothing to refer to */
    while (bottom < loss->count - 1 && loss->mass[bottom] == 0) bottom++;
    for (int64_t i = loss->count - 1; i >= bottom; i--) sum = sum * z + loss->mass[i];
    end = loss->first + bottom;
  }
  return log(sum) + alpha * (double)end * loss->step;
}

void mst_loss_clear(mst_loss *loss) {
  mst_free(loss->mass);
  mst_free(loss->defect);
  *loss = (mst_loss){0};
}
