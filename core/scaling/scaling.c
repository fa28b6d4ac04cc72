/* Laws of scaling: the terms' columns, the fit of each part, and forecasts with the interval that
 * the data allow (doc/methods/scaling.md). */
#include "core/scaling/scaling.h"

#include <inttypes.h>
#include <math.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/scaling/nonnegative.h"

_Static_assert(MST_SCALING_TERMS <= MST_NONNEGATIVE_TERMS, "room for every term");

/* The terms of a part, in the order in which one is preferred to another that fits alike. */
typedef struct form {
  int terms;
  mst_scaling_term term[MST_SCALING_TERMS];
} form;
static const form work_form = {3, {MST_SCALING_COMPUTE, MST_SCALING_SERIAL, MST_SCALING_LATENCY}};
static const form comm_form = {3, {MST_SCALING_BANDWIDTH, MST_SCALING_LATENCY, MST_SCALING_SERIAL}};

/* How the bytes of a rank grow: a sum over all ranks, a tree, all to one. */
#define BYTE_TERMS  3
#define BYTE_SPREAD 0.02 /* of a count that is exact, of a law that is not */

const char *mst_scaling_term_name(mst_scaling_term term) {
  static const char *const name[] = {"compute", "serial", "latency", "bandwidth", "pieces"};
  return name[term];
}

double mst_scaling_student(int freedom) {
  static const double few[] = {12.7062047, 4.3026527, 3.1824463, 2.7764451, 2.5705818};
  const double z = 1.9599640, z2 = z * z;
  if (freedom <= 0) return z;
  if (freedom <= 5) return few[freedom - 1];
  /* Cornish and Fisher's expansion (Abramowitz and Stegun 26.7.5), to 1e-3 from 6 on. */
  const double f = freedom, g1 = (z2 + 1) * z / 4, g2 = ((5 * z2 + 16) * z2 + 3) * z / 96,
               g3 = (((3 * z2 + 19) * z2 + 17) * z2 - 15) * z / 384;
  return z + (g1 + (g2 + g3 / f) / f) / f;
}

/* The share of all work that the rank has which has most. In a weak series the work is ranks / base
 * of the largest run's, and its pieces grow alike. */
static double load_of(const mst_scaling_runs *r, int64_t ranks) {
  if (r->weak) return 1.0 / (double)r->base;
  if (r->pieces <= 0) return 1.0 / (double)ranks;
  return (double)mst_ceil_div(r->pieces, ranks) / (double)r->pieces;
}

/* A term's column; `bytes` in units of the law's. */
static double term_at(const mst_scaling_runs *r, mst_scaling_term term, int64_t ranks,
                      double bytes) {
  switch (term) {
    case MST_SCALING_COMPUTE: return load_of(r, ranks);
    case MST_SCALING_SERIAL: return r->weak ? (double)ranks / (double)r->base : 1;
    case MST_SCALING_LATENCY: return log2((double)ranks);
    default: return bytes;
  }
}

/* What a fit is made from: rows divided by their errors. */
typedef struct table {
  double *a, *y, *error; /* (n, terms), (n), (n) */
} table;

static void clear_table(table *t) {
  mst_free(t->a);
  mst_free(t->y);
  mst_free(t->error);
}

static mst_status make_table(int n, int terms, table *t) {
  *t = (table){NULL, NULL, NULL};
  mst_status st = mst_alloc(&t->a, (int64_t)n * terms, sizeof *t->a, "terms of a law");
  if (st == MST_OK) st = mst_alloc(&t->y, n, sizeof *t->y, "seconds");
  if (st == MST_OK) st = mst_alloc(&t->error, n, sizeof *t->error, "errors of seconds");
  if (st != MST_OK) clear_table(t);
  return st;
}

static double seconds_of(const mst_scaling_run *r, const form *f) {
  return f == &work_form ? r->work : r->comm;
}

static void fill_table(const mst_scaling_law *law, const form *f, double spread, table *t) {
  for (int i = 0; i < law->runs.n; i++) {
    const mst_scaling_run *r = &law->runs.run[i];
    const double bytes = law->unit_bytes > 0 ? r->bytes / law->unit_bytes : 0;
    t->error[i] = spread * (r->work + r->comm);
    t->y[i] = seconds_of(r, f) / t->error[i];
    for (int k = 0; k < f->terms; k++)
      t->a[i * f->terms + k] = term_at(&law->runs, f->term[k], r->ranks, bytes) / t->error[i];
  }
}

