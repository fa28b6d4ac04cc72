/* Users made up: rows and responses of a sparse linear model, for measuring how the error of a
 * method goes with the number of users, columns and non-zeros. Every row is a pure function of
 * (seed, row). All functions are Local. */
#ifndef MST_CORE_LOCAL_LINEAR_H
#define MST_CORE_LOCAL_LINEAR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

typedef struct mst_linear_spec {
  uint64_t seed;
  int64_t width, sparsity; /* d, k                                                              */
  double noise;            /* standard deviation of y about <x, theta>                          */
  bool signs;              /* coordinates are 1 or -1; else normal, of variance 1               */
  double correlation;      /* of neighbouring columns, in normal rows: c^|i - j|                */
} mst_linear_spec;

/** \return MST_OK, or MST_ERR_INPUT for a number that cannot be. */
mst_status mst_linear_check(const mst_linear_spec *s) MST_CHECKED;

/** theta(d): `sparsity` entries of 1 / sqrt(sparsity) or its negative at drawn places, length 1. */
void mst_linear_truth(const mst_linear_spec *s, double *theta);

/** Row i >= 0 into x(d), and its response; public rows have none, and are no user's.
 *  \param y  NULL: a public row. */
void mst_linear_row(const mst_linear_spec *s, const double *theta, int64_t i, float *x, double *y);

#endif
