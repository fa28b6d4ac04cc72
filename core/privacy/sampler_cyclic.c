/* Cyclic batches: in every cycle each record is put, by itself and at random, in one of as many
 * groups as the cycle has steps, and takes part in its group's step alone. The groups are disjoint,
 * so a whole cycle costs what one step on all records does (parallel composition).
 *
 * Groups are drawn from the secret, though no gain from sampling is claimed: known groups would
 * belong to places in the file, and a record more or less moves all that come after it to other
 * places. Another start has another secret, so it begins with a cycle of its own.
 *
 * Kept groups are drawn once for the run: a record then comes again after exactly one cycle, which
 * noise that is correlated over cycles needs to know. */
#include <stddef.h>

#include "core/base/arithmetic.h"
#include "core/privacy/sampler_member.h"

static mst_status prepare(mst_sampler *s) {
  const mst_sampler_spec *p = &s->spec;
  if (p->batch < 1)
    return mst_fail(MST_ERR_INPUT, "optimizer.batch: %lld records a step; there must be at least 1",
                    (long long)p->batch);
  s->sampling = MST_SAMPLING_NONE;
  s->cycle = mst_ceil_div(p->population, p->batch);
  s->separation = p->kept ? s->cycle : 1; /* the last group's may be in the next cycle's first */
  s->q = 1.0 / (double)s->cycle;
  s->expected = (double)p->population / (double)s->cycle;
  return MST_OK;
}

static int64_t take(mst_sampler *s, int64_t first, int64_t n, int64_t *out) {
  uint64_t cycle = (uint64_t)s->cycle, turn = s->step % cycle;
  mst_noise_cursor c = {.used = 0};
  int64_t taken = 0;
  for (int64_t i = first; i < first + n; i++) {
    uint64_t u = mst_sampler_word(s, &c, i, i == first);
    if ((uint64_t)(((unsigned __int128)u * cycle) >> 64) == turn) out[taken++] = i;
  }
  mst_noise_close(&c);
  return taken;
}

static const mst_param params[] = {
    {.name = "kept",
     .type = MST_PARAM_BOOL,
     .offset = offsetof(mst_sampler_spec, kept),
     .fallback = "false",
     .unit = "",
     .help = "keep the groups of the first cycle; false: draw them anew in every cycle"},
    {.name = NULL}};

const mst_sampler_ops mst_sampler_cyclic = {
    .name = "cyclic",
    .summary = "records in groups of about the batch's size, one group a step, in turn",
    .params = params,
    .prepare = prepare,
    .take = take,
};
