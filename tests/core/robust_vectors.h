/* What tests of robust rules share: vectors in plain memory with their distances by double loops,
 * rules and mixers run over them with defaults, draws, and the published outputs of ByzFL. */
#ifndef MST_TESTS_CORE_ROBUST_VECTORS_H
#define MST_TESTS_CORE_ROBUST_VECTORS_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/robust/rule.h"
#include "tests/harness.h"

/* n vectors of d entries, then the zero vector, the last result and a trusted vector. */
typedef struct vectors {
  int64_t n, d, points;
  double *x;        /* (points, d)      */
  double *distance; /* (points, points) */
  double *weight;   /* (points) of the last rule */
  double *result;   /* (d) of the last rule      */
  double *product;  /* (n)              */
  mst_rule_view view;
} vectors;

static inline void *take_memory(int64_t count) {
  double *x = NULL;
  ck_ok(mst_alloc(&x, count, sizeof *x, "test"));
  return x;
}

static inline vectors vectors_make(int64_t n, int64_t d) {
  vectors v = {.n = n, .d = d, .points = n + 3};
  v.x = take_memory(v.points * d);
  v.distance = take_memory(v.points * v.points);
  v.weight = take_memory(v.points);
  v.result = take_memory(d);
  v.product = take_memory(n);
  return v;
}

static inline void vectors_free(vectors *v) {
  mst_free(v->x);
  mst_free(v->distance);
  mst_free(v->weight);
  mst_free(v->result);
  mst_free(v->product);
}

static inline double *row_of(const vectors *v, int64_t i) {
  return v->x + i * v->d;
}

static inline void expect_near(double got, double want, double tolerance) {
  ck_assert_msg(fabs(got - want) <= tolerance, "%.17g is not %.17g", got, want);
}

static inline double square_between(int64_t d, const double *a, const double *b) {
  double sum = 0;
  for (int64_t k = 0; k < d; k++) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return sum;
}

static inline double length_of(int64_t d, const double *a) {
  double sum = 0;
  for (int64_t k = 0; k < d; k++) sum += a[k] * a[k];
  return sqrt(sum);
}

/* Distances and the view, after entries were set. */
static inline void vectors_measure(vectors *v) {
  const double *root = row_of(v, v->n + 2);
  for (int64_t i = 0; i < v->points; i++)
    for (int64_t j = 0; j < v->points; j++)
      v->distance[i * v->points + j] = square_between(v->d, row_of(v, i), row_of(v, j));
  for (int64_t i = 0; i < v->n; i++) {
    v->product[i] = 0;
    for (int64_t k = 0; k < v->d; k++) v->product[i] += row_of(v, i)[k] * root[k];
  }
  v->view = (mst_rule_view){.n = v->n,
                            .points = v->points,
                            .distance = v->distance,
                            .zero = v->n,
                            .previous = v->n + 1,
                            .root = v->n + 2,
                            .product = v->product,
                            .weight = v->view.weight,
                            .sampled = v->view.sampled,
                            .sign = v->view.sign,
                            .loss = v->view.loss};
}

static inline mst_stream draws(int64_t a, int64_t b) {
  return mst_stream_of(mst_key_make(7, MST_PURPOSE_TEST, (uint64_t)a, (uint64_t)b));
}

/* Standard normal vectors; the last result and the trusted vector too. */
static inline vectors vectors_normal(int64_t n, int64_t d, mst_stream *s) {
  vectors v = vectors_make(n, d);
  for (int64_t i = 0; i < v.points; i++)
    for (int64_t k = 0; k < d && i != n; k++) row_of(&v, i)[k] = mst_stream_normal(s);
  vectors_measure(&v);
  return v;
}

static inline mst_rule_spec rule_spec(const char *name, int64_t byzantine) {
  mst_rule_spec s = {.name = name, .byzantine = byzantine};
  ck_assert_ptr_nonnull(mst_rule_find(name));
  mst_param_defaults(mst_rule_find(name)->params, &s);
  return s;
}

static inline void combine(const vectors *v, const double *weight, double *out) {
  for (int64_t k = 0; k < v->d; k++) out[k] = 0;
  for (int64_t i = 0; i < v->points; i++)
    for (int64_t k = 0; k < v->d && weight[i] != 0; k++) out[k] += weight[i] * row_of(v, i)[k];
}

