/* Workers that take turns: once for a whole run every record is put, by itself and at random, with
 * one of so many workers; a step takes the records of one of them, each by itself with probability
 * q. For a record of that worker the step is a release of a Poisson sample; for the others it is
 * none, which the event does not make use of.
 *
 * Whose a record is comes from the secret, though no gain from it is claimed: see sampler_cyclic.c.
 */
#include <math.h>

#include "core/base/memory.h"
#include "core/privacy/sampler_member.h"

/* The worker of a record's place, of 2^64. */
static int64_t worker_at(const mst_sampler *s, uint64_t place) {
  return (int64_t)(((unsigned __int128)place * (uint64_t)s->workers) >> 64);
}

static int64_t take(mst_sampler *s, int64_t first, int64_t n, int64_t *out) {
  const bool all = s->q >= 1;
  const uint64_t below = all ? 0 : (uint64_t)ldexp(s->q, 64); /* rounded down: never above q */
  mst_noise_cursor dealt = {.used = 0}, drawn = {.used = 0};
  int64_t taken = 0;
  for (int64_t i = first; i < first + n; i++) {
    uint64_t place = mst_sampler_word_of(&s->deal, &dealt, i, i == first);
    uint64_t u = mst_sampler_word(s, &drawn, i, i == first);
    if (worker_at(s, place) == s->worker && (all || u < below)) out[taken++] = i;
  }
  mst_noise_close(&dealt);
  mst_noise_close(&drawn);
  return taken;
}

/* In no registry: whose turn a step is, is the method's to say. */
static const mst_sampler_ops ops = {.name = "workers", .take = take};

static mst_status check(int64_t population, int64_t workers, int64_t rows) {
  if (population < 1)
    return mst_fail(MST_ERR_INPUT, "privacy.population: %lld records; there must be at least 1",
                    (long long)population);
  if (workers >= 1 && rows >= 1 && rows <= population / workers) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "method.rows: an expected %lld of the %lld rows of each of method.workers %lld "
                  "cannot be sampled",
                  (long long)rows, (long long)(workers >= 1 ? population / workers : 0),
                  (long long)workers);
}

mst_status mst_sampler_create_workers(int64_t population, int64_t workers, int64_t rows,
                                      mst_sampler **out) {
  *out = NULL;
  MST_TRY(check(population, workers, rows));
  mst_sampler *s = NULL;
  MST_TRY(mst_alloc(&s, 1, sizeof *s, "sampler"));
  s->ops = &ops;
  s->spec = (mst_sampler_spec){.kind = ops.name, .population = population};
  s->sampling = MST_SAMPLING_POISSON;
  s->cycle = 1;
  s->workers = workers;
  s->q = fmin(1, (double)rows * (double)workers / (double)population);
  s->expected = s->q * (double)population / (double)workers;
  *out = s;
  return MST_OK;
}

void mst_sampler_worker(mst_sampler *s, int64_t worker) {
  s->worker = worker;
}
