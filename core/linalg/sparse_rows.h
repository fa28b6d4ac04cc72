/* Rows of which few entries are not zero, in compressed form (CSR). */
#ifndef MST_CORE_LINALG_SPARSE_ROWS_H
#define MST_CORE_LINALG_SPARSE_ROWS_H

#include <stdint.h>

#include "core/base/status.h"

typedef struct mst_sparse_rows {
  int64_t rows, columns;
  int64_t *start; /* (rows + 1) the entries of row i are [start[i], start[i + 1]); start[0] is 0 */
  int32_t *index; /* (start[rows]) columns, increasing within a row                             */
  float *value;   /* (start[rows])                                                              */
} mst_sparse_rows;

/** Room for that many rows and entries, all zero. Free with mst_sparse_rows_free, after an error
 * too. MST_ERR_MEMORY. Local. */
mst_status mst_sparse_rows_create(int64_t rows, int64_t columns, int64_t entries,
                                  mst_sparse_rows *s) MST_CHECKED;
/** Empty rows are allowed. Local. */
void mst_sparse_rows_free(mst_sparse_rows *s);

/** Bytes of so many rows and entries. Local. */
int64_t mst_sparse_rows_bytes(int64_t rows, int64_t entries);

/** Are the entries of each row in increasing columns, of which there are s->columns, and finite?
 *  \param what  what errors call the rows; they count from `first` on.
 *  \return MST_OK; MST_ERR_FORMAT (order, a column twice, one that is not there) or
 *          MST_ERR_NONFINITE, naming the first such row and column. start must be right. Local. */
mst_status mst_sparse_rows_check(const mst_sparse_rows *s, const char *what,
                                 int64_t first) MST_CHECKED;

/** x(columns): row i with its zeros. Local. */
void mst_sparse_rows_whole(const mst_sparse_rows *s, int64_t i, float *x);

#endif
