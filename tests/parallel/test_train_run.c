/* Runs of data-parallel training: every row once an epoch, wherever rows lie; saved state goes on with the
 * same bits on any ranks; what ends a run, and what is refused. */
#include "tests/parallel/training.h"
#include "tests/parallel/training_drawer.h"

/* Rows as the steps of two epochs take them, on the rank that does. */
static void take_epochs(fixture *f, int64_t accumulate) {
  mst_train_rows r;
  int64_t taken[2][ROWS] = {{0}}, place[2][ROWS] = {{0}};
  f->options.accumulate = accumulate;
  f->options.optimizer.batch = 64;
  f->options.block = 10;
  ck_ok(mst_train_rows_create(f->team, f->model, f->store, &f->options, &r));
  for (int epoch = 0; epoch < 2; epoch++)
    for (int64_t q = 0; q < 11 * accumulate; q++) {
      ck_ok(mst_train_rows_bring(&r, epoch, q));
      for (int64_t i = 0; i < mst_train_rows_blocks(&r, q); i++) {
        mst_batch b = mst_train_rows_block(&r, q, i);
        ck_assert_int_ge(b.n, 1);
        ck_assert_int_le(b.n, 10);
        for (int64_t k = 0; k < b.n; k++) {
          int64_t row = llround((double)b.x[k * WIDTH] * ROWS);
          ck_assert(memcmp(b.x + k * WIDTH, f->t.x + row * WIDTH, WIDTH * sizeof(float)) == 0);
          if (f->values)
            ck_assert_float_eq(b.value[k * OUTPUTS + 1], 2 * f->t.x[row * WIDTH]);
          else
            ck_assert_int_eq(b.label[k], f->t.label[row]);
          taken[epoch][row]++;
          place[epoch][row] = q / accumulate * 7 + mst_train_rows_place(&r, q, i);
        }
      }
    }
  ck_ok(mst_sum_i64(f->team, taken[0], 2 * ROWS));
  ck_ok(mst_sum_i64(f->team, place[0], 2 * ROWS));
  int64_t moved = 0;
  for (int64_t i = 0; i < ROWS; i++) {
    ck_assert_int_eq(taken[0][i], 1);
    ck_assert_int_eq(taken[1][i], 1);
    moved += place[0][i] != place[1][i];
  }
  ck_assert_int_ge(moved, ROWS / 2);
  mst_train_rows_free(&r);
}

START_TEST(an_epoch_takes_every_row_once_in_an_order_of_its_own) {
  for (int k = 0; k < 6; k++) {
    fixture f;
    begin_scaled(&f, MPI_COMM_WORLD, k % 3 != 1, k % 3 == 2 ? 2 : 0, "sgd", 1, k >= 3);
    take_epochs(&f, 1);
    take_epochs(&f, 3);
    end(&f);
  }
}
END_TEST

static bool should_stop(void *context) {
  const drawer *d = context;
  return d->stop_at > 0 && mst_team_rank(d->team) == 0;
}

static void run_through_a_drawer(int member, bool coded, bool interrupted, char *hex) {
  fixture f;
  drawer d = {.stop_at = interrupted};
  mst_observer o = {.context = &d, .on_round = on_round, .on_save = on_save,
                    .on_restore = on_restore, .should_stop = should_stop};
  mst_train *train = NULL;
  mst_digest_start(&d.r.digest);
  for (int part = interrupted ? 0 : 1; part < 2; part++) {
    begin(&f, part == 0 ? MPI_COMM_WORLD : MPI_COMM_SELF, true, 0, mst_optim_at(member)->name);
    dress(&f.options, member);
    if (coded) {
      f.options.coding = (mst_coding_spec){"cyclic", 8, 2};
      f.options.attack = (mst_attack_spec){.name = "nan", .count = 2};
    }
    d.team = f.team;
    ck_ok(mst_train_create(f.team, f.model, f.store, &f.options, &train));
    if (part == 0) {
      ck_refused(mst_train_run(train, NULL, &o), MST_ERR_INTERRUPTED, "after step 1 of 6");
      ck_assert_int_eq(d.step, 1);
      d.stop_at = 0;
    } else {
      ck_ok(mst_train_run(train, NULL, &o));
      mst_train_totals t = mst_train_figures(train);
      ck_assert_int_eq(t.rows, 2 * ROWS);
      ck_assert_int_eq(t.hostile, coded ? 12 : 0);
      mst_digest_add(&d.r.digest, &t.repeated, sizeof t.repeated);
      finish(&f, train, &d.r, hex);
    }
    mst_train_destroy(train);
    end(&f);
  }
  for (int i = 0; i < 16; i++) mst_free(d.kept[i]);
}

START_TEST(a_saved_run_goes_on_with_the_same_bits_on_another_number_of_ranks) {
  for (int m = -1; m < 0 || mst_optim_at(m) != NULL; m++) {
    const bool coded = m < 0; /* the first optimizer, with a code */
    const int member = coded ? 0 : m;
    char straight[MST_DIGEST_HEX], resumed[MST_DIGEST_HEX];
    if (mst_optim_at(member)->needs_model) continue;
    run_through_a_drawer(member, coded, false, straight);
    run_through_a_drawer(member, coded, true, resumed);
    ck_assert_msg(strcmp(straight, resumed) == 0, "%s: a resume changes the bits",
                  mst_optim_at(member)->name);
  }
}
END_TEST

