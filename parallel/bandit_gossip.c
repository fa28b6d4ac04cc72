/* Rounds of gossip protocols: everybody plays, and in rounds that speak goes on from the weighted
 * sum of its own and its neighbours' messages. Where agents of a replicate are on several ranks,
 * all messages are gathered first; each agent's sum is then taken in the order of the graph, so
 * that it does not matter which rank has whom. */
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/bandit/gossip.h"
#include "parallel/bandit_internal.h"

/* Bytes of the messages of each rank's agents, where these are divided. */
static mst_status plan_parts(mst_bandit *f) {
  const int64_t ranks = mst_team_size(f->team), bytes = f->message_n * (int64_t)sizeof(double);
  MST_TRY(mst_alloc(&f->parts, ranks, sizeof *f->parts, "messages of the ranks"));
  for (int64_t r = 0; r < ranks; r++)
    f->parts[r] =
        (mst_share_begin(f->tracks, r + 1, ranks) - mst_share_begin(f->tracks, r, ranks)) * bytes;
  return MST_OK;
}

mst_status mst_bandit_gossip_create(mst_bandit *f) {
  const mst_bandit_options *o = &f->options;
  const int64_t heard = f->alone != NULL ? f->count : f->tracks;
  MST_TRY(mst_alloc(&f->gossip, f->replicates, sizeof *f->gossip, "graphs"));
  for (int64_t k = 0; k < f->replicates; k++) {
    mst_topology_spec topology = o->topology;
    topology.seed = o->seed + (uint64_t)(f->first_replicate + k);
    MST_TRY(mst_gossip_create(&o->protocol, &topology, o->environment.arms, &f->gossip[k]));
  }
  f->record = f->protocol->gossip->width(o->environment.arms);
  MST_TRY(mst_alloc(&f->known, f->count * f->record, sizeof(double), "agents' estimates"));
  MST_TRY(mst_alloc(&f->heard, heard * f->message_n, sizeof(double), "agents' messages"));
  return plan_parts(f);
}

void mst_bandit_gossip_destroy(mst_bandit *f) {
  for (int64_t k = 0; f->gossip != NULL && k < f->replicates; k++) mst_gossip_destroy(f->gossip[k]);
  mst_free(f->gossip);
  mst_free(f->heard);
  mst_free(f->parts);
}

static const mst_gossip *gossip_of(const mst_bandit *f, int64_t i) {
  return f->gossip[mst_bandit_replicate(f, i) - f->first_replicate];
}

static void act(mst_bandit *f, int64_t i, int64_t round) {
  const mst_gossip *g = gossip_of(f, i);
  const mst_environment *e = f->environment[mst_bandit_replicate(f, i) - f->first_replicate];
  const int64_t agent = mst_bandit_agent(f, i);
  double *record = f->known + i * f->record;
  const mst_contexts c = mst_environment_offer(e, agent, round, f->room);
  const int64_t arm = g->ops->choose(g, record, round);
  const double y = mst_environment_reward(e, &c, arm, agent, round);
  f->regret[i] += c.best - c.mean[arm];
  g->ops->learn(g, record, round, arm, y);
}

/* What an agent tells each of its neighbours is one message; what it is told is theirs. */
static void count_messages(mst_bandit *f, int64_t i, int64_t degree) {
  int64_t *said = f->said + i * MST_BANDIT_COUNTS;
  said[MST_BANDIT_UP] += degree;
  said[MST_BANDIT_UP_REALS] += degree * f->message_n;
}

/* Messages of all agents that this rank's go on from: f->heard begins with those of the track whose
 * number is *from. Collective over f->sums. */
static mst_status exchange(mst_bandit *f, int64_t *from) {
  const size_t bytes = (size_t)f->message_n * sizeof(double);
  double *own = f->heard + (f->alone != NULL ? 0 : f->first * f->message_n);
  for (int64_t i = 0; i < f->count; i++)
    memcpy(own + i * f->message_n, f->known + i * f->record, bytes);
  *from = f->alone != NULL ? f->first : 0;
  return f->alone != NULL ? MST_OK : mst_gather_all(f->team, own, f->parts, f->heard);
}

static void mix(mst_bandit *f, int64_t i, int64_t round, int64_t from) {
  const mst_gossip *g = gossip_of(f, i);
  const int64_t agents = f->options.agents, agent = mst_bandit_agent(f, i);
  const int64_t begin = mst_bandit_replicate(f, i) * agents - from;
  mst_gossip_mixed(g, agent, f->heard + begin * f->message_n, f->message_n, f->message);
  g->ops->mix(g, f->known + i * f->record, round, f->message);
  count_messages(f, i, mst_graph_degree(&g->graph, agent));
}

mst_status mst_bandit_gossip_rounds(mst_bandit *f, int64_t from, int64_t to) {
  for (int64_t t = from; t < to; t++) {
    int64_t first = 0;
    for (int64_t i = 0; i < f->count; i++) act(f, i, t);
    if (!f->protocol->gossip->speaks(f->gossip[0], t)) continue;
    MST_TRY(exchange(f, &first));
    for (int64_t i = 0; i < f->count; i++) mix(f, i, t, first);
  }
  return MST_OK;
}

mst_status mst_bandit_gossip_state(mst_bandit *f, mst_state *s) {
  return mst_state_add_shard(s, "known", MST_F64, 2, (int64_t[]){f->tracks, f->record}, f->first,
                             f->count, f->known);
}
