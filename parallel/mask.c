/* The mask stage. Keys and rebuilt secrets are shared out over the ranks, which hand them round as
 * sums in which all others have zeros; taking masks away is shared out by the entries of the sum.
 */
#include "parallel/mask.h"

#include <math.h>
#include <string.h>

#include <sodium.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/lattice.h"
#include "core/privacy/whole.h"
#include "core/secure/stream.h"

#define SEED_WORDS (MST_SECRET_BYTES / 8)
#define LEFT_WORDS (SEED_WORDS + 1) /* a seed and its sign */
#define PIECE      16384            /* entries that stay in cache while masks go over them */

struct mst_mask {
  mst_team *team;
  mst_mask_options options;
  mst_stage stage;
  mst_secret secret;
  mst_secure_round round;
  int64_t *sent;  /* (n) whether this rank added the client's contribution; then any rank */
  bool *survives; /* (n)                                                                   */
  int64_t survivors, least; /* least: that must be        */
  bool enough;              /* else nobody was asked for shares */
  int64_t lefts;            /* masks in the sum ... */
  mst_secure_left *left;    /* (lefts)              */
  struct {
    int64_t client, holders; /* why the round is not enough; client -1: too few sent */
  } lack;
};

static mst_status mask_nothing(const mst_stage *stage, int64_t client, int64_t round, int64_t n,
                               int64_t *whole) {
  (void)client, (void)round, (void)n, (void)whole;
  return mst_fail(MST_ERR_INTERNAL, "the stage '%s' of a plan masks nothing", stage->name);
}

const mst_stage mst_stage_mask = {.name = "masks",
                                  .slot = MST_SLOT_MASK,
                                  .traits = MST_TRAIT_SINGLE | MST_TRAIT_HIDES,
                                  .mask = mask_nothing};

mst_status mst_mask_check(const mst_mask_options *o) {
  if (o->kind == MST_MASK_NONE) return MST_OK;
  if (!(o->bound > 0 && isfinite(o->bound)))
    return mst_fail(MST_ERR_INPUT,
                    "secure.bound is %g: masks need a grid that is known before any data is seen, "
                    "so give a positive bound on what one client adds to the sum",
                    o->bound);
  if (!(o->spread >= 0 && isfinite(o->spread)))
    return mst_fail(MST_ERR_INTERNAL, "noise of %g bounds cannot be", o->spread);
  return mst_secure_check(&o->secure);
}

mst_status mst_mask_grid(const mst_mask_options *o, int64_t summands, int *shift) {
  if (o->spread > 0) return mst_whole_shift(o->bound, o->spread, summands, shift);
  *shift = mst_lattice_shift(mst_lattice_exponent(o->bound) +
                             mst_lattice_exponent((double)mst_most(summands, 2)));
  if (mst_whole_bound(o->bound, *shift) > 0) return MST_OK;
  return mst_fail(MST_ERR_INPUT, "secure.bound is %g: there is no grid for sums of it", o->bound);
}

/* The client's place in the round, or -1. */
static int64_t place_of(const mst_mask *m, int64_t client) {
  int64_t low = 0, high = m->round.n;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (m->round.client[middle] < client)
      low = middle + 1;
    else
      high = middle;
  }
  return low < m->round.n && m->round.client[low] == client ? low : -1;
}

static mst_status mask(const mst_stage *stage, int64_t client, int64_t round, int64_t n,
                       int64_t *whole) {
  mst_mask *m = stage->data;
  const int64_t i = place_of(m, client);
  if (i < 0 || m->sent[i] != 0 || mst_mask_drops(m, client))
    return mst_fail(MST_ERR_INTERNAL, "it is not to send in this round");
  if (m->options.noise != NULL)
    MST_TRY(m->options.noise(m->options.context, client, round, n, whole));
  if (m->options.kind == MST_MASK_ON)
    MST_TRY(mst_secure_round_mask(&m->round, &m->secret, i, n, whole));
  m->sent[i] = 1;
  return MST_OK;
}

