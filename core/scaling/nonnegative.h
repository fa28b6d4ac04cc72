/* Least squares with a few coefficients of which none may be negative, exactly: every set of
 * coefficients that are not zero is solved for, and the best one that is allowed is taken (at most
 * 2^4 sets; for long lists there are other ways). And what the data leave open: the least and the
 * largest value of a sum of such coefficients among all that fit nearly as well. Local. */
#ifndef MST_CORE_SCALING_NONNEGATIVE_H
#define MST_CORE_SCALING_NONNEGATIVE_H

#include <stdint.h>

#define MST_NONNEGATIVE_TERMS 4

/* minimise |A x - y|^2 over x >= 0, with rows that are divided by their standard errors. */
typedef struct mst_nonnegative {
  int rows, terms;
  const double *a; /* (rows, terms), all of it 0 or more */
  const double *y; /* (rows)                              */
} mst_nonnegative;

/** The x(terms) of the least misfit |A x - y|^2, which is returned. Of several that fit alike the
 *  one with the fewest terms, and of these the one whose terms stand first in the list. */
double mst_nonnegative_fit(const mst_nonnegative *p, double *x);

/** The least and the largest g'x over all x >= 0 whose misfit is at most `most`; g(terms) is 0 or
 *  more. NaN for both where there is no such x; *high is infinite where a term that is 0 in all
 *  rows has its part in g. */
void mst_nonnegative_range(const mst_nonnegative *p, const double *g, double most, double *low,
                           double *high);

#endif
