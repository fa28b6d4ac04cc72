/* What one node does in a mixing: it takes what its neighbours send, attackers among them, and
 * makes its next vector of it, by a mixing of core/decentralised or by a robust rule. */
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/decentralised/steps.h"
#include "parallel/decentralised_internal.h"
#include "parallel/robust.h"

static const float *vector_of(const mst_decentralised *f, int64_t j) {
  if (!mst_clients_here(f->clients, j)) return mst_neighbours_copy(f->exchange, j);
  return f->lie != NULL && f->attacker[j] ? (const float *)mst_share_at(f->lie) + f->place[j] * f->n
                                          : mst_node_at(f, f->w, j);
}

static void widen(const float *from, int64_t m, double *to) {
  for (int64_t c = 0; c < m; c++) to[c] = (double)from[c];
}

/* Columns first .. first + m - 1 of what attackers tell node i, of whose neighbours there are
 * `all`.
 */
static void tell_columns(mst_decentralised *f, int64_t i, int64_t all, int64_t first, int64_t m,
                         mst_attack_columns *c) {
  const mst_attack_ops *ops = mst_attack_find(f->options.attack.name);
  const mst_attack_plan plan = {.row = -1};
  double *target = f->columns, *out = target + MST_MIXING_COLUMNS;
  int64_t honest = 0;
  widen(mst_node_at(f, f->w, i) + first, m, target);
  for (int64_t e = 0; e < all; e++) {
    if (f->hostile[e]) continue;
    double *to = f->columns + (2 + honest) * MST_MIXING_COLUMNS;
    widen(f->received[e] + first, m, to);
    f->column[honest++] = to;
  }
  c->first = first;
  c->m = m;
  c->target = target;
  ops->send(&f->options.attack, &plan, c, out);
  for (int64_t k = 0; k < m; k++) f->told[first + k] = (float)out[k];
}

/* What attackers make for this target, of its vector and those of its honest neighbours: of all of
 * them it hears the same. */
static void tell_target(mst_decentralised *f, int64_t i, int64_t all) {
  const double *weight = mst_graph_weights(&f->graph, i);
  mst_attack_columns c = {.row = f->column, .weight = f->weight};
  for (int64_t e = 0; e < all; e++) {
    if (!f->hostile[e]) {
      f->weight[c.honest++] = weight[e];
      continue;
    }
    c.hostile += weight[e];
    c.client = mst_graph_neighbours(&f->graph, i)[e];
    c.place = f->place[c.client];
  }
  if (c.honest == all) return;
  for (int64_t first = 0; first < f->n; first += MST_MIXING_COLUMNS)
    tell_columns(f, i, all, first, mst_least(f->n - first, MST_MIXING_COLUMNS), &c);
  for (int64_t e = 0; e < all; e++)
    if (f->hostile[e]) f->received[e] = f->told;
}

/* Wait for all vectors but `byzantine`, the own one counted: those of attackers come first, which
 * of the others arrive in time is drawn. Returns how many are left of `all`. */
static int64_t wait_for(mst_decentralised *f, int64_t i, int64_t round, int64_t all) {
  int64_t open = mst_most(all - f->options.rule.byzantine, 0), honest = 0;
  for (int64_t e = 0; e < all; e++) honest += !f->hostile[e];
  int64_t lies = mst_least(all - honest, open), taken = mst_least(open - lies, honest);
  mst_stream s = mst_stream_of(
      mst_key_make(f->options.seed, MST_PURPOSE_ARRIVAL, (uint64_t)i, (uint64_t)round));
  mst_stream_subset(&s, honest, taken, f->waited);
  int64_t kept = 0, seen = 0, at = 0;
  for (int64_t e = 0; e < all; e++) {
    bool in_time = f->hostile[e] ? lies-- > 0 : at < taken && f->waited[at] == seen;
    if (!f->hostile[e]) {
      at += in_time;
      seen++;
    }
    if (!in_time) continue;
    f->hostile[kept] = f->hostile[e];
    f->received[kept++] = f->received[e];
  }
  return kept;
}

int64_t mst_decentralised_receive(mst_decentralised *f, int64_t i, int64_t round) {
  const int64_t *j = mst_graph_neighbours(&f->graph, i);
  int64_t all = mst_graph_degree(&f->graph, i);
  for (int64_t e = 0; e < all; e++) {
    f->hostile[e] = f->attacker[j[e]];
    f->received[e] = vector_of(f, j[e]);
  }
  if (f->targeted) tell_target(f, i, all);
  return f->options.quorum ? wait_for(f, i, round, all) : all;
}

/* A node that is not finite itself, or that no rule can help, stays as it is. */
static mst_status mix_by_rule(mst_decentralised *f, int64_t i, int64_t round, int64_t received,
                              const float *own, float *out) {
  size_t bytes = (size_t)f->n * sizeof *own;
  mst_rule_spec rule = f->options.rule;
  memcpy(f->rows, own, bytes);
  for (int64_t e = 0; e < received; e++) memcpy(f->rows + (e + 1) * f->n, f->received[e], bytes);
  rule.round = round * f->nodes + i;
  for (int m = 0; m < f->options.mixers; m++) f->mixer[m].round = rule.round;
  const mst_robust_options more = {.mixer = f->mixer, .mixers = f->options.mixers, .previous = own};
  mst_status st = mst_aggregate(f->alone, &rule, &more, received + 1, f->n, f->rows, out, NULL);
  if (st != MST_ERR_NONFINITE) return st;
  mst_status_clear();
  memcpy(out, own, bytes);
  return MST_OK;
}

mst_status mst_decentralised_mix(mst_decentralised *f, int64_t i, int64_t k) {
  const mst_decentralised_options *o = &f->options;
  const float *own = mst_node_at(f, f->w, i);
  float *out = mst_node_at(f, f->next, i);
  int64_t round = f->totals.rounds * o->mixings + k;
  int64_t received = mst_decentralised_receive(f, i, round);
  if (f->rows != NULL) return mix_by_rule(f, i, round, received, own, out);
  const mst_mixing_node node = {.neighbours = received,
                                .self = mst_graph_self(&f->graph, i),
                                .weight = mst_graph_weights(&f->graph, i),
                                .hostile = f->hostile,
                                .tensors = f->tensors,
                                .border = f->border};
  mst_mixing_plan plan;
  float *mixed = f->omega != NULL ? f->mixed : out;
  MST_TRY(mst_mixing_apply_f32(&o->mixing, &node, f->n, own, f->received, f->work, &plan, mixed));
  if (f->omega != NULL) mst_step_chebyshev_f32(f->n, f->omega[k], mixed, k > 0 ? out : NULL, out);
  return MST_OK;
}
