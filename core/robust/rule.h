/* Robust rules: one vector out of n, some of which may be anything.
 *
 * Two kinds. A rule over columns takes each coordinate by itself (median, trimmed_mean, ...): its
 * kernel gets the rows' values of a few thousand columns at a time. A rule over weights looks at
 * the vectors' mutual distances alone and answers with weights, and the result is the weighted
 * sum of the vectors: it never sees a coordinate, so it costs the same however the vectors are
 * spread over ranks. A rule may be both (bulyan): its weights then choose the rows that its
 * columns are taken from.
 *
 * Distances, not inner products: they do not change when all vectors move together, and a vector
 * that is far away spoils only its own. What is not a distance between two vectors is one to a
 * further point: the zero vector (norms), the last result, a trusted vector. The points are the n
 * vectors, then those.
 *
 * A mixer (nnm, bucketing, clipping, arc) makes other vectors first, each a sum of points with
 * weights that sum to 1; so a chain of mixers and a rule is one matrix, and no vector is
 * written on the way.
 *
 * Rules are pure functions: no memory, files or ranks of their own. Rows that are not finite are
 * left out before (mst_robust in parallel/). Equations and sources: doc/methods/robust.md. */
#ifndef MST_CORE_ROBUST_RULE_H
#define MST_CORE_ROBUST_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/key.h"
#include "core/base/param.h"
#include "core/base/status.h"

/* What the experiment says of a rule. Members read the fields that their params name. */
typedef struct mst_rule_spec {
  const char *name;       /* registry name                                                       */
  int64_t byzantine;      /* f: most vectors that may be anything                                */
  const char *neighbours; /* krum, multi_krum, bulyan: others (n-f-1) | published (n-f-2)        */
  int64_t select;         /* multi_krum: vectors in the mean; 0 = n-f                            */
  const char *nearest;    /* nna: n-f | n-2f vectors in the mean                                 */
  int64_t centre;         /* nna: the vector whose neighbours are taken                          */
  double nu;              /* geometric_median: smallest distance that divides                    */
  int64_t iterations;     /* geometric_median, centered_clipping, dnc; 0 = to convergence        */
  double tolerance;       /* geometric_median: norm of the mean of unit vectors at convergence   */
  double tau;             /* centered_clipping: largest distance from the centre                 */
  double fraction;        /* dnc: share of the coordinates that are sampled                      */
  double filter;          /* dnc: vectors dropped in an iteration, in units of f                 */
  double lower, upper;    /* signguard: bounds of a norm beside the median norm                  */
  double rho;             /* zeno: weight of the squared norm against the loss                   */
  uint64_t seed;          /* of what is drawn (dnc, bucketing)                                   */
  int64_t round;          /* that it is drawn for                                                */
} mst_rule_spec;

/* What a rule over weights may look at. */
typedef struct mst_rule_view {
  int64_t n;              /* vectors: the first n points                                         */
  int64_t points;         /* n and the further ones                                              */
  const double *distance; /* (points, points) squared distances; symmetric, diagonal 0           */
  int64_t zero, previous, root; /* which point is the zero vector, the last result, the trusted
                                   vector; -1 where the rule did not ask for it                  */
  const double *weight;  /* (n) of the clients, positive; NULL = all 1                          */
  const double *sampled; /* (iterations, n, n) squared distances over samples of the columns,
                            or NULL                                                             */
  const double *sign;    /* (n, 3) shares of positive, zero and negative entries, or NULL       */
  const double *product; /* (n) inner products with the trusted vector, or NULL                */
  const double *loss;    /* (n) change of a trusted loss by a step along each vector, or NULL   */
} mst_rule_view;

