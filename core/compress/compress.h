/* Compressors: what a client may send in place of a vector, and what the server reads from it.
 *
 * An encoding is the very bytes that would be sent. Its length depends on the settings and the
 * vector's length alone, never on the entries; so what a round will send is known before it. What
 * is random in an encoding is drawn from a stream that client and server share, so choices that
 * it can repeat (which entries) are not sent. One file a member; the table is in compress.c.
 * Equations and sources: doc/methods/compression.md. */
#ifndef MST_CORE_COMPRESS_COMPRESS_H
#define MST_CORE_COMPRESS_COMPRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/key.h"
#include "core/base/param.h"
#include "core/base/status.h"

/* What the experiment says of compression. Members read the fields that their params name. */
typedef struct mst_compress_spec {
  const char *kind;     /* registry name                                                     */
  bool feedback;        /* what was left out is added to what the client sends next          */
  double fraction;      /* topk, randk: share of the entries that are sent                   */
  int64_t levels;       /* qsgd: steps between 0 and the norm                                */
  int64_t bucket;       /* qsgd, int8: entries that share a norm or a scale                  */
  bool majority;        /* sign: signs alone are sent, and the server takes that of their sum */
  double majority_step; /* sign: what an entry moves by then                                 */
} mst_compress_spec;

typedef struct mst_compress_ops {
  const char *name;
  const char *summary; /* one line for `muster list compressors` */
  const mst_param *params;
  /* Bytes of an encoding of n entries. */
  int64_t (*bytes)(const mst_compress_spec *s, int64_t n);
  /* Words of scratch for what is drawn from the stream, in both directions; or NULL: none. */
  int64_t (*drawn)(const mst_compress_spec *s, int64_t n);
  void (*encode)(const mst_compress_spec *s, mst_stream stream, int64_t n, const float *x,
                 uint64_t *drawn, uint8_t *to);
  /* from has the right length. Returns whether it is an encoding. */
  bool (*decode)(const mst_compress_spec *s, mst_stream stream, int64_t n, const uint8_t *from,
                 uint64_t *drawn, float *x);
} mst_compress_ops;

/** The member of that name or NULL; the i-th member or NULL past the end. Local. */
const mst_compress_ops *mst_compress_find(const char *name);
const mst_compress_ops *mst_compress_at(int i);

/** Check a spec.
 *  \return MST_OK; MST_ERR_INPUT for an unknown name or a setting out of range; MST_ERR_UNSUPPORTED
 *          for a majority vote with feedback. Local. */
mst_status mst_compress_check(const mst_compress_spec *s) MST_CHECKED;

/** The stream of one vector of what a client sends in a round: key (seed, MST_PURPOSE_COMPRESS,
 *  client, round) from block vector * 2^40 on. Local. */
mst_stream mst_compress_stream(uint64_t seed, int64_t client, int64_t round, int vector);

/** Bytes of the encoding of n entries; words of the scratch `drawn`, often 0. n >= 0. Local. */
int64_t mst_compress_bytes(const mst_compress_spec *s, int64_t n);
int64_t mst_compress_drawn(const mst_compress_spec *s, int64_t n);

/** to(mst_compress_bytes) = the encoding of x(n). x finite, of magnitude at most 2^60; drawn:
 *  scratch. A pure function of its arguments. Local. */
void mst_compress_encode(const mst_compress_spec *s, mst_stream stream, int64_t n, const float *x,
                         uint64_t *drawn, uint8_t *to);

/** x(n) = what an encoding says, given the stream that it was made with; drawn: scratch.
 *  \return MST_OK, or MST_ERR_FORMAT when from(bytes) is no encoding of n entries (wrong length, an
 *          entry that none has); then x is unspecified. Local. */
mst_status mst_compress_decode(const mst_compress_spec *s, mst_stream stream, int64_t n,
                               const uint8_t *from, int64_t bytes, uint64_t *drawn,
                               float *x) MST_CHECKED;

#endif