mst_status mst_mask_create(mst_team *team, const mst_mask_options *options, mst_mask **out) {
  mst_mask *m = NULL;
  *out = NULL;
  mst_status st = mst_mask_check(options);
  if (st == MST_OK) st = mst_alloc(&m, 1, sizeof *m, "masks");
  if (st == MST_OK) {
    m->team = team;
    m->options = *options;
    m->stage = mst_stage_mask;
    m->stage.mask = mask;
    m->stage.data = m;
    if (mst_team_rank(team) == 0) st = mst_secret_fresh(&m->secret);
  }
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_team_bcast(team, &m->secret, sizeof m->secret, 0);
  if (st != MST_OK) {
    mst_mask_destroy(m);
    return st;
  }
  *out = m;
  return MST_OK;
}

static void forget_left(mst_mask *m) {
  if (m->left != NULL) sodium_memzero(m->left, (size_t)m->lefts * sizeof *m->left);
  mst_free(m->left);
  m->left = NULL;
  m->lefts = 0;
}

static void forget_round(mst_mask *m) {
  forget_left(m);
  mst_secure_round_close(&m->round);
  mst_free(m->sent);
  mst_free(m->survives);
  m->sent = NULL;
  m->survives = NULL;
  m->survivors = 0;
}

void mst_mask_destroy(mst_mask *m) {
  if (m == NULL) return;
  forget_round(m);
  mst_secret_wipe(&m->secret);
  mst_free(m);
}

const mst_stage *mst_mask_stage(const mst_mask *m) {
  return &m->stage;
}

/* Clients are dealt to ranks in turn. */
static bool is_mine(const mst_mask *m, int64_t i) {
  return i % mst_team_size(m->team) == mst_team_rank(m->team);
}

mst_status mst_mask_open(mst_mask *m, int64_t round, int64_t n, const int64_t *client) {
  forget_round(m);
  mst_status st = MST_OK;
  if (n > 0) st = mst_secure_round_open(&m->options.secure, (uint64_t)round, n, client, &m->round);
  if (st == MST_OK) st = mst_alloc(&m->sent, n, sizeof *m->sent, "who has sent");
  if (st == MST_OK) st = mst_alloc(&m->survives, n, sizeof *m->survives, "who has sent");
  MST_TRY(mst_team_agree(m->team, st));
  m->round.number = (uint64_t)round;
  m->least = 2;
  if (m->options.kind != MST_MASK_ON || n == 0) return MST_OK;
  for (int64_t i = 0; i < n; i++)
    if (is_mine(m, i)) mst_secure_round_publish(&m->round, &m->secret, i);
  return mst_sum_i64(m->team, (int64_t *)m->round.open, n * MST_SECURE_KEY_WORDS);
}

void mst_mask_require(mst_mask *m, int64_t least) {
  m->least = mst_most(2, least);
}

bool mst_mask_drops(const mst_mask *m, int64_t client) {
  return mst_secure_drops(&m->options.secure, client, m->round.number);
}

/* How many masks are left of each client; whether those that hold its shares suffice. */
static bool count_left(mst_mask *m) {
  m->lack.client = -1;
  m->lack.holders = m->survivors;
  if (m->survivors < m->least) return false;
  for (int64_t i = 0; i < m->round.n; i++) {
    const int64_t left = mst_secure_round_left(&m->round, m->survives, i);
    const int64_t holders = mst_secure_round_holders(&m->round, m->survives, i);
    m->lefts += left;
    if (left == 0 || holders >= m->round.threshold) continue;
    m->lack.client = i;
    m->lack.holders = holders;
    return false;
  }
  return true;
}

/* This rank's clients' part of word(lefts, LEFT_WORDS). */
static mst_status recover_mine(mst_mask *m, int64_t *word) {
  int64_t at = 0;
  for (int64_t i = 0; i < m->round.n; i++) {
    const int64_t left = mst_secure_round_left(&m->round, m->survives, i);
    if (left > 0 && is_mine(m, i)) {
      MST_TRY(mst_secure_round_recover(&m->round, &m->secret, m->survives, i, m->left + at));
      for (int64_t k = at; k < at + left; k++) {
        memcpy(word + k * LEFT_WORDS, m->left[k].seed.key, MST_SECRET_BYTES);
        word[k * LEFT_WORDS + SEED_WORDS] = m->left[k].minus;
      }
    }
    at += left;
  }
  return MST_OK;
}

