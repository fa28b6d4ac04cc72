/* The list of a grid's cells: settings, run file, state, result. It says no more than the files in
 * the grid's folder do, and is made from them, so that tasks of an array that end at the same time
 * need not wait for each other: whoever has written it looks whether something has come meanwhile,
 * and then writes it again. */
#ifndef MST_JOBS_GRID_INDEX_H
#define MST_JOBS_GRID_INDEX_H

#include <jansson.h>

#include "comm/team.h"
#include "jobs/grid.h"
#include "jobs/run.h"

#define MST_RUN_GRID_OPENING "{\"muster_format\": \"grid\"" /* the first bytes of an index */
#define MST_RUN_GRID_BYTES   (16 << 20)                     /* the largest that is read     */

typedef struct mst_run_grid_index {
  mst_team *team;
  const mst_run_grid *grid;
  const char *file; /* the experiment's */
  char job[64];
  json_t **cell;  /* (cells) {"cell", "settings", "run", "state": done | failed | waiting |
                     unreadable, and as far as there is a run file "rounds", "ranks", "seconds",
                     "digest", "result"; "error"} */
  bool *own;      /* (cells) this process knows the cell, and need not look */
  int64_t *stamp; /* (cells) of the run file that the cell tells of, 0 for none; on rank 0 */
} mst_run_grid_index;

/** An index of a placed grid; what an older one says of files that have not changed since is
 *  believed. grid and file must outlive it. Clear in every case. Collective. */
mst_status mst_run_grid_index_open(mst_team *team, const mst_run_grid *grid, const char *file,
                                   mst_run_grid_index *index) MST_CHECKED;
void mst_run_grid_index_clear(mst_run_grid_index *index);

/** Cell i's run is done, or was found complete. Local. */
mst_status mst_run_grid_index_done(mst_run_grid_index *index, int i,
                                   const mst_run *run) MST_CHECKED;
/** Cell i begins, or has failed with that sentence, which is kept beside its place. Collective.
 */
mst_status mst_run_grid_index_begin(mst_run_grid_index *index, int i) MST_CHECKED;
mst_status mst_run_grid_index_failed(mst_run_grid_index *index, int i, const char *why) MST_CHECKED;

/** Look at the files of the other cells, and write the index. Collective. */
mst_status mst_run_grid_index_write(mst_run_grid_index *index) MST_CHECKED;

#endif
