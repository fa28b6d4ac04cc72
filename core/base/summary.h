/* Summaries of a few numbers, such as the accuracies of clients: sorting, quantiles, and the
 * figures by which such a list is judged. Sums are taken in the order of the array, so that the
 * same numbers in the same order give the same bits. All functions are Local. */
#ifndef MST_CORE_BASE_SUMMARY_H
#define MST_CORE_BASE_SUMMARY_H

#include <stdint.h>

/* Of n numbers, each NaN when n is 0. */
typedef struct mst_summary {
  double mean;
  double worst;  /* mean of the smallest tenth, n/10 rounded down, but of one number at least */
  double spread; /* standard deviation: root of the mean square distance from the mean        */
} mst_summary;

/** Sort x(n) in ascending order. No number may be NaN. */
void mst_summary_sort(double *x, int64_t n);

/** The figures of sorted(n), which ascends. */
mst_summary mst_summary_make(const double *sorted, int64_t n);

/** The q-quantile, 0 <= q <= 1, of sorted(n), which ascends: the smallest number that at least q n
 *  of them do not exceed; NaN when n is 0. */
double mst_summary_quantile(const double *sorted, int64_t n, double q);

#endif
