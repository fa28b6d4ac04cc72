/* A round, client by client. The secrets of a client are streams of the run's secret, one purpose
 * each. */
#include "core/secure/round.h"

#include <math.h>
#include <string.h>

#include <sodium.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/secure/stream.h"

/* What only the client knows. */
typedef struct own {
  mst_noise key;  /* whose public key is announced */
  mst_noise self; /* the seed of its own mask      */
} own;

_Static_assert(sizeof(mst_noise) == MST_AGREEMENT_BYTES, "a stream's key is a key of the curve");

mst_status mst_secure_check(const mst_secure_options *o) {
  if (!(o->threshold > 0.5 && o->threshold <= 1))
    return mst_fail(MST_ERR_INPUT,
                    "secure.threshold is %g; allowed are numbers above 0.5, so that no two halves "
                    "of the clients can be asked different things, up to 1",
                    o->threshold);
  if (o->neighbours < 0)
    return mst_fail(MST_ERR_INPUT, "secure.neighbours is %lld; allowed are 0 (all) and more",
                    (long long)o->neighbours);
  if (!(o->dropout >= 0 && o->dropout < 1))
    return mst_fail(MST_ERR_INPUT, "secure.dropout is %g; allowed are 0 and more, below 1",
                    o->dropout);
  return MST_OK;
}

int64_t mst_secure_threshold(const mst_secure_options *o, int64_t degree) {
  const int64_t holders = degree + 1;
  /* 2/3 of 3 holders, given as 0.6667, is meant to be 2, and 0.67 is not. */
  const int64_t asked = (int64_t)ceil(o->threshold * (double)holders - 1e-3);
  return mst_least(mst_most(asked, 2), holders);
}

bool mst_secure_drops(const mst_secure_options *o, int64_t client, uint64_t round) {
  if (o->dropout <= 0) return false;
  mst_stream s =
      mst_stream_of(mst_key_make(o->seed, MST_PURPOSE_SECURE_DROPOUT, (uint64_t)client, round));
  return mst_stream_uniform(&s) < o->dropout;
}

mst_status mst_secure_round_open(const mst_secure_options *options, uint64_t number, int64_t n,
                                 const int64_t *client, mst_secure_round *out) {
  *out = (mst_secure_round){.options = *options, .number = number, .n = n, .client = client};
  const mst_key key = mst_key_make(options->seed, MST_PURPOSE_SECURE_GRAPH, 0, number);
  mst_status st = mst_secure_graph_make(n, options->neighbours, key, &out->graph);
  const int64_t degree = out->graph.degree;
  out->threshold = mst_secure_threshold(options, degree);
  if (st == MST_OK)
    st = mst_alloc(&out->open, n * MST_SECURE_KEY_WORDS, sizeof *out->open, "public keys");
  if (st == MST_OK) st = mst_alloc(&out->neighbour, degree, sizeof *out->neighbour, "neighbours");
  if (st != MST_OK) mst_secure_round_close(out);
  return st;
}

void mst_secure_round_close(mst_secure_round *r) {
  mst_secure_graph_free(&r->graph);
  mst_free(r->open);
  mst_free(r->neighbour);
  *r = (mst_secure_round){.n = 0};
}

static mst_noise secret_of(const mst_secure_round *r, const mst_secret *secret,
                           mst_noise_purpose purpose, int64_t i) {
  return mst_noise_of(secret, purpose, 1 + (uint64_t)r->client[i], r->number);
}

static unsigned char *open_key(const mst_secure_round *r, int64_t i) {
  return (unsigned char *)(r->open + i * MST_SECURE_KEY_WORDS);
}

void mst_secure_round_publish(mst_secure_round *r, const mst_secret *secret, int64_t i) {
  mst_noise key = secret_of(r, secret, MST_NOISE_MASK_KEY, i);
  mst_agreement_public(key.key, open_key(r, i));
  mst_noise_wipe(&key);
}

/* Fills r->neighbour; returns how many. */
static int64_t find_neighbours(mst_secure_round *r, int64_t i) {
  mst_secure_graph_neighbours(&r->graph, i, r->neighbour);
  return r->graph.degree;
}

mst_status mst_secure_round_mask(mst_secure_round *r, const mst_secret *secret, int64_t i,
                                 int64_t m, int64_t *whole) {
  own o = {secret_of(r, secret, MST_NOISE_MASK_KEY, i),
           secret_of(r, secret, MST_NOISE_MASK_SELF, i)};
  mst_status st = MST_OK;
  const int64_t neighbours = find_neighbours(r, i);
  for (int64_t k = 0; st == MST_OK && k < neighbours; k++) {
    mst_noise pair;
    const int64_t j = r->neighbour[k];
    st = mst_agreement_seed(o.key.key, open_key(r, i), open_key(r, j), r->number, &pair);
    if (st == MST_OK) mst_secure_stream_add(&pair, 0, m, j < i, whole);
    mst_noise_wipe(&pair);
  }
  if (st == MST_OK) mst_secure_stream_add(&o.self, 0, m, false, whole);
  sodium_memzero(&o, sizeof o);
  return st;
}

