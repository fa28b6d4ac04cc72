/* Gossip among the agents of a bandit: consensus against the polynomial of the weights, sums that
 * stay, the indices by hand. */
#include "core/bandit/gossip.h"

#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "tests/harness.h"

enum {
  AGENTS = 7,
  ARMS = 3,
  N = 2 * ARMS,
  WIDTH = 8 * ARMS
};

static mst_protocol_spec defaults(const char *kind) {
  mst_protocol_spec s = {.kind = kind, .agents = AGENTS, .horizon = 1000, .noise = 0.5};
  mst_param_defaults(mst_protocol_find(kind)->params, &s);
  return s;
}

static mst_gossip *make(const mst_protocol_spec *s, const char *graph) {
  mst_gossip *g = NULL;
  const mst_topology_spec topology = {.kind = graph};
  ck_ok(mst_gossip_create(s, &topology, ARMS, &g));
  return g;
}

static mst_stream draws(uint64_t seed) {
  return mst_stream_of(mst_key_make(seed, MST_PURPOSE_TEST, 0, 0));
}

/* A round of all agents, with arms and rewards drawn; gathered(AGENTS, N) += what they learned. */
static void play(const mst_gossip *g, int64_t round, mst_stream *s, double *records,
                 double *gathered) {
  const int64_t width = g->ops->width(ARMS);
  double message[AGENTS * N], mixed[AGENTS * N];
  for (int i = 0; i < AGENTS; i++) {
    const int64_t arm = round < ARMS ? g->ops->choose(g, records + i * width, round)
                                     : (int64_t)mst_stream_below(s, ARMS);
    const double y = mst_stream_normal(s);
    g->ops->learn(g, records + i * width, round, arm, y);
    gathered[i * N + arm] += y;
    gathered[i * N + ARMS + arm] += 1;
    memcpy(message + (size_t)i * N, records + i * width, N * sizeof(double));
  }
  if (!g->ops->speaks(g, round)) return;
  for (int i = 0; i < AGENTS; i++) mst_gossip_mixed(g, i, message, N, mixed + (size_t)i * N);
  for (int i = 0; i < AGENTS; i++)
    g->ops->mix(g, records + i * width, round, mixed + (size_t)i * N);
}

/* W x from the entries of W, apart from what is tested. */
static void weigh(const mst_gossip *g, const double *x, double *out) {
  for (int i = 0; i < AGENTS; i++) {
    double w[AGENTS] = {0};
    w[i] = g->graph.self[i];
    for (int64_t e = g->graph.first[i]; e < g->graph.first[i + 1]; e++)
      w[g->graph.neighbour[e]] = g->graph.weight[e];
    for (int c = 0; c < N; c++) {
      out[i * N + c] = 0;
      for (int j = 0; j < AGENTS; j++) out[i * N + c] += w[j] * x[j * N + c];
    }
  }
}

/* x <- T_k(W / rho) x / T_k(1 / rho), by the recurrence of the polynomials as they are. */
static void agree(const mst_gossip *g, double *x) {
  double before[AGENTS * N], now[AGENTS * N], next[AGENTS * N];
  double t_before = 1, t_now = 1 / g->rho;
  memcpy(before, x, sizeof before);
  weigh(g, x, now);
  for (int c = 0; c < AGENTS * N; c++) now[c] /= g->rho;
  for (int64_t k = 1; k < g->stage; k++) {
    const double t = 2 / g->rho * t_now - t_before;
    weigh(g, now, next);
    for (int c = 0; c < AGENTS * N; c++) next[c] = 2 / g->rho * next[c] - before[c];
    memcpy(before, now, sizeof before);
    memcpy(now, next, sizeof now);
    t_before = t_now;
    t_now = t;
  }
  for (int c = 0; c < AGENTS * N; c++) x[c] = now[c] / t_now;
}

START_TEST(what_a_stage_gathered_is_mixed_in_the_next_and_used_after_it) {
  const mst_protocol_spec s = defaults("dducb");
  mst_gossip *g = make(&s, "ring");
  double records[AGENTS * WIDTH] = {0}, gathered[AGENTS * N] = {0}, used[AGENTS * N] = {0};
  double mixing[AGENTS * N] = {0};
  mst_stream stream = draws(1);
  int64_t round = 0;
  ck_assert(g->stage > 3);
  for (; round < ARMS; round++) play(g, round, &stream, records, gathered);
  for (int stage = 0; stage < 4; stage++) {
    memcpy(mixing, gathered, sizeof mixing);
    memset(gathered, 0, sizeof gathered);
    for (int64_t r = 0; r < g->stage; r++, round++) play(g, round, &stream, records, gathered);
    double worst = 0, size = 0;
    for (int c = 0; c < AGENTS * N; c++) size += mixing[c] * mixing[c];
    agree(g, mixing);
    for (int c = 0; c < AGENTS * N; c++) used[c] += mixing[c];
    for (int i = 0; i < AGENTS; i++)
      for (int c = 0; c < N; c++) {
        double mean = 0;
        for (int j = 0; j < AGENTS; j++) mean += mixing[j * N + c] / AGENTS;
        worst = fmax(worst, fabs(mixing[i * N + c] - mean));
        ck_assert_double_eq_tol(records[i * WIDTH + 3 * N + c], used[i * N + c], 1e-11);
      }
    ck_assert(worst <= s.error / AGENTS * sqrt(size));
  }
  mst_gossip_destroy(g);
}
END_TEST

