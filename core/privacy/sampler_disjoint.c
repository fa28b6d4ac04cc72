/* Disjoint parts: once for a whole run every record is put, by itself and at random, at a place in
 * [0, 1); a step takes those of an interval. Steps whose intervals are disjoint share no record, so
 * together they cost what one does (parallel composition). Places are drawn from the secret though
 * no gain from sampling is claimed: see sampler_cyclic.c. */
#include <math.h>

#include "core/base/memory.h"
#include "core/privacy/sampler_member.h"

static int64_t take(mst_sampler *s, int64_t first, int64_t n, int64_t *out) {
  mst_noise_cursor c = {.used = 0};
  int64_t taken = 0;
  for (int64_t i = first; i < first + n; i++) {
    uint64_t u = mst_sampler_word(s, &c, i, i == first);
    if (u >= s->part[0] && (s->last || u < s->part[1])) out[taken++] = i;
  }
  mst_noise_close(&c);
  return taken;
}

/* In no registry: which interval a step takes is the method's to say. */
static const mst_sampler_ops ops = {.name = "disjoint", .take = take};

mst_status mst_sampler_create_disjoint(int64_t population, mst_sampler **out) {
  *out = NULL;
  if (population < 1)
    return mst_fail(MST_ERR_INPUT, "privacy.population: %lld records; there must be at least 1",
                    (long long)population);
  mst_sampler *s = NULL;
  MST_TRY(mst_alloc(&s, 1, sizeof *s, "sampler"));
  s->ops = &ops;
  s->spec = (mst_sampler_spec){.kind = ops.name, .population = population};
  s->sampling = MST_SAMPLING_NONE;
  s->cycle = INT64_MAX;
  mst_sampler_part(s, 0, 1);
  *out = s;
  return MST_OK;
}

void mst_sampler_part(mst_sampler *s, double from, double to) {
  s->part[0] = (uint64_t)ldexp(from, 64);
  s->last = to >= 1;
  s->part[1] = s->last ? UINT64_MAX : (uint64_t)ldexp(to, 64);
  s->q = to - from;
  s->expected = s->q * (double)s->spec.population;
}
