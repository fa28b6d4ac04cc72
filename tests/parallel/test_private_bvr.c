/* Private steps with local ones of workers who take turns: the points are those of the method where
 * nothing is cut and no noise added; every release has its noise; one digest on any ranks and after
 * a resume. And what runs end with: a random point or the mean, or an estimate that is short. */
#include "tests/parallel/private_differences.h"

#define WORKERS 7 /* of about 100 rows */

/* Gradients at steps 0 and 6, differences of all rows at step 3. */
static const mst_estimator_spec local = {.name = "diff2_bvr",
                                         .period = 2,
                                         .smoothness = 1,
                                         .share = 0.5,
                                         .local_share = 0.5,
                                         .workers = WORKERS,
                                         .local_steps = 3,
                                         .rows = 40,
                                         .seed = 5};

static setting locally(void) {
  setting s = plain;
  s.method = local;
  s.steps = 8;
  return s;
}

START_TEST(local_steps_and_what_runs_end_with_have_the_same_bits_on_any_ranks) {
  for (int k = 0; k < 3; k++) {
    setting s = locally();
    s.hardened = k == 1;
    s.steps = k == 1 ? 3 : 8;
    s.output = k == 2 ? MST_PRIVATE_AVERAGE : MST_PRIVATE_LAST;
    outcome o[2] = {learn(MPI_COMM_SELF, true, 0, &s), learn(MPI_COMM_WORLD, true, 2, &s)};
    for (int i = 0; i < 2; i++) ck_ok(o[i].st);
    ck_assert_msg(strcmp(o[0].hex, o[1].hex) == 0, "%d: other bits", k);
    for (int i = 0; i < 2; i++) forget(&o[i]);
  }
}
END_TEST

/* sum(n) += sign times the gradients of the listed rows at w. */
static void add_gradients(const fixture *f, mst_model_work *work, const float *w, int64_t rows,
                          const int64_t *row, double sign, double *sum) {
  float *g = NULL;
  ck_ok(mst_alloc(&g, f->model->parameters, sizeof *g, "g"));
  for (int64_t i = 0; i < rows; i++) {
    mst_batch b = {.n = 1, .x = f->t.x + row[i] * WIDTH, .label = f->t.label + row[i]};
    mst_model_gradient(f->model, w, &b, work, g, NULL);
    for (int64_t j = 0; j < f->model->parameters; j++) sum[j] += sign * (double)g[j];
  }
  mst_free(g);
}

/* The method by its definition. Differences of local steps are from the point and to the estimate
 * of the step before, over a sample; where rounds begin, of the round before, over all rows. */
static void follow(const setting *s, float *w, double *v) {
  fixture f;
  mst_model_work *work = NULL;
  mst_estimator *e = NULL;
  const mst_sampler_spec sampling = {.kind = "full", .population = ROWS};
  const mst_secret secret = mst_secret_test(1);
  static int64_t row[ROWS];
  double *sum = NULL, *estimate[2] = {NULL};
  float *point[2] = {NULL};
  begin(&f, MPI_COMM_SELF, true, 0, "sgd");
  const int64_t n = f.model->parameters;
  ck_ok(mst_estimator_create(&s->method, &sampling, s->steps, &e));
  ck_ok(mst_model_work_create(f.model, 1, &work));
  ck_ok(mst_alloc(&sum, n, sizeof *sum, "sum"));
  for (int k = 0; k < 2; k++) {
    ck_ok(mst_alloc(&estimate[k], n, sizeof *estimate[k], "estimate"));
    ck_ok(mst_alloc(&point[k], n, sizeof *point[k], "point"));
  }
  mst_model_init(f.model, f.options.seed, 0, w);
  for (int64_t step = 0; step < s->steps; step++) {
    const bool here = step % s->method.local_steps > 0;
    const bool whole = !here && step / s->method.local_steps % s->method.period == 0;
    const mst_release r = mst_estimator_release(e, step);
    mst_sampler *sampler = mst_estimator_sample(e, &r, &secret, step);
    const int64_t rows = mst_sampler_take(sampler, 0, ROWS, row);
    if (here)
      ck_assert(rows > 10 && rows < 80);
    else
      ck_assert_int_eq(rows, ROWS);
    memset(sum, 0, (size_t)n * sizeof *sum);
    add_gradients(&f, work, w, rows, row, 1, sum);
    if (!whole) add_gradients(&f, work, point[here], rows, row, -1, sum);
    for (int64_t i = 0; i < n; i++) {
      v[i] = sum[i] / (double)(here ? s->method.rows : ROWS) + (whole ? 0 : estimate[here][i]);
      estimate[1][i] = v[i];
      point[1][i] = w[i];
      if (!here) estimate[0][i] = v[i], point[0][i] = w[i];
      w[i] -= (float)s->lr * (float)v[i];
    }
  }
  for (int k = 0; k < 2; k++) {
    mst_free(estimate[k]);
    mst_free(point[k]);
  }
  mst_free(sum);
  mst_model_work_destroy(work);
  mst_estimator_destroy(e);
  end(&f);
}

