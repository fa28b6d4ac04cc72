/* The round loop of decentralised training: what is held, when it is scored and saved. What goes
 * together is in decentralised_check.c, a round in decentralised_round.c, one node's mixing in
 * decentralised_mix.c, scores in decentralised_score.c, the state list in decentralised_state.c. */
#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "parallel/decentralised_internal.h"

#define COLUMN_ROWS(neighbours) ((neighbours) + 2) /* of f->columns */

/* Who attacks. */
static mst_status choose_attackers(mst_decentralised *f) {
  const mst_decentralised_options *o = &f->options;
  int64_t *attacker = NULL;
  MST_TRY(mst_alloc(&f->attacker, f->nodes, sizeof *f->attacker, "attackers"));
  MST_TRY(mst_alloc(&f->place, f->nodes, sizeof *f->place, "attackers"));
  f->attackers = mst_decentralised_attacked(o) ? o->attack.count : 0;
  f->honest = f->nodes - f->attackers;
  if (f->honest < 1) return mst_fail(MST_ERR_INPUT, "attack.count leaves no honest node");
  if (f->attackers == 0) return MST_OK;
  MST_TRY(mst_alloc(&attacker, f->attackers, sizeof *attacker, "attackers"));
  mst_attack_clients(o->attack.seed, f->nodes, f->attackers, attacker);
  for (int64_t k = 0; k < f->attackers; k++) {
    f->attacker[attacker[k]] = true;
    f->place[attacker[k]] = k;
  }
  mst_free(attacker);
  f->targeted = (mst_attack_needs(&o->attack) & MST_ATTACK_TARGET) != 0;
  return MST_OK;
}

/* The weights of accelerated mixing. */
static mst_status choose_weights(mst_decentralised *f) {
  mst_graph_spectrum spectrum;
  if (!f->options.accelerated) return MST_OK;
  MST_TRY(mst_graph_spectrum_find(&f->graph, &spectrum));
  MST_TRY(mst_alloc(&f->omega, f->options.mixings, sizeof *f->omega, "weights of mixings"));
  mst_chebyshev_weights(spectrum.rho, f->options.mixings, f->omega);
  return mst_alloc(&f->mixed, f->n, sizeof *f->mixed, "a mixed vector");
}

static mst_status find_borders(mst_decentralised *f) {
  f->tensors = f->tracking ? 1 : f->model->tensors;
  MST_TRY(mst_alloc(&f->border, f->tensors + 1, sizeof *f->border, "tensors"));
  for (int64_t t = 0; t < f->tensors; t++)
    f->border[t] = f->tracking ? 0 : f->model->tensor[t].offset;
  f->border[f->tensors] = f->n;
  return MST_OK;
}

/* Scratch for one node's mixing. */
static mst_status allocate_mixing(mst_decentralised *f) {
  const mst_decentralised_options *o = &f->options;
  int64_t k = f->most_neighbours;
  MST_TRY(mst_alloc(&f->received, k, sizeof *f->received, "neighbours"));
  MST_TRY(mst_alloc(&f->hostile, k, sizeof *f->hostile, "neighbours"));
  MST_TRY(mst_alloc(&f->waited, k, sizeof *f->waited, "neighbours"));
  if (f->targeted) {
    MST_TRY(mst_alloc(&f->told, f->n, sizeof *f->told, "what attackers send"));
    MST_TRY(mst_alloc(&f->columns, COLUMN_ROWS(k) * MST_MIXING_COLUMNS, sizeof *f->columns,
                      "what attackers see"));
    MST_TRY(mst_alloc(&f->column, k, sizeof *f->column, "what attackers see"));
    MST_TRY(mst_alloc(&f->weight, k, sizeof *f->weight, "what attackers see"));
  }
  if (!mst_decentralised_by_rule(o))
    return mst_alloc(&f->work, mst_mixing_doubles(&o->mixing, k, f->tensors), sizeof *f->work,
                     "work of a mixing");
  MST_TRY(mst_alloc(&f->mixer, o->mixers, sizeof *f->mixer, "mixers"));
  for (int m = 0; m < o->mixers; m++) f->mixer[m] = o->mixer[m];
  MST_TRY(mst_decentralised_degrees(f));
  return mst_alloc(&f->rows, (k + 1) * f->n, sizeof *f->rows, "vectors to aggregate");
}

static bool is_outer(const mst_decentralised *f, int64_t i) {
  const int64_t *j = mst_graph_neighbours(&f->graph, i);
  for (int64_t e = 0; e < mst_graph_degree(&f->graph, i); e++)
    if (!mst_clients_here(f->clients, j[e])) return true;
  return false;
}

bool mst_decentralised_trains(const mst_decentralised *f, int64_t i) {
  return !f->attacker[i] || (f->act != NULL && mst_attackers_train(f->act));
}

