/* Rows of a dataset that stay as sparse as they are stored: read where the roster has them, and
 * digested with their zeros, so that a dataset's digest does not tell how its rows are stored. */
#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "jobs/data.h"

#define WINDOW_ROWS 128 /* that get their zeros at a time */

static mst_status digest_rows(mst_job_set *d, int64_t first, const mst_sparse_rows *rows) {
  const int64_t width = d->info->row_elements;
  int64_t longest = rows->rows;
  float *x = NULL;
  mst_status st =
      mst_alloc(&x, mst_least(rows->rows, WINDOW_ROWS) * width, sizeof *x, "rows to be digested");
  st = mst_team_agree(d->team, st);
  if (st == MST_OK) st = mst_max_i64(d->team, &longest, 1);
  for (int64_t done = 0; done < longest && st == MST_OK; done += WINDOW_ROWS) {
    const int64_t at = mst_least(done, rows->rows), n = mst_least(rows->rows - at, WINDOW_ROWS);
    for (int64_t i = 0; i < n; i++) mst_sparse_rows_whole(rows, at + i, x + i * width);
    st = mst_dataset_digest_add(d->team, d->file, first + at, n, x, NULL, &d->digest);
  }
  mst_free(x);
  return st;
}

mst_status mst_job_set_read_sparse(mst_job_set *d) {
  if (d->roster == NULL) MST_TRY(mst_job_set_place(d, 1));
  const int64_t first = d->roster->first, count = d->roster->count;
  MST_TRY(mst_dataset_read_sparse(d->file, first, count, &d->sparse));
  return digest_rows(d, first, &d->sparse);
}

mst_status mst_job_set_most_entries(const mst_job_set *d, int parts, int64_t *most) {
  const int64_t rows = d->info->rows;
  *most = 0;
  /* Every rank asks as often: reading is collective. */
  for (int r = mst_team_rank(d->team), size = mst_team_size(d->team), n = 0; n < parts; n += size) {
    const int part = (int)mst_least(r + n, parts - 1);
    const int64_t first = mst_most(mst_share_begin(rows, part, parts) - MST_BLOCK_ROWS / 2, 0);
    const int64_t end =
        mst_least(mst_share_begin(rows, part + 1, parts) + MST_BLOCK_ROWS / 2, rows);
    int64_t entries = 0;
    MST_TRY(mst_dataset_count_entries(d->file, first, end - first, &entries));
    *most = mst_most(*most, entries);
  }
  return mst_max_i64(d->team, most, 1);
}
