/* The round loop: its bits do not depend on ranks or transport, for every method; a round is the
 * mean of what the clients do alone; saved state goes on as if nothing had happened. */
#define MST_TEST_MPI
#include "tests/parallel/federation.h"

static void run_digest(MPI_Comm comm, bool shared, int per_node, const char *method, bool staged,
                       char *hex) {
  fixture f;
  record r = {.rounds = 0};
  mst_observer o = {.context = &r, .on_round = on_round};
  mst_federated *loop = NULL;
  begin(&f, comm, shared, per_node, method);
  if (staged) ck_ok(mst_pipeline_put(&f.pipeline, &whole));
  mst_digest_start(&r.digest);
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  ck_ok(mst_federated_run(loop, &no_test, &o));
  ck_assert_int_eq(r.rounds, 4);
  finish(&f, loop, &r, hex);
  mst_federated_destroy(loop);
  end(&f);
}

START_TEST(every_method_has_the_same_bits_on_any_ranks_and_transport) {
  for (int m = 0; mst_method_at(m) != NULL; m++) {
    const char *name = mst_method_at(m)->name;
    char alone[MST_DIGEST_HEX], team[MST_DIGEST_HEX];
    run_digest(MPI_COMM_SELF, true, 0, name, false, alone);
    run_digest(MPI_COMM_WORLD, true, 0, name, false, team);
    ck_assert_msg(strcmp(alone, team) == 0, "%s: shared memory changes the bits", name);
    run_digest(MPI_COMM_WORLD, false, 0, name, false, team);
    ck_assert_msg(strcmp(alone, team) == 0, "%s: no shared memory changes the bits", name);
    run_digest(MPI_COMM_WORLD, true, 2, name, m % 2 == 0, team);
    ck_assert_msg(strcmp(alone, team) == 0, "%s: nodes of two ranks change the bits", name);
  }
}
END_TEST

/* FedAvg's first round is the mean of the cohort's deltas, computed client by client. */
START_TEST(a_round_is_the_mean_of_what_the_clients_do_alone) {
  for (int weighted = 0; weighted < 2; weighted++) {
    fixture f;
    mst_federated *loop = NULL;
    begin(&f, MPI_COMM_SELF, true, 0, "fedavg");
    f.options.rounds = 1;
    f.options.cohort = 0;
    f.options.bernoulli = true;
    f.options.participation = 1;
    f.options.method.weighted = weighted;
    int64_t n = f.model->parameters, with_rows = 0;
    ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
    float *start = NULL, *up = NULL;
    double *sum = NULL, weight = 0;
    ck_ok(mst_alloc(&start, n, sizeof *start, "start"));
    ck_ok(mst_alloc(&up, n, sizeof *up, "up"));
    ck_ok(mst_alloc(&sum, n, sizeof *sum, "sum"));
    memcpy(start, mst_federated_parameters(loop), (size_t)n * sizeof *start);
    mst_client_trainer *trainer = NULL;
    ck_ok(mst_client_trainer_create(f.model, &f.options.method, &f.options.optimizer, 8, &trainer));
    for (int64_t k = 0; k < CLIENTS; k++) {
      mst_batch rows = mst_clients_data(f.clients, k);
      if (rows.n == 0) continue;
      mst_local_spec spec = {.epochs = 2, .batch = 8, .lr = 0.05, .seed = 11,
                             .frozen = n, .clip = f.options.optimizer.clip,
                             .weight_decay = f.options.optimizer.weight_decay};
      mst_local_result result;
      float *parts[MST_METHOD_VECTORS] = {up};
      double scalar[4];
      ck_ok(mst_client_train(trainer, &spec, k, 0, &rows, start, NULL, NULL, parts, scalar,
                             &result));
      double w = weighted ? (double)rows.n : 1;
      for (int64_t i = 0; i < n; i++) sum[i] += w * (double)up[i];
      weight += w;
      with_rows++;
    }
    ck_ok(mst_federated_run(loop, &no_test, NULL));
    ck_assert_int_eq(mst_federated_figures(loop).contributions, with_rows);
    double worst = 0;
    for (int64_t i = 0; i < n; i++)
      worst = fmax(worst, fabs((double)mst_federated_parameters(loop)[i] -
                               ((double)start[i] + sum[i] / weight)));
    ck_assert_double_le(worst, 1e-7);
    mst_client_trainer_destroy(trainer);
    mst_free(start);
    mst_free(up);
    mst_free(sum);
    mst_federated_destroy(loop);
    end(&f);
  }
}
END_TEST

