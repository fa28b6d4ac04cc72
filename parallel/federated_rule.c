/* What an experiment asks of rules and attacks in the round loop: which of it is on, what does not
 * go together, the rule as a stage of the pipeline, the memory that it will take. */
#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "parallel/federated_internal.h"
#include "parallel/transpose.h"

#define BUCKETS_BYTES (4 * MST_TRANSPOSE_BUCKET) /* of a pass of an aggregation, at most */

mst_rule_spec mst_federated_rule(const mst_federated_options *o) {
  mst_rule_spec rule = o->aggregate.rule;
  if (rule.name == NULL) rule.name = "mean";
  rule.seed = o->seed;
  return rule;
}

bool mst_federated_has_rule(const mst_federated_options *o) {
  return strcmp(mst_federated_rule(o).name, "mean") != 0 || o->aggregate.mixers > 0;
}

bool mst_federated_robust_is_on(const mst_federated_options *o) {
  return mst_federated_has_rule(o) || o->attack.name != NULL || o->aggregate.momentum > 0;
}

/* What the rule and the mixers ask for. */
static int needs(const mst_federated_options *o) {
  int all = mst_rule_find(mst_federated_rule(o).name)->needs;
  for (int i = 0; i < o->aggregate.mixers; i++)
    all |= mst_mixer_find(o->aggregate.mixer[i].name)->needs;
  return all;
}

bool mst_federated_needs_previous(const mst_federated_options *o) {
  return (needs(o) & MST_RULE_PREVIOUS) != 0 ||
         (o->attack.name != NULL && (mst_attack_needs(&o->attack) & MST_ATTACK_PREVIOUS) != 0);
}

mst_stage mst_federated_rule_stage(const mst_federated_options *o) {
  const mst_rule_spec rule = mst_federated_rule(o);
  const mst_rule_ops *ops = mst_rule_find(rule.name);
  const bool looks = o->aggregate.mixers > 0 || (ops != NULL && ops->weigh != NULL);
  return (mst_stage){.name = rule.name,
                     .slot = MST_SLOT_AGGREGATE,
                     .traits = MST_TRAIT_SINGLE | (looks ? MST_TRAIT_DISTANCES : 0)};
}

mst_status mst_federated_rule_put(const mst_federated_options *o, const mst_stage *stage,
                                  mst_pipeline *pipeline) {
  if (!mst_federated_has_rule(o)) return MST_OK;
  if (pipeline->slot[MST_SLOT_AGGREGATE] == &mst_stage_sum)
    pipeline->slot[MST_SLOT_AGGREGATE] = NULL;
  return mst_pipeline_put(pipeline, stage);
}

/* Clients' weights are a rule's own affair. */
static mst_status check_weights(const mst_federated_options *o, const mst_rule_ops *rule) {
  if (!o->method.weighted) return MST_OK;
  if ((rule->needs & MST_RULE_WEIGHTS) == 0)
    return mst_fail(MST_ERR_INPUT,
                    "%s takes no weights of clients, but method.weighted is true: set "
                    "method.weighted: false, so that every client counts alike",
                    rule->name);
  if (o->aggregate.mixers > 0)
    return mst_fail(MST_ERR_INPUT,
                    "behind %s the vectors are no longer the clients', so their weights mean "
                    "nothing: set method.weighted: false",
                    o->aggregate.mixer[0].name);
  return MST_OK;
}

/* What the server must have of its own. */
static mst_status check_trusted(const mst_federated_options *o, const mst_rule_ops *rule) {
  const mst_method_ops *method = mst_method_find(o->method.name);
  const bool asked = (rule->needs & (MST_RULE_ROOT | MST_RULE_LOSSES)) != 0;
  if (asked && o->aggregate.trusted_rows < 1)
    return mst_fail(MST_ERR_INPUT,
                    "%s needs rows that the server trusts: set aggregate.trusted_rows, such as 100",
                    rule->name);
  if (!asked && o->aggregate.trusted_rows > 0)
    return mst_fail(MST_ERR_INPUT,
                    "aggregate.trusted_rows is %lld, but %s looks at no trusted rows: leave it out",
                    (long long)o->aggregate.trusted_rows, rule->name);
  if (!asked) return MST_OK;
  if (o->keep > 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "%s compares with the server's own model, but with personal.keep there is "
                    "none: leave out one of them",
                    rule->name);
  if (method->own > 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "%s trains at the server, but %s keeps vectors for each client, which the "
                    "server has none of: choose a method without, such as fedavg",
                    rule->name, method->name);
  if ((rule->needs & MST_RULE_LOSSES) != 0 && o->aggregate.mixers > 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "%s scores the clients' own vectors, but behind %s they are no longer the "
                    "clients': leave out aggregate.pre",
                    rule->name, o->aggregate.mixer[0].name);
  return MST_OK;
}

