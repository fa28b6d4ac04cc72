/* The compress stage: each contribution is encoded and read back, so that the server works with
 * what it would have been sent; with feedback, what was lost is kept with the client and added to
 * what it sends next (Karimireddy et al. 2019, arXiv 1901.09847, algorithm 2).
 * doc/methods/compression.md. */
#ifndef MST_PARALLEL_COMPRESSION_H
#define MST_PARALLEL_COMPRESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/compress/compress.h"
#include "parallel/clients.h"
#include "parallel/pipeline.h"

typedef struct mst_compression mst_compression;

/** Whether anything is compressed: the kind is neither NULL nor none. Local. */
bool mst_compression_is_on(const mst_compress_spec *spec);

/** Check a spec, and that a compressor can stand in the pipeline (mst_pipeline_check). Local. */
mst_status mst_compression_check(const mst_compress_spec *spec,
                                 const mst_pipeline *pipeline) MST_CHECKED;

/** For contributions of `vectors` vectors of `stride` entries, of which the first n are sent and
 *  the others left as they are. The clients must outlive it; so must the words of the spec.
 *  \return MST_OK, MST_ERR_MEMORY, or what mst_compress_check returns. Collective. */
mst_status mst_compression_create(mst_team *team, mst_clients *clients,
                                  const mst_compress_spec *spec, uint64_t seed, int64_t n,
                                  int64_t stride, int vectors, mst_compression **out) MST_CHECKED;
void mst_compression_destroy(mst_compression *c); /* Collective; NULL is allowed */

/** Put its stages into the pipeline: the compressor, and for a majority vote the aggregate in place
 *  of the sum. The stages live as long as c. Applying the compressor returns MST_ERR_NONFINITE, and
 *  changes nothing, when an entry is, or would be read as, more than MST_TALLY_BOUND. Local. */
mst_status mst_compression_put(mst_compression *c, mst_pipeline *pipeline) MST_CHECKED;

/** Bytes of what a client sends: `vectors` encodings of n entries. Local. */
int64_t mst_compression_bytes(const mst_compress_spec *spec, int64_t n, int vectors);

/** Bytes that create takes: of a rank, and of a node for each of its clients. Local. */
void mst_compression_plan(const mst_compress_spec *spec, int64_t n, int vectors,
                          int64_t *rank_bytes, int64_t *client_bytes);

/** Add what is kept of all clients to a state list, and see it on all ranks after it was restored.
 *  Nothing without feedback. state: Local; restored: Collective. */
mst_status mst_compression_state(mst_compression *c, mst_state *state) MST_CHECKED;
mst_status mst_compression_restored(mst_compression *c) MST_CHECKED;

#endif
