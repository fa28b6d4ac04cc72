/* Depth: the sums that follow the layers are those of the features that the layers make, the
 * training loss falls with every layer, and neither ranks nor memory nor an interruption show in a
 * bit. */
#define MST_TEST_MPI
#include "tests/harness.h"

#include "core/features/residual.h"
#include "parallel/analytic_depth.h"
#include "tests/parallel/analytic_toy.h"

#define ROWS    900
#define COLUMNS 24
#define WIDTH   32
#define DEPTH   3
#define MOST    (WIDTH * C + C)

/* What an observer of a training saw and kept. */
typedef struct watcher {
  int rounds, saves, stops_after; /* stops_after: rounds; 0: never */
  int64_t saved_round;
  bool restores;
  double loss[DEPTH + 1];
  int64_t bytes[4]; /* uplink, downlink, layer_uplink, layer_downlink */
  unsigned char kept[1 << 16];
} watcher;

static mst_status on_round(void *context, int64_t round, int n, const mst_metric *metrics) {
  watcher *w = context;
  ck_assert_int_le(round, DEPTH + 1);
  for (int i = 0; i < n; i++)
    if (strcmp(metrics[i].name, "train_loss") == 0) w->loss[round - 1] = metrics[i].value;
  w->rounds++;
  return MST_OK;
}

static mst_status on_bytes(void *context, int64_t round, const char *direction, int64_t bytes,
                           int64_t messages) {
  static const char *const names[] = {"uplink", "downlink", "layer_uplink", "layer_downlink"};
  watcher *w = context;
  (void)round;
  (void)messages;
  for (int i = 0; i < 4; i++)
    if (strcmp(direction, names[i]) == 0) w->bytes[i] += bytes;
  return MST_OK;
}

static int64_t move_state(const mst_state *state, unsigned char *kept, bool back) {
  int64_t at = 0;
  for (int i = 0; i < state->n; i++) {
    const int64_t n =
        mst_state_local_elements(&state->item[i]) * mst_dtype_size(state->item[i].type);
    ck_assert_int_le(at + n, 1 << 16);
    memcpy(back ? state->item[i].data : kept + at, back ? kept + at : state->item[i].data,
           (size_t)n);
    at += n;
  }
  return at;
}

static mst_status on_save(void *context, int64_t round, const mst_state *state) {
  watcher *w = context;
  w->saves++;
  w->saved_round = round;
  move_state(state, w->kept, false);
  return MST_OK;
}

static mst_status on_restore(void *context, mst_state *state, int64_t *round) {
  watcher *w = context;
  *round = w->restores ? w->saved_round : 0;
  if (w->restores) move_state(state, w->kept, true);
  return MST_OK;
}

static bool should_stop(void *context) {
  const watcher *w = context;
  return w->stops_after > 0 && w->rounds >= w->stops_after;
}

typedef struct setting {
  mst_team *team;
  int64_t clients, groups;
  bool random, kept;
  double layer_ridge;
} setting;

static const setting usual_setting = {
    .clients = 40, .groups = 1, .random = true, .kept = true, .layer_ridge = 0.01};

typedef struct outcome {
  double w[MOST];
  float layers[DEPTH * WIDTH * C];
  double train_loss, again_loss; /* of the last head; of one trained on the finished map */
  double again[MOST];
} outcome;

static outcome first, second;

/* Train a toy; with `again`, the plain job on the finished map too. */
static mst_status train(const setting *s, watcher *w, bool again, outcome *out) {
  toy t = toy_make(ROWS, COLUMNS, C);
  const mst_partition_spec spec = dirichlet(s->clients);
  const mst_residual_spec residual = {.seed = 4, .outputs = C, .depth = DEPTH, .width = WIDTH,
                                      .random = s->random, .activation = "gelu"};
  const mst_observer o = {.context = w, .on_round = on_round, .on_bytes = on_bytes,
                          .on_save = on_save, .on_restore = on_restore,
                          .should_stop = should_stop};
  mst_depth_plan plan;
  mst_analytic_score score;
  toy_run r;
  toy_start(&r, s->team, &t, &spec, mst_pipeline_sum(), 1 << 20, s->groups);
  mst_features *map = NULL;
  mst_status st = mst_residual_create(&residual, r.features, &map);
  st = mst_team_agree(s->team, st);
  if (st == MST_OK) {
    r.features = map;
    ck_ok(mst_depth_arrange(mst_team_size(s->team), ROWS, COLUMNS, s->clients, 0, map, C, 0, 0,
                            &plan));
    ck_assert(plan.head.resident && plan.hidden);
    plan.head.groups = s->groups;
    plan.head.resident = s->kept;
    plan.hidden = s->kept;
    const mst_analytic_data data = {
        .rows = r.rows, .roster = r.roster, .label = r.label, .outputs = C};
    const mst_depth_options options = {.head = r.options, .layer_ridge = s->layer_ridge};
    st = mst_depth_train(s->team, &data, NULL, map, &plan, &options, &o, &r.model, &r.gram,
                         &score, NULL);
  } else {
    mst_features_destroy(map);
  }
  if (st == MST_OK) {
    const int64_t n = map->width * C;
    memcpy(out->w, r.model.weights, (size_t)n * sizeof *out->w);
    memcpy(out->w + n, r.model.intercept, C * sizeof *out->w);
    memcpy(out->layers, mst_residual_weights(map, 0), (size_t)(DEPTH * n) * sizeof *out->layers);
    out->train_loss = r.model.train_loss;
  }
  if (st == MST_OK && again) {
    mst_analytic_model_free(&r.model);
    mst_rows_release(r.rows);
    ck_ok(mst_analytic_arrange(mst_team_size(s->team), ROWS, COLUMNS, s->clients, map, C,
                               &r.pipeline, 0, 0, &r.plan));
    r.plan.groups = s->groups;
    if (s->groups > 1) r.plan.resident = false;
    st = toy_train(&r, &t);
    if (st == MST_OK) {
      const int64_t n = map->width * C;
      memcpy(out->again, r.model.weights, (size_t)n * sizeof *out->again);
      memcpy(out->again + n, r.model.intercept, C * sizeof *out->again);
      out->again_loss = r.model.train_loss;
    }
  }
  toy_end(&r);
  toy_free(&t);
  return st;
}