/* Which nodes are here, and what is done to them. Attackers whose own vector nobody looks at do
 * nothing. */
static mst_status list_nodes(mst_decentralised *f) {
  mst_node_list *list[] = {&f->trains, &f->inner, &f->outer, &f->judged};
  for (int l = 0; l < 4; l++)
    MST_TRY(mst_alloc(&list[l]->node, f->nodes, sizeof *list[l]->node, "nodes here"));
  MST_TRY(mst_alloc(&f->mine, f->nodes, sizeof *f->mine, "nodes here"));
  MST_TRY(mst_alloc(&f->row, f->nodes, sizeof *f->row, "nodes here"));
  for (int64_t i = 0; i < f->nodes; i++) {
    f->most_rows = mst_most(f->most_rows, mst_clients_rows(f->clients, i));
    f->most_neighbours = mst_most(f->most_neighbours, mst_graph_degree(&f->graph, i));
    if (mst_clients_owner(f->clients, i) == mst_team_rank(f->team)) f->mine[f->n_mine++] = i;
    if (!mst_clients_here(f->clients, i)) continue;
    if (!f->attacker[i]) f->judged.node[f->judged.n++] = i;
    if (!mst_decentralised_trains(f, i)) continue;
    f->trains.node[f->trains.n++] = i;
    mst_node_list *mixes = is_outer(f, i) ? &f->outer : &f->inner;
    mixes->node[mixes->n++] = i;
  }
  return MST_OK;
}

/* What a rank holds for itself. Local. */
static mst_status allocate(mst_decentralised *f) {
  const mst_decentralised_options *o = &f->options;
  const mst_method_spec plain = {.name = "fedavg", .server_lr = 1};
  int64_t p = f->model->parameters;
  MST_TRY(list_nodes(f));
  MST_TRY(find_borders(f));
  MST_TRY(allocate_mixing(f));
  MST_TRY(choose_weights(f));
  MST_TRY(mst_alloc(&f->change, p, sizeof *f->change, "a node's change"));
  if (f->attackers > 0)
    MST_TRY(
        mst_attackers_labels(&o->attack, mst_model_classes(f->model), f->most_rows, &f->flipped));
  MST_TRY(mst_tally_create(p, "mean of the models", &f->sum));
  MST_TRY(mst_tally_create(MST_TALLY_SCALES, "losses", &f->losses));
  MST_TRY(mst_alloc(&f->total, p, sizeof *f->total, "mean of the models"));
  MST_TRY(mst_alloc(&f->mean, p, sizeof *f->mean, "mean of the models"));
  MST_TRY(mst_alloc(&f->distance, f->nodes, sizeof *f->distance, "distances of nodes"));
  MST_TRY(mst_alloc(&f->finite, f->nodes, sizeof *f->finite, "finite nodes"));
  MST_TRY(
      mst_client_trainer_create(f->model, &plain, &o->optimizer, o->optimizer.batch, &f->trainer));
  return mst_model_work_create(f->model, MST_BLOCK_ROWS, &f->model_work);
}

static mst_status make_exchange(mst_decentralised *f) {
  int32_t *home = NULL;
  mst_status st = mst_alloc(&home, f->nodes, sizeof *home, "homes of nodes");
  for (int64_t i = 0; i < f->nodes && st == MST_OK; i++)
    home[i] = (int32_t)mst_clients_owner(f->clients, i);
  st = mst_team_agree(f->team, st);
  const mst_neighbour_graph g = {f->nodes, f->graph.first, f->graph.neighbour, home};
  if (st == MST_OK)
    st = mst_neighbours_create(f->team, &g, f->n * (int64_t)sizeof(float), "neighbours' vectors",
                               &f->exchange);
  mst_free(home);
  return st;
}

/* What a node of the machine holds together. Collective. */
static mst_status allocate_shared(mst_decentralised *f) {
  for (int k = 0; k < 2; k++)
    MST_TRY(mst_share_create(f->team, 8, "tickets of nodes", &f->counter[k]));
  MST_TRY(mst_clients_keep(f->clients, f->n, "models of the nodes", &f->w));
  MST_TRY(mst_clients_keep(f->clients, f->n, "mixed models of the nodes", &f->next));
  if (f->tracking || f->options.momentum > 0)
    MST_TRY(mst_clients_keep(f->clients, f->model->parameters, "vectors of the nodes", &f->kept));
  if (f->act != NULL && !mst_attackers_flip_labels(f->act))
    MST_TRY(mst_share_create(f->team, f->attackers * f->n * (int64_t)sizeof(float),
                             "what attackers send", &f->lie));
  return make_exchange(f);
}

/* Every node begins with the same parameters, those that rank 0 draws, or with its own. Collective.
 */
