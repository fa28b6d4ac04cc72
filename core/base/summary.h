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

/** Mean and largest of x(n), in any order; NaN when n is 0. */
double mst_summary_mean(const double *x, int64_t n);
double mst_summary_most(const double *x, int64_t n);
/** Standard deviation of x(n), in any order, as an estimate of that of what they are drawn from: of
 *  n - 1 degrees of freedom; 0 for one number or none. */
double mst_summary_deviation(const double *x, int64_t n);

/* Of a confusion matrix counts(classes, classes): rows of each class by the class that was chosen.
 */

/** The rows of class k. */
double mst_confusion_rows(const double *counts, int64_t classes, int64_t k);
/** The share of the rows of class k that were taken for it; NaN without rows. */
double mst_confusion_recall(const double *counts, int64_t classes, int64_t k);
/** The share of the rows taken for class k that are of it; NaN when none was. */
double mst_confusion_precision(const double *counts, int64_t classes, int64_t k);

/** Sort x(n) in ascending order. No number may be NaN. */
void mst_summary_sort(double *x, int64_t n);

/** The figures of sorted(n), which ascends. */
mst_summary mst_summary_make(const double *sorted, int64_t n);

/** The q-quantile, 0 <= q <= 1, of sorted(n), which ascends: the smallest number that at least q n
 *  of them do not exceed; NaN when n is 0. */
double mst_summary_quantile(const double *sorted, int64_t n, double q);

#endif
