/* The keys that experiments share, whatever the job, and what they say in the terms of core. A key
 * that belongs to one member of a family (the filters of the conv map) is accepted only when the
 * experiment chooses that member: a job ignores no key. */
#include "jobs/jobs.h"

#include <string.h>

#define LARGEST 9007199254740992.0 /* 2^53: integers up to here are exact in a double */
#define UNBOUNDED 1.7976931348623157e308

const mst_key_spec mst_keys_every[] = {
    {.key = "job", .type = MST_KEY_WORD, .fallback = MST_KEY_REQUIRED, .unit = "",
     .help = "what to run: see muster list jobs"},
    {.key = "seed", .type = MST_KEY_INT, .fallback = "1", .min = 0, .max = LARGEST, .unit = "",
     .help = "of every random choice; the same seed gives the same bits on any number of ranks"},
    {.key = "output.run", .type = MST_KEY_PATH, .fallback = NULL, .unit = "",
     .help = "the run file; unset: the experiment's name with .h5, in the current folder"},
    {.key = "resources.memory", .type = MST_KEY_REAL, .fallback = "0", .min = 0, .max = 1e9,
     .unit = "GiB a rank",
     .help = "for rows, features and panels; 0: this rank's share of 80 % of the node's memory"},
    {.key = NULL}};

const mst_key_spec mst_keys_data[] = {
    {.key = "data.train", .type = MST_KEY_PATH, .fallback = MST_KEY_REQUIRED, .unit = "",
     .help = "dataset file to train on (see muster import)"},
    {.key = "data.test", .type = MST_KEY_PATH, .fallback = NULL, .unit = "",
     .help = "dataset file to score on; unset: no score"},
    {.key = "data.on_nonfinite", .type = MST_KEY_WORD, .fallback = "refuse",
     .allowed = "refuse|drop", .unit = "",
     .help = "rows with NaN or infinity: end the run, or leave them out and say how many"},
    {.key = NULL}};

const mst_key_spec mst_keys_clients[] = {
    {.key = "clients.partition", .type = MST_KEY_WORD, .fallback = "iid",
     .allowed = "iid|shards|dirichlet|quantity|natural", .unit = "",
     .help = "how rows go to clients: see muster list partitions"},
    {.key = NULL}};

const mst_key_spec mst_keys_features[] = {
    {.key = "features.kind", .type = MST_KEY_WORD, .fallback = "identity",
     .allowed = "identity|relu|fourier|conv|scattering", .unit = "",
     .help = "the fixed map from rows to features: see muster list features"},
    {.key = NULL}};

#define CLIENT_COUNT(otherwise, text)                                                       \
  {.key = "clients.count", .type = MST_KEY_INT, .fallback = (otherwise), .min = 1,          \
   .max = 2147483647.0, .unit = "clients", .help = (text)}

static const mst_key_spec keys_iid[] = {
    CLIENT_COUNT("1", "number of clients; 1 is pooled training"), {.key = NULL}};

static const mst_key_spec keys_shards[] = {
    CLIENT_COUNT(MST_KEY_REQUIRED, "number of clients"),
    {.key = "clients.classes", .type = MST_KEY_INT, .fallback = MST_KEY_REQUIRED, .min = 1,
     .max = 2147483647.0, .unit = "classes", .help = "shards: classes that one client holds"},
    {.key = NULL}};

static const mst_key_spec keys_dirichlet[] = {
    CLIENT_COUNT(MST_KEY_REQUIRED, "number of clients"),
    {.key = "clients.alpha", .type = MST_KEY_REAL, .fallback = MST_KEY_REQUIRED, .min = 0,
     .max = UNBOUNDED, .open_min = true, .unit = "",
     .help = "concentration: 0.01 gives most clients one class, 100 is near to iid"},
    {.key = NULL}};

static const mst_key_spec keys_quantity[] = {
    CLIENT_COUNT(MST_KEY_REQUIRED, "number of clients"),
    {.key = "clients.alpha", .type = MST_KEY_REAL, .fallback = MST_KEY_REQUIRED, .min = 0,
     .max = UNBOUNDED, .open_min = true, .unit = "",
     .help = "concentration of the clients' sizes: small is very unequal"},
    {.key = NULL}};

#define FEATURE_COUNT                                                                       \
  {.key = "features.count", .type = MST_KEY_INT, .fallback = "1000", .min = 1,              \
   .max = 2147483647.0, .unit = "features", .help = "number of random features"}

static const mst_key_spec keys_relu[] = {FEATURE_COUNT, {.key = NULL}};

