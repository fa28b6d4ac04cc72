/* Topologies: neighbours by hand, weights, spectra against closed forms, rates of consensus. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/decentralised/steps.h"
#include "core/topology/topology.h"
#include "tests/harness.h"

static mst_topology_spec spec_of(const char *kind, int64_t nodes) {
  mst_topology_spec s = {.kind = kind, .nodes = nodes, .seed = 7};
  ck_assert_ptr_nonnull(mst_topology_find(kind));
  mst_param_defaults(mst_topology_find(kind)->params, &s);
  if (strcmp(kind, "erdos_renyi") == 0) s.probability = 0.6;
  return s;
}

/* The neighbours as text: "1 4;0 2;..." */
static const char *neighbours_of(const mst_topology_spec *s) {
  static char text[1024];
  mst_graph g;
  ck_ok(mst_graph_make(s, &g));
  size_t at = 0;
  for (int64_t i = 0; i < g.nodes; i++) {
    for (int64_t e = 0; e < mst_graph_degree(&g, i); e++)
      at += (size_t)snprintf(text + at, sizeof text - at, "%s%lld", e > 0 ? " " : "",
                             (long long)mst_graph_neighbours(&g, i)[e]);
    if (i + 1 < g.nodes) at += (size_t)snprintf(text + at, sizeof text - at, ";");
  }
  text[at] = '\0';
  ck_assert_int_eq(g.first[g.nodes], 2 * g.edges);
  mst_graph_free(&g);
  return text;
}

START_TEST(neighbours_are_those_of_the_definitions) {
  mst_topology_spec s = spec_of("ring", 5);
  ck_assert_str_eq(neighbours_of(&s), "1 4;0 2;1 3;2 4;0 3");
  s.nodes = 2;
  ck_assert_str_eq(neighbours_of(&s), "1;0");
  s.nodes = 1;
  ck_assert_str_eq(neighbours_of(&s), "");
  s = spec_of("torus", 6); /* 2 x 3 */
  ck_assert_str_eq(neighbours_of(&s), "1 2 3;0 2 4;0 1 5;0 4 5;1 3 5;2 3 4");
  s.rows = 3;
  ck_assert_str_eq(neighbours_of(&s), "1 2 4;0 3 5;0 3 4;1 2 5;0 2 5;1 3 4");
  s = spec_of("torus", 9);
  ck_assert_str_eq(neighbours_of(&s),
                   "1 2 3 6;0 2 4 7;0 1 5 8;0 4 5 6;1 3 5 7;2 3 4 8;0 3 7 8;1 4 6 8;2 5 6 7");
  s = spec_of("star", 4);
  ck_assert_str_eq(neighbours_of(&s), "1 2 3;0;0;0");
  s = spec_of("complete", 4);
  ck_assert_str_eq(neighbours_of(&s), "1 2 3;0 2 3;0 1 3;0 1 2");
  s = spec_of("exponential", 6); /* 1, 2, 4 away */
  ck_assert_str_eq(neighbours_of(&s), "1 2 4 5;0 2 3 5;0 1 3 4;1 2 4 5;0 2 3 5;0 1 3 4");
  s = spec_of("dumbbell", 7);
  ck_assert_str_eq(neighbours_of(&s), "1 2 3 4;0 2 3;0 1 3;0 1 2;0 5 6;4 6;4 5");
  s.bridges = 2;
  ck_assert_str_eq(neighbours_of(&s), "1 2 3 4;0 2 3 5;0 1 3;0 1 2;0 5 6;1 4 6;4 5");
  static const int64_t edge[] = {3, 1, 0, 3, 1, 3, 2, 0};
  s = spec_of("list", 4);
  s.edges = 4;
  s.edge = edge;
  ck_assert_str_eq(neighbours_of(&s), "2 3;3;0;0 1");
}
END_TEST

/* W_ij; 0 where there is no edge. */
static double weight_of(const mst_graph *g, int64_t i, int64_t j) {
  if (i == j) return mst_graph_self(g, i);
  for (int64_t k = 0; k < mst_graph_degree(g, i); k++)
    if (mst_graph_neighbours(g, i)[k] == j) return mst_graph_weights(g, i)[k];
  return 0;
}

