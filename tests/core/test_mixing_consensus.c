/* Mixing on a graph with attackers: the consensus of 6 nodes, held to the published figures of He,
 * Karimireddy, Jaggi 2022. Attackers 0 and 1 hang on nodes 3 and 4 of the chain 2 - 3 - 4 - 5,
 * whose nodes begin at 0, 0, 200, 200. */
#include <math.h>
#include <string.h>

#include "core/decentralised/mixing.h"
#include "core/robust/attack.h"
#include "core/robust/rule.h"
#include "tests/harness.h"

enum {
  NODES = 6,
  HONEST = 2, /* the first of them */
  ROUNDS = 100
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

/* What attacker b, a neighbour of node b + 3, says. */
static void attack(const char *name, graph *g) {
  mst_attack_spec s = {.name = name};
  mst_param_defaults(mst_attack_find(name)->params, &s);
  s.value = 0;
  s.spacing = 200;
  for (int b = 0; b < 2; b++) {
    const int i = b + 3;
    const double *row[] = {&g->x[i - 1], &g->x[i + 1]}, weight[] = {g->w[i][i - 1], g->w[i][i + 1]};
    const mst_attack_columns c = {.m = 1,
                                  .place = b,
                                  .honest = 2,
                                  .row = row,
                                  .weight = weight,
                                  .hostile = g->w[i][b],
                                  .target = &g->x[i]};
    double told;
    mst_attack_find(name)->send(&s, NULL, &c, &told);
    g->x[b] = told;
  }
}

/* The neighbours of a node, with the weights that the mixing is given. */
typedef struct place {
  mst_mixing_node node;
  double weight[NODES];
  bool hostile[NODES];
  const double *row[1 + NODES]; /* the own vector first */
} place;

static void look(const graph *g, int i, place *p) {
  *p = (place){.node = {.self = g->w[i][i]}};
  p->row[0] = &g->x[i];
  for (int j = 0; j < NODES; j++) {
    if (j == i || !(g->w[i][j] > 0)) continue;
    const int64_t k = p->node.neighbours++;
    p->weight[k] = g->w[i][j];
    p->hostile[k] = j < HONEST;
    p->row[1 + k] = &g->x[j];
  }
  p->node.weight = p->weight;
  p->node.hostile = p->hostile;
}

static double mixed(const mst_mixing_spec *s, const place *p) {
  double work[64], out = NAN;
  mst_mixing_plan plan;
  ck_assert_int_le(mst_mixing_doubles(s, p->node.neighbours, 0), 64);
  ck_ok(mst_mixing_apply_f64(s, &p->node, 1, p->row[0], p->row + 1, work, &plan, &out));
  return out;
}

/* The published figures of the weighted rules count each value once for each whole hundredth of its
 * weight. */
static double by_hundredths(const place *p, bool median) {
  place counted = *p;
  mst_mixing_spec s = {.kind = "trimmed_mean"};
  counted.node.weight = counted.weight;
  counted.node.self = floor(100 * p->node.self);
  for (int64_t k = 0; k < p->node.neighbours; k++) {
    counted.weight[k] = floor(100 * p->weight[k]);
    if (p->hostile[k]) s.trim = counted.weight[k];
  }
  if (median) s.trim = 100;
  return mixed(&s, &counted);
}

static double by_rule(const place *p, const char *name, int64_t byzantine) {
  const int64_t n = p->node.neighbours + 1;
  const mst_rule_spec s = {.name = name, .byzantine = byzantine};
  double out = NAN;
  mst_rule_find(name)->columns_f64(&s, n, 1, p->row, NULL, &out);
  return out;
}

static double next(const char *how, const place *p) {
  if (strcmp(how, "clipped") == 0) {
    const mst_mixing_spec s = {.kind = "self_centred_clipping", .bound = "theory"};
    return mixed(&s, p);
  }
  int64_t attackers = 0;
  for (int64_t k = 0; k < p->node.neighbours; k++) attackers += p->hostile[k];
  if (strcmp(how, "weighted trimmed_mean") == 0) return by_hundredths(p, false);
  if (strcmp(how, "weighted median") == 0) return by_hundredths(p, true);
  return by_rule(p, how, attackers);
}

/* error[t] = the honest nodes' mean square distance from 100 after t rounds. */
static void run(const char *attack_name, const char *how, double beta, double delta,
                double error[ROUNDS + 1]) {
  graph g = chain(beta, delta);
  for (int t = 1; t <= ROUNDS; t++) {
    double to[NODES];
    attack(attack_name, &g);
    for (int i = HONEST; i < NODES; i++) {
      place p;
      look(&g, i, &p);
      to[i] = next(how, &p);
    }
    error[t] = 0;
    for (int i = HONEST; i < NODES; i++) {
      g.x[i] = to[i];
      error[t] += (to[i] - 100) * (to[i] - 100) / (NODES - HONEST);
    }
  }
}

/* Large figures are printed with 6 decimals, small ones with that many digits. */
static void check(const double *error, const double expected[3], double last) {
  ck_assert_double_eq_tol(error[1], expected[0], 1e-6);
  ck_assert_double_eq_tol(error[10], expected[1], 1e-6);
  ck_assert_double_eq_tol(error[100], expected[2], expected[2] > 1 ? 1e-6 : last);
}

START_TEST(clipped_gossip_has_the_published_errors) {
  static const struct {
    const char *attack;
    double beta, delta, error[3];
  } table[] = {
      {"constant", 0.267, 0.05, {6085.780000, 386.664772, 9.43e-8}},
      {"constant", 0.267, 0.1, {6085.780000, 609.304438, 6.004e-5}},
      {"constant", 0.267, 0.3, {6231.198275, 1743.753224, 1393.073278}},
      {"constant", 0.08, 0.1, {8671.316494, 3692.753734, 1692.119035}},
      {"dissensus", 0.267, 0.05, {7429.633305, 809.353567, 1.974e-7}},
      {"dissensus", 0.267, 0.1, {8142.680548, 1616.339417, 1.592e-4}},
      {"dissensus", 0.08, 0.05, {9670.525294, 7199.056187, 377.059869}},
      {"dissensus", 0.08, 0.1, {10170.343134, 13309.181246, 263183.245416}},
  };
  for (size_t k = 0; k < sizeof table / sizeof table[0]; k++) {
    double error[ROUNDS + 1];
    run(table[k].attack, "clipped", table[k].beta, table[k].delta, error);
    check(error, table[k].error, 6e-4 * table[k].error[2] + 5e-11);
  }
}
END_TEST

START_TEST(the_weighted_trimmed_mean_has_the_published_errors) {
  static const double expected[] = {6366.219008, 312.323447, 2.5e-11};
  const char *attacks[] = {"constant", "dissensus"};
  for (int a = 0; a < 2; a++) {
    double error[ROUNDS + 1];
    run(attacks[a], "weighted trimmed_mean", 0.267, 0.05, error);
    check(error, expected, 5e-13);
  }
}
END_TEST

START_TEST(medians_and_the_trimmed_mean_never_agree) {
  const char *attacks[] = {"constant", "dissensus"},
             *rules[] = {"median", "trimmed_mean", "weighted median"};
  for (int a = 0; a < 2; a++)
    for (int r = 0; r < 3; r++) {
      double error[ROUNDS + 1];
      run(attacks[a], rules[r], 0.267, 0.05, error);
      check(error, (const double[]){10000, 10000, 10000}, 0);
    }
}
END_TEST

START_TEST(dissensus_at_1_undoes_what_honest_neighbours_change) {
  const double a = 3, b = -1, target = 10, *row[] = {&a, &b}, weight[] = {0.25, 0.125};
  mst_attack_columns c = {
      .m = 1, .honest = 2, .row = row, .weight = weight, .hostile = 0.3, .target = &target};
  mst_attack_spec s = {.name = "dissensus", .epsilon = 1};
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
  Suite *suite = suite_create("mixing_consensus");
  TCase *c = tcase_create("mixing_consensus");
  tcase_add_test(c, clipped_gossip_has_the_published_errors);
  tcase_add_test(c, the_weighted_trimmed_mean_has_the_published_errors);
  tcase_add_test(c, medians_and_the_trimmed_mean_never_agree);
  tcase_add_test(c, dissensus_at_1_undoes_what_honest_neighbours_change);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
