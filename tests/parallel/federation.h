/* A small federation for the tests of the round loop: rows, clients of unequal sizes, a model, settings;
 * an observer that hashes what it hears; and one that keeps the state as a checkpoint would. */
#ifndef MST_TESTS_PARALLEL_FEDERATION_H
#define MST_TESTS_PARALLEL_FEDERATION_H

#include <stddef.h>

#include "core/base/digest.h"
#include "parallel/federated.h"
#include "tests/harness.h"
#include "tests/parallel/learning.h"

enum { ROWS = 400, WIDTH = 12, CLASSES = 4, CLIENTS = 23 };

typedef struct fixture {
  mst_team *team;
  toy t;
  toy_run r;
  mst_model *model;
  mst_pipeline pipeline;
  mst_clients *clients;
  mst_federated_options options;
} fixture;

static mst_stage whole; /* a stage that does nothing, so that clients stay whole in the roster */

static inline mst_status keep(const mst_stage *stage, int64_t client, int64_t round, int64_t n,
                       double *vector) {
  (void)stage, (void)client, (void)round, (void)n, (void)vector;
  return MST_OK;
}

static inline mst_federated_options defaults(const char *method) {
  const mst_method_ops *ops = mst_method_find(method);
  mst_federated_options o = {.seed = 11, .rounds = 4, .cohort = 9, .local_epochs = 2,
                             .evaluate_every = 1, .evaluate_clients = true, .evaluate_gradient = true};
  mst_param_defaults(mst_method_params, &o.method);
  mst_param_defaults(ops->params, &o.method);
  o.method.name = method;
  mst_param_defaults(mst_optim_params, &o.optimizer);
  mst_param_defaults(mst_optim_find("sgd")->params, &o.optimizer);
  o.optimizer.kind = "sgd";
  o.optimizer.lr = 0.05;
  o.optimizer.batch = 8;
  mst_param_defaults(mst_schedule_params, &o.schedule);
  o.schedule.name = "constant";
  return o;
}

static inline void begin_with(fixture *f, MPI_Comm comm, bool shared, int ranks_per_node,
                              const char *method, double holdout) {
  *f = (fixture){.options = defaults(method), .pipeline = mst_pipeline_sum()};
  mst_team_options o = mst_team_defaults();
  o.shared_memory = shared;
  o.ranks_per_node = ranks_per_node;
  ck_ok(mst_team_create(comm, &o, &f->team));
  f->t = toy_make(ROWS, WIDTH, CLASSES);
  mst_partition_spec part = {.name = "quantity", .seed = 3, .clients = CLIENTS, .alpha = 0.5};
  whole = (mst_stage){.name = "keep", .slot = MST_SLOT_CLIP, .traits = MST_TRAIT_SINGLE,
                      .apply = keep};
  mst_pipeline single = mst_pipeline_sum();
  ck_ok(mst_pipeline_put(&single, &whole));
  toy_start(&f->r, f->team, &f->t, &part, single, 1 << 20, 2);
  mst_model_spec spec = {.kind = "mlp", .init = "xavier", .activation = "relu",
                         .hidden = {.n = 1, .value = {70}}};
  mst_row_shape shape = {.dims = 1, .size = {WIDTH}};
  ck_ok(mst_model_create(&spec, &shape, true, CLASSES, &f->model));
  ck_ok(mst_clients_create(f->team, f->r.rows, f->r.roster, f->r.label, f->r.features, holdout, 11,
                           NULL, &f->clients));
}

static inline void begin(fixture *f, MPI_Comm comm, bool shared, int ranks_per_node,
                         const char *method) {
  begin_with(f, comm, shared, ranks_per_node, method, 0);
}

static inline void end(fixture *f) {
  mst_clients_destroy(f->clients);
  mst_model_destroy(f->model);
  toy_end(&f->r);
  toy_free(&f->t);
  mst_team_destroy(f->team);
}