START_TEST(weights_are_symmetric_and_doubly_stochastic) {
  for (int i = 0; mst_topology_at(i) != NULL; i++) {
    if (mst_topology_at(i)->listed) continue;
    for (int64_t n = 2; n <= 20; n++) {
      mst_topology_spec s = spec_of(mst_topology_at(i)->name, n);
      if (strcmp(s.kind, "erdos_renyi") == 0) s.probability = n < 8 ? 1 : 0.6;
      mst_graph g;
      ck_ok(mst_graph_make(&s, &g));
      for (int64_t a = 0; a < n; a++) {
        double row = 0, column = 0;
        for (int64_t b = 0; b < n; b++) {
          const double w = weight_of(&g, a, b);
          ck_assert(w == weight_of(&g, b, a) && w >= 0);
          if (w > 0 && a != b)
            ck_assert_double_eq(w, 1.0 / (1.0 + fmax((double)mst_graph_degree(&g, a),
                                                     (double)mst_graph_degree(&g, b))));
          row += w;
          column += weight_of(&g, b, a);
        }
        ck_assert_double_eq_tol(row, 1, 1e-15);
        ck_assert_double_eq_tol(column, 1, 1e-15);
        ck_assert(mst_graph_self(&g, a) > 0);
      }
      mst_graph_free(&g);
    }
  }
}
END_TEST

START_TEST(a_random_graph_is_the_seed_s_and_has_the_share_of_edges_asked_for) {
  mst_topology_spec s = spec_of("erdos_renyi", 200);
  s.probability = 0.1;
  mst_graph a, b, c;
  ck_ok(mst_graph_make(&s, &a));
  ck_ok(mst_graph_make(&s, &b));
  s.seed++;
  ck_ok(mst_graph_make(&s, &c));
  ck_assert_int_eq(a.edges, b.edges);
  ck_assert_mem_eq(a.neighbour, b.neighbour, (size_t)(2 * a.edges) * sizeof *a.neighbour);
  ck_assert(a.edges != c.edges ||
            memcmp(a.neighbour, c.neighbour, (size_t)(2 * a.edges) * sizeof *a.neighbour) != 0);
  /* 19900 pairs: mean 1990, standard deviation 42. */
  ck_assert_int_gt(a.edges, 1990 - 4 * 42);
  ck_assert_int_lt(a.edges, 1990 + 4 * 42);
  mst_graph_free(&a);
  mst_graph_free(&b);
  mst_graph_free(&c);
}
END_TEST

static void refused(const mst_topology_spec *s, const char *text) {
  mst_graph g;
  ck_refused(mst_graph_make(s, &g), MST_ERR_INPUT, text);
  mst_graph_free(&g);
}

START_TEST(graphs_that_cannot_be_are_refused_with_the_reason) {
  mst_topology_spec s = spec_of("ring", 5);
  s.kind = "rong";
  refused(&s, "ring");
  s = spec_of("ring", 0);
  refused(&s, "0 nodes");
  s = spec_of("torus", 6);
  s.rows = 4;
  refused(&s, "torus of 6 nodes");
  s = spec_of("dumbbell", 5);
  s.bridges = 3;
  refused(&s, "at most 2");
  s = spec_of("complete", 70000);
  refused(&s, "at most 65536");
  s = spec_of("erdos_renyi", 50);
  s.probability = 0.01;
  refused(&s, "topology.probability");
  s.probability = 1.5;
  refused(&s, "at most 1");
  const int64_t apart[] = {0, 1, 2, 3}, outside[] = {0, 4}, loop[] = {2, 2};
  s = spec_of("list", 4);
  s.edges = 2;
  s.edge = apart;
  refused(&s, "node 0 does not reach node 2");
  s.edges = 1;
  s.edge = outside;
  refused(&s, "between 0 and 4");
  s.edge = loop;
  refused(&s, "to itself");
}
END_TEST

START_TEST(a_failed_allocation_leaves_nothing_behind) {
  const int64_t before = mst_memory_current();
  mst_topology_spec s = spec_of("ring", 8);
  for (int64_t at = 1;; at++) {
    mst_graph g;
    mst_memory_fail_at(at);
    const mst_status status = mst_graph_make(&s, &g);
    mst_memory_fail_at(0);
    mst_graph_free(&g);
    ck_assert_int_eq(mst_memory_current(), before);
    if (status == MST_OK) break;
    ck_assert_int_eq(status, MST_ERR_MEMORY);
    ck_assert_int_lt(at, 20);
  }
}
END_TEST

static mst_graph_spectrum spectrum_of(const mst_topology_spec *s) {
  mst_graph g;
  mst_graph_spectrum found;
  ck_ok(mst_graph_make(s, &g));
  ck_ok(mst_graph_spectrum_find(&g, &found));
  ck_assert_double_eq(found.rho, fmax(fabs(found.second), fabs(found.least)));
  ck_assert_double_eq(found.gap, 1 - found.rho);
  mst_graph_free(&g);
  return found;
}

