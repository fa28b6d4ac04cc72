/* The attackers of a run: who they are, what they plan for a round, and what they send. A plan is
 * made on every rank alike from what is seen (attack_sight.c); each rank then writes the vectors
 * of its own attackers, block of columns by block. */
#include "parallel/attack.h"

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "parallel/attack_internal.h"
#include "parallel/transpose.h"

static mst_status open_memory(mst_attackers *a) {
  if ((a->needs & MST_ATTACK_MEMORY) == 0) return MST_OK;
  MST_TRY(mst_alloc(&a->centre, a->d, sizeof *a->centre, "what attackers remember"));
  MST_TRY(mst_alloc(&a->direction, a->d, sizeof *a->direction, "what attackers remember"));
  a->ops->begin(&a->spec, 0, a->d, a->centre, a->direction);
  return MST_OK;
}

static mst_status open_attackers(mst_attackers *a, int64_t clients) {
  a->ops = mst_attack_find(a->spec.name);
  a->needs = mst_attack_needs(&a->spec);
  if ((a->needs & MST_ATTACK_TARGET) != 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "attack.name: %s tells each neighbour on a graph something else; it belongs to "
                    "job: decentralised",
                    a->spec.name);
  MST_TRY(mst_alloc(&a->attacker, a->spec.count, sizeof *a->attacker, "clients that attack"));
  mst_attack_clients(a->spec.seed, clients, a->spec.count, a->attacker);
  return open_memory(a);
}

mst_status mst_attackers_create(mst_team *team, const mst_attack_spec *spec, int64_t clients,
                                int64_t d, mst_attackers **out) {
  mst_attackers *a = NULL;
  *out = NULL;
  mst_status st = mst_attack_check(spec, clients);
  if (st == MST_OK) st = mst_alloc(&a, 1, sizeof *a, "attackers");
  if (st == MST_OK) {
    *a = (mst_attackers){.team = team, .spec = *spec, .d = d};
    st = open_attackers(a, clients);
  }
  st = mst_team_agree(team, st);
  if (st != MST_OK) {
    mst_attackers_destroy(a);
    return st;
  }
  *out = a;
  return MST_OK;
}

void mst_attackers_destroy(mst_attackers *a) {
  if (a == NULL) return;
  mst_free(a->attacker);
  mst_free(a->centre);
  mst_free(a->direction);
  mst_free(a);
}

/* The client's place among the attackers, -1 = it is none. */
static int64_t place_of(const mst_attackers *a, int64_t client) {
  int64_t low = 0, high = a->spec.count;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (a->attacker[middle] < client)
      low = middle + 1;
    else
      high = middle;
  }
  return low < a->spec.count && a->attacker[low] == client ? low : -1;
}

bool mst_attackers_has(const mst_attackers *a, int64_t client) {
  return place_of(a, client) >= 0;
}

bool mst_attackers_flip_labels(const mst_attackers *a) {
  return (a->needs & MST_ATTACK_LABELS) != 0;
}

bool mst_attackers_train(const mst_attackers *a) {
  return (a->needs & (MST_ATTACK_OWN | MST_ATTACK_LABELS)) != 0;
}

mst_status mst_attackers_labels(const mst_attack_spec *spec, int64_t classes, int64_t rows,
                                int32_t **flipped) {
  if ((mst_attack_needs(spec) & MST_ATTACK_LABELS) == 0) return MST_OK;
  if (classes == 0)
    return mst_fail(MST_ERR_INPUT,
                    "attack.name: %s is about labels, but data.train holds values, not classes",
                    spec->name);
  return mst_alloc(flipped, rows, sizeof **flipped, "labels of an attacker");
}

/* A round while it is acted in. */
typedef struct action {
  mst_attackers *a;
  const mst_attack_round *round;
  mst_attack_spec spec;
  mst_attack_sight sight;
  mst_attack_plan plan;
  double *work;       /* of the plan                                         */
  float *copied;      /* (d) the honest vector that is copied, or NULL       */
  float *result;      /* (d) of the rule, in a search                        */
  const double **row; /* (honest) of which the one that is copied is in `planned` */
  double own[MST_ATTACK_BLOCK], previous[MST_ATTACK_BLOCK], planned[MST_ATTACK_BLOCK],
      out[MST_ATTACK_BLOCK];
} action;

