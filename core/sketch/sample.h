/* Coordinated samples: rows of a matrix that were kept by a shared hash of their numbers, and the
 * pairs of rows that two samples have in common, from which A'B is estimated without bias.
 * doc/methods/sketch.md, equations (2) to (4). All functions are Local. */
#ifndef MST_CORE_SKETCH_SAMPLE_H
#define MST_CORE_SKETCH_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/linalg/sparse_rows.h"
#include "core/sketch/sketch.h"

typedef struct mst_sample {
  double level;         /* rows are kept whose hash / square is below it                    */
  int64_t kept;         /* rows so far                                                      */
  int64_t *row;         /* (kept) their numbers, increasing                                 */
  double *square;       /* (kept) squared norms, of the whole rows                          */
  mst_sparse_rows rows; /* (kept, d) the rows without their zeros                           */
  int64_t numbers;      /* that are sent: of each row its number and its entries with their
                           columns, or all entries where that is less                       */
} mst_sample;

/** Squared norm of a row x(d), added up from the first entry on; *entries: that are not zero. */
double mst_sample_measure(int64_t d, const double *x, int64_t *entries);

/** Is a row of that squared norm kept? A row of zeros never is. */
bool mst_sample_keeps(const mst_sketch_spec *s, double level, int64_t row, double square);

/** Room for that many rows of d columns and entries of them. Free with mst_sample_free, after an
 *  error too. MST_ERR_MEMORY. */
mst_status mst_sample_create(double level, int64_t rows, int64_t d, int64_t entries,
                             mst_sample *out) MST_CHECKED;
void mst_sample_free(mst_sample *s);

/** Keep row x(d), of a higher number than those before; there must be room. Entries are rounded to
 *  float32. */
void mst_sample_add(mst_sample *s, int64_t row, double square, const double *x);

/* Places in two samples; begin with zeros. */
typedef struct mst_sample_pair {
  int64_t a, b;           /* of a row that is in both                                          */
  double chance;          /* that it is: min(1, level_a |A_i|^2, level_b |B_i|^2); equation (4) */
  int64_t next_a, next_b; /* where to look on                                                  */
} mst_sample_pair;

/** The next row that is in both; false where there is none. */
bool mst_sample_next(const mst_sample *a, const mst_sample *b, mst_sample_pair *pair);

#endif
