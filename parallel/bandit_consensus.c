/* Batches without a server: in the last rounds of a batch neighbours on a graph average what the
 * agents gathered, by accelerated consensus (core/topology/topology.h), and N times its average
 * stands for an agent as the sum. Every rank holds the vectors of all agents of a replicate and
 * takes the steps in one order, so the bits are the same however the agents are divided. */
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "parallel/bandit_internal.h"

/* Of a replicate. */
typedef struct agreement {
  mst_graph graph;
  int64_t rounds;
  double *omega; /* (rounds) weights of the steps */
} agreement;

struct mst_bandit_consensus {
  agreement *of;                /* (replicates)                                             */
  double *before, *now, *mixed; /* (agents, n) of the last step but one, the last, the next */
};

/* The least number of rounds after which what is not the mean is e / N of what it was. */
static mst_status prepare(agreement *a, const mst_topology_spec *topology,
                          const mst_protocol_spec *p) {
  mst_graph_spectrum spectrum;
  const double agents = (double)p->agents;
  const double share = p->share > 0 ? p->share : 1 / (agents * (double)p->horizon);
  MST_TRY(mst_graph_make(topology, &a->graph));
  if (p->agents < 2) return MST_OK;
  MST_TRY(mst_graph_spectrum_find(&a->graph, &spectrum));
  MST_TRY(mst_chebyshev_rounds(spectrum.rho, share / agents, &a->rounds));
  MST_TRY(mst_alloc(&a->omega, a->rounds, sizeof *a->omega, "weights of consensus"));
  mst_chebyshev_weights(spectrum.rho, a->rounds, a->omega);
  return MST_OK;
}

mst_status mst_bandit_consensus_create(mst_bandit *f) {
  const mst_bandit_options *o = &f->options;
  const int64_t n = o->agents * f->message_n;
  mst_topology_spec topology = o->topology;
  topology.nodes = o->agents;
  MST_TRY(mst_alloc(&f->consensus, 1, sizeof *f->consensus, "consensus"));
  mst_bandit_consensus *c = f->consensus;
  MST_TRY(mst_alloc(&c->of, f->replicates, sizeof *c->of, "consensus"));
  for (int64_t k = 0; k < f->replicates; k++) {
    topology.seed = o->seed + (uint64_t)(f->first_replicate + k);
    MST_TRY(prepare(&c->of[k], &topology, &o->protocol));
  }
  MST_TRY(mst_alloc(&c->before, n, sizeof *c->before, "vectors of all agents"));
  MST_TRY(mst_alloc(&c->now, n, sizeof *c->now, "vectors of all agents"));
  return mst_alloc(&c->mixed, n, sizeof *c->mixed, "vectors of all agents");
}

void mst_bandit_consensus_destroy(mst_bandit *f) {
  mst_bandit_consensus *c = f->consensus;
  if (c == NULL) return;
  for (int64_t k = 0; c->of != NULL && k < f->replicates; k++) {
    mst_graph_free(&c->of[k].graph);
    mst_free(c->of[k].omega);
  }
  mst_free(c->of);
  mst_free(c->before);
  mst_free(c->now);
  mst_free(c->mixed);
  mst_free(c);
}

int64_t mst_bandit_consensus_rounds(const mst_bandit *f, int64_t k) {
  return f->consensus != NULL ? f->consensus->of[k].rounds : 0;
}

int64_t mst_bandit_consensus_degree(const mst_bandit *f, int64_t k, int64_t agent) {
  return mst_graph_degree(&f->consensus->of[k].graph, agent);
}

/* Every number has bits on one rank and zeros on the others, so that a sum of whole numbers is what
 * that rank has. */
static mst_status gather(mst_bandit *f, int64_t k) {
  mst_bandit_consensus *c = f->consensus;
  const int64_t n = f->message_n, all = f->options.agents * n;
  int64_t begin = 0, end = 0;
  bool finite = true;
  memset(c->now, 0, (size_t)all * sizeof *c->now);
  mst_bandit_tracks(f, f->first_replicate + k, &begin, &end);
  for (int64_t i = begin; i < end; i++) {
    double *sum = f->gathered + i * n;
    for (int64_t j = 0; j < n; j++) finite = finite && isfinite(sum[j]);
    memcpy(c->now + mst_bandit_agent(f, i) * n, sum, (size_t)n * sizeof *sum);
    memset(sum, 0, (size_t)n * sizeof *sum);
  }
  MST_TRY(mst_team_agree(
      f->sums,
      finite ? MST_OK : mst_fail(MST_ERR_NONFINITE, "what an agent gathered is not finite")));
  return mst_sum_i64(f->sums, (int64_t *)(void *)c->now, all);
}

/* mixed = W now, an agent's neighbours in ascending order. */
static void mix(const mst_bandit_consensus *c, const mst_graph *g, int64_t n) {
  for (int64_t i = 0; i < g->nodes; i++) {
    const int64_t *neighbour = mst_graph_neighbours(g, i);
    const double *weight = mst_graph_weights(g, i);
    double *to = c->mixed + i * n;
    for (int64_t j = 0; j < n; j++) to[j] = mst_graph_self(g, i) * c->now[i * n + j];
    for (int64_t e = 0; e < mst_graph_degree(g, i); e++)
      for (int64_t j = 0; j < n; j++) to[j] += weight[e] * c->now[neighbour[e] * n + j];
  }
}

mst_status mst_bandit_consensus_reach(mst_bandit *f, int64_t k, const double **sums) {
  mst_bandit_consensus *c = f->consensus;
  const int64_t n = f->message_n, all = f->options.agents * n;
  const agreement *a = &c->of[k];
  MST_TRY(gather(f, k));
  for (int64_t s = 0; s < a->rounds; s++) {
    double *last = c->before;
    mix(c, &a->graph, n);
    for (int64_t j = 0; s > 0 && j < all; j++)
      c->mixed[j] = a->omega[s] * c->mixed[j] + (1 - a->omega[s]) * last[j];
    c->before = c->now;
    c->now = c->mixed;
    c->mixed = last;
  }
  for (int64_t j = 0; j < all; j++) c->now[j] *= (double)f->options.agents;
  *sums = c->now;
  return MST_OK;
}
