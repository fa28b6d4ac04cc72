/* Sketches of a matrix whose rows are numbered, small enough to send, from which products A'B and
 * least squares are estimated when A and B were sketched apart, with one seed and nothing else in
 * common (Daliri, Freire, Li, Musco: "Matrix product sketching via coordinated sampling", 2025).
 *
 * A linear sketch is S A with a random S(size, n) that both sides draw alike; a sample keeps rows
 * by a hash of their numbers that both sides share (core/sketch/sample.h). One file a member; the
 * table is in sketch.c. Equations: doc/methods/sketch.md. All functions are Local. */
#ifndef MST_CORE_SKETCH_SKETCH_H
#define MST_CORE_SKETCH_SKETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/key.h"
#include "core/base/param.h"
#include "core/base/status.h"

/* What the experiment says. */
typedef struct mst_sketch_spec {
  const char *kind;
  int64_t size;  /* k: rows of S A, or rows that are kept               */
  uint64_t seed; /* of S, or of the hash: shared by all who are sketched */
} mst_sketch_spec;

/* Members have either the functions of a linear sketch or those of a sample. */
typedef struct mst_sketch_ops {
  const char *name;
  const char *summary; /* one line for `muster list sketches` */
  const mst_param *params;

  /* Linear: column i of S, whose entries have mean 0 and E S'S = I. */
  int64_t (*nonzeros)(const mst_sketch_spec *s); /* entries of a column; size: all, in order     */
  double (*largest)(const mst_sketch_spec *s);   /* no entry's magnitude is more                 */
  void (*column)(const mst_sketch_spec *s, int64_t row, int64_t *place, double *entry);

  /* Sample: a row is kept whose score, hash / squared norm, is below a level. */
  int64_t (*scores)(const mst_sketch_spec *s); /* how many of the least scores decide the level  */
  /* squares: |A|_F^2; least(n): the least scores, ascending, fewer where there are fewer. */
  double (*level)(const mst_sketch_spec *s, double squares, int64_t n, const double *least);
} mst_sketch_ops;

extern const mst_param mst_sketch_params[]; /* of every member */

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_sketch_ops *mst_sketch_find(const char *name);
const mst_sketch_ops *mst_sketch_at(int i);

/** \return MST_OK, or MST_ERR_INPUT for an unknown name or a size out of range. */
mst_status mst_sketch_check(const mst_sketch_spec *s) MST_CHECKED;

/** Does the member send S A (otherwise: some of the rows)? */
static inline bool mst_sketch_is_linear(const mst_sketch_ops *ops) {
  return ops->column != NULL;
}

/** The stream that column `row` of S is drawn from. */
mst_stream mst_sketch_stream(const mst_sketch_spec *s, int64_t row);

/** h(row), uniform in (0, 1) and the same for all who share the seed. */
double mst_sketch_hash(const mst_sketch_spec *s, int64_t row);

#endif
