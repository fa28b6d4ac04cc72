/* The analytic job's contract: the weights of pooled training for any partition and number of
 * clients, the same bits on any number of ranks and in any arrangement of memory. */
#define MST_TEST_MPI
#include "tests/harness.h"

#include "core/analytic/analytic.h"
#include "tests/parallel/analytic_toy.h"

/* weights and intercept of a run, in one array of D C + C. */
static void train_to(mst_team *team, toy *t, const mst_partition_spec *spec, mst_pipeline pipeline,
                     int64_t window, int64_t groups, int64_t panel_tiles, bool resident,
                     double *out) {
  toy_run r;
  toy_start(&r, team, t, spec, pipeline, window, groups);
  r.plan.resident = resident;
  if (panel_tiles > 0) {
    r.plan.gram.panel_tiles = panel_tiles;
    r.plan.gram.passes = (r.plan.gram.tiles + panel_tiles - 1) / panel_tiles;
  }
  ck_ok(toy_train(&r, t));
  memcpy(out, r.model.weights, (size_t)(D * C) * sizeof *out);
  memcpy(out + D * C, r.model.intercept, C * sizeof *out);
  toy_end(&r);
}

static double pooled[D * C + C], got[D * C + C], other[D * C + C];

START_TEST(weights_are_those_of_pooled_training_for_every_partition_and_client_count) {
  toy t = toy_make(N, D, C);
  toy_reference(&t, 0.5, pooled, pooled + D * C);
  const int64_t clients[] = {1, 10, 100, 1000, 5000};
  for (int i = 0; i < 5; i++) {
    const mst_partition_spec spec[] = {
        dirichlet(clients[i]),
        {.name = "iid", .seed = 3, .clients = clients[i]},
        {.name = "shards", .seed = 3, .clients = clients[i], .classes = 4},
        {.name = "quantity", .seed = 3, .clients = clients[i], .alpha = 0.1}};
    for (int k = 0; k < 4; k++) {
      train_to(world, &t, &spec[k], mst_pipeline_sum(), 1 << 20, 1, 0, true, got);
      double difference = relative_difference(got, pooled, D * C + C);
      ck_assert_msg(difference < 1e-11, "%s, K = %d: relative difference %g", spec[k].name,
                    (int)clients[i], difference);
    }
  }
  toy_free(&t);
}
END_TEST

START_TEST(bits_do_not_depend_on_ranks_windows_groups_panels_or_kept_features) {
  toy t = toy_make(N, D, C);
  mst_partition_spec spec = dirichlet(50);
  train_to(alone, &t, &spec, mst_pipeline_sum(), 1 << 20, 1, 0, true, pooled);
  const struct {
    int64_t window, groups, panels;
    bool resident;
  } way[] = {{1 << 20, 1, 0, true},
             {20 * D * 4, 1, 0, true},
             {100 * D * 4, 3, 0, false},
             {1 << 20, 2, 2, false},
             {1 << 20, 1, 2, true}};
  for (int i = 0; i < 5; i++) {
    train_to(world, &t, &spec, mst_pipeline_sum(), way[i].window, way[i].groups, way[i].panels,
             way[i].resident, got);
    ck_assert_msg(memcmp(got, pooled, sizeof got) == 0, "arrangement %d differs by %g", i,
                  relative_difference(got, pooled, D * C + C));
  }
  toy_free(&t);
}
END_TEST

/* A stage that looks at every contribution and leaves it alone, counting in its data. */
static mst_status look(const mst_stage *stage, int64_t client, int64_t round, int64_t n,
                       double *vector) {
  (void)round;
  (void)n;
  (void)vector;
  ((int64_t *)stage->data)[client]++;
  return MST_OK;
}