static const mst_key_spec keys_fourier[] = {
    FEATURE_COUNT,
    {.key = "features.bandwidth", .type = MST_KEY_REAL, .fallback = MST_KEY_REQUIRED, .min = 0,
     .max = UNBOUNDED, .open_min = true, .unit = "units of the data",
     .help = "length scale of the Gaussian kernel"},
    {.key = NULL}};

static const mst_key_spec keys_conv[] = {
    {.key = "features.filters", .type = MST_KEY_INT, .fallback = "128", .min = 1,
     .max = 1048576, .unit = "filters", .help = "random patch filters; features = 2 grid^2 filters"},
    {.key = "features.patch", .type = MST_KEY_INT, .fallback = "6", .min = 1, .max = 1024,
     .unit = "pixels", .help = "side of a patch"},
    {.key = "features.grid", .type = MST_KEY_INT, .fallback = "3", .min = 1, .max = 1024,
     .unit = "cells", .help = "side of the grid on which responses are averaged"},
    {.key = "features.threshold", .type = MST_KEY_REAL, .fallback = "0.5", .min = 0,
     .max = UNBOUNDED, .unit = "whitened response", .help = "of the two-sided ReLU"},
    {.key = NULL}};

static const mst_key_spec keys_scattering[] = {
    {.key = "features.scales", .type = MST_KEY_INT, .fallback = "2", .min = 1, .max = 16,
     .unit = "octaves", .help = "J: features are invariant to shifts of up to 2^J pixels"},
    {.key = "features.angles", .type = MST_KEY_INT, .fallback = "8", .min = 1, .max = 256,
     .unit = "angles", .help = "L: orientations of the wavelets"},
    {.key = NULL}};

static const mst_member_keys member_keys[] = {
    {"clients.partition", "iid", keys_iid},
    {"clients.partition", "shards", keys_shards},
    {"clients.partition", "dirichlet", keys_dirichlet},
    {"clients.partition", "quantity", keys_quantity},
    {"features.kind", "relu", keys_relu},
    {"features.kind", "fourier", keys_fourier},
    {"features.kind", "conv", keys_conv},
    {"features.kind", "scattering", keys_scattering}};

const mst_member_keys *mst_member_keys_at(int i) {
  return i >= 0 && i < (int)(sizeof member_keys / sizeof member_keys[0]) ? &member_keys[i] : NULL;
}

bool mst_key_is_written(const char *key) {
  static const char *const prefix[] = {"output.", "features.save_"};
  for (size_t i = 0; i < sizeof prefix / sizeof prefix[0]; i++)
    if (strncmp(key, prefix[i], strlen(prefix[i])) == 0) return true;
  return false;
}

uint64_t mst_job_seed(const mst_experiment *e) {
  return (uint64_t)mst_experiment_int(e, "seed");
}

int64_t mst_job_memory(const mst_experiment *e) {
  return (int64_t)(mst_experiment_real(e, "resources.memory") * 1073741824.0);
}

mst_status mst_job_features(const mst_experiment *e, mst_features_spec *out) {
  *out = mst_features_defaults();
  out->kind = mst_experiment_word(e, "features.kind");
  out->seed = mst_job_seed(e);
  if (strcmp(out->kind, "relu") == 0 || strcmp(out->kind, "fourier") == 0)
    out->count = mst_experiment_int(e, "features.count");
  if (strcmp(out->kind, "fourier") == 0)
    out->bandwidth = mst_experiment_real(e, "features.bandwidth");
  if (strcmp(out->kind, "conv") == 0) {
    out->filters = mst_experiment_int(e, "features.filters");
    out->patch = mst_experiment_int(e, "features.patch");
    out->grid = mst_experiment_int(e, "features.grid");
    out->threshold = mst_experiment_real(e, "features.threshold");
  }
  if (strcmp(out->kind, "scattering") == 0) {
    out->scales = mst_experiment_int(e, "features.scales");
    out->angles = mst_experiment_int(e, "features.angles");
  }
  return mst_features_find(out->kind) != NULL
             ? MST_OK
             : mst_experiment_refuse(e, "features.kind", "this build has no such feature map");
}

mst_status mst_job_partition(const mst_experiment *e, mst_partition_spec *out) {
  *out = (mst_partition_spec){.name = mst_experiment_word(e, "clients.partition"),
                              .seed = mst_job_seed(e)};
  if (strcmp(out->name, "natural") != 0) out->clients = mst_experiment_int(e, "clients.count");
  if (strcmp(out->name, "dirichlet") == 0 || strcmp(out->name, "quantity") == 0)
    out->alpha = mst_experiment_real(e, "clients.alpha");
  if (strcmp(out->name, "shards") == 0) out->classes = mst_experiment_int(e, "clients.classes");
  return mst_partition_find(out->name) != NULL
             ? MST_OK
             : mst_experiment_refuse(e, "clients.partition", "this build has no such partition");
}
