/* Tuning over ranks: the matrix, the costs of systems, the tuner's way through them, the figures.
 */
#include "parallel/tuning.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/linalg/lattice.h"
#include "core/tuning/relax.h"

enum {
  BLOCK = 512, /* rows of a product */
  REPORTS = 20,
  SHIFT = 1, /* what a key is for; 0: the tuner's choice */
  SIDE = 2
};

typedef struct run {
  mst_team *team;
  const mst_tuning_options *options;
  const mst_observer *observer;
  mst_sparse a;
  int64_t columns; /* of a row of costs: the grid's, of omega 1 and of 1.5 */
  double omega[MST_TUNER_ARMS + 2];
  double *right;        /* (n) that of the rows; NULL: drawn                    */
  double *b, *x, *work; /* (n), (n), (mst_relax_work)                           */
  int64_t *cost;        /* (seeds * systems, columns) iterations; 0: not known  */
  int64_t *chosen;      /* (seeds * systems) what the tuner's choices cost      */
} run;

static int64_t order_of(const mst_tuning_options *o) {
  return o->rows != NULL ? o->rows->row_elements : o->side * o->side;
}

int64_t mst_tuning_plan(const mst_tuning_options *o) {
  const int64_t n = order_of(o), dense = o->rows != NULL ? n * n : 0;
  const int64_t rows = o->rows != NULL ? BLOCK * (n + 1) : 0;
  return 12 * (dense > 0 ? dense : 5 * n) + 16 * n + 24 * dense + 12 * rows + 8 * 7 * n +
         8 * o->seeds * o->systems * (o->omegas + 3);
}

mst_status mst_tuning_check(const mst_tuning_options *o) {
  mst_tuner_spec tuner = o->tuner;
  tuner.arms = o->omegas;
  MST_TRY(mst_tuner_check(&tuner));
  MST_TRY(mst_relax_check(&o->solver));
  if (!(o->omega_low > 0 && o->omega_low <= o->omega_high && o->omega_high < 2))
    return mst_fail(MST_ERR_INPUT, "a grid from omega %g to %g; they lie between 0 and 2",
                    o->omega_low, o->omega_high);
  if (!(o->low <= o->high) || !isfinite(o->low) || !isfinite(o->high))
    return mst_fail(MST_ERR_INPUT, "shifts from %g to %g", o->low, o->high);
  if (o->law == MST_SHIFT_BETA && !(o->alpha > 0 && o->beta > 0))
    return mst_fail(MST_ERR_INPUT, "shifts by Beta(%g, %g); both are positive", o->alpha, o->beta);
  if (o->law != MST_SHIFT_BETA && !(o->low > 0))
    return mst_fail(MST_ERR_INPUT, "shifts from %g: an even logarithm needs a positive one",
                    o->low);
  if (o->systems < 1 || o->seeds < 1)
    return mst_fail(MST_ERR_INPUT, "%lld systems, %lld seeds; at least 1 of each",
                    (long long)o->systems, (long long)o->seeds);
  if (o->systems > INT64_MAX / 1024 / o->seeds)
    return mst_fail(MST_ERR_INPUT, "%lld systems of %lld instances are too many",
                    (long long)o->systems, (long long)o->seeds);
  return MST_OK;
}

static double shift_of(const run *r, int64_t instance, int64_t system) {
  const mst_tuning_options *o = r->options;
  mst_stream s = mst_stream_of(
      mst_key_make(o->seed + (uint64_t)instance, MST_PURPOSE_TUNING, SHIFT, (uint64_t)system));
  double at = 0;
  if (o->law == MST_SHIFT_BETA) {
    const double one = mst_stream_log_gamma_draw(&s, o->alpha),
                 two = mst_stream_log_gamma_draw(&s, o->beta);
    return o->low + (o->high - o->low) / (1 + exp(two - one));
  }
  at = o->law == MST_SHIFT_LOG ? mst_stream_uniform(&s)
       : o->systems > 1        ? 1 - (double)system / (double)(o->systems - 1)
                               : 1;
  return o->low * pow(o->high / o->low, at);
}

