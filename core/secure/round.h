/* One round of secure aggregation: what its clients and its server compute (Bonawitz et al.,
 * "Practical secure aggregation for privacy-preserving machine learning", CCS 2017, section 4, with
 * the neighbours of Bell et al., CCS 2020).
 *
 * Client i of n sends y_i = x_i + PRG(b_i) + sum over neighbours j > i of PRG(s_ij) - sum over
 * neighbours j < i of PRG(s_ij), modulo 2^64. In the sum over all clients that send (the survivors)
 * there are left the masks b_i of the survivors, and s_ij of every survivor j and neighbour i that
 * is gone. The server rebuilds b_i, or the key that gives all s_ij, from shares that the survivors
 * among i and its neighbours hold; never both of one client.
 *
 * Clients are known by their place 0 .. n-1 in the round. In this simulation what is secret of a
 * client follows from one secret of the run, the client and the round, so that any rank can play
 * any client: doc/methods/secure_aggregation.md says who sees what. All functions are Local. */
#ifndef MST_CORE_SECURE_ROUND_H
#define MST_CORE_SECURE_ROUND_H

#include <stdbool.h>
#include <stdint.h>

#include "core/secure/agreement.h"
#include "core/secure/graph.h"
#include "core/secure/shamir.h"

typedef struct mst_secure_options {
  double threshold;   /* in (1/2, 1]: share of those who hold shares of a client's secrets, itself
                         among them, that is needed to rebuild one                             */
  int64_t neighbours; /* that each client shares masks with; 0: all                             */
  double dropout;     /* in [0, 1): chance of a client to be gone before it sends its vector    */
  uint64_t seed;      /* of graphs and of who is gone: both are public                          */
} mst_secure_options;

#define MST_SECURE_KEY_WORDS (MST_AGREEMENT_BYTES / 8)

typedef struct mst_secure_round {
  mst_secure_options options;
  uint64_t number;
  int64_t n;
  const int64_t *client; /* (n) numbers of the clients, the caller's                           */
  int64_t threshold;     /* shares that rebuild a secret                                       */
  mst_secure_graph graph;
  uint64_t *open;     /* (n, MST_SECURE_KEY_WORDS) public keys                              */
  int64_t *neighbour; /* (degree) scratch                                                   */
} mst_secure_round;

/** MST_OK, or MST_ERR_INPUT naming the option that is outside its range. */
mst_status mst_secure_check(const mst_secure_options *options) MST_CHECKED;

/** Shares that rebuild a secret of a client with so many neighbours: the threshold's part of them
 * and itself, rounded up, and at least two where there are two. */
int64_t mst_secure_threshold(const mst_secure_options *options, int64_t degree);

/** Whether a client is gone in a round before it sends its vector: a keyed coin. */
bool mst_secure_drops(const mst_secure_options *options, int64_t client, uint64_t round);

/** Open a round of n >= 1 clients, without keys yet. Free with mst_secure_round_close.
 *  \return MST_OK or MST_ERR_MEMORY. Memory: 48 n bytes and 8 a neighbour. */
mst_status mst_secure_round_open(const mst_secure_options *options, uint64_t number, int64_t n,
                                 const int64_t *client, mst_secure_round *out) MST_CHECKED;
void mst_secure_round_close(mst_secure_round *r);

/** The public key of client i, into r->open. */
void mst_secure_round_publish(mst_secure_round *r, const mst_secret *secret, int64_t i);

/** whole(m) = client i's vector -> what it sends: all public keys must be there.
 *  \return MST_OK, or what mst_agreement_seed returns. Cost: a multiplication on the curve for each
 *          neighbour, and ChaCha20 of 8 m bytes for each and for itself. */
mst_status mst_secure_round_mask(mst_secure_round *r, const mst_secret *secret, int64_t i,
                                 int64_t m, int64_t *whole) MST_CHECKED;

/** Masks of client i that are left in the sum of the survivors' vectors; survives(n). */
int64_t mst_secure_round_left(mst_secure_round *r, const bool *survives, int64_t i);

/** Survivors that hold shares of client i's secrets. */
int64_t mst_secure_round_holders(mst_secure_round *r, const bool *survives, int64_t i);

/* A mask that stands in a sum. */
typedef struct mst_secure_left {
  mst_noise seed;
  bool minus; /* it was taken away, not added */
} mst_secure_left;

/** Rebuild client i's secret from the shares of its surviving holders, and find from it the masks
 *  left(mst_secure_round_left) of it in the sum.
 *  \return MST_OK; MST_ERR_INPUT for too few holders; MST_ERR_INTERNAL when the key that is rebuilt is
 *          not that of the public key; MST_ERR_MEMORY. */
mst_status mst_secure_round_recover(mst_secure_round *r, const mst_secret *secret,
                                    const bool *survives, int64_t i,
                                    mst_secure_left *left) MST_CHECKED;

/* Bytes that are sent in a round, as a deployment would send them; all clients together. */
typedef struct mst_secure_bytes {
  int64_t up, down;
} mst_secure_bytes;

#define MST_SECURE_TAG 16 /* bytes that encryption adds to a pair of shares */

/** Of the protocol of a round of n clients, without the vectors themselves: two public keys from
 *  each (one for masks, one that shares are encrypted with) to its neighbours, two shares,
 * encrypted, to each neighbour through the server, the server's list of who is gone, and from each
 * survivor one share of every neighbour and itself. */
mst_secure_bytes mst_secure_traffic(const mst_secure_options *options, int64_t n,
                                    int64_t survivors);

#endif
