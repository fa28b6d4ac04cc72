/* A federation whose rounds have a robust rule, mixers, momentum and attackers: what tests ask for, and
 * variants of it. */
#ifndef MST_TESTS_PARALLEL_FEDERATION_RULES_H
#define MST_TESTS_PARALLEL_FEDERATION_RULES_H

#include "tests/parallel/federation.h"

typedef struct variant {
  const char *name, *method, *rule, *pre[2], *attack, *sends, *compress;
  int64_t byzantine, attackers, warmup;
  double momentum;
  bool averaged, weighted, bernoulli, search;
} variant;

static inline void ask_for_rule(mst_federated_options *o, const char *rule, int64_t byzantine) {
  o->aggregate.rule = (mst_rule_spec){.name = rule, .byzantine = byzantine};
  o->method.weighted = false;
  const mst_rule_ops *ops = mst_rule_find(rule);
  if (ops == NULL) return;
  mst_param_defaults(ops->params, &o->aggregate.rule);
  if (strcmp(rule, "centered_clipping") == 0) o->aggregate.rule.tau = 0.2;
  if ((ops->needs & (MST_RULE_ROOT | MST_RULE_LOSSES)) != 0) o->aggregate.trusted_rows = 40;
}

static inline void ask_for_mixer(mst_federated_options *o, const char *name) {
  mst_mixer_spec *m = &o->aggregate.mixer[o->aggregate.mixers++];
  *m = (mst_mixer_spec){.name = name, .byzantine = o->aggregate.rule.byzantine};
  if (mst_mixer_find(name) != NULL) mst_param_defaults(mst_mixer_find(name)->params, m);
  m->bound = 0.5;
}

static inline void ask_for_attack(mst_federated_options *o, const char *name, int64_t count) {
  o->attack = (mst_attack_spec){.name = name, .count = count};
  if (mst_attack_find(name) != NULL) mst_param_defaults(mst_attack_find(name)->params, &o->attack);
}

static inline void begin_variant(fixture *f, MPI_Comm comm, bool shared, int per_node, const variant *v) {
  begin(f, comm, shared, per_node, v->method != NULL ? v->method : "fedavg");
  mst_federated_options *o = &f->options;
  ask_for_rule(o, v->rule, v->byzantine);
  for (int i = 0; i < 2 && v->pre[i] != NULL; i++) ask_for_mixer(o, v->pre[i]);
  if (v->attack != NULL) ask_for_attack(o, v->attack, v->attackers);
  if (v->sends != NULL) o->attack.sends = v->sends;
  o->attack.warmup = v->warmup;
  o->attack.search = v->search;
  o->attack.evaluations = 4;
  o->aggregate.momentum = v->momentum;
  o->aggregate.averaged = v->averaged;
  o->method.weighted = v->weighted;
  o->cohort = 11;
  o->evaluate_clients = o->evaluate_gradient = false;
  if (v->bernoulli) {
    o->bernoulli = true;
    o->cohort = 0;
    o->participation = 0.5;
  }
  if (v->compress == NULL) return;
  mst_param_defaults(mst_compress_find(v->compress)->params, &o->compress);
  o->compress.kind = v->compress;
}

#endif
