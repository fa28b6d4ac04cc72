/* The table of codes, and what holds for all of them. */
#include "core/coding/coding.h"

#include "core/base/key.h"
#include "core/base/registry.h"
#include "core/coding/member.h"

static const mst_coding_ops *const TABLE[] = {&mst_coding_repetition, &mst_coding_cyclic};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_coding_ops *mst_coding_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_coding_ops *mst_coding_find(const char *name) {
  return mst_coding_at(mst_registry_find(name_at, name));
}

mst_status mst_coding_check(const mst_coding_spec *s) {
  const mst_coding_ops *ops = mst_coding_find(s->kind);
  if (ops == NULL) return mst_registry_refuse(name_at, "coding.kind", s->kind);
  MST_TRY(mst_param_check(ops->params, s, "coding"));
  return ops->check(s);
}

int64_t mst_coding_redundancy(const mst_coding_spec *s) {
  return 2 * s->adversaries + 1;
}

int mst_coding_width(const mst_coding_spec *s) {
  return mst_coding_find(s->kind)->width(s);
}

int64_t mst_coding_first(const mst_coding_spec *s, int64_t worker) {
  return mst_coding_find(s->kind)->first(s, worker);
}

/* Which of the worker's parts that is, from 0; 2s+1 or more: none of them. */
static int64_t place_of(const mst_coding_spec *s, int64_t worker, int64_t part) {
  return (part - mst_coding_first(s, worker) + s->workers) % s->workers;
}

bool mst_coding_takes(const mst_coding_spec *s, int64_t worker, int64_t part) {
  return place_of(s, worker, part) < mst_coding_redundancy(s);
}

void mst_coding_encode(const mst_coding_spec *s, int64_t worker, int64_t part, int64_t d,
                       const double *gradient, double *message) {
  const mst_coding_ops *ops = mst_coding_find(s->kind);
  double re[2 * MST_CODING_ADVERSARIES + 1], im[2 * MST_CODING_ADVERSARIES + 1];
  const int64_t place = place_of(s, worker, part);
  ops->coefficients(s, worker, re, im);
  for (int64_t i = 0; i < d; i++) message[i] += re[place] * gradient[i];
  if (ops->width(s) == 1) return;
  for (int64_t i = 0; i < d; i++) message[d + i] += im[place] * gradient[i];
}

void mst_coding_projection(uint64_t seed, int64_t round, int64_t d, double *projection) {
  mst_stream stream = mst_stream_of(mst_key_make(seed, MST_PURPOSE_CODING, 0, (uint64_t)round));
  for (int64_t i = 0; i < d; i++) projection[i] = 2 * mst_stream_uniform(&stream) - 1;
}

void mst_coding_witness_of(const mst_coding_spec *s, int64_t d, const double *message,
                           const double *projection, mst_coding_witness *out) {
  memset(out, 0, sizeof *out);
  mst_coding_find(s->kind)->witness(s, d, message, projection, out);
}

mst_status mst_coding_decode(const mst_coding_spec *s, const mst_coding_witness *witness,
                             mst_coding_decoding *out) {
  int64_t broken = 0;
  out->found = 0;
  for (int64_t j = 0; j < s->workers; j++) {
    out->re[j] = out->im[j] = 0;
    out->hostile[j] = witness[j].finite == 0;
    broken += out->hostile[j];
  }
  if (broken > s->adversaries)
    return mst_fail(MST_ERR_NONFINITE,
                    "%lld of %lld workers sent numbers that are not finite; coding.adversaries: "
                    "%lld can be left out",
                    (long long)broken, (long long)s->workers, (long long)s->adversaries);
  MST_TRY(mst_coding_find(s->kind)->decode(s, witness, out));
  for (int64_t j = 0; j < s->workers; j++) out->found += out->hostile[j];
  return MST_OK;
}
