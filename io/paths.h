/* The files that a run names, checked against each other before any work. */
#ifndef MST_IO_PATHS_H
#define MST_IO_PATHS_H

#include <stdbool.h>

#include "comm/team.h"

/* A file that a run names, and what for. */
typedef struct mst_named_path {
  const char *key; /* what errors call it */
  const char *path;
  bool written;        /* else it is read     */
  bool told;           /* by the command's JSON line, as every written one is */
  const char *opening; /* written: the text, of 64 bytes at most, that a file of its kind begins
                          with; NULL: it is HDF5 */
} mst_named_path;

/** May these files be written? Refused: a written path that is the same file as another path, one
 *  that would replace what is neither empty nor of its kind (HDF5, or text with that opening), one
 *  whose folder is missing or cannot be written; and a name that is to be told and is not UTF-8.
 *  The sentence names the keys. Collective. */
mst_status mst_paths_check(mst_team *team, const mst_named_path *path, int n) MST_CHECKED;

/** MST_ERR_INPUT for a name that JSON cannot tell: one that is not UTF-8. Local. */
mst_status mst_paths_check_name(const char *key, const char *path) MST_CHECKED;

#endif