static mst_status make_room(action *x) {
  const mst_attackers *a = x->a;
  const int64_t honest = x->sight.honest;
  MST_TRY(mst_alloc(&x->work, MST_ATTACK_WORK(honest), sizeof *x->work, "an attack's plan"));
  if ((a->needs & MST_ATTACK_ROWS) != 0) {
    MST_TRY(mst_alloc(&x->copied, a->d, sizeof *x->copied, "a vector to copy"));
    MST_TRY(mst_alloc(&x->row, honest, sizeof *x->row, "addresses of vectors"));
  }
  if ((a->needs & MST_ATTACK_SEARCH) != 0)
    MST_TRY(mst_alloc(&x->result, a->d, sizeof *x->result, "a result to harm"));
  if ((a->needs & MST_ATTACK_MEMORY) == 0) return MST_OK;
  MST_TRY(mst_alloc(&x->plan.centre, honest + 1, sizeof(double), "an attack's plan"));
  return mst_alloc(&x->plan.direction, honest + 1, sizeof(double), "an attack's plan");
}

static void close_action(action *x) {
  mst_attack_sight_close(&x->sight);
  mst_free(x->work);
  mst_free(x->copied);
  mst_free(x->result);
  mst_free(x->row);
  mst_free(x->plan.centre);
  mst_free(x->plan.direction);
  mst_free(x);
}

static void widen(int64_t m, const float *from, double *to) {
  for (int64_t c = 0; c < m; c++) to[c] = (double)from[c];
}

/* What all attackers see of a block. */
static mst_attack_columns see_block(action *x, const mst_attack_plan *plan, int64_t first) {
  const mst_attackers *a = x->a;
  const mst_attack_sight *s = &x->sight;
  mst_attack_columns c = {.first = first,
                          .m = mst_least(MST_ATTACK_BLOCK, a->d - first),
                          .honest = s->honest,
                          .row = x->row,
                          .own = x->own,
                          .previous = x->previous};
  if (s->mean != NULL) c.mean = s->mean + first;
  if (s->std != NULL) c.std = s->std + first;
  if (a->centre != NULL) c.centre = a->centre + first;
  if (a->direction != NULL) c.direction = a->direction + first;
  if ((a->needs & MST_ATTACK_PREVIOUS) != 0 && x->round->previous != NULL)
    widen(c.m, x->round->previous + first, x->previous);
  if (x->copied != NULL && plan->row >= 0) widen(c.m, x->copied + first, x->planned);
  return c;
}

/* Write this rank's attackers' vectors. */
static void send_all(action *x, const mst_attack_plan *plan) {
  const mst_attackers *a = x->a;
  const mst_attack_round *round = x->round;
  const bool each = (a->needs & MST_ATTACK_EACH) != 0;
  for (int64_t first = 0; first < a->d; first += MST_ATTACK_BLOCK) {
    mst_attack_columns c = see_block(x, plan, first);
    bool sent = false;
    for (int64_t i = 0; i < round->n_mine; i++) {
      c.client = round->client[i];
      c.place = place_of(a, c.client);
      if (c.place < 0) continue;
      float *row = round->row[i] + first;
      widen(c.m, row, x->own);
      if (each || !sent) a->ops->send(&x->spec, plan, &c, x->out);
      sent = true;
      for (int64_t k = 0; k < c.m; k++) row[k] = (float)x->out[k];
    }
  }
}

/* Every rank has the result and the mean whole, and does the same sum. Only members that do not
 * look at their own vectors search: these are overwritten. */