/* What a member asks for beside the distances of the n vectors. */
enum {
  MST_RULE_ZERO = 1,       /* the point 0                                       */
  MST_RULE_PREVIOUS = 2,   /* the last result (0 before the first)              */
  MST_RULE_ROOT = 4,       /* a trusted vector                                  */
  MST_RULE_SAMPLED = 8,    /* view.sampled                                      */
  MST_RULE_SIGNS = 16,     /* view.sign                                         */
  MST_RULE_LOSSES = 32,    /* view.loss                                         */
  MST_RULE_WEIGHTS = 64,   /* means the same with clients' weights: takes them  */
  MST_RULE_ORDERED = 128,  /* its result depends on the order of the vectors    */
  MST_RULE_PRODUCTS = 256, /* view.product, with MST_RULE_ROOT: what of a very long vector is
                              along the trusted one cannot be had from distances */
  MST_RULE_LINEAR = 512    /* without weights of clients it is the vectors' mean: behind mixers one
                              sum of points                                    */
};

typedef struct mst_rule_ops {
  const char *name;
  const char *summary; /* one line for `muster list rules` */
  const mst_param *params;
  int needs; /* of the above */
  /* Whether, of the distances, it looks at those to further points and to `centre` alone; NULL = at
   * those of all vectors. */
  bool (*further)(const mst_rule_spec *s);
  /* Smallest n for f. */
  int64_t (*least)(int64_t byzantine);
  /* What else it demands of settings that are in range and n >= least, or NULL. */
  mst_status (*check)(const mst_rule_spec *s, int64_t n);
  /* Rule over weights, NULL for a rule over columns alone. weight(points) out: sums to 1. work has
   * work_doubles(points) doubles. May fail: MST_ERR_MEMORY never, MST_ERR_INPUT with the reason. */
  int64_t (*work_doubles)(int64_t n, int64_t points);
  mst_status (*weigh)(const mst_rule_spec *s, const mst_rule_view *v, double *work, double *weight);
  /* Rule over columns, or NULL: out(m) from row[0..n-1](m), m at most MST_RULE_COLUMNS. weight(n):
   * the clients', NULL = all 1. The same bits in any order of the rows. Of a rule that weighs as
   * well the rows, and n, are those that have weight. */
  void (*columns_f32)(const mst_rule_spec *s, int64_t n, int64_t m, const float *const *row,
                      const double *weight, float *out);
  void (*columns_f64)(const mst_rule_spec *s, int64_t n, int64_t m, const double *const *row,
                      const double *weight, double *out);
} mst_rule_ops;

/* Most columns of one kernel call: 20 rows of them fit a core's L2 cache. Most vectors. */
#define MST_RULE_COLUMNS 2048
#define MST_RULE_ROWS    4096

/** The member of that name or NULL; the i-th member or NULL past the end. Local. */
const mst_rule_ops *mst_rule_find(const char *name);
const mst_rule_ops *mst_rule_at(int i);

/** Check a spec against n vectors.
 *  \return MST_OK; MST_ERR_INPUT for an unknown name, a setting out of range, or fewer vectors than
 *          the rule needs for f (says how many). Local. */
mst_status mst_rule_check(const mst_rule_spec *s, int64_t n) MST_CHECKED;

/* Mixers: other vectors in the place of the n. */
typedef struct mst_mixer_spec {
  const char *name;
  int64_t byzantine; /* f                                             */
  int64_t size;      /* bucketing: vectors of a bucket                */
  double bound;      /* clipping: largest norm                        */
  uint64_t seed;     /* bucketing: of the permutation                 */
  int64_t round;
} mst_mixer_spec;

typedef struct mst_mixer_ops {
  const char *name;
  const char *summary; /* one line for `muster list mixers` */
  const mst_param *params;
  int needs;    /* MST_RULE_ZERO, MST_RULE_ORDERED */
  bool further; /* of the distances it looks at those to further points alone, or at none */
  /* Vectors that come of n. */
  int64_t (*count)(const mst_mixer_spec *s, int64_t n);
  /* matrix(count, points) out: row i gives new vector i as a sum of points; rows sum to 1. work has
   * points doubles. */
  void (*mix)(const mst_mixer_spec *s, const mst_rule_view *v, double *work, double *matrix);
} mst_mixer_ops;

/** As for rules. Local. */
const mst_mixer_ops *mst_mixer_find(const char *name);
const mst_mixer_ops *mst_mixer_at(int i);
mst_status mst_mixer_check(const mst_mixer_spec *s, int64_t n) MST_CHECKED;

#endif