START_TEST(single_contributions_pass_the_stages_once_a_client_and_give_the_same_model) {
  toy t = toy_make(N, D, C);
  int64_t seen[40] = {0};
  mst_partition_spec spec = {.name = "iid", .seed = 3, .clients = 40};
  mst_stage stage = {.name = "look",
                     .slot = MST_SLOT_CLIP,
                     .traits = MST_TRAIT_SINGLE,
                     .apply = look,
                     .data = seen};
  mst_pipeline pipeline = mst_pipeline_sum();
  ck_ok(mst_pipeline_put(&pipeline, &stage));
  train_to(world, &t, &spec, pipeline, 1 << 20, 1, 0, true, got);
  MPI_Allreduce(MPI_IN_PLACE, seen, 40, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  for (int k = 0; k < 40; k++) ck_assert_int_eq(seen[k], 1);
  train_to(world, &t, &spec, mst_pipeline_sum(), 1 << 20, 1, 0, true, other);
  ck_assert_double_lt(relative_difference(got, other, D * C + C), 1e-12);
  train_to(alone, &t, &spec, pipeline, 1 << 20, 1, 0, true, other);
  ck_assert_msg(memcmp(got, other, sizeof got) == 0,
                "bits of single contributions follow the ranks");
  toy_free(&t);
}
END_TEST

START_TEST(the_pairwise_law_gives_the_same_weights) {
  toy t = toy_make(400, 30, C);
  toy_run r;
  usual_start(&r, &t, 20);
  r.options.bias = r.options.standardize = false;
  r.options.ridge = 0;
  ck_ok(toy_train(&r, &t));
  mst_aa_model sum = {0};
  for (int64_t k = 0; k < r.roster->clients; k++) {
    int64_t first = r.roster->client_first[k], n = r.roster->client_first[k + 1] - first;
    double *x = NULL, *y = NULL;
    mst_aa_model one;
    ck_ok(mst_alloc(&x, n * 30, sizeof *x, "x"));
    ck_ok(mst_alloc(&y, n * C, sizeof *y, "y"));
    for (int64_t i = 0; i < n; i++) {
      int64_t row = r.roster->order[first + i];
      for (int64_t q = 0; q < 30; q++) x[i * 30 + q] = (double)t.x[row * 30 + q];
      y[i * C + t.label[row]] = 1;
    }
    ck_ok(mst_aa_local(n, 30, C, x, y, 1.0, k == 0 ? &sum : &one));
    if (k > 0) {
      ck_ok(mst_aa_fold(&sum, &one));
      mst_aa_free(&one);
    }
    mst_free(x);
    mst_free(y);
  }
  ck_ok(mst_aa_remove_regulariser(&sum, r.roster->clients, 1.0));
  ck_assert_double_lt(relative_difference(r.model.weights, sum.weights, 30 * C), 1e-9);
  mst_aa_free(&sum);
  toy_end(&r);
  toy_free(&t);
}
END_TEST

START_TEST(stages_that_would_not_be_applied_are_refused) {
  toy t = toy_make(200, 20, C);
  mst_partition_spec spec = dirichlet(10);
  int64_t seen[10] = {0};
  const mst_stage stage[] = {
      {.name = "hide",
       .slot = MST_SLOT_MASK,
       .traits = MST_TRAIT_HIDES,
       .apply = look,
       .data = seen},
      {.name = "quiet", .slot = MST_SLOT_NOISE, .apply = look, .data = seen}};
  for (int k = 0; k < 2; k++) {
    mst_pipeline pipeline = mst_pipeline_sum();
    toy_run r;
    ck_ok(mst_pipeline_put(&pipeline, &stage[k]));
    toy_start(&r, world, &t, &spec, pipeline, 1 << 20, 1);
    ck_refused(toy_train(&r, &t), MST_ERR_UNSUPPORTED, stage[k].name);
    toy_end(&r);
  }
  toy_free(&t);
}
END_TEST

static mst_status spoil(const mst_stage *stage, int64_t client, int64_t round, int64_t n,
                        double *vector) {
  (void)stage;
  (void)round;
  if (client == 3) vector[n / 2] = NAN;
  return MST_OK;
}

START_TEST(a_stage_that_spoils_a_contribution_is_named_by_its_client) {
  toy t = toy_make(200, 20, C);
  mst_partition_spec spec = {.name = "iid", .seed = 3, .clients = 10};
  mst_stage stage = {
      .name = "spoil", .slot = MST_SLOT_CLIP, .traits = MST_TRAIT_SINGLE, .apply = spoil};
  mst_pipeline pipeline = mst_pipeline_sum();
  toy_run r;
  ck_ok(mst_pipeline_put(&pipeline, &stage));
  toy_start(&r, world, &t, &spec, pipeline, 1 << 20, 1);
  ck_refused(toy_train(&r, &t), MST_ERR_NONFINITE, "client 3");
  toy_end(&r);
  toy_free(&t);
}
END_TEST

START_TEST(non_finite_rows_are_found_and_left_out) {
  toy t = toy_make(N, 10, C);
  t.x[3 * 10 + 2] = NAN;
  t.x[(N - 1) * 10] = INFINITY;
  mst_row_reader reader = {.context = &t, .rows = N, .row_elements = 10, .read = toy_read};
  mst_row_store *rows = NULL;
  int64_t first = 0;
  for (int i = 0; i < 2; i++) { /* in one window, and in many */
    ck_ok(mst_rows_create(world, &reader, i == 0 ? 1 << 20 : 40 * 7, &rows));
    ck_assert_int_eq(mst_rows_nonfinite(rows, &first), 2);
    ck_assert_int_eq(first, 3);
    ck_assert_int_eq(mst_rows_kept(rows), N - 2);
    ck_assert_int_eq(mst_rows_dataset_row(rows, 2), 2);
    ck_assert_int_eq(mst_rows_dataset_row(rows, 3), 4);
    ck_assert_int_eq(mst_rows_dataset_row(rows, N - 3), N - 2);
    float sample[3 * 10] = {0};
    int64_t index[] = {2, 3, N - 3};
    ck_ok(mst_rows_sample(rows, 3, index, 0, sample));
    if (mst_team_rank(world) == 0) {
      ck_assert(memcmp(sample, t.x + 2 * 10, 10 * sizeof(float)) == 0);
      ck_assert(memcmp(sample + 10, t.x + 4 * 10, 10 * sizeof(float)) == 0);
      ck_assert(memcmp(sample + 20, t.x + (N - 2) * 10, 10 * sizeof(float)) == 0);
    }
    mst_rows_destroy(rows);
  }
  toy_free(&t);
}
END_TEST

/* A source whose reader fails on the last rank only. */
static mst_status read_and_fail(void *context, int64_t first, int64_t count, float *x,
                                float *value) {
  int rank, size;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (rank == size - 1) return mst_fail(MST_ERR_IO, "the disk is gone");
  return toy_read(context, first, count, x, value);
}

START_TEST(a_reader_that_fails_on_one_rank_ends_all_alike) {
  toy t = toy_make(N, 10, C);
  mst_row_reader reader = {.context = &t, .rows = N, .row_elements = 10, .read = read_and_fail};
  mst_row_store *rows = NULL;
  ck_refused(mst_rows_create(world, &reader, 1 << 20, &rows), MST_ERR_IO, "the disk is gone");
  toy_free(&t);
}
END_TEST

START_TEST(rosters_that_differ_are_found_out) {
  if (mst_team_size(world) == 1) return;
  toy t = toy_make(N, 10, C);
  mst_partition_spec spec = dirichlet(10);
  if (mst_team_rank(world) == 0) spec.seed = 99;
  toy_run r;
  toy_start(&r, world, &t, &spec, mst_pipeline_sum(), 1 << 20, 1);
  const float *x = NULL, *value = NULL;
  /* Shares of the sequence agree, rows do not: some places get two rows and others none. */
  r.roster->rank_block[1] -= mst_team_rank(world) == 0 && r.roster->rank_block[1] > 0;
  ck_refused(mst_rows_load(r.rows, 0, &x, &value), MST_ERR_INTERNAL, "rosters differ");
  toy_end(&r);
  toy_free(&t);
}
END_TEST

START_TEST(an_allocation_that_fails_on_one_rank_ends_all_alike) {
  toy t = toy_make(N, D, C);
  for (int64_t at = 1; at <= 25; at += 3) {
    toy_run r;
    usual_start(&r, &t, 10);
    if (mst_team_rank(world) == 0) mst_memory_fail_at(at);
    mst_status st = toy_train(&r, &t);
    mst_memory_fail_at(0);
    int own = (int)st, lowest = own, highest = own;
    MPI_Allreduce(&own, &lowest, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    MPI_Allreduce(&own, &highest, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    ck_assert_int_eq(lowest, highest);
    ck_assert(st == MST_OK || st == MST_ERR_MEMORY);
    toy_end(&r);
  }
  toy_free(&t);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("analytic");
  TCase *c = tcase_create("analytic");
  tcase_add_unchecked_fixture(c, start_team, end_team);
  tcase_add_test(c, weights_are_those_of_pooled_training_for_every_partition_and_client_count);
  tcase_add_test(c, bits_do_not_depend_on_ranks_windows_groups_panels_or_kept_features);
  tcase_add_test(c, single_contributions_pass_the_stages_once_a_client_and_give_the_same_model);
  tcase_add_test(c, the_pairwise_law_gives_the_same_weights);
  tcase_add_test(c, stages_that_would_not_be_applied_are_refused);
  tcase_add_test(c, a_stage_that_spoils_a_contribution_is_named_by_its_client);
  tcase_add_test(c, non_finite_rows_are_found_and_left_out);
  tcase_add_test(c, a_reader_that_fails_on_one_rank_ends_all_alike);
  tcase_add_test(c, rosters_that_differ_are_found_out);
  tcase_add_test(c, an_allocation_that_fails_on_one_rank_ends_all_alike);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
