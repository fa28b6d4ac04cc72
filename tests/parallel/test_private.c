/* Private steps: one draw of noise whatever the ranks, clipping before any sum, a public divisor,
 * and nothing that a row alone can bring down. */
#include "tests/parallel/training.h"

#include "parallel/private.h"
#include "parallel/private_internal.h"

enum {
  STEPS = 5
};

typedef struct taken {
  int64_t step[64], n;
  int64_t refuse; /* the step at which the budget ends; -1: none */
} taken;

static mst_status note_charge(void *context, int64_t step) {
  taken *t = context;
  if (step == t->refuse) return mst_fail(MST_ERR_BUDGET, "the budget is spent at %d", (int)step);
  t->step[t->n++] = step;
  return MST_OK;
}

/* One private training and what it leaves: its parameters, and the last step's noisy sum. */
typedef struct outcome {
  mst_status st;
  int64_t n;
  float *w;
  double *sum;
  double expected, clip; /* clip: the next step's, where it moves */
  taken t;
  mst_train_totals totals;
  char hex[MST_DIGEST_HEX];
} outcome;

typedef struct setting {
  const char *kind;
  double rate;
  int64_t batch, population, steps, charged, refuse;
  double clip, sigma;
  bool hardened, spoil; /* spoil: row 3 is made NaN, row 600 huge */
  uint64_t secret;
  const char *noise;   /* how the steps' hangs together; NULL: not at all */
  bool restart;        /* with every cycle; else groups are kept          */
  double quantile, lr; /* of an adaptive clip; of the optimizer, 0: its own */
  double most;         /* of an adaptive clip                               */
} setting;

static const setting plain = {.kind = "poisson",
                              .batch = 200,
                              .population = ROWS,
                              .steps = STEPS,
                              .refuse = -1,
                              .clip = 0.5,
                              .sigma = 0.8,
                              .secret = 1,
                              .most = 100};

static void spoil_rows(fixture *f) {
  static const int64_t row[2] = {3, 600};
  static const float bad[2] = {NAN, 3e38F};
  ck_ok(mst_team_barrier(f->team));
  for (int i = 0; i < 2; i++) {
    int64_t piece = row[i] / MST_BLOCK_ROWS;
    if (!mst_clients_here(f->store, piece)) continue;
    float *x = (float *)(uintptr_t)mst_clients_data(f->store, piece).x;
    x[row[i] % MST_BLOCK_ROWS * WIDTH + 2] = bad[i];
  }
  ck_ok(mst_team_barrier(f->team));
}

static outcome learn(MPI_Comm comm, bool shared, int per_node, setting s) {
  fixture f;
  outcome o = {.n = 0};
  mst_train *train = NULL;
  record r = {.reports = 0};
  int64_t bytes[64];
  begin(&f, comm, shared, per_node, "sgd");
  if (s.spoil) spoil_rows(&f);
  mst_sampler_spec spec = {.kind = s.kind,
                           .rate = s.rate,
                           .batch = s.batch,
                           .population = s.population,
                           .kept = s.noise != NULL && !s.restart};
  mst_correlation_spec correlated = {
      .kind = s.noise, .restart = s.restart, .bands = 3, .coefficients = "optimised"};
  mst_correlation *correlation = NULL;
  mst_private_options p = {.secret = mst_secret_test(s.secret),
                           .clip = s.clip,
                           .sigma = s.sigma,
                           .hardened = s.hardened,
                           .charge = note_charge,
                           .context = &o.t,
                           .charged = s.charged};
  ck_ok(mst_sampler_create(&spec, &p.sampler));
  if (s.noise != NULL) ck_ok(mst_correlation_create(&correlated, p.sampler, s.steps, &correlation));
  p.correlation = correlation;
  if (s.quantile > 0)
    p.adaptive = (mst_private_clip_spec){
        .quantile = s.quantile, .rate = 0.5, .count_noise = s.sigma, .most = s.most};
  if (s.lr > 0) f.options.optimizer.lr = s.lr;
  o.t.refuse = s.refuse;
  o.expected = mst_sampler_expected(p.sampler);
  f.options.privacy = &p;
  f.options.optimizer.momentum = 0.9;
  f.options.steps = s.steps;
  mst_observer observer = {.context = &r, .on_round = on_round};
  mst_digest_start(&r.digest);
  ck_ok(mst_train_create(f.team, f.model, f.store, &f.options, &train));
  o.st = mst_train_run(train, NULL, &observer);
  o.n = f.model->parameters;
  ck_ok(mst_alloc(&o.w, o.n, sizeof *o.w, "w"));
  ck_ok(mst_alloc(&o.sum, o.n, sizeof *o.sum, "sum"));
  memcpy(o.w, mst_train_parameters(train), (size_t)o.n * sizeof *o.w);
  for (int k = 0; k < mst_team_size(f.team); k++)
    bytes[k] = train->count[k] * (int64_t)sizeof *o.sum;
  ck_ok(mst_gather_all(f.team, train->wide, bytes, o.sum));
  o.totals = mst_train_figures(train);
  o.clip = train->privacy->adaptive.now;
  finish(&f, train, &r, o.hex);
  mst_train_destroy(train);
  mst_correlation_destroy(correlation);
  mst_sampler_destroy(p.sampler);
  end(&f);
  return o;
}

