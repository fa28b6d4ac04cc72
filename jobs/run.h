/* One run of an experiment: read, checked, estimated, done. `muster run` does one, or the cells of
 * a grid one after the other; `muster submit` only checks and estimates. */
#ifndef MST_JOBS_RUN_H
#define MST_JOBS_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "jobs/job.h"
#include "jobs/options.h"
#include "jobs/watch.h"

/* What a run is asked, and what is made of it. Begin with the first part; clear at the end. */
typedef struct mst_run {
  mst_team *team;
  const char *file, *text; /* the experiment's name and contents; not owned */
  int n_override;
  const char *const *override; /* (n_override) key.path=value; not owned */
  bool dry_run, quiet;
  bool resume;  /* go on from checkpoints, keep what is finished, refuse it if of another experiment
                 */
  bool again;   /* without resume: do once more what is finished; else only another experiment's */
  bool in_grid; /* one of many: less is said */
  int for_ranks, for_nodes; /* of an estimate; 0: the team's */

  const mst_job_ops *job;
  mst_job_schema schema;
  mst_experiment *experiment;
  char *run_path;
  bool exists; /* run_path */
  mst_watch *watch;
  mst_checkpoints *checkpoints;
  mst_job_context context; /* result, estimate, rounds */
  bool complete;           /* the run file tells of a finished run: nothing is to be done */
  int ranks;
  double seconds;
  char digest[MST_DIGEST_HEX];
} mst_run;

/** Read the experiment: its job, its keys, the run file's name. What --set makes meaningless is
 *  said on standard error, unless quiet or in a grid. Collective. */
mst_status mst_run_open(mst_run *r) MST_CHECKED;

/** Check the files that it names; a complete run file of the same experiment is taken over (result,
 *  digest, ..., and `complete`) where r asks for that.
 *  \param stands_in  the written path that is checked in place of the run file, or NULL. */
mst_status mst_run_check(mst_run *r, const char *stands_in) MST_CHECKED;

/** Fill context.estimate with what the run will need; r->dry_run must be set. Collective. */
mst_status mst_run_estimate(mst_run *r) MST_CHECKED;

/** Do the work of a checked run that is not complete: result, rounds, ranks, seconds and digest are
 *  set, the run file is there. Signals are to be caught (mst_signals_catch). Collective. */
mst_status mst_run_perform(mst_run *r) MST_CHECKED;

/** Say that there was nothing to do, unless quiet, and remove checkpoints that were left. For a
 *  complete run. Collective. */
mst_status mst_run_tidy(mst_run *r) MST_CHECKED;

/** Print what mst_run_estimate found, or the result: figures, and the JSON line. Local. */
mst_status mst_run_print_estimate(const mst_run *r) MST_CHECKED;
mst_status mst_run_print_result(const mst_run *r) MST_CHECKED;

void mst_run_clear(mst_run *r);

#endif