static void run_method(const char *method, bool interrupted, char *hex) {
  fixture f;
  begin(&f, MPI_COMM_WORLD, true, 0, method);
  run_through_a_drawer(&f, interrupted, hex);
  end(&f);
}

START_TEST(a_saved_run_goes_on_with_the_same_bits) {
  for (int m = 0; mst_method_at(m) != NULL; m++) {
    char straight[MST_DIGEST_HEX], resumed[MST_DIGEST_HEX];
    run_method(mst_method_at(m)->name, false, straight);
    run_method(mst_method_at(m)->name, true, resumed);
    ck_assert_msg(strcmp(straight, resumed) == 0, "%s: a resume changes the bits",
                  mst_method_at(m)->name);
  }
}
END_TEST

START_TEST(training_lowers_the_loss) {
  fixture f;
  record r = {.rounds = 0};
  mst_observer o = {.context = &r, .on_round = on_round};
  mst_federated *loop = NULL;
  double first = 0;
  mst_digest_start(&r.digest);
  begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
  f.options.rounds = 1;
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  ck_ok(mst_federated_run(loop, NULL, &o));
  first = r.last_loss;
  mst_federated_destroy(loop);
  f.options.rounds = 30;
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  ck_ok(mst_federated_run(loop, NULL, &o));
  ck_assert_double_lt(r.last_loss, 0.5 * first);
  mst_federated_destroy(loop);
  end(&f);
}
END_TEST

/* One client's rows are so large that its update overflows. */
/* With the momentum at the peak as low as the schedule says, each round's steps are others. */
START_TEST(a_cycle_turns_the_momentum_of_the_clients) {
  char hex[2][MST_DIGEST_HEX];
  for (int k = 0; k < 2; k++) {
    fixture f;
    record r = {.rounds = 0};
    mst_observer o = {.context = &r, .on_round = on_round};
    mst_federated *loop = NULL;
    mst_digest_start(&r.digest);
    begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
    f.options.optimizer.momentum = 0.9;
    f.options.schedule = mst_schedule_defaults("one_cycle");
    f.options.schedule.low = k == 0 ? 0.85 : 0.3;
    ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
    ck_ok(mst_federated_run(loop, &no_test, &o));
    finish(&f, loop, &r, hex[k]);
    mst_federated_destroy(loop);
    end(&f);
  }
  ck_assert_str_ne(hex[0], hex[1]);
}
END_TEST

START_TEST(a_diverging_client_is_excluded_and_counted) {
  fixture f;
  mst_federated *loop = NULL;
  begin(&f, MPI_COMM_WORLD, true, 0, "scaffold");
  f.options.cohort = 0;
  f.options.bernoulli = true;
  f.options.participation = 1;
  f.options.rounds = 2;
  f.options.optimizer.clip = 0;
  int64_t victim = -1, others = 0;
  for (int64_t k = 0; k < CLIENTS; k++) {
    if (mst_clients_rows(f.clients, k) == 0) continue;
    if (victim < 0) victim = k;
    else others++;
  }
  if (mst_clients_here(f.clients, victim)) {
    mst_batch b = mst_clients_data(f.clients, victim);
    float *x = (float *)(uintptr_t)b.x;
    if (mst_team_domain_rank(f.team) == 0)
      for (int64_t i = 0; i < b.n * WIDTH; i++) x[i] *= 1e25f;
  }
  ck_ok(mst_team_barrier(f.team));
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  ck_ok(mst_federated_run(loop, &no_test, NULL));
  mst_federated_totals t = mst_federated_figures(loop);
  ck_assert_int_eq(t.excluded, 2);
  ck_assert_int_eq(t.contributions, 2 * others);
  int64_t bad = 0;
  for (int64_t i = 0; i < f.model->parameters; i++)
    bad += !isfinite(mst_federated_parameters(loop)[i]);
  ck_assert_int_eq(bad, 0);
  mst_federated_destroy(loop);
  end(&f);
}
END_TEST