/* The spread of runs on the same count about their mean, as a share of the runs' seconds, pooled
 * over the counts. */
static double repeated_spread(const mst_scaling_runs *r, const form *f, int *freedom) {
  double square = 0;
  *freedom = 0;
  for (int i = 0; i < r->n; i++) {
    double sum = 0, whole = 0;
    int same = 0;
    bool first = true;
    for (int k = 0; k < r->n; k++) {
      if (r->run[k].ranks != r->run[i].ranks) continue;
      first = first && k >= i;
      sum += seconds_of(&r->run[k], f);
      whole += r->run[k].work + r->run[k].comm;
      same++;
    }
    const double e = (seconds_of(&r->run[i], f) - sum / same) / (whole / same);
    square += e * e;
    if (first) *freedom += same - 1;
  }
  return *freedom > 0 ? sqrt(square / *freedom) : 0;
}

static int terms_used(const double *x, int n) {
  int used = 0;
  for (int i = 0; i < n; i++) used += x[i] > 0;
  return used;
}

/* Fit with errors in units of 1, then find the spread: that of repeated runs, or that of the runs
 * about the law where it is larger or where none was repeated. */
static mst_status fit_part(const mst_scaling_law *law, const form *f, mst_scaling_part *part) {
  table t;
  double x[MST_NONNEGATIVE_TERMS] = {0};
  MST_TRY(make_table(law->runs.n, f->terms, &t));
  fill_table(law, f, 1, &t);
  const mst_nonnegative p = {.rows = law->runs.n, .terms = f->terms, .a = t.a, .y = t.y};
  const double misfit = mst_nonnegative_fit(&p, x);
  clear_table(&t);
  *part = (mst_scaling_part){.spread = MST_SCALING_ASSUMED};
  for (int k = 0; k < f->terms; k++) part->coefficient[f->term[k]] = x[k];
  int repeats = 0;
  const int left = law->counts - terms_used(x, f->terms);
  const double repeated = repeated_spread(&law->runs, f, &repeats);
  const int about = law->runs.n - terms_used(x, f->terms);
  const double law_spread = left > 0 && about > 0 ? sqrt(misfit / about) : 0;
  if (repeats > 0 || left > 0) {
    part->spread = fmax(fmax(repeated, law_spread), MST_SCALING_LEAST);
    part->freedom = repeated >= law_spread && repeats > 0 ? repeats : about;
  }
  part->misfit = misfit / (part->spread * part->spread);
  return MST_OK;
}

static mst_status check_runs(const mst_scaling_runs *r, int *counts) {
  *counts = 0;
  for (int i = 0; i < r->n; i++) {
    const mst_scaling_run *a = &r->run[i];
    bool fits = a->ranks >= 1 && a->work >= 0 && a->comm >= 0 && a->bytes >= 0 &&
                isfinite(a->work) && isfinite(a->comm) && isfinite(a->bytes);
    if (!fits || !(a->work + a->comm > 0))
      return mst_fail(MST_ERR_INPUT, "run %d has seconds or bytes that cannot be", i);
    bool first = true;
    for (int k = 0; k < i; k++) first = first && r->run[k].ranks != a->ranks;
    *counts += first;
  }
  if (*counts >= 2) return MST_OK;
  return mst_fail(MST_ERR_INPUT, "a law of scaling needs runs on two rank counts or more");
}

mst_status mst_scaling_fit(const mst_scaling_runs *runs, mst_scaling_law *law) {
  *law = (mst_scaling_law){.runs = *runs};
  MST_TRY(check_runs(runs, &law->counts));
  for (int i = 0; i < runs->n; i++) law->unit_bytes = fmax(law->unit_bytes, runs->run[i].bytes);
  MST_TRY(fit_part(law, &work_form, &law->work));
  return fit_part(law, &comm_form, &law->comm);
}

static double byte_term(int term, double ranks) {
  return term == 0 ? (ranks - 1) / ranks : term == 1 ? log2(ranks) : ranks - 1;
}

