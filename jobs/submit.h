/* What `muster submit` was told and has found, between the file that reads and checks it and the
 * one that writes the batch script. */
#ifndef MST_JOBS_SUBMIT_H
#define MST_JOBS_SUBMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "io/text.h"
#include "jobs/run.h"

/* One run of the job: the only one, or that of one value of an array. */
typedef struct mst_submit_task {
  char *value, *override, *tag; /* NULL without an array; key=value; part of the run file's name */
  mst_run_needs needs;
} mst_submit_task;

typedef struct mst_submit {
  mst_team *team;
  int argc;
  char **argv;
  const char *file; /* the experiment's */
  const char *nodes_text, *ranks_text, *time, *array, *partition, *account, *qos, *name, *log,
      *signal_text, *launcher; /* as given; NULL: not given           */
  const char **set;            /* (sets + 1): one more for the array's value */
  int sets;
  const char **more; /* (mores) what sbatch is to be told besides  */
  int mores;
  bool dry_run;

  int64_t nodes, ranks, seconds, signal_seconds;
  char *key; /* of the array; NULL without one             */
  mst_submit_task *task;
  int tasks;
  int64_t node_bytes; /* memory of a node, the most of all tasks */
} mst_submit;

/* The script, and names that the user is told. Free with clear. */
typedef struct mst_submit_script {
  mst_text text;
  mst_text log;  /* its pattern, as sbatch is told               */
  mst_text path; /* of the script: that of the run file, .sbatch */
} mst_submit_script;

/** Write the batch script of a job whose tasks are checked. Local. */
mst_status mst_submit_write(const mst_submit *s, mst_submit_script *script) MST_CHECKED;
void mst_submit_script_clear(mst_submit_script *script);

#endif
