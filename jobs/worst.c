/* Figures are judged by what their names say. */
#include "jobs/worst.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static int suitability(const char *figure) {
  if (figure == NULL) return 0;
  if (strcmp(figure, "accuracy") == 0) return 5;
  if (strstr(figure, "spread") != NULL) return 1;
  if (strstr(figure, "accuracy") != NULL) return 4;
  if (strcmp(figure, "loss") == 0) return 3;
  return strstr(figure, "loss") != NULL ? 2 : 1;
}

const char *mst_worst_figure(const char *a, const char *b) {
  return suitability(b) > suitability(a) ? b : a;
}

static bool low_is_good(const char *figure) {
  static const char *const part[] = {"loss",   "error",  "regret",          "norm",
                                     "spread", "bytes",  "seconds",         "epsilon",
                                     "gap",    "rounds", "clients_excluded"};
  for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
    if (strstr(figure, part[i]) != NULL) return true;
  return false;
}

bool mst_worst_is_worse(const char *figure, double a, double b) {
  if (!isfinite(a) || !isfinite(b)) return !isfinite(a) && isfinite(b);
  return low_is_good(figure) ? a > b : a < b;
}
