/* One line of progress, as text. Private to io; Local. */
#ifndef MST_IO_PROGRESS_LINE_H
#define MST_IO_PROGRESS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "io/progress.h"

typedef struct mst_progress_view {
  const char *phase, *unit; /* unit may be ""                         */
  int64_t done, total;      /* total 0 = unknown                      */
  double seconds;           /* since the phase began                  */
  bool finished;            /* the phase is over                      */
  int columns;              /* of the terminal; 0 = a log: no bar     */
} mst_progress_view;

#define MST_PROGRESS_LINE 256 /* bytes of a line, with the end */

/** Write the line, without a newline, no wider than `columns` on a terminal:
 *  "gram        47 %  [#########..........]  28.2k rows/s  1:12 left", finished
 *  "gram       done  60.0k rows  in 12.3 s  4.88k rows/s". Returns its characters. */
int mst_progress_format(const mst_progress_view *view, char line[MST_PROGRESS_LINE]);

/** "950", "28.2k", "1.25M": three digits; "0:07", "1:12:05": minutes and seconds left. */
void mst_progress_count(double value, char to[16]);
void mst_progress_time(double seconds, char to[24]);

/** As mst_progress_create for rank 0 of `ranks`, on another stream and another clock (seconds),
 *  for tests. */
mst_status mst_progress_open(FILE *out, bool terminal, int ranks, double (*clock)(void),
                             mst_progress **p) MST_CHECKED;

#endif