static void check_same(const outcome *a, const outcome *b, bool random) {
  const int64_t n = (random ? WIDTH : COLUMNS) * C;
  ck_assert_mem_eq(a->w, b->w, (size_t)(n + C) * sizeof *a->w);
  ck_assert_mem_eq(a->layers, b->layers, (size_t)(DEPTH * n) * sizeof *a->layers);
}

START_TEST(sums_that_follow_the_layers_are_those_of_the_finished_features) {
  for (int random = 0; random < 2; random++) {
    setting s = usual_setting;
    watcher w = {.saves = 0};
    s.team = world;
    s.random = random == 1;
    ck_ok(train(&s, &w, true, &first));
    const int64_t n = (random == 1 ? WIDTH : COLUMNS) * C + C;
    ck_assert_double_lt(relative_difference(first.w, first.again, n), 1e-5);
    ck_assert_double_eq_tol(first.train_loss, first.again_loss, 1e-8);
  }
}
END_TEST

START_TEST(the_training_loss_falls_with_every_layer_and_a_large_ridge_makes_layers_nothing) {
  setting s = usual_setting;
  watcher w = {.saves = 0}, stiff = {.saves = 0};
  s.team = world;
  ck_ok(train(&s, &w, false, &first));
  ck_assert_int_eq(w.rounds, DEPTH + 1);
  for (int t = 0; t < DEPTH; t++) ck_assert_double_lt(w.loss[t + 1], 0.99 * w.loss[t]);
  s.layer_ridge = 1e12;
  ck_ok(train(&s, &stiff, false, &second));
  ck_assert_double_eq(stiff.loss[0], w.loss[0]);
  ck_assert_double_eq_tol(stiff.loss[DEPTH], w.loss[0], 1e-6);
}
END_TEST

START_TEST(the_bits_do_not_depend_on_ranks_groups_or_what_is_kept) {
  for (int random = 0; random < 2; random++) {
    setting s = usual_setting;
    watcher w = {.saves = 0};
    s.random = random == 1;
    s.team = alone;
    ck_ok(train(&s, &w, false, &first));
    s.team = world;
    ck_ok(train(&s, &w, false, &second));
    check_same(&first, &second, s.random);
    s.kept = false;
    s.groups = 2;
    ck_ok(train(&s, &w, false, &second));
    check_same(&first, &second, s.random);
  }
}
END_TEST

START_TEST(the_partition_shows_in_the_last_digits_alone) {
  setting s = usual_setting;
  watcher w = {.saves = 0};
  s.team = world;
  ck_ok(train(&s, &w, false, &first));
  s.clients = 1;
  ck_ok(train(&s, &w, false, &second));
  ck_assert_double_lt(relative_difference(first.w, second.w, WIDTH * C), 1e-4);
  ck_assert_double_eq_tol(first.train_loss, second.train_loss, 1e-7);
}
END_TEST

START_TEST(an_interrupted_training_goes_on_with_the_same_bits) {
  setting s = usual_setting;
  watcher w = {.saves = 0};
  s.team = world;
  ck_ok(train(&s, &w, false, &first));
  for (int after = 1; after <= DEPTH; after += DEPTH - 1) {
    watcher cut = {.stops_after = after};
    ck_refused(train(&s, &cut, false, &second), MST_ERR_INTERRUPTED, "--resume goes on");
    ck_assert_int_eq(cut.saves, 1);
    ck_assert_int_eq(cut.saved_round, after);
    cut.stops_after = 0;
    cut.restores = true;
    ck_ok(train(&s, &cut, false, &second));
    check_same(&first, &second, true);
    ck_assert_int_eq(cut.rounds, DEPTH + 1); /* every head is told of once */
    ck_assert_mem_eq(cut.bytes, w.bytes, sizeof w.bytes);
    ck_assert_mem_eq(cut.loss, w.loss, sizeof w.loss);
  }
}
END_TEST

