/* The table of instances. Arms of the drawn kinds are uniform on the unit sphere. Thetas of
 * `shared` and `contexts` are B w, B a random orthonormal basis of k dimensions, w uniform on a
 * sphere of it; those of `sphere` and `unshared` are uniform on a sphere of all d dimensions. */
#include "core/identify/instance.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/bandit/environment_member.h"
#include "core/base/memory.h"
#include "core/base/registry.h"
#include "core/linalg/blas.h"

#define TRIES 10000 /* thetas that are drawn for a gap                        */
#define FRESH 20    /* times that arms and subspace are drawn, where none had */

/* Clients of MST_PURPOSE_BANDIT_INSTANCE, apart from those of an environment; the last one's
 * numbers go on. */
enum {
  OF_ARMS = 16,
  OF_BASIS,
  OF_TASK
};

#define PARAM_DIMENSION                                                                           \
  {                                                                                               \
    .name = "dimension", .type = MST_PARAM_INT, .offset = offsetof(mst_instance_spec, dimension), \
    .min = 1, .max = 1000, .unit = "numbers", .help = "numbers of an arm's vector"                \
  }
#define PARAM_ARMS                                                                                \
  {                                                                                               \
    .name = "arms", .type = MST_PARAM_INT, .offset = offsetof(mst_instance_spec, arms), .min = 1, \
    .max = 2000, .unit = "arms", .help = "arms to choose from, uniform on the unit sphere"        \
  }
#define PARAM_TASKS                                                                       \
  {                                                                                       \
    .name = "tasks", .type = MST_PARAM_INT, .offset = offsetof(mst_instance_spec, tasks), \
    .min = 1, .max = 1e6, .unit = "tasks", .help = "tasks with the same arms"             \
  }
#define PARAM_RANK                                                                                \
  {                                                                                               \
    .name = "rank", .type = MST_PARAM_INT, .offset = offsetof(mst_instance_spec, rank), .min = 1, \
    .max = 1000, .unit = "dimensions", .help = "dimensions that the tasks' hidden vectors span"   \
  }
#define PARAM_GAP                                                                      \
  {                                                                                    \
    .name = "gap", .type = MST_PARAM_REAL, .offset = offsetof(mst_instance_spec, gap), \
    .fallback = "0.1", .min = 0, .max = 1e6, .unit = "",                               \
    .help = "draw a hidden vector again if its best arm leads by less"                 \
  }

const mst_param mst_instance_params[] = {PARAM_DIMENSION,
                                         {.name = "noise",
                                          .type = MST_PARAM_REAL,
                                          .offset = offsetof(mst_instance_spec, noise),
                                          .fallback = "1",
                                          .min = 0,
                                          .max = 1e6,
                                          .open_min = true,
                                          .unit = "",
                                          .help = "standard deviation of a reward about its mean"},
                                         {.name = "length",
                                          .type = MST_PARAM_REAL,
                                          .offset = offsetof(mst_instance_spec, length),
                                          .fallback = "1",
                                          .min = 0,
                                          .max = 1e6,
                                          .open_min = true,
                                          .unit = "",
                                          .help = "of hidden vectors"},
                                         {.name = NULL}};

static void draw_arms(const mst_instance_spec *s, mst_stream *stream, double *x) {
  for (int64_t a = 0; a < s->contexts * s->arms; a++)
    mst_environment_draw_direction(stream, s->dimension, x + a * s->dimension);
}

static void draw_anywhere(const mst_instance *i, mst_stream *stream, double *theta) {
  mst_environment_draw_direction(stream, i->spec.dimension, theta);
  for (int64_t j = 0; j < i->spec.dimension; j++) theta[j] *= i->spec.length;
}

static void draw_within(const mst_instance *i, mst_stream *stream, double *theta) {
  const int64_t d = i->spec.dimension, k = i->spec.rank;
  double square = 0;
  memset(theta, 0, (size_t)d * sizeof *theta);
  for (int64_t c = 0; c < k; c++) {
    const double w = mst_stream_normal(stream);
    square += w * w;
    for (int64_t j = 0; j < d; j++) theta[j] += w * i->basis[c * d + j];
  }
  for (int64_t j = 0; j < d; j++) theta[j] *= i->spec.length / sqrt(square);
}

/* Soare, Lazaric, Munos 2014: the unit vectors, and one more arm near the best. */
static void shape_soare(mst_instance_spec *s) {
  s->arms = s->dimension + 1;
  s->tasks = s->contexts = 1;
  s->rank = 0;
}

static void soare_arms(const mst_instance_spec *s, mst_stream *stream, double *x) {
  const int64_t d = s->dimension;
  (void)stream;
  for (int64_t a = 0; a < d; a++) x[a * d + a] = 1;
  x[d * d] = cos(s->angle);
  if (d > 1) x[d * d + 1] = sin(s->angle);
}

static void soare_theta(const mst_instance *i, mst_stream *stream, double *theta) {
  (void)stream;
  memset(theta, 0, (size_t)i->spec.dimension * sizeof *theta);
  theta[0] = i->spec.length;
}