static void forget(outcome *o) {
  mst_free(o->w);
  mst_free(o->sum);
}

static double variance(const outcome *o) {
  double square = 0;
  for (int64_t i = 0; i < o->n; i++) square += o->sum[i] * o->sum[i];
  return square / (double)o->n;
}

static double distance(const double *a, const double *b, int64_t n) {
  double d = 0, size = 0;
  for (int64_t i = 0; i < n; i++) {
    d += pow(a[i] - b[i], 2);
    size += pow(b[i], 2);
  }
  ck_assert_double_gt(size, 0);
  return sqrt(d / size);
}

START_TEST(private_training_has_the_same_bits_on_any_ranks_and_transport) {
  static const char *const kind[] = {"poisson", "fixed", "full", "cyclic"};
  for (int k = 0; k < 5; k++) {
    setting s = plain;
    s.kind = kind[k % 4];
    s.hardened = k == 4;
    s.steps = 2;
    int ways = k % 4 == 0 ? 4 : 2; /* how sums travel does not know the sampler */
    outcome o[4] = {learn(MPI_COMM_SELF, true, 0, s), learn(MPI_COMM_WORLD, true, 2, s)};
    if (ways > 2) o[2] = learn(MPI_COMM_WORLD, false, 0, s);
    if (ways > 2) o[3] = learn(MPI_COMM_WORLD, true, 0, s);
    for (int i = 0; i < ways; i++) {
      ck_ok(o[i].st);
      ck_assert_msg(strcmp(o[i].hex, o[0].hex) == 0, "%d: way %d has other bits", k, i);
      forget(&o[i]);
    }
  }
}
END_TEST

/* Nobody takes part: what is left is the noise. */
START_TEST(an_empty_batch_gets_the_whole_noise_once_on_any_ranks) {
  for (int hardened = 0; hardened < 2; hardened++) {
    setting s = plain;
    s.rate = 1e-12;
    s.hardened = hardened;
    s.steps = 1;
    outcome o = learn(MPI_COMM_WORLD, true, 0, s);
    ck_ok(o.st);
    double want = s.sigma * s.clip * s.sigma * s.clip;
    double ratio = variance(&o) / want;
    ck_assert_msg(fabs(ratio - 1) < 4 * sqrt(2.0 / (double)o.n), "variance %g of what it must be",
                  ratio);
    forget(&o);
  }
}
END_TEST

START_TEST(the_sum_is_of_clipped_gradients_and_the_divisor_is_public) {
  setting s = plain;
  fixture f;
  mst_model_work *work = NULL;
  s.kind = "full";
  s.sigma = 0;
  s.steps = 1;
  s.population = 1000; /* not the 700 rows that there are */
  outcome o = learn(MPI_COMM_WORLD, true, 0, s);
  ck_assert_double_eq(o.expected, 1000);
  begin(&f, MPI_COMM_SELF, true, 0, "sgd");
  float *w = NULL, *g = NULL;
  double *sum = NULL, longest = 0;
  ck_ok(mst_alloc(&w, o.n, sizeof *w, "w"));
  ck_ok(mst_alloc(&g, o.n, sizeof *g, "g"));
  ck_ok(mst_alloc(&sum, o.n, sizeof *sum, "sum"));
  mst_model_init(f.model, f.options.seed, 0, w);
  ck_ok(mst_model_work_create(f.model, 1, &work));
  for (int64_t i = 0; i < ROWS; i++) { /* by the definition: one row after the other */
    mst_batch row = {.n = 1, .x = f.t.x + i * WIDTH, .label = f.t.label + i};
    double norm = 0;
    mst_model_gradient(f.model, w, &row, work, g, NULL);
    for (int64_t k = 0; k < o.n; k++) norm += (double)g[k] * (double)g[k];
    norm = sqrt(norm);
    longest = fmax(longest, norm);
    for (int64_t k = 0; k < o.n; k++) sum[k] += (double)g[k] * fmin(1, s.clip / norm);
  }
  ck_assert_double_gt(longest, 2 * s.clip); /* clipping the whole sum would be another thing */
  ck_assert_double_lt(distance(o.sum, sum, o.n), 1e-4);
  double step = 0, want = 0;
  for (int64_t k = 0; k < o.n; k++) { /* lr sum / 1000 */
    step += pow((double)w[k] - (double)o.w[k], 2);
    want += pow(f.options.optimizer.lr * sum[k] / 1000, 2);
  }
  ck_assert_double_lt(fabs(sqrt(step / want) - 1), 1e-3);
  mst_model_work_destroy(work);
  mst_free(w);
  mst_free(g);
  mst_free(sum);
  end(&f);
  forget(&o);
}
END_TEST

