/* The jobs layer: the `muster` command.
 *
 * A subcommand is one file with one mst_command; a job is one file with one mst_job_ops. A job
 * connects parallel (which computes) to datasets, and reports through the observer; jobs/run.c
 * reads the experiment, opens and commits the run file, prints the JSON line. Nothing here is a
 * library interface: these declarations are not installed. */
#ifndef MST_JOBS_JOBS_H
#define MST_JOBS_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "comm/team.h"
#include "core/base/digest.h"
#include "core/base/observer.h"
#include "core/features/features.h"
#include "core/partition/partition.h"
#include "io/dataset.h"
#include "io/experiment.h"
#include "io/runfile.h"

/* What a job is given, and what it gives back. */
typedef struct mst_job_context {
  mst_team *team;
  const mst_experiment *experiment;
  bool dry_run;                 /* fill estimate and return MST_OK before any work              */

  /* Progress, signals and the run file: on_round adds the metrics to /metrics, on_state writes
   * the arrays to /model; both are collective and no-ops when there is no run file. Phases are
   * timed and end up under /timing. The job passes this on to parallel. */
  const mst_observer *observer;

  /* The open run file, for the ledger and for timings of the job's own; NULL during a dry run.
   * jobs/run.c creates it before the job starts and commits it (or removes it) afterwards. */
  mst_runfile *runfile;

  /* Filled by the job, the same on every rank. */
  json_t *result;               /* object: headline figures; numbers also become attributes of the
                                   run file                                                     */
  json_t *estimate;             /* object: what a run will need; names end in their unit, as in
                                   rank_bytes                                                   */
  int64_t rounds;
} mst_job_context;

typedef struct mst_job_ops {
  const char *name;
  const char *summary;                   /* one line for `muster list jobs`                      */
  const mst_key_spec *const *keys;       /* the job's tables, ended by NULL; the keys that every
                                            job has (mst_keys_every) are added by jobs/run.c     */
  /* Collective on context->team. Every rank returns the same status, or jobs/run.c agrees on it
   * right after the return: a job must not leave while other ranks are in a collective. */
  mst_status (*run)(mst_job_context *context);
} mst_job_ops;

/** The job of that name or NULL; the i-th job or NULL past the end. Local. */
const mst_job_ops *mst_job_find(const char *name);
const mst_job_ops *mst_job_at(int i);

extern const mst_job_ops mst_job_analytic;

/* Key tables that jobs share; each ends with an entry whose key is NULL.
 *   every      job, seed, output.run, resources.memory
 *   data       data.train (required), data.test, data.on_nonfinite (refuse | drop)
 *   clients    clients.partition; jobs/run.c adds the chosen partition's own keys (clients.count,
 *              clients.alpha, clients.classes), so that no other one's key is accepted
 *   features   features.kind; likewise the chosen map's own keys
 * File names are read with mst_experiment_path. */
extern const mst_key_spec mst_keys_every[];
extern const mst_key_spec mst_keys_data[];
extern const mst_key_spec mst_keys_clients[];
extern const mst_key_spec mst_keys_features[];

/** Does a run write the file that this key names (output.*, features.save_*)? Local. */
bool mst_key_is_written(const char *key);

/** The seed; the memory a rank may use in bytes (resources.memory; 0: the job takes
 *  its share of the node's). Local. */
uint64_t mst_job_seed(const mst_experiment *e);
int64_t mst_job_memory(const mst_experiment *e);

/** What the sections `features` and `clients` say; strings point into the experiment. Local. */
mst_status mst_job_features(const mst_experiment *e, mst_features_spec *out) MST_CHECKED;
mst_status mst_job_partition(const mst_experiment *e, mst_partition_spec *out) MST_CHECKED;

/* An experiment before its schema is known: the text, what errors call it, and the values of --set
 * ("key.path=value", in order). */
typedef struct mst_source {
  const char *text, *name;
  const char *const *override; /* (n_override) */
  int n_override;
} mst_source;

#define MST_JOB_TABLES      32
#define MST_JOB_PASSED_OVER 64 /* keys; more than all members have together */
typedef struct mst_job_schema {
  const mst_key_spec *table[MST_JOB_TABLES];
  const char *passed_over[MST_JOB_PASSED_OVER];
  mst_schema schema; /* points into table: do not copy */
} mst_job_schema;

/** The job that the experiment names; MST_ERR_INPUT (missing, unknown: the nearest). Local. */
mst_status mst_job_choose(const mst_source *s, const mst_job_ops **job) MST_CHECKED;

/** The keys that the experiment may have. MST_ERR_INPUT when it chooses an unknown member, or
 *  gives a key of a member that it does not choose. Local. */
mst_status mst_job_schema_for(const mst_source *s, const mst_job_ops *job,
                              mst_job_schema *out) MST_CHECKED;

