/* The subspace that the hidden vectors of tasks share, from estimates of all tasks (Du, Huang, Sun
 * 2023): an E-optimal design, each task's least-squares estimate, the second moments of the
 * estimates less those of their noise, and their first k eigenvectors. Private to core/identify;
 * all functions are Local. */
#ifndef MST_CORE_IDENTIFY_RECOVER_H
#define MST_CORE_IDENTIFY_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/identify/identify.h"

typedef struct mst_recovery {
  mst_instance *instance;
  int64_t rank;       /* k                                                                        */
  double constant;    /* scale of pulls                                                           */
  double delta;       /* of all rounds                                                            */
  int64_t most;       /* pulls of a task                                                          */
  int64_t round;      /* so many were made                                                        */
  double spread;      /* of the design: 1 / least eigenvalue                                      */
  double most_spread; /* of the design: the largest x'A^-1 x of an arm                          */
  double least;       /* nu: of the k-th eigenvalue of the hidden vectors' second moments, a bound
                         from below; at first that of vectors that are spread evenly              */
  int64_t pulls;      /* of a task, so far                                                        */
  double *weight;     /* (S, K)                                                                   */
  double *count, *sum; /* (M, S, K)                                                             */
  double *estimate; /* (M, d)                                                                   */
  double *inverse;  /* (M, d, d) of the sums of x x'                                            */
  double *moments;  /* (d, d); its eigenvectors after a round, those of the largest last        */
  double *values;   /* (d)                                                                      */
  double *work;
} mst_recovery;

/** Start with nothing but instance, rank, constant, delta and most; free with end.
 *  \return MST_OK, MST_ERR_MEMORY, or MST_ERR_SINGULAR when the arms do not span. */
mst_status mst_recovery_start(mst_recovery *r) MST_CHECKED;
void mst_recovery_end(mst_recovery *r);

/** Pull until what of the hidden vectors is outside the subspace changes no arm's mean by more than
 *  `within`, and find the basis(k, d).
 *  \param pulls   (M) are added to.
 *  \param out_of  true if there were not enough pulls left.
 *  \param shared  false if the estimates are too far from the subspace to be of vectors in it. */
mst_status mst_recovery_find(mst_recovery *r, double within, int64_t *pulls, double *basis,
                             bool *out_of, bool *shared) MST_CHECKED;

#endif
