/* Attacks: what clients that are against the rest send in the place of their vectors.
 *
 * An attacker sees what the literature lets it see: the mean and the standard deviation of the
 * honest vectors, the honest vectors themselves, the last global change, how many attack, and, for
 * a search, what a vector would do to the result. The members are of two kinds, and some are of
 * both.
 *
 * Over columns: `send` writes any range of columns from the same columns of what is seen, so it
 * works on a rank that holds only those (sign_flip, ipm, gaussian, nan, ...).
 *
 * Over scalars: `plan` finds the few numbers that belong to whole vectors (a factor, which vector
 * to copy) from the squared distances of the honest vectors and of one further point, or by asking
 * what a factor would do; it never sees a coordinate (min_max, mimic, ...).
 *
 * A round on columns: moments of the honest vectors; `point`, where there is one, then the
 * distances; mst_attack_plan_make, on any rank and the same on all; `send` for each attacker, or
 * once for all unless the member says MST_ATTACK_EACH. Where no honest vector is in a round, the
 * moments are 0. Everything is a pure function of its arguments. Equations and sources:
 * doc/methods/attacks.md. */
#ifndef MST_CORE_ROBUST_ATTACK_H
#define MST_CORE_ROBUST_ATTACK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/key.h"
#include "core/base/param.h"
#include "core/base/status.h"

/* What the experiment says of an attack. Members read the fields that their params name. */
typedef struct mst_attack_spec {
  const char *name;         /* registry name                                                    */
  int64_t count;            /* clients that attack                                              */
  double scale;             /* sign_flip: what the own vector is multiplied by, negated         */
  double factor;            /* alie: standard deviations from the mean; 0 = from n and f        */
  const char *side;         /* alie: above | below the mean                                     */
  double epsilon;           /* ipm, dissensus: strength                                         */
  bool search;              /* alie, ipm: the strength that does most harm to the rule          */
  int64_t evaluations;      /* of such a search                                                 */
  double start, step;       /* its first strength and first step                                */
  double contraction;       /* what a step is multiplied by after a failure                     */
  int64_t target;           /* mimic: number of the honest vector of the round                  */
  int64_t warmup;           /* mimic: rounds in which the vector to copy is learnt; 0 = target  */
  const char *perturbation; /* min_max, min_sum: std | unit | sign                              */
  double tolerance;         /* min_max, min_sum: relative, of gamma                             */
  double sigma;             /* gaussian: standard deviation                                     */
  const char *around;       /* gaussian: zero | mean                                            */
  const char *sends;        /* free_rider: zero | previous                                      */
  double value, spacing;    /* constant: of the first attacker, and from one to the next        */
  uint64_t seed;            /* of what is drawn (gaussian, mimic)                               */
  int64_t round;            /* that it is drawn for                                             */
} mst_attack_spec;

/* What a member asks for. */
enum {
  MST_ATTACK_MEAN = 1,       /* columns.mean                                                   */
  MST_ATTACK_STD = 2,        /* columns.std                                                    */
  MST_ATTACK_ROWS = 4,       /* columns.row: all, or where send alone reads them the planned one */
  MST_ATTACK_OWN = 8,        /* columns.own, the attacker's honest vector                      */
  MST_ATTACK_PREVIOUS = 16,  /* columns.previous                                               */
  MST_ATTACK_DISTANCES = 32, /* scene.distance, with what `point` writes as the further point  */
  MST_ATTACK_MEMORY = 64,    /* a memory: two vectors that are kept over the rounds             */
  MST_ATTACK_EACH = 128,     /* attackers send different vectors                               */
  MST_ATTACK_TARGET = 256,   /* decentralised: columns.target, .row, .weight, .hostile         */
  MST_ATTACK_LABELS = 512,   /* it is in the data: attackers train on mst_attack_flip_labels and
                                send what comes of it; there is no `send`                      */
  MST_ATTACK_SEARCH = 1024   /* scene.damage                                                   */
};

/* Columns first .. first + m - 1 of what an attacker sees; what a member does not ask for may be
 * NULL. */
typedef struct mst_attack_columns {
  int64_t first, m;
  int64_t client;           /* the attacker's client number                                     */
  int64_t place;            /* the attacker among the attackers, from 0                         */
  const double *mean, *std; /* (m) of the honest vectors                                        */
  int64_t honest;           /* rows                                                             */
  const double *const *row; /* (honest)(m) the honest vectors, in the order of their clients; of a
                               decentralised attack the target's honest neighbours              */
  const double *own;        /* (m)                                                              */
  const double *previous;   /* (m) the last global change, 0 before the first                   */
  const double *target;     /* (m) the neighbour's vector that the attacker sends to            */
  const double *weight;     /* (honest) mixing weights of the target for its honest neighbours  */
  double hostile;           /* sum of its mixing weights for attackers                          */
  const double *centre, *direction; /* (m) of the memory                                        */
} mst_attack_columns;

/* What an attacker keeps over the rounds, beside two vectors that live like any other state:
 * `centre`, the running mean, and `direction`. All zero at the start, the vectors as `begin` writes
 * them. */
