/* Cyclic batches: each record belongs to one of `cycle` groups, drawn for it alone from the seed,
 * and takes part in every cycle-th step. The groups are disjoint, so a whole cycle costs what one
 * step on all records does (parallel composition); that the groups are known takes nothing away,
 * for no gain from sampling is claimed. */
#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/privacy/sampler_member.h"

static mst_status prepare(mst_sampler *s) {
  const mst_sampler_spec *p = &s->spec;
  if (p->batch < 1)
    return mst_fail(MST_ERR_INPUT, "optimizer.batch: %lld records a step; there must be at least 1",
                    (long long)p->batch);
  s->sampling = MST_SAMPLING_NONE;
  s->cycle = mst_ceil_div(p->population, p->batch);
  s->q = 1.0 / (double)s->cycle;
  s->expected = (double)p->population / (double)s->cycle;
  return MST_OK;
}

static int64_t take(mst_sampler *s, int64_t first, int64_t n, int64_t *out) {
  mst_key key = mst_key_make(s->spec.seed, MST_PURPOSE_BATCH, 0, 0);
  uint64_t cycle = (uint64_t)s->cycle, turn = s->step % cycle;
  int64_t taken = 0;
  for (int64_t i = first; i < first + n; i++) {
    uint32_t word[4];
    mst_key_block(key, (uint64_t)i, word);
    uint64_t u = (uint64_t)word[1] << 32 | word[0];
    if ((uint64_t)(((unsigned __int128)u * cycle) >> 64) == turn) out[taken++] = i;
  }
  return taken;
}

const mst_sampler_ops mst_sampler_cyclic = {
    .name = "cyclic",
    .summary = "records in groups of about the batch's size, one group a step, in turn",
    .prepare = prepare,
    .take = take,
};
