/* The repetition code: groups of 2s+1 workers, all of which take the same 2s+1 parts and send their
 * plain sum. In a group at most s messages differ from the s+1 or more honest ones, which are equal
 * bit by bit, so the majority is right and the sum of the groups' majorities is exact.
 *
 * Messages are not compared with each other: one digest (BLAKE2b-256) is taken of each, and a
 * group's majority is found among the digests by the vote of Boyer and Moore, in 2 (2s+1)
 * comparisons of 32 bytes. Source: DRACO, section 3.1. doc/methods/coding.md. */
#include "core/coding/member.h"

static mst_status check(const mst_coding_spec *s) {
  const int64_t group = mst_coding_redundancy(s);
  if (s->workers % group == 0) return MST_OK;
  return mst_fail(
      MST_ERR_INPUT,
      "coding.workers is %lld; repetition with coding.adversaries: %lld needs groups of "
      "%lld workers, so a multiple of that (or coding.kind: cyclic)",
      (long long)s->workers, (long long)s->adversaries, (long long)group);
}

static int width(const mst_coding_spec *s) {
  (void)s;
  return 1;
}

static int64_t first(const mst_coding_spec *s, int64_t worker) {
  return worker - worker % mst_coding_redundancy(s);
}

static void coefficients(const mst_coding_spec *s, int64_t worker, double *re, double *im) {
  (void)worker;
  for (int64_t k = 0; k < mst_coding_redundancy(s); k++) {
    re[k] = 1;
    im[k] = 0;
  }
}

static void witness(const mst_coding_spec *s, int64_t d, const double *message,
                    const double *projection, mst_coding_witness *out) {
  (void)s;
  (void)projection;
  mst_digest digest;
  out->finite = 1;
  for (int64_t i = 0; i < d; i++)
    if (!isfinite(message[i])) out->finite = 0;
  mst_digest_start(&digest);
  mst_digest_add(&digest, message, d * (int64_t)sizeof *message);
  mst_digest_bytes(&digest, out->digest);
}

static bool is_same(const mst_coding_witness *a, const mst_coding_witness *b) {
  return memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

/* The one message that can have a majority among those that are finite: every other vote is set off
 * against one for it. */
static int64_t elect(int64_t n, const mst_coding_witness *w) {
  int64_t chosen = -1, lead = 0;
  for (int64_t j = 0; j < n; j++) {
    if (w[j].finite == 0) continue;
    if (lead == 0) chosen = j;
    lead += lead == 0 || is_same(&w[j], &w[chosen]) ? 1 : -1;
  }
  return chosen;
}

static mst_status decode_group(const mst_coding_spec *s, int64_t begin, const mst_coding_witness *w,
                               mst_coding_decoding *out) {
  const int64_t n = mst_coding_redundancy(s);
  int64_t chosen = elect(n, w), votes = 0, speaker = -1;
  for (int64_t j = 0; j < n; j++) {
    const bool agrees = w[j].finite != 0 && is_same(&w[j], &w[chosen]);
    out->hostile[begin + j] = !agrees;
    if (agrees && speaker < 0) speaker = j;
    votes += agrees;
  }
  if (votes <= s->adversaries)
    return mst_fail(MST_ERR_INPUT,
                    "no %lld of workers %lld to %lld sent the same: more of them are hostile than "
                    "coding.adversaries: %lld",
                    (long long)s->adversaries + 1, (long long)begin, (long long)(begin + n - 1),
                    (long long)s->adversaries);
  out->re[begin + speaker] = 1;
  return MST_OK;
}

static mst_status decode(const mst_coding_spec *s, const mst_coding_witness *w,
                         mst_coding_decoding *out) {
  for (int64_t begin = 0; begin < s->workers; begin += mst_coding_redundancy(s))
    MST_TRY(decode_group(s, begin, w + begin, out));
  return MST_OK;
}

static const mst_param params[] = {MST_CODING_PARAMS};

const mst_coding_ops mst_coding_repetition = {
    .name = "repetition",
    .summary = "groups of 2s+1 workers do the same work; the majority counts",
    .params = params,
    .check = check,
    .width = width,
    .first = first,
    .coefficients = coefficients,
    .witness = witness,
    .decode = decode,
};
