/* The members of the table of identifiers, and what they share. Private to core/identify; all
 * functions are Local. */
#ifndef MST_CORE_IDENTIFY_MEMBER_H
#define MST_CORE_IDENTIFY_MEMBER_H

#include <stddef.h>

#include "core/identify/identify.h"

extern const mst_identifier_ops mst_identifier_lucb, mst_identifier_glucb, mst_identifier_xy_static,
    mst_identifier_rage, mst_identifier_task_by_task, mst_identifier_douexpdes,
    mst_identifier_c_douexpdes;

#define MST_IDENTIFY_EPSILON                                                                     \
  {                                                                                              \
    .name = "epsilon", .type = MST_PARAM_REAL, .offset = offsetof(mst_identifier_spec, epsilon), \
    .fallback = "0", .min = 0, .max = 1e6, .unit = "",                                           \
    .help = "an answer may be so much worse than the best arm"                                   \
  }
#define MST_IDENTIFY_RANK                                                                  \
  {                                                                                        \
    .name = "rank", .type = MST_PARAM_INT, .offset = offsetof(mst_identifier_spec, rank),  \
    .fallback = "0", .min = 0, .max = 1000, .unit = "dimensions",                          \
    .help = "dimensions that tasks are taken to share; 0: the instance's rank; all: alone" \
  }
#define MST_IDENTIFY_CONSTANT                                                                      \
  {                                                                                                \
    .name = "constant", .type = MST_PARAM_REAL, .offset = offsetof(mst_identifier_spec, constant), \
    .fallback = "1", .min = 0, .max = 1e6, .open_min = true, .unit = "",                           \
    .help = "scale of the pulls by which the shared subspace is found; 1: what the bound asks for" \
  }

/* Successive elimination with designs (Fiez, Jain, Jamieson, Ratliff 2019): in phase t = 1, 2, ...
 * with accuracy e_t the arms that are left are told apart to within e_t, and those that look worse
 * by e_t go. */
typedef struct mst_elimination {
  mst_instance *instance;
  int64_t width;   /* r                                                                       */
  const double *z; /* (K, r) what the arms are in it                                          */
  double delta;    /* of all phases of a task                                                 */
  double share;    /* of e_t that noise may take                                              */
  bool g_optimal;  /* designs for the arms that are left, not for their differences           */
  int64_t most;    /* pulls of a task                                                         */
  bool known;      /* the design for all arms                                                 */
  double spread;   /* of it                                                                   */
  double *weight;  /* (K) of it                                                               */
  double *work;
  bool *all; /* (K) */
} mst_elimination;

/** Start with nothing but instance, width, z, delta, share, g_optimal and most; free with end. The
 *  values of z may change between phases: known is to be set to false then. */
mst_status mst_elimination_start(mst_elimination *e) MST_CHECKED;
void mst_elimination_end(mst_elimination *e);

/** The accuracy of phase t: 2 L max|x| / 2^t. */
double mst_elimination_accuracy(const mst_instance *i, int64_t t);

/** One phase of a task: pull, estimate, drop arms from keep(K).
 *  \param pulls  of the task so far, added to.
 *  \param out_of  true if there were not enough pulls left; then nothing was pulled. */
mst_status mst_elimination_phase(mst_elimination *e, int64_t task, int64_t t, bool *keep,
                                 int64_t *pulls, bool *out_of) MST_CHECKED;

/** All phases of all tasks, each alone. */
mst_status mst_elimination_run(mst_elimination *e, mst_identified *out) MST_CHECKED;

/** count(S, K) = how often each arm of each context is pulled in so many pulls, whose contexts come
 * by chance and whose arms are drawn by weight(S, K), of sum 1; up_to(S, K) is scratch. */
void mst_identify_arrivals(mst_instance *i, int64_t task, const double *weight, int64_t pulls,
                           double *count, double *up_to);

/** The only arm that keep(n) has, or -1. */
int32_t mst_identify_left(int64_t n, const bool *keep);

#endif
