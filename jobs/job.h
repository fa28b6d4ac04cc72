/* Jobs: what an experiment can run. A job is one file with one mst_job_ops; it connects parallel
 * (which computes) to datasets, and reports through the observer. jobs/run.c reads the experiment,
 * opens and commits the run file, prints the JSON line. Nothing in jobs/ is a library interface:
 * its declarations are not installed. */
#ifndef MST_JOBS_JOB_H
#define MST_JOBS_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "comm/team.h"
#include "core/base/observer.h"
#include "io/draft.h"
#include "io/experiment.h"
#include "io/runfile.h"

/* What a job is given, and what it gives back. */
typedef struct mst_job_context {
  mst_team *team;
  const mst_experiment *experiment;
  bool resume;                  /* earlier starts of this run are to be gone on from            */
  bool dry_run;                 /* fill estimate and return MST_OK before any work              */
  int ranks, nodes;             /* that a dry run estimates for, without a limit of memory; 0: the
                                   team's own                                                   */

  /* Progress, signals and the run file: on_round adds the metrics to /metrics, on_state writes
   * the arrays to /model; both are collective and no-ops when there is no run file. Phases are
   * timed and end up under /timing. The job passes this on to parallel. */
  const mst_observer *observer;

  /* The open run file, for the ledger and for timings of the job's own; NULL during a dry run.
   * jobs/run.c creates it before the job starts and commits it (or removes it) afterwards. */
  mst_runfile *runfile;
  const char *run_path; /* where it will be: what else the run writes lies beside it */

  /* Filled by the job, the same on every rank. */
  json_t *result;               /* object: headline figures; numbers also become attributes of the
                                   run file                                                     */
  json_t *estimate;             /* object: what a run will need; names end in their unit, as in
                                   rank_bytes                                                   */
  int64_t rounds;
} mst_job_context;

/* A part of a job's keys: a table, or a family of which the experiment chooses a member. A section
 * with neither ends the list. */
typedef struct mst_job_section {
  const mst_key_spec *keys;
  const struct mst_family *family;
  const char *optional; /* a section of the experiment without which there are no such keys; or NULL */
} mst_job_section;

typedef struct mst_job_ops {
  const char *name;
  const char *summary;                   /* one line for `muster list jobs`                      */
  const mst_job_section *sections;       /* its keys beside those that every job has             */
  /* Collective on context->team. Every rank returns the same status, or jobs/run.c agrees on it
   * right after the return: a job must not leave while other ranks are in a collective. */
  mst_status (*run)(mst_job_context *context);
} mst_job_ops;

/** Ranks, and domains of shared memory (comm/share.h), that the job is planned for. Local. */
int mst_job_ranks(const mst_job_context *context);
int mst_job_domains(const mst_job_context *context);

/** The job of that name or NULL; the i-th job or NULL past the end. Local. */
const mst_job_ops *mst_job_find(const char *name);
const mst_job_ops *mst_job_at(int i);

/** The job that an experiment names; MST_ERR_INPUT (missing, unknown: the nearest). Local. */
mst_status mst_job_choose(const mst_draft *draft, const mst_job_ops **job) MST_CHECKED;

extern const mst_job_ops mst_job_analytic;
extern const mst_job_ops mst_job_federated;
extern const mst_job_ops mst_job_train;
extern const mst_job_ops mst_job_private;
extern const mst_job_ops mst_job_decentralised;
extern const mst_job_ops mst_job_bandit;
extern const mst_job_ops mst_job_local_regression;
extern const mst_job_ops mst_job_identify;
extern const mst_job_ops mst_job_tuning;
extern const mst_job_ops mst_job_treatment;
extern const mst_job_ops mst_job_low_rank_rl;
extern const mst_job_ops mst_job_off_policy;
extern const mst_job_ops mst_job_pca;
extern const mst_job_ops mst_job_ease;
extern const mst_job_ops mst_job_naive_bayes;
extern const mst_job_ops mst_job_sketch;

#endif
