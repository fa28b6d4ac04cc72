/* Attacks on a graph: the consensus of clipped gossip on 6 nodes, held to the published figures of
 * He, Karimireddy, Jaggi 2022. */
#include "tests/core/attack_sample.h"

/* The graph: attackers 0 and 1 hang on nodes 3 and 4 of the chain 2 - 3 - 4 - 5. */
enum {
  NODES = 6
};

typedef struct graph {
  double w[NODES][NODES];
  double x[NODES];
} graph;

static graph chain(double beta, double delta) {
  const double a = 1.0 / 3;
  graph g = {.x = {0, 0, 0, 0, 200, 200}};
  g.w[2][3] = g.w[3][2] = g.w[4][5] = g.w[5][4] = a;
  g.w[3][4] = g.w[4][3] = beta;
  g.w[0][3] = g.w[3][0] = g.w[1][4] = g.w[4][1] = delta;
  for (int i = 0; i < NODES; i++) {
    g.w[i][i] = 1;
    for (int j = 0; j < NODES; j++)
      if (j != i) g.w[i][i] -= g.w[i][j];
  }
  return g;
}

static void attack(const mst_attack_spec *s, graph *g) {
  for (int b = 0; b < 2; b++) {
    const int i = b + 3;
    double weight[NODES];
    const double *row[NODES];
    int64_t n = 0;
    for (int j = 2; j < NODES; j++) {
      if (j == i || g->w[i][j] == 0) continue;
      weight[n] = g->w[i][j];
      row[n++] = &g->x[j];
    }
    const mst_attack_columns c = {.m = 1,
                                  .place = b,
                                  .honest = n,
                                  .row = row,
                                  .weight = weight,
                                  .hostile = g->w[i][b],
                                  .target = &g->x[i]};
    double told;
    mst_attack_find(s->name)->send(s, NULL, &c, &told);
    g->x[b] = told;
  }
}

/* x_i <- sum_j W_ij (x_i + clip(x_j - x_i, tau_i)), tau_i^2 = sum of W_ij |x_i - x_j|^2 over honest
 * j, divided by the attackers' weight. Returns the honest nodes' mean square distance from 100. */
static double clipped_gossip(graph *g) {
  double to[NODES] = {0}, error = 0;
  for (int i = 2; i < NODES; i++) {
    double tau = 0;
    const double hostile = g->w[i][0] + g->w[i][1];
    for (int j = 2; j < NODES; j++) tau += g->w[i][j] * (g->x[j] - g->x[i]) * (g->x[j] - g->x[i]);
    tau = hostile > 0 ? sqrt(tau / hostile) : INFINITY;
    to[i] = g->x[i];
    for (int j = 0; j < NODES; j++) {
      const double difference = g->x[j] - g->x[i];
      to[i] += g->w[i][j] * copysign(fmin(fabs(difference), tau), difference);
    }
  }
  for (int i = 2; i < NODES; i++) {
    g->x[i] = to[i];
    error += (to[i] - 100) * (to[i] - 100) / 4;
  }
  return error;
}

START_TEST(attacks_on_the_6_node_graph_hinder_consensus_as_published) {
  static const struct {
    const char *name;
    double beta, delta, one, ten, hundred;
  } table[] = {
      {"constant", 0.267, 0.05, 6085.780000, 386.664772, 9.43e-8},
      {"constant", 0.267, 0.1, 6085.780000, 609.304438, 6.004e-5},
      {"constant", 0.267, 0.3, 6231.198275, 1743.753224, 1393.073278},
      {"constant", 0.08, 0.1, 8671.316494, 3692.753734, 1692.119035},
      {"dissensus", 0.267, 0.05, 7429.633305, 809.353567, 1.974e-7},
      {"dissensus", 0.267, 0.1, 8142.680548, 1616.339417, 1.592e-4},
      {"dissensus", 0.08, 0.05, 9670.525294, 7199.056187, 377.059869},
      {"dissensus", 0.08, 0.1, 10170.343134, 13309.181246, 263183.245416},
  };
  for (size_t k = 0; k < sizeof table / sizeof table[0]; k++) {
    mst_attack_spec s = attack_spec(table[k].name);
    s.value = 0;
    s.spacing = 200;
    graph g = chain(table[k].beta, table[k].delta);
    double error[101] = {0};
    for (int t = 1; t <= 100; t++) {
      attack(&s, &g);
      error[t] = clipped_gossip(&g);
    }
    ck_assert_double_eq_tol(error[1], table[k].one, 1e-6);
    ck_assert_double_eq_tol(error[10], table[k].ten, 1e-6);
    const double last = table[k].hundred; /* printed with 6 decimals, or 3 digits */
    ck_assert_double_eq_tol(error[100], last, last > 1 ? 1e-6 : 6e-4 * last + 5e-11);
  }
}
END_TEST

START_TEST(dissensus_at_1_undoes_what_honest_neighbours_change) {
  const double a = 3, b = -1, target = 10, *row[] = {&a, &b}, weight[] = {0.25, 0.125};
  mst_attack_columns c = {
      .m = 1, .honest = 2, .row = row, .weight = weight, .hostile = 0.3, .target = &target};
  mst_attack_spec s = attack_spec("dissensus");
  double told = 0;
  mst_attack_find(s.name)->send(&s, NULL, &c, &told);
  const double change = 0.25 * (a - target) + 0.125 * (b - target) + 0.3 * (told - target);
  ck_assert_double_eq_tol(change, 0, 1e-14);
  c.hostile = 0;
  mst_attack_find(s.name)->send(&s, NULL, &c, &told);
  ck_assert_double_eq(told, target);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("attack_graph");
  TCase *c = tcase_create("attack_graph");
  tcase_add_test(c, attacks_on_the_6_node_graph_hinder_consensus_as_published);
  tcase_add_test(c, dissensus_at_1_undoes_what_honest_neighbours_change);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
