/* coop-UCB2 (Landgren, Srivastava, Leonard 2016): in every round an agent adds its reward and its
 * play to its estimates of the agents' mean sums, and mixes these with its neighbours'. A record is
 * (2, K): rewards, plays. */
#include <math.h>

#include "core/bandit/gossip.h"
#include "core/bandit/protocol_member.h"

static int64_t width(int64_t arms) {
  return 2 * arms;
}

/* The radius of an arm of n plays an agent: sigma times the root of
 *     2 gamma / G (n + f) / (N n) log t / n,  G = 1 - eta^2 / 16,  f = (log t)^(1/2),
 * where f stands for what consensus is late by. */
static double radius(const mst_gossip *g, double plays, double log_t) {
  const mst_protocol_spec *s = &g->spec;
  const double agents = (double)s->agents;
  const double late = (plays + sqrt(log_t)) / (agents * plays);
  return s->noise * sqrt(2 * s->gamma / (1 - s->eta * s->eta / 16) * late * log_t / plays);
}

static int64_t choose(const mst_gossip *g, const double *record, int64_t round) {
  const double log_t = log((double)(round > 1 ? round : 1));
  const double *plays = record + g->arms;
  int64_t best = 0;
  double most = -INFINITY;
  if (round < g->arms) return round;
  for (int64_t a = 0; a < g->arms; a++) {
    const double index = record[a] / plays[a] + radius(g, plays[a], log_t);
    if (index > most) most = index, best = a;
  }
  return best;
}

static void learn(const mst_gossip *g, double *record, int64_t round, int64_t arm, double y) {
  (void)round;
  record[arm] += y;
  record[g->arms + arm] += 1;
}

static bool speaks(const mst_gossip *g, int64_t round) {
  (void)round;
  return g->graph.nodes > 1;
}

static void mix(const mst_gossip *g, double *record, int64_t round, const double *mixed) {
  (void)round;
  for (int64_t i = 0; i < 2 * g->arms; i++) record[i] = mixed[i];
}

static const mst_gossip_ops gossip = {
    .width = width, .choose = choose, .learn = learn, .speaks = speaks, .mix = mix};

static const mst_param params[] = {
    MST_PROTOCOL_REAL(gamma, "1.01", 1, true, "of the index: gamma, above 1"),
    {.name = "eta",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_protocol_spec, eta),
     .fallback = "2",
     .min = 0,
     .max = 3.9,
     .open_min = true,
     .unit = "",
     .help = "of the index: G = 1 - eta^2 / 16"},
    {.name = NULL}};

const mst_protocol_ops mst_protocol_coop_ucb = {
    .name = "coop_ucb",
    .summary = "on a graph: rewards and plays are mixed with the neighbours' in every round",
    .params = params,
    .gossip = &gossip,
};
