/* Batches of a fixed size without replacement: batch of population records, uniformly (Knuth's
 * selection sampling, algorithm S), drawn whole once a step. */
#include "core/base/memory.h"
#include "core/privacy/sampler_member.h"

static mst_status prepare(mst_sampler *s) {
  const mst_sampler_spec *p = &s->spec;
  if (p->batch < 1 || p->batch > p->population)
    return mst_fail(MST_ERR_INPUT,
                    "optimizer.batch: %lld of %lld records cannot be drawn; choose 1 to %lld",
                    (long long)p->batch, (long long)p->population, (long long)p->population);
  s->sampling = MST_SAMPLING_WITHOUT_REPLACEMENT;
  s->q = (double)p->batch / (double)p->population;
  s->expected = (double)p->batch;
  return mst_alloc(&s->chosen, p->batch, sizeof *s->chosen, "records of a batch");
}

static void choose(mst_sampler *s) {
  mst_noise_cursor c;
  int64_t n = s->spec.population, left = s->spec.batch, taken = 0;
  mst_noise_open(&c, &s->stream, 0, MST_NOISE_WORDS);
  for (int64_t i = 0; i < n && left > 0; i++)
    if (mst_noise_below(&c, (uint64_t)(n - i)) < (uint64_t)left) {
      s->chosen[taken++] = i;
      left--;
    }
  mst_noise_close(&c);
  s->n_chosen = taken;
}

static int64_t take(mst_sampler *s, int64_t first, int64_t n, int64_t *out) {
  if (s->n_chosen < 0) choose(s);
  int64_t low = 0, high = s->n_chosen, taken = 0;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (s->chosen[middle] < first)
      low = middle + 1;
    else
      high = middle;
  }
  while (low < s->n_chosen && s->chosen[low] < first + n) out[taken++] = s->chosen[low++];
  return taken;
}

const mst_sampler_ops mst_sampler_fixed = {
    .name = "fixed",
    .summary = "so many records without replacement; needs adjacency replace_one",
    .prepare = prepare,
    .take = take,
};