static int64_t count_survivors(mst_secure_round *r, const bool *survives, int64_t i) {
  int64_t count = 0;
  const int64_t neighbours = find_neighbours(r, i);
  for (int64_t k = 0; k < neighbours; k++) count += survives[r->neighbour[k]];
  return count;
}

int64_t mst_secure_round_left(mst_secure_round *r, const bool *survives, int64_t i) {
  return survives[i] ? 1 : count_survivors(r, survives, i);
}

int64_t mst_secure_round_holders(mst_secure_round *r, const bool *survives, int64_t i) {
  return survives[i] + count_survivors(r, survives, i);
}

/* What client i has dealt of one of its secrets comes back from the survivors that hold it. */
static mst_status rebuild(mst_secure_round *r, const mst_secret *secret, const bool *survives,
                          int64_t i, const mst_noise *of, mst_noise_purpose purpose,
                          mst_noise *out) {
  const int64_t neighbours = find_neighbours(r, i);
  int64_t *holder = NULL, n = 0;
  mst_shamir_share *share = NULL;
  MST_TRY(mst_alloc(&holder, neighbours + 1, sizeof *holder, "holders of a secret"));
  mst_status st = mst_alloc(&share, neighbours + 1, sizeof *share, "shares of a secret");
  if (survives[i]) holder[n++] = i + 1;
  for (int64_t k = 0; k < neighbours; k++)
    if (survives[r->neighbour[k]]) holder[n++] = r->neighbour[k] + 1;
  n = mst_least(n, r->threshold);
  mst_noise noise = secret_of(r, secret, purpose, i);
  if (st == MST_OK) st = mst_shamir_deal(of->key, r->threshold, &noise, n, holder, share);
  if (st == MST_OK) st = mst_shamir_join(r->threshold, n, share, out->key);
  mst_noise_wipe(&noise);
  mst_free(share);
  mst_free(holder);
  return st;
}

static mst_status check_key(const mst_secure_round *r, int64_t i, const mst_noise *key) {
  unsigned char open[MST_AGREEMENT_BYTES];
  mst_agreement_public(key->key, open);
  if (memcmp(open, open_key(r, i), sizeof open) == 0) return MST_OK;
  return mst_fail(MST_ERR_INTERNAL,
                  "client %lld: the shares give a key that is not of its public key",
                  (long long)r->client[i]);
}

mst_status mst_secure_round_recover(mst_secure_round *r, const mst_secret *secret,
                                    const bool *survives, int64_t i, mst_secure_left *left) {
  own o = {secret_of(r, secret, MST_NOISE_MASK_KEY, i),
           secret_of(r, secret, MST_NOISE_MASK_SELF, i)};
  mst_status st;
  if (survives[i]) {
    left[0].minus = false;
    st = rebuild(r, secret, survives, i, &o.self, MST_NOISE_MASK_SELF_SHARES, &left[0].seed);
  } else {
    mst_noise key;
    st = rebuild(r, secret, survives, i, &o.key, MST_NOISE_MASK_KEY_SHARES, &key);
    if (st == MST_OK) st = check_key(r, i, &key);
    const int64_t neighbours = find_neighbours(r, i);
    int64_t count = 0;
    for (int64_t k = 0; st == MST_OK && k < neighbours; k++) {
      const int64_t j = r->neighbour[k];
      if (!survives[j]) continue;
      left[count].minus = i < j; /* the survivor's sign */
      st =
          mst_agreement_seed(key.key, open_key(r, i), open_key(r, j), r->number, &left[count].seed);
      count++;
    }
    mst_noise_wipe(&key);
  }
  sodium_memzero(&o, sizeof o);
  return st == MST_OK ? st : mst_fail_within(st, "client %lld: ", (long long)r->client[i]);
}

mst_secure_bytes mst_secure_traffic(const mst_secure_options *o, int64_t n, int64_t survivors) {
  const int64_t degree = mst_secure_degree(n, o->neighbours);
  const int64_t pair = 2 * MST_SHAMIR_BYTES + MST_SECURE_TAG;
  const int64_t keys = 2 * MST_AGREEMENT_BYTES, list = mst_ceil_div(degree + 1, 8);
  return (mst_secure_bytes){
      .up = n * (keys + degree * pair) + survivors * (degree + 1) * MST_SHAMIR_BYTES,
      .down = n * degree * (keys + pair) + survivors * list};
}