/* What system t of an instance takes with the omega of a column. Local. */
static mst_status cost_of(run *r, int64_t instance, int64_t system, int64_t column, int64_t *cost) {
  const mst_tuning_options *o = r->options;
  int64_t *known = &r->cost[(instance * o->systems + system) * r->columns + column];
  *cost = *known;
  if (*known > 0) return MST_OK;
  if (r->right != NULL) {
    memcpy(r->b, r->right, (size_t)r->a.n * sizeof(double));
  } else {
    mst_stream s = mst_stream_of(
        mst_key_make(o->seed + (uint64_t)instance, MST_PURPOSE_TUNING, SIDE, (uint64_t)system));
    for (int64_t i = 0; i < r->a.n; i++) r->b[i] = mst_stream_normal(&s);
  }
  memset(r->x, 0, (size_t)r->a.n * sizeof(double));
  MST_TRY(mst_relax(&r->a, shift_of(r, instance, system), r->b, r->omega[column], &o->solver, r->x,
                    r->work, cost));
  *known = *cost;
  return MST_OK;
}

/* A stop that this rank was asked for; the ranks agree on it where they next meet. Local. */
static mst_status look_around(const run *r) {
  return mst_observer_stop(r->observer)
             ? mst_fail(MST_ERR_INTERRUPTED, "interrupted while solving; start the run again")
             : MST_OK;
}

/* All costs. Collective. */
static mst_status fill(run *r) {
  const mst_tuning_options *o = r->options;
  const int64_t all = o->seeds * o->systems;
  mst_status st = MST_OK;
  mst_observer_phase(r->observer, "every omega", all, "systems");
  /* Dealt one by one: neighbours on a path cost alike. */
  for (int64_t i = mst_team_rank(r->team); i < all && st == MST_OK; i += mst_team_size(r->team)) {
    st = look_around(r);
    for (int64_t c = 0; c < r->columns && st == MST_OK; c++) {
      int64_t cost = 0;
      st = cost_of(r, i / o->systems, i % o->systems, c, &cost);
    }
    mst_observer_step(r->observer, 1);
  }
  MST_TRY(mst_team_agree(r->team, st));
  return mst_sum_i64(r->team, r->cost, all * r->columns);
}

/* The tuner's way through one instance. Local. */
static mst_status follow(run *r, int64_t instance) {
  const mst_tuning_options *o = r->options;
  mst_tuner_spec spec = o->tuner;
  mst_tuner *t = NULL;
  spec.arms = o->omegas;
  MST_TRY(mst_tuner_create(&spec, &t));
  mst_status st = MST_OK;
  for (int64_t i = 0; i < o->systems && st == MST_OK; i++) {
    const double shift = shift_of(r, instance, i),
                 context = mst_tuned_context(o->low, o->high, shift);
    const mst_key key =
        mst_key_make(o->seed + (uint64_t)instance, MST_PURPOSE_TUNING, 0, (uint64_t)i);
    int64_t arm = 0, cost = 0;
    st = look_around(r);
    if (st == MST_OK) st = mst_tuner_choose(t, context, key, &arm);
    if (st == MST_OK) st = cost_of(r, instance, i, arm, &cost);
    if (st == MST_OK) st = mst_tuner_learn(t, context, arm, (double)cost);
    r->chosen[instance * o->systems + i] = cost;
    mst_observer_step(r->observer, 1);
  }
  mst_tuner_destroy(t);
  return st;
}

static mst_status follow_all(run *r) {
  const mst_tuning_options *o = r->options;
  int64_t first = 0, count = 0;
  mst_status st = MST_OK;
  mst_team_share(r->team, o->seeds, &first, &count);
  mst_observer_phase(r->observer, "tuner", o->seeds * o->systems, "systems");
  for (int64_t i = first; i < first + count && st == MST_OK; i++) st = follow(r, i);
  MST_TRY(mst_team_agree(r->team, st));
  return mst_sum_i64(r->team, r->chosen, o->seeds * o->systems);
}

/* Costs of an instance's first systems in one column; -1: the least of the grid for each. */
static int64_t total_of(const run *r, int64_t instance, int64_t systems, int64_t column) {
  const mst_tuning_options *o = r->options;
  int64_t sum = 0;
  for (int64_t i = 0; i < systems; i++) {
    const int64_t *row = r->cost + (instance * o->systems + i) * r->columns;
    int64_t least = row[column < 0 ? 0 : column];
    for (int64_t c = 0; column < 0 && c < o->omegas; c++) least = mst_least(least, row[c]);
    sum += least;
  }
  return sum;
}

