/* A run file in the making. Private to io. */
#ifndef MST_IO_RUNFILE_WRITE_H
#define MST_IO_RUNFILE_WRITE_H

#include "io/runfile.h"
#include "io/runfile_parts.h"
#include "io/series.h"

#define MST_RUNFILE_TIME 32 /* bytes of "2025-11-22T15:06:42Z" */

typedef struct mst_figures {
  int n, capacity;
  mst_figure *at; /* in the order of recording */
} mst_figures;

struct mst_runfile {
  mst_team *team;
  char *path, *temporary;
  char *job, *experiment;
  uint64_t seed;
  int64_t rounds;  /* of the whole run                                          */
  int64_t resumed; /* rounds that were taken over from a checkpoint; 0 = none   */
  char started[MST_RUNFILE_TIME];
  mst_series_table metrics, ledger;
  mst_figures timing, result;
  mst_text inputs;       /* "key digest\n" of each dataset that the run reads; "" before */
  mst_manifest manifest; /* of the arrays written so far */
  bool reserved;         /* the file system promised the space of all that was written */
};

/** UTC now, ISO 8601. Local. */
void mst_runfile_now(char to[MST_RUNFILE_TIME]);

/** On rank 0: make a group and its arrays, without contents; *bytes is what the file may need with
 *  them. Local. */
mst_status mst_runfile_make_arrays(const mst_runfile *r, const char *group, const mst_state *state,
                                   int64_t *bytes) MST_CHECKED;

/** On rank 0: say which file this is (muster_format, version) and where it comes from: program,
 *  job, seed, datasets, ranks, libraries. Local. */
mst_status mst_runfile_put_origin(hid_t file, const mst_runfile *r, const char *format,
                                  int64_t version) MST_CHECKED;

/** Versions of the program, for a comparison: PACKAGE_VERSION and the commit. Local. */
const char *mst_runfile_program(void);

/** Write everything but /model: rank 0 alone, after gathering what the ranks know. Collective. */
mst_status mst_runfile_write_rest(mst_runfile *r, const char *digest) MST_CHECKED;

#endif
