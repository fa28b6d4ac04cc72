/* Optimizers: update rules over a flat vector of parameters, or over a shard of it.
 *
 * A step has two halves, so that the same rule serves a client's own copy and a vector that is
 * sharded over ranks: `measure` takes in the gradient and gives this shard's parts of the sums that
 * the rule needs over whole layers (norms, inner products); the caller puts the parts of all shards
 * one after the other; `apply` adds them up and moves the parameters. Rules without sums do all in
 * `apply`.
 *
 * A part belongs to one piece: the common elements of a layer and of a block of MST_OPTIM_BLOCK
 * elements of the WHOLE vector. Parts are gathered, not added on the way, and then added in the
 * vector's order; so shards that begin on MST_OPTIM_BLOCK give the same bits as the whole vector.
 *
 * One file a member; the table is in optim.c. Rules and sources: doc/methods/optimizers.md. */
#ifndef MST_CORE_OPTIM_OPTIM_H
#define MST_CORE_OPTIM_OPTIM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/param.h"
#include "core/base/state.h"
#include "core/base/status.h"

/* What the experiment says of the optimizer. batch and clip are read by the loops that step; lr
 * reaches the rule through its schedule; the others are read by the members whose params name
 * them. */
typedef struct mst_optim_spec {
  const char *kind;
  double lr;           /* step size before its schedule                                    */
  int64_t batch;       /* rows of a step                                                   */
  double clip;         /* global gradient norm; 0 = none                                   */
  double weight_decay; /* in the gradient (sgd, adam) or decoupled (adamw, ...): see member */
  double momentum;
  bool nesterov;
  double beta1, beta2, epsilon;
  double trust;        /* lars: eta                                                        */
  double initial;      /* dog: r_eps; d-adaptation: d_0                                    */
  bool layerwise;      /* dog: LDoG                                                        */
  double damping;      /* egn: lambda, at first                                            */
  double adapt;        /* egn: factor by which damping falls and rises; 1 = constant       */
  bool line_search;    /* egn                                                              */
  double cap;          /* adopt: exponent of the clip t^cap; 0 = none                      */
} mst_optim_spec;

/* The layers of the vector: tensor i is [first[i], first[i + 1]); first[0] is 0 and first[n] the
 * length of the vector. */
typedef struct mst_optim_layers {
  int n;
  const int64_t *first; /* (n + 1) */
} mst_optim_layers;

#define MST_OPTIM_BLOCK 4096
#define MST_OPTIM_VECTORS 4
#define MST_OPTIM_SCALARS 8
#define MST_OPTIM_FACTORS 16

typedef struct mst_optim mst_optim;

typedef struct mst_optim_ops {
  const char *name;
  const char *summary;
  const mst_param *params; /* its own beside mst_optim_params                                */
  int vectors;             /* parameter-sized float vectors of state, at most                */
  const char *vector_name[MST_OPTIM_VECTORS]; /* in the state list                            */
  int scalars;             /* doubles of state, replicated                                   */
  int layer_scalars;       /* the same for each layer                                        */
  int layer_sums;          /* sums over each layer that `prepare` needs; 0 = measure is NULL */
  bool needs_model;        /* stepped by core/optim/egn.h instead of the calls below         */
  bool averages;           /* the parameters to evaluate differ from those to differentiate at: */
  int average;             /* they are this vector                                           */
  /* Vectors that this spec needs, the first so many. NULL: all. */
  int (*used)(const mst_optim_spec *spec);
  /* Take the start point x_0 (this shard); state is zero. May be NULL. */
  void (*start)(mst_optim *o, const float *w);
  /* sum(layer_sums) = the sums over elements [at, at + n) of the shard, which lie in one layer.
   * w(n), g(n) begin at them. May update vectors there. */
  void (*measure)(mst_optim *o, int64_t at, int64_t n, const float *w, const float *g, double lr,
                  double *sum);
  /* Once a step, after all measuring: what `apply` needs, from lr and sum(layers, layer_sums). */
  void (*prepare)(mst_optim *o, double lr, const double *sum);
  /* Move w(n), elements [at, at + n) of the shard, which lie in `layer`. */
  void (*apply)(mst_optim *o, int layer, int64_t at, int64_t n, float *w, const float *g);
} mst_optim_ops;

