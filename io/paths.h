/* The files that a run names, checked against each other before any work. */
#ifndef MST_IO_PATHS_H
#define MST_IO_PATHS_H

#include <stdbool.h>

#include "comm/team.h"

/* A file that a run names, and what for. */
typedef struct mst_named_path {
  const char *key; /* what errors call it */
  const char *path;
  bool written;    /* else it is read     */
} mst_named_path;

/** May these files be written? Refused: a written path that is the same file as another path, one
 *  that would replace what is neither empty nor an HDF5 file, one whose folder is missing or cannot
 *  be written. The sentence names the keys. Collective. */
mst_status mst_paths_check(mst_team *team, const mst_named_path *path, int n) MST_CHECKED;

#endif
