/* A run file in the making. Private to io. */
#ifndef MST_IO_RUNFILE_WRITE_H
#define MST_IO_RUNFILE_WRITE_H

#include "io/runfile.h"
#include "io/runfile_parts.h"
#include "io/series.h"

#define MST_RUNFILE_TIME 32 /* bytes of "2025-11-22T15:06:42Z" */

typedef struct mst_figure {
  char name[MST_SERIES_NAME];
  bool whole; /* the number is in count, not in value */
  double value;
  int64_t count;
} mst_figure;

typedef struct mst_figures {
  int n, capacity;
  mst_figure *at; /* in the order of recording */
} mst_figures;

struct mst_runfile {
  mst_team *team;
  char *path, *temporary;
  char *job, *experiment;
  uint64_t seed;
  char started[MST_RUNFILE_TIME];
  mst_series_table metrics, ledger;
  mst_figures timing, result;
  mst_manifest manifest; /* of the arrays written so far */
  bool reserved;         /* the file system promised the space of all that was written */
};

/** UTC now, ISO 8601. Local. */
void mst_runfile_now(char to[MST_RUNFILE_TIME]);

/** On rank 0: make /model's groups and arrays, without contents; *bytes is what the file may need
 *  with them. Local. */
mst_status mst_runfile_make_model(const mst_runfile *r, const mst_state *state,
                                  int64_t *bytes) MST_CHECKED;

/** Add /metrics to the manifest. Collective. */
mst_status mst_runfile_digest_metrics(mst_runfile *r) MST_CHECKED;

/** Write everything but /model: rank 0 alone, after gathering what the ranks know. Collective. */
mst_status mst_runfile_write_rest(mst_runfile *r, const char *digest) MST_CHECKED;

#endif
