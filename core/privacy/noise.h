/* Noise that must stay secret: keys, and draws from a cryptographic generator (ChaCha20 through
 * libsodium).
 *
 * A run has one secret of 32 bytes, from the system's generator. Every release has a stream of its
 * own: its ChaCha20 key is BLAKE2b, keyed with the secret, of (purpose, share, step); so no two
 * ranks, steps or purposes share noise, and none tells anything of another. Entry e of a vector
 * belongs to block e / MST_NOISE_BLOCK, and the block's number is ChaCha20's nonce: the noise of
 * entries [first, first + n) is a pure function of secret, purpose, share, step and entry. Shards
 * of a vector may be drawn in pieces, in any order, by any rank, with the same bits.
 *
 * Which draws are safe at the level of bits is said at each: laws on the integers that are exact
 * are, floating noise is not (its gaps show what it was added to). None runs in constant time.
 * Source: doc/methods/mechanisms.md. All functions are Local. */
#ifndef MST_CORE_PRIVACY_NOISE_H
#define MST_CORE_PRIVACY_NOISE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

#define MST_SECRET_BYTES 32
#define MST_NOISE_BLOCK  256 /* entries whose noise comes from one nonce */
#define MST_NOISE_WORDS  640 /* 64-bit words that a cursor holds         */

/* What noise is for. Numbers are part of the same-bits contract: never renumber, only add. */
typedef enum mst_noise_purpose {
  MST_NOISE_TEST = 0,
  MST_NOISE_SUM = 1,        /* added to a sum of contributions                    */
  MST_NOISE_DIFFERENCE = 2, /* added to a sum of differences of gradients         */
  MST_NOISE_COUNT = 3,      /* of clipped contributions, for adaptive clipping    */
  MST_NOISE_SAMPLING = 4,   /* who takes part in a step                           */
  MST_NOISE_GRAM = 5,       /* second moments                                     */
  MST_NOISE_MOMENT = 6,     /* first moments                                      */
  MST_NOISE_LOCAL = 7,      /* a user's own randomiser                            */
  MST_NOISE_THRESHOLD = 8,  /* sparse vector: the threshold                       */
  MST_NOISE_QUERY = 9,      /* sparse vector: the comparison                      */
  MST_NOISE_ANSWER = 10,    /* answers to queries                                 */
  MST_NOISE_CHOICE = 11,    /* choices among candidates                           */
  MST_NOISE_LEAF = 12,      /* nodes of a tree of sums: the node is the step      */
  MST_NOISE_MASK_KEY = 13,  /* a client's key for pairwise masks                  */
  MST_NOISE_MASK_SELF = 14, /* the seed of a client's own mask                    */
  MST_NOISE_MASK_KEY_SHARES = 15, /* what shares of these two hide behind             */
  MST_NOISE_MASK_SELF_SHARES = 16,
  MST_NOISE_DEAL = 17 /* whose a record is, of workers that take turns */
} mst_noise_purpose;

/* The secret of a run, or of one rank where ranks do not trust each other. */
typedef struct mst_secret {
  unsigned char key[MST_SECRET_BYTES];
  bool test; /* made from a public seed: the noise protects nobody, and reports must say so */
} mst_secret;

/** A secret from the system's generator.
 *  \return MST_OK, or MST_ERR_UNSUPPORTED where the system has none. */
mst_status mst_secret_fresh(mst_secret *out) MST_CHECKED;

/** Test mode: the secret of a public seed, so that two runs can be compared bit by bit. */
mst_secret mst_secret_test(uint64_t seed);

/** Overwrite a secret with zeros. */
void mst_secret_wipe(mst_secret *secret);

#define MST_SECRET_TEXT 130 /* bytes of a secret as text */

/** A secret as a line of text: its digits, a space, and those of BLAKE2b keyed with it of `of`, which
 *  says what its noise is for; ends with a newline and no zero byte. Read back, it is a secret only
 *  with the same `of`: false for another, and for a line that is none. To be wiped like it. */
void mst_secret_write(const mst_secret *secret, const char *of, char text[MST_SECRET_TEXT]);
bool mst_secret_read(const char text[MST_SECRET_TEXT], const char *of, mst_secret *out);

/* The noise of one release. To be wiped like a secret. */
typedef struct mst_noise {
  unsigned char key[MST_SECRET_BYTES];
} mst_noise;

/** The noise of (secret, purpose, share, step). A release that is made once for all ranks has share
 *  0; where each of P ranks (or clients) adds a part, rank r's is 1 + r. A step that has been
 *  released is never drawn again for other data. */
mst_noise mst_noise_of(const mst_secret *secret, mst_noise_purpose purpose, uint64_t share,
                       uint64_t step);
void mst_noise_wipe(mst_noise *noise);

/** out(n) = entries [first, first + n) of independent Gaussian noise of mean 0 and standard
 * deviation sigma (Box-Muller, errors about 1e-15 of sigma; magnitudes up to 8.57 sigma). The law
 * is that of the reals rounded to doubles: NOT safe at the level of bits. first >= 0. */
void mst_noise_gaussian(const mst_noise *noise, int64_t first, int64_t n, double sigma,
                        double *out);

/** Likewise Laplace noise of scale b: density exp(-|x|/b)/2b. NOT safe at the level of bits. */
void mst_noise_laplace(const mst_noise *noise, int64_t first, int64_t n, double scale, double *out);

/* A place in the stream of one block, for draws that need an unknown number of words. */
typedef struct mst_noise_cursor {
  mst_noise noise;
  uint64_t block;
  uint64_t chunk; /* of 64 bytes, the next to be made   */
  int used, filled, ahead;
  uint64_t word[MST_NOISE_WORDS];
} mst_noise_cursor;

/** Start at the beginning of block `block`; make `ahead` words (a multiple of 8, at most
 *  MST_NOISE_WORDS) at the first call. The words do not depend on `ahead`. Wipe it when done. */
void mst_noise_open(mst_noise_cursor *c, const mst_noise *noise, uint64_t block, int ahead);
void mst_noise_close(mst_noise_cursor *c);
void mst_noise_refill(mst_noise_cursor *c);

/** The next 64 random bits. */
static inline uint64_t mst_noise_u64(mst_noise_cursor *c) {
  if (c->used == c->filled) mst_noise_refill(c);
  return c->word[c->used++];
}

/** Uniform in (0, 1): (k + 1/2) / 2^52 for a 52-bit k. */
double mst_noise_uniform(mst_noise_cursor *c);

/** Uniform in [0, n), n >= 1; exact. */
uint64_t mst_noise_below(mst_noise_cursor *c, uint64_t n);

/** True with probability exp(-t), exactly, for a finite t >= 0. Infinity: never. */
bool mst_noise_bernoulli_exp(mst_noise_cursor *c, double t);

#endif
