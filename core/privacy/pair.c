/* Dominating pairs of Gaussian, Laplace, discrete and pure mechanisms, whole and sampled.
 *
 * REMOVE of a sampled additive mechanism is P = (1-q) f(x) + q f(x - shift) against Q = f(x), with
 * P/Q = 1 + q (exp(z(x)) - 1) for a rising z; ADD changes P and Q. Sampling without replacement has
 * the curve of REMOVE where the loss is positive and of ADD where it is negative (Zhu et al. 2022,
 * with the pair of whole samples); what is lacking is an atom at loss 0. */
#include "core/privacy/pair.h"

#include <math.h>

#include "core/base/memory.h"
#include "core/base/normal.h"

#define ROOT_2PI 2.5066282746310002

static double normal_density(double x, double scale) {
  const double y = x / scale;
  return exp(-y * y / 2) / (scale * ROOT_2PI);
}

/* Gaussian: z = shift (2 x - shift) / (2 scale^2). */
static void gaussian_at(const mst_piece *p, double x, double *loss, double *density) {
  const double y = p->reversed ? -x : x, base = normal_density(y, p->scale);
  const double u = p->q * expm1(p->shift * (2 * y - p->shift) / (2 * p->scale * p->scale));
  const double l = log1p(u);
  *loss = p->reversed ? -l : l;
  *density = p->reversed ? base : base * (1 + u);
}

/* The normal densities at 0 and at shift by themselves where their ratio is beyond double's range.
 */
static void whole_gaussian_at(const mst_piece *p, double x, double *loss, double *density) {
  *loss = p->shift * (2 * x - p->shift) / (2 * p->scale * p->scale);
  *density = normal_density(x - p->shift, p->scale);
}

static double whole_gaussian_where(const mst_piece *p, double loss) {
  return p->shift / 2 + p->scale * p->scale * loss / p->shift;
}

static double gaussian_where(const mst_piece *p, double loss) {
  const double l = p->reversed ? -loss : loss, u = expm1(l) / p->q;
  const double y = u <= -1 ? -INFINITY : p->shift / 2 + p->scale * p->scale / p->shift * log1p(u);
  return p->reversed ? -y : y;
}

/* Gaussian under replace_one and Poisson: P has its second mode at shift, Q at -shift. */
static void twosided_at(const mst_piece *p, double x, double *loss, double *density) {
  const double v = 2 * p->scale * p->scale;
  const double up = p->q * expm1(p->shift * (2 * x - p->shift) / v);
  const double down = p->q * expm1(-p->shift * (2 * x + p->shift) / v);
  *loss = log1p(up) - log1p(down);
  *density = normal_density(x, p->scale) * (1 + up);
}

/* (1-q) + c w = e^l ((1-q) + c / w) with w = exp(x shift / scale^2): a square equation for w. */
static double twosided_where(const mst_piece *p, double loss) {
  if (loss < 0) return -twosided_where(p, -loss);
  const double s2 = p->scale * p->scale, c = p->q * exp(-p->shift * p->shift / (2 * s2));
  const double b = (1 - p->q) * expm1(loss) / (2 * c);
  /* w = b + sqrt(b^2 + e^l), in logarithms */
  const double log_w = loss / 2 + asinh(b * exp(-loss / 2));
  return log_w * s2 / p->shift;
}

/* Laplace between its two modes: z = (2 x - shift) / scale. */
static void laplace_at(const mst_piece *p, double x, double *loss, double *density) {
  const double y = p->reversed ? -x : x, base = exp(-y / p->scale) / (2 * p->scale);
  const double u = p->q * expm1((2 * y - p->shift) / p->scale), l = log1p(u);
  *loss = p->reversed ? -l : l;
  *density = p->reversed ? base : base * (1 + u);
}

static double laplace_where(const mst_piece *p, double loss) {
  const double l = p->reversed ? -loss : loss, u = expm1(l) / p->q;
  const double y = u <= -1 ? -INFINITY : p->shift / 2 + p->scale / 2 * log1p(u);
  return p->reversed ? -y : y;
}

static void add_atom(mst_pair *pair, double loss, double mass) {
  if (mass > 0) pair->atom[pair->atoms++] = (mst_atom){loss, mass};
  if (mass > 0) pair->greatest = fmax(pair->greatest, loss);
}

/* An atom of probabilities p against b of the sum without and with the record, mixed. */
static void add_mixed(mst_pair *pair, double q, bool remove, double with, double without) {
  const double mixed = (1 - q) * without + q * with;
  const double to = remove ? mixed : without, from = remove ? without : mixed;
  if (to > 0) add_atom(pair, from > 0 ? log(to / from) : INFINITY, to);
}

static mst_status room(mst_pair *pair, int64_t atoms) {
  return mst_alloc(&pair->atom, atoms, sizeof(mst_atom), "atoms of a privacy loss");
}

