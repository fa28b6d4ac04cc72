/* Run files: what a run leaves behind (doc/formats.md).
 *
 *   /experiment         resolved text;   attributes: versions, ranks, hosts, seed, kernel
 *   /metrics/round      int64 [rounds];  /metrics/<series> float64 [rounds], NaN where not measured
 *   /model/<name>       the state list's arrays, sharded or not, stored as one array each
 *   /ledger/...         logical bytes and messages per round and direction
 *   /<group>/<name>     what else a job tells of its data and its model: /data, /clients,
 *                       /evaluation
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

#define MST_FIGURE_NAME 64 /* bytes, with the end */

/* A number with a name. */
typedef struct mst_figure {
  char name[MST_FIGURE_NAME];
  bool whole; /* the number is in count, not in value */
  double value;
  int64_t count;
} mst_figure;

/** Begin a run file. Checks at once that the folder can be written.
 *  \return MST_OK, MST_ERR_INPUT (a name that cannot be written under), MST_ERR_IO or
 *          MST_ERR_MEMORY. Collective; path, job and text must agree. */
mst_status mst_runfile_create(mst_team *team, const char *path, const char *job,
                              const char *experiment_text, uint64_t seed,
                              mst_runfile **out) MST_CHECKED;

/** Add a round's metrics. Series may appear in any round; a round's value that is absent is
 *  NaN. Values must agree on all ranks. Collective. */
mst_status mst_runfile_round(mst_runfile *r, int64_t round, int n,
                             const mst_metric *metrics) MST_CHECKED;

/** Add to a round's logical meter. Directions: "uplink", "downlink", "setup_uplink", ...
 *  MST_ERR_INTERNAL for a negative amount or a sum that overflows. Collective; must agree. */
mst_status mst_runfile_ledger(mst_runfile *r, int64_t round, const char *direction, int64_t bytes,
                              int64_t messages) MST_CHECKED;

/** Record seconds, physical bytes or memory under /timing/<name>: one value a rank. Collective;
 *  names must agree. */
mst_status mst_runfile_timing(mst_runfile *r, const char *name, double value) MST_CHECKED;

/** Record how many rounds the run made, as the attribute "rounds" of /. Local; must agree. */
void mst_runfile_rounds(mst_runfile *r, int64_t rounds);

/** Record what a dataset says that the experiment names by a key ("data.train"): `hex` is its
 *  digest (io/dataset_digest.h). They become the attribute "inputs" of / here and in checkpoints,
 *  and a resume compares them. MST_ERR_MEMORY. Collective; must agree. */
mst_status mst_runfile_input(mst_runfile *r, const char *key, const char *hex) MST_CHECKED;

/** Record a headline figure as the attribute "result.<name>" of /: float64, or int64 for a whole
 *  number. One of the same name is replaced. Collective; must agree. */
mst_status mst_runfile_result(mst_runfile *r, const char *name, double value) MST_CHECKED;
mst_status mst_runfile_result_int(mst_runfile *r, const char *name, int64_t value) MST_CHECKED;

/** Write every array of state below /model; the space is reserved first, as in mst_dataset_create.
 *  Collective; names, types and shapes must agree. */
mst_status mst_runfile_model(mst_runfile *r, const mst_state *state) MST_CHECKED;

/** Write every array of state below a group of its own ("clients": what they held and how they
 *  fare), not one of those above. Such arrays are no part of the digest. Collective; as
 *  mst_runfile_model. */
mst_status mst_runfile_arrays(mst_runfile *r, const char *group,
                              const mst_state *state) MST_CHECKED;

/** Write everything, flush, fsync, rename. digest (MST_DIGEST_HEX, may be NULL) is that of /model
 *  and /metrics, also stored as an attribute. Frees r in every case; on an error the temporary
 *  file is removed and nothing appears under the final name. Collective. */
mst_status mst_runfile_commit(mst_runfile *r, char *digest) MST_CHECKED;
/** Give up: remove the temporary file. Collective; NULL is allowed. */
void mst_runfile_abandon(mst_runfile *r);

/** Read /model and /metrics of a finished run file back, recompute their digest and compare it
 *  with the stored one. digest (MST_DIGEST_HEX, may be NULL) out.
 *  \return MST_OK; MST_ERR_INPUT (missing), MST_ERR_IO (unreadable); MST_ERR_FORMAT (not HDF5,
 *          truncated, not a run file, a later version, damaged, or the digests differ).
 *          Collective. */
mst_status mst_runfile_verify(mst_team *team, const char *path, char *digest) MST_CHECKED;

/** Fill the arrays of state with those below a group of a run file, on every rank; the group holds
 *  these and no others.
 *  \return MST_OK; MST_ERR_INPUT naming the first array that is missing, left over, or of another
 *          type or shape; MST_ERR_FORMAT for what cannot be read. Contents are compared with the
 *          chunks' checksums, not with the digest: mst_runfile_verify does that. Collective. */
mst_status mst_runfile_read(mst_team *team, const char *path, const char *group,
                            mst_state *state) MST_CHECKED;

#define MST_INPUTS_BYTES 4096 /* of "inputs": more than a few keys and digests take */

/* What a finished run came to. */
typedef struct mst_outcome {
  char job[64], digest[MST_DIGEST_HEX];
  char *experiment;              /* resolved text                                    */
  char inputs[MST_INPUTS_BYTES]; /* "key digest\n" of each dataset that the run read */
  int64_t rounds, ranks;
  double seconds; /* of rank 0, since its last start */
  int n;
  mst_figure *figure; /* (n) headline figures, in the order in which they were recorded */
} mst_outcome;

/** The outcome that a run file tells, after mst_runfile_verify. Errors as there. Free with
 *  mst_outcome_clear, not on an error. Collective. */
mst_status mst_runfile_outcome(mst_team *team, const char *path, mst_outcome *out) MST_CHECKED;
void mst_outcome_clear(mst_outcome *o);

/** What a run file holds, as plain text for a person: how it was made, its headline figures, the
 *  metrics, the model's arrays, the ledger's totals and the timings. Contents are not verified.
 *  *text is the same on all ranks and freed with mst_free. Errors as for mst_runfile_verify.
 *  Collective. */
mst_status mst_runfile_describe(mst_team *team, const char *path, char **text) MST_CHECKED;

#endif
