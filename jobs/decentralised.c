/* The decentralised job: a model at every node of a graph (doc/methods/decentralised.md). Reads the
 * settings and the graph, brings the rows to their nodes, runs the loop, reports. */
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "io/edges.h"
#include "jobs/data.h"
#include "jobs/family.h"
#include "jobs/figures.h"
#include "jobs/job.h"
#include "jobs/model.h"
#include "jobs/options.h"
#include "jobs/record.h"
#include "jobs/robust.h"
#include "parallel/decentralised.h"

static const mst_key_spec keys_decentralised[] = {
    {.key = "method.name",
     .type = MST_KEY_WORD,
     .fallback = "dsgd",
     .allowed = "dsgd|gradient_tracking",
     .unit = "",
     .help = "dsgd: every node follows its own gradient; gradient_tracking: an estimate of the "
             "nodes' mean gradient, mixed as the models are"},
    {.key = "method.rounds",
     .type = MST_KEY_INT,
     .fallback = "100",
     .min = 1,
     .max = 1e9,
     .unit = "rounds",
     .help = "rounds of training and mixing"},
    {.key = "method.local_epochs",
     .type = MST_KEY_INT,
     .fallback = "1",
     .min = 1,
     .max = 1e9,
     .unit = "epochs",
     .help = "passes of a node over its rows in a round"},
    {.key = "method.local_steps",
     .type = MST_KEY_INT,
     .min = 1,
     .max = 1e9,
     .unit = "steps",
     .help = "steps of a node in a round, instead of method.local_epochs"},
    {.key = "method.start",
     .type = MST_KEY_WORD,
     .fallback = "same",
     .allowed = "same|apart",
     .unit = "",
     .help = "apart: every node begins with parameters of its own"},
    {.key = "method.momentum",
     .type = MST_KEY_REAL,
     .fallback = "0",
     .min = 0,
     .max = 0.999999999,
     .unit = "",
     .help = "of what training changes, kept by each node: m = beta m + (1 - beta) d"},
    {.key = "topology.file",
     .type = MST_KEY_PATH,
     .unit = "",
     .help = "kind list: a text file with the numbers of two nodes a line, from 0"},
    {.key = "mixing.rounds",
     .type = MST_KEY_INT,
     .fallback = "1",
     .min = 1,
     .max = 1e6,
     .unit = "rounds",
     .help = "mixings after each round of training"},
    {.key = "mixing.accelerated",
     .type = MST_KEY_BOOL,
     .fallback = "false",
     .unit = "",
     .help = "gossip: several mixings together as a Chebyshev polynomial of one"},
    {.key = "mixing.wait",
     .type = MST_KEY_WORD,
     .fallback = "all",
     .allowed = "all|quorum",
     .unit = "",
     .help = "quorum: a rule takes the own vector and the first to arrive, all but "
             "aggregate.byzantine; attackers are first, the others drawn"},
    MST_KEYS_ROBUST("neighbours of a node"),
    {.key = "evaluate.every",
     .type = MST_KEY_INT,
     .fallback = "1",
     .min = 0,
     .max = 1e9,
     .unit = "rounds",
     .help = "score all honest nodes' models on data.test every so many rounds; 0: after the last "
             "one only"},
    MST_KEYS_STOP("accuracy|accuracy_worst|loss|train_loss"),
    {.key = "output.nodes",
     .type = MST_KEY_BOOL,
     .fallback = "false",
     .unit = "",
     .help = "also write every node's own parameters, as /nodes/models"},
    {.key = "output.checkpoint.every_rounds",
     .type = MST_KEY_INT,
     .fallback = "10",
     .min = 0,
     .max = 1e9,
     .unit = "rounds",
     .help = "save the state every so many rounds, for --resume; 0: only when a signal comes"},
    {.key = NULL}};

static const mst_job_section sections[] = {{.keys = mst_keys_data},
                                           {.family = &mst_family_partitions},
                                           {.family = &mst_family_features},
                                           {.family = &mst_family_models},
                                           {.family = &mst_family_optimizers},
                                           {.family = &mst_family_schedules},
                                           {.family = &mst_family_topologies},
                                           {.family = &mst_family_mixings},
                                           {.family = &mst_family_rules},
                                           {.family = &mst_family_mixers},
                                           {.family = &mst_family_attacks},
                                           {.keys = keys_decentralised},
                                           {.keys = NULL}};

typedef struct decentralised_job {
  mst_job_context *context;
  mst_team *team;
  const mst_experiment *experiment;
  mst_job_data data;
  mst_model_spec model_spec;
  mst_model *model;
  mst_mixer_spec mixer[MST_FAMILY_LIST];
  mst_decentralised_options options;
  int64_t *edge; /* of topology.file */
  mst_graph graph;
  mst_clients *clients;
  mst_decentralised *loop;
  int64_t rank_bytes, node_bytes;
} decentralised_job;