/* A piece whose x runs over [low, high] of the outcome, turned round for ADD. */
static void add_piece(mst_pair *pair, mst_piece p, double low, double high) {
  p.first = p.reversed ? -high : low;
  p.last = p.reversed ? -low : high;
  pair->piece[pair->pieces++] = p;
}

static void gaussian_pair(mst_pair *pair, double q, double scale, double shift, bool remove,
                          double tail) {
  const double reach = -scale * mst_normal_quantile(tail);
  mst_piece p = {.q = q,
                 .scale = scale,
                 .shift = shift,
                 .reversed = !remove,
                 .width = 0.15 * fmin(scale, scale * scale / shift),
                 .at = gaussian_at,
                 .where = gaussian_where};
  if (q == 1) { /* the same pair in both directions */
    p.reversed = false;
    p.at = whole_gaussian_at;
    p.where = whole_gaussian_where;
    p.width = 0.15 * scale;
    add_piece(pair, p, shift - reach, shift + reach);
  } else {
    add_piece(pair, p, -reach, (remove ? shift : 0) + reach);
  }
  const double z = shift / scale;
  pair->greatest = remove || q == 1 ? INFINITY : -log1p(-q);
  pair->spread = z < 5 ? fmin(z + z * z, q * sqrt(expm1(z * z))) : z * z;
}

static mst_status laplace_pair(mst_pair *pair, double q, double scale, double shift, bool remove) {
  MST_TRY(room(pair, 3));
  const double far = exp(-shift / scale) / 2;
  const mst_piece p = {.q = q,
                       .scale = scale,
                       .shift = shift,
                       .reversed = !remove,
                       .width = 0.15 * scale,
                       .at = laplace_at,
                       .where = laplace_where};
  add_piece(pair, p, 0, shift);
  const double low = log1p(q * expm1(-shift / scale)), high = log1p(q * expm1(shift / scale));
  add_atom(pair, remove ? high : -high, remove ? (1 - q) * far + q / 2 : far);
  add_atom(pair, remove ? low : -low, remove ? (1 - q) / 2 + q * far : 0.5);
  pair->lattice = q == 1 ? shift / scale : 0;
  pair->spread = q * shift / scale;
  return MST_OK;
}

/* ln of the unnormalised weight of the integer x; -INFINITY beyond the truncation. */
static double log_weight(const mst_event *e, int64_t x) {
  const double y = (double)x / e->noise;
  if (e->truncate > 0 && (x > e->truncate || x < -e->truncate)) return -INFINITY;
  return e->mechanism == MST_MECHANISM_DISCRETE_GAUSSIAN ? -y * y / 2 : -fabs(y);
}

static mst_status discrete_pair(const mst_event *e, mst_pair *pair, double q, double shift,
                                bool remove, double tail) {
  const bool gaussian = e->mechanism == MST_MECHANISM_DISCRETE_GAUSSIAN;
  double reach = gaussian ? -mst_normal_quantile(tail) * e->noise : -log(tail) * e->noise;
  if (e->truncate > 0) reach = fmin(reach, (double)e->truncate);
  if (!(reach + shift < 1e7))
    return mst_fail(MST_ERR_UNSUPPORTED, "discrete noise of %g takes too many values", e->noise);
  const int64_t r = (int64_t)ceil(reach) + 1, k = (int64_t)shift;
  MST_TRY(room(pair, 2 * r + k + 2));
  double total = 1;
  for (int64_t x = r; x > 0; x--) total += 2 * exp(log_weight(e, x));
  for (int64_t x = -r; x <= r + k; x++)
    add_mixed(pair, q, remove, exp(log_weight(e, x - k)) / total, exp(log_weight(e, x)) / total);
  if (e->truncate > 0) pair->cut_above = pair->cut_below = 0;
  if (gaussian && e->truncate == 0) pair->greatest = INFINITY;
  if (q == 1) pair->lattice = gaussian ? shift / (2 * e->noise * e->noise) : 1 / e->noise;
  pair->spread = q * shift / e->noise;
  return MST_OK;
}

static mst_status pure_pair(mst_pair *pair, double q, double epsilon, bool remove) {
  MST_TRY(room(pair, 3));
  const double yes = 1 / (1 + exp(-epsilon)), no = 1 / (1 + exp(epsilon));
  add_mixed(pair, q, remove, yes, no);
  add_mixed(pair, q, remove, no, yes);
  pair->cut_above = pair->cut_below = 0;
  pair->lattice = q == 1 ? epsilon : 0;
  pair->spread = q * epsilon;
  return MST_OK;
}

