/* Private statistics: the same noise whatever the ranks, the statistics of bounded rows below it,
 * and clients that weigh no more than they may. */
#define MST_TEST_MPI
#include "tests/harness.h"

#include "core/features/bounded.h"
#include "parallel/analytic_private.h"
#include "tests/parallel/analytic_toy.h"

enum {
  K = 300 /* directions: two tile columns with targets and ones */
};

typedef struct way {
  int64_t window, groups, panels, client_rows;
  bool resident;
  double noise;
  uint64_t secret;
} way;

static const way usual = {.window = 1 << 20, .groups = 1, .resident = true, .noise = 3, .secret = 5};

static const mst_bounded_spec bounds = {.seed = 3, .project = K, .length = 1, .constant = 0.25};

static mst_analytic_privacy privacy_of(const way *y, int64_t population) {
  return (mst_analytic_privacy){.clip = 1,
                                .target_bound = mst_adassp_class_bound(C),
                                .population = population,
                                .client_rows = y->client_rows,
                                .gram = y->noise,
                                .moments = y->noise,
                                .kind = MST_ADASSP_RIDGE,
                                .floor = 0.5,
                                .secret = mst_secret_test(y->secret)};
}

/* A run on a team; weights and intercept of the raw features into out. */
static mst_status train_to(mst_team *team, toy *t, const way *y, int64_t population, double *out) {
  toy_run r;
  mst_features *map = NULL;
  mst_partition_spec spec = dirichlet(20);
  mst_analytic_privacy privacy = privacy_of(y, population);
  toy_start(&r, team, t, &spec, mst_pipeline_sum(), y->window, y->groups);
  ck_ok(mst_bounded_create(&bounds, r.features, &map));
  ck_ok(mst_analytic_arrange(mst_team_size(team), t->n, t->d, r.roster->clients, map, t->c,
                             &r.pipeline, 0, 0, &r.plan));
  r.plan.groups = y->groups;
  r.plan.resident = y->resident;
  if (y->panels > 0) {
    r.plan.gram.panel_tiles = y->panels;
    r.plan.gram.passes = (r.plan.gram.tiles + y->panels - 1) / y->panels;
  }
  mst_analytic_data data = {.rows = r.rows, .roster = r.roster, .label = r.label, .outputs = t->c};
  mst_status st = mst_analytic_private_train(team, &data, r.features, map, &r.plan, &privacy, NULL,
                                             &r.model, &r.gram);
  if (st == MST_OK) {
    memcpy(out, r.model.weights, (size_t)(t->d * C) * sizeof *out);
    memcpy(out + t->d * C, r.model.intercept, C * sizeof *out);
  }
  mst_features_destroy(map);
  toy_end(&r);
  return st;
}

static double want[D * C + C], got[D * C + C];

START_TEST(private_statistics_have_the_same_bits_on_any_ranks_and_in_any_arrangement) {
  toy t = toy_make(N, D, C);
  for (int64_t weighed = 0; weighed < 2; weighed++) {
    way y = usual;
    y.client_rows = 40 * weighed;
    ck_ok(train_to(alone, &t, &y, N, want));
    const way other[] = {{1 << 20, 1, 0, 40 * weighed, true, 3, 5},
                         {100 * D * 4, 3, 0, 40 * weighed, false, 3, 5},
                         {1 << 20, 2, 2, 40 * weighed, false, 3, 5}};
    for (int i = 0; i < 3; i++) {
      ck_ok(train_to(world, &t, &other[i], N, got));
      ck_assert_msg(memcmp(got, want, sizeof got) == 0, "arrangement %d differs by %g", i,
                    relative_difference(got, want, D * C + C));
    }
  }
  toy_free(&t);
}
END_TEST

START_TEST(another_secret_gives_another_model) {
  toy t = toy_make(N, D, C);
  way y = usual;
  ck_ok(train_to(world, &t, &y, N, want));
  y.secret = 6;
  ck_ok(train_to(world, &t, &y, N, got));
  ck_assert_double_gt(relative_difference(got, want, D * C + C), 1e-3);
  toy_free(&t);
}
END_TEST

