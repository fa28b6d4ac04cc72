/* Sketches over ranks: the memory they need, the estimate of A'B by either kind and the product
 * that it is held against, and ridge regression from an estimate. doc/methods/sketch.md. */
#include "parallel/sketch.h"

#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/linalg/sparse_rows.h"
#include "parallel/sketch_internal.h"

/* Rows that a sample keeps: of threshold sampling a random number, beyond this once in 10^15. */
static int64_t most_sampled(const mst_sketch_spec *s, int64_t rows) {
  return mst_least(rows, s->size + 8 * (int64_t)ceil(sqrt((double)s->size)) + 64);
}

int64_t mst_sketch_most_numbers(const mst_sketch_spec *s, int64_t rows, int64_t d) {
  if (mst_sketch_is_linear(mst_sketch_find(s->kind))) return s->size * d;
  return most_sampled(s, rows) * (d + 1) + 1;
}

static int64_t linear_bytes(const mst_sketch_ops *ops, const mst_sketch_spec *s, int64_t width) {
  const bool dense = ops->nonzeros(s) == s->size;
  return 24 * s->size * width + 9 * s->size + (dense ? 8 * MST_BLOCK_ROWS * s->size : 0);
}

static int64_t sample_bytes(const mst_sketch_ops *ops, const mst_sketch_spec *s, int ranks,
                            int64_t rows, int64_t share, int64_t width) {
  const int64_t kept = mst_least(most_sampled(s, rows), share);
  const int64_t scores = ops->scores(s);
  return 16 * kept + mst_sparse_rows_bytes(kept, kept * width) + 8 * ranks +
         (scores > 0 ? 8 * (share + mst_least(scores * ranks, rows)) : 0);
}

mst_status mst_sketch_arrange(int ranks, int64_t rows, int64_t elements, int64_t d, int64_t m,
                              const mst_features *features, const mst_sketch_options *options,
                              int64_t memory, int64_t held, mst_row_plan *plan) {
  const mst_sketch_spec *s = &options->spec;
  const mst_sketch_ops *ops = mst_sketch_find(s->kind);
  const int64_t width = options->whole ? d : d + m, product = d * m;
  const int64_t share = mst_ceil_div(rows, ranks) + MST_BLOCK_ROWS;
  int64_t job =
      held + mst_features_memory(features) + 12 * MST_BLOCK_ROWS * width + 32 * share + 8 * product;
  const int64_t exact = options->exact ? 32 * product : 0;
  const int64_t solve = options->whole ? 24 * product : 0;
  const int64_t estimate = mst_sketch_is_linear(ops)
                               ? linear_bytes(ops, s, width)
                               : sample_bytes(ops, s, ranks, rows, share, width) + 24 * product;
  job += mst_most(estimate, exact + solve);
  return mst_row_plan_make("sketch", ranks, rows, elements, width, job, memory, plan);
}

typedef struct exact_product {
  const mst_sketching *s;
  int64_t d, m;
  mst_block_sums sums; /* (d, m) */
} exact_product;

static void add_product(void *context, int64_t place, int64_t rows, const double *x) {
  (void)place;
  exact_product *e = context;
  const mst_sketching *s = e->s;
  mst_gemm(true, false, e->d, e->m, rows, 1.0, x + s->part[0].first, s->walk.d,
           x + s->part[s->parts - 1].first, s->walk.d, 0.0, e->sums.block, e->m);
  mst_block_sums_add(&e->sums);
}

/* By the Cauchy-Schwarz inequality no partial sum is more than |A|_F |B|_F. */
static mst_status find_product(const mst_sketching *s, mst_sketch_result *out) {
  exact_product e = {.s = s, .d = out->d, .m = out->m};
  const int64_t n = out->d * out->m;
  double off = 0;
  mst_status st = mst_block_sums_create(n, out->norm_a * out->norm_b, &e.sums);
  if (st == MST_OK) st = mst_alloc(&out->exact, n, sizeof *out->exact, "the product of all rows");
  st = mst_team_agree(s->team, st);
  if (st == MST_OK) st = mst_row_walk_on(&s->walk, "product", add_product, &e);
  if (st == MST_OK) st = mst_block_sums_end(s->team, &e.sums);
  for (int64_t i = 0; st == MST_OK && i < n; i++) {
    out->exact[i] = e.sums.block[i];
    off += (out->product[i] - out->exact[i]) * (out->product[i] - out->exact[i]);
  }
  if (st == MST_OK) out->error = sqrt(off) / (out->norm_a * out->norm_b);
  mst_block_sums_free(&e.sums);
  return st;
}