/* One direction of an event whose sums differ by shift, sampled at rate q. */
static mst_status directed(const mst_event *e, double q, double shift, bool remove, double tail,
                           mst_pair *out) {
  *out = (mst_pair){.cut_above = tail, .cut_below = tail, .greatest = -INFINITY};
  switch (e->mechanism) {
    case MST_MECHANISM_GAUSSIAN: gaussian_pair(out, q, e->noise, shift, remove, tail); break;
    case MST_MECHANISM_LAPLACE:
      out->cut_above = out->cut_below = 0;
      return laplace_pair(out, q, e->noise, shift, remove);
    case MST_MECHANISM_PURE: return pure_pair(out, q, e->noise * shift, remove);
    default:
      if (e->entries > 1)
        return mst_fail(MST_ERR_UNSUPPORTED,
                        "the exact loss of discrete noise is known for one number, not for %lld "
                        "entries; use accountant rdp or zcdp",
                        (long long)e->entries);
      return discrete_pair(e, out, q, shift, remove, tail);
  }
  return MST_OK;
}

/* P's mass of a pair's atoms and pieces by Gauss's rule is not needed: of sampling without
 * replacement the atom at 0 takes what the two halves leave, (1 - q)(1 - 2 a) with a = Q(f > g). */
static mst_status without_replacement(const mst_event *e, double q, double shift, double tail,
                                      mst_pair *out) {
  mst_pair add;
  MST_TRY(directed(e, q, shift, true, tail, out));
  mst_status st = directed(e, q, shift, false, tail, &add);
  if (st == MST_OK && out->atom == NULL) st = room(out, 1);
  if (st != MST_OK) {
    mst_pair_clear(out);
    return st;
  }
  if (out->pieces > 0) {
    out->piece[0].first = shift / 2;
    add.piece[0].last = -shift / 2;
    out->piece[out->pieces++] = add.piece[0];
  }
  /* Atoms: the positive ones of REMOVE, the negative ones of ADD; an array of one of them has room
   * for both, since their losses are each other's negatives. */
  int64_t kept = 0;
  double sum = 0;
  for (int64_t i = 0; i < out->atoms; i++)
    if (out->atom[i].loss > 0) out->atom[kept++] = out->atom[i];
  for (int64_t i = 0; i < add.atoms; i++)
    if (add.atom[i].loss < 0) out->atom[kept++] = add.atom[i];
  for (int64_t i = 0; i < kept; i++) sum += out->atom[i].mass;
  double zero = 1 - sum;
  if (e->mechanism == MST_MECHANISM_GAUSSIAN)
    zero = (1 - q) * (1 - 2 * mst_normal_below(-shift / (2 * e->noise)));
  if (e->mechanism == MST_MECHANISM_LAPLACE) zero = (1 - q) * -expm1(-shift / (2 * e->noise));
  if (zero > 0) out->atom[kept++] = (mst_atom){0, zero};
  out->atoms = kept;
  mst_pair_clear(&add);
  return MST_OK;
}

mst_status mst_pair_make(const mst_event *e, mst_adjacency adjacency, int64_t group, bool remove,
                         double tail, mst_pair *out) {
  *out = (mst_pair){0};
  const double q = mst_event_rate(e);
  double shift = mst_event_shift(e, adjacency, group);
  if (e->mechanism == MST_MECHANISM_PURE)
    shift = mst_event_shift(e, MST_ADJACENCY_ADD_REMOVE, group);
  if (q == 1) return directed(e, 1, shift, true, tail, out);
  if (group > 1)
    return mst_fail(MST_ERR_UNSUPPORTED, "no dominating pair for groups of sampled records");
  if (e->sampling == MST_SAMPLING_WITHOUT_REPLACEMENT)
    return without_replacement(e, q, shift, tail, out);
  if (adjacency == MST_ADJACENCY_ADD_REMOVE) return directed(e, q, shift, remove, tail, out);
  if (e->mechanism != MST_MECHANISM_GAUSSIAN)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "Poisson samples under replace_one are accounted for with Gaussian noise, not "
                    "with %s; choose adjacency add_remove",
                    mst_mechanism_name((int)e->mechanism));
  const double half = shift / 2, reach = -e->noise * mst_normal_quantile(tail);
  const mst_piece p = {.q = q,
                       .scale = e->noise,
                       .shift = half,
                       .width = 0.15 * fmin(e->noise, e->noise * e->noise / half),
                       .at = twosided_at,
                       .where = twosided_where};
  out->cut_above = out->cut_below = tail;
  out->greatest = INFINITY;
  const double z = half / e->noise;
  out->spread = z < 5 ? 2 * fmin(z + z * z, q * sqrt(expm1(z * z))) : 4 * z * z;
  add_piece(out, p, -reach, half + reach);
  return MST_OK;
}

void mst_pair_clear(mst_pair *pair) {
  mst_free(pair->atom);
  *pair = (mst_pair){0};
}
