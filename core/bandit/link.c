/* The three links and their slopes, in forms that neither overflow nor cancel. */
#include "core/bandit/link.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

mst_link mst_link_of(const char *name) {
  if (name != NULL && strcmp(name, "logistic") == 0) return MST_LINK_LOGISTIC;
  if (name != NULL && strcmp(name, "probit") == 0) return MST_LINK_PROBIT;
  return MST_LINK_IDENTITY;
}

double mst_link_mean(mst_link link, double z) {
  switch (link) {
    case MST_LINK_LOGISTIC: return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
    case MST_LINK_PROBIT: return erfc(-z * sqrt(0.5)) / 2;
    case MST_LINK_IDENTITY: break;
  }
  return z;
}

double mst_link_slope(mst_link link, double z) {
  const double e = exp(-fabs(z));
  switch (link) {
    case MST_LINK_LOGISTIC: return e / ((1 + e) * (1 + e));
    case MST_LINK_PROBIT: return exp(-z * z / 2) * 0.39894228040143267794; /* (2 pi)^-1/2 */
    case MST_LINK_IDENTITY: break;
  }
  return 1;
}
