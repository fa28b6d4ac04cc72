/* The rows of a dataset in compressed form: group /x with indptr, indices and data, as scipy.sparse
 * names the parts of a csr_matrix (doc/formats.md). What io/dataset.c and io/dataset_write.c do
 * with such a group; private to them. */
#ifndef MST_IO_SPARSE_H
#define MST_IO_SPARSE_H

#include <hdf5.h>

#include "core/linalg/sparse_rows.h"
#include "io/dataset.h"

/* The parts of an open group; all negative where rows are whole. */
typedef struct mst_sparse_parts {
  hid_t start, index, value;
} mst_sparse_parts;

#define MST_SPARSE_NONE ((mst_sparse_parts){H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID})

/** Is /x a group? Then shape and entries of its rows go into info, checked. Errors as
 *  mst_dataset_open. Local. */
mst_status mst_sparse_examine(hid_t file, const char *path, mst_dataset_info *info) MST_CHECKED;
/** Open the parts. Local; Collective in a file that is opened for writing. */
mst_status mst_sparse_open(hid_t file, const char *path, mst_sparse_parts *p) MST_CHECKED;
/** \return whether HDF5 could close them. Local. */
bool mst_sparse_close(mst_sparse_parts *p);

/** Rows [first, first + count), checked; the range lies in the dataset. Free *out after an error
 *  too. Errors as mst_dataset_read_sparse. Local. */
mst_status mst_sparse_read(const char *path, const mst_sparse_parts *p,
                           const mst_dataset_info *info, int64_t first, int64_t count,
                           mst_sparse_rows *out) MST_CHECKED;
/** The same with their zeros, x(count, columns). Local. */
mst_status mst_sparse_read_whole(const char *path, const mst_sparse_parts *p,
                                 const mst_dataset_info *info, int64_t first, int64_t count,
                                 float *x) MST_CHECKED;

/** Entries of these rows. Local. */
mst_status mst_sparse_count(const char *path, const mst_sparse_parts *p,
                            const mst_dataset_info *info, int64_t first, int64_t count,
                            int64_t *entries) MST_CHECKED;

/** Make the empty group; *bytes grows by what it will need. On rank 0 alone. */
mst_status mst_sparse_put(hid_t file, const mst_dataset_info *info,
                          const mst_dataset_options *options, int64_t *bytes) MST_CHECKED;
/** Write rows [first, first + rows->rows) of this rank, whose first entry stands at place `at` of
 *  all. MST_ERR_INPUT for rows or entries that the dataset does not have; mst_sparse_rows_check's;
 *  MST_ERR_IO; MST_ERR_MEMORY. Collective. */
mst_status mst_sparse_write(mst_team *team, const char *path, const mst_sparse_parts *p,
                            const mst_dataset_info *info, int64_t first, int64_t at,
                            const mst_sparse_rows *rows) MST_CHECKED;

#endif
