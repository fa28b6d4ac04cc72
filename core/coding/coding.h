/* Gradient coding: the exact sum of gradients from workers some of whom send anything.
 *
 * The rows of a step are cut into as many parts as there are workers. With redundancy 2s+1 every
 * part's gradient is taken by 2s+1 workers, and each worker sends one combination of the 2s+1
 * gradients that it took. Whatever at most s workers send, even with knowledge of all the others,
 * the server finds the sum of all parts: no robust rule and no assumption on the gradients is
 * needed, at the price of 2s+1 times the work. (Chen, Wang, Charles, Papailiopoulos: "DRACO:
 * Byzantine-resilient distributed training via redundant gradients", ICML 2018.)
 *
 * A message is one real vector, or two (real and imaginary parts), one behind the other. The server
 * does not compare messages: from each it takes a witness of a few numbers, which whoever holds the
 * message computes; from the witnesses follows who is left out, and with which weights the
 * other messages are added. Everything is a pure function of its arguments. The algebra is in
 * doc/methods/coding.md. */
#ifndef MST_CORE_CODING_CODING_H
#define MST_CORE_CODING_CODING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/digest.h"
#include "core/base/param.h"
#include "core/base/status.h"

#define MST_CODING_WORKERS     1024 /* most workers                     */
#define MST_CODING_ADVERSARIES 16   /* most of them that may be hostile */

typedef struct mst_coding_spec {
  const char *kind;    /* registry name                                              */
  int64_t workers;     /* n: workers, and parts of a step                            */
  int64_t adversaries; /* s: most workers that may send anything                     */
} mst_coding_spec;

/* What is told of a message. Members fill in what their decoding reads, the rest is 0. */
typedef struct mst_coding_witness {
  int64_t finite; /* 1: every number in it is, and none is beyond what can be projected */
  double re, im;  /* cyclic: its inner product with the projection                      */
  double size;    /* cyclic: norm of the terms of that product, the unit of its rounding */
  uint8_t digest[MST_DIGEST_BYTES]; /* repetition                                           */
} mst_coding_witness;

/* What follows of the witnesses: the sum of the parts is the sum over workers of re A - im B, where
 * A and B are the real and the imaginary part of the worker's message. The caller's arrays. */
typedef struct mst_coding_decoding {
  double *re, *im; /* (workers) 0 where the message is not used                          */
  bool *hostile;   /* (workers) whose message was found not to be what it had to be      */
  int64_t found;   /* how many                                                           */
} mst_coding_decoding;

typedef struct mst_coding_ops {
  const char *name;
  const char *summary; /* one line for `muster list codings` */
  const mst_param *params;
  bool projects; /* witnesses need the projection */
  mst_status (*check)(const mst_coding_spec *s);
  /* Real vectors of a message: 1 or 2. */
  int (*width)(const mst_coding_spec *s);
  /* A worker holds parts first, ..., first + 2s, counted modulo the workers. */
  int64_t (*first)(const mst_coding_spec *s, int64_t worker);
  /* re, im(2s+1): what those parts are multiplied by. */
  void (*coefficients)(const mst_coding_spec *s, int64_t worker, double *re, double *im);
  void (*witness)(const mst_coding_spec *s, int64_t d, const double *message,
                  const double *projection, mst_coding_witness *out);
  mst_status (*decode)(const mst_coding_spec *s, const mst_coding_witness *witness,
                       mst_coding_decoding *out);
} mst_coding_ops;

/** The member of that name or NULL; the i-th member or NULL past the end. Local. */
const mst_coding_ops *mst_coding_find(const char *name);
const mst_coding_ops *mst_coding_at(int i);

/** Check a spec.
 *  \return MST_OK; MST_ERR_INPUT for an unknown name, a setting out of range, or workers that do
 *          not suit the code. Local. */
mst_status mst_coding_check(const mst_coding_spec *s) MST_CHECKED;

/** 2s+1: workers that take a part, and parts that a worker takes. Local. */
int64_t mst_coding_redundancy(const mst_coding_spec *s);
/** Real vectors of a message. Local. */
int mst_coding_width(const mst_coding_spec *s);
/** The first of a worker's parts; they are consecutive modulo the workers. Local. */
int64_t mst_coding_first(const mst_coding_spec *s, int64_t worker);
/** Whether the worker takes the part. Local. */
bool mst_coding_takes(const mst_coding_spec *s, int64_t worker, int64_t part);

/** message(width, d) += what a part that the worker takes adds to it. Adding parts in another order
 *  gives other last bits. Local. */
void mst_coding_encode(const mst_coding_spec *s, int64_t worker, int64_t part, int64_t d,
                       const double *gradient, double *message);

/** projection(d) of a round: uniform in (-1, 1), from key (seed, MST_PURPOSE_CODING, 0, round).
 *  Hostile workers must not know it before they send. Local. */
void mst_coding_projection(uint64_t seed, int64_t round, int64_t d, double *projection);

/** The witness of message(width, d). projection: (d), or NULL where the member takes none. Local.
 */
void mst_coding_witness_of(const mst_coding_spec *s, int64_t d, const double *message,
                           const double *projection, mst_coding_witness *out);

/** Who is left out, and the weights of the others, from all workers' witnesses.
 *  \return MST_OK; MST_ERR_NONFINITE when more than s messages are not finite; MST_ERR_INPUT when
 *          the witnesses agree with no set of at most s hostile workers. Local. */
mst_status mst_coding_decode(const mst_coding_spec *s, const mst_coding_witness *witness,
                             mst_coding_decoding *out) MST_CHECKED;

#endif
