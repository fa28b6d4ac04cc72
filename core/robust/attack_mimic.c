/* Mimic (Karimireddy, He, Jaggi 2022): all attackers copy one honest vector, which
 * makes its data count for more than they are. Which one is given, or learnt in the first rounds:
 * that which is farthest along the running direction z of largest spread. In round t = 0, 1, ... of
 * learning,
 *
 *     mu <- (t mu + mean) / (1 + t)
 *
 *     u = sum_i <x_i - mu, z> (x_i - mu)
 *
 *     z <- t / (1 + t) z + u / |u| / (1 + t), then z <- z / |z|
 *
 * Kind: over scalars. The points are the honest vectors and the old mu, so the new mu and u are
 * sums of points and |u| is known from distances; <x_i, z> are asked for. What is left is over
 * columns. */
#include "core/robust/attack_member.h"
#include "core/robust/space.h"

/* z is drawn from here before the first round, entry by entry. */
enum {
  FIRST_DIRECTION = 1 /* round of key (seed, MST_PURPOSE_ATTACK, 0, .) */
};

static void begin(const mst_attack_spec *s, int64_t first, int64_t m, double *centre,
                  double *direction) {
  mst_stream stream = mst_stream_of(mst_key_make(s->seed, MST_PURPOSE_ATTACK, 0, FIRST_DIRECTION));
  stream.block = (uint64_t)first;
  for (int64_t i = 0; i < m; i++) {
    centre[i] = 0;
    direction[i] = mst_stream_normal(&stream);
  }
}

static double sum_of(int64_t points, const double *weight, const double *x) {
  double sum = 0;
  for (int64_t i = 0; i < points; i++) sum += weight[i] * x[i];
  return sum;
}

static void unchanged(const mst_attack_scene *scene, mst_attack_plan *plan) {
  plan->keep = 1;
  for (int64_t i = 0; i <= scene->honest; i++) {
    plan->centre[i] = i == scene->honest;
    plan->direction[i] = 0;
  }
}

/* The new mu and z; what is added to z is put in plan->direction. Of a z that is not yet known (t =
 * 0) nothing is kept. Returns false, with nothing learnt, where u is 0: all vectors are the same.
 */
static bool turn(const mst_attack_scene *scene, double t, double *zero, mst_attack_plan *plan) {
  const int64_t n = scene->honest, points = n + 1;
  double *centre = plan->centre, *u = plan->direction, total = 0;
  for (int64_t i = 0; i < n; i++) centre[i] = 1 / ((1 + t) * (double)n);
  centre[n] = t / (1 + t);
  const double along = sum_of(points, centre, scene->product);
  for (int64_t i = 0; i < n; i++) {
    u[i] = scene->product[i] - along;
    total += u[i];
  }
  u[n] = 0;
  for (int64_t i = 0; i < points; i++) {
    u[i] -= total * centre[i];
    zero[i] = 0;
  }
  const double length = sqrt(mst_space_between(points, scene->distance, -1, u, zero));
  if (!(length > 0)) {
    unchanged(scene, plan);
    return false;
  }
  for (int64_t i = 0; i < points; i++) u[i] /= length;
  const double old = t / (1 + t), fresh = 1 / (1 + t);
  const double both = old > 0 ? sum_of(points, u, scene->product) : 0;
  const double norm = sqrt(old * old + 2 * old * fresh * both + fresh * fresh);
  plan->keep = old / norm;
  for (int64_t i = 0; i < points; i++) u[i] *= fresh / norm;
  return true;
}

/* The honest vector farthest along z, the first of equal ones. <x_i, sum_p d_p x_p> is
 * -1/2 sum_p d_p D_ip and what is the same for all i, as the d_p sum to 0. */
static int64_t farthest(const mst_attack_scene *scene, const mst_attack_plan *plan) {
  const int64_t points = scene->honest + 1;
  int64_t best = 0;
  double most = 0;
  for (int64_t i = 0; i < scene->honest; i++) {
    const double turned = sum_of(points, plan->direction, scene->distance + i * points);
    const double along = plan->keep * scene->product[i] - 0.5 * turned;
    if (i > 0 && !(along > most)) continue;
    best = i;
    most = along;
  }
  return best;
}

static int64_t client_of(const mst_attack_scene *scene, int64_t row) {
  return scene->client != NULL ? scene->client[row] : row;
}

/* The vector of the client that was copied last; where it is not in the round, the farthest along
 * z. */
static int64_t same(const mst_attack_scene *scene, const mst_attack_plan *plan,
                    const mst_attack_memory *memory) {
  for (int64_t i = 0; i < scene->honest; i++)
    if (1 + client_of(scene, i) == memory->target) return i;
  return farthest(scene, plan);
}

static mst_status plan_round(const mst_attack_spec *s, const mst_attack_scene *scene, double *work,
                             mst_attack_memory *memory, mst_attack_plan *plan) {
  const int64_t n = scene->honest;
  if (s->warmup == 0) {
    plan->row = n > 0 ? s->target % n : -1;
    return MST_OK;
  }
  unchanged(scene, plan);
  if (n == 0) return MST_OK;
  if (memory->rounds >= s->warmup) {
    plan->row = same(scene, plan, memory);
    return MST_OK;
  }
  const bool learnt = turn(scene, (double)memory->rounds, work, plan);
  plan->row = farthest(scene, plan);
  if (learnt) memory->rounds++;
  memory->target = 1 + client_of(scene, plan->row);
  return MST_OK;
}

static int unneeded(const mst_attack_spec *s) {
  return s->warmup > 0 ? 0 : MST_ATTACK_DISTANCES | MST_ATTACK_MEMORY;
}

static void point(const mst_attack_spec *s, const mst_attack_columns *c, double *out) {
  (void)s;
  for (int64_t i = 0; i < c->m; i++) out[i] = c->centre[i];
}

static void send(const mst_attack_spec *s, const mst_attack_plan *plan, const mst_attack_columns *c,
                 double *out) {
  (void)s;
  for (int64_t i = 0; i < c->m; i++) out[i] = plan->row >= 0 ? c->row[plan->row][i] : 0;
}

/* The further point is the old centre: entries are read before they are written. */
static void learn(const mst_attack_plan *plan, const mst_attack_columns *c, double *centre,
                  double *direction) {
  const int64_t n = c->honest;
  for (int64_t i = 0; i < c->m; i++) {
    double mean = plan->centre[n] * centre[i], turned = plan->direction[n] * centre[i];
    for (int64_t j = 0; j < n; j++) {
      mean += plan->centre[j] * c->row[j][i];
      turned += plan->direction[j] * c->row[j][i];
    }
    centre[i] = mean;
    direction[i] = plan->keep * direction[i] + turned;
  }
}

static const mst_param params[] = {
    MST_ATTACK_INT(target, "0", 0, "vectors",
                   "honest vector of a round that is copied, counted round their number"),
    MST_ATTACK_INT(warmup, "0", 0, "rounds", "in which the vector is learnt; 0 = it is the target"),
    {.name = NULL}};

const mst_attack_ops mst_attack_mimic = {
    .name = "mimic",
    .summary = "a copy of one honest vector",
    .params = params,
    .needs = MST_ATTACK_ROWS | MST_ATTACK_DISTANCES | MST_ATTACK_MEMORY,
    .unneeded = unneeded,
    .plan = plan_round,
    .point = point,
    .send = send,
    .begin = begin,
    .learn = learn,
};