/** Print all keys of a job, for help. Local. */
mst_status mst_job_describe(const mst_job_ops *job) MST_CHECKED;

/* The command line. */
typedef struct mst_option {
  const char *name;    /* long name without dashes; NULL ends the table                        */
  char letter;         /* short name or 0                                                      */
  const char *value;   /* what the value is called in messages; NULL = a switch                 */
} mst_option;

/* One option or operand after another, as getopt gives them, but every rank alike and silent:
 * errors are statuses that name the nearest valid option. */
typedef struct mst_arguments {
  int argc;
  char **argv;
  const mst_option *option;
  int at;               /* next argument            */
  int cluster;          /* inside a group as in -qf  */
  bool operands_only;   /* after --                  */
} mst_arguments;

typedef enum mst_argument {
  MST_ARGUMENT_END,
  MST_ARGUMENT_OPTION,  /* *index in the table, *value its text or NULL */
  MST_ARGUMENT_OPERAND  /* *value is the operand     */
} mst_argument;

mst_arguments mst_arguments_of(int argc, char **argv, const mst_option *option);
mst_status mst_arguments_next(mst_arguments *a, mst_argument *kind, int *index,
                              const char **value) MST_CHECKED;

/** A number from the command line; MST_ERR_INPUT names the option and what is allowed. Local. */
mst_status mst_argument_int(const char *option, const char *text, int64_t min, int64_t max,
                            int64_t *out) MST_CHECKED;
mst_status mst_argument_real(const char *option, const char *text, double *out) MST_CHECKED;

/** The candidate nearest to word by edit distance; name(i) gives the i-th, NULL ends. NULL when
 *  there is none. Local. */
const char *mst_nearest(const char *word, const char *(*name)(int i));

/* Keys that belong to one member of a family: they are part of the schema only when the experiment
 * chooses that member. */
typedef struct mst_member_keys {
  const char *selector;     /* "features.kind"                 */
  const char *member;       /* "conv"                          */
  const mst_key_spec *keys; /* ended by an entry with key NULL */
} mst_member_keys;

/** The i-th entry, or NULL past the end. Local. */
const mst_member_keys *mst_member_keys_at(int i);

/* A subcommand. argv[0] is its name. Collective on team. */
typedef struct mst_command {
  const char *name;
  const char *summary; /* one line               */
  const char *help;    /* the whole text of --help */
  mst_status (*run)(mst_team *team, int argc, char **argv);
} mst_command;

extern const mst_command mst_command_run;
extern const mst_command mst_command_import;
extern const mst_command mst_command_inspect;
extern const mst_command mst_command_list;

/* The observer of a run: progress, run file, clock, signals. */
typedef struct mst_watch mst_watch;

mst_status mst_watch_create(mst_team *team, bool quiet, mst_watch **out) MST_CHECKED;
void mst_watch_destroy(mst_watch *w);
const mst_observer *mst_watch_observer(const mst_watch *w);
/** Where rounds and states go from now on; NULL = nowhere. Local. */
void mst_watch_runfile(mst_watch *w, mst_runfile *runfile);
/** Seconds since the watch was made. Local. */
double mst_watch_seconds(const mst_watch *w);
/** End the last phase and write seconds, bytes and memory of every rank below /timing.
 *  Collective on the team. */
mst_status mst_watch_record(mst_watch *w) MST_CHECKED;

/** From here SIGTERM and SIGUSR1 ask for an orderly end (a second SIGTERM acts as by default);
 *  release gives back the actions that were there before. Local. */
void mst_signals_catch(void);
void mst_signals_release(void);
/** True once one of them has come while they were caught. Local. */
bool mst_signal_came(void);

/** mst_paths_check of all files that the experiment names: itself, run_path (output.run or its
 *  default) and every key of type MST_KEY_PATH that is set. Collective. */
mst_status mst_job_check_paths(mst_team *team, const mst_source *source, const mst_schema *schema,
                               const mst_experiment *e, const char *run_path) MST_CHECKED;

/** printf on rank 0 only (on every caller when team is NULL), to standard output. MST_ERR_IO on rank 0 when it cannot be written.
 *  Local. */
mst_status mst_print(const mst_team *team, const char *format, ...)
    __attribute__((format(printf, 2, 3))) MST_CHECKED;

/** Print object as one line of JSON, the last line of a command's output, and give it back
 *  (json_decref). Local; object may differ in nothing between ranks but is only used on rank 0. */
mst_status mst_print_json(const mst_team *team, json_t *object) MST_CHECKED;

/** muster, and the libraries that its results depend on. Local. */
void mst_print_version(void);

/** Flush; MST_ERR_IO on rank 0 when something was not written. Local. */
mst_status mst_print_end(const mst_team *team) MST_CHECKED;

/** "117.7 MiB": a size for people, in a static buffer of the calling thread. Local. */
const char *mst_size_text(int64_t bytes);

#endif
