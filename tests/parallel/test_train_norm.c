/* Data-parallel training with batch norm: ghost batches and running statistics have the same bits
 * on any ranks; the statistics are the running averages that they are said to be; private steps and
 * rounds of clients are refused. */
#include "parallel/decentralised.h"
#include "parallel/federated.h"
#include "tests/parallel/training.h"

static void begin_norm(fixture *f, MPI_Comm comm, bool shared, int per_node, const char *kind) {
  mst_row_shape shape = {.dims = 1, .size = {WIDTH}};
  mst_model_spec spec = {.kind = "mlp",
                         .init = "xavier",
                         .activation = "relu",
                         .norm = "batch",
                         .ghost = 12,
                         .momentum = 0.8,
                         .hidden = {.n = 2, .value = {300, 60}}};
  begin(f, comm, shared, per_node, kind);
  mst_model_destroy(f->model);
  ck_ok(mst_model_create(&spec, &shape, true, CLASSES, &f->model));
}

static void run_with(fixture *f, char *hex) {
  record r = {.reports = 0};
  mst_observer o = {.context = &r, .on_round = on_round};
  mst_train *train = NULL;
  mst_digest_start(&r.digest);
  ck_ok(mst_train_create(f->team, f->model, f->store, &f->options, &train));
  ck_ok(mst_train_run(train, NULL, &o));
  finish(f, train, &r, hex);
  mst_train_destroy(train);
}

/* Plain steps, a clip with weight decay and the average, an optimizer's own average, a code. */
static void run_case(MPI_Comm comm, bool shared, int per_node, int k, char *hex) {
  static const char *const kind[] = {"sgd", "adam", "schedule_free_sgd", "dog", "sgd"};
  fixture f;
  begin_norm(&f, comm, shared, per_node, kind[k]);
  f.options.overlap = k % 2 == 0;
  if (k == 1) {
    f.options.optimizer.clip = 0.05;
    f.options.optimizer.weight_decay = 0.1;
    f.options.ema = 0.7;
    f.options.accumulate = 3;
  }
  if (k == 4) {
    f.options.coding = (mst_coding_spec){.kind = "repetition", .workers = 3, .adversaries = 1};
    f.options.attack = (mst_attack_spec){.name = "nan", .count = 1, .seed = 5};
    f.options.overlap = false;
  }
  run_with(&f, hex);
  end(&f);
}

START_TEST(bits_do_not_depend_on_ranks_transport_or_portions) {
  char alone[MST_DIGEST_HEX], team[MST_DIGEST_HEX];
  run_case(MPI_COMM_SELF, true, 0, _i, alone);
  run_case(MPI_COMM_WORLD, true, 0, _i, team);
  ck_assert_msg(strcmp(alone, team) == 0, "case %d: ranks change the bits", _i);
  run_case(MPI_COMM_WORLD, _i % 2 == 0, 2, _i, team);
  ck_assert_msg(strcmp(alone, team) == 0, "case %d: nodes change the bits", _i);
}
END_TEST

/* With a learning rate next to 0 the first layer's weights stay those of the start, so that the
 * mean of a unit follows from the rows alone: after an epoch of one batch of all rows, 0.2 of its
 * mean over them, after two 0.36; the variance 0.2 of its own and 0.8 of 1, ghost batches being a
 * sample of the rows each. */
