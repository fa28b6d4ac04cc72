/* Which families experiments can choose from, and how each is read into the terms of core. A new
 * family is one entry here; a new member is none. */
#include "jobs/family.h"
#include "jobs/options.h"

MST_FAMILY_MEMBERS(features)
MST_FAMILY_MEMBERS(partition)
MST_FAMILY_MEMBERS(model)
MST_FAMILY_MEMBERS(optim)
MST_FAMILY_MEMBERS(schedule)
MST_FAMILY_MEMBERS(method)
MST_FAMILY_MEMBERS(compress)
MST_FAMILY_MEMBERS(rule)
MST_FAMILY_MEMBERS(mixer)
MST_FAMILY_MEMBERS(topology)
MST_FAMILY_MEMBERS(mixing)
MST_FAMILY_MEMBERS(environment)
MST_FAMILY_MEMBERS(protocol)
MST_FAMILY_MEMBERS(estimator)
MST_FAMILY_MEMBERS(sampler)
MST_FAMILY_MEMBERS(correlation)
MST_FAMILY_MEMBERS(accountant)
MST_FAMILY_MEMBERS(ldp)
MST_FAMILY_MEMBERS(instance)
MST_FAMILY_MEMBERS(identifier)
MST_FAMILY_MEMBERS(tuner)
MST_FAMILY_MEMBERS(evaluator)
MST_FAMILY_MEMBERS(sketch)

MST_FAMILY_MEMBERS_AFTER(coding, "none", "every row is taken once")
MST_FAMILY_MEMBERS_AFTER(policy, "own", "the protocol's own, or linucb where it has none")
MST_FAMILY_MEMBERS_AFTER(attack, "none", "no client attacks")

const mst_family mst_family_features = {
    .name = "features",
    .summary = "maps from rows to features",
    .section = "features",
    .key = "kind",
    .help = "the fixed map from rows to features: see muster list features",
    .fallback = "identity",
    .more = "join",
    .more_help = "maps whose features stand beside those of features.kind; each has its own keys",
    .chosen = offsetof(mst_features_spec, kind),
    .at = features_at,
};

const mst_family mst_family_partitions = {
    .name = "partitions",
    .summary = "ways to deal rows to clients",
    .section = "clients",
    .key = "partition",
    .help = "how rows go to clients: see muster list partitions",
    .fallback = "iid",
    .chosen = offsetof(mst_partition_spec, name),
    .at = partition_at,
};

const mst_family mst_family_models = {
    .name = "models",
    .summary = "models that are trained by gradients",
    .section = "model",
    .key = "kind",
    .help = "the model: see muster list models",
    .chosen = offsetof(mst_model_spec, kind),
    .at = model_at,
};

const mst_family mst_family_optimizers = {
    .name = "optimizers",
    .summary = "rules by which a step moves the parameters",
    .section = "optimizer",
    .key = "kind",
    .help = "the rule of a step: see muster list optimizers",
    .fallback = "sgd",
    .shared = mst_optim_params,
    .chosen = offsetof(mst_optim_spec, kind),
    .at = optim_at,
};

const mst_family mst_family_schedules = {
    .name = "schedules",
    .summary = "how the step size changes",
    .section = "optimizer",
    .key = "schedule",
    .help = "the step size over the rounds, or steps: see muster list schedules",
    .fallback = "constant",
    .shared = mst_schedule_params,
    .chosen = offsetof(mst_schedule_spec, name),
    .at = schedule_at,
};

const mst_family mst_family_methods = {
    .name = "methods",
    .summary = "methods of federated training",
    .section = "method",
    .key = "name",
    .help = "the method: see muster list methods",
    .fallback = "fedavg",
    .shared = mst_method_params,
    .chosen = offsetof(mst_method_spec, name),
    .at = method_at,
};

const mst_family mst_family_compressors = {
    .name = "compressors",
    .summary = "what clients send in place of vectors",
    .section = "compress",
    .key = "kind",
    .help = "the encoding of contributions: see muster list compressors",
    .fallback = "none",
    .chosen = offsetof(mst_compress_spec, kind),
    .at = compress_at,
};

