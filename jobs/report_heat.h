/* The worst case of a grid: one figure of its runs over two axes, each the values of one key or of
 * several, and in each place the worst of the runs that share them. All functions are Local. */
#ifndef MST_JOBS_REPORT_HEAT_H
#define MST_JOBS_REPORT_HEAT_H

#include <jansson.h>

#include "jobs/report.h"

#define MST_HEAT_KEYS 4 /* of an axis */

/* A cell of a grid, or a run that stands alone. */
typedef struct mst_heat_point {
  const mst_report_run *run; /* NULL: there is none, because it failed or waits */
  const char *label;         /* of the run                                      */
  const json_t *settings;    /* keys of its grid as written, or NULL            */
} mst_heat_point;

/* An axis: the different values of its keys, in the order in which they appear. */
typedef struct mst_heat_axis {
  int keys;
  char *key[MST_HEAT_KEYS];
  int n;
  char **label; /* (n) */
  int *place;   /* (points) of each point on the axis */
} mst_heat_axis;

typedef struct mst_heat_place {
  int cells, missing; /* points here; those without a value */
  int worst;          /* the point with the worst value, -1 without one */
  double value;
} mst_heat_place;

typedef struct mst_heat {
  int points;
  const mst_heat_point *point;
  char *figure;
  mst_heat_axis rows, columns; /* an axis without keys has one place */
  mst_heat_place *at;          /* (rows.n + 1, columns.n + 1): the last of each, worst over it */
} mst_heat;

/** Lay points out. rows, columns: keys separated by commas, or NULL to choose: aggregate.rule and
 *  aggregate.pre against attack.name and attack.count where they differ, else the first two keys in
 *  which the runs differ. figure: its name, or NULL to choose.
 *  \return MST_OK, also when there is nothing to lay out (heat->at is NULL then); MST_ERR_INPUT for a
 *          key or a figure that no run has; MST_ERR_MEMORY. Clear in every case. */
mst_status mst_heat_make(int points, const mst_heat_point *point, const char *rows,
                         const char *columns, const char *figure, mst_heat *heat) MST_CHECKED;
void mst_heat_clear(mst_heat *heat);

/** The place in a row and a column; rows.n and columns.n are those of the worst. */
const mst_heat_place *mst_heat_at(const mst_heat *heat, int row, int column);

/** The places' values as a table; begins with MST_HEAT_CSV. */
mst_status mst_heat_csv(const mst_heat *heat, mst_text *out) MST_CHECKED;
#define MST_HEAT_CSV "worst of "

/** The heat map, and for every row the run that is its worst. */
void mst_report_heat(mst_page *p, const mst_heat *heat);

#endif
