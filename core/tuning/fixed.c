/* What tuners are compared with: one setting for all systems, and any setting alike. */
#include "core/tuning/member.h"

static int64_t none(const mst_tuner_spec *s) {
  (void)s;
  return 0;
}

static mst_status start(mst_tuner *t, double *record) {
  (void)t;
  (void)record;
  return MST_OK;
}

static mst_status one(mst_tuner *t, const double *record, int64_t time, double context) {
  (void)record;
  (void)time;
  (void)context;
  for (int64_t a = 0; a < t->spec.arms; a++) t->p[a] = a == t->spec.arm;
  return MST_OK;
}

static mst_status any(mst_tuner *t, const double *record, int64_t time, double context) {
  (void)record;
  (void)time;
  (void)context;
  for (int64_t a = 0; a < t->spec.arms; a++) t->p[a] = 1 / (double)t->spec.arms;
  return MST_OK;
}

static mst_status learn(mst_tuner *t, double *record, double context, int64_t arm, double cost) {
  (void)t;
  (void)record;
  (void)context;
  (void)arm;
  (void)cost;
  return MST_OK;
}

static const mst_param params[] = {{.name = "arm",
                                    .type = MST_PARAM_INT,
                                    .offset = offsetof(mst_tuner_spec, arm),
                                    .fallback = "0",
                                    .min = 0,
                                    .max = MST_TUNER_ARMS - 1,
                                    .unit = "",
                                    .help = "which setting of the grid, from 0"},
                                   {.name = NULL}};

const mst_tuner_ops mst_tuner_fixed = {.name = "fixed",
                                       .summary = "one setting for all systems",
                                       .params = params,
                                       .numbers = none,
                                       .work = none,
                                       .start = start,
                                       .chances = one,
                                       .learn = learn};

const mst_tuner_ops mst_tuner_uniform = {.name = "uniform",
                                         .summary = "any setting, all alike",
                                         .numbers = none,
                                         .work = none,
                                         .start = start,
                                         .chances = any,
                                         .learn = learn};