/* Metrics and parameters of a run, hashed. */
typedef struct record {
  mst_digest digest;
  int64_t rounds;
  double last_loss;
} record;

static inline mst_status on_round(void *context, int64_t round, int n, const mst_metric *metrics) {
  record *r = context;
  r->rounds = round;
  for (int i = 0; i < n; i++) {
    if (strcmp(metrics[i].name, "train_loss") == 0) r->last_loss = metrics[i].value;
    mst_digest_add(&r->digest, metrics[i].name, (int64_t)strlen(metrics[i].name));
    mst_digest_add(&r->digest, &metrics[i].value, sizeof metrics[i].value);
  }
  return MST_OK;
}

static mst_test_rows no_test;

static inline void finish(fixture *f, mst_federated *loop, record *r, char *hex) {
  mst_digest_add(&r->digest, mst_federated_parameters(loop),
                 f->model->parameters * (int64_t)sizeof(float));
  mst_digest_hex(&r->digest, hex);
}

/* A drawer that keeps one state list, as a checkpoint would. */
typedef struct drawer {
  record r;
  int64_t round, bytes;
  char *kept;
  bool stop_after_two;
} drawer;

static inline int64_t item_bytes(const mst_state_item *i) {
  return mst_state_local_elements(i) * mst_dtype_size(i->type);
}

static inline mst_status on_save(void *context, int64_t round, const mst_state *state) {
  drawer *d = context;
  int64_t at = 0;
  d->round = round;
  for (int i = 0; i < state->n; i++) at += item_bytes(&state->item[i]);
  mst_free(d->kept);
  MST_TRY(mst_alloc(&d->kept, at, 1, "kept state"));
  at = 0;
  for (int i = 0; i < state->n; at += item_bytes(&state->item[i]), i++)
    if (item_bytes(&state->item[i]) > 0)
      memcpy(d->kept + at, state->item[i].data, (size_t)item_bytes(&state->item[i]));
  return MST_OK;
}

static inline mst_status on_restore(void *context, mst_state *state, int64_t *round) {
  drawer *d = context;
  int64_t at = 0;
  *round = d->round;
  for (int i = 0; i < state->n && d->round > 0; at += item_bytes(&state->item[i]), i++)
    if (item_bytes(&state->item[i]) > 0)
      memcpy(state->item[i].data, d->kept + at, (size_t)item_bytes(&state->item[i]));
  return MST_OK;
}

static inline bool should_stop(void *context) {
  const drawer *d = context;
  return d->stop_after_two && d->r.rounds == 2;
}

/* All rounds of a fixture's options, hashed; in two parts, with the state in a drawer between them,
 * if interrupted. */
static inline void run_through_a_drawer(fixture *f, bool interrupted, char *hex) {
  drawer d = {.stop_after_two = interrupted};
  mst_observer o = {.context = &d, .on_round = on_round, .on_save = on_save,
                    .on_restore = on_restore, .should_stop = should_stop};
  mst_federated *loop = NULL;
  mst_digest_start(&d.r.digest);
  ck_ok(mst_federated_create(f->team, f->model, f->clients, &f->pipeline, &f->options, &loop));
  if (interrupted) {
    ck_refused(mst_federated_run(loop, &no_test, &o), MST_ERR_INTERRUPTED, "after round 2 of 4");
    ck_assert_int_eq(d.round, 2);
    mst_federated_destroy(loop);
    ck_ok(mst_federated_create(f->team, f->model, f->clients, &f->pipeline, &f->options, &loop));
    d.stop_after_two = false;
  }
  ck_ok(mst_federated_run(loop, &no_test, &o));
  mst_federated_totals t = mst_federated_figures(loop);
  mst_digest_add(&d.r.digest, &t.contributions, sizeof t.contributions);
  mst_digest_add(&d.r.digest, &t.uplink_bytes, sizeof t.uplink_bytes);
  finish(f, loop, &d.r, hex);
  mst_federated_destroy(loop);
  mst_free(d.kept);
}

#endif