START_TEST(running_statistics_are_averages_of_the_rows) {
  fixture f;
  mst_train *train = NULL;
  float *start = NULL;
  begin_norm(&f, MPI_COMM_WORLD, true, 0, "sgd");
  f.options.optimizer.batch = ROWS;
  f.options.optimizer.lr = 1e-30;
  f.options.steps = 2;
  ck_ok(mst_alloc(&start, f.model->parameters, sizeof *start, "start"));
  mst_model_init(f.model, f.options.seed, 0, start);
  ck_ok(mst_train_create(f.team, f.model, f.store, &f.options, &train));
  ck_ok(mst_train_run(train, NULL, NULL));
  const float *w = mst_train_parameters(train);
  ck_assert_str_eq(f.model->tensor[0].name, "dense1/weight");
  ck_assert_str_eq(f.model->tensor[4].name, "norm1/mean");
  ck_assert(memcmp(w, start, (size_t)f.model->tensor[0].count * sizeof *w) == 0);
  for (int unit = 0; unit < 300; unit += 7) {
    double mean = 0, square = 0;
    for (int i = 0; i < ROWS; i++) {
      double z = 0;
      for (int j = 0; j < WIDTH; j++)
        z += (double)f.t.x[i * WIDTH + j] * (double)start[j * 300 + unit];
      mean += z / ROWS;
      square += z * z / ROWS;
    }
    double variance = square - mean * mean;
    double got = (double)w[f.model->tensor[4].offset + unit];
    double spread = (double)w[f.model->tensor[5].offset + unit];
    ck_assert_msg(fabs(got - 0.36 * mean) < 1e-5 * (1 + fabs(mean)), "mean %g of %g", got, mean);
    ck_assert_msg(fabs((spread - 0.64) / 0.36 - variance) < 0.1 * variance, "variance %g of %g",
                  (spread - 0.64) / 0.36, variance);
  }
  mst_free(start);
  mst_train_destroy(train);
  end(&f);
}
END_TEST

START_TEST(an_optimizer_neither_moves_nor_sees_the_running_statistics) {
  fixture f;
  mst_train *train[2] = {NULL, NULL};
  begin_norm(&f, MPI_COMM_WORLD, true, 0, "sgd");
  f.options.steps = 1;
  for (int k = 0; k < 2; k++) { /* a step's statistics are those of the start */
    f.options.optimizer.lr = k == 0 ? 0.1 : 0.5;
    f.options.optimizer.weight_decay = k == 0 ? 0 : 0.5;
    f.options.optimizer.clip = k == 0 ? 0 : 0.01;
    ck_ok(mst_train_create(f.team, f.model, f.store, &f.options, &train[k]));
    ck_ok(mst_train_run(train[k], NULL, NULL));
  }
  const float *a = mst_train_parameters(train[0]), *b = mst_train_parameters(train[1]);
  for (int t = 0; t < f.model->tensors; t++) {
    const mst_tensor *at = &f.model->tensor[t];
    bool same = memcmp(a + at->offset, b + at->offset, (size_t)at->count * sizeof *a) == 0;
    ck_assert_msg(same == mst_tensor_runs(at), "%s", at->name);
  }
  for (int k = 0; k < 2; k++) mst_train_destroy(train[k]);
  end(&f);
}
END_TEST

/* One clipped step of plain descent at rate 1 has the length of the clip in all else. */
START_TEST(a_clip_measures_the_gradient_without_the_running_statistics) {
  fixture f;
  mst_train *train = NULL;
  float *start = NULL;
  double way = 0;
  begin_norm(&f, MPI_COMM_WORLD, true, 0, "sgd");
  f.options.steps = 1;
  f.options.optimizer.lr = 1;
  f.options.optimizer.momentum = 0;
  f.options.optimizer.clip = 0.01;
  ck_ok(mst_alloc(&start, f.model->parameters, sizeof *start, "start"));
  mst_model_init(f.model, f.options.seed, 0, start);
  ck_ok(mst_train_create(f.team, f.model, f.store, &f.options, &train));
  ck_ok(mst_train_run(train, NULL, NULL));
  const float *w = mst_train_parameters(train);
  for (int t = 0; t < f.model->tensors; t++)
    for (int64_t i = 0; i < f.model->tensor[t].count && !mst_tensor_runs(&f.model->tensor[t]); i++)
      way += pow(
          (double)w[f.model->tensor[t].offset + i] - (double)start[f.model->tensor[t].offset + i],
          2);
  ck_assert_msg(fabs(sqrt(way) - 0.01) < 1e-5, "the step is %g long", sqrt(way));
  mst_free(start);
  mst_train_destroy(train);
  end(&f);
}
END_TEST

/* An optimizer whose rate is the way from the start, one with rates of layers: how fast running
 * statistics move is nothing to the rest, up to the grid of the sums. */