START_TEST(without_cuts_and_noise_the_steps_are_those_of_the_method) {
  setting s = locally();
  s.method.smoothness = 1e6;
  s.clip = 1e3;
  s.noise = 0;
  s.lr = 0.5;
  outcome o = learn(MPI_COMM_WORLD, true, 0, &s);
  ck_ok(o.st);
  float *w = NULL;
  double *v = NULL, *gap = NULL, *moved = NULL;
  ck_ok(mst_alloc(&w, o.n, sizeof *w, "w"));
  ck_ok(mst_alloc(&v, o.n, sizeof *v, "v"));
  ck_ok(mst_alloc(&gap, o.n, sizeof *gap, "gap"));
  ck_ok(mst_alloc(&moved, o.n, sizeof *moved, "moved"));
  follow(&s, w, v);
  ck_assert_double_lt(length(o.n, o.v, v), 1e-4 * length(o.n, v, NULL));
  setting none = s;
  none.lr = 1e-60;
  outcome began = learn(MPI_COMM_WORLD, true, 0, &none);
  for (int64_t i = 0; i < o.n; i++) {
    gap[i] = (double)o.w[i] - (double)w[i];
    moved[i] = (double)w[i] - (double)began.w[i];
  }
  ck_assert_double_lt(length(o.n, gap, NULL), 1e-4 * length(o.n, moved, NULL));
  mst_free(w);
  mst_free(v);
  mst_free(gap);
  mst_free(moved);
  forget(&began);
  forget(&o);
}
END_TEST

/* So much noise that no row is anything beside it: one expected of a worker's rows, or all 700.
 * What an estimate gains in a step is noise of the bound L |w - u|, of its own in every step. */
START_TEST(every_local_step_has_noise_of_its_own_of_how_far_it_went) {
  for (int hardened = 0; hardened < 2; hardened++) {
    setting s = locally();
    const int steps = hardened ? 2 : 4;
    outcome o[4];
    double *gain[4];
    s.method.rows = 1;
    s.method.smoothness = 3;
    s.hardened = hardened;
    s.noise = 1000;
    s.lr = 1e-3;
    for (int k = 0; k < steps; k++) {
      s.steps = k + 1;
      o[k] = learn(MPI_COMM_WORLD, true, 0, &s);
      ck_ok(o[k].st);
      ck_ok(mst_alloc(&gain[k], o[k].n, sizeof *gain[k], "gain"));
    }
    const int64_t n = o[0].n;
    for (int k = 1; k < steps; k++) { /* the fourth step begins a round: from the first */
      const int from = k == 3 ? 0 : k - 1;
      const double rows = k == 3 ? ROWS : 1;
      double square = 0;
      for (int64_t i = 0; i < n; i++) {
        double apart = 0;
        for (int j = from; j < k; j++) apart += s.lr * o[j].v[i];
        square += apart * apart;
        gain[k][i] = o[k].v[i] - o[from].v[i];
      }
      const double noise = s.noise * s.method.smoothness * sqrt(square) / rows;
      const double ratio = length(n, gain[k], NULL) / sqrt((double)n) / noise;
      ck_assert_msg(ratio > 0.97 && ratio < 1.03, "%d, step %d: %g of what it must be", hardened, k,
                    ratio);
    }
    for (int k = 1; k < steps; k++) {
      for (int j = 1; j < k; j++) {
        double both = 0;
        for (int64_t i = 0; i < n; i++) both += gain[j][i] * gain[k][i];
        both /= length(n, gain[j], NULL) * length(n, gain[k], NULL);
        ck_assert_msg(fabs(both) < 5 / sqrt((double)n),
                      "%d: the noise of steps %d and %d hangs together", hardened, j, k);
      }
    }
    for (int k = 0; k < steps; k++) {
      mst_free(gain[k]);
      forget(&o[k]);
    }
  }
}
END_TEST

