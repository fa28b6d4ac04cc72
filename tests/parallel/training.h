/* What the tests of data-parallel training share: rows and a model, a record of what a run tells, and
 * settings that take every path. */
#ifndef MST_TESTS_TRAINING_H
#define MST_TESTS_TRAINING_H

#define MST_TEST_MPI
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/digest.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "parallel/train_internal.h"
#include "tests/harness.h"
#include "tests/parallel/learning.h"

enum { ROWS = 700, WIDTH = 12, CLASSES = 4, OUTPUTS = 2 };

typedef struct fixture {
  mst_team *team;
  toy t;
  float scale; /* of x */
  bool values; /* targets: x[0] and its double */
  mst_row_store *rows;
  mst_roster *roster;
  int32_t *label;
  mst_clients *store;
  mst_model *model;
  mst_train_options options;
} fixture;

static inline mst_status read_rows(void *context, int64_t first, int64_t count, float *x, float *value) {
  fixture *f = context;
  MST_TRY(toy_read(&f->t, first, count, x, NULL));
  for (int64_t i = 0; i < count * WIDTH; i++) x[i] *= f->scale;
  for (int64_t i = 0; i < count && f->values; i++) {
    value[i * OUTPUTS] = x[i * WIDTH];
    value[i * OUTPUTS + 1] = 2 * x[i * WIDTH];
  }
  return MST_OK;
}

static inline mst_train_options defaults(const char *kind) {
  mst_train_options o = {.optimizer = mst_optim_defaults(kind),
                         .schedule = mst_schedule_defaults("constant"),
                         .seed = 5, .steps = 6, .block = 32, .accumulate = 1, .evaluate_every = 2};
  o.optimizer.batch = 300; /* 300, 300, 100 rows an epoch */
  return o;
}

/* Rows of the toy in the store, and a model of several optimizer blocks. */
static inline void begin_scaled(fixture *f, MPI_Comm comm, bool shared, int per_node, const char *kind,
                         float scale, bool values) {
  *f = (fixture){.options = defaults(kind), .scale = scale, .values = values};
  mst_team_options o = mst_team_defaults();
  int32_t *piece = NULL;
  o.shared_memory = shared;
  o.ranks_per_node = per_node;
  ck_ok(mst_team_create(comm, &o, &f->team));
  f->t = toy_make(ROWS, WIDTH, CLASSES);
  for (int64_t i = 0; i < ROWS; i++) f->t.x[i * WIDTH] = (float)i / ROWS; /* tells rows apart */
  mst_row_reader reader = {.context = f, .rows = ROWS, .row_elements = WIDTH,
                           .outputs = values ? OUTPUTS : 0, .read = read_rows};
  ck_ok(mst_rows_create(f->team, &reader, 1 << 20, &f->rows));
  ck_ok(mst_alloc(&piece, ROWS, sizeof *piece, "pieces"));
  int64_t pieces = mst_train_deal(ROWS, piece);
  ck_assert_int_eq(pieces, 2);
  ck_ok(mst_roster_create(f->team, ROWS, piece, pieces, true, &f->roster));
  mst_free(piece);
  ck_ok(mst_alloc(&f->label, ROWS, sizeof *f->label, "labels"));
  memcpy(f->label, f->t.label, ROWS * sizeof *f->label);
  mst_rows_assign(f->rows, f->roster, 1);
  ck_ok(mst_clients_create(f->team, f->rows, f->roster, values ? NULL : f->label, NULL, 0, 1,
                           NULL, &f->store));
  mst_model_spec spec = {.kind = "mlp", .init = "xavier", .activation = "tanh",
                         .hidden = {.n = 2, .value = {300, 60}}};
  mst_row_shape shape = {.dims = 1, .size = {WIDTH}};
  ck_ok(mst_model_create(&spec, &shape, !values, values ? OUTPUTS : CLASSES, &f->model));
  ck_assert_int_gt(f->model->parameters, 5 * MST_OPTIM_BLOCK);
}

static inline void begin(fixture *f, MPI_Comm comm, bool shared, int per_node, const char *kind) {
  begin_scaled(f, comm, shared, per_node, kind, 1, false);
}

static inline void end(fixture *f) {
  mst_clients_destroy(f->store);
  mst_model_destroy(f->model);
  mst_roster_destroy(f->roster);
  mst_rows_destroy(f->rows);
  mst_free(f->label);
  toy_free(&f->t);
  mst_team_destroy(f->team);
}

typedef struct record {
  mst_digest digest;
  int64_t reports, step;
  double last_loss;
} record;

static inline mst_status on_round(void *context, int64_t step, int n, const mst_metric *metrics) {
  record *r = context;
  r->reports++;
  r->step = step;
  mst_digest_add(&r->digest, &step, sizeof step);
  for (int i = 0; i < n; i++) {
    if (strcmp(metrics[i].name, "train_loss") == 0) r->last_loss = metrics[i].value;
    mst_digest_add(&r->digest, metrics[i].name, (int64_t)strlen(metrics[i].name));
    mst_digest_add(&r->digest, &metrics[i].value, sizeof metrics[i].value);
  }
  return MST_OK;
}

static inline void finish(const fixture *f, mst_train *train, record *r, char *hex) {
  mst_digest_add(&r->digest, mst_train_parameters(train),
                 f->model->parameters * (int64_t)sizeof(float));
  mst_digest_hex(&r->digest, hex);
}

/* Settings that take every path: clipping, a schedule that turns momentum, the average. */
static inline void dress(mst_train_options *o, int member) {
  const mst_optim_ops *ops = mst_optim_find(o->optimizer.kind);
  o->optimizer.clip = member % 2 == 0 ? 0.05 : 0;
  if (member % 3 == 0) o->schedule = mst_schedule_defaults("one_cycle");
  if (!ops->averages && member % 3 == 1) o->ema = 0.7;
}

#endif
