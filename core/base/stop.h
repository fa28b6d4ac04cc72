/* Stop rule: a metric that ends a run when it reaches a value. */
#ifndef MST_CORE_BASE_STOP_H
#define MST_CORE_BASE_STOP_H

#include <stdbool.h>

#include "core/base/observer.h"

typedef struct mst_stop {
  const char *metric; /* name of the series; NULL: the run takes all its rounds */
  double at;          /* the value that it is to reach                          */
} mst_stop;

/** Does one of metric(n) reach the rule's value: a loss from above, any other from below? False
 *  without a rule, for a metric that was not measured, and for NaN. Local. */
bool mst_stop_reached(const mst_stop *stop, int n, const mst_metric *metric);

#endif
