/* Stop rule: the comparison of a round's metrics with the value that ends a run. A metric is a loss
 * when its name says so. */
#include "core/base/stop.h"

#include <string.h>

bool mst_stop_reached(const mst_stop *stop, int n, const mst_metric *metric) {
  if (stop->metric == NULL) return false;
  bool falls = strstr(stop->metric, "loss") != NULL;
  for (int i = 0; i < n; i++)
    if (strcmp(metric[i].name, stop->metric) == 0)
      return falls ? metric[i].value <= stop->at : metric[i].value >= stop->at;
  return false;
}