static mst_status begin(mst_decentralised *f) {
  int64_t bytes = f->model->parameters * (int64_t)sizeof(float);
  if (mst_team_rank(f->team) == 0) mst_model_init(f->model, f->options.seed, 0, f->mean);
  MST_TRY(mst_team_bcast(f->team, f->mean, bytes, 0));
  for (int64_t m = 0; m < f->n_mine; m++) {
    if (f->options.apart) mst_model_init(f->model, f->options.seed, 1 + f->mine[m], f->mean);
    memcpy(mst_node_at(f, f->w, f->mine[m]), f->mean, (size_t)bytes);
    memcpy(mst_node_at(f, f->next, f->mine[m]), f->mean, (size_t)bytes);
  }
  return mst_decentralised_turn(f);
}

/* The graph, and who attacks. Local. */
static mst_status lay_out(mst_decentralised *f) {
  f->nodes = mst_clients_count(f->clients);
  f->tracking = mst_decentralised_tracks(&f->options);
  f->n = f->model->parameters * (f->tracking ? 2 : 1);
  if (f->options.topology.nodes != f->nodes)
    return mst_fail(MST_ERR_INPUT, "a topology of %lld nodes, but there are %lld clients",
                    (long long)f->options.topology.nodes, (long long)f->nodes);
  MST_TRY(mst_graph_make(&f->options.topology, &f->graph));
  return choose_attackers(f);
}

/* Collective. */
static mst_status make_attackers(mst_decentralised *f) {
  if (f->attackers == 0 || f->targeted) return MST_OK;
  return mst_attackers_create(f->team, &f->options.attack, f->nodes, f->n, &f->act);
}

static mst_status create(mst_decentralised *f) {
  mst_status st = mst_decentralised_check(&f->options);
  if (st == MST_OK) st = mst_decentralised_check_model(f->model);
  if (st == MST_OK) st = lay_out(f);
  MST_TRY(mst_team_agree(f->team, st));
  MST_TRY(make_attackers(f));
  MST_TRY(mst_team_agree(f->team, allocate(f)));
  if (f->rows != NULL)
    MST_TRY(mst_team_agree(f->team, mst_team_create(MPI_COMM_SELF, NULL, &f->alone)));
  MST_TRY(allocate_shared(f));
  return begin(f);
}

mst_status mst_decentralised_create(mst_team *team, const mst_model *model, mst_clients *clients,
                                    const mst_decentralised_options *options,
                                    mst_decentralised **out) {
  mst_decentralised *f = NULL;
  *out = NULL;
  MST_TRY(mst_team_agree(team, mst_alloc(&f, 1, sizeof *f, "round loop")));
  f->team = team;
  f->model = model;
  f->clients = clients;
  f->options = *options;
  f->totals = (mst_decentralised_totals){.accuracy = NAN,
                                         .accuracy_worst = NAN,
                                         .loss = NAN,
                                         .loss_worst = NAN,
                                         .train_loss = NAN,
                                         .consensus_distance = NAN};
  mst_status st = create(f);
  if (st == MST_OK)
    *out = f;
  else
    mst_decentralised_destroy(f);
  return st;
}

static void free_scratch(mst_decentralised *f) {
  mst_free(f->received);
  mst_free(f->hostile);
  mst_free(f->work);
  mst_free(f->border);
  mst_free(f->mixer);
  mst_free(f->waited);
  mst_free(f->rows);
  mst_free(f->told);
  mst_free(f->columns);
  mst_free(f->column);
  mst_free(f->weight);
  mst_free(f->row);
  mst_free(f->mine);
  mst_free(f->mixed);
  mst_free(f->change);
  mst_free(f->flipped);
  mst_free(f->total);
  mst_free(f->mean);
  mst_free(f->distance);
  mst_free(f->finite);
}

void mst_decentralised_destroy(mst_decentralised *f) {
  if (f == NULL) return;
  mst_neighbours_destroy(f->exchange);
  mst_share_destroy(f->lie);
  mst_share_destroy(f->kept);
  mst_share_destroy(f->next);
  mst_share_destroy(f->w);
  for (int k = 1; k >= 0; k--) mst_share_destroy(f->counter[k]);
  mst_team_destroy(f->alone);
  mst_attackers_destroy(f->act);
  mst_model_work_destroy(f->model_work);
  mst_client_trainer_destroy(f->trainer);
  mst_tally_free(&f->sum);
  mst_tally_free(&f->losses);
  mst_free(f->trains.node);
  mst_free(f->inner.node);
  mst_free(f->outer.node);
  mst_free(f->judged.node);
  mst_free(f->omega);
  mst_free(f->attacker);
  mst_free(f->place);
  mst_graph_free(&f->graph);
  free_scratch(f);
  mst_free(f);
}

mst_decentralised_totals mst_decentralised_figures(const mst_decentralised *f) {
  return f->totals;
}