/* Keys that mean nothing without another. */
static mst_status check_keys(const decentralised_job *j) {
  const mst_experiment *e = j->experiment;
  const mst_decentralised_options *o = &j->options;
  bool by_rule = (mst_mixing_needs(&o->mixing) & MST_MIXING_RULE) != 0;
  if (!by_rule && (strcmp(o->rule.name, "mean") != 0 || o->mixers > 0 || o->rule.byzantine > 0))
    return mst_experiment_refuse(e, "aggregate.rule",
                                 "mixing.kind is %s, so no rule is asked: choose mixing.kind: rule",
                                 o->mixing.kind);
  if (by_rule && !mst_experiment_is_set(e, "aggregate.byzantine"))
    return mst_experiment_refuse(e, "aggregate.byzantine",
                                 "say how many neighbours of a node may send anything");
  if (mst_topology_find(o->topology.kind)->listed != mst_experiment_is_set(e, "topology.file"))
    return mst_experiment_refuse(e, "topology.file",
                                 "the file of the edges goes with topology.kind: list, and that "
                                 "with it; the kind is %s",
                                 o->topology.kind);
  return MST_OK;
}

static mst_status read_settings(decentralised_job *j) {
  const mst_experiment *e = j->experiment;
  mst_decentralised_options *o = &j->options;
  o->seed = o->topology.seed = mst_job_seed(e);
  MST_TRY(mst_family_read(&mst_family_models, e, &j->model_spec));
  MST_TRY(mst_family_read(&mst_family_optimizers, e, &o->optimizer));
  MST_TRY(mst_family_read(&mst_family_schedules, e, &o->schedule));
  MST_TRY(mst_family_read(&mst_family_topologies, e, &o->topology));
  MST_TRY(mst_family_read(&mst_family_mixings, e, &o->mixing));
  MST_TRY(mst_job_rule(e, &o->rule, j->mixer, &o->mixers));
  MST_TRY(mst_job_attack(e, &o->attack));
  o->mixer = j->mixer;
  o->method = mst_experiment_word(e, "method.name");
  o->rounds = mst_experiment_int(e, "method.rounds");
  o->local_epochs = mst_experiment_int(e, "method.local_epochs");
  o->local_steps = mst_experiment_int(e, "method.local_steps");
  o->apart = strcmp(mst_experiment_word(e, "method.start"), "apart") == 0;
  o->momentum = mst_experiment_real(e, "method.momentum");
  o->mixings = mst_experiment_int(e, "mixing.rounds");
  o->accelerated = mst_experiment_bool(e, "mixing.accelerated");
  o->quorum = strcmp(mst_experiment_word(e, "mixing.wait"), "quorum") == 0;
  o->evaluate_every = mst_experiment_int(e, "evaluate.every");
  o->checkpoint_every = mst_experiment_int(e, "output.checkpoint.every_rounds");
  MST_TRY(mst_job_stop(e, &o->stop));
  return check_keys(j);
}

/* A node of the graph for every client. Collective. */
static mst_status make_graph(decentralised_job *j) {
  const mst_experiment *e = j->experiment;
  mst_topology_spec *t = &j->options.topology;
  t->nodes = j->data.clients;
  if (mst_experiment_is_set(e, "topology.file")) {
    MST_TRY(mst_edges_read(j->team, mst_experiment_path(e, "topology.file"), &j->edge, &t->edges));
    t->edge = j->edge;
  }
  mst_status st = mst_decentralised_check(&j->options);
  if (st == MST_OK) st = mst_graph_make(t, &j->graph);
  return mst_team_agree(j->team, st);
}

/* Of one read of a rank. */
static int64_t window_bytes(const decentralised_job *j) {
  return j->data.memory / 4;
}

/* Bytes of a rank and a node: of the loop, and of the rows, as read and where they are trained on.
 */
static void plan(decentralised_job *j) {
  int ranks = mst_job_ranks(j->context), domains = mst_job_domains(j->context);
  int64_t rows = j->data.train.info->rows, row = 4 * j->model->inputs + 4;
  mst_decentralised_plan(domains, j->model, &j->graph, &j->options, &j->rank_bytes, &j->node_bytes);
  j->rank_bytes += j->data.base_bytes;
  if (j->data.test.file)
    j->rank_bytes +=
        mst_ceil_div(j->data.test.info->rows, ranks) * (4 * j->data.test.info->row_elements + 4);
  j->node_bytes += 2 * mst_ceil_div(rows, domains) * row;
}

static mst_status prepare(decentralised_job *j) {
  MST_TRY(mst_team_agree(j->team, read_settings(j)));
  MST_TRY(mst_job_data_open(j->context, &j->data));
  MST_TRY(mst_job_data_deal(&j->data, true));
  MST_TRY(make_graph(j));
  mst_job_bound_batch(&j->data, &j->options.optimizer.batch);
  MST_TRY(mst_job_model_create(&j->data, &j->model_spec, &j->model));
  MST_TRY(mst_team_agree(j->team, mst_decentralised_check_model(j->model)));
  plan(j);
  return MST_OK;
}

