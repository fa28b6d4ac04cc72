/* Edges of a graph from a text file: the numbers of two nodes a line, from 0, with blanks or a
 * comma between them; a line that begins with '#' is a comment. */
#ifndef MST_IO_EDGES_H
#define MST_IO_EDGES_H

#include <stdint.h>

#include "comm/team.h"

/** Read edge(*edges, 2); free with mst_free. Rank 0 reads. What nodes there are is the caller's to
 *  check.
 *  \return MST_OK; MST_ERR_INPUT or MST_ERR_IO naming the file; MST_ERR_FORMAT naming the line that
 *          is no pair of numbers; MST_ERR_MEMORY. Collective on team; path must agree. */
mst_status mst_edges_read(mst_team *team, const char *path, int64_t **edge,
                          int64_t *edges) MST_CHECKED;

#endif