static void compare(const run *r, int64_t systems, mst_tuning_totals *t) {
  const mst_tuning_options *o = r->options;
  for (int64_t s = 0; s < o->seeds; s++) {
    int64_t best = 0, least = total_of(r, s, systems, 0);
    for (int64_t c = 1; c < o->omegas; c++) {
      const int64_t sum = total_of(r, s, systems, c);
      if (sum >= least) continue;
      least = sum;
      best = c;
    }
    t->best_fixed += (double)least;
    t->best_omega += r->omega[best];
    t->best_each += (double)total_of(r, s, systems, -1);
    t->at_one += (double)total_of(r, s, systems, o->omegas);
    t->at_one_half += (double)total_of(r, s, systems, o->omegas + 1);
  }
}

/* The figures of the first so many systems. */
static mst_tuning_totals summarise(const run *r, int64_t systems) {
  const mst_tuning_options *o = r->options;
  const int64_t tail = mst_ceil_div(systems, 10);
  mst_tuning_totals t = {.iterations = 0};
  for (int64_t s = 0; s < o->seeds; s++)
    for (int64_t i = 0; i < systems; i++) {
      const int64_t cost = r->chosen[s * o->systems + i];
      t.iterations += (double)cost;
      t.failed += cost > o->solver.most;
      if (i >= systems - tail) t.late += (double)cost;
    }
  if (o->compare) compare(r, systems, &t);
  double *const figure[] = {&t.iterations, &t.failed,    &t.late,   &t.best_fixed,
                            &t.best_omega, &t.best_each, &t.at_one, &t.at_one_half};
  for (size_t i = 0; i < sizeof figure / sizeof figure[0]; i++) *figure[i] /= (double)o->seeds;
  t.late /= (double)tail;
  return t;
}

static mst_status report(const run *r) {
  const mst_tuning_options *o = r->options;
  const mst_observer *to = r->observer;
  const int64_t points = mst_least(o->systems, REPORTS);
  if (to == NULL || to->on_round == NULL) return MST_OK;
  for (int64_t i = 1; i <= points; i++) {
    const int64_t systems = mst_share_begin(o->systems, i, points);
    const mst_tuning_totals t = summarise(r, systems);
    const mst_metric metric[] = {{"iterations", t.iterations}, {"failed", t.failed},
                                 {"best_fixed", t.best_fixed}, {"best_each", t.best_each},
                                 {"at_one", t.at_one},         {"at_one_half", t.at_one_half}};
    MST_TRY(to->on_round(to->context, systems, o->compare ? 6 : 2, metric));
  }
  return MST_OK;
}

/* One window of rows as a block z(BLOCK, d + 1) = [x | y], zeros below its rows. */
typedef struct gram {
  int64_t d, width, blocks, first, mine;
  float *x, *y;
  double *z, *product;
  int64_t *sum;
  double largest;
} gram;

static mst_status load(run *r, gram *g, int64_t step, bool *any) {
  const mst_row_reader *rows = r->options->rows;
  *any = step < g->mine;
  const int64_t at = *any ? (g->first + step) * BLOCK : 0,
                count = *any ? mst_least(BLOCK, rows->rows - at) : 0;
  MST_TRY(rows->read(rows->context, at, count, g->x, g->y));
  memset(g->z, 0, (size_t)(BLOCK * g->width) * sizeof(double));
  for (int64_t i = 0; i < count; i++) {
    for (int64_t j = 0; j < g->d; j++) g->z[i * g->width + j] = (double)g->x[i * g->d + j];
    if (g->width > g->d) g->z[i * g->width + g->d] = (double)g->y[i];
  }
  return MST_OK;
}

/* Exact sums over blocks on a grid that follows from the largest entry of all rows. Collective. */
static mst_status add_blocks(run *r, gram *g) {
  const int64_t steps = mst_ceil_div(g->blocks, mst_team_size(r->team)), w = g->width;
  const double rows = (double)r->options->rows->rows;
  bool any = false;
  for (int64_t i = 0; i < steps; i++) {
    MST_TRY(load(r, g, i, &any));
    g->largest = fmax(g->largest, mst_lattice_magnitude(g->z, BLOCK * w));
  }
  MST_TRY(mst_max_f64(r->team, &g->largest, 1));
  if (!isfinite(g->largest)) return mst_fail(MST_ERR_NONFINITE, "a row is not finite");
  const int shift = mst_lattice_shift(mst_lattice_exponent(rows * g->largest * g->largest) + 1);
  for (int64_t i = 0; i < steps; i++) {
    MST_TRY(load(r, g, i, &any));
    if (!any) continue;
    mst_syrk_at_a(w, BLOCK, 1, g->z, w, 0, g->product, w);
    mst_lattice_add(g->sum, g->product, w * w, shift);
  }
  MST_TRY(mst_sum_i64(r->team, g->sum, w * w));
  mst_lattice_to(g->product, g->sum, w * w, shift);
  for (int64_t i = 0; i < w * w; i++) g->product[i] /= rows;
  return MST_OK;
}

