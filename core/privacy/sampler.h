/* Samplers: which records take part in a step, and what the accountant must know of it. Both come
 * from one object, so that what is charged is what was done.
 *
 * Records are numbered from 0. Whether a record takes part is a pure function of the secret, the
 * step and its number; so any rank can ask for the records that it holds. Samples that are kept
 * secret weaken what a release tells of a record, so they are drawn from the run's secret and never
 * from its seed; their streams are apart from those of the noise.
 *
 * One file a member: sampler_poisson.c sampler_fixed.c sampler_full.c sampler_cyclic.c.
 * doc/methods/private_training.md. All functions are Local. */
#ifndef MST_CORE_PRIVACY_SAMPLER_H
#define MST_CORE_PRIVACY_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/param.h"
#include "core/base/status.h"
#include "core/privacy/event.h"
#include "core/privacy/noise.h"

/* What the experiment says of the sampler. */
typedef struct mst_sampler_spec {
  const char *kind;   /* registry name                                                       */
  double rate;        /* poisson: probability of a record; 0: batch / population             */
  int64_t batch;      /* records of a step: expected (poisson), exact (fixed), about (cyclic) */
  int64_t population; /* public number of records                                            */
  bool kept;          /* cyclic: the groups of the first cycle are those of all               */
} mst_sampler_spec;

typedef struct mst_sampler mst_sampler;

typedef struct mst_sampler_ops {
  const char *name;
  const char *summary; /* one line for `muster list samplers` */
  const mst_param *params;
  /* Check the spec; set q, cycle and expected. */
  mst_status (*prepare)(mst_sampler *s);
  /* The records of [first, first + n) that take part, ascending, into out(n); how many. */
  int64_t (*take)(mst_sampler *s, int64_t first, int64_t n, int64_t *out);
} mst_sampler_ops;

struct mst_sampler {
  const mst_sampler_ops *ops;
  mst_sampler_spec spec;
  mst_sampling sampling; /* as the accountant names it                                 */
  double q;              /* probability of a record                                    */
  double expected;       /* public number of records of a step: the divisor of its sum */
  int64_t cycle;         /* steps in which a record takes part at most once; 1         */
  int64_t separation;    /* least steps from one to the next part of a record; 0: who
                            takes part is drawn anew, and more is claimed than this     */
  mst_noise stream;      /* of the step; with a cycle, of its first                    */
  uint64_t step;
  int64_t *chosen, n_chosen; /* fixed: (batch) */
  uint64_t part[2];          /* disjoint: places of the step, of 2^64 ...              */
  bool last;                 /* ... and whether they go to the end                     */
  int64_t workers, worker;   /* workers: how many, whose records the step takes        */
  mst_noise deal;            /* workers: whose a record is                             */
};

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_sampler_ops *mst_sampler_find(const char *name);
const mst_sampler_ops *mst_sampler_at(int i);

/** \return MST_OK; MST_ERR_INPUT (unknown kind, a rate or batch that cannot be); MST_ERR_MEMORY. */
mst_status mst_sampler_create(const mst_sampler_spec *spec, mst_sampler **out) MST_CHECKED;
/** A sampler of disjoint parts of a run's records, which are the caller's to choose: after `begin`
 *  of a step, the records at places from <= place < to of [0, 1); places are drawn once for all steps
 *  that have one secret. Errors as above. */
mst_status mst_sampler_create_disjoint(int64_t population, mst_sampler **out) MST_CHECKED;
void mst_sampler_part(mst_sampler *s, double from, double to);
/** A sampler of one worker's records: each record is some worker's, by a place that is drawn for it
 *  alone and once for all steps that have one secret; after `begin` of a step, each of those of
 *  `worker` (from 0, the caller's choice) by itself, such that about `rows` are expected of
 *  population / workers. The event is that of a record of that worker. Errors as above. */
mst_status mst_sampler_create_workers(int64_t population, int64_t workers, int64_t rows,
                                      mst_sampler **out) MST_CHECKED;
void mst_sampler_worker(mst_sampler *s, int64_t worker);
void mst_sampler_destroy(mst_sampler *s); /* wipes its stream; NULL is allowed */

/** Public number of records of a step, by which its sum is divided. */
double mst_sampler_expected(const mst_sampler *s);

/** What one charged step releases: Gaussian noise of `sigma` bounds added to the sample's sum. */
mst_event mst_sampler_event(const mst_sampler *s, double sigma);

/** Whether a step (from 0) is charged an event, and how many of the steps [from, to) are: all of
 *  them; with a cycle the first of each, whose charge is for all records, each once. */
bool mst_sampler_charged(const mst_sampler *s, int64_t step);
int64_t mst_sampler_charges(const mst_sampler *s, int64_t from, int64_t to);

/** Draw a step's sample. The steps of one cycle need one secret; of kept groups, all steps. */
void mst_sampler_begin(mst_sampler *s, const mst_secret *secret, int64_t step);

/** The records of [first, first + n) that take part in the step that was begun, ascending, into
 *  out(n); returns how many. */
int64_t mst_sampler_take(mst_sampler *s, int64_t first, int64_t n, int64_t *out);

#endif
