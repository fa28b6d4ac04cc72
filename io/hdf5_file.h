/* HDF5 as everybody in io uses it: silent, in the 1.10 format (whose metadata carry checksums),
 * its error stack folded into muster's one sentence. Functions are Local unless they say
 * Collective. */
#ifndef MST_IO_HDF5_FILE_H
#define MST_IO_HDF5_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hdf5.h>

#include "comm/team.h"

/** Switch off HDF5's own printing of errors, for the process. */
void mst_hdf5_hush(void);

/** Like mst_fail, with ": <HDF5's innermost reason>" behind the sentence. To be called right after
 *  the HDF5 call that failed: the next one forgets the reason. */
mst_status mst_hdf5_fail(mst_status code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Is the file at `path` an HDF5 file of full length? Read with plain POSIX calls, so that foreign
 *  and truncated files never reach HDF5. MST_ERR_IO or MST_ERR_FORMAT with path and reason. */
mst_status mst_hdf5_look(const char *path) MST_CHECKED;

/** Create a new file on this rank alone (POSIX driver), replacing `path`; format bounds 1.10 to
 *  latest. A file's groups, datasets and attributes are made like this by rank 0; then all ranks
 *  open it together to write the data. */
mst_status mst_hdf5_create(const char *path, hid_t *file) MST_CHECKED;

/** Open on this rank alone (POSIX driver). MST_ERR_FORMAT where HDF5 does not accept the contents;
 *  MST_ERR_IO where the system does not let it (missing, locked), and whenever it was for
 *  writing. */
mst_status mst_hdf5_open(const char *path, bool write, hid_t *file) MST_CHECKED;

/** Close a file that this rank alone has written, and return the status of the writing (given as
 *  `status`) and closing. Where either fails the file `name` is emptied, so that a full disk does
 *  not keep it open. `path` is what errors call it. */
mst_status mst_hdf5_close_written(hid_t file, const char *name, const char *path,
                                  mst_status status) MST_CHECKED;

/** Open on all ranks of the team together (MPI-IO driver). Collective; same status everywhere. */
mst_status mst_hdf5_open_team(mst_team *team, const char *path, bool write,
                              hid_t *file) MST_CHECKED;

/** The file's format word and version: attributes muster_format and version of /. word is "" and
 *  version 0 where the file has none (a file made by another tool). */
mst_status mst_hdf5_format(hid_t file, const char *path, char *word, size_t size,
                           int64_t *version) MST_CHECKED;

/** Attributes of an object: fixed-length UTF-8 strings, 64-bit integers and doubles (h5py's
 *  variable-length strings are read too). Reading an absent one gives *found = false and leaves
 *  the value; a string that does not fit is cut; one of another type is MST_ERR_FORMAT. */
mst_status mst_hdf5_put_text(hid_t object, const char *name, const char *text) MST_CHECKED;
mst_status mst_hdf5_put_int(hid_t object, const char *name, int64_t value) MST_CHECKED;
mst_status mst_hdf5_put_real(hid_t object, const char *name, double value) MST_CHECKED;
/** An array of n texts, n >= 1. */
mst_status mst_hdf5_put_texts(hid_t object, const char *name, int64_t n,
                              const char *const *texts) MST_CHECKED;
mst_status mst_hdf5_get_text(hid_t object, const char *path, const char *name, char *text,
                             size_t size, bool *found) MST_CHECKED;
mst_status mst_hdf5_get_int(hid_t object, const char *path, const char *name, int64_t *value,
                            bool *found) MST_CHECKED;

/* The largest row and the largest chunk, which is moved by one MPI call. */
#define MST_HDF5_ROW_BYTES ((int64_t)1 << 29)

/** Create a dataset chunked by rows, checksummed (fletcher32), optionally compressed (shuffle and
 *  deflate 1..9), space taken as chunks are written. chunk_rows 0 = so many that a chunk is about
 *  1 MiB. *bytes (may be NULL) grows by the most the data can need in the file. Close the result
 *  with H5Dclose. MST_ERR_INPUT if a row is larger than MST_HDF5_ROW_BYTES. */
mst_status mst_hdf5_put_dataset(hid_t file, const char *name, hid_t type, int dims,
                                const int64_t *shape, int64_t chunk_rows, int deflate,
                                hid_t *dataset, int64_t *bytes) MST_CHECKED;
/** Open a dataset, with a chunk cache that suits reading by row blocks. In a file opened by
 *  mst_hdf5_open_team for writing this is Collective: HDF5 then allots all chunks. */
mst_status mst_hdf5_open_dataset(hid_t file, const char *path, const char *name,
                                 hid_t *dataset) MST_CHECKED;

/** Write rows [first, first+count) of this rank into a dataset of a file opened by
 *  mst_hdf5_open_team. Collective; any count, 0 too; cut into pieces of 16 MiB. `type` is the
 *  type in memory. The status is agreed. `path` is for the sentence. */
mst_status mst_hdf5_write_rows(mst_team *team, const char *path, hid_t dataset, hid_t type,
                               int64_t first, int64_t count, const void *data) MST_CHECKED;
/** Read rows [first, first+count). Every rank reads its own, without waiting for others; Local:
 *  the caller agrees on the status. A chunk whose checksum does not match is MST_ERR_FORMAT. */
mst_status mst_hdf5_read_rows(const char *path, hid_t dataset, hid_t type, int64_t first,
                              int64_t count, void *data) MST_CHECKED;

#endif