static void empty(drawer *d) {
  for (int i = 0; i < 16; i++) mst_free(d->kept[i]);
  *d = (drawer){.step = 0};
}

START_TEST(a_run_that_was_broken_off_among_local_steps_goes_on_with_the_same_bits) {
  drawer d = {.step = 0};
  setting s = locally();
  s.output = MST_PRIVATE_AVERAGE;
  outcome straight = learn(MPI_COMM_WORLD, true, 0, &s);
  ck_ok(straight.st);
  s.drawer = &d;
  s.every = 5;
  s.broken = 5;
  outcome first = learn(MPI_COMM_WORLD, true, 0, &s);
  ck_assert_int_eq(first.st, MST_ERR_BUDGET);
  ck_assert_int_eq(d.step, 5);
  s.broken = 0;
  s.charged = 5;
  outcome rest = learn(MPI_COMM_WORLD, true, 0, &s);
  ck_ok(rest.st);
  ck_assert_int_eq(rest.c.n, 3);
  ck_assert(memcmp(rest.w, straight.w, (size_t)rest.n * sizeof *rest.w) == 0);
  ck_assert(memcmp(rest.v, straight.v, (size_t)rest.n * sizeof *rest.v) == 0);
  empty(&d);
  forget(&straight);
  forget(&first);
  forget(&rest);
}
END_TEST

START_TEST(lost_local_steps_are_not_taken_again_and_a_bare_start_waits_for_gradients) {
  drawer d = {.step = 0};
  setting s = locally();
  s.drawer = &d;
  s.every = 4;
  s.broken = 5;
  outcome first = learn(MPI_COMM_WORLD, true, 0, &s);
  ck_assert_int_eq(d.step, 4);
  s.broken = 0;
  s.charged = 5;
  s.secret = 2; /* deals the rows to the workers anew */
  outcome rest = learn(MPI_COMM_WORLD, true, 0, &s);
  ck_ok(rest.st);
  ck_assert_int_eq(rest.totals.repeated, 1);
  ck_assert_int_eq(rest.c.n, 3);
  empty(&d);
  forget(&first);
  forget(&rest);
  s = locally();
  s.charged = 2;
  rest = learn(MPI_COMM_WORLD, true, 0, &s);
  ck_ok(rest.st);
  ck_assert_int_eq(rest.totals.repeated, 6);
  ck_assert_int_eq(rest.c.n, 6); /* charged all the same */
  forget(&rest);
}
END_TEST