START_TEST(spectra_are_those_of_closed_forms) {
  for (int64_t n = 3; n <= 40; n++) {
    mst_topology_spec s = spec_of("ring", n);
    mst_graph_spectrum found = spectrum_of(&s);
    ck_assert_double_eq_tol(found.second, (1 + 2 * cos(2 * M_PI / (double)n)) / 3, 1e-13);
    ck_assert_double_eq_tol(found.least, (1 + 2 * cos(2 * M_PI * (double)(n / 2) / (double)n)) / 3,
                            1e-13);
    s.kind = "complete";
    found = spectrum_of(&s);
    ck_assert_double_eq_tol(found.rho, 0, 1e-13);
    s.kind = "star";
    ck_assert_double_eq_tol(spectrum_of(&s).second, 1 - 1 / (double)n, 1e-13);
  }
  /* A torus with sides of 3 and more: (1 + 2 cos a + 2 cos b) / 5. */
  mst_topology_spec s = spec_of("torus", 35);
  ck_assert_double_eq_tol(spectrum_of(&s).second, (1 + 2 * cos(2 * M_PI / 7) + 2) / 5, 1e-13);
  s = spec_of("ring", 1);
  ck_assert_double_eq(spectrum_of(&s).gap, 1);
  s = spec_of("ring", 5000);
  mst_graph g;
  mst_graph_spectrum found;
  ck_ok(mst_graph_make(&s, &g));
  ck_refused(mst_graph_spectrum_find(&g, &found), MST_ERR_INPUT, "4096");
  mst_graph_free(&g);
}
END_TEST

/* to = W from. */
static void gossip(const mst_graph *g, const double *from, double *to) {
  for (int64_t i = 0; i < g->nodes; i++) {
    to[i] = g->self[i] * from[i];
    for (int64_t e = g->first[i]; e < g->first[i + 1]; e++)
      to[i] += g->weight[e] * from[g->neighbour[e]];
  }
}

/* Length of what is left of the start (length 1, mean 0) after rounds of x <- W x, or accelerated.
 */
static double left_after(const mst_graph *g, int64_t rounds, const double *omega) {
  enum {
    NODES = 32
  };
  double x[NODES], before[NODES] = {0}, mixed[NODES], length = 0;
  /* The eigenvector of lambda_2 of a ring: the slowest. */
  for (int i = 0; i < NODES; i++) x[i] = sqrt(2.0 / NODES) * cos(2 * M_PI * i / NODES);
  for (int64_t k = 0; k < rounds; k++) {
    gossip(g, x, mixed);
    for (int i = 0; i < NODES; i++) {
      const double next =
          omega == NULL ? mixed[i] : omega[k] * mixed[i] + (1 - omega[k]) * before[i];
      before[i] = x[i];
      x[i] = next;
    }
  }
  for (int i = 0; i < NODES; i++) length += x[i] * x[i];
  return sqrt(length);
}

START_TEST(accelerated_consensus_has_the_rate_of_chebyshev_polynomials) {
  mst_topology_spec s = spec_of("ring", 32);
  const double rho = spectrum_of(&s).rho;
  mst_graph g;
  ck_ok(mst_graph_make(&s, &g));
  double omega[400];
  mst_chebyshev_weights(rho, 400, omega);
  for (int64_t k = 1; k <= 60; k += 7) {
    ck_assert_double_eq_tol(left_after(&g, k, NULL), pow(rho, (double)k), 1e-12);
    ck_assert_double_eq_tol(left_after(&g, k, omega), 1 / cosh((double)k * acosh(1 / rho)), 1e-12);
  }
  int64_t plain = 0, fast = 0;
  ck_ok(mst_gossip_rounds(rho, 1e-6, &plain));
  ck_ok(mst_chebyshev_rounds(rho, 1e-6, &fast));
  ck_assert(left_after(&g, plain, NULL) <= 1e-6 && left_after(&g, plain - 1, NULL) > 1e-6);
  ck_assert(left_after(&g, fast, omega) <= 1e-6 && left_after(&g, fast - 1, omega) > 1e-6);
  ck_assert_int_lt(8 * fast, plain); /* about sqrt(2 gap) */
  mst_graph_free(&g);
}
END_TEST

