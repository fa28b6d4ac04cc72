/* Tsallis-INF: follow the regularised leader with the 1/2-Tsallis entropy, on costs that are
 * divided by the chance that they were seen with (Zimmert, Seldin 2021; Khodak et al. 2024,
 * algorithm 1). */
#include <math.h>

#include "core/base/arithmetic.h"
#include "core/tuning/member.h"

/* p_i = 4 (eta (L_i - x))^-2 with x below every L_i so that they sum to 1. The sum is convex and
 * decreasing from infinity as x falls from the least L: with z = eta (min L - x) it lies in
 * [2, 2 arms^(1/2)], and Newton's method from z = 2, where the sum is at least 1, never passes the
 * root. */
void mst_tuner_tsallis(int64_t arms, const double *total, double time, double *p) {
  const double eta = 2 / sqrt(time);
  double least = total[0], z = 2, sum = 0;
  for (int64_t i = 1; i < arms; i++) least = fmin(least, total[i]);
  for (int step = 0; step < 100; step++) {
    double slope = 0;
    sum = 0;
    for (int64_t i = 0; i < arms; i++) {
      const double w = eta * (total[i] - least) + z;
      p[i] = 4 / (w * w);
      sum += p[i];
      slope += 2 * p[i] / w;
    }
    if (!(sum - 1 > 1e-14)) break;
    z += (sum - 1) / slope;
  }
  for (int64_t i = 0; i < arms; i++) p[i] /= sum;
}

static int64_t numbers(const mst_tuner_spec *s) {
  return s->arms;
}

static int64_t no_work(const mst_tuner_spec *s) {
  (void)s;
  return 0;
}

static mst_status start(mst_tuner *t, double *record) {
  (void)t;
  (void)record;
  return MST_OK;
}

static mst_status chances(mst_tuner *t, const double *record, int64_t time, double context) {
  (void)context;
  mst_tuner_tsallis(t->spec.arms, record, (double)time, t->p);
  return MST_OK;
}

static mst_status learn(mst_tuner *t, double *record, double context, int64_t arm, double cost) {
  (void)context;
  record[arm] += cost / t->p[arm];
  return MST_OK;
}

const mst_tuner_ops mst_tuner_tsallis_inf = {
    .name = "tsallis_inf",
    .summary = "as good as the best setting for all systems: no look at contexts",
    .numbers = numbers,
    .work = no_work,
    .start = start,
    .chances = chances,
    .learn = learn};

/* Binned: one such tuner for each part of the range of contexts. A bin's record ends with its own
 * number of systems. */
static int64_t binned_numbers(const mst_tuner_spec *s) {
  return s->bins * (s->arms + 1);
}

static double *bin_of(const mst_tuner *t, const double *record, double context) {
  const int64_t bin = (int64_t)((context + 1) / 2 * (double)t->spec.bins);
  return (double *)record + mst_most(0, mst_least(bin, t->spec.bins - 1)) * (t->spec.arms + 1);
}

static mst_status binned_chances(mst_tuner *t, const double *record, int64_t time, double context) {
  (void)time;
  const double *bin = bin_of(t, record, context);
  mst_tuner_tsallis(t->spec.arms, bin, bin[t->spec.arms] + 1, t->p);
  return MST_OK;
}

static mst_status binned_learn(mst_tuner *t, double *record, double context, int64_t arm,
                               double cost) {
  double *bin = bin_of(t, record, context);
  bin[arm] += cost / t->p[arm];
  bin[t->spec.arms]++;
  return MST_OK;
}

static const mst_param binned_params[] = {{.name = "bins",
                                           .type = MST_PARAM_INT,
                                           .offset = offsetof(mst_tuner_spec, bins),
                                           .fallback = "4",
                                           .min = 1,
                                           .max = 1024,
                                           .unit = "bins",
                                           .help = "parts of the range of contexts"},
                                          {.name = NULL}};

const mst_tuner_ops mst_tuner_binned = {
    .name = "binned",
    .summary = "the best setting for each part of the range of contexts",
    .params = binned_params,
    .numbers = binned_numbers,
    .work = no_work,
    .start = start,
    .chances = binned_chances,
    .learn = binned_learn};
