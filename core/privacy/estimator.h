/* Private methods: what of the rows each step of a private training releases, and what the steps
 * go along.
 *
 * A step t releases a noisy sum over its sample of either the rows' gradients at w_t, each
 * shortened to a length C, or of their gradients at w_t less those at an earlier point u, each
 * shortened to L |w_t - u|. Where v_u estimates the gradient at u, the estimate at w_t is
 *
 *     v_t = sum / b    or    v_t = v_u + sum / b,    b the public number of the sample's rows,
 *
 * and the optimizer takes its step along v_t. Points and estimates that are still needed lie in
 * slots. A method says which kind of release a step makes, from which slot, and which slots hold
 * its point and estimate from then on; it does so from public numbers alone.
 *
 * One file a member: estimator_dp_sgd.c estimator_diff2.c estimator_diff2_bvr.c
 * estimator_spiderboost.c estimator_tree_spider.c estimator_recursive.c.
 * doc/methods/private_variance_reduced.md. All functions are Local. */
#ifndef MST_CORE_PRIVACY_ESTIMATOR_H
#define MST_CORE_PRIVACY_ESTIMATOR_H

#include "core/privacy/sampler.h"

#define MST_ESTIMATOR_KINDS 3  /* of releases, at most             */
#define MST_ESTIMATOR_SLOTS 24 /* for points and estimates, at most */

/* What the experiment says of the method. */
typedef struct mst_estimator_spec {
  const char *name;    /* registry name                                                     */
  int64_t period;      /* steps from one sum of gradients to the next                       */
  double smoothness;   /* L: a difference's bound is L times how far apart its points are   */
  double share;        /* of what is spent, for sums of gradients; the rest for differences */
  int64_t rows;        /* spiderboost, diff2_bvr: expected rows of a (local) difference     */
  int64_t workers;     /* diff2_bvr                                                         */
  int64_t local_steps; /* diff2_bvr: of a round                                            */
  double local_share;  /* diff2_bvr: of what differences spend, for those of local steps    */
  int64_t depth;       /* tree_spider: of the tree                                          */
  double stop;         /* tree_spider: an estimate as short as this ends the run; 0: none   */
  int64_t stages;      /* recursive                                                         */
  double regularizer;  /* recursive: lambda of the first stage                             */
  uint64_t seed;       /* of draws that are public: whose turn a round is                   */
} mst_estimator_spec;

/* What a step releases. */
typedef struct mst_release {
  int kind;       /* its sampler and noise                                              */
  int from;       /* slot of the point and estimate of its differences; -1: gradients   */
  int to;         /* slots to, to + 1, ... hold its point and estimate from then on     */
  double part[2]; /* of a sampler of disjoint parts: the rows' */
  int64_t worker; /* of a sampler of workers: whose rows                                 */
  double pull;    /* pull (w - c) is added to the estimate, c the point of slot 0, ...   */
  double blend;   /* ... which before that goes this part of the way to w                */
  int halvings;   /* of the step's length                                                */
} mst_release;

typedef struct mst_estimator {
  const struct mst_estimator_ops *ops;
  mst_estimator_spec spec;
  mst_sampler_spec sampling; /* population, and what the experiment says of samples        */
  int64_t steps;
  int kinds, slots;
  mst_sampler *sampler[MST_ESTIMATOR_KINDS];
  double noise[MST_ESTIMATOR_KINDS]; /* of a kind's sum in units of its bound; from create on up to
                                        a common factor, which the caller finds            */
  bool once; /* each row is used in one step, or stage, of a run alone: a run that was broken off
                is not gone on with                                                    */
} mst_estimator;

typedef struct mst_estimator_ops {
  const char *name;
  const char *summary; /* one line for `muster list private_methods` */
  const mst_param *params;
  const char *sampler; /* registry name of its sampler, or what takes its place; NULL: as
                          privacy.sampler says */
  bool capped;         /* a difference's bound is at most 2 C */
  bool direction;      /* of the estimate its direction alone counts: steps have the length lr */
  /* Check the spec; set kinds, slots, samplers, noise. What was made is freed also on an error. */
  mst_status (*prepare)(mst_estimator *e);
  mst_release (*at)(const mst_estimator *e, int64_t step);
  /* Charged releases of a kind in the steps [from, steps). */
  int64_t (*releases)(const mst_estimator *e, int kind, int64_t from);
} mst_estimator_ops;

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_estimator_ops *mst_estimator_find(const char *name);
const mst_estimator_ops *mst_estimator_at(int i);

/** A run's plan: sampling is what the experiment says of samples, with the population.
 *  \return MST_OK; MST_ERR_INPUT (unknown name, a setting out of range, more steps or rows than there
 *          can be); MST_ERR_MEMORY. */
mst_status mst_estimator_create(const mst_estimator_spec *spec, const mst_sampler_spec *sampling,
                                int64_t steps, mst_estimator **out) MST_CHECKED;
void mst_estimator_destroy(mst_estimator *e); /* NULL is allowed */

/** What step (from 0) releases. */
mst_release mst_estimator_release(const mst_estimator *e, int64_t step);

/** Charged releases of a kind in the steps [from, steps); whether a step is charged one. */
int64_t mst_estimator_releases(const mst_estimator *e, int kind, int64_t from);
bool mst_estimator_charged(const mst_estimator *e, int64_t step);

/** What a release of a kind is to the accountant, at its noise. */
mst_event mst_estimator_event(const mst_estimator *e, int kind);

/** Whether a new start may begin with a step; held: the slots hold what an earlier start put there.
 */
bool mst_estimator_begins(const mst_estimator *e, int64_t step, bool held);

/** Draw a step's sample with its kind's sampler, which is returned. */
mst_sampler *mst_estimator_sample(const mst_estimator *e, const mst_release *r,
                                  const mst_secret *secret, int64_t step);

#endif