static void shape_single(mst_instance_spec *s) {
  s->tasks = s->contexts = 1;
  s->rank = 0;
}

static void shape_unshared(mst_instance_spec *s) {
  s->contexts = 1;
  s->rank = 0;
}

static void shape_shared(mst_instance_spec *s) {
  s->contexts = 1;
}

static void shape_contexts(mst_instance_spec *s) {
  s->gap = 0;
}

static const mst_param soare_params[] = {
    {.name = "angle",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_instance_spec, angle),
     .fallback = "0.3",
     .min = 0,
     .max = 3.2,
     .open_min = true,
     .unit = "radians",
     .help = "between the best arm and the one that is hard to tell from it"},
    {.name = NULL}};
static const mst_param sphere_params[] = {PARAM_ARMS, PARAM_GAP, {.name = NULL}};
static const mst_param unshared_params[] = {PARAM_ARMS, PARAM_TASKS, PARAM_GAP, {.name = NULL}};
static const mst_param shared_params[] = {
    PARAM_ARMS, PARAM_TASKS, PARAM_RANK, PARAM_GAP, {.name = NULL}};
static const mst_param contexts_params[] = {PARAM_ARMS,
                                            PARAM_TASKS,
                                            PARAM_RANK,
                                            {.name = "contexts",
                                             .type = MST_PARAM_INT,
                                             .offset = offsetof(mst_instance_spec, contexts),
                                             .min = 1,
                                             .max = 1e5,
                                             .unit = "contexts",
                                             .help = "sets of arms, one of which is shown"},
                                            {.name = NULL}};

static const mst_instance_ops TABLE[] = {
    {"soare", "unit vectors, and one arm at a small angle to the best", soare_params, shape_soare,
     soare_arms, soare_theta},
    {"sphere", "one task, arms and hidden vector on the sphere", sphere_params, shape_single,
     draw_arms, draw_anywhere},
    {"shared", "tasks whose hidden vectors share a subspace", shared_params, shape_shared,
     draw_arms, draw_within},
    {"unshared", "tasks whose hidden vectors share nothing", unshared_params, shape_unshared,
     draw_arms, draw_anywhere},
    {"contexts", "tasks of a shared subspace, with contexts that come by chance", contexts_params,
     shape_contexts, draw_arms, draw_within}};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_instance_ops *mst_instance_at(int i) {
  return i >= 0 && i < MEMBERS ? &TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i].name : NULL;
}

const mst_instance_ops *mst_instance_find(const char *name) {
  return mst_instance_at(mst_registry_find(name_at, name));
}

mst_status mst_instance_check(mst_instance_spec *s) {
  const mst_instance_ops *ops = mst_instance_find(s->kind);
  if (ops == NULL) return mst_registry_refuse(name_at, "instance.kind", s->kind);
  ops->shape(s);
  MST_TRY(mst_param_check(mst_instance_params, s, "instance"));
  MST_TRY(mst_param_check(ops->params, s, "instance"));
  if (s->rank > s->dimension)
    return mst_fail(MST_ERR_INPUT, "instance.rank: %lld of %lld dimensions", (long long)s->rank,
                    (long long)s->dimension);
  return MST_OK;
}

/* Rows made orthonormal one after the other; twice, for rounding. */
static void draw_basis(mst_instance *i, uint64_t seed, int64_t fresh) {
  const int64_t d = i->spec.dimension;
  mst_stream s =
      mst_stream_of(mst_key_make(seed, MST_PURPOSE_BANDIT_INSTANCE, OF_BASIS, (uint64_t)fresh));
  for (int64_t r = 0; r < i->spec.rank; r++) {
    double *row = i->basis + r * d;
    mst_environment_draw_direction(&s, d, row);
    for (int64_t c = 0; c < 2 * r; c++) {
      const double *other = i->basis + c % r * d;
      double product = 0;
      for (int64_t j = 0; j < d; j++) product += row[j] * other[j];
      for (int64_t j = 0; j < d; j++) row[j] -= product * other[j];
    }
    double square = 0;
    for (int64_t j = 0; j < d; j++) square += row[j] * row[j];
    for (int64_t j = 0; j < d; j++) row[j] /= sqrt(square);
  }
}

/* mean(S, K), and by how much the best leads, in the context where it is least. */
static double find_means(const mst_instance *i, const double *theta, double *mean) {
  const int64_t d = i->spec.dimension, arms = i->spec.arms;
  double least = INFINITY;
  mst_gemm(false, false, i->spec.contexts * arms, 1, d, 1, i->x, d, theta, 1, 0, mean, 1);
  for (int64_t c = 0; c < i->spec.contexts; c++) {
    double best = -INFINITY, second = -INFINITY;
    for (int64_t a = 0; a < arms; a++) {
      const double m = mean[c * arms + a];
      second = fmax(second, fmin(m, best));
      best = fmax(best, m);
    }
    least = fmin(least, best - second);
  }
  return least;
}