START_TEST(a_cohort_of_only_diverging_clients_ends_the_run) {
  fixture f;
  mst_federated *loop = NULL;
  begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
  f.options.optimizer.lr = 1e30;
  f.options.optimizer.clip = 0;
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  ck_refused(mst_federated_run(loop, &no_test, NULL), MST_ERR_NONFINITE, "all 9 clients");
  mst_federated_destroy(loop);
  end(&f);
}
END_TEST

START_TEST(a_cohort_larger_than_the_clients_with_rows_is_refused) {
  fixture f;
  mst_federated *loop = NULL;
  begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
  f.options.cohort = CLIENTS + 1;
  ck_refused(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop),
             MST_ERR_INPUT, "24 clients cannot be drawn");
  f.options = defaults("fedavg");
  f.options.method.name = "fedavgg";
  ck_refused(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop),
             MST_ERR_INPUT, "fedavgg");
  end(&f);
}
END_TEST

START_TEST(a_reached_metric_ends_the_run) {
  fixture f;
  mst_federated *loop = NULL;
  begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
  f.options.rounds = 50;
  f.options.stop.metric = "client_accuracy_mean";
  f.options.stop.at = 0.6;
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  ck_ok(mst_federated_run(loop, &no_test, NULL));
  mst_federated_totals t = mst_federated_figures(loop);
  ck_assert(t.stopped);
  ck_assert_int_lt(t.rounds, 50);
  ck_assert_double_ge(t.client_mean, 0.6);
  ck_assert_double_ge(t.client_mean, t.client_worst);
  mst_federated_destroy(loop);
  end(&f);
}
END_TEST

/* On one node every client is here, so every rank can add up what the loop added over ranks. */
START_TEST(the_gradient_norm_is_that_of_the_mean_loss_over_all_rows) {
  fixture f;
  mst_federated *loop = NULL;
  mst_model_work *work = NULL;
  float *g = NULL;
  double *sum = NULL, square = 0;
  begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
  const int64_t n = f.model->parameters;
  ck_ok(mst_alloc(&g, n, sizeof *g, "gradient"));
  ck_ok(mst_alloc(&sum, n, sizeof *sum, "sum"));
  ck_ok(mst_model_work_create(f.model, ROWS, &work));
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  ck_ok(mst_federated_run(loop, &no_test, NULL));
  for (int64_t k = 0; k < CLIENTS; k++) {
    const mst_batch rows = mst_clients_data(f.clients, k);
    if (rows.n == 0) continue;
    mst_model_gradient(f.model, mst_federated_parameters(loop), &rows, work, g, NULL);
    for (int64_t i = 0; i < n; i++) sum[i] += (double)g[i] * (double)rows.n / ROWS;
  }
  for (int64_t i = 0; i < n; i++) square += sum[i] * sum[i];
  ck_assert_double_gt(square, 0);
  ck_assert_double_eq_tol(mst_federated_figures(loop).gradient_norm / sqrt(square), 1, 1e-6);
  mst_federated_destroy(loop);
  mst_model_work_destroy(work);
  mst_free(sum);
  mst_free(g);
  end(&f);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("federated");
  TCase *c = tcase_create("federated");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, every_method_has_the_same_bits_on_any_ranks_and_transport);
  tcase_add_test(c, a_round_is_the_mean_of_what_the_clients_do_alone);
  tcase_add_test(c, a_saved_run_goes_on_with_the_same_bits);
  tcase_add_test(c, training_lowers_the_loss);
  tcase_add_test(c, a_cycle_turns_the_momentum_of_the_clients);
  tcase_add_test(c, a_diverging_client_is_excluded_and_counted);
  tcase_add_test(c, a_cohort_of_only_diverging_clients_ends_the_run);
  tcase_add_test(c, a_cohort_larger_than_the_clients_with_rows_is_refused);
  tcase_add_test(c, a_reached_metric_ends_the_run);
  tcase_add_test(c, the_gradient_norm_is_that_of_the_mean_loss_over_all_rows);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) { return mst_test_main(argc, argv, suite()); }