START_TEST(training_lowers_the_loss_until_a_metric_is_reached) {
  fixture f;
  record r = {.reports = 0};
  mst_observer o = {.context = &r, .on_round = on_round};
  mst_train *train = NULL;
  mst_digest_start(&r.digest);
  begin(&f, MPI_COMM_WORLD, true, 0, "adamw");
  f.options.steps = 0;
  f.options.epochs = 200;
  f.options.evaluate_every = -1;
  f.options.stop.metric = "train_loss";
  f.options.stop.at = 0.3;
  ck_ok(mst_train_create(f.team, f.model, f.store, &f.options, &train));
  ck_ok(mst_train_run(train, NULL, &o));
  mst_train_totals t = mst_train_figures(train);
  ck_assert(t.stopped);
  ck_assert_int_lt(t.steps, 600);
  ck_assert_int_eq(t.steps, 3 * r.reports);
  ck_assert_int_eq(t.rows, ROWS * r.reports);
  ck_assert_double_le(t.train_loss, 0.3);
  mst_train_destroy(train);
  end(&f);
}
END_TEST

/* One row turns infinite after it was looked at; the step that takes it is known from the order. */
static void run_into_infinity(bool shared, bool overlap) {
  fixture f;
  mst_train *train = NULL;
  int64_t order[ROWS], at = 0;
  char words[64];
  begin(&f, MPI_COMM_WORLD, shared, 0, "sgd");
  f.options.overlap = overlap;
  mst_stream s = mst_stream_of(mst_key_make(f.options.seed, MST_PURPOSE_BATCH, 0, 0));
  mst_stream_permutation(&s, ROWS, order);
  while (order[at] != 600) at++;
  if (mst_clients_here(f.store, 1) && mst_team_domain_rank(f.team) == 0)
    ((float *)(uintptr_t)mst_clients_data(f.store, 1).x)[(600 - MST_BLOCK_ROWS) * WIDTH] = INFINITY;
  ck_ok(mst_team_barrier(f.team));
  ck_ok(mst_train_create(f.team, f.model, f.store, &f.options, &train));
  snprintf(words, sizeof words, "step %d of 6", (int)(at / 300) + 1);
  ck_refused(mst_train_run(train, NULL, NULL), MST_ERR_NONFINITE, words);
  ck_assert_int_eq(mst_train_figures(train).steps, at / 300);
  mst_train_destroy(train);
  end(&f);
}

START_TEST(a_gradient_that_is_not_finite_ends_the_run_and_names_the_step) {
  run_into_infinity(true, false);
  run_into_infinity(true, true); /* ranks that did not meet it have posted their sums by then */
  run_into_infinity(false, true);
}
END_TEST

START_TEST(what_cannot_be_trained_is_refused) {
  fixture f;
  mst_train *train = NULL;
  begin(&f, MPI_COMM_WORLD, true, 0, "egn");
  ck_refused(mst_train_create(f.team, f.model, f.store, &f.options, &train), MST_ERR_UNSUPPORTED,
             "no sum over blocks");
  f.options = defaults("schedule_free_sgd");
  f.options.ema = 0.9;
  ck_refused(mst_train_create(f.team, f.model, f.store, &f.options, &train), MST_ERR_INPUT,
             "an average of its own");
  f.options = defaults("sgd");
  f.options.steps = 0;
  ck_refused(mst_train_create(f.team, f.model, f.store, &f.options, &train), MST_ERR_INPUT,
             "at least 1 step or epoch");
  f.options = defaults("sgd");
  f.options.block = 0;
  ck_refused(mst_train_create(f.team, f.model, f.store, &f.options, &train), MST_ERR_INPUT,
             "at least 1");
  f.options = defaults("no such rule");
  ck_refused(mst_train_create(f.team, f.model, f.store, &f.options, &train), MST_ERR_INPUT,
             "no such rule");
  end(&f);
}
END_TEST

/* Memory that one rank lacks ends the set-up of all. */
START_TEST(one_ranks_lack_of_memory_is_everyones) {
  fixture f;
  mst_train *train = NULL;
  begin(&f, MPI_COMM_WORLD, true, 2, "lamb");
  mst_status st = MST_ERR_MEMORY;
  int refused = 0;
  for (int n = 1; st != MST_OK && n < 200; n++) {
    if (mst_team_rank(f.team) == mst_team_size(f.team) - 1) mst_memory_fail_at(n);
    st = mst_train_create(f.team, f.model, f.store, &f.options, &train);
    mst_memory_fail_at(0);
    ck_assert(st == MST_OK || st == MST_ERR_MEMORY);
    refused += st != MST_OK;
  }
  ck_assert(st == MST_OK);
  ck_assert_int_ge(refused, 10);
  mst_train_destroy(train);
  end(&f);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("train_run");
  TCase *c = tcase_create("train_run");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, an_epoch_takes_every_row_once_in_an_order_of_its_own);
  tcase_add_test(c, a_saved_run_goes_on_with_the_same_bits_on_another_number_of_ranks);
  tcase_add_test(c, training_lowers_the_loss_until_a_metric_is_reached);
  tcase_add_test(c, a_gradient_that_is_not_finite_ends_the_run_and_names_the_step);
  tcase_add_test(c, what_cannot_be_trained_is_refused);
  tcase_add_test(c, one_ranks_lack_of_memory_is_everyones);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) { return mst_test_main(argc, argv, suite()); }
