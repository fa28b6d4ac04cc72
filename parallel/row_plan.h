/* How rows are held for a job that walks over all of them several times: features kept once, or
 * made again at each walk; rows brought to their owners in one group or in several. */
#ifndef MST_PARALLEL_ROW_PLAN_H
#define MST_PARALLEL_ROW_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "parallel/gram.h"

typedef struct mst_row_plan {
  int64_t groups;       /* in which rows are brought to their owners   */
  bool resident;        /* features are computed once and kept         */
  int64_t window_bytes; /* of one read                                 */
  int64_t rank_bytes;   /* peak of a rank, what the job holds included */
} mst_row_plan;

/** Arrange rows(rows, elements) with features of that width over so many ranks. The job itself
 *  takes job_bytes a rank beside them; memory (bytes a rank; 0 = no limit) holds both. What the
 *  job computes must not depend on the arrangement.
 *  \param job  its name, for the message.
 *  \return MST_OK, or MST_ERR_MEMORY saying the least that would do. Local; all ranks compute the
 *          same. */
mst_status mst_row_plan_make(const char *job, int ranks, int64_t rows, int64_t elements,
                             int64_t width, int64_t job_bytes, int64_t memory,
                             mst_row_plan *plan) MST_CHECKED;

/** The same for sparse rows, which stay where they are read, of which a rank has at most `entries`
 *  entries: nothing is left to arrange but whether memory holds them. Errors likewise. Local. */
mst_status mst_row_plan_sparse(const char *job, int ranks, int64_t rows, int64_t entries,
                               int64_t width, int64_t job_bytes, int64_t memory,
                               mst_row_plan *plan) MST_CHECKED;

/** How mst_gram walks through the Gram of d features without targets, of order d + 1. Local. */
void mst_row_plan_gram(int64_t d, int ranks, mst_gram_plan *plan);

#endif
