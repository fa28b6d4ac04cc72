/* What the tests of phased protocols share: arms, x'V^-1 x found by elimination, and a driver that
 * plays one phase of all agents and keeps what they played, told, sent and got. */
#ifndef MST_TESTS_CORE_BANDIT_GAME_H
#define MST_TESTS_CORE_BANDIT_GAME_H

#include <math.h>
#include <string.h>

#include "core/bandit/protocol.h"
#include "core/base/memory.h"
#include "tests/harness.h"

enum {
  D = 4,
  ARMS = 30,
  MOST_AGENTS = 60
};

static inline void draw_arms(uint64_t seed, int64_t n, int64_t d, double *x) {
  mst_stream s = mst_stream_of(mst_key_make(seed, MST_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < n * d; i++) x[i] = mst_stream_normal(&s);
}

/* x'V^-1 x by Gaussian elimination, V = sum weight y y' over y(n, d), apart from what is tested. */
static inline double variance(int64_t n, int64_t d, const double *y, const double *weight,
                              const double *x) {
  double m[24][25], q = 0;
  for (int64_t i = 0; i < d; i++) {
    for (int64_t j = 0; j < d; j++) {
      m[i][j] = 0;
      for (int64_t b = 0; b < n; b++) m[i][j] += weight[b] * y[b * d + i] * y[b * d + j];
    }
    m[i][d] = x[i];
  }
  for (int64_t i = 0; i < d; i++)
    for (int64_t k = 0; k < d; k++) {
      const double f = k == i ? 0 : m[k][i] / m[i][i];
      for (int64_t j = 0; j <= d; j++) m[k][j] -= f * m[i][j];
    }
  for (int64_t i = 0; i < d; i++) q += x[i] * m[i][d] / m[i][i];
  return q;
}

/* One phase played by all agents. */
typedef struct phase {
  int64_t rounds;
  int64_t played[MOST_AGENTS][ARMS]; /* pulls of an agent              */
  int64_t sent[MOST_AGENTS][ARMS];   /* likewise, that it tells of     */
  int64_t told[MOST_AGENTS];         /* their sum                      */
  int64_t entries[MOST_AGENTS];      /* numbers that these come to     */
  int64_t up[MOST_AGENTS], down[MOST_AGENTS];
} phase;

typedef struct game {
  mst_protocol_spec s;
  mst_environment *e;
  const mst_phased_ops *ops;
  void *self;
  int64_t round, width;
  phase last;
} game;

static const mst_environment_spec one_set = {
    .kind = "sphere", .dimension = D, .arms = ARMS, .sets = 1, .theta = "sphere"};

static inline game begin(const char *kind, const mst_environment_spec *spec, int64_t agents,
                         int64_t horizon, uint64_t seed) {
  game g = {.s = {.kind = kind,
                  .agents = agents,
                  .horizon = horizon,
                  .width = spec->dimension,
                  .noise = spec->noise},
            .ops = mst_protocol_find(kind)->phased};
  mst_param_defaults(mst_protocol_find(kind)->params, &g.s);
  ck_ok(mst_environment_create(spec, seed, &g.e));
  g.width = g.ops->width(&g.s, spec);
  return g;
}

static inline void open_game(game *g) {
  ck_ok(g->ops->create(&g->s, g->e, &g->self));
}

static inline void end(game *g) {
  g->ops->destroy(g->self);
  mst_environment_destroy(g->e);
}

static inline void play_turn(game *g, int64_t agent, int64_t step, double *sum, double *before,
                             double *room) {
  const mst_turn turn = {.agent = agent, .round = g->round + step, .step = step};
  mst_contexts c = mst_environment_offer(g->e, agent, turn.round, room);
  mst_stream own =
      mst_stream_of(mst_key_make(9, MST_PURPOSE_TEST, (uint64_t)agent, (uint64_t)turn.round));
  int64_t arm = -1;
  ck_ok(g->ops->choose(g->self, &c, &turn, &own, &arm));
  ck_assert(arm >= 0 && arm < g->e->spec.arms);
  memcpy(before, sum, (size_t)g->width * sizeof *sum);
  g->ops->gather(g->self, &c, &turn, arm, mst_environment_reward(g->e, &c, arm, agent, turn.round),
                 sum);
  const bool told = memcmp(before, sum, (size_t)g->width * sizeof *sum) != 0;
  g->last.played[agent][arm]++;
  g->last.sent[agent][arm] += told;
  g->last.told[agent] += told;
}

/* Play the open phase to its end, close it, and keep what happened. */
static inline void play_phase(game *g) {
  const int64_t n = g->width;
  double *total = NULL, *sum = NULL, *before = NULL, *room = NULL;
  ck_ok(mst_alloc(&total, n, sizeof *total, "total"));
  ck_ok(mst_alloc(&sum, n, sizeof *sum, "sum"));
  ck_ok(mst_alloc(&before, n, sizeof *before, "sum"));
  ck_ok(mst_alloc(&room, mst_environment_room(&g->e->spec), sizeof *room, "room"));
  memset(&g->last, 0, sizeof g->last);
  g->last.rounds = g->ops->length(g->self);
  for (int64_t i = 0; i < g->s.agents; i++) {
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int64_t t = 0; t < g->last.rounds; t++) play_turn(g, i, t, sum, before, room);
    for (int64_t j = 0; j < n; j++) {
      ck_assert(fabs(sum[j]) <= g->ops->bound(g->self));
      g->last.entries[i] += sum[j] != 0;
      total[j] += sum[j];
    }
  }
  g->round += g->last.rounds;
  ck_ok(g->ops->close(g->self, total));
  for (int64_t i = 0; i < g->s.agents; i++) {
    g->last.up[i] = g->ops->up(g->self, i);
    g->last.down[i] = g->ops->down(g->self, i);
  }
  mst_free(total);
  mst_free(sum);
  mst_free(before);
  mst_free(room);
}

#endif
