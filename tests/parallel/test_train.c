/* Data-parallel training: its bits do not depend on ranks, transport or portions, for every optimizer;
 * its steps are those of a plain loop. */
#include "tests/parallel/training.h"

static void run_with(fixture *f, char *hex) {
  record r = {.reports = 0};
  mst_observer o = {.context = &r, .on_round = on_round};
  mst_train *train = NULL;
  mst_digest_start(&r.digest);
  ck_ok(mst_train_create(f->team, f->model, f->store, &f->options, &train));
  ck_ok(mst_train_run(train, NULL, &o));
  ck_assert_int_eq(r.reports, 3);
  ck_assert_int_eq(r.step, 6);
  ck_assert(isfinite(r.last_loss));
  finish(f, train, &r, hex);
  mst_train_destroy(train);
}

static void run_digest(MPI_Comm comm, bool shared, int per_node, int member, char *hex) {
  fixture f;
  begin(&f, comm, shared, per_node, mst_optim_at(member)->name);
  dress(&f.options, member);
  f.options.overlap = member % 2 == 0;
  run_with(&f, hex);
  end(&f);
}

START_TEST(every_optimizer_has_the_same_bits_on_any_ranks_and_transport) {
  for (int m = 0; mst_optim_at(m) != NULL; m++) {
    const char *name = mst_optim_at(m)->name;
    char alone[MST_DIGEST_HEX], team[MST_DIGEST_HEX];
    if (mst_optim_at(m)->needs_model) continue;
    run_digest(MPI_COMM_SELF, true, 0, m, alone);
    run_digest(MPI_COMM_WORLD, true, 0, m, team);
    ck_assert_msg(strcmp(alone, team) == 0, "%s: shared memory changes the bits", name);
    run_digest(MPI_COMM_WORLD, false, 0, m, team);
    ck_assert_msg(strcmp(alone, team) == 0, "%s: no shared memory changes the bits", name);
    run_digest(MPI_COMM_WORLD, true, 2, m, team);
    ck_assert_msg(strcmp(alone, team) == 0, "%s: nodes of two ranks change the bits", name);
  }
}
END_TEST

START_TEST(portions_of_a_step_leave_no_trace) {
  char whole[MST_DIGEST_HEX], cut[MST_DIGEST_HEX];
  static const int64_t portions[] = {1, 2, 3, 40};
  for (int k = 0; k < 4; k++) {
    fixture f;
    begin(&f, MPI_COMM_WORLD, true, 2, "adam");
    f.options.accumulate = portions[k];
    run_with(&f, k == 0 ? whole : cut);
    if (k > 0) ck_assert_msg(strcmp(whole, cut) == 0, "%d portions", (int)portions[k]);
    end(&f);
  }
}
END_TEST

/* A share of the step's blocks for each rank, or for few; buckets that several ranks own; portions; a
 * first grid that does not fit. */
START_TEST(sums_posted_during_the_backward_pass_have_the_bits_of_those_after_it) {
  static const int64_t batch[] = {300, 60, 300}, portions[] = {1, 1, 3};
  for (int k = 0; k < 6; k++)
    for (int way = 0; way < 2; way++) {
      char hex[2][MST_DIGEST_HEX];
      int64_t repeated[2];
      for (int overlap = 0; overlap < 2; overlap++) {
        fixture f;
        mst_train *train = NULL;
        record r = {.reports = 0};
        mst_observer o = {.context = &r, .on_round = on_round};
        mst_digest_start(&r.digest);
        begin_scaled(&f, MPI_COMM_WORLD, way == 0, way == 0 && k % 2 == 1 ? 2 : 0, "sgd",
                     k < 3 ? 1.0f : 1e-9f, k >= 3);
        f.options.optimizer.batch = batch[k % 3];
        f.options.accumulate = portions[k % 3];
        f.options.overlap = overlap != 0;
        ck_ok(mst_train_create(f.team, f.model, f.store, &f.options, &train));
        ck_assert((train->posted != NULL) == (overlap && mst_team_size(f.team) > 1));
        ck_ok(mst_train_run(train, NULL, &o));
        repeated[overlap] = mst_train_figures(train).repeated;
        finish(&f, train, &r, hex[overlap]);
        mst_train_destroy(train);
        end(&f);
      }
      ck_assert_msg(strcmp(hex[0], hex[1]) == 0, "case %d, way %d: other bits", k, way);
      ck_assert_int_eq(repeated[0], repeated[1]);
      if (k >= 3) ck_assert_int_ge(repeated[1], 1);
    }
}
END_TEST