/* The model of bounded rows by one rank's plain arithmetic, of rows with weights. */
static void reference(toy *t, const double *weight, double floor, double *out) {
  const int64_t d = K + 1;
  mst_features_spec spec = mst_features_defaults("identity");
  mst_row_shape shape = {.dims = 1, .size = {D}};
  mst_features *inner = NULL, *map = NULL;
  float *x = NULL;
  double *a = NULL, *b = NULL, *w = NULL;
  ck_ok(mst_features_create(&spec, &shape, &inner));
  ck_ok(mst_bounded_create(&bounds, inner, &map));
  ck_ok(mst_alloc(&x, t->n * d, sizeof *x, "x"));
  ck_ok(mst_alloc(&a, d * d, sizeof *a, "a"));
  ck_ok(mst_alloc(&b, d * C, sizeof *b, "b"));
  ck_ok(mst_alloc(&w, d * C, sizeof *w, "w"));
  ck_ok(mst_features_apply(map, t->x, t->n, x));
  for (int64_t i = 0; i < t->n; i++)
    for (int64_t h = 0; h < d; h++) {
      double v = weight[i] * (double)x[i * d + h];
      for (int64_t e = 0; e <= h; e++) a[h * d + e] += v * (double)x[i * d + e];
      for (int64_t k = 0; k < C; k++)
        b[h * C + k] += v * ((double)(t->label[i] == k) - 1 / (double)C);
    }
  ck_ok(mst_ridge_solve(d, C, a, d, b, C, floor, w));
  mst_bounded_unfold(map, C, w, out, out + D * C);
  for (int k = 0; k < C; k++) out[D * C + k] += 1 / (double)C;
  mst_free(x);
  mst_free(a);
  mst_free(b);
  mst_free(w);
  mst_features_destroy(map);
  mst_features_destroy(inner);
}

/* With next to no noise the statistics are those of the bounded rows, each client's of a weight that
 * is at most what it may have. */
START_TEST(below_the_noise_are_the_statistics_of_bounded_rows_of_clients_that_weigh_their_share) {
  toy t = toy_make(N, D, C);
  double *weight = NULL;
  int64_t clients = 0, size[20] = {0};
  int32_t client[N];
  mst_partition_spec spec = dirichlet(20);
  ck_ok(mst_alloc(&weight, N, sizeof *weight, "weights"));
  ck_ok(mst_partition_assign(&spec, N, t.label, C, NULL, client, &clients));
  for (int i = 0; i < N; i++) size[client[i]]++;
  for (int64_t most = 0; most <= 30; most += 30) {
    way y = usual;
    y.noise = 1e-9;
    y.client_rows = most;
    int shortened = 0;
    for (int i = 0; i < N; i++) {
      bool over = most > 0 && size[client[i]] > most;
      shortened += over;
      weight[i] = over ? (double)most / (double)size[client[i]] : 1;
    }
    ck_assert(most == 0 || shortened > N / 4);
    reference(&t, weight, 0, want);
    ck_ok(train_to(world, &t, &y, N, got));
    ck_assert_double_lt(relative_difference(got, want, D * C + C), 1e-3);
  }
  mst_free(weight);
  toy_free(&t);
}
END_TEST

START_TEST(more_rows_than_twice_the_public_number_are_refused) {
  toy t = toy_make(200, D, C);
  ck_ok(train_to(world, &t, &usual, 100, got));
  ck_refused(train_to(world, &t, &usual, 99, got), MST_ERR_INPUT, "population");
  toy_free(&t);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("analytic_private");
  TCase *c = tcase_create("analytic_private");
  tcase_set_timeout(c, 120);
  tcase_add_unchecked_fixture(c, start_team, end_team);
  tcase_add_test(c, private_statistics_have_the_same_bits_on_any_ranks_and_in_any_arrangement);
  tcase_add_test(c, another_secret_gives_another_model);
  tcase_add_test(
      c, below_the_noise_are_the_statistics_of_bounded_rows_of_clients_that_weigh_their_share);
  tcase_add_test(c, more_rows_than_twice_the_public_number_are_refused);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