START_TEST(the_way_of_running_statistics_is_no_way_of_the_parameters) {
  static const char *const kind[] = {"dog", "lamb"};
  for (int o = 0; o < 2; o++) {
    fixture f;
    mst_train *train[2] = {NULL, NULL};
    begin_norm(&f, MPI_COMM_WORLD, true, 0, kind[o]);
    for (int k = 0; k < 2; k++) {
      f.model->spec.momentum = k == 0 ? 0.1 : 0.8;
      ck_ok(mst_train_create(f.team, f.model, f.store, &f.options, &train[k]));
      ck_ok(mst_train_run(train[k], NULL, NULL));
    }
    const float *a = mst_train_parameters(train[0]), *b = mst_train_parameters(train[1]);
    for (int t = 0; t < f.model->tensors; t++)
      for (int64_t i = 0; i < f.model->tensor[t].count; i++) {
        int64_t at = f.model->tensor[t].offset + i;
        ck_assert_msg(mst_tensor_runs(&f.model->tensor[t]) || fabsf(a[at] - b[at]) < 1e-4f,
                      "%s, %s[%d]: %g and %g", kind[o], f.model->tensor[t].name, (int)i,
                      (double)a[at], (double)b[at]);
      }
    for (int k = 0; k < 2; k++) mst_train_destroy(train[k]);
    end(&f);
  }
}
END_TEST

START_TEST(an_average_of_the_parameters_shows_the_running_statistics_themselves) {
  fixture f;
  mst_train *train[2] = {NULL, NULL};
  begin_norm(&f, MPI_COMM_WORLD, true, 0, "sgd");
  for (int k = 0; k < 2; k++) {
    f.options.ema = k == 0 ? 0 : 0.7;
    ck_ok(mst_train_create(f.team, f.model, f.store, &f.options, &train[k]));
    ck_ok(mst_train_run(train[k], NULL, NULL));
  }
  const float *w = mst_train_parameters(train[0]), *mean = mst_train_parameters(train[1]);
  for (int t = 0; t < f.model->tensors; t++) {
    const mst_tensor *at = &f.model->tensor[t];
    bool same = memcmp(w + at->offset, mean + at->offset, (size_t)at->count * sizeof *w) == 0;
    ck_assert_msg(same == mst_tensor_runs(at), "%s", at->name);
  }
  for (int k = 0; k < 2; k++) mst_train_destroy(train[k]);
  end(&f);
}
END_TEST

START_TEST(other_ways_of_training_are_refused_with_the_reason) {
  fixture f;
  begin_norm(&f, MPI_COMM_SELF, true, 0, "sgd");
  ck_refused(mst_private_check_model(f.model), MST_ERR_UNSUPPORTED, "what one row changes");
  ck_refused(mst_federated_check_model(f.model), MST_ERR_UNSUPPORTED, "rounds of clients");
  ck_refused(mst_decentralised_check_model(f.model), MST_ERR_UNSUPPORTED, "decentralised");
  end(&f);
  begin(&f, MPI_COMM_SELF, true, 0, "sgd");
  ck_ok(mst_private_check_model(f.model));
  ck_ok(mst_federated_check_model(f.model));
  ck_ok(mst_decentralised_check_model(f.model));
  end(&f);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("train with batch norm");
  TCase *c = tcase_create("train with batch norm");
  tcase_set_timeout(c, 300);
  tcase_add_loop_test(c, bits_do_not_depend_on_ranks_transport_or_portions, 0, 5);
  tcase_add_test(c, running_statistics_are_averages_of_the_rows);
  tcase_add_test(c, an_optimizer_neither_moves_nor_sees_the_running_statistics);
  tcase_add_test(c, a_clip_measures_the_gradient_without_the_running_statistics);
  tcase_add_test(c, the_way_of_running_statistics_is_no_way_of_the_parameters);
  tcase_add_test(c, an_average_of_the_parameters_shows_the_running_statistics_themselves);
  tcase_add_test(c, other_ways_of_training_are_refused_with_the_reason);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
