/* A small federation for tests of methods: four clients of different sizes, a softmax model, and the
 * loop of a driver without ranks: local training, means in double, the server's step. */
#ifndef MST_TESTS_TEST_METHOD_FEDERATION_H
#define MST_TESTS_TEST_METHOD_FEDERATION_H

#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/federated/client.h"
#include "tests/harness.h"

enum { CLIENTS = 4, INPUTS = 5, CLASSES = 3, P = INPUTS * CLASSES + CLASSES, MOST_ROWS = 12 };

static const int64_t SIZE[CLIENTS] = {7, 10, 5, 12};

typedef struct federation {
  float x[CLIENTS][MOST_ROWS * INPUTS];
  int32_t label[CLIENTS][MOST_ROWS];
  mst_model *model;
  mst_local_spec local;
  const mst_method_ops *ops;
  mst_method_spec method;
  mst_client_trainer *trainer;
  float w[P], own[CLIENTS][2][P], shared[1][P], server[2][P];
} federation;

static inline mst_client_rows rows_of(const federation *f, int client) {
  return (mst_client_rows){
      .n = SIZE[client], .x = f->x[client], .label = f->label[client], .value = NULL};
}

static inline mst_model *make_softmax(void) {
  mst_model *m = NULL;
  const mst_model_spec spec = {.kind = "softmax", .init = "xavier"};
  const mst_row_shape shape = {.dims = 1, .size = {INPUTS}};
  ck_ok(mst_model_create(&spec, &shape, true, CLASSES, &m));
  ck_assert_int_eq(m->parameters, P);
  return m;
}

static inline mst_method_spec method_defaults(const char *name) {
  mst_method_spec s = {.name = name};
  mst_param_defaults(mst_method_find(name)->params, &s);
  return s;
}

/* Rows lean by client, so that clients disagree. */
static inline void fill_rows(federation *f) {
  mst_stream s = mst_stream_of(mst_key_make(11, MST_PURPOSE_TEST, 0, 0));
  for (int k = 0; k < CLIENTS; k++)
    for (int64_t i = 0; i < SIZE[k]; i++) {
      f->label[k][i] = (int32_t)((mst_stream_below(&s, 4) == 0 ? i : k) % CLASSES);
      for (int j = 0; j < INPUTS; j++)
        f->x[k][i * INPUTS + j] = (float)(mst_stream_normal(&s) + (f->label[k][i] == j) + 0.3 * k);
    }
}

static inline federation *federate(const mst_method_spec *method, const mst_optim_spec *optim) {
  federation *f = NULL;
  ck_ok(mst_alloc(&f, 1, sizeof *f, "federation"));
  fill_rows(f);
  f->model = make_softmax();
  f->method = *method;
  f->ops = mst_method_find(method->name);
  f->local = (mst_local_spec){.epochs = 2, .batch = 4, .lr = 0.2, .seed = 5, .frozen = P};
  ck_ok(mst_client_trainer_create(f->model, method, optim, 16, &f->trainer));
  mst_stream s = mst_stream_of(mst_key_make(12, MST_PURPOSE_TEST, 0, 0));
  for (int i = 0; i < P; i++) f->w[i] = (float)(0.3 * mst_stream_normal(&s));
  return f;
}

static inline void disband(federation *f) {
  mst_client_trainer_destroy(f->trainer);
  mst_model_destroy(f->model);
  mst_free(f);
}

/* What one client sends. */
typedef struct sent {
  float up[2][P];
  double scalar[MST_METHOD_SUMS];
  mst_local_result result;
} sent;

static inline void visit_client(federation *f, int client, int64_t round, sent *s) {
  const float *shared[] = {f->shared[0]};
  float *own[] = {f->own[client][0], f->own[client][1]}, *up[] = {s->up[0], s->up[1]};
  mst_client_rows rows = rows_of(f, client);
  ck_ok(mst_client_train(f->trainer, &f->local, client, round, &rows, f->w, shared, own, up,
                         s->scalar, &s->result));
}

static inline bool same(const sent *a, const sent *b) {
  return memcmp(a->up, b->up, sizeof a->up) == 0 &&
         memcmp(a->scalar, b->scalar, sizeof a->scalar) == 0 && a->result.steps == b->result.steps &&
         a->result.loss == b->result.loss && a->result.gradients == b->result.gradients;
}

/* One round with the clients whose bit is set in cohort. */
static inline void run_round(federation *f, int64_t round, unsigned cohort) {
  double mean[2][P] = {{0}}, total = 0, sum[MST_METHOD_SUMS] = {0};
  mst_round_facts facts = {.round = round, .clients = CLIENTS, .lr = f->local.lr};
  for (int k = 0; k < CLIENTS; k++) {
    if (!(cohort >> k & 1)) continue;
    sent s = {0};
    visit_client(f, k, round, &s);
    ck_assert(s.result.finite);
    double weight = f->method.weighted ? (double)SIZE[k] : 1.0;
    for (int v = 0; v < f->ops->uplink; v++)
      for (int i = 0; i < P; i++) mean[v][i] += weight * s.up[v][i];
    for (int j = 0; j < f->ops->scalars; j++) facts.scalar_mean[j] += weight * s.scalar[j];
    facts.steps += (double)s.result.steps;
    facts.cohort++;
    total += weight;
  }
  facts.steps /= (double)facts.cohort;
  for (int v = 0; v < 2; v++)
    for (int i = 0; i < P; i++) mean[v][i] /= total;
  for (int j = 0; j < MST_METHOD_SUMS; j++) facts.scalar_mean[j] /= total;
  double *means[] = {mean[0], mean[1]};
  float *shared[] = {f->shared[0]}, *server[] = {f->server[0], f->server[1]};
  if (f->ops->measure != NULL)
    f->ops->measure(&f->method, &facts, P, f->w, means, shared, server, sum);
  f->ops->step(&f->method, &facts, P, f->w, means, shared, server, sum);
}

static inline double distance(const float *a, const float *b, int64_t n) {
  double most = 0;
  for (int64_t i = 0; i < n; i++) most = fmax(most, fabs((double)a[i] - (double)b[i]));
  return most;
}

#endif