static mst_status check_attack(const mst_federated_options *o) {
  if (o->attack.name == NULL) return MST_OK;
  MST_TRY(mst_attack_check(&o->attack, INT64_MAX));
  if ((mst_attack_needs(&o->attack) & MST_ATTACK_TARGET) != 0)
    return mst_fail(
        MST_ERR_UNSUPPORTED,
        "attack.name: %s tells each neighbour something else, but here all clients send "
        "to one server: choose another (see muster list attacks)",
        o->attack.name);
  return MST_OK;
}

mst_status mst_federated_robust_check(const mst_federated_options *o) {
  const mst_federated_aggregate *a = &o->aggregate;
  if (!(a->momentum >= 0 && a->momentum < 1))
    return mst_fail(MST_ERR_INPUT, "aggregate.momentum is %g; allowed are 0 and more, below 1",
                    a->momentum);
  if (a->mixers < 0 || a->mixers > MST_FEDERATED_MIXERS)
    return mst_fail(MST_ERR_INPUT, "aggregate.pre has %d mixers; at most %d are allowed", a->mixers,
                    MST_FEDERATED_MIXERS);
  const mst_rule_spec rule = mst_federated_rule(o);
  const bool fixed = o->cohort > 0 && !o->bernoulli;
  if (mst_federated_robust_is_on(o)) {
    mst_status st =
        mst_aggregate_check(&rule, a->mixer, a->mixers, fixed ? o->cohort : MST_RULE_ROWS);
    if (st != MST_OK && fixed)
      return mst_fail_within(st, "a round of %lld clients: ", (long long)o->cohort);
    MST_TRY(st);
    if (mst_federated_has_rule(o)) MST_TRY(check_weights(o, mst_rule_find(rule.name)));
  }
  MST_TRY(check_trusted(o, mst_rule_find(rule.name)));
  return check_attack(o);
}

int64_t mst_federated_message(const mst_model *model, const mst_federated_options *o) {
  const mst_method_ops *method = mst_method_find(o->method.name);
  return method->uplink * model->parameters + method->scalars;
}

/* Most clients of a round on a node, as far as numbers say; of coins, with four standard
 * deviations.
 */
static int64_t expected_slots(const mst_federated_options *o, int64_t clients) {
  if (!o->bernoulli) return mst_least(o->cohort, clients);
  const double mean = o->participation * (double)clients;
  return mst_least(clients, (int64_t)ceil(mean + 4 * sqrt(mean)));
}

void mst_federated_robust_plan(int ranks, int domains, const mst_model *model, int64_t clients,
                               const mst_federated_options *o, int64_t *rank_bytes,
                               int64_t *node_bytes, int64_t *client_bytes) {
  *rank_bytes = *node_bytes = *client_bytes = 0;
  if (!mst_federated_robust_is_on(o)) return;
  const int64_t d = mst_federated_message(model, o), size = sizeof(float);
  const int64_t n = expected_slots(o, clients) + 3; /* points of the rule */
  *node_bytes = size * d * expected_slots(o, mst_ceil_div(clients, domains));
  *rank_bytes = size * d + 32 * n * (n - 1) / 2 + 16 * n * n + (ranks > 1 ? BUCKETS_BYTES : 0);
  if (o->attack.name != NULL) *rank_bytes += mst_attackers_bytes(&o->attack, d);
  if ((needs(o) & MST_RULE_ROOT) != 0) *rank_bytes += size * d;
  if (o->aggregate.trusted_rows > 0)
    *rank_bytes += mst_trusted_bytes(model, o->aggregate.trusted_rows);
  if (o->aggregate.momentum > 0) *client_bytes = size * (d + 1);
}
