/* A banded Toeplitz C (Choquette-Choo et al. 2023): b coefficients, 1 = c_0 >= c_1 >= ... >= 0. A
 * record that takes part at most every b steps meets columns of C that do not overlap, so the
 * squared sensitivity is its participations times |c|^2. The noise follows by recursion,
 *
 *     w_t = z_t - sum over k = 1 .. b - 1 of c_k w_(t-k),
 *
 * from a window of the last b - 1 vectors. */
#include <stddef.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/privacy/correlation_member.h"
#include "core/privacy/sensitivity.h"

static mst_status choose_bands(const mst_correlation *c, int64_t *bands) {
  const mst_sampler *s = c->sampler;
  int64_t most = c->spec.restart ? s->cycle : s->separation;
  *bands = c->spec.bands > 0 ? c->spec.bands : most;
  if (*bands > most)
    return mst_fail(MST_ERR_INPUT,
                    "privacy.bands: %lld bands are for records that take part at most every %lld "
                    "steps, and theirs may come again after %lld",
                    (long long)*bands, (long long)*bands, (long long)most);
  *bands = mst_least(*bands, c->period);
  return MST_OK;
}

static mst_status prepare(mst_correlation *c, int64_t participations, int64_t between) {
  int64_t bands = 0;
  MST_TRY(choose_bands(c, &bands));
  MST_TRY(mst_correlation_room(c));
  mst_toeplitz_root(bands, -0.5, c->coefficient);
  if (strcmp(c->spec.coefficients, "optimised") == 0)
    MST_TRY(mst_correlation_optimise(bands, c->period, c->coefficient));
  c->window = bands - 1;
  MST_TRY(mst_alloc(&c->past, c->window, sizeof *c->past, "correlation"));
  for (int64_t k = 0; k < c->window; k++) c->past[k] = -c->coefficient[k + 1];
  mst_correlation_prefix(bands, c->coefficient, c->period, c->sum);
  return mst_correlation_measure(c, participations, between);
}

static bool term(const mst_correlation *c, int64_t base, int64_t at, int64_t i,
                 mst_correlation_term *out) {
  (void)c;
  *out = (mst_correlation_term){MST_NOISE_SUM, (uint64_t)(base + at), 1};
  return i == 0;
}

static const mst_param params[] = {
    {.name = "bands",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_correlation_spec, bands),
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .unit = "steps",
     .help = "of C; a rank holds its share of as many vectors. 0: the steps of a cycle"},
    {.name = "coefficients",
     .type = MST_PARAM_WORD,
     .offset = offsetof(mst_correlation_spec, coefficients),
     .fallback = "optimised",
     .allowed = "optimised|root",
     .unit = "",
     .help = "optimised: least mean error of the prefix sums; root: the first ones of toeplitz"},
    {.name = "restart",
     .type = MST_PARAM_BOOL,
     .offset = offsetof(mst_correlation_spec, restart),
     .fallback = "false",
     .unit = "",
     .help = "correlate within every cycle of the sampler alone; false: over the run"},
    {.name = NULL}};

const mst_correlation_ops mst_correlation_banded = {
    .name = "banded",
    .summary = "a banded matrix factorisation: a step takes in the noise of the last ones",
    .params = params,
    .prepare = prepare,
    .term = term,
    .variance = mst_correlation_summed,
};
