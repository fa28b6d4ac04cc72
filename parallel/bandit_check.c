/* What a run of bandits is refused for before any work, and the memory that it will take. */
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/privacy/correlated.h"
#include "parallel/bandit_stages.h"

#define MOST_BYTES 0x1p62 /* of all ranks; below it no count of a rank overflows */

static mst_status check_phased(const mst_bandit_options *o) {
  if (o->environment.length > 1)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "environment.length: confidence sets and numbers of few bits of protocol.kind: "
                    "%s take the hidden vector as no longer than 1",
                    o->protocol.kind);
  if (o->one_active)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "protocol.kind: %s has all agents play in every round; choose agents.active: "
                    "all",
                    o->protocol.kind);
  const mst_phased_ops *ops = mst_protocol_find(o->protocol.kind)->phased;
  if (ops->neighbours && o->protocol.bits < 64)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "protocol.bits: what neighbours average is told again in every round, and "
                    "would be rounded in each; leave it out");
  return ops->check != NULL ? ops->check(&o->protocol, &o->environment) : MST_OK;
}

/* The graph is asked for where there is no server, and nowhere else. */
static mst_status check_topology(const mst_bandit_options *o) {
  const mst_protocol_ops *p = mst_protocol_find(o->protocol.kind);
  const bool needed = p->gossip != NULL || mst_bandit_has_neighbours(p);
  mst_topology_spec topology = o->topology;
  topology.nodes = o->agents;
  if (!needed && topology.kind != NULL)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "topology.kind: agents with protocol.kind: %s tell a server; leave the section "
                    "topology out",
                    p->name);
  if (needed && topology.kind == NULL)
    return mst_fail(MST_ERR_INPUT,
                    "protocol.kind: %s needs to know who is whose neighbour; choose topology.kind",
                    p->name);
  return needed && o->agents > 1 ? mst_topology_check(&topology) : MST_OK;
}

static mst_status check_gossip(const mst_bandit_options *o) {
  if (o->one_active)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "protocol.kind: %s mixes in rounds in which all agents play; choose "
                    "agents.active: all",
                    o->protocol.kind);
  if (o->environment.sets != 1)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "protocol.kind: %s learns an arm's mean by its number, so arms must stay the "
                    "same; choose environment.sets: 1",
                    o->protocol.kind);
  return MST_OK;
}

int64_t mst_bandit_turns(const mst_bandit_options *o) {
  return o->one_active ? mst_ceil_div(o->horizon, o->agents) : o->horizon;
}

/* Arms of a row have the same numbers: they differ by what is learned of each. */
static mst_status check_rows(const mst_bandit_options *o) {
  if (o->environment.rows == NULL) return MST_OK;
  if (mst_protocol_find(o->protocol.kind)->online == NULL)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "protocol.kind: %s has one hidden vector for all arms, and the law of their "
                    "vectors; rows have neither",
                    o->protocol.kind);
  const mst_policy_ops *policy = mst_policy_find(o->policy.kind);
  if (o->policy.disjoint || (policy != NULL && policy->contextless)) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "environment.kind: rows offers the same numbers to all arms; choose "
                  "policy.disjoint: true");
}

/* What a rank holds, in doubles, in which nothing is too large. */
typedef struct plan {
  double replicates, tracks; /* of a rank                             */
  double message;            /* numbers of the longest one            */
  double agent;              /* bytes of a track                      */
  double replicate, rank;    /* bytes beside those of tracks          */
} plan;

static double graph_bytes(const mst_bandit_options *o) {
  const double agents = (double)o->agents;
  const bool complete = o->topology.kind != NULL && strcmp(o->topology.kind, "complete") == 0;
  return 16 * agents + 32 * agents * (complete ? agents / 2 : 1);
}

static void plan_environment(const mst_bandit_options *o, plan *p) {
  const mst_environment_spec *e = &o->environment;
  const double d = (double)e->dimension, sets = (double)e->sets;
  const double an_arm = d + (e->noise_spread > 1 ? 2 : 1);
  if (e->rows == NULL) p->replicate += 24 * d + 8 * sets * (1 + (double)e->arms * an_arm);
  p->rank += 8 * (double)mst_environment_room(e);
}

static void plan_phased(const mst_bandit_options *o, plan *p) {
  const mst_phased_ops *ops = mst_protocol_find(o->protocol.kind)->phased;
  p->message = (double)ops->width(&o->protocol, &o->environment);
  const double course = 8 * MST_BATCHES * p->message + 8 * (double)o->environment.dimension +
                        ops->bytes(&o->protocol, &o->environment);
  p->agent += 8 * p->message;
  *(ops->apart ? &p->agent : &p->replicate) += course;
  if (!ops->neighbours) return;
  p->replicate += graph_bytes(o);
  p->rank += 24 * (double)o->agents * p->message;
}

