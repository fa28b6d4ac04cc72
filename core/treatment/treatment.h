/* Two-stage treatment rules, learned as patients come: one of two arms is given on covariates x1,
 * one of two on covariates x2, which answer to the first, and then there is a reward. Both stages'
 * values are linear in (1, x), and the first stage's is that of going on best.
 *
 * Patients are made up, by the law of the published simulation. Hu, Kallus 2020; equations:
 * doc/methods/treatment.md. All functions are Local. */
#ifndef MST_CORE_TREATMENT_TREATMENT_H
#define MST_CORE_TREATMENT_TREATMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

typedef enum mst_treatment_policy {
  MST_TREATMENT_DTR,     /* forced pulls, and two estimators                             */
  MST_TREATMENT_GREEDY,  /* the best arm by all patients, after the first forced pulls   */
  MST_TREATMENT_EPSILON, /* the same, and any arm now and then                           */
  MST_TREATMENT_UNIFORM, /* any arm                                                      */
  MST_TREATMENT_ORACLE   /* the best arm by the truth                                    */
} mst_treatment_policy;

typedef struct mst_treatment_spec {
  mst_treatment_policy policy;
  int64_t pulls;  /* q: forced pulls of each of the four ways, every time                       */
  double gap;     /* dtr: Delta; forced patients alone decide where they differ by more than half */
  double epsilon; /* epsilon: chance that an arm is replaced by any                             */
  double noise;   /* standard deviation of the reward                                           */
  double refit;   /* estimators follow when the patients have grown by this share               */
} mst_treatment_spec;

enum {
  MST_TREATMENT_FIT = 16 /* numbers: (estimator, stage, arm, (1, x)); estimators: all, forced */
};

/* An instance: its patients so far, what is estimated, and the regret. Arrays are the caller's. */
typedef struct mst_treatment {
  mst_treatment_spec spec;
  uint64_t seed;
  double *x1, *x2, *y; /* (horizon)                                         */
  uint8_t *way;        /* (horizon) 2 a1 + a2, plus 4 where it was forced   */
  double *fit;         /* (MST_TREATMENT_FIT)                               */
  double *regret;      /* (1) expected, so far                              */
  int64_t *due;        /* (1) patients at which the next refit is due       */
} mst_treatment;

/** \return MST_OK, or MST_ERR_INPUT for fewer than 2 pulls or a setting out of range. */
mst_status mst_treatment_check(const mst_treatment_spec *s) MST_CHECKED;

/** The way, 2 a1 + a2, that patient t >= 0 is forced to with q pulls; -1 when it is not. Forced are
 *  the 4 q patients from (2^i - 1) 4 q on, for i = 0, 1, ... */
int mst_treatment_forced(int64_t q, int64_t t);

/** The law of the simulation: the value of arm a in stage 1 (that of going on best) or 2 at x. */
double mst_treatment_value(int stage, double x, int arm);

/** Treat patients from .. to - 1, in order.
 *  \return MST_OK, or MST_ERR_SINGULAR, MST_ERR_MEMORY. */
mst_status mst_treatment_go_on(const mst_treatment *i, int64_t from, int64_t to) MST_CHECKED;

#endif
