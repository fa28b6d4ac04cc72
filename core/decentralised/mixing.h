/* Mixing: what a node of a graph makes of its own vector and its neighbours'.
 *
 * Two kinds. A mixing over weights is
 *
 *     out = x + sum_j s_j (x_j - x),    j over the neighbours, ascending,
 *
 * with shares s_j found from whole vectors: their distances to the own one (gossip: s_j = W_ij;
 * self_centred_clipping), their variances tensor by tensor (variance_corrected, which then scales
 * each tensor of the result about its mean). A mixing over columns takes each coordinate by itself
 * (trimmed_mean). Sums are in float64, in the order of the neighbours; a neighbour that is not
 * finite counts as equal to the own vector (difference 0), its weight as the node's own.
 *
 * Vectors go in pieces of columns. What whole vectors are needed for is measured first, in one pass
 * or two:
 *
 *     mst_mixing_start(&spec, &node, work, &plan);
 *     while (mst_mixing_measures(&plan)) {
 *       for (first = 0; first < size; first += m) mst_mixing_measure_f32(&plan, first, m, ...);
 *       mst_mixing_conclude(&plan);
 *     }
 *     for (first = 0; first < size; first += m) mst_mixing_step_f32(&plan, first, m, ..., out);
 *
 * Same bits for pieces of any size that begin at multiples of MST_MIXING_COLUMNS, taken in order.
 * mst_mixing_apply_f32 does all of it where the vectors are in memory.
 *
 * Mixings by robust rules (nna, median, krum, ...) are the member `rule`: ops->needs has
 * MST_MIXING_RULE, and there is nothing here to run. The caller aggregates the own vector (row 0;
 * nna's centre 0) and the neighbours' (rows 1 .., ascending) by the rule of section `aggregate`,
 * with aggregate.byzantine attackers among a node's neighbours.
 *
 * Pure functions: no memory, files or ranks of their own. Equations and sources:
 * doc/methods/decentralised.md. All functions are Local. */
#ifndef MST_CORE_DECENTRALISED_MIXING_H
#define MST_CORE_DECENTRALISED_MIXING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/param.h"
#include "core/base/status.h"

/* What the experiment says of a mixing. Members read the fields that their params name. */
typedef struct mst_mixing_spec {
  const char *kind;    /* registry name                                                       */
  const char *bound;   /* self_centred_clipping: constant | second_largest | furthest | theory */
  double tau;          /* .. constant: the largest difference that is taken whole             */
  int64_t byzantine;   /* .. furthest, trimmed_mean: most neighbours that may be anything      */
  double trim;         /* trimmed_mean: weight that is cut off at each end; 0 = that of the
                          `byzantine` neighbours of largest weight                            */
  const char *follow;  /* variance_corrected: mixing | others | conservative                  */
  double conservative; /* .. conservative: the own vector's share                             */
} mst_mixing_spec;

/* A node and its neighbours; outlives the plans made of it. */
typedef struct mst_mixing_node {
  int64_t neighbours;    /* k                                                               */
  double self;           /* W_ii                                                            */
  const double *weight;  /* (k) W_ij, positive                                              */
  const bool *hostile;   /* (k) which of them attack; NULL = not known. bound: theory alone */
  int64_t tensors;       /* of the vector                                                   */
  const int64_t *border; /* (tensors + 1) where each begins, and where the last ends        */
} mst_mixing_node;

typedef struct mst_mixing_plan mst_mixing_plan;

/* What a member asks for. */
enum {
  MST_MIXING_HOSTILE = 1, /* node.hostile                                              */
  MST_MIXING_TENSORS = 2, /* node.tensors, node.border                                 */
  MST_MIXING_RULE = 4     /* it is a robust rule: see above                            */
};

typedef struct mst_mixing_ops {
  const char *name;
  const char *summary; /* one line for `muster list mixings` */
  const mst_param *params;
  int needs;  /* of the above, whatever the settings are */
  int passes; /* of measuring */
  /* Which of them these settings do without, or NULL: none. */
  int (*unneeded)(const mst_mixing_spec *s);
  /* Doubles that it keeps for k neighbours and so many tensors, or NULL: none. */
  int64_t (*doubles)(int64_t k, int64_t tensors);
  /* What it measures of columns first .. first + m - 1 beside distances, or NULL: nothing. They
   * begin at entry `offset` of own and of neighbour[..]; m is at most MST_MIXING_COLUMNS. */
  void (*measure_f32)(mst_mixing_plan *p, int64_t first, int64_t m, const float *own,
                      const float *const *neighbour, int64_t offset);
  void (*measure_f64)(mst_mixing_plan *p, int64_t first, int64_t m, const double *own,
                      const double *const *neighbour, int64_t offset);
  /* After pass p->pass: p->share; p->scale, p->centre. */
  void (*conclude)(mst_mixing_plan *p);
  /* Over columns: out(m), or NULL: over weights. Neighbours of share 0 are not looked at. */
  void (*columns_f32)(const mst_mixing_plan *p, int64_t m, const float *own,
                      const float *const *neighbour, float *out);
  void (*columns_f64)(const mst_mixing_plan *p, int64_t m, const double *own,
                      const double *const *neighbour, double *out);
} mst_mixing_ops;

