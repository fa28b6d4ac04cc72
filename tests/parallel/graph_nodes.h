/* A small graph of nodes for the tests of decentralised training: rows, nodes of unequal sizes, a
 * model, settings; and a run whose metrics and models are hashed. */
#ifndef MST_TESTS_PARALLEL_GRAPH_NODES_H
#define MST_TESTS_PARALLEL_GRAPH_NODES_H

#include <math.h>
#include <string.h>

#include "core/base/digest.h"
#include "core/base/memory.h"
#include "parallel/decentralised_internal.h"
#include "tests/harness.h"
#include "tests/parallel/learning.h"

enum {
  ROWS = 480,
  WIDTH = 12,
  CLASSES = 4,
  NODES = 12
};

typedef struct fixture {
  mst_team *team;
  toy t;
  toy_run r, s;
  mst_model *model;
  mst_clients *clients;
  mst_test_rows test;
  mst_decentralised_options options;
} fixture;

static mst_stage whole; /* a stage that does nothing, so that clients stay whole in the roster */

static inline mst_status keep(const mst_stage *stage, int64_t client, int64_t round, int64_t n,
                              double *vector) {
  (void)stage, (void)client, (void)round, (void)n, (void)vector;
  return MST_OK;
}

static const int64_t path[] = {0, 1, 1, 2, 2, 3, 3, 4,  4,  5,  5, 6,
                               6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 0, 5};

static inline void choose_topology(mst_decentralised_options *o, const char *kind) {
  o->topology = (mst_topology_spec){.nodes = NODES, .seed = 5, .edges = 12, .edge = path};
  mst_param_defaults(mst_topology_find(kind)->params, &o->topology);
  o->topology.kind = kind;
  o->topology.probability = 0.3;
}

static inline void choose_mixing(mst_decentralised_options *o, const char *kind) {
  o->mixing = (mst_mixing_spec){.kind = kind};
  mst_param_defaults(mst_mixing_find(kind)->params, &o->mixing);
}

static inline void choose_rule(mst_decentralised_options *o, const char *name, int64_t byzantine) {
  choose_mixing(o, "rule");
  o->rule = (mst_rule_spec){.name = name, .byzantine = byzantine, .seed = 11};
  mst_param_defaults(mst_rule_find(name)->params, &o->rule);
}

static inline void choose_attack(mst_decentralised_options *o, const char *name, int64_t count) {
  o->attack = (mst_attack_spec){.name = name, .count = count, .seed = 11};
  mst_param_defaults(mst_attack_find(name)->params, &o->attack);
  o->attack.name = name;
  o->attack.count = count;
}

static inline mst_decentralised_options defaults(void) {
  mst_decentralised_options o = {.method = "dsgd",
                                 .mixings = 1,
                                 .seed = 11,
                                 .rounds = 2,
                                 .local_steps = 2,
                                 .evaluate_every = 2,
                                 .optimizer = mst_optim_defaults("sgd"),
                                 .schedule = mst_schedule_defaults("constant")};
  o.optimizer.lr = 0.05;
  o.optimizer.batch = 8;
  choose_topology(&o, "ring");
  choose_mixing(&o, "gossip");
  return o;
}

static inline void begin(fixture *f, MPI_Comm comm, bool shared, int ranks_per_node) {
  *f = (fixture){.options = defaults()};
  mst_team_options o = {.shared_memory = shared, .ranks_per_node = ranks_per_node};
  ck_ok(mst_team_create(comm, &o, &f->team));
  f->t = toy_make(ROWS, WIDTH, CLASSES);
  mst_partition_spec part = {.name = "quantity", .seed = 3, .clients = NODES, .alpha = 2};
  whole =
      (mst_stage){.name = "keep", .slot = MST_SLOT_CLIP, .traits = MST_TRAIT_SINGLE, .apply = keep};
  mst_pipeline single = mst_pipeline_sum();
  ck_ok(mst_pipeline_put(&single, &whole));
  toy_start(&f->r, f->team, &f->t, &part, single, 1 << 20, 1);
  part.clients = 1;
  toy_start(&f->s, f->team, &f->t, &part, mst_pipeline_sum(), 1 << 20, 1);
  f->test = (mst_test_rows){f->s.rows, f->s.roster, f->s.label, f->s.features};
  mst_model_spec spec = {.kind = "softmax", .init = "xavier"};
  mst_row_shape shape = {.dims = 1, .size = {WIDTH}};
  ck_ok(mst_model_create(&spec, &shape, true, CLASSES, &f->model));
  ck_ok(mst_clients_create(f->team, f->r.rows, f->r.roster, f->r.label, f->r.features, 0, 11, NULL,
                           &f->clients));
}

static inline void end(fixture *f) {
  mst_clients_destroy(f->clients);
  mst_model_destroy(f->model);
  toy_end(&f->s);
  toy_end(&f->r);
  toy_free(&f->t);
  mst_team_destroy(f->team);
}

static inline mst_status on_round(void *context, int64_t round, int n, const mst_metric *metric) {
  (void)round;
  for (int i = 0; i < n; i++) {
    mst_digest_add(context, metric[i].name, (int64_t)strlen(metric[i].name));
    mst_digest_add(context, &metric[i].value, sizeof metric[i].value);
  }
  return MST_OK;
}

static inline mst_decentralised *create(fixture *f) {
  mst_decentralised *loop = NULL;
  ck_ok(mst_decentralised_create(f->team, f->model, f->clients, &f->options, &loop));
  return loop;
}

/* What all nodes' models and the metrics hash to. */
static inline void finish(fixture *f, mst_decentralised *loop, mst_digest *metrics, char *hex) {
  char models[MST_DIGEST_HEX];
  mst_state state;
  mst_state_init(&state);
  ck_ok(mst_decentralised_nodes(loop, "nodes", &state));
  ck_ok(mst_team_digest(f->team, &state, models));
  mst_state_clear(&state);
  mst_digest_add(metrics, models, (int64_t)sizeof models);
  mst_digest_add(metrics, mst_decentralised_mean(loop),
                 f->model->parameters * (int64_t)sizeof(float));
  mst_digest_hex(metrics, hex);
}

static inline mst_decentralised_totals run(fixture *f, char *hex) {
  mst_digest digest;
  mst_digest_start(&digest);
  mst_decentralised *loop = create(f);
  ck_ok(mst_decentralised_run(loop, &f->test,
                              &(mst_observer){.context = &digest, .on_round = on_round}));
  mst_decentralised_totals t = mst_decentralised_figures(loop);
  if (hex != NULL) finish(f, loop, &digest, hex);
  mst_decentralised_destroy(loop);
  return t;
}

#endif
