/* What tests of attacks share: the 3 x 3 example of ByzFL, specs with defaults, scenes of vectors
 * in plain memory with their distances by double loops. */
#ifndef MST_TESTS_CORE_ATTACK_SAMPLE_H
#define MST_TESTS_CORE_ATTACK_SAMPLE_H

#include "core/robust/attack.h"
#include "tests/core/robust_vectors.h"

static const double BYZFL[3][3] = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};

static inline mst_attack_spec attack_spec(const char *name) {
  mst_attack_spec s = {.name = name};
  ck_assert_ptr_nonnull(mst_attack_find(name));
  mst_param_defaults(mst_attack_find(name)->params, &s);
  return s;
}

/* Honest vectors, their moments, and one further point. */
typedef struct crowd {
  int64_t n, d;
  double *x;        /* (n + 1, d)     */
  double *distance; /* (n + 1, n + 1) */
  double *mean, *std, *out, *work, *product;
  const double **row;
  mst_attack_columns columns;
  mst_attack_scene scene;
} crowd;

static inline crowd crowd_make(int64_t n, int64_t d) {
  crowd c = {.n = n, .d = d};
  c.x = take_memory((n + 1) * d);
  c.distance = take_memory((n + 1) * (n + 1));
  c.mean = take_memory(d);
  c.std = take_memory(d);
  c.out = take_memory(d);
  c.work = take_memory(MST_ATTACK_WORK(n));
  c.product = take_memory(n + 1);
  ck_ok(mst_alloc(&c.row, n, sizeof *c.row, "test"));
  for (int64_t i = 0; i < n; i++) c.row[i] = c.x + i * d;
  return c;
}

static inline void crowd_free(crowd *c) {
  mst_free(c->x);
  mst_free(c->distance);
  mst_free(c->mean);
  mst_free(c->std);
  mst_free(c->out);
  mst_free(c->work);
  mst_free(c->product);
  mst_free(c->row);
}

/* Moments and views, after entries were set. */
static inline void crowd_see(crowd *c) {
  mst_attack_moments_f64(c->n, c->d, c->row, c->mean, c->std);
  c->columns = (mst_attack_columns){.m = c->d,
                                    .mean = c->mean,
                                    .std = c->std,
                                    .honest = c->n,
                                    .row = c->row,
                                    .centre = c->columns.centre,
                                    .direction = c->columns.direction};
  c->scene = (mst_attack_scene){.n = c->n + 1,
                                .byzantine = 1,
                                .honest = c->n,
                                .distance = c->distance,
                                .product = c->product};
}

/* The further point of an attack, and the distances. */
static inline void crowd_measure(crowd *c, const mst_attack_spec *s) {
  mst_attack_find(s->name)->point(s, &c->columns, c->x + c->n * c->d);
  for (int64_t i = 0; i <= c->n; i++)
    for (int64_t j = 0; j <= c->n; j++)
      c->distance[i * (c->n + 1) + j] = square_between(c->d, c->x + i * c->d, c->x + j * c->d);
}

static inline crowd crowd_byzfl(void) {
  crowd c = crowd_make(3, 3);
  memcpy(c.x, BYZFL, sizeof BYZFL);
  crowd_see(&c);
  return c;
}

static inline crowd crowd_normal(int64_t n, int64_t d, mst_stream *stream) {
  crowd c = crowd_make(n, d);
  for (int64_t i = 0; i < n * d; i++) c.x[i] = 1 + mst_stream_normal(stream);
  crowd_see(&c);
  return c;
}

/* c->out = what is sent by the plan. */
static inline void crowd_send(crowd *c, const mst_attack_spec *s, const mst_attack_plan *plan) {
  mst_attack_find(s->name)->send(s, plan, &c->columns, c->out);
}

static inline void expect_entries(int64_t n, const double *got, const double *want) {
  for (int64_t i = 0; i < n; i++)
    ck_assert_msg(fabs(got[i] - want[i]) <= 1e-12 * fmax(1, fabs(want[i])),
                  "entry %lld: %.17g, not %.17g", (long long)i, got[i], want[i]);
}

#endif
