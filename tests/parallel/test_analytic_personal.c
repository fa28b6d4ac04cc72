/* Heads of clients' own: with a share of 0 they are the model, with the same bits on any number of
 * ranks, of the rows that clients learn from and nothing else, whatever the rows weigh. */
#define MST_TEST_MPI
#include "tests/harness.h"

#include "parallel/analytic_personal.h"
#include "tests/parallel/analytic_toy.h"

#define ROWS    700
#define WIDTH   90
#define CLIENTS 12
#define HOLDOUT 0.3
#define HEAD    ((WIDTH + 1) * C)

static double one[CLIENTS * HEAD], other[CLIENTS * HEAD];

/* A model of all rows, its statistics, and the rows in the clients' store. */
typedef struct personal {
  toy_run run;
  mst_head_statistics statistics;
  mst_clients *store;
  double *weight; /* by place, or NULL */
} personal;

static void deal(personal *p, toy *t, bool single) {
  const mst_partition_spec spec = {
      .name = "dirichlet", .seed = 3, .clients = CLIENTS, .alpha = 0.5};
  int32_t *client = NULL;
  int64_t clients = 0;
  mst_roster_destroy(p->run.roster);
  ck_ok(mst_alloc(&client, t->n, sizeof *client, "clients"));
  ck_ok(mst_partition_assign(&spec, t->n, t->label, t->c, NULL, client, &clients));
  ck_ok(mst_roster_create(p->run.team, t->n, client, clients, single, &p->run.roster));
  for (int64_t i = 0; i < t->n; i++) p->run.label[i] = t->label[p->run.roster->order[i]];
  mst_rows_assign(p->run.rows, p->run.roster, 1);
  mst_free(client);
}

static void start(personal *p, mst_team *team, toy *t, bool weights) {
  const mst_partition_spec spec = dirichlet(CLIENTS);
  *p = (personal){.store = NULL};
  toy_start(&p->run, team, t, &spec, mst_pipeline_sum(), 1 << 20, 1);
  deal(p, t, true);
  if (weights) {
    ck_ok(mst_alloc(&p->weight, t->n, sizeof *p->weight, "weights"));
    for (int64_t i = 0; i < t->n; i++) p->weight[i] = (double)(p->run.roster->order[i] % 3);
  }
  const mst_analytic_data data = {.rows = p->run.rows,
                                  .roster = p->run.roster,
                                  .label = p->run.label,
                                  .outputs = t->c,
                                  .weight = p->weight};
  p->run.options.statistics = &p->statistics;
  ck_ok(mst_analytic_train(team, &data, p->run.features, &p->run.pipeline, &p->run.plan,
                           &p->run.options, NULL, &p->run.model, &p->run.gram));
  mst_rows_assign(p->run.rows, p->run.roster, 1);
  ck_ok(mst_clients_create(team, p->run.rows, p->run.roster, p->run.label, p->run.features, HOLDOUT,
                           5, NULL, &p->store));
}

static void end(personal *p) {
  mst_clients_destroy(p->store);
  mst_head_statistics_free(&p->statistics);
  mst_free(p->weight);
  toy_end(&p->run);
}

static void make(personal *p, double share, mst_personal_result *r) {
  const mst_personal_options options = {.share = share,
                                        .keep = true,
                                        .classes = true,
                                        .seed = 5,
                                        .holdout = HOLDOUT,
                                        .weight = p->weight};
  ck_ok(mst_analytic_personal(p->run.team, p->store, p->run.roster, &p->statistics, &p->run.model,
                              &options, NULL, r));
}

START_TEST(a_share_of_nothing_is_the_model) {
  toy t = toy_make(ROWS, WIDTH, C);
  personal p;
  mst_personal_result r;
  start(&p, world, &t, false);
  make(&p, 0, &r);
  for (int64_t k = 0; k < r.count; k++) {
    const double *head = r.heads + k * HEAD;
    if (mst_clients_rows(p.store, r.first + k) == 0) continue;
    ck_assert_double_lt(relative_difference(head, p.run.model.weights, WIDTH * C), 1e-11);
    ck_assert_double_lt(relative_difference(head + WIDTH * C, p.run.model.intercept, C), 1e-11);
  }
  ck_assert_int_gt(r.rows, ROWS / 5);
  ck_assert_double_eq(r.global.rows, r.own.rows);
  mst_personal_result_free(&r);
  end(&p);
  toy_free(&t);
}
END_TEST