/* The same training in the plainest way: the batch's gradient at once, the whole vector's optimizer.
 * w(P) out, mean(P) the average with decay rho. */
static void plain_loop(const fixture *f, double rho, float *w, float *mean) {
  const mst_model *m = f->model;
  const mst_train_options *o = &f->options;
  int64_t n = m->parameters, batch = mst_least(o->optimizer.batch, ROWS), step = 0;
  int64_t *order = NULL, first[16] = {0};
  float *g = NULL, *x = NULL, *value = NULL;
  int32_t *label = NULL;
  mst_optim *optim = NULL;
  mst_model_work *work = NULL;
  ck_ok(mst_alloc(&order, ROWS, sizeof *order, "order"));
  ck_ok(mst_alloc(&g, n, sizeof *g, "gradient"));
  ck_ok(mst_alloc(&x, batch * WIDTH, sizeof *x, "batch"));
  ck_ok(mst_alloc(&value, batch * OUTPUTS, sizeof *value, "batch"));
  ck_ok(mst_alloc(&label, batch, sizeof *label, "batch"));
  for (int i = 0; i < m->tensors; i++) first[i] = m->tensor[i].offset;
  first[m->tensors] = n;
  mst_optim_layers layers = {.n = m->tensors, .first = first};
  ck_ok(mst_optim_create(&o->optimizer, &layers, 0, n, &optim));
  ck_ok(mst_model_work_create(m, batch, &work));
  mst_model_init(m, o->seed, 0, w);
  mst_optim_start(optim, w);
  memcpy(mean, w, (size_t)n * sizeof *w);
  for (uint64_t epoch = 0; step < o->steps; epoch++) {
    mst_stream s = mst_stream_of(mst_key_make(o->seed, MST_PURPOSE_BATCH, 0, epoch));
    mst_stream_permutation(&s, ROWS, order);
    for (int64_t at = 0; at < ROWS && step < o->steps; at += batch, step++) {
      mst_batch b = {.n = mst_least(batch, ROWS - at), .x = x};
      if (f->values) b.value = value;
      else b.label = label;
      for (int64_t i = 0; i < b.n; i++) {
        for (int64_t j = 0; j < WIDTH; j++)
          x[i * WIDTH + j] = f->scale * f->t.x[order[at + i] * WIDTH + j];
        label[i] = f->t.label[order[at + i]];
        value[i * OUTPUTS] = x[i * WIDTH];
        value[i * OUTPUTS + 1] = 2 * x[i * WIDTH];
      }
      double norm = 0, longest = o->optimizer.clip;
      mst_model_gradient(m, w, &b, work, g, NULL);
      for (int64_t i = 0; i < n; i++) norm += (double)g[i] * (double)g[i];
      norm = sqrt(norm);
      for (int64_t i = 0; i < n && longest > 0 && norm > longest; i++) g[i] *= (float)(longest / norm);
      mst_optim_step(optim, w, g,
                     o->optimizer.lr * mst_schedule_factor(&o->schedule, step, o->steps));
      for (int64_t i = 0; i < n; i++) mean[i] = (float)rho * mean[i] + (float)(1 - rho) * w[i];
    }
  }
  mst_model_work_destroy(work);
  mst_optim_destroy(optim);
  mst_free(order);
  mst_free(g);
  mst_free(x);
  mst_free(value);
  mst_free(label);
}

/* |a - b| / |b - start|: how far apart, beside how far they went. */
static double apart(const fixture *f, const float *a, const float *b) {
  int64_t n = f->model->parameters;
  float *start = NULL;
  double difference = 0, way = 0;
  ck_ok(mst_alloc(&start, n, sizeof *start, "start"));
  mst_model_init(f->model, f->options.seed, 0, start);
  for (int64_t i = 0; i < n; i++) {
    difference += pow((double)a[i] - (double)b[i], 2);
    way += pow((double)b[i] - (double)start[i], 2);
  }
  mst_free(start);
  ck_assert_double_gt(way, 0);
  return sqrt(difference / way);
}

static double compare(fixture *f, double rho, mst_train_totals *totals) {
  float *w = NULL, *mean = NULL;
  mst_train *train = NULL;
  ck_ok(mst_alloc(&w, f->model->parameters, sizeof *w, "w"));
  ck_ok(mst_alloc(&mean, f->model->parameters, sizeof *mean, "mean"));
  plain_loop(f, rho, w, mean);
  ck_ok(mst_train_create(f->team, f->model, f->store, &f->options, &train));
  ck_ok(mst_train_run(train, NULL, NULL));
  double found = apart(f, mst_train_parameters(train), f->options.ema > 0 ? mean : w);
  *totals = mst_train_figures(train);
  mst_train_destroy(train);
  mst_free(w);
  mst_free(mean);
  return found;
}