const mst_family mst_family_codings = {
    .name = "codings",
    .summary = "gradient codes: the exact sum in spite of hostile workers",
    .section = "coding",
    .key = "kind",
    .help = "who takes which rows of a step again: see muster list codings",
    .fallback = "none",
    .chosen = offsetof(mst_coding_spec, kind),
    .at = coding_at,
};

const mst_family mst_family_rules = {
    .name = "rules",
    .summary = "robust rules: one vector from many",
    .section = "aggregate",
    .key = "rule",
    .help = "what is made of the clients' messages: see muster list rules",
    .fallback = "mean",
    .chosen = offsetof(mst_rule_spec, name),
    .at = rule_at,
};

const mst_family mst_family_mixers = {
    .name = "mixers",
    .summary = "what makes other vectors before a rule",
    .section = "aggregate",
    .key = "pre",
    .help = "before the rule, one after the other: see muster list mixers",
    .list = true,
    .chosen = offsetof(mst_mixer_spec, name),
    .at = mixer_at,
};

const mst_family mst_family_attacks = {
    .name = "attacks",
    .summary = "what clients that are against the rest send",
    .section = "attack",
    .key = "name",
    .help = "what clients that are against the rest send: see muster list attacks",
    .fallback = "none",
    .chosen = offsetof(mst_attack_spec, name),
    .at = attack_at,
};

const mst_family mst_family_topologies = {
    .name = "topologies",
    .summary = "graphs of nodes that train without a server",
    .section = "topology",
    .key = "kind",
    .help = "who is whose neighbour: see muster list topologies",
    .fallback = "ring",
    .chosen = offsetof(mst_topology_spec, kind),
    .at = topology_at,
};

const mst_family mst_family_mixings = {
    .name = "mixings",
    .summary = "what a node makes of its own and its neighbours' vectors",
    .section = "mixing",
    .key = "kind",
    .help = "what a node makes of its own and its neighbours' vectors: see muster list mixings",
    .fallback = "gossip",
    .chosen = offsetof(mst_mixing_spec, kind),
    .at = mixing_at,
};

const mst_family mst_family_private_methods = {
    .name = "private_methods",
    .summary = "what the steps of private training release of the rows",
    .section = "method",
    .key = "name",
    .help = "what a step releases, and goes along: see muster list private_methods",
    .fallback = "dp_sgd",
    .chosen = offsetof(mst_estimator_spec, name),
    .at = estimator_at,
};

const mst_family mst_family_samplers = {
    .name = "samplers",
    .summary = "who takes part in a private step",
    .section = "privacy",
    .key = "sampler",
    .help = "which rows take part in a step: see muster list samplers",
    .fallback = "poisson",
    .chosen = offsetof(mst_sampler_spec, kind),
    .at = sampler_at,
};

const mst_family mst_family_correlations = {
    .name = "correlations",
    .summary = "how the noise of private steps hangs together",
    .section = "privacy",
    .key = "correlation",
    .help = "how the noise of the steps hangs together: see muster list correlations",
    .fallback = "independent",
    .chosen = offsetof(mst_correlation_spec, kind),
    .at = correlation_at,
};

const mst_family mst_family_accountants = {
    .name = "accountants",
    .summary = "what private steps spend; of muster account too",
    .section = "privacy",
    .key = "accountant",
    .help = "how what is spent is counted: pld is tight; see doc/methods/accounting.md",
    .fallback = "pld",
    .chosen = offsetof(mst_account_spec, name),
    .at = accountant_at,
};

const mst_family mst_family_environments = {
    .name = "environments",
    .summary = "instances of bandits: which arms an agent is offered",
    .section = "environment",
    .key = "kind",
    .help = "how arms are drawn: see muster list environments",
    .fallback = "sphere",
    .shared = mst_environment_params,
    .chosen = offsetof(mst_environment_spec, kind),
    .at = environment_at,
};

const mst_family mst_family_policies = {
    .name = "policies",
    .summary = "which arm a bandit's agent plays",
    .section = "policy",
    .key = "kind",
    .help = "which arm an agent plays: see muster list policies",
    .fallback = "own",
    .chosen = offsetof(mst_policy_spec, kind),
    .at = policy_at,
};

