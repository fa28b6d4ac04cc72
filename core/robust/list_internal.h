/* What the files of the list of regressions share. Not installed. */
#ifndef MST_CORE_ROBUST_LIST_INTERNAL_H
#define MST_CORE_ROBUST_LIST_INTERNAL_H

#include <stdint.h>

#include "core/robust/list_regression.h"

typedef struct mst_list_search {
  const mst_list_batches *b;
  double alpha;
  double *scale;  /* (n) root mean square of a user's x, an entry; 0: left out                */
  double *h;      /* (n, d) normalised gradients                                              */
  double *value;  /* (n) of them along a direction                                            */
  int64_t *order; /* (n) users by it                                                          */
  double *matrix; /* (d, d)                                                                   */
  double *right;  /* (d)                                                                      */
  double *eigen;  /* (d)                                                                      */
  double *work;   /* of the eigenvalues                                                       */
  double *set;    /* (room, n) sets of weights that wait                                      */
  int64_t sets, room;
  double *leaf;   /* (room, n + d) sets that were kept, and their w                           */
  double *spread; /* (room)                                                                   */
  int64_t leaves;
} mst_list_search;

/** Mean squared residual of a user; gradient(d) = A w - c. Local. */
double mst_list_measure(const mst_list_search *s, int64_t user, const double *w, double *gradient);

/** Sum of n weights. Local. */
double mst_list_total(int64_t n, const double *beta);

/** w(d) minimises sum_b beta_b f_b^(1/2) / scale_b, by reweighted least squares. (2)
 *  \return MST_OK; MST_ERR_SINGULAR. Local. */
mst_status mst_list_fit(mst_list_search *s, const double *beta, double *w) MST_CHECKED;

/** Largest variance of the normalised gradients (3), and value(n) along its direction; *rows: the
 *  harmonic mean of the users' rows. \return what the eigenvalues return. Local. */
mst_status mst_list_direction(mst_list_search *s, const double *beta, const double *w,
                              double *largest, double *rows) MST_CHECKED;

/** value(n) = logarithms of the users' mean squared residuals; *spread: rows / 2 times their
 *  variance, about 1 for one normal distribution. (4) Local. */
void mst_list_scatter(mst_list_search *s, const double *beta, const double *w, double *spread,
                      double *rows);

#endif