mst_status mst_sketch_estimate(mst_team *team, const mst_sketch_rows *a, const mst_sketch_rows *b,
                               const mst_row_plan *plan, const mst_sketch_options *options,
                               const mst_observer *observer, mst_sketch_result *out) {
  mst_sketching s;
  *out = (mst_sketch_result){.rows = a->data->roster->rows, .error = NAN};
  MST_TRY(mst_sketch_check(&options->spec));
  if (out->rows == 0) return mst_fail(MST_ERR_INPUT, "there is no row to sketch");
  mst_status st = mst_sketching_open(team, a, b, plan, options, observer, &s);
  if (st == MST_OK) {
    const mst_sketch_part *right = &s.part[s.parts - 1];
    out->d = s.part[0].width;
    out->m = right->width;
    out->norm_a = sqrt(s.part[0].squares);
    out->norm_b = sqrt(right->squares);
    st = mst_alloc(&out->product, out->d * out->m, sizeof *out->product, "the estimated product");
    st = mst_team_agree(team, st);
  }
  if (st == MST_OK)
    st = mst_sketch_is_linear(s.ops) ? mst_sketching_linear(&s, out)
                                     : mst_sketching_sampled(&s, out);
  if (st == MST_OK && options->exact) st = find_product(&s, out);
  mst_sketching_close(&s);
  if (st != MST_OK) mst_sketch_free(out);
  return st;
}

void mst_sketch_free(mst_sketch_result *r) {
  mst_free(r->product);
  mst_free(r->exact);
  r->product = r->exact = NULL;
}

/* The columns of the features and the one, in gram. */
static int64_t column_of(int64_t d, int64_t c, int64_t j) {
  return j < d ? j : d + c;
}

/* Equation (7): w(d + 1, c), of which the last row is the intercept. */
static mst_status solve(int64_t d, int64_t c, const double *gram, double ridge, double *w) {
  const int64_t n = d + 1, q = d + c + 1;
  double *a = NULL, *b = NULL;
  mst_status st = mst_alloc(&a, n * n, sizeof *a, "the normal equations");
  if (st == MST_OK) st = mst_alloc(&b, n * c, sizeof *b, "their right sides");
  for (int64_t i = 0; st == MST_OK && i < n; i++) {
    const double *row = gram + column_of(d, c, i) * q;
    for (int64_t j = 0; j < n; j++) a[i * n + j] = row[column_of(d, c, j)];
    for (int64_t j = 0; j < c; j++) b[i * c + j] = row[d + j];
    if (i < d) a[i * n + i] += ridge;
  }
  if (st == MST_OK) st = mst_ridge_solve(n, c, a, n, b, c, 0, w);
  mst_free(b);
  mst_free(a);
  if (st == MST_ERR_SINGULAR)
    st = mst_fail(MST_ERR_SINGULAR,
                  "the sketch leaves %lld unknowns undetermined at sketch.ridge %g: give a larger "
                  "ridge, or a larger sketch.size",
                  (long long)n, ridge);
  return st;
}

mst_status mst_sketch_regress(mst_team *team, int64_t d, int64_t c, const double *gram,
                              double ridge, mst_analytic_model *model) {
  *model = (mst_analytic_model){.d = d, .c = c, .train_loss = NAN, .condition = NAN};
  double *w = NULL;
  mst_status st = mst_alloc(&w, (d + 1) * c, sizeof *w, "the solution");
  if (st == MST_OK) st = mst_alloc(&model->weights, d * c, sizeof *w, "weights");
  if (st == MST_OK) st = mst_alloc(&model->intercept, c, sizeof *w, "intercepts");
  /* One rank computes for all, so that no two processors can differ. */
  if (st == MST_OK && mst_team_rank(team) == 0) st = solve(d, c, gram, ridge, w);
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_team_bcast(team, w, (d + 1) * c * (int64_t)sizeof *w, 0);
  if (st == MST_OK) {
    memcpy(model->weights, w, (size_t)(d * c) * sizeof *w);
    memcpy(model->intercept, w + d * c, (size_t)c * sizeof *w);
  } else {
    mst_analytic_model_free(model);
  }
  mst_free(w);
  return st;
}

double mst_sketch_loss(const mst_analytic_model *m, int64_t rows, const double *gram) {
  const int64_t d = m->d, c = m->c, n = d + 1, q = d + c + 1;
  double sum = 0;
  for (int64_t k = 0; k < c; k++) {
    sum += gram[(d + k) * q + d + k];
    for (int64_t i = 0; i < n; i++) {
      const double *row = gram + column_of(d, c, i) * q;
      const double wi = i < d ? m->weights[i * c + k] : m->intercept[k];
      double image = -2 * row[d + k];
      for (int64_t j = 0; j < n; j++)
        image += row[column_of(d, c, j)] * (j < d ? m->weights[j * c + k] : m->intercept[k]);
      sum += wi * image;
    }
  }
  return fmax(sum, 0) / (double)rows / (double)c;
}
