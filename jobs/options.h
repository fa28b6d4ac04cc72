/* The keys that an experiment may have: those that every job has, those that jobs share, and the
 * schema that is composed for one experiment from its job and the members that it chooses
 * (features.kind: conv). A job ignores no key. All functions but one are Local. */
#ifndef MST_JOBS_OPTIONS_H
#define MST_JOBS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/base/stop.h"
#include "io/draft.h"
#include "io/experiment.h"
#include "jobs/job.h"

/* Key tables that jobs share; each ends with an entry whose key is NULL.
 *   every      job, seed, output.run, resources.memory: in the schema of every job
 *   data       data.train (required), data.test, data.on_nonfinite (refuse | drop)
 *   ledger     where what a run spends is kept, and what keeps to it
 *   privacy    what a private training may spend, and how; beside ledger
 * File names are read with mst_experiment_path. */
extern const mst_key_spec mst_keys_every[];
extern const mst_key_spec mst_keys_data[];
extern const mst_key_spec mst_keys_ledger[];
extern const mst_key_spec mst_keys_privacy[];

/** Does a run write the file that this key names (output.*, features.save_*)? */
bool mst_key_is_written(const char *key);

/** The seed; the memory a rank may use in bytes (resources.memory; 0: the job takes
 *  its share of the node's). */
uint64_t mst_job_seed(const mst_experiment *e);
int64_t mst_job_memory(const mst_experiment *e);
/** MST_OK where a rank may take so many bytes, else MST_ERR_MEMORY. Local. */
mst_status mst_job_fits(const mst_experiment *e, int64_t bytes) MST_CHECKED;

/* The keys of a stop rule, for the table of a job that reports METRICS ("accuracy|loss"). */
#define MST_KEYS_STOP(METRICS)                                                                    \
  {.key = "stop.metric", .type = MST_KEY_WORD, .allowed = (METRICS), .unit = "",                  \
   .help = "end the run when this metric reaches stop.at: from below, or a loss from above"},     \
  {.key = "stop.at", .type = MST_KEY_REAL, .min = -1e300, .max = 1e300, .unit = "",               \
   .help = "the value at which stop.metric ends the run"}

/** The rule that they give, which points into the experiment; metric NULL when they are not set.
 *  MST_ERR_INPUT for one key without the other, and for a score of test rows without data.test. */
mst_status mst_job_stop(const mst_experiment *e, mst_stop *stop) MST_CHECKED;

#define MST_JOB_TABLES 64 /* of a schema: more than a job has sections and families */

typedef struct mst_job_schema {
  mst_schema schema; /* points into the rest: do not copy */
  const mst_key_spec *table[MST_JOB_TABLES];
  mst_key_spec *made[MST_JOB_TABLES]; /* the tables that were made for it */
  int n_made;
  char **passed_over; /* (schema.n_passed_over) */
} mst_job_schema;

/** The keys that the experiment may have. MST_ERR_INPUT when it chooses an unknown member, or gives
 *  a key of a member that it does not choose; when --set chose another member than the file, the
 *  file's keys for its own are passed over, so that one file serves a sweep over members. Free with
 *  clear, on an error too, after the experiments that were read by it. */
mst_status mst_job_schema_for(const mst_draft *draft, const mst_job_ops *job,
                              mst_job_schema *out) MST_CHECKED;
void mst_job_schema_clear(mst_job_schema *s);

/** Read an experiment (text and overrides as for mst_experiment_parse): its job, the schema that it
 *  chooses, which is zero before and to be cleared on an error too, and its values.
 *  \return MST_OK, MST_ERR_INPUT with the one-line error, or MST_ERR_MEMORY. */
mst_status mst_job_experiment(const char *text, const char *name, const char *const *override,
                              int n_override, const mst_job_ops **job, mst_job_schema *schema,
                              mst_experiment **out) MST_CHECKED;

/** Print all keys of a job, for help. */
mst_status mst_job_describe(const mst_job_ops *job) MST_CHECKED;

/** The run file's name: output.run, or that of the experiment's `file` with .h5 in the current
 *  folder. *path is freed with mst_free. MST_ERR_MEMORY. */
mst_status mst_job_run_path(const mst_experiment *e, const char *file, char **path) MST_CHECKED;

/** mst_paths_check of all files that the experiment names: itself (`file`), run_path (output.run or
 *  its default) and every key of type MST_KEY_PATH that is set. Collective. */
mst_status mst_job_check_paths(mst_team *team, const char *file, const mst_schema *schema,
                               const mst_experiment *e, const char *run_path) MST_CHECKED;

/** A run file may replace an older run file, and nothing else: not a dataset that is named by
 *  mistake. *exists: there is one. Errors call it `key`. Collective. */
mst_status mst_job_check_replaceable(mst_team *team, const char *key, const char *path,
                                     bool *exists) MST_CHECKED;

#endif
