/* What tests of attacks over ranks share: a round's vectors, which every rank can make, dealt to
 * ranks in several ways; an attack on them; and the same by the definition, on whole vectors in
 * one place with the functions of core. */
#ifndef MST_TESTS_PARALLEL_ATTACK_ROUND_H
#define MST_TESTS_PARALLEL_ATTACK_ROUND_H

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "parallel/attack.h"
#include "parallel/robust.h"
#include "tests/core/attack_sample.h"

#define CLIENTS   20
#define ATTACKERS 5

static mst_team *all, *alone;

static void teams_open(void) {
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &all));
  ck_ok(mst_team_create(MPI_COMM_SELF, NULL, &alone));
}

static void teams_close(void) {
  mst_team_destroy(alone);
  mst_team_destroy(all);
}

/* The vectors of a round, of which not all clients take part, ascending by client. */
typedef struct party {
  int64_t round, n, d;
  int64_t client[CLIENTS];
  float *x;        /* (n, d) */
  float *previous; /* (d)    */
} party;

static inline party party_make(int64_t d, int64_t round) {
  party q = {.round = round, .d = d};
  ck_ok(mst_alloc(&q.x, CLIENTS * d, sizeof *q.x, "test"));
  ck_ok(mst_alloc(&q.previous, d, sizeof *q.previous, "test"));
  mst_stream common = draws(round, 92);
  for (int64_t c = 0; c < d; c++) q.previous[c] = (float)(3 * mst_stream_uniform(&common) - 1);
  for (int64_t i = 0; i < CLIENTS; i++) {
    if ((i + round) % 6 == 0) continue;
    mst_stream own = draws(1 + i + 100 * round, 91);
    const double spread = 1 + (double)(i % 3);
    for (int64_t c = 0; c < d; c++) {
      const double noise = (double)mst_stream_u32(&own) * 0x1p-32 - 0.5;
      q.x[q.n * d + c] = (float)((double)q.previous[c] + spread * noise);
    }
    q.client[q.n++] = i;
  }
  return q;
}

static inline void party_free(party *q) {
  mst_free(q->x);
  mst_free(q->previous);
}

/* The party without the vectors that leave says. */
static inline void party_drop(party *q, bool (*leaves)(const mst_attackers *a, int64_t client),
                              const mst_attackers *a) {
  int64_t n = 0;
  for (int64_t i = 0; i < q->n; i++) {
    if (leaves(a, q->client[i])) continue;
    memmove(q->x + n * q->d, q->x + i * q->d, (size_t)q->d * sizeof *q->x);
    q->client[n++] = q->client[i];
  }
  q->n = n;
}

/* ---- over ranks */

enum {
  ROUND_ROBIN,
  LAST_HAS_ALL,
  BACKWARDS, /* and each rank's in descending order */
  SCATTERED,
  DEALINGS
};

static inline int rank_of(const party *q, int64_t i, int dealing, int p) {
  if (dealing == LAST_HAS_ALL) return p - 1;
  if (dealing == BACKWARDS) return (int)((q->n - 1 - i) * p / q->n);
  if (dealing == SCATTERED) return (int)((7 * q->client[i] + 3 * q->round) % 11 % p);
  return (int)(i % p);
}

/* What a rank has of a party. */
typedef struct hand {
  mst_team *team;
  int64_t n, d;
  int64_t which[CLIENTS]; /* (n) of the party */
  int64_t client[CLIENTS];
  float *x; /* (n, d) */
  float *row[CLIENTS];
  int calls; /* of aggregate */
} hand;

static inline hand hand_deal(mst_team *team, const party *q, int dealing) {
  hand h = {.team = team, .d = q->d};
  int p = mst_team_size(team), rank = mst_team_rank(team);
  ck_ok(mst_alloc(&h.x, CLIENTS * q->d, sizeof *h.x, "test"));
  for (int64_t k = 0; k < q->n; k++) {
    const int64_t i = dealing == BACKWARDS ? q->n - 1 - k : k;
    if (rank_of(q, i, dealing, p) != rank) continue;
    h.which[h.n] = i;
    h.client[h.n] = q->client[i];
    h.row[h.n] = h.x + h.n * q->d;
    memcpy(h.row[h.n], q->x + i * q->d, (size_t)q->d * sizeof *h.x);
    h.n++;
  }
  return h;
}

/* A rule over columns: its bits do not depend on how vectors are numbered. */
static inline mst_status aggregate(mst_team *team, int64_t n, int64_t d, const float *x,
                                   float *out) {
  mst_rule_spec rule = rule_spec("trimmed_mean", 3);
  return mst_aggregate(team, &rule, NULL, n, d, x, out, NULL);
}

static inline mst_status aggregate_hand(void *user, float *out) {
  hand *h = user;
  h->calls++;
  return aggregate(h->team, h->n, h->d, h->x, out);
}

static inline mst_attackers *attackers_of(mst_team *team, const mst_attack_spec *s, int64_t d) {
  mst_attackers *a = NULL;
  ck_ok(mst_attackers_create(team, s, CLIENTS, d, &a));
  return a;
}

static inline mst_status hand_act(hand *h, mst_attackers *a, const party *q) {
  const mst_attack_round round = {.round = q->round,
                                  .n_mine = h->n,
                                  .client = h->client,
                                  .row = h->row,
                                  .previous = q->previous,
                                  .aggregate = aggregate_hand,
                                  .user = h};
  return mst_attackers_act(a, &round);
}

/* Deal, attack. */
static inline hand play(mst_team *team, mst_attackers *a, const party *q, int dealing) {
  hand h = hand_deal(team, q, dealing);
  ck_ok(hand_act(&h, a, q));
  return h;
}

