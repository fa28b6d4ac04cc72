/* Dataset files (doc/formats.md): /x float32 [n, ...] or compressed rows, /y, optional /client
 * /group /weight, and of logged decisions /arm /reward /propensity, in parallel HDF5, chunked by
 * rows, checksummed (fletcher32), optionally compressed. A file made by h5py with just x and y is
 * accepted. All functions are collective on the team unless they say Local, and return the same
 * status on all ranks. */
#ifndef MST_IO_DATASET_H
#define MST_IO_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/linalg/sparse_rows.h"

typedef enum mst_target {
  MST_TARGET_NONE,    /* no /y                                  */
  MST_TARGET_CLASSES, /* /y integer [n], 0 .. n_classes-1       */
  MST_TARGET_VALUES   /* /y float [n] or [n, outputs]           */
} mst_target;

/* Columns of /y, and classes that are counted where the file does not state n_classes: more are a
 * mistake (an id, a time stamp) rather than a target. */
#define MST_DATASET_OUTPUTS 1000000
#define MST_DATASET_CLASSES 1000000

typedef struct mst_dataset_info {
  int64_t rows;
  int row_dims;            /* 1 .. 3                                            */
  int64_t row_size[3];     /* e.g. 28, 28 for images; width for flat rows       */
  int64_t row_elements;    /* their product                                     */
  mst_target target;
  int64_t n_classes;       /* classes; 0 for values                             */
  int64_t outputs;         /* columns of /y: 1 for [n]                          */
  bool has_client, has_group, has_weight;
  bool has_log;            /* /arm, /reward and /propensity                     */
  int64_t n_arms;          /* of a log; 0 where the file does not say           */
  bool sparse;             /* rows are compressed, flat; row_size[0] is their columns */
  int64_t entries;         /* of compressed rows: numbers that are stored       */
  char task[32];           /* "classification" | "regression" | ""              */
  char source[256];        /* where it came from, free text                     */
} mst_dataset_info;

typedef struct mst_dataset mst_dataset;

/** Open and validate: existence, HDF5 signature, format attribute where present, shapes, types,
 *  that rows agree. n_classes is the attribute, or largest label + 1 where absent (at most
 *  MST_DATASET_CLASSES).
 *  \return MST_OK; MST_ERR_INPUT (missing, a folder) or MST_ERR_IO (unreadable), naming path and
 *          reason; MST_ERR_FORMAT (not HDF5, truncated, another muster format, no /x, wrong rank
 *          or type: names path and object, what was found and what is allowed). Collective. */
mst_status mst_dataset_open(mst_team *team, const char *path, mst_dataset **out) MST_CHECKED;
/** Take the file for one of its first `rows` rows only, from 1 to as many as it has. Classes stay
 *  those of the whole file. MST_ERR_INPUT otherwise; the errors of mst_dataset_count_entries.
 *  Collective; must agree. */
mst_status mst_dataset_limit(mst_dataset *d, int64_t rows) MST_CHECKED;
/** What the file holds; valid while open. Local. */
const mst_dataset_info *mst_dataset_about(const mst_dataset *d);
/** Collective; NULL is allowed. */
void mst_dataset_close(mst_dataset *d);

/** Read rows [first, first+count) of this rank (each rank its own range; count may be 0) into
 *  x(count, row_elements), converted to float32 from the number type of the file. Checksums are
 *  verified; a corrupt chunk is MST_ERR_FORMAT on all ranks. Ranks read independently and agree
 *  at the end. Collective. */
mst_status mst_dataset_read_x(mst_dataset *d, int64_t first, int64_t count, float *x) MST_CHECKED;
/** The same rows of a dataset of sparse ones as they are stored; mst_dataset_read_x gives them with
 *  their zeros. Both check them: MST_ERR_FORMAT (places that decrease, columns that do not increase
 *  or are not there) and MST_ERR_NONFINITE name file, row and column. MST_ERR_INPUT where rows are
 *  whole. Free *out with mst_sparse_rows_free, after an error too. Collective. */
mst_status mst_dataset_read_sparse(mst_dataset *d, int64_t first, int64_t count,
                                   mst_sparse_rows *out) MST_CHECKED;
/** Entries of rows [first, first + count) of a dataset of sparse rows; each rank its own range.
 *  MST_ERR_FORMAT, MST_ERR_INPUT. Collective. */
mst_status mst_dataset_count_entries(mst_dataset *d, int64_t first, int64_t count,
                                     int64_t *entries) MST_CHECKED;
/** Labels of rows [first, first+count), each checked against [0, n_classes): MST_ERR_FORMAT names
 *  the lowest offending row of all ranks' ranges, its value and n_classes. Any integer type in
 *  the file. MST_ERR_INPUT where the dataset has no classes. Collective. */
