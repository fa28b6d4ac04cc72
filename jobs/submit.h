/* What `muster submit` was told and has found, between the file that reads and checks it and the
 * one that writes the batch script. */
#ifndef MST_JOBS_SUBMIT_H
#define MST_JOBS_SUBMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "io/text.h"
#include "jobs/grid.h"
#include "jobs/run.h"

/* One run of the job: the only one, or a cell of an array's grid. */
typedef struct mst_submit_task {
  char *run_path;
  bool complete;                  /* it is there already: nothing is left to do  */
  int64_t rank_bytes, node_bytes; /* memory of a rank, and what a node's ranks share */
} mst_submit_task;

typedef struct mst_submit {
  mst_team *team;
  int argc;
  char **argv;
  const char *file; /* the experiment's */
  const char *nodes_text, *ranks_text, *time, *partition, *account, *qos, *name, *log, *signal_text,
      *launcher;    /* as given; NULL: not given           */
  const char **set; /* (sets)                         */
  int sets;
  const char **array; /* (arrays) axes of the grid              */
  int arrays;
  const char **more; /* (mores) what sbatch is to be told besides  */
  int mores;
  bool dry_run;

  int64_t nodes, ranks, seconds, signal_seconds;
  char *text;            /* of the experiment                   */
  mst_run_grid grid;     /* without axes where there is no array */
  mst_submit_task *task; /* (grid.cells)              */
  int64_t node_bytes;    /* memory of a node, the most of all tasks */
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