const mst_family mst_family_protocols = {
    .name = "protocols",
    .summary = "what agents of a bandit tell each other, and when",
    .section = "protocol",
    .key = "kind",
    .help = "what agents tell each other, and when: see muster list protocols",
    .fallback = "none",
    .chosen = offsetof(mst_protocol_spec, kind),
    .at = protocol_at,
};

const mst_family mst_family_local_methods = {
    .name = "local_methods",
    .summary = "locally private regression: what a user sends",
    .section = "local",
    .key = "method",
    .help = "what a user sends: see muster list local_methods",
    .shared = mst_ldp_params,
    .chosen = offsetof(mst_ldp_spec, method),
    .at = ldp_at,
};

const mst_family mst_family_evaluators = {
    .name = "evaluators",
    .summary = "estimates of what a policy is worth, from a log of another's decisions",
    .section = "evaluate",
    .key = "by",
    .help = "estimates to make; all that can keep to evaluate.interval where none is named: see "
            "muster list evaluators",
    .list = true,
    .at = evaluator_at,
};

const mst_family mst_family_sketches = {
    .name = "sketches",
    .summary = "what is sent of a matrix, so that products with it can be estimated",
    .section = "sketch",
    .key = "kind",
    .help = "what is sent of the rows: see muster list sketches",
    .fallback = "threshold",
    .shared = mst_sketch_params,
    .chosen = offsetof(mst_sketch_spec, kind),
    .at = sketch_at,
};

const mst_family mst_family_tuners = {
    .name = "tuners",
    .summary = "who chooses a solver's setting for the next system",
    .section = "tuner",
    .key = "kind",
    .help = "who chooses omega for the next system: see muster list tuners",
    .fallback = "tsallis_inf",
    .shared = mst_tuner_params,
    .chosen = offsetof(mst_tuner_spec, kind),
    .at = tuner_at,
};

const mst_family mst_family_instances = {
    .name = "instances",
    .summary = "instances of pure exploration: arms, and tasks with a best one",
    .section = "instance",
    .key = "kind",
    .help = "arms and tasks: see muster list instances",
    .fallback = "sphere",
    .shared = mst_instance_params,
    .chosen = offsetof(mst_instance_spec, kind),
    .at = instance_at,
};

const mst_family mst_family_identifiers = {
    .name = "identifiers",
    .summary = "pure exploration: how the best arm is found with few pulls",
    .section = "identify",
    .key = "method",
    .help = "how the best arm is found: see muster list identifiers",
    .fallback = "glucb",
    .shared = mst_identifier_params,
    .chosen = offsetof(mst_identifier_spec, method),
    .at = identifier_at,
};

static const mst_family *const families[] = {
    &mst_family_features,  &mst_family_partitions, &mst_family_models,      &mst_family_optimizers,
    &mst_family_schedules, &mst_family_methods,    &mst_family_compressors, &mst_family_rules,
    &mst_family_mixers,    &mst_family_attacks,    &mst_family_codings,     &mst_family_topologies,
    &mst_family_mixings,   &mst_family_private_methods, &mst_family_samplers, &mst_family_correlations,   &mst_family_accountants,
    &mst_family_environments, &mst_family_policies, &mst_family_protocols,
    &mst_family_tuners, &mst_family_local_methods, &mst_family_instances, &mst_family_identifiers, &mst_family_evaluators, &mst_family_sketches};

_Static_assert(MST_FEATURES_JOIN >= MST_FAMILY_LIST, "room for all maps that can be joined");

const mst_family *mst_family_at(int i) {
  return i >= 0 && i < (int)(sizeof families / sizeof families[0]) ? families[i] : NULL;
}

mst_status mst_job_features(const mst_experiment *e, mst_features_spec *out) {
  *out = (mst_features_spec){.seed = mst_job_seed(e)};
  MST_TRY(mst_family_read(&mst_family_features, e, out));
  const char *first = out->kind;
  out->joined = mst_experiment_count(e, "features.join");
  for (int i = 0; i < out->joined; i++) {
    MST_TRY(mst_family_read_more(&mst_family_features, e, i, out));
    out->join[i] = out->kind;
  }
  out->kind = first;
  return MST_OK;
}

mst_status mst_job_partition(const mst_experiment *e, mst_partition_spec *out) {
  *out = (mst_partition_spec){.seed = mst_job_seed(e)};
  return mst_family_read(&mst_family_partitions, e, out);
}
