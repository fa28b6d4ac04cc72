/* Noise of its own in every step: C = 1. */
#include "core/privacy/correlation_member.h"

static mst_status prepare(mst_correlation *c, int64_t participations, int64_t between) {
  (void)participations;
  (void)between;
  c->squared = 1;
  return MST_OK;
}

static bool term(const mst_correlation *c, int64_t base, int64_t at, int64_t i,
                 mst_correlation_term *out) {
  (void)c;
  *out = (mst_correlation_term){MST_NOISE_SUM, (uint64_t)(base + at), 1};
  return i == 0;
}

static double variance(const mst_correlation *c, int64_t at) {
  (void)c;
  return (double)(at + 1);
}

const mst_correlation_ops mst_correlation_independent = {
    .name = "independent",
    .summary = "noise of its own in every step (DP-SGD)",
    .whole = true,
    .prepare = prepare,
    .term = term,
    .variance = variance,
};
