/* The schedule of batches of DisBE-LUCB (Amani, Lattimore, Gyorgy, Yang 2023). With N agents, T
 * rounds and M batches
 *
 *     a = T^(1/2) (N T / d)^(1 / (2 (2^(M-1) - 1))),  T_1 = T_2 = a (d / N)^(1/2),
 *     T_m = a T_(m-1)^(1/2),
 *
 * for which T_M = T exactly (doc/methods/bandits.md): the last batch takes what is left. */
#include <math.h>

#include "core/bandit/protocol.h"
#include "core/base/arithmetic.h"

/* The least M for which a <= 2 T^(1/2): M = 1 + log2(log2(N T / d) / 2 + 1), rounded up. */
static int64_t published(double load) {
  if (!(load > 2)) return 1;
  return (int64_t)ceil(1 + log2(log2(load) / 2 + 1));
}

void mst_protocol_schedule(int64_t agents, int64_t horizon, int64_t dimension, int64_t wanted,
                           int64_t *batches, int64_t *length) {
  const double n = (double)agents, t = (double)horizon, d = (double)dimension;
  const int64_t m = mst_least(wanted > 0 ? wanted : published(n * t / d), MST_BATCHES);
  double a = 0, last = 0;
  int64_t left = horizon, k = 0;
  if (m > 1) {
    a = sqrt(t) * pow(n * t / d, 1 / (2 * (exp2((double)m - 1) - 1)));
    last = a * sqrt(d / n);
  }
  for (; left > 0; k++) {
    if (k > 1) last = a * sqrt(last);
    length[k] = k == m - 1 ? left : mst_least(left, mst_most(1, (int64_t)fmin(last, t)));
    left -= length[k];
    last = (double)length[k];
  }
  *batches = k;
}
