/* Keys: counter-based randomness (Philox4x32-10; Salmon, Moraes, Dror, Shaw: "Parallel random
 * numbers: as easy as 1, 2, 3", SC11).
 *
 * A value is a pure function of (seed, purpose, client, round, index). It never depends on the
 * number of ranks, on the order of calls or on what was drawn before; so a run gives the same
 * draws anywhere. Not for privacy noise or masks: those come from libsodium. */
#ifndef MST_CORE_BASE_KEY_H
#define MST_CORE_BASE_KEY_H

#include <stdint.h>

/* What a draw is for. Numbers are part of the same-bits contract: never renumber, only add. */
typedef enum mst_purpose {
  MST_PURPOSE_TEST = 0,
  MST_PURPOSE_PARTITION = 1,
  MST_PURPOSE_COHORT = 2,
  MST_PURPOSE_BATCH = 3,
  MST_PURPOSE_INIT = 4,
  MST_PURPOSE_FEATURE = 5,
  MST_PURPOSE_FEATURE_SAMPLE = 6,
  MST_PURPOSE_ATTACK = 7, /* client 0: who attacks, then a first direction; 1 + i: noise of i */
  MST_PURPOSE_COMPRESS = 8,
  MST_PURPOSE_SPLIT = 9,
  MST_PURPOSE_PROBE = 10,
  MST_PURPOSE_RULE = 11, /* client 0: buckets; 1 + i: columns of sample i */
  MST_PURPOSE_MERGE = 12,
  MST_PURPOSE_ARRIVAL = 13, /* client: a node; whose vectors it waits for */
  MST_PURPOSE_CODING = 14,  /* the projection that messages are checked by */
  MST_PURPOSE_TOPOLOGY = 15, /* client i: edges of node i to later ones */
  MST_PURPOSE_BANDIT_INSTANCE = 16, /* client: which part of an instance; round: a set */
  MST_PURPOSE_BANDIT_OFFER = 17,
  MST_PURPOSE_BANDIT_REWARD = 18,
  MST_PURPOSE_BANDIT_CHOICE = 19,
  MST_PURPOSE_BANDIT_ACTIVE = 20, /* whose turn a round is */
  MST_PURPOSE_BANDIT_DESIGN = 21, /* round: a batch */
  MST_PURPOSE_SECURE_GRAPH = 22,  /* who shares masks with whom */
  MST_PURPOSE_SECURE_DROPOUT = 23, /* client: whether it is gone */
  MST_PURPOSE_OFF_POLICY = 30,  /* client 0: fold of a row; 1: what replay draws there */
  MST_PURPOSE_TUNING = 31, /* client 0: choices; 1: shifts; 2: right sides; round: a system */
  MST_PURPOSE_TREATMENT = 32, /* client 0: a patient; 1: choices; 2 + arm: what it answers */
  MST_PURPOSE_RL = 33, /* client 0: the model; 1: factors; 2 + i: what user i meets; round: which */
  MST_PURPOSE_PRIVATE_TURN = 39, /* client 0: whose turn a round is; 1: which iterate is kept */
  MST_PURPOSE_SUBSPACE = 45, /* the test matrix of a randomised decomposition */
  MST_PURPOSE_HOLDOUT = 46,  /* client: a user, some of whose items are held out */
  MST_PURPOSE_SKETCH = 47,   /* client 0: hashes; 1: columns of a linear sketch; round: a row */
  MST_PURPOSE_LINEAR = 24 /* client 0: theta; 1 + i: row i; round 1: public rows */
} mst_purpose;

/* A key names one stream of 2^66 random words. Plain data; copy freely. */
typedef struct mst_key {
  uint32_t k[2]; /* the Philox key, mixed from the seed and purpose     */
  uint32_t c[2]; /* counter words 2 and 3: the client and the round     */
} mst_key;

/** The bijection itself: the four words that Philox4x32-10 gives for a counter under a key, as
 *  in the published known-answer vectors. Pure function. Local. */
void mst_philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/** The key of (seed, purpose, client, round). Different arguments give independent streams:
 *  k is the first two words of Philox at counter (seed low, seed high, purpose, 0), so that near
 *  seeds have unrelated keys; c is the low halves of client and round. Their high halves, zero
 *  in practice, are the key of that first application. Local. */
mst_key mst_key_make(uint64_t seed, mst_purpose purpose, uint64_t client, uint64_t round);

/** The four words of block `index` of the key's stream: Philox at counter (index low, index
 *  high, c[0], c[1]) under k. Pure function. Local. */
void mst_key_block(mst_key key, uint64_t index, uint32_t out[4]);

/** out(4 n) = the words of blocks first to first + n - 1, many side by side. Local. */
void mst_key_blocks(mst_key key, uint64_t first, int64_t n, uint32_t *out);

/* A cursor over a key's stream, for algorithms that draw an unknown number of values (such as
 * rejection sampling). Two cursors of one key give the same values. */
typedef struct mst_stream {
  mst_key key;
  uint64_t block;
  uint32_t word[4];
  int used; /* words already taken from word[] */
} mst_stream;

/** A cursor at the start of a key's stream. Local. */
mst_stream mst_stream_of(mst_key key);
/** The next 32 random bits; the next 64, the first word low. Local. */
uint32_t mst_stream_u32(mst_stream *s);
uint64_t mst_stream_u64(mst_stream *s);
/** Uniform in (0, 1): (k + 1/2) / 2^52 for a 52-bit k, exactly, so never 0 and never 1. Local. */
double mst_stream_uniform(mst_stream *s);
/** Uniform integer in [0, n), n >= 1, without bias (Lemire's rejection). Local. */
uint64_t mst_stream_below(mst_stream *s, uint64_t n);
/** One of n, with chances chance(n) that sum to 1; one of chance 0 is never drawn. Local. */
int64_t mst_stream_choose(mst_stream *s, int64_t n, const double *chance);
/** Standard normal (Box-Muller, the cosine branch of one pair a call). Local. */
double mst_stream_normal(mst_stream *s);
/** Standard exponential. Local. */
double mst_stream_exponential(mst_stream *s);
/** Natural logarithm of a Gamma(alpha, 1) draw, alpha > 0: Marsaglia-Tsang 2000, with the
 *  boost of alpha < 1 done in logarithms, so that alpha = 0.005 does not underflow. NaN for an
 *  alpha that is not positive and finite. Local. */
double mst_stream_log_gamma_draw(mst_stream *s, double alpha);
/** p(0..n-1) from Dirichlet(alpha, ..., alpha); sums to 1 up to rounding; alpha > 0, n >= 1.
 *  Normalised in logarithms: defined for any alpha, down to one category taking all. All NaN
 *  for an alpha that is not positive and finite. Local. */
void mst_stream_dirichlet(mst_stream *s, double alpha, int64_t n, double *p);
/** Fill perm(0..n-1) with a uniformly random permutation of 0..n-1 (Fisher-Yates).
 *  Local. */
void mst_stream_permutation(mst_stream *s, int64_t n, int64_t *perm);
/** Fill out(0..m-1) with m distinct values of 0..n-1 in increasing order, m <= n, uniformly
 *  (Knuth's selection sampling, algorithm S). O(n). Local. */
void mst_stream_subset(mst_stream *s, int64_t n, int64_t m, int64_t *out);

#endif
