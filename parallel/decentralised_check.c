/* What of decentralised training goes together, and what does not, with the reason. */
#include <string.h>

#include "parallel/decentralised_internal.h"
#include "parallel/robust.h"

bool mst_decentralised_attacked(const mst_decentralised_options *o) {
  return o->attack.name != NULL && o->attack.count > 0;
}

bool mst_decentralised_tracks(const mst_decentralised_options *o) {
  return strcmp(o->method, "gradient_tracking") == 0;
}

bool mst_decentralised_by_rule(const mst_decentralised_options *o) {
  return (mst_mixing_needs(&o->mixing) & MST_MIXING_RULE) != 0;
}

static bool is_gossip(const mst_decentralised_options *o) {
  return strcmp(o->mixing.kind, "gossip") == 0;
}

/* What gradient tracking, which rests on the mean's being kept, does not go with. */
static mst_status check_tracking(const mst_decentralised_options *o) {
  if (!is_gossip(o))
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "method.name: gradient_tracking needs a mixing that keeps the mean of the "
                    "nodes: mixing.kind is %s, not gossip",
                    o->mixing.kind);
  if (mst_decentralised_attacked(o))
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "method.name: gradient_tracking has no defence against attackers: choose dsgd, "
                    "or attack.count: 0");
  if (o->momentum > 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "method.momentum is for dsgd: gradient_tracking follows the gradients' mean");
  return MST_OK;
}

static mst_status check_rule(const mst_decentralised_options *o) {
  const mst_rule_ops *ops = mst_rule_find(o->rule.name);
  MST_TRY(mst_aggregate_check(&o->rule, o->mixer, o->mixers, MST_RULE_ROWS));
  if ((ops->needs & (MST_RULE_ROOT | MST_RULE_LOSSES)) != 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "aggregate.rule: %s needs a trusted vector or losses, which the nodes of a "
                    "graph do not have",
                    ops->name);
  return MST_OK;
}

static mst_status check_attack(const mst_decentralised_options *o) {
  MST_TRY(mst_attack_check(&o->attack, o->topology.nodes));
  int needs = mst_attack_needs(&o->attack);
  if ((needs & MST_ATTACK_SEARCH) != 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "attack.search asks what a server would make of the vectors, and there is "
                    "none: set attack.search: false");
  if ((needs & MST_ATTACK_PREVIOUS) != 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "attack.name: %s sends the server's last change, and there is no server",
                    o->attack.name);
  return MST_OK;
}

mst_status mst_decentralised_check_model(const mst_model *m) {
  return mst_model_refuse_shared(
      m, "decentralised training",
      "nodes' local steps keep no running statistics, and mixing has none "
      "to combine");
}

mst_status mst_decentralised_check(const mst_decentralised_options *o) {
  if (!mst_decentralised_tracks(o) && strcmp(o->method, "dsgd") != 0)
    return mst_fail(MST_ERR_INPUT, "method.name is %s; choose dsgd or gradient_tracking",
                    o->method);
  if (o->mixings < 1 || o->rounds < 1 || !(o->momentum >= 0 && o->momentum < 1))
    return mst_fail(MST_ERR_INPUT,
                    "%lld rounds of %lld mixings with momentum %g: give at least one of each, and "
                    "a momentum in [0, 1)",
                    (long long)o->rounds, (long long)o->mixings, o->momentum);
  MST_TRY(mst_topology_check(&o->topology));
  MST_TRY(mst_mixing_check(&o->mixing));
  MST_TRY(mst_optim_check(&o->optimizer));
  MST_TRY(mst_schedule_check(&o->schedule));
  if (mst_decentralised_tracks(o)) MST_TRY(check_tracking(o));
  if (o->accelerated && !is_gossip(o))
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "mixing.accelerated is a polynomial of linear mixings: mixing.kind is %s, not "
                    "gossip",
                    o->mixing.kind);
  if (mst_decentralised_by_rule(o)) MST_TRY(check_rule(o));
  if (o->quorum && !mst_decentralised_by_rule(o))
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "mixing.wait: quorum leaves vectors out, and the weights of mixing.kind: %s "
                    "are of all neighbours; choose rule",
                    o->mixing.kind);
  return mst_decentralised_attacked(o) ? check_attack(o) : MST_OK;
}

int64_t mst_decentralised_traffic(const mst_model *model, const mst_decentralised_options *o) {
  return o->mixings * model->parameters * (int64_t)sizeof(float) *
         (mst_decentralised_tracks(o) ? 2 : 1);
}

mst_status mst_decentralised_degrees(const mst_decentralised *f) {
  const mst_decentralised_options *o = &f->options;
  for (int64_t i = 0; i < f->nodes; i++) {
    if (!mst_decentralised_trains(f, i)) continue;
    const int64_t n = mst_graph_degree(&f->graph, i) + 1 - (o->quorum ? o->rule.byzantine : 0);
    const mst_status st = mst_aggregate_check(&o->rule, o->mixer, o->mixers, n);
    if (st != MST_OK)
      return mst_fail_within(st, "node %lld, which counts %lld vectors: ", (long long)i,
                             (long long)n);
  }
  return MST_OK;
}