START_TEST(a_random_point_is_one_of_the_run_and_the_mean_is_of_all) {
  enum {
    LENGTH = 5
  };
  outcome at[LENGTH];
  setting s = locally();
  const int64_t chosen = mst_private_kept_step(5, LENGTH);
  for (int k = 0; k < LENGTH; k++) {
    s.steps = k > 0 ? k : 1;
    s.lr = k > 0 ? plain.lr : 1e-60; /* where it begins */
    at[k] = learn(MPI_COMM_WORLD, true, 0, &s);
  }
  s.steps = LENGTH;
  s.output = MST_PRIVATE_RANDOM;
  outcome random = learn(MPI_COMM_WORLD, true, 0, &s);
  s.output = MST_PRIVATE_AVERAGE;
  outcome mean = learn(MPI_COMM_WORLD, true, 0, &s);
  ck_ok(random.st);
  ck_ok(mean.st);
  for (int64_t i = 0; i < random.n; i++) {
    double all = 0;
    for (int k = 0; k < LENGTH; k++) all += (double)at[k].w[i] / LENGTH;
    ck_assert_double_eq_tol((double)mean.w[i], all, 1e-6);
  }
  for (int k = 0; k < LENGTH; k++)
    ck_assert_int_eq(memcmp(random.w, at[k].w, (size_t)random.n * sizeof *random.w) == 0,
                     k == chosen);
  for (int k = 0; k < LENGTH; k++) forget(&at[k]);
  forget(&random);
  forget(&mean);
}
END_TEST

START_TEST(the_point_that_is_kept_is_uniform) {
  enum {
    SEEDS = 6000,
    LENGTH = 6
  };
  int64_t times[LENGTH] = {0};
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    const int64_t step = mst_private_kept_step(seed, LENGTH);
    ck_assert(step >= 0 && step < LENGTH);
    times[step]++;
  }
  double square = 0; /* chi^2 of 5: above 30 once in 68,000 times */
  for (int k = 0; k < LENGTH; k++)
    square += pow((double)times[k] - SEEDS / LENGTH, 2) / (SEEDS / LENGTH);
  ck_assert_double_lt(square, 30);
}
END_TEST

/* Of the noisy estimate: the same threshold ends a run without noise at once, and none with much.
 */
START_TEST(a_short_estimate_ends_a_run_along_trees_where_it_is) {
  setting s = plain;
  s.method = (mst_estimator_spec){.name = "tree_spider", .depth = 2, .smoothness = 1, .stop = 2};
  s.steps = 4;
  s.noise = 0;
  s.lr = 0.01;
  outcome ended = learn(MPI_COMM_WORLD, true, 0, &s);
  ck_ok(ended.st);
  ck_assert(ended.totals.stopped);
  ck_assert_int_eq(ended.totals.steps, 1);
  ck_assert_int_eq(ended.c.n, 1);
  s.method.stop = 0;
  s.lr = 1e-60;
  outcome began = learn(MPI_COMM_WORLD, true, 0, &s);
  ck_assert(!began.totals.stopped);
  ck_assert_int_eq(began.totals.steps, 4);
  ck_assert(memcmp(ended.w, began.w, (size_t)began.n * sizeof *began.w) == 0);
  s.method.stop = 2;
  s.noise = 1000;
  outcome noisy = learn(MPI_COMM_WORLD, true, 0, &s);
  ck_ok(noisy.st);
  ck_assert_int_eq(noisy.totals.steps, 4);
  forget(&ended);
  forget(&began);
  forget(&noisy);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("private_bvr");
  TCase *c = tcase_create("private_bvr");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, local_steps_and_what_runs_end_with_have_the_same_bits_on_any_ranks);
  tcase_add_test(c, without_cuts_and_noise_the_steps_are_those_of_the_method);
  tcase_add_test(c, every_local_step_has_noise_of_its_own_of_how_far_it_went);
  tcase_add_test(c, a_run_that_was_broken_off_among_local_steps_goes_on_with_the_same_bits);
  tcase_add_test(c, lost_local_steps_are_not_taken_again_and_a_bare_start_waits_for_gradients);
  tcase_add_test(c, a_random_point_is_one_of_the_run_and_the_mean_is_of_all);
  tcase_add_test(c, the_point_that_is_kept_is_uniform);
  tcase_add_test(c, a_short_estimate_ends_a_run_along_trees_where_it_is);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