START_TEST(no_reward_and_no_play_is_lost_or_made_on_the_way) {
  static const char *const kinds[] = {"coop_ucb", "dducb", "dducb"};
  for (int k = 0; k < 3; k++) {
    mst_protocol_spec s = defaults(kinds[k]);
    s.accelerated = k == 1;
    mst_gossip *g = make(&s, k == 0 ? "star" : "ring");
    const int64_t width = g->ops->width(ARMS), buffers = width / N;
    double records[AGENTS * WIDTH] = {0}, gathered[AGENTS * N] = {0};
    mst_stream stream = draws(2);
    for (int64_t round = 0; round < 60; round++) {
      play(g, round, &stream, records, gathered);
      if (k > 0 && round < ARMS + g->stage) continue; /* until then alpha stands for nothing yet */
      for (int c = 0; c < N; c++) {
        double kept = 0, all = 0;
        for (int i = 0; i < AGENTS; i++) {
          all += gathered[i * N + c];
          for (int64_t b = 0; b < buffers; b++)
            if (b != 1) kept += records[i * width + b * N + c];
        }
        ck_assert_double_eq_tol(kept, all, 1e-9);
      }
    }
    mst_gossip_destroy(g);
  }
}
END_TEST

START_TEST(stages_are_as_long_as_consensus_takes) {
  mst_protocol_spec s = defaults("dducb");
  mst_gossip *g = make(&s, "ring");
  const int64_t fast = g->stage;
  ck_assert((double)fast <= ceil(log(2 * AGENTS / s.error) / sqrt(2 * log(1 / g->rho))));
  mst_gossip_destroy(g);
  s.accelerated = false;
  g = make(&s, "ring");
  ck_assert_int_eq(g->stage, (int64_t)ceil(log(AGENTS / s.error) / log(1 / g->rho)));
  ck_assert_int_gt(g->stage, fast);
  mst_gossip_destroy(g);
  g = make(&s, "complete");
  ck_assert_int_eq(g->stage, 1);
  mst_gossip_destroy(g);
}
END_TEST

START_TEST(the_arm_of_the_largest_index_is_played) {
  mst_protocol_spec s = defaults("coop_ucb");
  mst_gossip *g = make(&s, "ring");
  /* At round 100, log t = 4.605, f = 2.146, 2 gamma / G = 2.6933: with N = 7, sigma = 1/2 radii are
   * 0.5 (2.6933 (10 + 2.146) / 70 4.605 / 10)^(1/2) = 0.2319, (5 plays) 0.3556, (2 plays) 0.6773.
   */
  double record[] = {10 * 0.5, 5 * 0.38, 2 * 0.05, 10, 5, 2};
  ck_assert_int_eq(g->ops->choose(g, record, 100), 1); /* 0.7319, 0.7356, 0.7273 */
  record[1] = 5 * 0.37;
  ck_assert_int_eq(g->ops->choose(g, record, 100), 0);
  record[2] = 2 * 0.06;
  ck_assert_int_eq(g->ops->choose(g, record, 100), 2);
  ck_assert_int_eq(g->ops->choose(g, record, 2), 2); /* each arm once first */
  mst_gossip_destroy(g);

  s = defaults("dducb");
  g = make(&s, "complete"); /* a stage a round: alpha rests on 7 (3 + 10) plays at round 3 + 11 */
  double r[WIDTH] = {0}, *own = r + (ptrdiff_t)2 * N, *alpha = r + (ptrdiff_t)3 * N;
  /* 0.5 (4 log 91 / (7 n))^(1/2) with n = 8: 0.2838, 4: 0.4014, 1: 0.8027. */
  const double used[] = {8 * 0.5, 4 * 0.38, 1 * -0.03, 8, 4, 1};
  memcpy(alpha, used, sizeof used);
  ck_assert_int_eq(g->ops->choose(g, r, ARMS + 11), 0); /* 0.7838, 0.7814, 0.7727 */
  alpha[1] = 4 * 0.385;
  ck_assert_int_eq(g->ops->choose(g, r, ARMS + 11), 1);
  /* Three own plays that paid nothing count as 3 / 7 plays. */
  own[ARMS + 1] = 3;
  ck_assert_int_eq(g->ops->choose(g, r, ARMS + 11), 0);
  g->spec.immediate = false;
  ck_assert_int_eq(g->ops->choose(g, r, ARMS + 11), 1);
  mst_gossip_destroy(g);
}
END_TEST

START_TEST(a_graph_in_two_parts_is_refused_and_nothing_is_left) {
  const mst_protocol_spec s = defaults("dducb");
  const int64_t edge[] = {0, 1, 2, 3, 3, 4, 4, 5, 5, 6};
  const mst_topology_spec topology = {.kind = "list", .edges = 5, .edge = edge};
  mst_gossip *g = NULL;
  ck_refused(mst_gossip_create(&s, &topology, ARMS, &g), MST_ERR_INPUT, "connected");
  ck_assert(g == NULL);
  const mst_topology_spec ring = {.kind = "ring"};
  for (int n = 1; n < 6; n++) {
    mst_memory_fail_at(n);
    ck_refused(mst_gossip_create(&s, &ring, ARMS, &g), MST_ERR_MEMORY, "");
    mst_memory_fail_at(0);
  }
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("bandit_gossip");
  TCase *tc = tcase_create("core");
  tcase_add_test(tc, what_a_stage_gathered_is_mixed_in_the_next_and_used_after_it);
  tcase_add_test(tc, no_reward_and_no_play_is_lost_or_made_on_the_way);
  tcase_add_test(tc, stages_are_as_long_as_consensus_takes);
  tcase_add_test(tc, the_arm_of_the_largest_index_is_played);
  tcase_add_test(tc, a_graph_in_two_parts_is_refused_and_nothing_is_left);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
