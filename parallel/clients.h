/* Client store: the clients' rows, and the vectors that a method keeps for each client, where any
 * rank of a node can work on any client of that node.
 *
 * A client's home is the domain of the rank that owns its rows in the roster. The rows of a domain
 * lie in one share; so ranks of a node take clients from a common list in whatever order they are
 * free, and nothing is moved. */
#ifndef MST_PARALLEL_CLIENTS_H
#define MST_PARALLEL_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/share.h"
#include "core/base/state.h"
#include "core/features/features.h"
#include "core/model/model.h"
#include "parallel/roster.h"
#include "parallel/rows.h"

typedef struct mst_clients mst_clients;

/* Files (comm/share.h) for what is kept for each client, and for the rows; NULL: in memory. The
 * same on all ranks; the backings must outlive what lies in them. */
typedef struct mst_clients_spill {
  const mst_share_backing *kept, *rows;
} mst_clients_spill;

/** Bring all rows home: x (through the feature map, unless NULL) and targets. The roster keeps
 *  clients whole (single) and must outlive the store; rows is loaded in the groups it was assigned.
 *  \param holdout  share of each client's rows that are kept for its own test, in [0, 1): the
 *                  nearest number of them, but never all; drawn from key (seed,
 *                  MST_PURPOSE_SPLIT, client).
 *  \param label  (roster->rows) class of each place, or NULL: the rows' values are the targets.
 *  \param spill  NULL: all in memory. With files for the rows these must be assigned in one group,
 *                and are read once, a window of theirs at a time.
 *  \return MST_OK, MST_ERR_MEMORY, or what mst_rows_load returns. Collective on team.
 *  Memory, or room in the file: 4 (inputs + outputs) bytes a row of the domain, once; and in a
 *  file, until it returns, the rows before the feature map. */
mst_status mst_clients_create(mst_team *team, mst_row_store *rows, const mst_roster *roster,
                              const int32_t *label, mst_features *features, double holdout,
                              uint64_t seed, const mst_clients_spill *spill,
                              mst_clients **out) MST_CHECKED;
/** Collective on team; NULL is allowed. */
void mst_clients_destroy(mst_clients *c);

/** Clients; rows that one trains on; rows that it is tested on; whether its home is this rank's
 *  domain; the rank of its home that owns it. Without a holdout it is tested on what it trains on.
 *  Local. */
int64_t mst_clients_count(const mst_clients *c);
int64_t mst_clients_rows(const mst_clients *c, int64_t client);
int64_t mst_clients_test_rows(const mst_clients *c, int64_t client);
bool mst_clients_here(const mst_clients *c, int64_t client);
int mst_clients_owner(const mst_clients *c, int64_t client);

/** A client's rows and targets, to train on and to be tested on. Where they lie in a file, those
 *  asked for before leave this rank's memory (mst_share_visit). Local; the client must be here. */
mst_batch mst_clients_data(const mst_clients *c, int64_t client);
mst_batch mst_clients_test(const mst_clients *c, int64_t client);

/** How many of a client's n rows are kept from training at a share, and order(n): its rows, by
 * their number among them as dealt, as they lie in the store: those held out last. Local. */
int64_t mst_clients_held_rows(double holdout, int64_t n);
void mst_clients_order(uint64_t seed, int64_t client, int64_t n, int64_t held, int64_t *order);

/** Rows of all clients that are kept from training. Local. */
int64_t mst_clients_held(const mst_clients *c);

/** Keep `floats` numbers for every client, zero at first, sharded over the domains, in memory or in
 *  the spill's files; free with mst_share_destroy.
 *  \return MST_OK or what mst_share_create returns. Collective. */
mst_status mst_clients_keep(mst_clients *c, int64_t floats, const char *what,
                            mst_share **out) MST_CHECKED;
/** Where a client's numbers are in such a share, as mst_clients_data. Local; the client must be
 *  here. */
float *mst_clients_kept(const mst_clients *c, mst_share *kept, int64_t floats, int64_t client);
/** Add such a share to a state list as float32 (clients, floats), sharded by clients. Local. */
mst_status mst_clients_state(const mst_clients *c, mst_share *kept, int64_t floats,
                             const char *name, mst_state *state) MST_CHECKED;

/** Bytes of rows in this rank's domain. Local. */
int64_t mst_clients_bytes(const mst_clients *c);

#endif
