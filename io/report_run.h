/* What a finished run file holds, in memory, for reports: how it was made, and every array but the
 * model's, as doubles; of a bandit, whose /model is every agent's regret, that too. */
#ifndef MST_IO_REPORT_RUN_H
#define MST_IO_REPORT_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/base/state.h"
#include "io/runfile.h"

/* An attribute of /, as text. */
typedef struct mst_report_word {
  char name[MST_FIGURE_NAME];
  char *text;
} mst_report_word;

/* An array that is no part of the model. */
typedef struct mst_report_array {
  char name[160]; /* path below /, as in "metrics/accuracy" */
  int dims;
  int64_t shape[MST_STATE_DIMS];
  int64_t n;     /* elements           */
  double *value; /* (n), row-major     */
} mst_report_array;

typedef struct mst_report_run {
  const char *path; /* as given; not owned */
  mst_outcome outcome;
  int words, arrays;
  mst_report_word *word;   /* on rank 0 alone */
  mst_report_array *array; /* on rank 0 alone */
} mst_report_run;

/** Verify a run file's digest and read it. Free with clear, not on an error. Errors as for
 *  mst_runfile_verify. Collective. */
mst_status mst_report_run_read(mst_team *team, const char *path, mst_report_run *out) MST_CHECKED;
void mst_report_run_clear(mst_report_run *run); /* Local */

/** The array of that name, or NULL; the text of an attribute, or "". On rank 0. Local. */
const mst_report_array *mst_report_find(const mst_report_run *run, const char *name);
const char *mst_report_attribute(const mst_report_run *run, const char *name);

#endif