/* Over two epochs, each with a last batch of 100 rows. Optimizers that divide by the gradient's size
 * enlarge its rounding where it is small; the others stay at float32's. */
START_TEST(steps_are_those_of_a_plain_loop) {
  static const struct {
    const char *kind;
    double clip, most;
  } run[] = {{"sgd", 0, 1e-5}, {"sgd", 0.05, 1e-5}, {"adam", 0, 1e-3}, {"lars", 0, 1e-4},
             {"lamb", 0, 1e-3}, {"d_adaptation", 0, 1e-3}};
  for (int k = 0; k < 6; k++) {
    fixture f;
    mst_train_totals totals;
    begin(&f, MPI_COMM_WORLD, k % 2 == 0, 0, run[k].kind);
    f.options.optimizer.clip = run[k].clip;
    if (k == 0) f.options.optimizer.momentum = 0.9;
    if (k == 0) f.options.optimizer.nesterov = true;
    f.options.schedule = mst_schedule_defaults("linear");
    double found = compare(&f, 0, &totals);
    ck_assert_msg(found <= run[k].most, "%s: %g apart", run[k].kind, found);
    ck_assert_int_eq(totals.steps, 6);
    ck_assert_int_eq(totals.rows, 2 * ROWS);
    end(&f);
  }
}
END_TEST

START_TEST(batches_may_be_smaller_than_blocks_and_larger_than_the_rows) {
  static const int64_t batch[] = {20, 5000}, block[] = {128, 1000};
  for (int k = 0; k < 4; k++) {
    fixture f;
    mst_train_totals totals;
    begin(&f, MPI_COMM_WORLD, true, 2, "sgd");
    f.options.optimizer.batch = batch[k % 2];
    f.options.block = block[k / 2];
    ck_assert_double_le(compare(&f, 0, &totals), 1e-5);
    ck_assert_int_eq(totals.steps, 6);
    ck_assert_int_eq(totals.rows, k % 2 == 0 ? 120 : 6 * ROWS);
    end(&f);
  }
}
END_TEST

START_TEST(the_average_is_evaluated_and_keeps_its_reach_for_another_batch) {
  fixture f;
  mst_train_totals totals;
  begin(&f, MPI_COMM_WORLD, true, 0, "sgd");
  f.options.ema = 0.9;
  ck_assert_double_le(compare(&f, 0.9, &totals), 1e-5);
  f.options.ema_batch = 150; /* half of this batch: rho becomes rho^2 */
  ck_assert_double_le(compare(&f, 0.81, &totals), 1e-5);
  ck_assert_double_ge(compare(&f, 0.9, &totals), 1e-2);
  end(&f);
}
END_TEST

/* Rows and values of about 1e-9 and 1e9, and with them the gradients of a linear model: the grid
 * follows. */
START_TEST(gradients_of_any_size_are_summed_as_well) {
  static const double size[] = {1e-9, 1e9};
  for (int k = 0; k < 2; k++) {
    fixture f;
    mst_train_totals totals;
    begin_scaled(&f, MPI_COMM_WORLD, true, 0, "sgd", (float)size[k], true);
    mst_model_destroy(f.model);
    mst_model_spec spec = {.kind = "glm", .family = "linear", .init = "zero"};
    mst_row_shape shape = {.dims = 1, .size = {WIDTH}};
    ck_ok(mst_model_create(&spec, &shape, false, OUTPUTS, &f.model));
    f.options.optimizer.lr = 0.001 / fmax(size[k] * size[k], 1);
    double found = compare(&f, 0, &totals);
    ck_assert_msg(found <= 1e-5, "size %g: %g apart", size[k], found);
    ck_assert_int_eq(totals.repeated, 1);
    end(&f);
  }
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("train");
  TCase *c = tcase_create("train");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, every_optimizer_has_the_same_bits_on_any_ranks_and_transport);
  tcase_add_test(c, portions_of_a_step_leave_no_trace);
  tcase_add_test(c, sums_posted_during_the_backward_pass_have_the_bits_of_those_after_it);
  tcase_add_test(c, steps_are_those_of_a_plain_loop);
  tcase_add_test(c, batches_may_be_smaller_than_blocks_and_larger_than_the_rows);
  tcase_add_test(c, the_average_is_evaluated_and_keeps_its_reach_for_another_batch);
  tcase_add_test(c, gradients_of_any_size_are_summed_as_well);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) { return mst_test_main(argc, argv, suite()); }
