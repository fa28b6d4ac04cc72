/* What a dataset says, in one digest: a run that goes on asks whether it still has the rows that it
 * began with. It depends on the rows, their targets, clients and (asked for) weights alone, not on
 * how the file stores them, where it lies, when it was written, or how many ranks read it. Private
 * to muster. */
#ifndef MST_IO_DATASET_DIGEST_H
#define MST_IO_DATASET_DIGEST_H

#include "core/base/digest.h"
#include "io/dataset.h"

/* Of the rows so far: sums, modulo 2^64, of the digests of the rows. Begin with zeros. */
typedef struct mst_dataset_digest {
  uint64_t sum[MST_DIGEST_BYTES / 8];
  bool weights; /* of the rows count too, where there are any */
} mst_dataset_digest;

/** Add rows [first, first + count) of this rank: x(count, row_elements) and value(count, outputs;
 *  NULL unless the targets are values) as they were read; labels, clients and weights are read
 * here. Over the team, every row is to be added once.
 *  \return MST_OK, MST_ERR_MEMORY, or what reading returns. Collective on team, that of d.
 *  Cost: one BLAKE2b of the bytes of a row, and 8 bytes of reading. */
mst_status mst_dataset_digest_add(mst_team *team, mst_dataset *d, int64_t first, int64_t count,
                                  const float *x, const float *value,
                                  mst_dataset_digest *g) MST_CHECKED;

/** hex: of all rows and of their shape; the same on all ranks. Collective on team. */
mst_status mst_dataset_digest_end(mst_team *team, const mst_dataset_info *info,
                                  const mst_dataset_digest *g,
                                  char hex[MST_DIGEST_HEX]) MST_CHECKED;

/** hex: of all rows of the file at path, which the ranks share; weights: as above. \return MST_OK, MST_ERR_MEMORY, or
 *  what opening and reading return. Collective on team. */
mst_status mst_dataset_digest_file(mst_team *team, const char *path, bool weights,
                                   char hex[MST_DIGEST_HEX]) MST_CHECKED;

#endif