struct mst_optim {
  const mst_optim_ops *ops;
  mst_optim_spec spec;
  mst_optim_layers layers;
  int64_t first, count; /* the shard of the vector                                           */
  int64_t step;         /* steps done; apply counts                                          */
  float *vector[MST_OPTIM_VECTORS]; /* (count) each; NULL when not used                       */
  double scalar[MST_OPTIM_SCALARS];
  double *layer_scalar; /* (layers, layer_scalars); replicated                               */
  float factor[MST_OPTIM_FACTORS]; /* from prepare to apply                                   */
  double *rate;         /* (layers) from prepare to apply                                    */
  double *sum;          /* (layers, layer_sums)                                              */
  double *part;         /* (parts) of mst_optim_step                                         */
};

/** The member of that name or NULL; the i-th member or NULL past the end. Local. */
const mst_optim_ops *mst_optim_find(const char *name);
const mst_optim_ops *mst_optim_at(int i);
extern const mst_param mst_optim_params[]; /* what all members have: batch, clip (lr is in each
                                              member's table, with a default of its own) */

/** A spec of that kind with the defaults of its parameters; 0 where there is none. Local. */
mst_optim_spec mst_optim_defaults(const char *kind);

/** Check a spec. MST_ERR_INPUT for an unknown kind or a setting out of range. Local. */
mst_status mst_optim_check(const mst_optim_spec *spec) MST_CHECKED;

/** An optimizer over elements [first, first + count) of a vector with those layers (copied).
 *  \return MST_OK; MST_ERR_INPUT (unknown kind, a bad setting, layers that do not cover the shard;
 *          for rules with sums, a shard that does not begin and end on MST_OPTIM_BLOCK or at the
 *          vector's end); MST_ERR_UNSUPPORTED for egn; MST_ERR_MEMORY. Local. */
mst_status mst_optim_create(const mst_optim_spec *spec, const mst_optim_layers *layers,
                            int64_t first, int64_t count, mst_optim **out) MST_CHECKED;
void mst_optim_destroy(mst_optim *o); /* Local; NULL is allowed */

/** Bytes that mst_optim_create takes. Local. */
int64_t mst_optim_bytes(const mst_optim_spec *spec, const mst_optim_layers *layers, int64_t count);

/** Forget all state and start at w(count). Every optimizer is started before its first step.
 *  Local. */
void mst_optim_start(mst_optim *o, const float *w);

/** What a schedule that turns the momentum begins from: the spec's momentum, or its beta1.
 *  Local. */
double mst_optim_base_momentum(const mst_optim_spec *spec);

/** The momentum (beta1 of the members that have it) of the steps to come, for schedules that turn
 *  it. Members keep their averages exact under such changes. Local. */
void mst_optim_momentum(mst_optim *o, double momentum);

/** A whole local step: measure, apply. For an optimizer over the whole vector. lr is the scheduled
 *  step size. Local. */
void mst_optim_step(mst_optim *o, float *w, const float *g, double lr);

/** Doubles that measure gives for this shard, and those of the whole vector, which apply takes: 0
 *  for rules without sums. At most layer_sums (elements / MST_OPTIM_BLOCK + layers). Local. */
int64_t mst_optim_parts(const mst_optim *o);
int64_t mst_optim_whole_parts(const mst_optim *o);

/** part(mst_optim_parts) = this shard's parts. Once a step, then mst_optim_apply: members renew
 *  their averages here. Local. */
void mst_optim_measure(mst_optim *o, const float *w, const float *g, double lr, double *part);
/** Move w(count). part(mst_optim_whole_parts): the parts of all shards in the vector's order (of
 *  consecutive shards: one after the other). Unused (may be NULL) for rules without sums. Local. */
void mst_optim_apply(mst_optim *o, float *w, const float *g, double lr, const double *part);

/** For the global norm of a sharded vector: part(pieces) = the sums of squares of x(count) by
 *  piece, for any rule; the whole vector has mst_optim_pieces(o, true), this shard
 *  mst_optim_pieces(o, false). The caller adds the parts of all shards in order. Local. */
int64_t mst_optim_pieces(const mst_optim *o, bool whole);
void mst_optim_squares(const mst_optim *o, const float *x, double *part);

/** Parameters to evaluate at: out(count); a copy of w for rules that do not average. Local. */
void mst_optim_average(const mst_optim *o, const float *w, float *out);

/** Add its vectors (rows [first, first + count) of the whole vector's) and its scalars to a state
 *  list, under "optimizer/...". Setting them to what they were continues with the same bits.
 *  Local. */
mst_status mst_optim_state(mst_optim *o, mst_state *state) MST_CHECKED;

#endif
