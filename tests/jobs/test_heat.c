/* The worst case of a grid: which keys are its axes, and what stands in each place. */
#include "jobs/report_heat.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/harness.h"

#define MOST 64

/* Runs of a robust experiment, with these accuracies. */
static mst_report_run run[MOST];
static mst_figure figure[MOST];
static char experiment[MOST][512];
static mst_heat_point point[MOST];
static int points;

static void add(const char *rule, const char *pre, const char *attack, int count, int seed,
                double accuracy) {
  char *text = experiment[points];
  int n = snprintf(text, 512, "job: federated\nseed: %d\naggregate:\n  rule: %s\n", seed, rule);
  if (pre != NULL) n += snprintf(text + n, 512 - (size_t)n, "  pre: %s\n", pre);
  snprintf(text + n, 512 - (size_t)n, "attack:\n  name: %s\n  count: %d\n", attack, count);
  figure[points] = (mst_figure){.name = "accuracy", .value = accuracy};
  run[points] = (mst_report_run){
      .path = "", .outcome = {.experiment = text, .n = 1, .figure = &figure[points]}};
  point[points] = (mst_heat_point){.run = &run[points], .label = "run"};
  points++;
}

static int place_of(const mst_heat_axis *a, const char *label) {
  for (int i = 0; i < a->n; i++)
    if (strcmp(a->label[i], label) == 0) return i;
  ck_abort_msg("no label %s", label);
}

static double worst(const mst_heat *h, const char *row, const char *column) {
  int r = row != NULL ? place_of(&h->rows, row) : h->rows.n;
  int c = column != NULL ? place_of(&h->columns, column) : h->columns.n;
  const mst_heat_place *at = mst_heat_at(h, r, c);
  return at->worst >= 0 ? at->value : (double)NAN;
}

START_TEST(rules_stand_against_attacks_and_seeds_are_what_the_worst_is_over) {
  mst_heat h;
  points = 0;
  for (int seed = 1; seed <= 2; seed++)
    for (int count = 5; count <= 10; count += 5) {
      double less = 0.01 * seed + 0.001 * count;
      add("krum", NULL, "alie", count, seed, 0.5 - less);
      add("krum", "[nnm]", "alie", count, seed, 0.8 - less);
      add("krum", NULL, "ipm", count, seed, 0.6 - less);
      add("krum", "[nnm]", "ipm", count, seed, 0.7 - less);
    }
  ck_ok(mst_heat_make(points, point, NULL, NULL, NULL, &h));
  ck_assert_int_eq(h.rows.n, 2);
  ck_assert_int_eq(h.columns.n, 4);
  ck_assert_double_eq_tol(worst(&h, "krum", "alie, 5"), 0.475, 1e-12);
  ck_assert_double_eq_tol(worst(&h, "krum, [nnm]", "ipm, 10"), 0.67, 1e-12);
  ck_assert_double_eq_tol(worst(&h, "krum, [nnm]", NULL), 0.67, 1e-12);
  ck_assert_double_eq_tol(worst(&h, NULL, "ipm, 5"), 0.575, 1e-12);
  ck_assert_double_eq_tol(worst(&h, NULL, NULL), 0.47, 1e-12);
  mst_heat_clear(&h);
}
END_TEST

START_TEST(where_counts_would_make_too_many_columns_the_worst_is_over_them) {
  mst_heat h;
  points = 0;
  for (int count = 1; count <= 10; count++) {
    add("krum", NULL, "alie", count, 1, 0.9 - 0.01 * count);
    add("median", NULL, "ipm", count, 1, 0.5 + 0.01 * count);
  }
  ck_ok(mst_heat_make(points, point, NULL, NULL, NULL, &h));
  ck_assert_int_eq(h.columns.keys, 1);
  ck_assert_int_eq(h.columns.n, 2);
  ck_assert_double_eq_tol(worst(&h, "krum", "alie"), 0.8, 1e-12);
  ck_assert_double_eq_tol(worst(&h, "median", "ipm"), 0.51, 1e-12);
  ck_assert_int_eq(mst_heat_at(&h, 0, 1)->cells, 0); /* nobody ran krum under ipm */
  mst_heat_clear(&h);
}
END_TEST

START_TEST(cells_without_a_value_are_counted_and_are_no_worst) {
  mst_heat h;
  json_t *failed = json_pack("{s:s, s:s}", "aggregate.rule", "median", "seed", "1");
  points = 0;
  add("krum", NULL, "alie", 5, 1, 0.4);
  add("krum", NULL, "alie", 5, 2, (double)NAN);
  add("median", NULL, "alie", 5, 2, 0.7);
  point[points++] = (mst_heat_point){.settings = failed};
  ck_ok(mst_heat_make(points, point, "aggregate.rule", "attack.name", NULL, &h));
  ck_assert_double_eq(worst(&h, "krum", NULL), 0.4);
  ck_assert_double_eq(worst(&h, "median", NULL), 0.7);
  ck_assert_int_eq(mst_heat_at(&h, 0, h.columns.n)->missing, 1);
  ck_assert_int_eq(mst_heat_at(&h, 1, h.columns.n)->missing, 1);
  ck_assert_int_eq(mst_heat_at(&h, 1, h.columns.n)->cells, 2);
  mst_heat_clear(&h);
  json_decref(failed);
}
END_TEST

START_TEST(the_greatest_loss_is_the_worst) {
  mst_heat h;
  points = 0;
  add("krum", NULL, "alie", 5, 1, 0.4);
  add("krum", NULL, "alie", 5, 2, 0.9);
  add("median", NULL, "ipm", 5, 2, 0.6);
  for (int i = 0; i < points; i++) strcpy(figure[i].name, "loss");
  ck_ok(mst_heat_make(points, point, NULL, NULL, NULL, &h));
  ck_assert_double_eq(worst(&h, "krum", "alie"), 0.9);
  mst_heat_clear(&h);
}
END_TEST

START_TEST(keys_and_figures_that_no_run_has_are_refused) {
  mst_heat h;
  points = 0;
  add("krum", NULL, "alie", 5, 1, 0.4);
  add("median", NULL, "ipm", 5, 2, 0.9);
  ck_refused(mst_heat_make(points, point, "aggregate.rul", NULL, NULL, &h), MST_ERR_INPUT,
             "no run has the key 'aggregate.rul'");
  mst_heat_clear(&h);
  ck_refused(mst_heat_make(points, point, NULL, NULL, "acuracy", &h), MST_ERR_INPUT,
             "no run has a figure 'acuracy'");
  mst_heat_clear(&h);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("heat");
  TCase *c = tcase_create("heat");
  tcase_add_test(c, rules_stand_against_attacks_and_seeds_are_what_the_worst_is_over);
  tcase_add_test(c, where_counts_would_make_too_many_columns_the_worst_is_over_them);
  tcase_add_test(c, cells_without_a_value_are_counted_and_are_no_worst);
  tcase_add_test(c, the_greatest_loss_is_the_worst);
  tcase_add_test(c, keys_and_figures_that_no_run_has_are_refused);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
