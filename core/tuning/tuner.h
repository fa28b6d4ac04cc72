/* Tuners: which of a grid of settings to solve the next system with, by the costs of those before.
 *
 * A tuner sees the context of a system (a number in [-1, 1], such as a scaled shift), chooses one
 * of `arms` settings, and is told what that one cost; nothing else. So it works for any solver
 * whose cost is a number. Khodak, Chow, Balcan, Talwalkar 2024; one file a member, the table is in
 * tuner.c. Equations and sources: doc/methods/tuning.md. All functions are Local. */
#ifndef MST_CORE_TUNING_TUNER_H
#define MST_CORE_TUNING_TUNER_H

#include <stdint.h>

#include "core/base/key.h"
#include "core/base/param.h"
#include "core/base/status.h"
#include "core/tuning/relax.h"

#define MST_TUNER_ARMS 64 /* most settings of a grid */

/* What the experiment says. Members read the fields that their params name. */
typedef struct mst_tuner_spec {
  const char *kind;
  int64_t arms;       /* settings, of the grid                                            */
  double scale;       /* cost that counts as 1; 0 = the largest so far                    */
  int64_t bins;       /* binned: of the context                                           */
  int64_t degree;     /* cheb_cb: of the polynomials in the context                       */
  double ridge;       /* cheb_cb                                                          */
  double exploration; /* cheb_cb: g of gamma = g t^(1/2)                                  */
  int64_t arm;        /* fixed: the setting, from 0                                       */
} mst_tuner_spec;

/* A tuner at work: one array, which holds all there is to save. */
typedef struct mst_tuner {
  mst_tuner_spec spec;
  int64_t numbers;
  double *record; /* (numbers) largest cost, systems so far, then the member's             */
  double *p;      /* (arms) the chances that the last choice was made by                   */
  double *work;   /* of the member                                                         */
} mst_tuner;

typedef struct mst_tuner_ops {
  const char *name;
  const char *summary; /* one line for `muster list tuners` */
  const mst_param *params;
  int64_t (*numbers)(const mst_tuner_spec *s); /* of the member's record */
  int64_t (*work)(const mst_tuner_spec *s);
  mst_status (*start)(mst_tuner *t, double *record);
  /* The chances p(arms) of the next choice. */
  mst_status (*chances)(mst_tuner *t, const double *record, int64_t time, double context);
  /* What the arm cost, in units of the scale, within [0, 1]. */
  mst_status (*learn)(mst_tuner *t, double *record, double context, int64_t arm, double cost);
} mst_tuner_ops;

extern const mst_param mst_tuner_params[]; /* of every member */

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_tuner_ops *mst_tuner_find(const char *name);
const mst_tuner_ops *mst_tuner_at(int i);

/** Check a spec.
 *  \return MST_OK, or MST_ERR_INPUT for an unknown name, a setting out of range, or no arms. */
mst_status mst_tuner_check(const mst_tuner_spec *s) MST_CHECKED;

/** \return MST_OK, what mst_tuner_check returns, or MST_ERR_MEMORY. Free with destroy. */
mst_status mst_tuner_create(const mst_tuner_spec *s, mst_tuner **out) MST_CHECKED;
void mst_tuner_destroy(mst_tuner *t); /* NULL is allowed */

/** Choose the arm of a system with that context, by the key of this choice; t->p says with what
 *  chances. */
mst_status mst_tuner_choose(mst_tuner *t, double context, mst_key key, int64_t *arm) MST_CHECKED;

/** Tell of the cost >= 0 of the arm that was chosen last for that context. */
mst_status mst_tuner_learn(mst_tuner *t, double context, int64_t arm, double cost) MST_CHECKED;

/* A tuned solver: systems (A + shift I) x = b one after the other. */
typedef struct mst_tuned {
  mst_tuner *tuner;
  const double *omega; /* (arms)                                                          */
  double low, high;    /* shifts lie between them: their logarithms, when both are
                          positive, are the context, scaled to [-1, 1]                    */
  uint64_t seed;
  int64_t solved;     /* systems so far */
  int64_t iterations; /* of all of them */
} mst_tuned;

/** The context of a shift; out of the range it is that of the nearer end. */
double mst_tuned_context(double low, double high, double shift);

/** Solve (A + shift I) x = b from the x(n) given, with an omega that the tuner chooses and learns
 *  from: for ridge paths, and any other sequence of systems. What does not reach the tolerance goes
 *  on with the omegas in turn.
 *  \param work  (mst_relax_work).
 *  \return MST_OK, what mst_relax returns, or MST_ERR_SINGULAR when no omega reaches the tolerance. */
mst_status mst_tuned_solve(mst_tuned *t, const mst_sparse *a, double shift, const double *b,
                           const mst_relax_options *o, double *x, double *work) MST_CHECKED;

#endif
