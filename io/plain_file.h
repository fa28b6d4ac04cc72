/* A plain file that ranks write and read side by side with the system's own calls: what HDF5 is
 * measured against. Private to muster. All functions are Local. */
#ifndef MST_IO_PLAIN_FILE_H
#define MST_IO_PLAIN_FILE_H

#include <stdint.h>

#include "core/base/status.h"

/** Write data(bytes) from `offset` of an existing file on, and bring the file to disk (fsync).
 *  MST_ERR_IO names the path and the reason. */
mst_status mst_plain_write(const char *path, int64_t offset, int64_t bytes,
                           const void *data) MST_CHECKED;
/** Read data(bytes) from `offset` on. MST_ERR_IO, also where the file ends before. */
mst_status mst_plain_read(const char *path, int64_t offset, int64_t bytes, void *data) MST_CHECKED;
/** Make the file empty. */
mst_status mst_plain_clear(const char *path) MST_CHECKED;
/** Ask this node's system to forget what it keeps in memory of a file that is on disk. File systems
 *  of a network, and disks, may still keep it. Errors are ignored. */
void mst_plain_forget(const char *path);

#endif