START_TEST(bytes_are_those_of_the_sums_that_are_sent) {
  setting s = usual_setting;
  watcher w = {.saves = 0};
  s.team = world;
  ck_ok(train(&s, &w, false, &first));
  const int64_t n = WIDTH + C + 1, k = 40;
  ck_assert_int_eq(w.bytes[0], k * 8 * (n * (n + 1) / 2 + DEPTH * (C * n + C * (C + 1) / 2)));
  ck_assert_int_eq(w.bytes[1], k * (DEPTH + 1) * 8 * (WIDTH + 1) * C);
  ck_assert_int_eq(w.bytes[2], DEPTH * (k * 8 * (n * (n + 1) / 2) + 4 * (WIDTH + C)));
  ck_assert_int_eq(w.bytes[3], k * DEPTH * (4 * (WIDTH + 1) * C + 4 * (WIDTH + C)));
}
END_TEST

START_TEST(rows_with_weights_are_refused) {
  const mst_features_spec spec = mst_features_defaults("identity");
  const mst_row_shape shape = {.dims = 1, .size = {3}};
  const mst_residual_spec residual = {.seed = 4, .outputs = C, .depth = 1, .width = 5,
                                      .activation = "gelu"};
  const double weight = 2;
  const mst_analytic_data data = {.outputs = C, .weight = &weight};
  mst_features *inner = NULL, *map = NULL;
  mst_analytic_model model;
  mst_gram_result gram;
  mst_depth_plan plan = {.hidden = false};
  mst_analytic_score score;
  mst_depth_options options = {.layer_ridge = 1};
  ck_ok(mst_features_create(&spec, &shape, &inner));
  ck_ok(mst_residual_create(&residual, inner, &map));
  ck_refused(mst_depth_train(world, &data, NULL, map, &plan, &options, NULL, &model, &gram,
                             &score, NULL),
             MST_ERR_UNSUPPORTED, "count alike");
  mst_features_destroy(map);
}
END_TEST

START_TEST(memory_missing_on_one_rank_ends_the_training_on_all) {
  setting s = usual_setting;
  watcher w = {.saves = 0};
  s.team = world;
  ck_ok(train(&s, &w, false, &first));
  const int64_t held = mst_memory_current();
  int64_t failed = 0;
  for (int64_t at = 30; at < 400; at += 53) { /* what comes earlier belongs to the toy */
    toy t = toy_make(ROWS, COLUMNS, C);
    const mst_partition_spec spec = dirichlet(40);
    const mst_residual_spec residual = {.seed = 4, .outputs = C, .depth = DEPTH, .width = WIDTH,
                                        .random = true, .activation = "gelu"};
    mst_depth_plan plan;
    mst_analytic_score score;
    toy_run r;
    toy_start(&r, world, &t, &spec, mst_pipeline_sum(), 1 << 20, 1);
    mst_features *map = NULL;
    ck_ok(mst_residual_create(&residual, r.features, &map));
    r.features = map;
    ck_ok(mst_depth_arrange(mst_team_size(world), ROWS, COLUMNS, 40, 0, map, C, 0, 0, &plan));
    const mst_analytic_data data = {
        .rows = r.rows, .roster = r.roster, .label = r.label, .outputs = C};
    const mst_depth_options options = {.head = r.options, .layer_ridge = 0.01};
    if (mst_team_rank(world) == mst_team_size(world) - 1) mst_memory_fail_at(at - 29);
    mst_status st =
        mst_depth_train(world, &data, NULL, map, &plan, &options, NULL, &r.model, &r.gram,
                        &score, NULL);
    mst_memory_fail_at(0);
    ck_assert(st == MST_OK || st == MST_ERR_MEMORY);
    failed += st == MST_ERR_MEMORY;
    toy_end(&r);
    toy_free(&t);
    ck_assert_int_le(mst_memory_current(), held);
  }
  ck_assert_int_gt(failed, 2);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("depth of the analytic job");
  TCase *c = tcase_create("depth");
  tcase_add_unchecked_fixture(c, start_team, end_team);
  tcase_add_test(c, sums_that_follow_the_layers_are_those_of_the_finished_features);
  tcase_add_test(c, the_training_loss_falls_with_every_layer_and_a_large_ridge_makes_layers_nothing);
  tcase_add_test(c, the_bits_do_not_depend_on_ranks_groups_or_what_is_kept);
  tcase_add_test(c, the_partition_shows_in_the_last_digits_alone);
  tcase_add_test(c, an_interrupted_training_goes_on_with_the_same_bits);
  tcase_add_test(c, bytes_are_those_of_the_sums_that_are_sent);
  tcase_add_test(c, rows_with_weights_are_refused);
  tcase_add_test(c, memory_missing_on_one_rank_ends_the_training_on_all);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  mst_blas_init();
  return mst_test_main(argc, argv, suite());
}