/* Without the two rows the sum is the same but for them: at most 2 clips in all. */
START_TEST(rows_that_are_not_finite_contribute_nothing_and_spoil_nobody) {
  for (int hardened = 0; hardened < 2; hardened++) {
    setting s = plain;
    s.kind = "full";
    s.sigma = hardened ? 1e-6 : 0;
    s.hardened = hardened;
    s.steps = 1;
    outcome sound = learn(MPI_COMM_WORLD, true, 0, s);
    s.spoil = true;
    outcome o = learn(MPI_COMM_WORLD, true, 0, s);
    ck_ok(o.st);
    double d = 0;
    for (int64_t k = 0; k < o.n; k++) {
      ck_assert(isfinite(o.sum[k]));
      d += pow(o.sum[k] - sound.sum[k], 2);
    }
    ck_assert_double_gt(sqrt(d), 0.01 * s.clip);
    ck_assert_double_le(sqrt(d), 2.001 * s.clip);
    forget(&sound);
    forget(&o);
  }
}
END_TEST

START_TEST(steps_that_were_charged_before_are_never_taken_again) {
  setting s = plain;
  s.charged = 2;
  outcome o = learn(MPI_COMM_WORLD, true, 0, s);
  ck_ok(o.st);
  ck_assert_int_eq(o.t.n, STEPS - 2);
  for (int64_t i = 0; i < o.t.n; i++) ck_assert_int_eq(o.t.step[i], i + 2);
  ck_assert_int_eq(o.totals.steps, STEPS);
  ck_assert_int_eq(o.totals.repeated, 2);
  forget(&o);
  s.charged = STEPS; /* all of them: what there is is reported, and nothing is released */
  o = learn(MPI_COMM_WORLD, true, 0, s);
  ck_ok(o.st);
  ck_assert_int_eq(o.t.n, 0);
  forget(&o);
}
END_TEST

/* Its groups followed from the secret of the start that began it. */
START_TEST(a_cycle_that_another_start_began_is_not_gone_on_with) {
  setting s = plain;
  s.kind = "cyclic"; /* 4 groups */
  s.charged = 1;
  s.steps = 6;
  outcome o = learn(MPI_COMM_WORLD, true, 0, s);
  ck_ok(o.st);
  ck_assert_int_eq(o.t.n, 5); /* 1, 2 and 3 to keep count, 4 and 5 taken */
  for (int64_t i = 0; i < o.t.n; i++) ck_assert_int_eq(o.t.step[i], i + 1);
  ck_assert_int_eq(o.totals.repeated, 4);
  ck_assert_int_eq(o.totals.steps, 6);
  forget(&o);
}
END_TEST

START_TEST(no_two_steps_and_no_two_secrets_have_the_same_noise) {
  setting s = plain;
  s.rate = 1e-12;
  s.steps = 1;
  outcome first = learn(MPI_COMM_WORLD, true, 0, s);
  s.secret = 2;
  outcome other = learn(MPI_COMM_WORLD, true, 0, s);
  s.secret = 1;
  s.steps = 2;
  outcome second = learn(MPI_COMM_WORLD, true, 0, s);
  const outcome *pair[2] = {&other, &second};
  for (int i = 0; i < 2; i++) {
    double dot = 0;
    for (int64_t k = 0; k < first.n; k++) dot += first.sum[k] * pair[i]->sum[k];
    dot /= (double)first.n * sqrt(variance(&first) * variance(pair[i]));
    ck_assert_double_lt(fabs(dot), 5 / sqrt((double)first.n));
  }
  forget(&first);
  forget(&other);
  forget(&second);
}
END_TEST

