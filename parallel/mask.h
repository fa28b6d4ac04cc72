/* The mask stage: secure aggregation on the lattice (core/secure/round.h). What each client sends
 * is its whole numbers behind masks; only the sum over all who sent can be read.
 *
 * A driver opens a round with the clients that it asks, rounds each contribution onto the public
 * grid, passes it through mst_pipeline_mask, adds it to the rank's sum modulo 2^64, closes the
 * round, and takes what is left of the masks from the part of the sum that a rank owns. The result
 * has exactly the bits of the sum of the same integers without masks.
 *
 * PRIVATE NOISE. `noise` of the options is called for each contribution after it was rounded and
 * before it is masked: it adds the client's share of discrete noise to whole(n), from the client's
 * own stream (mst_noise_of with share 1 + client). Its scale is in steps of the grid, which
 * mst_mask_grid makes with room for it: spread is the standard deviation of all shares together
 * over the bound. A client's integers have norm at most mst_whole_bound(bound, shift) before.
 * Shares add up to the law where they are Skellam; with `threshold` as the part that is sure to
 * survive, a share's variance is that of the whole over threshold * clients.
 * doc/methods/secure_aggregation.md. */
#ifndef MST_PARALLEL_MASK_H
#define MST_PARALLEL_MASK_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/secure/round.h"
#include "parallel/pipeline.h"

typedef enum mst_mask_kind {
  MST_MASK_NONE, /* no such stage: sums on grids that follow the data                      */
  MST_MASK_SUM,  /* the same integers and dropouts, without masks: to compare with         */
  MST_MASK_ON
} mst_mask_kind;

typedef struct mst_mask_options {
  mst_mask_kind kind;
  mst_secure_options secure;
  double bound;  /* public: of the norm of what one client adds to the sum */
  double spread; /* of all clients' noise together, over the bound; 0: none */
  mst_status (*noise)(void *context, int64_t client, int64_t round, int64_t n, int64_t *whole);
  void *context;
} mst_mask_options;

typedef struct mst_mask mst_mask;

/** The stage for checks and plans alone: it masks nothing. */
extern const mst_stage mst_stage_mask;

/** MST_OK, or MST_ERR_INPUT: an option outside its range, or no bound. Nothing is asked of
 *  MST_MASK_NONE. Local. */
mst_status mst_mask_check(const mst_mask_options *options) MST_CHECKED;

/** The shift of the grid (core/linalg/lattice.h) for sums of so many contributions of the bound,
 * with room for the noise: from public numbers alone. MST_ERR_INPUT where there is none. Local. */
mst_status mst_mask_grid(const mst_mask_options *options, int64_t summands, int *shift) MST_CHECKED;

/** Set up; the secret of the run's masks comes from rank 0's generator and is on all ranks.
 *  \return MST_OK, what mst_mask_check returns, MST_ERR_MEMORY, MST_ERR_UNSUPPORTED (no generator).
 *          Collective on team. */
mst_status mst_mask_create(mst_team *team, const mst_mask_options *options,
                           mst_mask **out) MST_CHECKED;
void mst_mask_destroy(mst_mask *m); /* Local; NULL is allowed. Secrets are wiped. */

/** The stage of the mask slot, for mst_pipeline_put. Its traits: single contributions are needed,
 * and hidden from what follows. Local. */
const mst_stage *mst_mask_stage(const mst_mask *m);

/** Open round `round` for n clients, in increasing order: who neighbours whom, and all public keys.
 * The
 *  list must stay until the next open. \return MST_OK or MST_ERR_MEMORY. Collective; all arguments
 *  must agree. */
mst_status mst_mask_open(mst_mask *m, int64_t round, int64_t n, const int64_t *client) MST_CHECKED;

/** Of the open round: a sum of fewer than so many clients is not to be read either, such as one
 * whose noise would not suffice. At least two are asked for in any case. Local; must agree on all
 * ranks. */
void mst_mask_require(mst_mask *m, int64_t least);

/** Whether a client is gone in this round before it sends: what it has is not to be added. Local.
 */
bool mst_mask_drops(const mst_mask *m, int64_t client);

/** All clients of this round that did not drop have sent, or cannot: who survived is agreed on, and
 *  what is left of masks in the sum is rebuilt from the survivors' shares.
 *  \param enough  out: false when a secret that is needed has too few surviving holders, or fewer than
 *                 two clients sent. Then nothing was rebuilt, and the sum must not be used: with
 * masks it is noise.
 *  \return MST_OK, MST_ERR_MEMORY, MST_ERR_COMM, MST_ERR_INTERNAL. Collective. */
mst_status mst_mask_close(mst_mask *m, bool *enough) MST_CHECKED;

/** MST_ERR_INPUT with the reason why the last round was not enough. Local. */
mst_status mst_mask_refuse(const mst_mask *m);

/** Clients whose contributions are in the sum of the closed round. Local. */
int64_t mst_mask_survivors(const mst_mask *m);

/** Take what is left of masks from entries [first, first + n) of the sum over all ranks. Local;
 * after an mst_mask_close that was enough. Cost: ChaCha20 of 8 n bytes for each survivor, and each
 * pair of a survivor and a neighbour that is gone. */
void mst_mask_remove(const mst_mask *m, int64_t first, int64_t n, int64_t *sum);

/** Bytes of the protocol of the closed round, without the vectors. Local. */
mst_secure_bytes mst_mask_traffic(const mst_mask *m);

/** What m takes in a round of n clients of a rank's memory. Local. */
int64_t mst_mask_bytes(const mst_mask_options *options, int64_t n);

#endif
