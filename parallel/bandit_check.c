/* What a run of bandits is refused for before any work, and the memory that it will take. */
#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "parallel/bandit_stages.h"

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
  if (mst_protocol_find(o->protocol.kind)->phased != NULL) return check_phased(o);
  if (mst_protocol_find(o->protocol.kind)->gossip != NULL) return check_gossip(o);
  mst_policy_spec policy = o->policy;
  mst_policy_tell(&policy, &o->environment, mst_bandit_turns(o));
  MST_TRY(mst_policy_check(&policy));
  return mst_bandit_tree_check(o);
}

int64_t mst_bandit_plan(int ranks, const mst_bandit_options *o) {
  int64_t blocks = 0, width = 0, d = o->environment.dimension;
  const mst_protocol_ops *p = mst_protocol_find(o->protocol.kind);
  const int64_t replicates = o->seeds >= ranks ? mst_ceil_div(o->seeds, ranks) : o->seeds;
  const int64_t tracks =
      o->seeds >= ranks ? replicates * o->agents : mst_ceil_div(o->seeds * o->agents, ranks);
  int64_t agent = 8 * (1 + MST_BANDIT_COUNTS),
          server = 8 * o->environment.sets * o->environment.arms * (d + 1);
  if (p->phased != NULL) {
    const int64_t n = p->phased->width(&o->protocol, &o->environment);
    const int64_t course =
        8 * MST_BATCHES * n + 8 * o->environment.sets * (o->environment.arms * (d + 2) + d * d);
    agent += 8 * n + (p->phased->apart ? course : 0);
    server += p->phased->neighbours ? 40 * o->agents + 24 * o->agents * n
              : p->phased->apart    ? 0
                                    : course;
  } else if (p->gossip != NULL) {
    const int64_t n = mst_gossip_message(o->environment.arms);
    agent += 8 * (p->gossip->width(o->environment.arms) + n);
    server += 40 * o->agents; /* a sparse graph */
    if (o->seeds < ranks) server += 8 * o->agents * n;
  } else {
    mst_policy_spec policy = o->policy;
    mst_policy_tell(&policy, &o->environment, mst_bandit_turns(o));
    mst_policy_shape(&policy, o->environment.arms, d, &blocks, &width);
    const int64_t record = 8 * mst_ridge_doubles(blocks, width);
    agent += record * (1 + p->online->frozen);
    if (p->online->asks != NULL) {
      agent += (o->privacy != NULL ? 24 : 8) * mst_ridge_sums(blocks, width); /* with its noise */
      server += record;
    }
  }
  return tracks * agent + replicates * server + mst_bandit_stages_bytes(o, tracks);
}
