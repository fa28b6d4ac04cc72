/* Series by round: a growing table with one 8-byte column a name. Private to io; all Local. */
#ifndef MST_IO_SERIES_H
#define MST_IO_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/state.h"
#include "core/base/status.h"

#define MST_SERIES_NAME 64 /* bytes of a name, with the end */

typedef struct mst_series {
  char name[MST_SERIES_NAME];
  int64_t *cell; /* (rounds) int64, or the bits of a double */
} mst_series;

typedef struct mst_series_table {
  const char *what;  /* "metric", for errors                          */
  mst_dtype type;    /* MST_F64 or MST_I64                             */
  int64_t rounds, capacity;
  int64_t *round;    /* (rounds) increasing                            */
  int n, series_capacity;
  mst_series *series; /* sorted by name                                */
} mst_series_table;

/** A name of the form [a-z0-9_]+(/[a-z0-9_]+)*, MST_ERR_INPUT if it is not. */
mst_status mst_series_check_name(const char *what, const char *name) MST_CHECKED;

/** Begin a round, or go on with it when it is the last one begun. Rounds never decrease. */
mst_status mst_series_round(mst_series_table *t, int64_t round) MST_CHECKED;

/** The cell of a series in the round begun last; a new series has NaN (or 0) in earlier rounds. */
mst_status mst_series_cell(mst_series_table *t, const char *name, int64_t **cell) MST_CHECKED;

void mst_series_free(mst_series_table *t);

/** The bits of a double as they are stored: every NaN is the same one. */
int64_t mst_series_bits(double value);

#endif
