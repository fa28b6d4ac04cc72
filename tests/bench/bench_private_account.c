/* Accounting for a training run: epsilon of 14040 steps at q = 0.0043, sigma 1.1, delta 1e-5,
 * against 50 ms and, where python3 has it (DP_ACCOUNTING_PYTHON names another interpreter),
 * dp-accounting. */
#include <math.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/privacy/calibrate.h"
#include "tests/bench/bench.h"

#define LIMIT_MS 50.0
#define REPEATS  9

static const mst_event run = {.mechanism = MST_MECHANISM_GAUSSIAN,
                              .noise = 1.1,
                              .count = 14040,
                              .sampling = MST_SAMPLING_POISSON,
                              .q = 0.0043};

static double time_of(const char *name, double accuracy, mst_spent *out) {
  const mst_events list = {&run, 1, MST_ADJACENCY_ADD_REMOVE, 1};
  const mst_account_spec spec = {name, accuracy};
  double t[REPEATS];
  for (int i = 0; i < REPEATS; i++) {
    const double start = mst_clock_seconds();
    need(mst_account_epsilon(&spec, &list, 1e-5, out));
    t[i] = 1e3 * (mst_clock_seconds() - start);
  }
  return median(t, REPEATS);
}

static void print(const char *figure, double ms, const mst_spent *s) {
  printf("%s  ours %.2f ms  limit %.0f ms (epsilon %.8f, certified %.8f to %.8f)  ratio %.2fx\n",
         figure, ms, LIMIT_MS, s->epsilon, s->lower, s->upper, LIMIT_MS / ms);
}

/* Seconds and epsilon of the peer; false where it cannot be had. */
static int peer(double *seconds, double *epsilon) {
  const char *python = getenv("DP_ACCOUNTING_PYTHON"), *source = getenv("srcdir");
  char command[1024];
  snprintf(command, sizeof command, "'%s' '%s/tests/bench/private_account.py' 2>/dev/null",
           python != NULL ? python : "python3", source != NULL ? source : ".");
  FILE *p = popen(command, "r");
  const int got = p != NULL ? fscanf(p, "%lf %lf", seconds, epsilon) : 0;
  if (p != NULL) pclose(p);
  return got == 2;
}

int main(void) {
  mst_spent pld, fine, prv, rdp;
  const double quick = time_of("pld", 1e-3, &pld), narrow = time_of("pld", 0, &fine);
  const double prv_ms = time_of("prv", 0, &prv), rdp_ms = time_of("rdp", 0, &rdp);
  print("account_pld_accuracy_3", quick, &pld);
  print("account_pld_accuracy_4", narrow, &fine);
  print("account_prv", prv_ms, &prv);
  printf("account_rdp  ours %.2f ms  limit %.0f ms (epsilon %.8f)  ratio %.2fx\n", rdp_ms, LIMIT_MS,
         rdp.epsilon, LIMIT_MS / rdp_ms);
  double seconds, epsilon;
  if (peer(&seconds, &epsilon))
    printf(
        "account_pld_dp_accounting  ours %.2f ms  peer %.2f ms (dp-accounting, epsilon %.8f)  "
        "ratio %.2fx\n",
        quick, 1e3 * seconds, epsilon, 1e3 * seconds / quick);
  else
    printf(
        "account_pld_dp_accounting  ours %.2f ms; skipped: dp-accounting is not installed (pip "
        "install dp-accounting, DP_ACCOUNTING_PYTHON=its python)\n",
        quick);
  return EXIT_SUCCESS;
}
