/* Files of vectors: the rows of an NPY array (numpy.save) of float32 or float64 in C order, or of
 * /x of an HDF5 file. Each rank reads rows of its own; a result is written as an NPY array.
 * Functions are Collective and return the same status on all ranks unless they say Local. */
#ifndef MST_IO_VECTORS_H
#define MST_IO_VECTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"

#define MST_VECTORS_OPENING "\x93NUMPY" /* the bytes that an NPY file begins with */

typedef struct mst_vectors_info {
  int64_t n, d; /* vectors, and entries of each: further dimensions are laid out in a row. An array
                   of one dimension is one vector */
  bool wide;    /* float64 in the file; otherwise float32 */
} mst_vectors_info;

typedef struct mst_vectors mst_vectors;

/** Open and look at the header.
 *  \return MST_OK; MST_ERR_INPUT (missing, a folder) or MST_ERR_IO (unreadable), naming path and
 *          reason; MST_ERR_FORMAT (neither kind of file, truncated, packed, another type, column
 *          by column, empty, no /x). */
mst_status mst_vectors_open(mst_team *team, const char *path, mst_vectors **out) MST_CHECKED;
/** What the file holds; valid while open. Local. */
const mst_vectors_info *mst_vectors_about(const mst_vectors *v);
/** NULL is allowed. */
void mst_vectors_close(mst_vectors *v);

/** Read vectors [first, first + count) of this rank (each rank its own; count may be 0) into
 *  x(count, d) of float64 (wide) or float32, converted where the file has the other. */
mst_status mst_vectors_read(mst_vectors *v, int64_t first, int64_t count, bool wide,
                            void *x) MST_CHECKED;

/** Write x(d), which every rank has, as an NPY array of one dimension: under a temporary name first.
 *  \return MST_OK, or what mst_file_begin, _reserve and _publish return. */
mst_status mst_vectors_write(mst_team *team, const char *path, bool wide, int64_t d,
                             const void *x) MST_CHECKED;

#endif