/* The rows of a hand are those of want(n, d), bit for bit, or to a share of the largest entry. All
 * ranks fail together. */
static inline void expect_rows(const hand *h, const float *want, double share, const char *what) {
  int64_t bad = -1;
  double worst = 0;
  for (int64_t i = 0; i < h->n; i++) {
    const float *a = h->row[i], *b = want + h->which[i] * h->d;
    if (memcmp(a, b, (size_t)h->d * sizeof *a) == 0) continue;
    double most = 0, away = 0;
    for (int64_t c = 0; c < h->d; c++) {
      most = fmax(most, fabs((double)b[c]));
      away = fmax(away, fabs((double)a[c] - (double)b[c]));
    }
    if (share > 0 && away <= share * most) continue;
    bad = h->client[i];
    worst = away / most;
  }
  ck_ok(mst_max_i64(all, &bad, 1));
  ck_assert_msg(bad < 0, "%s: client %lld is off, here by %g of the largest entry", what,
                (long long)bad, worst);
}

/* ---- by the definition */

typedef struct definition {
  mst_attack_spec s;
  mst_attack_memory memory;
  double *centre, *direction; /* (d) */
  int64_t attacker[CLIENTS];
  const party *q; /* of this round */
  crowd c;
  float *want, *result;
} definition;

static inline definition define(const mst_attack_spec *s, int64_t d) {
  definition f = {.s = *s};
  f.centre = take_memory(d);
  f.direction = take_memory(d);
  if (mst_attack_find(s->name)->begin != NULL)
    mst_attack_find(s->name)->begin(s, 0, d, f.centre, f.direction);
  mst_attack_clients(s->seed, CLIENTS, s->count, f.attacker);
  return f;
}

static inline void define_free(definition *f) {
  mst_free(f->centre);
  mst_free(f->direction);
}

static inline int64_t place_among(const definition *f, int64_t client) {
  for (int64_t k = 0; k < f->s.count; k++)
    if (f->attacker[k] == client) return k;
  return -1;
}

static inline void define_sent(definition *f, const mst_attack_plan *plan) {
  const party *q = f->q;
  double *own = take_memory(q->d), *previous = take_memory(q->d);
  f->c.columns.own = own;
  f->c.columns.previous = previous;
  for (int64_t c = 0; c < q->d; c++) previous[c] = q->previous[c];
  for (int64_t i = 0; i < q->n; i++) {
    f->c.columns.client = q->client[i];
    f->c.columns.place = place_among(f, q->client[i]);
    if (f->c.columns.place < 0) continue;
    for (int64_t c = 0; c < q->d; c++) own[c] = q->x[i * q->d + c];
    crowd_send(&f->c, &f->s, plan);
    for (int64_t c = 0; c < q->d; c++) f->want[i * q->d + c] = (float)f->c.out[c];
  }
  mst_free(own);
  mst_free(previous);
}

static inline mst_status define_damage(void *user, const mst_attack_plan *plan, double *damage) {
  definition *f = user;
  *damage = 0;
  define_sent(f, plan);
  MST_TRY(aggregate(alone, f->q->n, f->q->d, f->want, f->result));
  for (int64_t c = 0; c < f->q->d; c++)
    *damage += ((double)f->result[c] - f->c.mean[c]) * ((double)f->result[c] - f->c.mean[c]);
  return MST_OK;
}

/* want(n, d) of a party after the attack, to be freed. */
static inline float *define_round(definition *f, const party *q) {
  const mst_attack_ops *ops = mst_attack_find(f->s.name);
  const int needs = mst_attack_needs(&f->s);
  int64_t client[CLIENTS], seen[CLIENTS], n = 0, hostile = 0;
  f->q = q;
  f->s.round = q->round;
  ck_ok(mst_alloc(&f->want, q->n * q->d, sizeof *f->want, "test"));
  ck_ok(mst_alloc(&f->result, q->d, sizeof *f->result, "test"));
  memcpy(f->want, q->x, (size_t)(q->n * q->d) * sizeof *q->x);
  for (int64_t i = 0; i < q->n; i++) {
    bool finite = true;
    for (int64_t c = 0; c < q->d; c++) finite = finite && isfinite(q->x[i * q->d + c]);
    if (place_among(f, q->client[i]) >= 0)
      hostile++;
    else if (finite) {
      seen[n] = i;
      client[n++] = q->client[i];
    }
  }
  f->c = crowd_make(n, q->d);
  for (int64_t i = 0; i < n; i++)
    for (int64_t c = 0; c < q->d; c++) f->c.x[i * q->d + c] = q->x[seen[i] * q->d + c];
  f->c.columns.centre = f->centre;
  f->c.columns.direction = f->direction;
  crowd_see(&f->c);
  if ((needs & MST_ATTACK_DISTANCES) != 0) crowd_measure(&f->c, &f->s);
  for (int64_t i = 0; i <= n; i++)
    for (int64_t c = 0; c < q->d; c++) f->c.product[i] += f->c.x[i * q->d + c] * f->direction[c];
  f->c.scene.n = n + hostile;
  f->c.scene.byzantine = hostile;
  f->c.scene.client = client;
  f->c.scene.damage = define_damage;
  f->c.scene.user = f;
  mst_attack_plan plan = {.centre = take_memory(n + 1), .direction = take_memory(n + 1)};
  ck_ok(mst_attack_plan_make(&f->s, &f->c.scene, f->c.work, &f->memory, &plan));
  if ((needs & MST_ATTACK_MEMORY) != 0) ops->learn(&plan, &f->c.columns, f->centre, f->direction);
  if (ops->send != NULL) define_sent(f, &plan);
  mst_free(plan.centre);
  mst_free(plan.direction);
  crowd_free(&f->c);
  mst_free(f->result);
  return f->want;
}

#endif
