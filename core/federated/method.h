/* Federated methods: what a client adds to its local steps and what the server makes of the sum.
 *
 * All published methods here are one local rule with different settings: the direction of a step is
 *     d = a g + b (w - w_t) + constant                                                    (1)
 * where g is the gradient at w, or at w + radius e / |e| with e = g(w) - shift (a second gradient);
 * and a server step on the mean of the clients' contributions. A contribution is one flat vector of
 * `uplink` parts of P floats, the first of which is the delta w_K - w_t.
 *
 * Vectors have P floats. The server's work is elementwise on a shard, with sums over the whole
 * vector where a method needs a norm; so parameters and state can be sharded over ranks. One file a
 * member; the table is in method.c. Equations and sources: doc/methods/federated.md. */
#ifndef MST_CORE_FEDERATED_METHOD_H
#define MST_CORE_FEDERATED_METHOD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/param.h"
#include "core/base/status.h"

#define MST_METHOD_VECTORS 4 /* at most, of each kind */
#define MST_METHOD_SUMS    4 /* at most, sums over the whole vector; also scalars, at most */

/* Largest magnitude of an entry of a contribution, in any of its parts: what sums on a fixed grid
 * (parallel/tally.h) can hold. A client that passes it has diverged. */
#define MST_CONTRIBUTION_BOUND 0x1p20

typedef struct mst_method_spec {
  const char *name;
  bool weighted;    /* mean weighted by the clients' rows; false: plain mean over the cohort */
  double server_lr; /* eta_g                                                                 */
  double lambda;    /* proximal strength: fedprox, feddyn, fedspeed, fedsmoo                 */
  double rho;       /* perturbation radius of the methods with a second gradient             */
  double alpha;     /* share of the gradient beside a momentum (fedcm, mofedsam); fedspeed: share of
                       the perturbed gradient                                                */
  double momentum;  /* fedavgm                                                               */
  double beta1, beta2, epsilon; /* fedadam, fedyogi, fedadagrad                              */
} mst_method_spec;

/* One client in one round, as a method sees it. Where some parameters are the client's own (the
 * `frozen` of client.h), n counts those that are shared: the method has no part in the others. */
typedef struct mst_client_view {
  int64_t n;            /* P, or the shared ones of them                                  */
  const float *start;   /* (n) w_t                                                        */
  const float *const *shared; /* the method's shared vectors, as sent down               */
  float *const *own;    /* the client's own vectors, kept between its rounds; zero at first */
  float *constant;      /* (n) scratch that begin may fill and point the rule to          */
  float *shift;         /* (n) likewise                                                   */
  double moves;         /* finish: the sum of the weights with which single gradients moved the
                           parameters by -lr: the steps, or more with local momentum (|a|_1 of
                           Wang et al. 2020)                                               */
} mst_client_view;

typedef struct mst_local_rule {
  float gradient;        /* a                                                             */
  float proximal;        /* b; 0 adds nothing at all                                      */
  const float *constant; /* (n) or NULL                                                   */
  double radius;         /* > 0 for methods with two gradients a step, else 0             */
  const float *shift;    /* (n) or NULL                                                   */
  float perturbed;       /* share of the gradient at the perturbed point: g = (1 - s) g1 + s g2 */
} mst_local_rule;

/* What the server knows of a round besides the sums. */
typedef struct mst_round_facts {
  int64_t round;          /* from 0                                                       */
  int64_t clients;        /* K, all of them                                               */
  int64_t cohort;         /* contributions that were summed                               */
  double lr;              /* local step size of this round                                */
  double steps;           /* mean number of local steps of the cohort                     */
  double scalar_mean[MST_METHOD_SUMS]; /* mean of the clients' scalars (finish), weighted as
                                          the contributions are                            */
} mst_round_facts;

typedef struct mst_method_ops {
  const char *name;
  const char *summary;
  const mst_param *params;
  int own;      /* vectors kept for each client; then the mean must be plain               */
  int shared;   /* vectors sent down beside the parameters; the server's, so part of its state */
  int server;   /* vectors that stay at the server                                         */
  int uplink;   /* vectors sent up, 1 or more                                              */
  int scalars;  /* numbers sent up                                                         */
  int gradients; /* a local step                                                           */
  int sums;     /* sums over the whole vector that `step` needs                            */

  /* Before the local steps: settings of rule (1), which holds a = 1 and nothing else. May be
   * NULL. */
  void (*begin)(const mst_method_spec *s, const mst_client_view *v, mst_local_rule *rule);
  /* Go from w(n) to point(n) = w + e, where e = scale (g - shift) with the rule's shift; may change
   * own and shift by e (fedsmoo). NULL: it is only gone there. */
  void (*perturb)(const mst_method_spec *s, const mst_client_view *v, float scale, const float *g,
                  const float *w, float *point);
  /* After the local steps: up[0] (n) holds the delta; fill up[1..] and scalar[], renew own. lr is
   * the local step size, steps how many were made. May be NULL. */
  void (*finish)(const mst_method_spec *s, const mst_client_view *v, double lr, int64_t steps,
                 float *const *up, double *scalar);
  /* Server, on m elements: mean(uplink)(m) are the means of the contributions.
   * measure: sum(sums) += this block's parts of the sums. The caller takes blocks of
   * MST_OPTIM_BLOCK elements of the whole vector (optim.h), one a call, and adds their parts
   * exactly; so the sums do not depend on shards. May be NULL. step: any shard. */
  void (*measure)(const mst_method_spec *s, const mst_round_facts *f, int64_t m, const float *w,
                  double *const *mean, float *const *shared, float *const *server, double *sum);
  void (*step)(const mst_method_spec *s, const mst_round_facts *f, int64_t m, float *w,
               double *const *mean, float *const *shared, float *const *server,
               const double *sum);
} mst_method_ops;

/** The member of that name or NULL; the i-th member or NULL past the end. Local. */
const mst_method_ops *mst_method_find(const char *name);
const mst_method_ops *mst_method_at(int i);
/* What all members have: nothing. weighted and server_lr stand in the tables of the members that
 * read them, because some must take the plain mean, some have no server step size, and defaults
 * differ. */
extern const mst_param mst_method_params[];

/** Check a spec.
 *  \return MST_OK, or MST_ERR_INPUT for an unknown name, a setting of the member's table that is
 *          out of range, or `weighted` for a member that must take the plain mean. Local. */
mst_status mst_method_check(const mst_method_spec *spec) MST_CHECKED;

#endif
