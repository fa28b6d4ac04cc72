/* The square root of the prefix sums: B = C, the lower triangular Toeplitz matrix of the
 * coefficients of (1 - x)^(-1/2), which is optimal for the greatest error but for a constant
 * (Fichtenberger, Henzinger, Upadhyay 2023). A step's noise takes in all past draws of the period
 * with those of (1 - x)^(1/2), 1, -1/2, -1/8, -1/16, -5/128, ...; they are drawn again in every
 * step, so nothing is kept and step t costs t draws. */
#include <stddef.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/privacy/correlation_member.h"
#include "core/privacy/sensitivity.h"

static mst_status prepare(mst_correlation *c, int64_t participations, int64_t between) {
  MST_TRY(mst_correlation_room(c));
  MST_TRY(mst_alloc(&c->inverse, c->period, sizeof *c->inverse, "correlation"));
  mst_toeplitz_root(c->period, -0.5, c->coefficient);
  mst_toeplitz_root(c->period, 0.5, c->inverse);
  memcpy(c->sum, c->coefficient, (size_t)c->period * sizeof *c->sum);
  return mst_correlation_measure(c, participations, between);
}

static bool term(const mst_correlation *c, int64_t base, int64_t at, int64_t i,
                 mst_correlation_term *out) {
  if (i > at) return false;
  *out = (mst_correlation_term){MST_NOISE_SUM, (uint64_t)(base + at - i), c->inverse[i]};
  return true;
}

static const mst_param params[] = {
    {.name = "restart",
     .type = MST_PARAM_BOOL,
     .offset = offsetof(mst_correlation_spec, restart),
     .fallback = "false",
     .unit = "",
     .help = "correlate within every cycle of the sampler alone; false: over the run"},
    {.name = NULL}};

const mst_correlation_ops mst_correlation_toeplitz = {
    .name = "toeplitz",
    .summary = "the square root of the prefix sums; a step takes in all past draws",
    .params = params,
    .prepare = prepare,
    .term = term,
    .variance = mst_correlation_summed,
};
