/* The keys that experiments share, whatever the job, and what they say. Those of the members of a
 * family (the filters of the conv map) stand with the members in core. */
#include "jobs/options.h"

#include <string.h>

#define LARGEST 9007199254740992.0 /* 2^53: integers up to here are exact in a double */

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
    {.key = "data.rows", .type = MST_KEY_INT, .min = 1, .max = LARGEST, .unit = "rows",
     .help = "use the first so many rows of data.train; unset: all"},
    {.key = "data.on_nonfinite", .type = MST_KEY_WORD, .fallback = "refuse",
     .allowed = "refuse|drop", .unit = "",
     .help = "rows with NaN or infinity: end the run, or leave them out and say how many"},
    {.key = NULL}};

const mst_key_spec mst_keys_ledger[] = {
    {.key = "privacy.ledger", .type = MST_KEY_PATH, .unit = "",
     .help = "ledger file that runs on the same data share; unset: one beside the run file, of "
             "this run alone"},
    {.key = "privacy.budget", .type = MST_KEY_REAL, .min = 1e-6, .max = 1e6, .unit = "epsilon",
     .help = "what all runs of privacy.ledger together may spend; by default what the ledger says, "
             "or of a new one privacy.epsilon"},
    {.key = "privacy.test_key", .type = MST_KEY_BOOL, .fallback = "false", .unit = "",
     .help = "take samples and noise from the seed, to compare runs: this protects nobody"},
    {.key = NULL}};

const mst_key_spec mst_keys_privacy[] = {
    {.key = "privacy.epsilon", .type = MST_KEY_REAL, .min = 1e-6, .max = 1e6, .unit = "",
     .help = "what all steps together may spend: the noise is the least that keeps to it"},
    {.key = "privacy.sigma", .type = MST_KEY_REAL, .min = 1e-6, .max = 1e9, .unit = "clips",
     .help = "noise of a step's sum, instead of privacy.epsilon"},
    {.key = "privacy.delta", .type = MST_KEY_REAL, .fallback = MST_KEY_REQUIRED, .min = 1e-30,
     .max = 0.5, .unit = "", .help = "the delta at which epsilon is meant"},
    {.key = "privacy.clip", .type = MST_KEY_REAL, .fallback = MST_KEY_REQUIRED, .min = 1e-12,
     .max = 1e12, .unit = "", .help = "length to which a row's gradient is shortened"},
    {.key = "privacy.population", .type = MST_KEY_INT, .min = 1, .max = 1e15, .unit = "rows",
     .help = "public number of rows, of which the batch is a share; by default that of data.train, "
             "which is thereby made public"},
    {.key = "privacy.adjacency", .type = MST_KEY_WORD, .fallback = "add_remove",
     .allowed = "add_remove|replace_one", .unit = "",
     .help = "what neighbouring data sets differ in: one row more or less, or one row another"},
    {.key = "privacy.noise", .type = MST_KEY_WORD, .fallback = "float",
     .allowed = "float|hardened", .unit = "",
     .help = "hardened: clip and round every row on a grid of integers and add discrete noise, "
             "safe to the last bit, but row by row; float: fast"},
    {.key = NULL}};

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

mst_status mst_job_fits(const mst_experiment *e, int64_t bytes) {
  const int64_t asked = mst_job_memory(e);
  if (asked == 0 || bytes <= asked) return MST_OK;
  return mst_fail(MST_ERR_MEMORY, "a rank needs %.3f GiB, more than resources.memory of %.3f GiB",
                  (double)bytes / 0x1p30, (double)asked / 0x1p30);
}

mst_status mst_job_stop(const mst_experiment *e, mst_stop *stop) {
  bool named = mst_experiment_is_set(e, "stop.metric");
  *stop = (mst_stop){.metric = NULL};
  if (named != mst_experiment_is_set(e, "stop.at"))
    return mst_experiment_refuse(e, named ? "stop.metric" : "stop.at",
                                 "stop.metric and stop.at belong together: give both or none");
  if (!named) return MST_OK;
  *stop = (mst_stop){.metric = mst_experiment_word(e, "stop.metric"),
                     .at = mst_experiment_real(e, "stop.at")};
  bool of_test = strcmp(stop->metric, "accuracy") == 0 || strcmp(stop->metric, "loss") == 0;
  if (of_test && !mst_experiment_is_set(e, "data.test"))
    return mst_experiment_refuse(e, "stop.metric", "without data.test there is no such metric");
  return MST_OK;
}
