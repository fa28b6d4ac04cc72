/* Poisson sampling: every record takes part by itself, with probability q. */
#include <math.h>
#include <stddef.h>

#include "core/privacy/sampler_member.h"

static mst_status prepare(mst_sampler *s) {
  const mst_sampler_spec *p = &s->spec;
  double n = (double)p->population;
  s->sampling = MST_SAMPLING_POISSON;
  s->q = p->rate > 0 ? p->rate : (double)p->batch / n;
  if (p->rate <= 0 && (p->batch < 1 || p->batch > p->population))
    return mst_fail(MST_ERR_INPUT,
                    "optimizer.batch: an expected %lld of %lld records cannot be sampled; choose 1 "
                    "to %lld, or give privacy.rate",
                    (long long)p->batch, (long long)p->population, (long long)p->population);
  s->expected = s->q * n;
  return MST_OK;
}

static int64_t take(mst_sampler *s, int64_t first, int64_t n, int64_t *out) {
  bool all = s->q >= 1;
  uint64_t below = all ? 0 : (uint64_t)ldexp(s->q, 64); /* rounded down: never more than q */
  mst_noise_cursor c = {.used = 0};
  int64_t taken = 0;
  for (int64_t i = first; i < first + n; i++) {
    uint64_t u = mst_sampler_word(s, &c, i, i == first);
    if (all || u < below) out[taken++] = i;
  }
  mst_noise_close(&c);
  return taken;
}

static const mst_param params[] = {
    {.name = "rate",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_sampler_spec, rate),
     .fallback = "0",
     .min = 0,
     .max = 1,
     .unit = "",
     .help = "probability with which a record takes part in a step; 0: optimizer.batch / "
             "privacy.population"},
    {.name = NULL}};

const mst_sampler_ops mst_sampler_poisson = {
    .name = "poisson",
    .summary = "each record by itself with probability q = batch / population",
    .params = params,
    .prepare = prepare,
    .take = take,
};