static mst_status recover(mst_mask *m) {
  int64_t *word = NULL;
  mst_status st = mst_alloc(&m->left, m->lefts, sizeof *m->left, "masks in a sum");
  if (st == MST_OK) st = mst_alloc(&word, m->lefts * LEFT_WORDS, sizeof *word, "masks in a sum");
  st = mst_team_agree(m->team, st);
  if (st == MST_OK) st = mst_team_agree(m->team, recover_mine(m, word));
  if (st == MST_OK) st = mst_sum_i64(m->team, word, m->lefts * LEFT_WORDS);
  for (int64_t k = 0; st == MST_OK && k < m->lefts; k++) {
    memcpy(m->left[k].seed.key, word + k * LEFT_WORDS, MST_SECRET_BYTES);
    m->left[k].minus = word[k * LEFT_WORDS + SEED_WORDS] != 0;
  }
  if (word != NULL) sodium_memzero(word, (size_t)(m->lefts * LEFT_WORDS) * sizeof *word);
  mst_free(word);
  return st;
}

mst_status mst_mask_close(mst_mask *m, bool *enough) {
  forget_left(m);
  MST_TRY(mst_sum_i64(m->team, m->sent, m->round.n));
  m->survivors = 0;
  for (int64_t i = 0; i < m->round.n; i++) {
    m->survives[i] = m->sent[i] != 0;
    m->survivors += m->survives[i];
  }
  *enough = m->enough = count_left(m);
  if (*enough && m->options.kind == MST_MASK_ON) return recover(m);
  m->lefts = 0;
  return MST_OK;
}

mst_status mst_mask_refuse(const mst_mask *m) {
  const long long round = (long long)m->round.number + 1, sent = (long long)m->survivors;
  if (m->lack.client < 0 && m->least > 2)
    return mst_fail(MST_ERR_INPUT,
                    "round %lld: %lld of %lld clients sent, and the sum is to be of %lld at least",
                    round, sent, (long long)m->round.n, (long long)m->least);
  if (m->lack.client < 0)
    return mst_fail(MST_ERR_INPUT,
                    "round %lld: %lld of %lld clients sent, and a sum of fewer than two hides "
                    "nobody: ask more clients, or lower secure.dropout",
                    round, sent, (long long)m->round.n);
  return mst_fail(MST_ERR_INPUT,
                  "round %lld: %lld of %lld clients sent, too few to take the masks away: client "
                  "%lld's secrets need %lld shares, and %lld of their holders are left; lower "
                  "secure.dropout or secure.threshold, or give more secure.neighbours",
                  round, sent, (long long)m->round.n, (long long)m->round.client[m->lack.client],
                  (long long)m->round.threshold, (long long)m->lack.holders);
}

int64_t mst_mask_survivors(const mst_mask *m) {
  return m->survivors;
}

void mst_mask_remove(const mst_mask *m, int64_t first, int64_t n, int64_t *sum) {
  for (int64_t done = 0; done < n; done += PIECE)
    for (int64_t k = 0; k < m->lefts; k++)
      mst_secure_stream_add(&m->left[k].seed, first + done, mst_least(PIECE, n - done),
                            !m->left[k].minus, sum + done);
}

mst_secure_bytes mst_mask_traffic(const mst_mask *m) {
  if (m->options.kind != MST_MASK_ON || m->round.n == 0) return (mst_secure_bytes){0};
  return mst_secure_traffic(&m->options.secure, m->round.n, m->enough ? m->survivors : 0);
}

int64_t mst_mask_bytes(const mst_mask_options *o, int64_t n) {
  if (o->kind == MST_MASK_NONE || n == 0) return 0;
  const int64_t degree = mst_secure_degree(n, o->secure.neighbours);
  const double gone = o->secure.dropout * (double)n * (double)degree;
  const int64_t lefts = n + (int64_t)ceil(gone * (1 - o->secure.dropout));
  const int64_t round = 64 * n + 8 * degree,
                shares = (degree + 1) * (int64_t)sizeof(mst_shamir_share);
  return round + (o->kind == MST_MASK_ON ? shares + lefts * (8 * LEFT_WORDS + 40) : 0);
}
