/* Team: a group of ranks that work together, and what they must always be able to do: agree.
 *
 * A team duplicates the communicator it is made from; no other code uses MPI_COMM_WORLD. It
 * knows which ranks share a node (and hence memory), and meters every byte that it sends. */
#ifndef MST_COMM_TEAM_H
#define MST_COMM_TEAM_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/state.h"
#include "core/base/status.h"

typedef struct mst_team mst_team;

typedef struct mst_team_options {
  bool shared_memory; /* use shared windows for sums within a node (default true). If MPI can
                         make none, sums go through MPI; results are the same               */
  int ranks_per_node; /* 0 = ask MPI; otherwise pretend that this many consecutive ranks make a
                         node, to test several-node paths on one machine                   */
} mst_team_options;

/** The options with which a team is made when none are given. Local. */
mst_team_options mst_team_defaults(void);

/** Make a team of all ranks of comm; options NULL means the defaults. comm is duplicated, and may
 *  be freed before the team. Collective on comm; options must agree. Holds a few MiB a rank for
 *  the rounds of sums (in the shared window, where there is one).
 *  \return MST_OK, MST_ERR_INPUT (negative ranks_per_node), MST_ERR_MEMORY or MST_ERR_COMM. */
mst_status mst_team_create(MPI_Comm comm, const mst_team_options *options,
                           mst_team **out) MST_CHECKED;
/** Collective on team; NULL is allowed. */
void mst_team_destroy(mst_team *team);

/** This rank, from 0, and the number of ranks. Local. */
int mst_team_rank(const mst_team *team);
int mst_team_size(const mst_team *team);
/** The team's communicator, for ScaLAPACK's context and parallel HDF5 only. Local. */
MPI_Comm mst_team_comm(const mst_team *team);

/** This rank's share of n things (0 or more) that are cut into contiguous parts in the order of the
 *  ranks: [n r / p, n (r + 1) / p), as even as can be. No overflow for any n. Local. */
void mst_team_share(const mst_team *team, int64_t n, int64_t *first, int64_t *count);

/** The node map: number of nodes; this rank's node (0-based, in order of lowest rank), its
 *  place on the node and the number of ranks there. Local. */
int mst_team_nodes(const mst_team *team);
int mst_team_node(const mst_team *team);
int mst_team_node_rank(const mst_team *team);
int mst_team_node_size(const mst_team *team);

/** Agree on a status: every rank gives its own, every rank returns the same one: MST_OK if all
 *  gave it; otherwise the code of the lowest failing rank, whose recorded sentence is copied to
 *  all ("rank 3: ..." is prefixed when the team has more than one rank and not all failed).
 *  Collective on team. To be called at every boundary between local work that can fail and a
 *  collective operation. Cost when all is well: one allreduce of 4 bytes. */
mst_status mst_team_agree(mst_team *team, mst_status mine) MST_CHECKED;

/** True on every rank if it is true on any. Collective on team. */
mst_status mst_team_any(mst_team *team, bool mine, bool *any) MST_CHECKED;

/** Check that n int64 values are the same on all ranks: MST_ERR_INTERNAL naming `what` if not.
 *  Collective on team. A no-op unless configured with --enable-debug. */
mst_status mst_team_same(mst_team *team, const int64_t *values, int n,
                         const char *what) MST_CHECKED;

/** Wait until every rank is here. Collective on team. */
mst_status mst_team_barrier(mst_team *team) MST_CHECKED;

/** Copy bytes from root to all. Any size. Collective on team. */
mst_status mst_team_bcast(mst_team *team, void *data, int64_t bytes, int root) MST_CHECKED;

/** Copy every replicated array of state from root to all; sharded ones are left alone. Collective
 *  on team; names, types and shapes must agree. */
mst_status mst_team_bcast_state(mst_team *team, mst_state *state, int root) MST_CHECKED;

/** BLAKE2b-256 of a state list: names, types, whole shapes and contents, in the list's order. How
 *  an array is laid over the team is no part of it: replicated or sharded, on any number of
 *  ranks, the digest is the same. Of a replicated array rank 0's copy counts. The bytes that are
 *  hashed are laid down at the top of comm/digest.c.
 *  \param hex  (MST_DIGEST_HEX) out, on every rank.
 *  \return MST_OK, MST_ERR_INTERNAL (shards that do not follow each other and cover the array) or
 *          MST_ERR_MEMORY. Collective on team. */
mst_status mst_team_digest(mst_team *team, const mst_state *state, char *hex) MST_CHECKED;

/* What this rank moved physically since the team was made. Bytes through MPI as handed to it (a
 * model of what crosses a wire: an allreduce of n bytes on p ranks counts 2 n (p-1)/p); bytes
 * through shared windows apart, as written into them by this rank. */
typedef struct mst_meter {
  int64_t messages; /* MPI operations started */
  int64_t mpi_bytes;
  int64_t shared_bytes;
  double seconds; /* wall time inside comm */
} mst_meter;

/** What was moved so far. Local. */
mst_meter mst_team_meter(const mst_team *team);

/** Count operations that moved bytes on communicators made from the team's, outside comm (the
 *  process grid's, in parallel), by the same model: each rank counts its own. Local. */
void mst_team_meter_add(mst_team *team, int64_t messages, int64_t bytes);
/** Count bytes that this rank wrote into a share (comm/share.h) for others to read. Local. */
void mst_team_meter_add_shared(mst_team *team, int64_t bytes);

#endif