/* What is found of whole vectors. */
struct mst_mixing_plan {
  const mst_mixing_spec *spec;
  const mst_mixing_node *node;
  const mst_mixing_ops *ops;
  int pass;         /* passes of measuring that are done                                      */
  double *distance; /* (k) squared distance to the own vector; not finite where that is not   */
  double *share;    /* (k) s_j; 0 for neighbours that are not finite. Over columns: weights    */
  double self;      /* over columns: weight of the own vector                                 */
  double *scale, *centre; /* (tensors) out = centre + scale (out - centre); NULL = as it is   */
  double *keep;           /* the member's own numbers                                         */
  double tau;             /* of self_centred_clipping                                         */
  int64_t left_out;       /* neighbours that are not finite                                   */
  int64_t clipped;        /* neighbours farther away than tau                                 */
};

#define MST_MIXING_COLUMNS 2048 /* columns that are taken at once */

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_mixing_ops *mst_mixing_find(const char *name);
const mst_mixing_ops *mst_mixing_at(int i);

/** Check a spec.
 *  \return MST_OK; MST_ERR_INPUT for an unknown name or a setting out of range. */
mst_status mst_mixing_check(const mst_mixing_spec *s) MST_CHECKED;

/** What a spec that was checked asks for. */
int mst_mixing_needs(const mst_mixing_spec *s);

/** Doubles of work for a node of k neighbours and vectors of so many tensors. */
int64_t mst_mixing_doubles(const mst_mixing_spec *s, int64_t k, int64_t tensors);

/** Begin a round at a node.
 *  \param work  (mst_mixing_doubles(...)); the plan lives in it.
 *  \return MST_OK; MST_ERR_INPUT for an unknown name; MST_ERR_INTERNAL for the member `rule`, or
 *          where node lacks what the spec asks for. */
mst_status mst_mixing_start(const mst_mixing_spec *s, const mst_mixing_node *node, double *work,
                            mst_mixing_plan *plan) MST_CHECKED;

/** Is a pass of measuring still to be done? */
bool mst_mixing_measures(const mst_mixing_plan *plan);

/** Measure columns first .. first + m - 1 of the own vector and its neighbours'; every column once
 *  in a pass, ascending.
 *  \param own, neighbour[0..k-1]  (m) each, beginning with column `first`. */
void mst_mixing_measure_f32(mst_mixing_plan *plan, int64_t first, int64_t m, const float *own,
                            const float *const *neighbour);
void mst_mixing_measure_f64(mst_mixing_plan *plan, int64_t first, int64_t m, const double *own,
                            const double *const *neighbour);

/** End a pass. */
void mst_mixing_conclude(mst_mixing_plan *plan);

/** out(m) = those columns of the mixed vector; out may be own, not a neighbour. No measuring may be
 *  left to do. */
void mst_mixing_step_f32(const mst_mixing_plan *plan, int64_t first, int64_t m, const float *own,
                         const float *const *neighbour, float *out);
void mst_mixing_step_f64(const mst_mixing_plan *plan, int64_t first, int64_t m, const double *own,
                         const double *const *neighbour, double *out);

/** All of the above for vectors of `size` entries in memory; plan and work as mst_mixing_start's.
 *  out may be own, not a neighbour. */
mst_status mst_mixing_apply_f32(const mst_mixing_spec *s, const mst_mixing_node *node, int64_t size,
                                const float *own, const float *const *neighbour, double *work,
                                mst_mixing_plan *plan, float *out) MST_CHECKED;
mst_status mst_mixing_apply_f64(const mst_mixing_spec *s, const mst_mixing_node *node, int64_t size,
                                const double *own, const double *const *neighbour, double *work,
                                mst_mixing_plan *plan, double *out) MST_CHECKED;

#endif
