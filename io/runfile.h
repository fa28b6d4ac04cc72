/* Run files: what a run leaves behind (DESIGN section 4, doc/formats.md).
 *
 *   /experiment         resolved text;   attributes: versions, ranks, hosts, seed, kernel
 *   /metrics/round      int64 [rounds];  /metrics/<series> float64 [rounds], NaN where not measured
 *   /model/<name>       the state list's arrays, sharded or not, stored as one array each
 *   /ledger/...         logical bytes and messages per round and direction
 *   /timing/...         seconds, physical bytes and memory: the only part that may differ between
 *                       rank counts
 * Written under a temporary name, flushed, renamed on commit. All functions are collective on the
 * team unless they say Local. */
#ifndef MST_IO_RUNFILE_H
#define MST_IO_RUNFILE_H

#include "comm/team.h"
#include "core/base/digest.h"
#include "core/base/observer.h"
#include "core/base/state.h"

typedef struct mst_runfile mst_runfile;

/** Begin a run file. Checks at once that the folder can be written. */
mst_status mst_runfile_create(mst_team *team, const char *path, const char *job,
                              const char *experiment_text, uint64_t seed,
                              mst_runfile **out) MST_CHECKED;

/** Add a round's metrics. Series may appear in any round; a round's value that is absent is
 *  NaN. Values must agree on all ranks. */
mst_status mst_runfile_round(mst_runfile *r, int64_t round, int n,
                             const mst_metric *metrics) MST_CHECKED;

/** Add to a round's logical meter. Directions: "uplink", "downlink", "setup_uplink", ... */
mst_status mst_runfile_ledger(mst_runfile *r, int64_t round, const char *direction, int64_t bytes,
                              int64_t messages) MST_CHECKED;

/** Record seconds, physical bytes or memory under /timing/<name>: one value a rank. */
mst_status mst_runfile_timing(mst_runfile *r, const char *name, double value) MST_CHECKED;

/** Record a headline figure as the attribute "result.<name>" of /: float64, or int64 for a whole
 *  number. One of the same name is replaced. */
mst_status mst_runfile_result(mst_runfile *r, const char *name, double value) MST_CHECKED;
mst_status mst_runfile_result_int(mst_runfile *r, const char *name, int64_t value) MST_CHECKED;

/** Write every array of state below /model. */
mst_status mst_runfile_model(mst_runfile *r, const mst_state *state) MST_CHECKED;

/** Write everything, flush, fsync, rename. digest (MST_DIGEST_HEX, may be NULL) is that of /model
 *  and /metrics, also stored as an attribute. Frees r in every case; on an error the temporary
 *  file is removed and nothing appears under the final name. */
mst_status mst_runfile_commit(mst_runfile *r, char *digest) MST_CHECKED;
/** Give up: remove the temporary file. NULL is allowed. */
void mst_runfile_abandon(mst_runfile *r);

/** Read /model and /metrics of a finished run file back, recompute their digest and compare it
 *  with the stored one. digest (MST_DIGEST_HEX, may be NULL) out.
 *  \return MST_OK; MST_ERR_INPUT (missing), MST_ERR_IO (unreadable); MST_ERR_FORMAT (not HDF5, truncated, not a
 *          run file, a later version, damaged, or the digests differ). */
mst_status mst_runfile_verify(mst_team *team, const char *path, char *digest) MST_CHECKED;

/** What a run file holds, as plain text for a person: how it was made, its headline figures, the
 *  metrics, the model's arrays, the ledger's totals and the timings. Contents are not verified.
 *  *text is the same on all ranks and freed with free(). Errors as for mst_runfile_verify. */
mst_status mst_runfile_describe(mst_team *team, const char *path, char **text) MST_CHECKED;

#endif
