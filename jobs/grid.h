/* Grids of experiments: every combination of the values of some keys is a cell, one run with a run
 * file of its own. The files lie in a folder beside the place of the experiment's own run file
 * (NAME.h5 gives NAME.grid/), with an index that says what became of each cell. */
#ifndef MST_JOBS_GRID_H
#define MST_JOBS_GRID_H

#include <stdbool.h>

#include "core/base/status.h"
#include "io/text.h"

#define MST_RUN_GRID_CELLS 1000 /* as many as Slurm's arrays have by default */
#define MST_RUN_GRID_AXES  8

typedef struct mst_run_grid_axis {
  char *key;
  int n;
  char **value; /* (n) YAML, as written */
  char **tag;   /* (n) part of a file name: the last word of the key and the value */
} mst_run_grid_axis;

typedef struct mst_run_grid {
  int axes, cells;
  mst_run_grid_axis axis[MST_RUN_GRID_AXES];
  char *base, *folder, *index; /* where the run file of the experiment alone would be; the cells';
                                  the file that lists them; NULL before mst_run_grid_place */
} mst_run_grid;

/** Read n axes, each "key.path=value,value,...", where commas inside brackets or quotes do not
 *  separate. `option` is what errors call them ("grid").
 *  \return MST_OK; MST_ERR_INPUT for a text of another form, a key twice, values that are the same
 *          or too alike to name two files, more than MST_RUN_GRID_CELLS cells; MST_ERR_MEMORY.
 * Clear in every case. Local. */
mst_status mst_run_grid_read(const char *option, int n, const char *const *text,
                             mst_run_grid *grid) MST_CHECKED;
void mst_run_grid_clear(mst_run_grid *grid);

/** The value of an axis in a cell; cells are counted with the last axis fastest. Local. */
const char *mst_run_grid_value(const mst_run_grid *grid, int cell, int axis);

/** Append "key=value, key=value", for people. Local. */
mst_status mst_run_grid_title(const mst_run_grid *grid, int cell, mst_text *title) MST_CHECKED;

/** Say where the run file would be without a grid; folder and index follow from it. Local. */
mst_status mst_run_grid_place(mst_run_grid *grid, const char *base) MST_CHECKED;

/** The file of a cell with that ending (".h5": the run file), without the folder, or with it when
 *  `whole`; free with mst_free. Local. */
mst_status mst_run_grid_file(const mst_run_grid *grid, int cell, const char *ending, bool whole,
                             char **path) MST_CHECKED;

/* What a cell adds to the experiment. */
typedef struct mst_run_grid_settings {
  int n;
  const char **override; /* (n) key.path=value: those that were given, the cell's, output.run */
  char *made[MST_RUN_GRID_AXES + 1];
} mst_run_grid_settings;

/** The overrides of a cell, after `sets` others; output.run is among them once the grid has its
 *  place. Clear in every case. Local. */
mst_status mst_run_grid_set(const mst_run_grid *grid, int cell, int sets, const char *const *set,
                            mst_run_grid_settings *out) MST_CHECKED;
void mst_run_grid_settings_clear(mst_run_grid_settings *s);

/** "key=path" for --set, as YAML that reads back as the path whatever is in it; free with mst_free.
 *  Local. */
mst_status mst_run_set_path(const char *key, const char *path, char **out) MST_CHECKED;

#endif