/* Weights and result of a rule; the weights must sum to 1. */
static inline void run_rule(const mst_rule_spec *s, vectors *v) {
  const mst_rule_ops *ops = mst_rule_find(s->name);
  double *work = take_memory(ops->work_doubles(v->n, v->points)), sum = 0;
  for (int64_t i = 0; i < v->points; i++) v->weight[i] = NAN;
  ck_ok(ops->weigh(s, &v->view, work, v->weight));
  mst_free(work);
  double size = 0;
  for (int64_t i = 0; i < v->points; i++) {
    sum += v->weight[i];
    size += fabs(v->weight[i]);
  }
  ck_assert_msg(fabs(sum - 1) <= 1e-13 * fmax(size, 1), "%s: weights sum to %.17g", s->name, sum);
  combine(v, v->weight, v->result);
}

static inline mst_mixer_spec mixer_spec(const char *name, int64_t byzantine) {
  mst_mixer_spec s = {.name = name, .byzantine = byzantine};
  ck_assert_ptr_nonnull(mst_mixer_find(name));
  mst_param_defaults(mst_mixer_find(name)->params, &s);
  return s;
}

/* The matrix of a mixer, (count, points), to be freed; its rows must sum to 1. */
static inline double *mixer_matrix(const mst_mixer_spec *s, const vectors *v) {
  const mst_mixer_ops *ops = mst_mixer_find(s->name);
  const int64_t count = ops->count(s, v->n);
  double *work = take_memory(v->points), *matrix = take_memory(count * v->points);
  for (int64_t i = 0; i < count * v->points; i++) matrix[i] = NAN;
  ops->mix(s, &v->view, work, matrix);
  mst_free(work);
  for (int64_t i = 0; i < count; i++) {
    double sum = 0;
    for (int64_t j = 0; j < v->points; j++) sum += matrix[i * v->points + j];
    ck_assert_double_eq_tol(sum, 1, 1e-14);
  }
  return matrix;
}

/* The vectors that a mixer makes, with the further points of v. */
static inline vectors vectors_mixed(const mst_mixer_spec *s, const vectors *v) {
  double *matrix = mixer_matrix(s, v);
  vectors m = vectors_make(mst_mixer_find(s->name)->count(s, v->n), v->d);
  for (int64_t i = 0; i < m.n; i++) combine(v, matrix + i * v->points, row_of(&m, i));
  for (int64_t i = 0; i < 3; i++)
    memcpy(row_of(&m, m.n + i), row_of(v, v->n + i), (size_t)v->d * sizeof *v->x);
  vectors_measure(&m);
  mst_free(matrix);
  return m;
}

static inline void read_golden(const char *name, size_t size, int64_t count, void *to) {
  const char *root = getenv("srcdir");
  char path[512];
  snprintf(path, sizeof path, "%s/tests/core/golden/byzantine/%s", root != NULL ? root : ".", name);
  FILE *file = fopen(path, "rb");
  ck_assert_msg(file != NULL, "cannot open %s", path);
  ck_assert_uint_eq(fread(to, size, (size_t)count, file), (size_t)count);
  fclose(file);
}

enum {
  GOLDEN_N = 20,
  GOLDEN_D = 1000,
  GOLDEN_F = 4
};

/* The 20 vectors that ByzFL was given; the last 4 are hostile. */
static inline vectors vectors_golden(void) {
  vectors v = vectors_make(GOLDEN_N, GOLDEN_D);
  float *x = NULL;
  ck_ok(mst_alloc(&x, GOLDEN_N * GOLDEN_D, sizeof *x, "test"));
  read_golden("inputs.f32", sizeof *x, GOLDEN_N * GOLDEN_D, x);
  for (int64_t i = 0; i < GOLDEN_N * GOLDEN_D; i++) v.x[i] = (double)x[i];
  mst_free(x);
  vectors_measure(&v);
  return v;
}

/* |got - golden| <= 1e-12 of the largest entry, for `count` entries. */
static inline void expect_golden(const char *name, int64_t count, const double *got) {
  double *want = take_memory(count), largest = 0, worst = 0;
  char file[128];
  snprintf(file, sizeof file, "%s.f64", name);
  read_golden(file, sizeof *want, count, want);
  for (int64_t k = 0; k < count; k++) {
    largest = fmax(largest, fabs(want[k]));
    worst = fmax(worst, fabs(want[k] - got[k]));
  }
  ck_assert_msg(worst <= 1e-12 * largest, "%s: %g of %g", name, worst, largest);
  mst_free(want);
}

static inline int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The rule trimmed_mean over all columns at once. */
static inline void trimmed_mean(const vectors *v, int64_t f, double *out) {
  const mst_rule_spec s = rule_spec("trimmed_mean", f);
  const double *row[64];
  ck_assert_int_le(v->n, 64);
  ck_assert_int_le(v->d, MST_RULE_COLUMNS);
  for (int64_t i = 0; i < v->n; i++) row[i] = row_of(v, i);
  mst_rule_find(s.name)->columns_f64(&s, v->n, v->d, row, NULL, out);
}

#endif