START_TEST(heads_and_scores_have_the_same_bits_on_any_number_of_ranks) {
  toy t = toy_make(ROWS, WIDTH, C);
  for (int weights = 0; weights < 2; weights++) {
    personal p;
    mst_personal_result r[2];
    start(&p, alone, &t, weights);
    make(&p, 0.6, &r[0]);
    end(&p);
    start(&p, world, &t, weights);
    make(&p, 0.6, &r[1]);
    for (int64_t k = 0; k < r[1].count; k++)
      ck_assert_mem_eq(r[1].heads + k * HEAD, r[0].heads + (r[1].first + k) * HEAD,
                       HEAD * sizeof(double));
    ck_assert_mem_eq(&r[0].own.clients, &r[1].own.clients, sizeof r[0].own.clients);
    ck_assert_mem_eq(r[0].own.each, r[1].own.each, CLIENTS * sizeof(double));
    ck_assert_double_eq(r[0].own.rows, r[1].own.rows);
    ck_assert_double_ne(r[1].own.rows, r[1].global.rows);
    end(&p);
    mst_personal_result_free(&r[0]);
    mst_personal_result_free(&r[1]);
  }
  toy_free(&t);
}
END_TEST

START_TEST(the_order_of_a_clients_rows_is_that_of_its_store) {
  toy t = toy_make(ROWS, WIDTH, C);
  personal p;
  int64_t order[ROWS];
  start(&p, world, &t, false);
  for (int64_t k = 0; k < CLIENTS; k++) {
    const int64_t first = p.run.roster->client_first[k];
    const int64_t n = p.run.roster->client_first[k + 1] - first;
    const int64_t held = mst_clients_held_rows(HOLDOUT, n);
    ck_assert_int_eq(mst_clients_rows(p.store, k), n - held);
    mst_clients_order(5, k, n, held, order);
    if (!mst_clients_here(p.store, k)) continue;
    const mst_batch rows = mst_clients_data(p.store, k);
    for (int64_t i = 0; i < n; i++) /* those held out come behind */
      ck_assert_mem_eq(rows.x + i * WIDTH, t.x + p.run.roster->order[first + order[i]] * WIDTH,
                       WIDTH * sizeof *t.x);
  }
  end(&p);
  toy_free(&t);
}
END_TEST

/* Rows that weigh nothing may be anything: the heads are those of the others. */
START_TEST(a_row_that_weighs_nothing_is_in_no_head) {
  toy t = toy_make(ROWS, WIDTH, C);
  personal p;
  mst_personal_result r;
  for (int k = 0; k < 2; k++) {
    double *to = k == 0 ? one : other;
    start(&p, alone, &t, true);
    make(&p, 0.8, &r);
    memcpy(to, r.heads, sizeof one);
    mst_personal_result_free(&r);
    end(&p);
    for (int64_t i = 3; i < ROWS; i += 3)
      for (int64_t j = 0; j < WIDTH; j++) t.x[i * WIDTH + j] *= -0.5f;
  }
  ck_assert_double_lt(relative_difference(one, other, CLIENTS * HEAD), 1e-9);
  toy_free(&t);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("analytic_personal");
  TCase *c = tcase_create("analytic_personal");
  tcase_add_unchecked_fixture(c, start_team, end_team);
  tcase_add_test(c, a_share_of_nothing_is_the_model);
  tcase_add_test(c, heads_and_scores_have_the_same_bits_on_any_number_of_ranks);
  tcase_add_test(c, the_order_of_a_clients_rows_is_that_of_its_store);
  tcase_add_test(c, a_row_that_weighs_nothing_is_in_no_head);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