typedef struct mst_attack_memory {
  int64_t rounds; /* that were learnt from                                  */
  int64_t target; /* 1 + the client number that was last copied; 0 = none    */
} mst_attack_memory;

/* What is found of whole vectors. */
typedef struct mst_attack_plan {
  double factor; /* strength                                        */
  int64_t row;   /* the honest vector that is copied; -1 = none       */
  /* Of a member with a memory, and then given by the caller: the new running mean, and what is
   * added to `keep` times the direction, as sums of the points. */
  double keep;
  double *centre, *direction; /* (honest + 1) */
} mst_attack_plan;

/** What the attackers' vectors of a plan would do: damage = |aggregate - mean of the honest|^2 (any
 *  increasing function of it serves). The caller's; it may be collective. */
typedef mst_status (*mst_attack_damage)(void *user, const mst_attack_plan *plan, double *damage);

/* What is seen of a round beside columns. The points are the honest vectors, then the further one.
 */
typedef struct mst_attack_scene {
  int64_t n, byzantine;     /* vectors of the round, and the attackers' among them           */
  int64_t honest;           /* honest vectors that are seen                                  */
  const double *distance;   /* (honest + 1, honest + 1) squared distances of the points      */
  const double *product;    /* (honest + 1) inner products of the points with the direction of the
                               memory                                                        */
  const int64_t *client;    /* (honest) client numbers; NULL = 0, 1, ...                     */
  mst_attack_damage damage; /* for a search, else NULL                                       */
  void *user;
} mst_attack_scene;

typedef struct mst_attack_ops {
  const char *name;
  const char *summary; /* one line for `muster list attacks` */
  const mst_param *params;
  int needs; /* of the above, whatever the settings are */
  /* Which of them these settings do without, or NULL: none. */
  int (*unneeded)(const mst_attack_spec *s);
  /* The plan of a round, or NULL: there is nothing to find. work(MST_ATTACK_WORK(honest)). */
  mst_status (*plan)(const mst_attack_spec *s, const mst_attack_scene *scene, double *work,
                     mst_attack_memory *memory, mst_attack_plan *plan);
  /* out(m) = the further point, or NULL: it is not looked at. */
  void (*point)(const mst_attack_spec *s, const mst_attack_columns *c, double *out);
  /* out(m) = what the attacker sends; NULL where the attack is in the data. */
  void (*send)(const mst_attack_spec *s, const mst_attack_plan *plan, const mst_attack_columns *c,
               double *out);
  /* Of a member with a memory: its vectors (m) before the first round, and after a plan. */
  void (*begin)(const mst_attack_spec *s, int64_t first, int64_t m, double *centre,
                double *direction);
  void (*learn)(const mst_attack_plan *plan, const mst_attack_columns *c, double *centre,
                double *direction);
} mst_attack_ops;

#define MST_ATTACK_WORK(honest) (3 * ((honest) + 1)) /* doubles of scratch of a plan */

/** The member of that name or NULL; the i-th member or NULL past the end. Local. */
const mst_attack_ops *mst_attack_find(const char *name);
const mst_attack_ops *mst_attack_at(int i);

/** Check a spec for that many clients.
 *  \return MST_OK; MST_ERR_INPUT for an unknown name, a setting out of range, or a count below 0 or
 *          above the clients. Local. */
mst_status mst_attack_check(const mst_attack_spec *s, int64_t clients) MST_CHECKED;

/** What a spec that was checked asks for. Local. */
int mst_attack_needs(const mst_attack_spec *s);

/** attacker(count) = the clients that attack, ascending: drawn without repetition from key (seed,
 *  MST_PURPOSE_ATTACK, 0, 0); 0 <= count <= clients. Local. */
void mst_attack_clients(uint64_t seed, int64_t clients, int64_t count, int64_t *attacker);

/** mean(m), std(m) of row[0 .. n-1](m), in float64 in the order of the rows, std with n - 1 (0 of
 *  one row); both 0 for n = 0. Local. */
void mst_attack_moments_f32(int64_t n, int64_t m, const float *const *row, double *mean,
                            double *std);
void mst_attack_moments_f64(int64_t n, int64_t m, const double *const *row, double *mean,
                            double *std);

/** out(n) = classes - 1 - label(n); out may be label. Local. */
void mst_attack_flip_labels(int64_t n, int64_t classes, const int32_t *label, int32_t *out);

/** The plan of a round. plan's arrays are the caller's, where there is a memory; the rest is set.
 *  \param work  (MST_ATTACK_WORK(honest)) scratch.
 *  \param memory  renewed; NULL where the member has none.
 *  \return MST_OK; MST_ERR_INTERNAL for a search without scene->damage; what damage returns. Local,
 *          but for what damage does. */
mst_status mst_attack_plan_make(const mst_attack_spec *s, const mst_attack_scene *scene,
                                double *work, mst_attack_memory *memory,
                                mst_attack_plan *plan) MST_CHECKED;

/** alie's factor for n vectors of which f attack: (n - f - s) / (n - f) quantile of the normal
 *  distribution, s = floor(n / 2 + 1) - f honest supporters, at least one; 0 where there is no one
 *  but them. Local. */
double mst_attack_alie_factor(int64_t n, int64_t byzantine);

#endif