START_TEST(a_spent_budget_ends_the_run_before_the_release) {
  setting s = plain;
  s.refuse = 3;
  outcome o = learn(MPI_COMM_WORLD, true, 0, s);
  ck_assert_int_eq(o.st, MST_ERR_BUDGET);
  ck_assert_int_eq(o.totals.steps, 3);
  s.refuse = -1;
  s.steps = 3;
  outcome three = learn(MPI_COMM_WORLD, true, 0, s);
  ck_assert(memcmp(o.w, three.w, (size_t)o.n * sizeof *o.w) == 0);
  forget(&o);
  forget(&three);
}
END_TEST

START_TEST(correlated_noise_and_moving_clips_have_the_same_bits_on_any_ranks) {
  static const char *const noise[] = {"tree", "toeplitz", "banded", "tree", NULL};
  for (int k = 0; k < 5; k++) {
    setting s = plain;
    s.noise = noise[k];
    s.kind = k < 4 ? "cyclic" : "poisson"; /* 4 groups */
    s.restart = k == 0;
    s.hardened = k == 3;
    s.quantile = k < 4 ? 0 : 0.7;
    outcome o[2] = {learn(MPI_COMM_SELF, true, 0, s), learn(MPI_COMM_WORLD, true, 2, s)};
    for (int i = 0; i < 2; i++) {
      ck_ok(o[i].st);
      ck_assert_msg(strcmp(o[i].hex, o[0].hex) == 0, "%d: way %d has other bits", k, i);
      ck_assert(o[i].clip == o[0].clip);
      forget(&o[i]);
    }
  }
}
END_TEST

/* So much noise that the gradients are nothing beside it: what is released is w_t of the tree, of
 * (1 - x)^(1/2) and of the bands. */
START_TEST(a_step_releases_correlated_noise_of_its_variance_once_on_any_ranks) {
  static const struct {
    const char *noise;
    bool restart, hardened;
    int64_t steps;
    double variance;
  } known[] = {{"tree", false, false, 4, 3},
               {"tree", false, false, 5, 1},
               {"tree", true, false, 6, 2}, /* step 2 of the second cycle's own tree */
               {"tree", false, true, 4, 3},
               {"toeplitz", false, false, 4, 1 + 1. / 4 + 1. / 64 + 1. / 256},
               {"toeplitz", true, false, 6, 1 + 1. / 4}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    setting s = plain;
    s.kind = "cyclic";
    s.noise = known[i].noise;
    s.restart = known[i].restart;
    s.hardened = known[i].hardened;
    s.steps = known[i].steps;
    s.sigma = s.hardened ? 1000 : 1e4;
    s.lr = 1e-9;
    outcome o = learn(MPI_COMM_WORLD, true, 0, s);
    ck_ok(o.st);
    double ratio = variance(&o) / pow(s.sigma * s.clip, 2) / known[i].variance;
    ck_assert_msg(fabs(ratio - 1) < 4 * sqrt(2.0 / (double)o.n) + 0.01,
                  "%s, %d steps: variance %g of what it must be", s.noise, (int)s.steps, ratio);
    forget(&o);
  }
}
END_TEST

START_TEST(noise_of_the_whole_run_goes_on_where_steps_were_lost_and_is_never_drawn_for_others) {
  static const char *const noise[] = {"tree", "toeplitz", "banded"};
  for (int k = 0; k < 3; k++) {
    setting s = plain;
    s.kind = "cyclic";
    s.noise = noise[k];
    s.steps = 7;
    s.sigma = 1e6;
    s.lr = 1e-9;
    outcome whole = learn(MPI_COMM_WORLD, true, 0, s);
    s.charged = 2; /* of a cycle of 4: nothing of the rest is lost */
    outcome o = learn(MPI_COMM_WORLD, true, 0, s);
    ck_ok(o.st);
    ck_assert_int_eq(o.t.n, 5);
    ck_assert_int_eq(o.t.step[0], 2);
    ck_assert_int_eq(o.totals.repeated, 2);
    ck_assert_double_lt(distance(o.sum, whole.sum, o.n), 1e-3);
    forget(&o);
    s.restart = true; /* another start has another secret, and begins with a cycle */
    o = learn(MPI_COMM_WORLD, true, 0, s);
    ck_ok(o.st);
    ck_assert_int_eq(o.totals.repeated, 4);
    forget(&o);
    forget(&whole);
  }
}
END_TEST

/* On a grid that is too coarse for the clip, rounding alone would exceed it. */
START_TEST(sums_are_as_fine_as_the_clip_however_great_it_may_become) {
  setting s = plain;
  s.steps = 3;
  s.quantile = 0.5;
  outcome a = learn(MPI_COMM_WORLD, true, 0, s);
  s.most = 1e8;
  outcome b = learn(MPI_COMM_WORLD, true, 0, s);
  ck_ok(a.st);
  ck_ok(b.st);
  ck_assert(a.clip == b.clip);
  ck_assert_int_eq(memcmp(a.sum, b.sum, (size_t)a.n * sizeof *a.sum), 0);
  forget(&a);
  forget(&b);
}
END_TEST

