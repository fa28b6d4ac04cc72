/* DDUCB (Martinez-Rubio, Kanade, Rebeschini 2019, algorithm 1): what was gathered in one stage is
 * mixed during the next, by accelerated consensus, and used from then on. A record is (4, 2, K),
 * rewards and plays of: what is being mixed (beta), the same before its last mixing, what is new
 * (gamma), what is mixed (alpha). The first K rounds play each arm once. */
#include <math.h>
#include <string.h>

#include "core/bandit/gossip.h"
#include "core/bandit/protocol_member.h"
#include "core/base/memory.h"

enum {
  BETA,
  BEFORE,
  GAMMA,
  ALPHA,
  BUFFERS
};

static int64_t width(int64_t arms) {
  return BUFFERS * 2 * arms;
}

static double *buffer(const mst_gossip *g, double *record, int which) {
  return record + (int64_t)which * 2 * g->arms;
}

/* Round of its stage, from 0, and that stage's number. */
static int64_t step_of(const mst_gossip *g, int64_t round) {
  return (round - g->arms) % g->stage;
}
static int64_t stage_of(const mst_gossip *g, int64_t round) {
  return (round - g->arms) / g->stage;
}

static mst_status prepare(mst_gossip *g) {
  const double share = g->spec.error / (double)g->spec.agents;
  MST_TRY(g->spec.accelerated ? mst_chebyshev_rounds(g->rho, share, &g->stage)
                              : mst_gossip_rounds(g->rho, share, &g->stage));
  if (!g->spec.accelerated) return MST_OK;
  MST_TRY(mst_alloc(&g->weight, g->stage, sizeof(double), "weights of consensus"));
  mst_chebyshev_weights(g->rho, g->stage, g->weight);
  return MST_OK;
}

/* Plays of all agents that alpha rests on, at least the K of the agent itself. */
static double rested_on(const mst_gossip *g, int64_t round) {
  const int64_t stage = stage_of(g, round);
  const int64_t used = stage == 0 ? 0 : g->arms + (stage - 1) * g->stage;
  return fmax((double)used * (double)g->spec.agents, (double)g->arms);
}

static int64_t choose(const mst_gossip *g, const double *record, int64_t round) {
  const mst_protocol_spec *s = &g->spec;
  const double agents = (double)s->agents, now = s->immediate ? 1 / agents : 0;
  const double *mixed = record + (int64_t)ALPHA * 2 * g->arms;
  const double *own = record + (int64_t)GAMMA * 2 * g->arms;
  double most = -INFINITY;
  int64_t best = 0;
  if (round < g->arms) return round;
  const double plays = rested_on(g, round) + (s->immediate ? (double)step_of(g, round) : 0);
  for (int64_t a = 0; a < g->arms; a++) {
    const double n = mixed[g->arms + a] + now * own[g->arms + a];
    const double index = n <= 0 ? INFINITY
                                : (mixed[a] + now * own[a]) / n +
                                      s->noise * sqrt(2 * s->eta * log(plays) / (agents * n));
    if (index > most) most = index, best = a;
  }
  return best;
}

/* What is new is mixed from now on. */
static void turn_over(const mst_gossip *g, double *record) {
  const size_t bytes = (size_t)(2 * g->arms) * sizeof(double);
  memcpy(buffer(g, record, BETA), buffer(g, record, GAMMA), bytes);
  memset(buffer(g, record, BEFORE), 0, bytes);
  memset(buffer(g, record, GAMMA), 0, bytes);
}

static void learn(const mst_gossip *g, double *record, int64_t round, int64_t arm, double y) {
  double *gamma = buffer(g, record, GAMMA), *alpha = buffer(g, record, ALPHA);
  gamma[arm] += y;
  gamma[g->arms + arm] += 1;
  if (round != g->arms - 1) return;
  /* Until the first consensus: as if the other agents had played nothing. */
  for (int64_t i = 0; i < 2 * g->arms; i++) alpha[i] = gamma[i] / (double)g->spec.agents;
  turn_over(g, record);
}

static bool speaks(const mst_gossip *g, int64_t round) {
  return round >= g->arms;
}

static void mix(const mst_gossip *g, double *record, int64_t round, const double *mixed) {
  double *beta = buffer(g, record, BETA), *before = buffer(g, record, BEFORE);
  double *alpha = buffer(g, record, ALPHA);
  const int64_t n = 2 * g->arms, step = step_of(g, round);
  const double omega = g->weight != NULL ? g->weight[step] : 1;
  for (int64_t i = 0; i < n; i++) {
    const double last = beta[i];
    beta[i] = omega * mixed[i] + (1 - omega) * before[i];
    before[i] = last;
  }
  if (step < g->stage - 1) return;
  for (int64_t i = 0; i < n; i++) alpha[i] = beta[i] + (stage_of(g, round) > 0 ? alpha[i] : 0);
  turn_over(g, record);
}

static const mst_gossip_ops gossip = {.width = width,
                                      .prepare = prepare,
                                      .choose = choose,
                                      .learn = learn,
                                      .speaks = speaks,
                                      .mix = mix};

static const mst_param params[] = {
    MST_PROTOCOL_REAL(eta, "2", 1, true, "of the index: eta, above 1"),
    {.name = "error",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_protocol_spec, error),
     .fallback = "0.04545454545454546", /* 1/22 */
     .max = 0.999,
     .open_min = true,
     .unit = "",
     .help = "a stage mixes until what is not the mean is this share of it over the agents"},
    {.name = "accelerated",
     .type = MST_PARAM_BOOL,
     .offset = offsetof(mst_protocol_spec, accelerated),
     .fallback = "true",
     .unit = "",
     .help = "stages mix by Chebyshev polynomials; false: plainly, in longer stages"},
    {.name = "immediate",
     .type = MST_PARAM_BOOL,
     .offset = offsetof(mst_protocol_spec, immediate),
     .fallback = "true",
     .unit = "",
     .help = "an agent's own plays of a stage count at once; false: the arm of a stage is one"},
    {.name = NULL}};

const mst_protocol_ops mst_protocol_dducb = {
    .name = "dducb",
    .summary = "on a graph: rewards of a stage are mixed in the next, accelerated (DDUCB)",
    .params = params,
    .gossip = &gossip,
};
