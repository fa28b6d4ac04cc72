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

const mst_family mst_family_features = {
    .name = "features",
    .summary = "maps from rows to features",
    .section = "features",
    .key = "kind",
    .help = "the fixed map from rows to features: see muster list features",
    .fallback = "identity",
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

static const mst_family *const families[] = {
    &mst_family_features,  &mst_family_partitions, &mst_family_models,     &mst_family_optimizers,
    &mst_family_schedules, &mst_family_methods,    &mst_family_compressors};

const mst_family *mst_family_at(int i) {
  return i >= 0 && i < (int)(sizeof families / sizeof families[0]) ? families[i] : NULL;
}

mst_status mst_job_features(const mst_experiment *e, mst_features_spec *out) {
  *out = (mst_features_spec){.seed = mst_job_seed(e)};
  return mst_family_read(&mst_family_features, e, out);
}

mst_status mst_job_partition(const mst_experiment *e, mst_partition_spec *out) {
  *out = (mst_partition_spec){.seed = mst_job_seed(e)};
  return mst_family_read(&mst_family_partitions, e, out);
}