START_TEST(rounds_are_refused_where_there_is_no_rate) {
  int64_t rounds = 0;
  ck_ok(mst_gossip_rounds(0.5, 0.125, &rounds));
  ck_assert_int_eq(rounds, 3);
  ck_ok(mst_gossip_rounds(0, 0.1, &rounds));
  ck_assert_int_eq(rounds, 1);
  ck_ok(mst_chebyshev_rounds(0, 0.1, &rounds));
  ck_assert_int_eq(rounds, 1);
  ck_assert_int_eq(mst_gossip_rounds(1, 0.1, &rounds), MST_ERR_INPUT);
  ck_assert_int_eq(mst_chebyshev_rounds(NAN, 0.1, &rounds), MST_ERR_INPUT);
  ck_assert_int_eq(mst_chebyshev_rounds(0.5, 0, &rounds), MST_ERR_INPUT);
}
END_TEST

START_TEST(steps_are_their_equations) {
  const float x[] = {1, 2}, before[] = {3, -1}, g[] = {0.5F, 4}, h[] = {1, 8};
  float out[2];
  mst_step_descend_f32(2, 0.5, x, g, out);
  ck_assert(out[0] == 0.75F && out[1] == 0);
  mst_step_track_f32(2, x, g, h, out);
  ck_assert(out[0] == 0.5F && out[1] == -2);
  mst_step_d2_f32(2, 0.5, x, before, g, h, out);
  ck_assert(out[0] == -0.75F && out[1] == 7);
  mst_step_chebyshev_f32(2, 1.5, x, before, out);
  ck_assert(out[0] == 0 && out[1] == 3.5F);
  mst_step_chebyshev_f32(2, 1, x, NULL, out);
  ck_assert(out[0] == 1 && out[1] == 2);
}
END_TEST

/* Nodes with quadratics of different minima: only tracking ends at the minimum of the sum. */
START_TEST(gradient_tracking_reaches_the_common_minimum_where_descent_does_not) {
  enum {
    NODES = 6
  };
  mst_topology_spec s = spec_of("ring", NODES);
  mst_graph g;
  ck_ok(mst_graph_make(&s, &g));
  double best = 0, mass = 0, descent = 0, tracking = 0;
  for (int way = 0; way < 2; way++) {
    float x[NODES] = {0}, y[NODES], gradient[NODES];
    for (int i = 0; i < NODES; i++) y[i] = gradient[i] = -(float)((i + 1) * i);
    for (int t = 0; t < 600; t++) {
      double at[NODES], slope[NODES], moved[NODES], mixed[NODES];
      for (int i = 0; i < NODES; i++) {
        float half = 0;
        mst_step_descend_f32(1, 0.03, &x[i], way == 0 ? &gradient[i] : &y[i], &half);
        at[i] = (double)half;
        slope[i] = (double)y[i];
      }
      gossip(&g, at, moved);
      gossip(&g, slope, mixed);
      for (int i = 0; i < NODES; i++) {
        const float old = gradient[i], now = (float)mixed[i];
        x[i] = (float)moved[i];
        gradient[i] = (float)(i + 1) * (x[i] - (float)i);
        mst_step_track_f32(1, &now, &gradient[i], &old, &y[i]);
      }
    }
    for (int i = 0; i < NODES; i++) {
      if (way == 0) best += (double)((i + 1) * i);
      if (way == 0) mass += (double)(i + 1);
    }
    for (int i = 0; i < NODES; i++) {
      const double away = fabs((double)x[i] - best / mass);
      if (way == 0) descent = fmax(descent, away);
      if (way == 1) tracking = fmax(tracking, away);
    }
  }
  ck_assert_double_gt(descent, 0.05);
  ck_assert_double_lt(tracking, 1e-5);
  mst_graph_free(&g);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("topology");
  TCase *c = tcase_create("topology");
  tcase_add_test(c, neighbours_are_those_of_the_definitions);
  tcase_add_test(c, weights_are_symmetric_and_doubly_stochastic);
  tcase_add_test(c, a_random_graph_is_the_seed_s_and_has_the_share_of_edges_asked_for);
  tcase_add_test(c, graphs_that_cannot_be_are_refused_with_the_reason);
  tcase_add_test(c, a_failed_allocation_leaves_nothing_behind);
  tcase_add_test(c, spectra_are_those_of_closed_forms);
  tcase_add_test(c, accelerated_consensus_has_the_rate_of_chebyshev_polynomials);
  tcase_add_test(c, rounds_are_refused_where_there_is_no_rate);
  tcase_add_test(c, steps_are_their_equations);
  tcase_add_test(c, gradient_tracking_reaches_the_common_minimum_where_descent_does_not);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