/* False when no theta had the gap. */
static bool draw_task(mst_instance *i, uint64_t seed, int64_t task, int64_t fresh) {
  const int64_t d = i->spec.dimension, cells = i->spec.contexts * i->spec.arms;
  mst_stream s = mst_stream_of(
      mst_key_make(seed, MST_PURPOSE_BANDIT_INSTANCE, OF_TASK + (uint64_t)fresh, (uint64_t)task));
  for (int tries = 0; tries < TRIES; tries++) {
    i->ops->theta(i, &s, i->theta + task * d);
    if (find_means(i, i->theta + task * d, i->mean + task * cells) >= i->spec.gap) return true;
  }
  return false;
}

/* Arms, subspace and tasks; false when a task could not be drawn. */
static bool draw(mst_instance *i, uint64_t seed, int64_t fresh) {
  mst_stream s =
      mst_stream_of(mst_key_make(seed, MST_PURPOSE_BANDIT_INSTANCE, OF_ARMS, (uint64_t)fresh));
  i->ops->arms(&i->spec, &s, i->x);
  draw_basis(i, seed, fresh);
  for (int64_t m = 0; m < i->spec.tasks; m++)
    if (!draw_task(i, seed, m, fresh)) return false;
  return true;
}

static mst_status fill(mst_instance *i, uint64_t seed) {
  const int64_t d = i->spec.dimension, tasks = i->spec.tasks;
  const int64_t cells = i->spec.contexts * i->spec.arms;
  int64_t fresh = 0;
  MST_TRY(mst_alloc(&i->x, cells * d, sizeof(double), "arms"));
  MST_TRY(mst_alloc(&i->basis, i->spec.rank * d, sizeof(double), "a subspace"));
  MST_TRY(mst_alloc(&i->theta, tasks * d, sizeof(double), "hidden vectors"));
  MST_TRY(mst_alloc(&i->mean, tasks * cells, sizeof(double), "mean rewards"));
  MST_TRY(mst_alloc(&i->reward, tasks, sizeof(mst_stream), "rewards"));
  MST_TRY(mst_alloc(&i->arrival, tasks, sizeof(mst_stream), "contexts"));
  while (fresh < FRESH && !draw(i, seed, fresh)) fresh++;
  if (fresh == FRESH)
    return mst_fail(MST_ERR_INPUT, "instance.gap: none of %d hidden vectors has a gap of %g",
                    TRIES * FRESH, i->spec.gap);
  for (int64_t a = 0; a < cells; a++) {
    double square = 0;
    for (int64_t j = 0; j < d; j++) square += i->x[a * d + j] * i->x[a * d + j];
    i->longest = fmax(i->longest, sqrt(square));
  }
  for (int64_t m = 0; m < tasks; m++) {
    i->reward[m] = mst_stream_of(mst_key_make(seed, MST_PURPOSE_BANDIT_REWARD, (uint64_t)m, 0));
    i->arrival[m] = mst_stream_of(mst_key_make(seed, MST_PURPOSE_BANDIT_OFFER, (uint64_t)m, 0));
  }
  return MST_OK;
}

mst_status mst_instance_create(const mst_instance_spec *spec, uint64_t seed, mst_instance **out) {
  mst_instance *i = NULL;
  *out = NULL;
  MST_TRY(mst_alloc(&i, 1, sizeof *i, "an instance"));
  i->spec = *spec;
  i->ops = mst_instance_find(spec->kind);
  mst_status st = fill(i, seed);
  if (st == MST_OK)
    *out = i;
  else
    mst_instance_destroy(i);
  return st;
}

void mst_instance_destroy(mst_instance *i) {
  if (i == NULL) return;
  mst_free(i->x);
  mst_free(i->basis);
  mst_free(i->theta);
  mst_free(i->mean);
  mst_free(i->reward);
  mst_free(i->arrival);
  mst_free(i);
}

double mst_instance_pull(mst_instance *i, int64_t task, int64_t arm, int64_t pulls) {
  const double n = (double)pulls;
  if (pulls == 0) return 0;
  return n * i->mean[task * i->spec.contexts * i->spec.arms + arm] +
         i->spec.noise * sqrt(n) * mst_stream_normal(&i->reward[task]);
}

double mst_instance_loss(const mst_instance *i, int64_t task, const int32_t *policy) {
  const int64_t arms = i->spec.arms;
  double sum = 0;
  for (int64_t c = 0; c < i->spec.contexts; c++) {
    const double *mean = i->mean + (task * i->spec.contexts + c) * arms;
    double best = -INFINITY;
    for (int64_t a = 0; a < arms; a++) best = fmax(best, mean[a]);
    sum += best - mean[policy[c]];
  }
  return sum / (double)i->spec.contexts;
}

int64_t mst_instance_bytes(const mst_instance_spec *s) {
  const int64_t cells = s->contexts * s->arms;
  return 8 * ((cells + s->rank + s->tasks) * s->dimension + s->tasks * cells) +
         s->tasks * 2 * (int64_t)sizeof(mst_stream);
}