static void plan_gossip(const mst_bandit_options *o, bool divided, plan *p) {
  const mst_gossip_ops *ops = mst_protocol_find(o->protocol.kind)->gossip;
  p->message = (double)mst_gossip_message(o->environment.arms);
  p->agent += 8 * ((double)ops->width(o->environment.arms) + (divided ? 0 : p->message));
  p->rank += divided ? 8 * (double)o->seeds * (double)o->agents * p->message : 0;
  p->replicate += graph_bytes(o);
}

static void plan_online(const mst_bandit_options *o, plan *p) {
  const mst_online_ops *ops = mst_protocol_find(o->protocol.kind)->online;
  int64_t blocks = 0, width = 0;
  mst_policy_shape(&o->policy, o->environment.arms, o->environment.dimension, &blocks, &width);
  const double record = 8 * (double)blocks * (double)mst_ridge_doubles(1, width);
  p->message = (double)blocks * (double)mst_ridge_sums(1, width);
  p->agent += record * (1 + ops->frozen) + 8 * MST_BANDIT_MARKS + 1;
  if (ops->asks == NULL) return;
  p->agent += 8 * p->message;
  p->replicate += record;
  if (o->privacy == NULL) return;
  const mst_correlation *tree = o->privacy->tree; /* made when all else was checked */
  const double drawn = tree != NULL ? (double)mst_correlated_bytes(tree, 1) : 8;
  p->agent += p->message * (8 + drawn);
}

static double bytes_of(int ranks, const mst_bandit_options *options) {
  mst_bandit_options o = *options;
  const mst_protocol_ops *ops = mst_protocol_find(o.protocol.kind);
  const bool divided = o.seeds < ranks;
  const double d = (double)o.environment.dimension, seeds = (double)o.seeds;
  plan p = {.replicates = divided ? seeds : (double)mst_ceil_div(o.seeds, ranks),
            .tracks = (double)(divided ? mst_ceil_div(o.seeds * o.agents, ranks)
                                       : mst_ceil_div(o.seeds, ranks) * o.agents),
            .agent = 8 * (1 + MST_BANDIT_COUNTS),
            .rank = 8 * (3 * MST_TALLY_SCALES + 1) * seeds};
  mst_bandit_tell(&o);
  plan_environment(&o, &p);
  if (ops->phased != NULL)
    plan_phased(&o, &p);
  else if (ops->gossip != NULL)
    plan_gossip(&o, divided, &p);
  else
    plan_online(&o, &p);
  p.rank += 32 * p.message; /* a total, a message, a tally */
  p.rank += 8 * ((double)mst_policy_work(&o.policy, o.environment.arms, o.environment.dimension) +
                 d * d + d);
  return p.tracks * p.agent + p.replicates * p.replicate + p.rank +
         mst_bandit_stages_bytes(&o, p.tracks);
}

int64_t mst_bandit_plan(int ranks, const mst_bandit_options *o) {
  const double bytes = bytes_of(ranks, o);
  return bytes < MOST_BYTES ? (int64_t)bytes : INT64_MAX;
}

static mst_status check_kind(const mst_bandit_options *o) {
  const mst_protocol_ops *ops = mst_protocol_find(o->protocol.kind);
  if (ops->phased != NULL) return check_phased(o);
  if (ops->gossip != NULL) return check_gossip(o);
  mst_policy_spec policy = o->policy;
  mst_policy_tell(&policy, &o->environment, mst_bandit_turns(o));
  MST_TRY(mst_policy_check(&policy));
  return mst_bandit_tree_check(o);
}

mst_status mst_bandit_check(const mst_bandit_options *o) {
  MST_TRY(mst_environment_check(&o->environment));
  MST_TRY(mst_protocol_check(&o->protocol));
  if (o->agents < 1 || o->seeds < 1 || o->horizon < 1)
    return mst_fail(MST_ERR_INPUT, "%lld agents, %lld seeds, %lld rounds; at least 1 of each",
                    (long long)o->agents, (long long)o->seeds, (long long)o->horizon);
  if (o->agents > MST_SUM_TERMS)
    return mst_fail(MST_ERR_INPUT, "%lld agents; sums over agents hold %lld", (long long)o->agents,
                    (long long)MST_SUM_TERMS);
  MST_TRY(check_rows(o));
  MST_TRY(check_topology(o));
  MST_TRY(mst_bandit_stages_check(o));
  MST_TRY(check_kind(o));
  if (bytes_of(1, o) < MOST_BYTES) return MST_OK;
  return mst_fail(MST_ERR_MEMORY,
                  "%lld instances of %lld agents with %lld arms of %lld numbers are more than any "
                  "machine holds; choose less",
                  (long long)o->seeds, (long long)o->agents, (long long)o->environment.arms,
                  (long long)o->environment.dimension);
}