static mst_status find_damage(void *user, const mst_attack_plan *plan, double *damage) {
  action *x = user;
  const mst_attackers *a = x->a;
  double sum = 0;
  send_all(x, plan);
  MST_TRY(mst_team_agree(a->team, x->round->aggregate(x->round->user, x->result)));
  for (int64_t c = 0; c < a->d; c++) {
    const double away = (double)x->result[c] - x->sight.mean[c];
    sum += away * away;
  }
  *damage = sum;
  return MST_OK;
}

/* A round that taught nothing leaves the vectors of the memory as they are. */
static mst_status make_plan(action *x) {
  mst_attackers *a = x->a;
  const mst_attack_sight *s = &x->sight;
  const int64_t rounds = a->memory.rounds;
  const mst_attack_scene scene = {.n = s->honest + s->hostile,
                                  .byzantine = s->hostile,
                                  .honest = s->honest,
                                  .distance = s->distance,
                                  .product = s->product,
                                  .client = s->client,
                                  .damage = x->round->aggregate != NULL ? find_damage : NULL,
                                  .user = x};
  MST_TRY(mst_attack_plan_make(&x->spec, &scene, x->work, &a->memory, &x->plan));
  if (a->memory.rounds != rounds)
    MST_TRY(mst_attack_sight_learn(&x->sight, &x->plan, a->centre, a->direction));
  if (x->copied == NULL || x->plan.row < 0) return MST_OK;
  x->row[x->plan.row] = x->planned;
  return mst_attack_sight_copy(&x->sight, x->plan.row, x->copied);
}

static mst_status run(action *x) {
  MST_TRY(mst_attack_sight_open(x->a, &x->spec, x->round, &x->sight));
  if (x->sight.hostile == 0) return MST_OK;
  MST_TRY(mst_team_agree(x->a->team, make_room(x)));
  MST_TRY(make_plan(x));
  send_all(x, &x->plan);
  return MST_OK;
}

mst_status mst_attackers_act(mst_attackers *a, const mst_attack_round *round) {
  action *x = NULL;
  if (a->spec.count == 0 || a->ops->send == NULL) return MST_OK;
  mst_status st = mst_team_agree(a->team, mst_alloc(&x, 1, sizeof *x, "an attack"));
  if (st == MST_OK) {
    x->a = a;
    x->round = round;
    x->spec = a->spec;
    x->spec.round = round->round;
    st = run(x);
  }
  if (x != NULL) close_action(x);
  return st;
}

mst_status mst_attackers_state(mst_attackers *a, mst_state *state) {
  const int64_t two = 2;
  if (a->centre == NULL) return MST_OK;
  MST_TRY(mst_state_add(state, "attack/memory", MST_I64, 1, &two, &a->memory));
  MST_TRY(mst_state_add(state, "attack/centre", MST_F64, 1, &a->d, a->centre));
  return mst_state_add(state, "attack/direction", MST_F64, 1, &a->d, a->direction);
}

int64_t mst_attackers_bytes(const mst_attack_spec *spec, int64_t d) {
  const int needs = mst_attack_needs(spec);
  const bool moments = (needs & (MST_ATTACK_MEAN | MST_ATTACK_STD)) != 0;
  const bool points = (needs & MST_ATTACK_DISTANCES) != 0;
  int64_t bytes = (int64_t)sizeof(mst_attackers) + spec->count * (int64_t)sizeof(int64_t);
  if (mst_attack_find(spec->name)->send == NULL || spec->count == 0) return bytes;
  bytes += (int64_t)sizeof(action);
  if (moments) bytes += d * (int64_t)sizeof(double);
  if ((needs & MST_ATTACK_STD) != 0) bytes += d * (int64_t)sizeof(double);
  if ((needs & MST_ATTACK_MEMORY) != 0) bytes += 2 * d * (int64_t)sizeof(double);
  if ((needs & MST_ATTACK_ROWS) != 0) bytes += d * (int64_t)sizeof(float);
  if ((needs & MST_ATTACK_SEARCH) != 0) bytes += d * (int64_t)sizeof(float);
  return bytes + (moments || points ? 4 * MST_TRANSPOSE_BUCKET : 0);
}
