/* The full batch: every record takes part in every step. */
#include "core/privacy/sampler_member.h"

static mst_status prepare(mst_sampler *s) {
  s->sampling = MST_SAMPLING_NONE;
  s->q = 1;
  s->separation = 1;
  s->expected = (double)s->spec.population;
  return MST_OK;
}

static int64_t take(mst_sampler *s, int64_t first, int64_t n, int64_t *out) {
  (void)s;
  for (int64_t i = 0; i < n; i++) out[i] = first + i;
  return n;
}

const mst_sampler_ops mst_sampler_full = {
    .name = "full",
    .summary = "all records in every step",
    .prepare = prepare,
    .take = take,
};