/* Bytes of the rank that moves most, in units of the law's: the best guess and its range. */
static mst_status predict_bytes(const mst_scaling_law *law, int64_t ranks, double *best,
                                double *low, double *high) {
  table t;
  double x[MST_NONNEGATIVE_TERMS] = {0}, g[BYTE_TERMS];
  const int n = law->runs.n;
  *best = *low = *high = 0;
  if (!(law->unit_bytes > 0)) return MST_OK;
  MST_TRY(make_table(n, BYTE_TERMS, &t));
  for (int i = 0; i < n; i++) {
    const mst_scaling_run *r = &law->runs.run[i];
    t.y[i] = r->bytes / law->unit_bytes / BYTE_SPREAD;
    for (int k = 0; k < BYTE_TERMS; k++)
      t.a[i * BYTE_TERMS + k] = byte_term(k, (double)r->ranks) / BYTE_SPREAD;
  }
  for (int k = 0; k < BYTE_TERMS; k++) g[k] = byte_term(k, (double)ranks);
  const mst_nonnegative p = {.rows = n, .terms = BYTE_TERMS, .a = t.a, .y = t.y};
  const double misfit = mst_nonnegative_fit(&p, x), student = mst_scaling_student(0);
  const double left = fmax(misfit / mst_most(n - terms_used(x, BYTE_TERMS), 1), 1);
  mst_nonnegative_range(&p, g, misfit + left * student * student, low, high);
  for (int k = 0; k < BYTE_TERMS; k++) *best += g[k] * x[k];
  clear_table(&t);
  return MST_OK;
}

/* Add a part's range; bytes[2] are those of its ends. */
static mst_status add_range(const mst_scaling_law *law, const form *f, const mst_scaling_part *part,
                            int64_t ranks, const double *bytes, mst_scaling_forecast *out) {
  table t;
  const double student = mst_scaling_student(part->freedom);
  MST_TRY(make_table(law->runs.n, f->terms, &t));
  fill_table(law, f, part->spread, &t);
  const mst_nonnegative p = {.rows = law->runs.n, .terms = f->terms, .a = t.a, .y = t.y};
  double end[2][2];
  for (int i = 0; i < 2; i++) {
    double g[MST_SCALING_TERMS];
    for (int k = 0; k < f->terms; k++) g[k] = term_at(&law->runs, f->term[k], ranks, bytes[i]);
    mst_nonnegative_range(&p, g, part->misfit + student * student, &end[i][0], &end[i][1]);
  }
  clear_table(&t);
  out->low += end[0][0];
  out->high += end[1][1];
  return MST_OK;
}

/* What the ranks share without end would be the only good reason for the time that is left. */
static mst_scaling_term find_limit(const mst_scaling_law *law, const mst_scaling_forecast *f) {
  const double ideal = law->runs.weak ? f->term[MST_SCALING_COMPUTE]
                                      : law->work.coefficient[MST_SCALING_COMPUTE] / f->ranks;
  double most = ideal;
  mst_scaling_term limit = MST_SCALING_COMPUTE;
  for (int k = MST_SCALING_SERIAL; k < MST_SCALING_TERMS; k++)
    if (f->term[k] > most) {
      most = f->term[k];
      limit = (mst_scaling_term)k;
    }
  return f->term[MST_SCALING_COMPUTE] - ideal > most ? MST_SCALING_PIECES : limit;
}

mst_status mst_scaling_predict(const mst_scaling_law *law, int64_t ranks,
                               mst_scaling_forecast *out) {
  double bytes = 0, end[2] = {0, 0};
  *out = (mst_scaling_forecast){.ranks = (double)ranks};
  MST_TRY(predict_bytes(law, ranks, &bytes, &end[0], &end[1]));
  out->bytes = bytes * law->unit_bytes;
  for (int k = 0; k < MST_SCALING_TERMS; k++) {
    out->term[k] = (law->work.coefficient[k] + law->comm.coefficient[k]) *
                   term_at(&law->runs, (mst_scaling_term)k, ranks, bytes);
    out->seconds += out->term[k];
  }
  MST_TRY(add_range(law, &work_form, &law->work, ranks, end, out));
  MST_TRY(add_range(law, &comm_form, &law->comm, ranks, end, out));
  out->low = fmin(out->low, out->seconds);
  out->high = fmax(out->high, out->seconds);
  out->limit = find_limit(law, out);
  return MST_OK;
}
