/* The table of compressors and the checks that hold for all of them. */
#include "core/compress/compress.h"

#include "core/base/registry.h"
#include "core/compress/member.h"

/* Bits of the number of a vector's block in a stream: far more blocks than it has entries. */
#define STREAM_BLOCKS 40

static const mst_compress_ops *const TABLE[] = {&mst_compress_none,  &mst_compress_topk,
                                                &mst_compress_randk, &mst_compress_sign,
                                                &mst_compress_qsgd,  &mst_compress_int8};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_compress_ops *mst_compress_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_compress_ops *mst_compress_find(const char *name) {
  return mst_compress_at(mst_registry_find(name_at, name));
}

mst_status mst_compress_check(const mst_compress_spec *s) {
  const mst_compress_ops *ops = mst_compress_find(s->kind);
  if (ops == NULL) return mst_registry_refuse(name_at, "compress.kind", s->kind);
  MST_TRY(mst_param_check(ops->params, s, "compress"));
  if (s->majority && s->feedback)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "compress.majority sends signs without a size, so nothing says how much of a "
                    "contribution was lost; set compress.feedback: false");
  return MST_OK;
}

mst_stream mst_compress_stream(uint64_t seed, int64_t client, int64_t round, int vector) {
  mst_stream s =
      mst_stream_of(mst_key_make(seed, MST_PURPOSE_COMPRESS, (uint64_t)client, (uint64_t)round));
  s.block = (uint64_t)vector << STREAM_BLOCKS;
  return s;
}

int64_t mst_compress_bytes(const mst_compress_spec *s, int64_t n) {
  return n > 0 ? mst_compress_find(s->kind)->bytes(s, n) : 0;
}

int64_t mst_compress_drawn(const mst_compress_spec *s, int64_t n) {
  const mst_compress_ops *ops = mst_compress_find(s->kind);
  return n > 0 && ops->drawn != NULL ? ops->drawn(s, n) : 0;
}

void mst_compress_encode(const mst_compress_spec *s, mst_stream stream, int64_t n, const float *x,
                         uint64_t *drawn, uint8_t *to) {
  if (n > 0) mst_compress_find(s->kind)->encode(s, stream, n, x, drawn, to);
}

mst_status mst_compress_decode(const mst_compress_spec *s, mst_stream stream, int64_t n,
                               const uint8_t *from, int64_t bytes, uint64_t *drawn, float *x) {
  int64_t want = mst_compress_bytes(s, n);
  if (bytes != want)
    return mst_fail(MST_ERR_FORMAT, "%s of %lld entries has %lld bytes, not %lld", s->kind,
                    (long long)n, (long long)want, (long long)bytes);
  if (n > 0 && !mst_compress_find(s->kind)->decode(s, stream, n, from, drawn, x))
    return mst_fail(MST_ERR_FORMAT, "the %lld bytes are no %s of %lld entries", (long long)bytes,
                    s->kind, (long long)n);
  return MST_OK;
}
