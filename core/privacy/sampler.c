/* The table of samplers, and what holds for all of them. */
#include "core/privacy/sampler.h"

#include "core/base/memory.h"
#include "core/base/registry.h"
#include "core/privacy/sampler_member.h"

static const mst_sampler_ops *const TABLE[] = {&mst_sampler_poisson, &mst_sampler_fixed,
                                               &mst_sampler_full, &mst_sampler_cyclic};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_sampler_ops *mst_sampler_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_sampler_ops *mst_sampler_find(const char *name) {
  return mst_sampler_at(mst_registry_find(name_at, name));
}

static mst_status check(const mst_sampler_spec *spec, const mst_sampler_ops *ops) {
  if (ops == NULL) return mst_registry_refuse(name_at, "privacy.sampler", spec->kind);
  MST_TRY(mst_param_check(ops->params, spec, "privacy"));
  if (spec->population >= 1) return MST_OK;
  return mst_fail(MST_ERR_INPUT, "privacy.population: %lld records; there must be at least 1",
                  (long long)spec->population);
}

mst_status mst_sampler_create(const mst_sampler_spec *spec, mst_sampler **out) {
  const mst_sampler_ops *ops = mst_sampler_find(spec->kind);
  *out = NULL;
  MST_TRY(check(spec, ops));
  mst_sampler *s = NULL;
  MST_TRY(mst_alloc(&s, 1, sizeof *s, "sampler"));
  s->ops = ops;
  s->spec = *spec;
  s->cycle = 1;
  mst_status st = ops->prepare(s);
  if (st != MST_OK) {
    mst_sampler_destroy(s);
    return st;
  }
  *out = s;
  return MST_OK;
}

void mst_sampler_destroy(mst_sampler *s) {
  if (s == NULL) return;
  mst_noise_wipe(&s->stream);
  mst_noise_wipe(&s->deal);
  mst_free(s->chosen);
  mst_free(s);
}

double mst_sampler_expected(const mst_sampler *s) {
  return s->expected;
}

mst_event mst_sampler_event(const mst_sampler *s, double sigma) {
  return (mst_event){.mechanism = MST_MECHANISM_GAUSSIAN,
                     .noise = sigma,
                     .sensitivity = 1,
                     .sampling = s->sampling,
                     .q = s->sampling == MST_SAMPLING_POISSON ? s->q : 0,
                     .n = s->sampling == MST_SAMPLING_WITHOUT_REPLACEMENT ? s->spec.population : 0,
                     .m = s->sampling == MST_SAMPLING_WITHOUT_REPLACEMENT ? s->spec.batch : 0,
                     .count = 1};
}

bool mst_sampler_charged(const mst_sampler *s, int64_t step) {
  return step % s->cycle == 0;
}

int64_t mst_sampler_charges(const mst_sampler *s, int64_t from, int64_t to) {
  int64_t before = (from + s->cycle - 1) / s->cycle, after = (to + s->cycle - 1) / s->cycle;
  return after > before ? after - before : 0;
}

void mst_sampler_begin(mst_sampler *s, const mst_secret *secret, int64_t step) {
  int64_t drawn = s->spec.kept && s->cycle > 1 ? 0 : step - step % s->cycle;
  s->step = (uint64_t)step;
  s->stream = mst_noise_of(secret, MST_NOISE_SAMPLING, 0, (uint64_t)drawn);
  if (s->workers > 0) s->deal = mst_noise_of(secret, MST_NOISE_DEAL, 0, 0);
  s->n_chosen = -1;
}

int64_t mst_sampler_take(mst_sampler *s, int64_t first, int64_t n, int64_t *out) {
  return s->ops->take(s, first, n, out);
}
