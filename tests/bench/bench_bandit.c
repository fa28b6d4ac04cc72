/* Decisions of LinUCB: one interaction, deciding and learning, at d = 20 with 10 arms, against the
 * same policy in numpy (bandit_numpy.py), if python3 has it; and the rate of scoring 100 arms of
 * 128 numbers, of one agent and of many that share their statistics, against that of a large
 * product. CPU time on one thread, medians of repeats. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bandit/policy.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "tests/bench/bench.h"

#define REPEATS 21
#define OFFERS  256 /* of arms, which go round */

typedef struct agent {
  mst_policy_spec policy;
  int64_t d, arms;
  double *x, *record, *work;
  mst_ridge known;
} agent;

static void start(agent *a, int64_t d, int64_t arms) {
  *a = (agent){.policy = mst_policy_defaults("linucb"), .d = d, .arms = arms};
  a->policy.beta = 0.5;
  need(mst_alloc(&a->x, OFFERS * arms * d, sizeof(double), "arms"));
  need(mst_alloc(&a->record, mst_ridge_doubles(1, d), sizeof(double), "statistics"));
  need(mst_alloc(&a->work, mst_policy_work(&a->policy, arms, d) + 2 * OFFERS * arms + d * d,
                 sizeof(double), "work"));
  mst_stream s = mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < OFFERS * arms * d; i++) a->x[i] = mst_stream_uniform(&s) - 0.5;
  a->known = mst_ridge_at(a->record, 1, d, 1);
  mst_ridge_start(&a->known);
}

static void finish(agent *a) {
  mst_free(a->x);
  mst_free(a->record);
  mst_free(a->work);
}

/* CPU microseconds of an interaction. */
static double interaction_microseconds(int64_t d, int64_t arms) {
  enum {
    TIMES = 20000
  };
  double seconds[REPEATS];
  agent a;
  start(&a, d, arms);
  mst_stream s = mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, 1, 0));
  for (int r = 0; r < REPEATS; r++) {
    double begin = cpu_seconds();
    for (int t = 0; t < TIMES; t++) {
      const double *x = a.x + t % OFFERS * arms * d;
      const mst_policy_offer offer = {.arms = arms, .x = x, .round = t};
      mst_choice c;
      mst_lesson l;
      need(mst_policy_choose(&a.policy, &a.known, &offer, &s, a.work, &c));
      if (mst_policy_lesson(&a.policy, &c, x, d, x[c.arm * d], a.work, &l))
        need(mst_ridge_learn(&a.known, l.block, l.x, l.y, a.work + d));
    }
    seconds[r] = (cpu_seconds() - begin) / TIMES;
  }
  finish(&a);
  return 1e6 * median(seconds, REPEATS);
}

/* GFLOP/s of scoring: products with the inverse, and two inner products an arm. */
static double scoring_rate(int64_t d, int64_t arms, int64_t at_once) {
  double seconds[REPEATS];
  const int64_t rows = arms * at_once, times = 4000 / at_once + 1;
  agent a;
  double *work = NULL;
  start(&a, d, arms);
  need(mst_alloc(&work, rows * (d + 2), sizeof *work, "work"));
  for (int r = 0; r < REPEATS; r++) {
    double begin = cpu_seconds();
    for (int64_t t = 0; t < times; t++) {
      const double *x = a.x + t * at_once % (OFFERS - at_once + 1) * arms * d;
      mst_ridge_score(&a.known, rows, x, work, work + rows, work + 2 * rows);
    }
    seconds[r] = (cpu_seconds() - begin) / (double)times;
  }
  mst_free(work);
  finish(&a);
  return 2e-9 * (double)(rows * d * (d + 2)) / median(seconds, REPEATS);
}

/* GFLOP/s of a large product. */
static double product_rate(void) {
  enum {
    N = 1024
  };
  double seconds[5], *m = NULL;
  need(mst_alloc(&m, 3 * N * N, sizeof *m, "matrices"));
  mst_stream s = mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, 2, 0));
  for (int i = 0; i < 2 * N * N; i++) m[i] = mst_stream_uniform(&s);
  for (int r = 0; r < 5; r++) {
    double begin = cpu_seconds();
    mst_gemm(false, false, N, N, N, 1, m, N, m + N * N, N, 0, m + 2 * N * N, N);
    seconds[r] = cpu_seconds() - begin;
  }
  mst_free(m);
  return 2e-9 * N * N * N / median(seconds, 5);
}

/* CPU microseconds of an interaction in numpy; 0 without it. */
static double numpy_microseconds(const char *python, int d, int arms) {
  const char *dir = getenv("srcdir");
  char command[1024];
  double found = 0;
  snprintf(command, sizeof command, "%s '%s/tests/bench/bandit_numpy.py' %d %d 2>/dev/null", python,
           dir != NULL ? dir : ".", d, arms);
  FILE *out = popen(command, "r");
  if (out == NULL) return 0;
  if (fscanf(out, "%lf", &found) != 1) found = 0;
  pclose(out);
  return found;
}

int main(void) {
  mst_blas_init();
  const char *pythons[] = {getenv("PYTHON"), "python3", "/usr/bin/python3"};
  const double ours = interaction_microseconds(20, 10);
  double peer = 0;
  for (int i = 0; i < 3 && peer <= 0; i++)
    if (pythons[i] != NULL) peer = numpy_microseconds(pythons[i], 20, 10);
  if (peer > 0)
    printf("bandit_interaction_20_10  ours %.3f us  peer %.3f us (numpy)  ratio %.2fx\n", ours,
           peer, peer / ours);
  else
    printf("bandit_interaction_20_10  ours %.3f us (no numpy to compare with)\n", ours);
  const double limit = product_rate();
  static const int at_once[] = {1, 8};
  for (int k = 0; k < 2; k++) {
    const double rate = scoring_rate(128, 100, at_once[k]);
    printf(
        "bandit_scoring_128_100_agents%d  ours %.1f GFLOP/s  limit %.1f GFLOP/s (dgemm 1024)  "
        "ratio %.2fx\n",
        at_once[k], rate, limit, rate / limit);
  }
  return EXIT_SUCCESS;
}