static mst_status write_estimate(decentralised_job *j) {
  const mst_decentralised_options *o = &j->options;
  const mst_job_count figure[] = {
      {"rank_bytes", j->rank_bytes},
      {"node_bytes", j->node_bytes},
      {"parameters", j->model->parameters},
      {"rows", j->data.train.info->rows},
      {"clients", j->data.clients},
      {"clients_with_rows", j->data.clients_with_rows},
      {"edges", j->graph.edges},
      {"rounds", o->rounds},
      {"uplink_bytes", o->rounds * 2 * j->graph.edges * mst_decentralised_traffic(j->model, o)},
      {NULL, 0}};
  return mst_job_estimate(j->context, figure);
}

/* The mean of the honest nodes' models. Collective. */
static mst_status report_model(decentralised_job *j) {
  mst_state state;
  mst_state_init(&state);
  mst_status st =
      mst_job_list_tensors(j->model, mst_decentralised_mean(j->loop), j->model->parameters, &state);
  return mst_job_report_model(&j->data, st, &state);
}

/* Every node's own model, if asked for. Collective. */
static mst_status record_nodes(decentralised_job *j) {
  mst_state state;
  if (!mst_experiment_bool(j->experiment, "output.nodes")) return MST_OK;
  mst_state_init(&state);
  mst_status st = mst_decentralised_nodes(j->loop, "models", &state);
  return mst_record_group(j->team, j->context->runfile, st, "nodes", &state);
}

static mst_status record_times(const decentralised_job *j) {
  mst_runfile *file = j->context->runfile;
  double training = 0, mixing = 0, all = 0;
  mst_decentralised_seconds(j->loop, &training, &mixing, &all);
  MST_TRY(mst_runfile_timing(file, "local_training_seconds", training));
  MST_TRY(mst_runfile_timing(file, "mixing_seconds", mixing));
  MST_TRY(mst_runfile_timing(file, "loop_seconds", all));
  return mst_runfile_timing(file, "planned_bytes", (double)j->rank_bytes);
}

/* The headline figures. Local. */
static mst_status list_figures(decentralised_job *j) {
  mst_job_context *c = j->context;
  mst_decentralised_totals t = mst_decentralised_figures(j->loop);
  c->rounds = t.rounds;
  MST_TRY(mst_job_scores(&j->data, t.accuracy, t.loss, t.train_loss));
  if (j->data.test.file && j->data.train.label != NULL)
    MST_TRY(mst_job_result(c, "accuracy_worst", t.accuracy_worst, false));
  MST_TRY(mst_job_result(c, "consensus_distance", t.consensus_distance, false));
  const mst_job_count figure[] = {{"parameters", j->model->parameters},
                                  {"rows", j->data.train.roster->rows},
                                  {"dropped_rows", j->data.train.dropped + j->data.test.dropped},
                                  {"clients", j->data.clients},
                                  {"clients_with_rows", j->data.clients_with_rows},
                                  {"edges", j->graph.edges},
                                  {"nonfinite", t.nonfinite},
                                  {"excluded", t.excluded},
                                  {"gradients", t.gradients},
                                  {"uplink_bytes", t.uplink_bytes},
                                  {NULL, 0}};
  return mst_job_results(c, figure);
}

static mst_status count_confusion(void *loop, const mst_test_rows *test, int64_t classes,
                                  int64_t *confusion) {
  return mst_decentralised_confusion(loop, test, classes, confusion);
}

static mst_status train(decentralised_job *j) {
  mst_test_rows test;
  MST_TRY(mst_job_place_rows(&j->data, 1, 0, j->options.seed, NULL, &j->clients));
  MST_TRY(mst_decentralised_create(j->team, j->model, j->clients, &j->options, &j->loop));
  MST_TRY(mst_job_test_rows(&j->data, &test));
  MST_TRY(mst_decentralised_run(j->loop, &test, j->context->observer));
  MST_TRY(mst_team_agree(j->team, list_figures(j)));
  MST_TRY(record_times(j));
  MST_TRY(mst_record_data(&j->data));
  MST_TRY(mst_record_test(&j->data, &test, count_confusion, j->loop));
  MST_TRY(record_nodes(j));
  return report_model(j);
}

static mst_status run_decentralised(mst_job_context *context) {
  decentralised_job j = {
      .context = context, .team = context->team, .experiment = context->experiment};
  mst_status st = prepare(&j);
  if (st == MST_OK && context->dry_run) st = mst_team_agree(j.team, write_estimate(&j));
  if (st == MST_OK && !context->dry_run) {
    st = mst_job_data_read(&j.data, window_bytes(&j));
    if (st == MST_OK) st = train(&j);
  }
  mst_decentralised_destroy(j.loop);
  mst_clients_destroy(j.clients);
  mst_model_destroy(j.model);
  mst_graph_free(&j.graph);
  mst_free(j.edge);
  mst_job_data_close(&j.data);
  return st;
}

const mst_job_ops mst_job_decentralised = {
    .name = "decentralised",
    .summary =
        "training without a server: a model at every node of a graph, mixed with neighbours'",
    .sections = sections,
    .run = run_decentralised};