static mst_status allocate_gram(run *r, gram *g) {
  MST_TRY(mst_alloc(&g->x, BLOCK * g->d, sizeof(float), "rows"));
  MST_TRY(mst_alloc(&g->y, BLOCK, sizeof(float), "rows"));
  MST_TRY(mst_alloc(&g->z, BLOCK * g->width, sizeof(double), "rows"));
  MST_TRY(mst_alloc(&g->product, g->width * g->width, sizeof(double), "a Gram matrix"));
  MST_TRY(mst_alloc(&g->sum, g->width * g->width, sizeof *g->sum, "a Gram matrix"));
  return g->width > g->d ? mst_alloc(&r->right, g->d, sizeof(double), "a right side") : MST_OK;
}

static mst_status make_gram(run *r) {
  const mst_row_reader *rows = r->options->rows;
  gram g = {.d = rows->row_elements, .blocks = mst_ceil_div(rows->rows, BLOCK)};
  g.width = g.d + (rows->outputs == 1);
  mst_team_share(r->team, g.blocks, &g.first, &g.mine);
  mst_observer_phase(r->observer, "rows", 0, "rows");
  mst_status st = mst_team_agree(r->team, allocate_gram(r, &g));
  if (st == MST_OK) st = add_blocks(r, &g);
  if (st == MST_OK) {
    for (int64_t j = 0; r->right != NULL && j < g.d; j++)
      r->right[j] = g.product[g.d * g.width + j];
    st = mst_team_agree(r->team, mst_sparse_dense(g.d, g.product, g.width, &r->a));
  }
  void *array[] = {g.x, g.y, g.z, g.product, g.sum};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
  return st;
}

static mst_status allocate(run *r) {
  const mst_tuning_options *o = r->options;
  const int64_t all = o->seeds * o->systems;
  if (o->rows == NULL) MST_TRY(mst_sparse_laplacian(o->side, &r->a));
  MST_TRY(mst_alloc(&r->b, r->a.n, sizeof(double), "a right side"));
  MST_TRY(mst_alloc(&r->x, r->a.n, sizeof(double), "a solution"));
  MST_TRY(mst_alloc(&r->work, mst_relax_work(&r->a), sizeof(double), "work of a solver"));
  MST_TRY(mst_alloc(&r->cost, all * r->columns, sizeof *r->cost, "costs of systems"));
  return mst_alloc(&r->chosen, all, sizeof *r->chosen, "costs of systems");
}

static mst_status solve_all(run *r, mst_tuning_totals *totals) {
  const mst_tuning_options *o = r->options;
  if (o->rows != NULL) MST_TRY(make_gram(r));
  MST_TRY(mst_team_agree(r->team, allocate(r)));
  for (int64_t i = 0; i < o->omegas; i++)
    r->omega[i] = o->omegas == 1 ? o->omega_low
                                 : o->omega_low + (o->omega_high - o->omega_low) * (double)i /
                                                      (double)(o->omegas - 1);
  r->omega[o->omegas] = 1;
  r->omega[o->omegas + 1] = 1.5;
  if (o->compare) MST_TRY(fill(r));
  MST_TRY(follow_all(r));
  *totals = summarise(r, o->systems);
  return report(r);
}

mst_status mst_tuning(mst_team *team, const mst_tuning_options *o, const mst_observer *observer,
                      mst_tuning_totals *totals) {
  run r = {.team = team, .options = o, .observer = observer, .columns = o->omegas + 2};
  *totals = (mst_tuning_totals){.iterations = 0};
  MST_TRY(mst_team_agree(team, mst_tuning_check(o)));
  const mst_status st = solve_all(&r, totals);
  void *array[] = {r.right, r.b, r.x, r.work, r.cost, r.chosen};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
  mst_sparse_free(&r.a);
  return st;
}