mst_status mst_dataset_read_labels(mst_dataset *d, int64_t first, int64_t count,
                                   int32_t *label) MST_CHECKED;
/** Values (count, outputs). MST_ERR_INPUT where the dataset has none. Collective. */
mst_status mst_dataset_read_values(mst_dataset *d, int64_t first, int64_t count,
                                   float *value) MST_CHECKED;
/** /client or /group by name, and /weight; MST_ERR_INPUT if absent. An integer that does not fit
 *  32 bits is MST_ERR_FORMAT naming the row. Collective. */
mst_status mst_dataset_read_i32(mst_dataset *d, const char *name, int64_t first, int64_t count,
                                int32_t *out) MST_CHECKED;
mst_status mst_dataset_read_weight(mst_dataset *d, int64_t first, int64_t count,
                                   float *out) MST_CHECKED;
/** What was decided in rows [first, first+count): arm, reward and propensity (count). Only that an
 *  arm fits 32 bits is checked. MST_ERR_INPUT where the dataset is no log. Collective. */
mst_status mst_dataset_read_log(mst_dataset *d, int64_t first, int64_t count, int32_t *arm,
                                float *reward, float *propensity) MST_CHECKED;

typedef struct mst_dataset_options {
  int deflate;         /* 0 = none, 1..9 gzip level                          */
  int64_t chunk_rows;  /* 0 = so many that a chunk is about 1 MiB; at most
                          the dataset's rows, or 512 MiB                   */
  const char *const *class_names; /* (n_classes) stored as an attribute, or NULL;
                                     only rank 0's are looked at             */
  const char *const *row_ids;    /* of sparse rows: what the rows (rows) ...    */
  const char *const *column_ids; /* ... and columns (row_elements) were called
                                    before they were numbered; likewise         */
} mst_dataset_options;

typedef struct mst_dataset_writer mst_dataset_writer;

/** Begin a dataset file with that content. Written under a temporary name (see mst_file_begin);
 *  nothing appears under `path` before mst_dataset_commit. The space is reserved here, so a disk
 *  that is too full is found before any work. info must agree on all ranks; rows and shapes are
 *  final; row_elements is computed. options may be NULL.
 *  \return MST_OK, MST_ERR_INPUT (an impossible shape, naming it), MST_ERR_IO (names the folder or
 *          the bytes needed and free), MST_ERR_MEMORY. Collective. */
mst_status mst_dataset_create(mst_team *team, const char *path, const mst_dataset_info *info,
                              const mst_dataset_options *options,
                              mst_dataset_writer **out) MST_CHECKED;
/** Write rows [first, first+count) of this rank; count may be 0. Parts not present in info are
 *  NULL. Filtered chunks are written collectively; ranks may give ranges that share a chunk, but
 *  no row may be given twice. Fastest where ranges begin and end on mst_dataset_chunk_rows.
 *  \return MST_OK, MST_ERR_INPUT (rows outside the file, a label outside its classes, a part
 *          missing), MST_ERR_IO. After an error only commit or abandon may follow. Collective. */
mst_status mst_dataset_write(mst_dataset_writer *w, int64_t first, int64_t count, const float *x,
                             const int32_t *label, const float *value, const int32_t *client,
                             const int32_t *group, const float *weight) MST_CHECKED;
/** Write what was decided in rows [first, first+count) of this rank, for a dataset with a log: of
 *  every row once, beside mst_dataset_write. Errors as there. Collective. */
mst_status mst_dataset_write_log(mst_dataset_writer *w, int64_t first, int64_t count,
                                 const int32_t *arm, const float *reward,
                                 const float *propensity) MST_CHECKED;
/** Write rows [first, first + rows->rows) of this rank, of a dataset of sparse rows: every row once,
 *  beside mst_dataset_write, whose x is NULL then. at: the place of their first entry among all.
 *  Errors as there, and for rows that mst_dataset_read_sparse would refuse. Collective. */
mst_status mst_dataset_write_sparse(mst_dataset_writer *w, int64_t first, int64_t at,
                                    const mst_sparse_rows *rows) MST_CHECKED;
/** Rows of one chunk of /x; of sparse rows, so many as are best written at once. Local. */
int64_t mst_dataset_chunk_rows(const mst_dataset_writer *w);
/** Flush, close, fsync, rename to the final name, fsync the folder. Where the space could not be
 *  reserved, the file is read back first. Frees w in every case; on an error, or if rows are
 *  missing (MST_ERR_INTERNAL), or if a write had failed, the temporary file is removed.
 *  Collective. */
mst_status mst_dataset_commit(mst_dataset_writer *w) MST_CHECKED;
/** Give up: close and remove the temporary file. Collective; NULL is allowed. */
void mst_dataset_abandon(mst_dataset_writer *w);

#endif
