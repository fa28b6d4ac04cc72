/* The cells of a grid, run one after the other. */
#ifndef MST_JOBS_GRID_RUN_H
#define MST_JOBS_GRID_RUN_H

#include <stdbool.h>

#include "comm/team.h"
#include "jobs/grid.h"

typedef struct mst_run_grid_request {
  mst_team *team;
  const char *file, *text; /* the experiment's name and contents */
  int sets;
  const char *const *set; /* (sets) key.path=value, for all cells */
  bool dry_run, quiet, resume;
  int only; /* cell, or -1 for all */
  mst_run_grid grid;
} mst_run_grid_request;

/** Check every cell, then run those that are not finished, and print what came of them; with
 *  dry_run print what they will need. A cell that fails does not keep the others from being run.
 *  \return MST_OK; MST_ERR_INPUT naming the cell, before anything is run; the status of the first
 *          cell that failed; MST_ERR_INTERRUPTED after a signal. Collective. */
mst_status mst_run_grid_perform(mst_run_grid_request *request) MST_CHECKED;

/** Find the place of a grid (mst_run_grid_place), as the experiment with the settings of that cell
 * says. Errors of mst_run_open. Collective. */
mst_status mst_run_grid_find_place(const mst_run_grid_request *request, int cell,
                                   mst_run_grid *grid) MST_CHECKED;

/** MST_OK when the folder of a placed grid is not there yet, or its list of cells is one; *there
 *  says which. Collective. */
mst_status mst_run_grid_check_folder(mst_team *team, const mst_run_grid *grid,
                                     bool *there) MST_CHECKED;

#endif