START_TEST(the_clip_moves_to_the_quantile_of_the_lengths) {
  setting s = plain;
  fixture f;
  mst_model_work *work = NULL;
  s.kind = "full";
  s.sigma = 0;
  s.steps = 25;
  s.clip = 20;
  s.lr = 1e-12;
  s.quantile = 0.4;
  outcome o = learn(MPI_COMM_WORLD, true, 0, s);
  ck_ok(o.st);
  begin(&f, MPI_COMM_SELF, true, 0, "sgd");
  float *w = NULL, *g = NULL;
  int within = 0;
  ck_ok(mst_alloc(&w, o.n, sizeof *w, "w"));
  ck_ok(mst_alloc(&g, o.n, sizeof *g, "g"));
  mst_model_init(f.model, f.options.seed, 0, w);
  ck_ok(mst_model_work_create(f.model, 1, &work));
  for (int64_t i = 0; i < ROWS; i++) {
    mst_batch row = {.n = 1, .x = f.t.x + i * WIDTH, .label = f.t.label + i};
    double norm = 0;
    mst_model_gradient(f.model, w, &row, work, g, NULL);
    for (int64_t k = 0; k < o.n; k++) norm += (double)g[k] * (double)g[k];
    within += sqrt(norm) <= o.clip;
  }
  ck_assert_msg(fabs((double)within / ROWS - s.quantile) < 0.01, "%d rows", within);
  mst_model_work_destroy(work);
  mst_free(w);
  mst_free(g);
  end(&f);
  forget(&o);
}
END_TEST

/* Sum and count are one release of noise sigma, each with one draw of its own. */
START_TEST(a_moving_clip_is_charged_with_its_count) {
  double sigma = 1.3, count = 12, of_sum = mst_private_clip_sigma(sigma, count);
  ck_assert_double_lt(fabs(1 / (of_sum * of_sum) + 1 / (4 * count * count) - 1 / (sigma * sigma)),
                      1e-14);
  ck_assert(isinf(mst_private_clip_sigma(2 * count, count)));
  setting s = plain;
  s.rate = 1e-3; /* b = 0.7 rows: the count's noise moves the clip far */
  s.quantile = 0.5;
  s.steps = 1;
  outcome first = learn(MPI_COMM_WORLD, true, 0, s);
  ck_assert_double_lt(fabs(variance(&first) / pow(s.sigma * s.clip, 2) - 1),
                      4 * sqrt(2.0 / (double)first.n) + 0.01);
  s.steps = 2; /* the second step's noise is in units of the second step's clip */
  outcome second = learn(MPI_COMM_WORLD, true, 0, s);
  ck_assert(first.clip != s.clip && second.clip != first.clip);
  ck_assert_double_lt(fabs(variance(&second) / pow(s.sigma * first.clip, 2) - 1),
                      4 * sqrt(2.0 / (double)first.n) + 0.01);
  forget(&first);
  forget(&second);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("private");
  TCase *c = tcase_create("private");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, private_training_has_the_same_bits_on_any_ranks_and_transport);
  tcase_add_test(c, an_empty_batch_gets_the_whole_noise_once_on_any_ranks);
  tcase_add_test(c, the_sum_is_of_clipped_gradients_and_the_divisor_is_public);
  tcase_add_test(c, rows_that_are_not_finite_contribute_nothing_and_spoil_nobody);
  tcase_add_test(c, steps_that_were_charged_before_are_never_taken_again);
  tcase_add_test(c, a_cycle_that_another_start_began_is_not_gone_on_with);
  tcase_add_test(c, no_two_steps_and_no_two_secrets_have_the_same_noise);
  tcase_add_test(c, a_spent_budget_ends_the_run_before_the_release);
  tcase_add_test(c, correlated_noise_and_moving_clips_have_the_same_bits_on_any_ranks);
  tcase_add_test(c, a_step_releases_correlated_noise_of_its_variance_once_on_any_ranks);
  tcase_add_test(
      c, noise_of_the_whole_run_goes_on_where_steps_were_lost_and_is_never_drawn_for_others);
  tcase_add_test(c, sums_are_as_fine_as_the_clip_however_great_it_may_become);
  tcase_add_test(c, the_clip_moves_to_the_quantile_of_the_lengths);
  tcase_add_test(c, a_moving_clip_is_charged_with_its_count);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
