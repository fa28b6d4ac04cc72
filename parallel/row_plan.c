/* The arrangement of rows: the first that fits of features kept, features made again, and more and
 * more groups. */
#include "parallel/row_plan.h"

#include "core/base/arithmetic.h"
#include "core/linalg/sparse_rows.h"
#include "parallel/roster.h"
#include "parallel/rows.h"

#define EXCHANGE_BYTES (4 * MST_ROWS_PIECE_BYTES) /* pieces packed, sent, received */
#define WINDOW_BYTES   ((int64_t)256 << 20)       /* a read, when memory does not ask for less */
#define LIBRARY_BYTES  ((int64_t)40 << 20)        /* buffers of MPI and HDF5 */
#define PANEL_BYTES    ((int64_t)256 << 20) /* sums of a Gram that are always worth their memory */

static int64_t arrange(mst_row_plan *plan, int ranks, int64_t rows, int64_t elements, int64_t width,
                       int64_t job_bytes, bool resident, int64_t groups) {
  const int64_t share = mst_most(mst_ceil_div(rows, ranks), 1) + MST_BLOCK_ROWS;
  const int64_t group = groups == 1 ? share : mst_ceil_div(share, groups) + MST_BLOCK_ROWS;
  const int64_t raw = 4 * elements * group;
  const int64_t features = 4 * width * (resident ? share : MST_BLOCK_ROWS);
  plan->resident = resident;
  plan->groups = groups;
  plan->window_bytes = mst_most(mst_least(WINDOW_BYTES, raw), 4 * elements);
  const int64_t reading = raw + plan->window_bytes + EXCHANGE_BYTES;
  const int64_t working = (resident ? 0 : raw) + features + job_bytes;
  plan->rank_bytes =
      LIBRARY_BYTES + 16 * rows + mst_most(mst_most(reading, raw + features), working);
  return plan->rank_bytes;
}

static mst_status refuse(const char *job, int64_t need, int64_t width, int ranks, int64_t memory) {
  return mst_fail(MST_ERR_MEMORY,
                  "the %s job needs at least %.3f GiB a rank for %lld features on %d ranks, more "
                  "than the %.3f GiB that it may use: give resources.memory, more ranks or fewer "
                  "features",
                  job, (double)need / 0x1p30, (long long)width, ranks, (double)memory / 0x1p30);
}

mst_status mst_row_plan_make(const char *job, int ranks, int64_t rows, int64_t elements,
                             int64_t width, int64_t job_bytes, int64_t memory, mst_row_plan *plan) {
  int64_t need = arrange(plan, ranks, rows, elements, width, job_bytes, true, 1);
  if (memory == 0 || need <= memory) return MST_OK;
  const int64_t most = mst_most(mst_ceil_div(rows / ranks, MST_BLOCK_ROWS), 1);
  for (int64_t groups = 1; groups <= most; groups *= 2) {
    need = arrange(plan, ranks, rows, elements, width, job_bytes, false, groups);
    if (need <= memory) return MST_OK;
  }
  return refuse(job, need, width, ranks, memory);
}

mst_status mst_row_plan_sparse(const char *job, int ranks, int64_t rows, int64_t entries,
                               int64_t width, int64_t job_bytes, int64_t memory,
                               mst_row_plan *plan) {
  const int64_t share = mst_ceil_div(rows, ranks) + MST_BLOCK_ROWS;
  *plan = (mst_row_plan){.groups = 1};
  plan->rank_bytes =
      LIBRARY_BYTES + 16 * rows + mst_sparse_rows_bytes(share, entries) + 8 * share + job_bytes;
  if (memory == 0 || plan->rank_bytes <= memory) return MST_OK;
  return refuse(job, plan->rank_bytes, width, ranks, memory);
}

void mst_row_plan_gram(int64_t d, int ranks, mst_gram_plan *plan) {
  const int64_t n = d + 1;
  mst_gram_plan_make(n, ranks, mst_most(PANEL_BYTES, 6 * n * n / ranks), false, plan);
}
