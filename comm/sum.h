/* Sums, scatters and gathers over a team. Sizes are int64_t and may exceed 2^31 elements or bytes
 * (cut into pieces inside).
 *
 * With shared memory switched on, a node's ranks reduce through a shared window in rounds of
 * bounded size, and between nodes one stream a node crosses the network: the node's lowest rank
 * sends its node's sums. Nodes may have unequal numbers of ranks. Without it each rank sends for
 * itself through MPI. Integer and lattice results have the same bits either way. */
#ifndef MST_COMM_SUM_H
#define MST_COMM_SUM_H

#include <stdint.h>

#include "comm/team.h"

#define MST_SUM_CHUNK 1024               /* consecutive entries that share a step */
#define MST_SUM_TERMS ((int64_t)1 << 22) /* most terms of a lattice sum           */

/** Sum n doubles over the team, exactly on a grid: the result has the same bits for any topology
 *  and any order, and for any number of ranks that hold the same largest magnitudes.
 *  Collective on team; n and terms must agree.
 *  \param x  (n) in: this rank's terms; out: the sums, on every rank.
 *  \param terms  an upper bound on the number of ranks that hold a non-zero value for one entry,
 *                1 to MST_SUM_TERMS. Larger than needed is safe and costs log2(terms) bits of
 *                the grid; it must not depend on the rank count if the bits shall not.
 *  The step is chosen for each MST_SUM_CHUNK consecutive entries from the largest magnitude m on
 *  any rank: 2^-shift with shift = mst_lattice_shift(mst_lattice_exponent(m) +
 *  ceil(log2(terms))), so no partial sum can overflow, and each entry's error is at most
 *  terms / 2 steps. How terms are spread over ranks matters only through that maximum; callers
 *  that need the same bits on any rank count pass either one term a block (summed on the lattice
 *  before) or use mst_sum_i64 on their own lattice with a bound from outside.
 *  \return MST_OK; MST_ERR_NONFINITE naming the first entry that is not finite, the lowest rank
 *          that holds one there, and how many there are; MST_ERR_MEMORY (the magnitudes of more
 *          than 4 Mi entries, agreed). In these cases x is unchanged everywhere.
 *  Cost: 2 (p-1)/p * 8 n bytes a rank, and 1/1024 of that for the magnitudes.
 *  Source: doc/methods/lattice.md. */
mst_status mst_sum_lattice(mst_team *team, double *x, int64_t n, int64_t terms) MST_CHECKED;

/** Sum n integers modulo 2^64 over the team, in place. Same bits always. Collective on team; n
 *  must agree. */
mst_status mst_sum_i64(mst_team *team, int64_t *x, int64_t n) MST_CHECKED;

/** Floating-point sum in whatever order is fastest: bits may differ from run to run and with the
 *  rank count. For `reduce: fast`. Collective on team; n must agree. */
mst_status mst_sum_fast(mst_team *team, double *x, int64_t n) MST_CHECKED;

/** Largest value of each entry over the team, in place; NaN counts as infinity. Collective on
 *  team; n must agree. */
mst_status mst_max_f64(mst_team *team, double *x, int64_t n) MST_CHECKED;
/** The same of integers. Collective on team; n must agree. */
mst_status mst_max_i64(mst_team *team, int64_t *x, int64_t n) MST_CHECKED;

/** Reduce-scatter: the sum over ranks of `send`, whose consecutive parts of count[0..p-1]
 *  elements go to ranks 0..p-1. recv(count[rank]) out. Parts may be empty and as unequal as they
 *  like. Modulo 2^64; same bits always. send is unchanged and must not overlap recv; no copy of
 *  it is made. Collective on team; count must agree. */
mst_status mst_sum_scatter_i64(mst_team *team, const int64_t *send, const int64_t *count,
                               int64_t *recv) MST_CHECKED;
/** The same in floating point, any order, for `reduce: fast`. Collective on team; count must
 *  agree. */
mst_status mst_sum_scatter_fast(mst_team *team, const double *send, const int64_t *count,
                                double *recv) MST_CHECKED;

/** All-gather: part of rank r has bytes[r] bytes; recv holds all parts in rank order, on every
 *  rank. mine may alias its place in recv. Collective on team; bytes must agree. */
mst_status mst_gather_all(mst_team *team, const void *mine, const int64_t *bytes,
                          void *recv) MST_CHECKED;

/** Each rank gives one int64; all get the p values in rank order. Collective on team. */
mst_status mst_gather_i64(mst_team *team, int64_t mine, int64_t *all) MST_CHECKED;

/** How many records mst_exchange_rows will bring to this rank: *n_recv out. destination(n_rows)
 *  holds the rank that each record goes to, or -1 for none. Collective on team; n_rows need not
 *  agree.
 *  \return MST_OK, MST_ERR_INTERNAL (a destination outside the team) or MST_ERR_MEMORY. */
mst_status mst_exchange_count(mst_team *team, int64_t n_rows, const int32_t *destination,
                              int64_t *n_recv) MST_CHECKED;
/** Move rows to their owners. rows: n_rows records of row_bytes; destination[i] is the rank that
 *  record i goes to, or -1 for none. recv gets the incoming records ordered by source rank, then
 *  by their order there. If sources hold consecutive parts of one global order, that is the
 *  global order. Collective on team; row_bytes must agree, n_rows need not.
 *  \param n_recv   records that arrive here; from mst_exchange_count.
 *  \param buffer_bytes  extra memory of a rank: at most this (0 = 64 MiB), or one record if
 *                       that is more; the exchange goes in rounds. Need not agree.
 *  \return MST_OK, MST_ERR_INTERNAL (a destination outside the team, a wrong n_recv) or
 *          MST_ERR_MEMORY; agreed on all ranks, before anything has moved. */
mst_status mst_exchange_rows(mst_team *team, const void *rows, int64_t n_rows, int64_t row_bytes,
                             const int32_t *destination, void *recv, int64_t n_recv,
                             int64_t buffer_bytes) MST_CHECKED;

#endif