const float *mst_decentralised_mean(const mst_decentralised *f) {
  return f->mean;
}

void mst_decentralised_seconds(const mst_decentralised *f, double *training, double *mixing,
                               double *all) {
  *training = f->seconds_training;
  *mixing = f->seconds_mixing;
  *all = f->seconds;
}

void mst_decentralised_plan(int domains, const mst_model *model, const mst_graph *graph,
                            const mst_decentralised_options *o, int64_t *rank_bytes,
                            int64_t *node_bytes) {
  int64_t p = model->parameters, n = p * (mst_decentralised_tracks(o) ? 2 : 1), k = 0;
  for (int64_t i = 0; i < graph->nodes; i++) k = mst_most(k, mst_graph_degree(graph, i));
  bool attack = mst_decentralised_attacked(o);
  bool targeted = attack && (mst_attack_needs(&o->attack) & MST_ATTACK_TARGET) != 0;
  *rank_bytes = 32 * p + mst_model_work_bytes(model, MST_BLOCK_ROWS) + 64 * graph->nodes +
                32 * graph->edges +
                mst_client_trainer_bytes(model, &(mst_method_spec){.name = "fedavg"}, &o->optimizer,
                                         o->optimizer.batch);
  if (o->accelerated) *rank_bytes += 4 * n;
  if (mst_decentralised_by_rule(o))
    *rank_bytes += 4 * (k + 1) * n;
  else
    *rank_bytes += 8 * mst_mixing_doubles(&o->mixing, k, model->tensors);
  if (targeted) *rank_bytes += 4 * n + 8 * COLUMN_ROWS(k) * MST_MIXING_COLUMNS;
  if (attack && !targeted) *rank_bytes += mst_attackers_bytes(&o->attack, n);
  int64_t here = mst_ceil_div(graph->nodes, domains);
  int64_t copies = domains > 1 ? mst_least(graph->nodes - here, here * k) : 0;
  *node_bytes = 4 * n * (2 * here + copies) +
                (mst_decentralised_tracks(o) || o->momentum > 0 ? 4 * p * here : 0) +
                (attack && !targeted ? 4 * n * o->attack.count : 0);
}

/* Report a round; set *end when it was the last. Collective. */
static mst_status close_round(mst_decentralised *f, const mst_test_rows *test,
                              const mst_observer *o, bool *end) {
  const mst_decentralised_facts *r = &f->facts;
  mst_decentralised_totals *t = &f->totals;
  mst_metric metric[16];
  int n = 0;
  t->rounds++;
  t->gradients += r->gradients;
  t->excluded += r->excluded;
  t->uplink_bytes += r->uplink_bytes;
  t->nonfinite = r->nonfinite;
  t->train_loss = r->train_loss;
  t->consensus_distance = r->consensus_distance;
  metric[n++] = (mst_metric){"train_loss", r->train_loss};
  metric[n++] = (mst_metric){"consensus_distance", r->consensus_distance};
  metric[n++] = (mst_metric){"nonfinite", (double)r->nonfinite};
  metric[n++] = (mst_metric){"excluded", (double)r->excluded};
  metric[n++] = (mst_metric){"gradients", (double)r->gradients};
  if (mst_loop_due(t->rounds, f->options.rounds, f->options.evaluate_every))
    MST_TRY(mst_decentralised_score(f, test, metric, &n));
  t->stopped = mst_stop_reached(&f->options.stop, n, metric);
  *end = t->stopped || t->rounds == f->options.rounds;
  if (o == NULL) return MST_OK;
  if (o->on_round) MST_TRY(o->on_round(o->context, t->rounds, n, metric));
  return o->on_bytes ? o->on_bytes(o->context, t->rounds, "uplink", r->uplink_bytes, r->messages)
                     : MST_OK;
}

mst_status mst_decentralised_run(mst_decentralised *f, const mst_test_rows *test,
                                 const mst_observer *observer) {
  double start = mst_clock_seconds();
  const mst_loop loop = mst_decentralised_loop(f);
  MST_TRY(mst_decentralised_restore(f, &loop, observer));
  bool end = f->totals.rounds >= f->options.rounds;
  mst_status st = MST_OK;
  mst_observer_phase(observer, "rounds",
                     (f->options.rounds - f->totals.rounds) * mst_team_size(f->team),
                     "rank-rounds");
  while (st == MST_OK && !end) {
    st = mst_decentralised_round(f);
    if (st == MST_OK) st = mst_decentralised_measure(f);
    if (st == MST_OK) st = close_round(f, test, observer, &end);
    if (st == MST_OK) st = mst_loop_look_around(&loop, observer, f->totals.rounds, end);
    mst_observer_step(observer, 1);
  }
  f->seconds = mst_clock_seconds() - start;
  return st;
}
