/* What benchmarks share: an error ends them, CPU time, the median of repeats. */
#ifndef MST_TESTS_BENCH_BENCH_H
#define MST_TESTS_BENCH_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/status.h"
#include "core/base/summary.h"

/* End the program, and with it the ranks beside it, unless st is MST_OK. */
static inline void need(mst_status st) {
  if (st == MST_OK) return;
  fprintf(stderr, "bench: %s\n", mst_status_detail());
  exit(EXIT_FAILURE);
}

static inline double cpu_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Sorts t(n). */
static inline double median(double *t, int n) {
  mst_summary_sort(t, n);
  return t[n / 2];
}

#endif
