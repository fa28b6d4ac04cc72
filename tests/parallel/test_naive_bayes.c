/* Naive Bayes over ranks: the formulas on all rows at once, the bits of one rank, and refusals. */
#define MST_TEST_MPI
#include "tests/harness.h"

#include "parallel/naive_bayes.h"
#include "tests/parallel/learning.h"
#include "tests/parallel/teams.h"

enum {
  ROWS = 1300,
  WIDTH = 20,
  CLASSES = 4
};

typedef struct run {
  mst_row_store *rows;
  mst_roster *roster;
  mst_features *features;
  mst_row_plan plan;
  mst_analytic_data data;
} run;

static void start(run *r, mst_team *team, toy *t, int64_t groups) {
  const mst_row_reader reader = {
      .context = t, .rows = t->n, .row_elements = t->d, .read = toy_read};
  const mst_features_spec spec = mst_features_defaults("identity");
  const mst_row_shape shape = {.dims = 1, .size = {t->d}};
  int32_t *client = NULL;
  ck_ok(mst_alloc(&client, t->n, sizeof *client, "clients"));
  ck_ok(mst_features_create(&spec, &shape, &r->features));
  ck_ok(mst_rows_create(team, &reader, 1 << 20, &r->rows));
  ck_ok(mst_roster_create(team, t->n, client, 1, false, &r->roster));
  ck_ok(mst_naive_bayes_arrange(mst_team_size(team), t->n, t->d, r->features, CLASSES, 0, 0,
                                &r->plan));
  if (groups > 1) r->plan = (mst_row_plan){.groups = groups};
  mst_rows_assign(r->rows, r->roster, r->plan.groups);
  r->data = (mst_analytic_data){
      .rows = r->rows, .roster = r->roster, .label = t->label, .outputs = CLASSES};
  mst_free(client);
}

static void end(run *r) {
  mst_features_destroy(r->features);
  mst_rows_destroy(r->rows);
  mst_roster_destroy(r->roster);
}

static toy make_rows(bool counts) {
  toy t = toy_make(ROWS, WIDTH, CLASSES);
  for (int64_t i = 0; counts && i < ROWS * WIDTH; i++) t.x[i] = floorf(fabsf(t.x[i]));
  return t;
}

static mst_naive_bayes_options options(bool multinomial) {
  return (mst_naive_bayes_options){.multinomial = multinomial, .smoothing = multinomial ? 1 : 1e-9};
}

static void learn(mst_team *team, toy *t, bool multinomial, int64_t groups, mst_naive_bayes *m,
                  mst_naive_bayes_score *score, int64_t *confusion) {
  const mst_naive_bayes_options o = options(multinomial);
  run r;
  start(&r, team, t, groups);
  ck_ok(mst_naive_bayes_train(team, &r.data, r.features, &r.plan, &o, NULL, m));
  memset(confusion, 0, CLASSES * CLASSES * sizeof *confusion);
  ck_ok(mst_naive_bayes_evaluate(team, &r.data, r.features, &r.plan, m, NULL, score, confusion));
  end(&r);
}

START_TEST(bits_do_not_depend_on_ranks_or_groups) {
  for (int i = 0; i < 2; i++) {
    toy t = make_rows(i == 1);
    mst_naive_bayes m[3];
    mst_naive_bayes_score score[3];
    int64_t confusion[3][CLASSES * CLASSES];
    for (int k = 0; k < 3; k++)
      learn(k == 0 ? alone : world, &t, i == 1, k == 2 ? 3 : 1, &m[k], &score[k], confusion[k]);
    for (int k = 1; k < 3; k++) {
      ck_assert_mem_eq(m[0].prior, m[k].prior, CLASSES * 8);
      ck_assert_mem_eq(m[0].mean, m[k].mean, CLASSES * WIDTH * 8);
      if (i == 0) ck_assert_mem_eq(m[0].variance, m[k].variance, CLASSES * WIDTH * 8);
      ck_assert_mem_eq(&score[0], &score[k], sizeof score[0]);
      ck_assert_mem_eq(confusion[0], confusion[k], sizeof confusion[0]);
    }
    int64_t right = 0, all = 0;
    for (int k = 0; k < CLASSES * CLASSES; k++) {
      all += confusion[0][k];
      if (k % (CLASSES + 1) == 0) right += confusion[0][k];
    }
    ck_assert_int_eq(all, ROWS);
    ck_assert_int_eq(right, score[0].correct);
    for (int k = 0; k < 3; k++) mst_naive_bayes_free(&m[k]);
    toy_free(&t);
  }
}
END_TEST

/* log of the joint chance of row i and class k, from the rows by the formulas as they are written.
 */
static double joint(const toy *t, bool multinomial, int64_t i, int k, double largest) {
  double score = 0, n = 0, all = WIDTH;
  double sum[WIDTH] = {0}, square[WIDTH] = {0};
  for (int64_t r = 0; r < t->n; r++) {
    if (t->label[r] != k) continue;
    n++;
    for (int j = 0; j < WIDTH; j++) {
      sum[j] += (double)t->x[r * WIDTH + j];
      all += (double)t->x[r * WIDTH + j];
    }
  }
  for (int64_t r = 0; r < t->n; r++)
    for (int j = 0; t->label[r] == k && j < WIDTH; j++)
      square[j] += pow((double)t->x[r * WIDTH + j] - sum[j] / n, 2);
  for (int j = 0; j < WIDTH; j++) {
    const double x = (double)t->x[i * WIDTH + j], v = square[j] / n + 1e-9 * largest;
    score += multinomial ? x * log((sum[j] + 1) / all)
                         : -log(2 * M_PI * v) / 2 - pow(x - sum[j] / n, 2) / v / 2;
  }
  return score + log(n / (double)t->n);
}

START_TEST(classes_and_losses_are_those_of_the_formulas) {
  for (int i = 0; i < 2; i++) {
    toy t = make_rows(i == 1);
    t.n = 120; /* the reference walks over all rows for every score */
    mst_naive_bayes m;
    mst_naive_bayes_score score;
    int64_t confusion[CLASSES * CLASSES], correct = 0;
    double loss = 0, largest = 0;
    learn(world, &t, i == 1, 1, &m, &score, confusion);
    for (int j = 0; j < WIDTH; j++) {
      double sum = 0, square = 0;
      for (int64_t r = 0; r < t.n; r++) sum += (double)t.x[r * WIDTH + j];
      for (int64_t r = 0; r < t.n; r++)
        square += pow((double)t.x[r * WIDTH + j] - sum / (double)t.n, 2);
      largest = fmax(largest, square / (double)t.n);
    }
    for (int64_t r = 0; r < t.n; r++) {
      double chance[CLASSES], total = 0;
      int best = 0;
      for (int k = 0; k < CLASSES; k++) chance[k] = joint(&t, i == 1, r, k, largest);
      for (int k = 0; k < CLASSES; k++)
        if (chance[k] > chance[best]) best = k;
      for (int k = 0; k < CLASSES; k++) total += exp(chance[k] - chance[best]);
      correct += best == t.label[r];
      loss += log(total) + chance[best] - chance[t.label[r]];
    }
    ck_assert_int_eq(score.correct, correct);
    ck_assert_double_eq_tol(score.loss, loss / (double)t.n, 1e-9);
    mst_naive_bayes_free(&m);
    toy_free(&t);
  }
}
END_TEST

static void check_refused(toy *t, bool multinomial, double smoothing, const char *says) {
  mst_naive_bayes_options o = options(multinomial);
  mst_naive_bayes m;
  run r;
  o.smoothing = smoothing;
  start(&r, world, t, 1);
  ck_refused(mst_naive_bayes_train(world, &r.data, r.features, &r.plan, &o, NULL, &m),
             MST_ERR_INPUT, says);
  end(&r);
}

START_TEST(what_cannot_be_learned_is_refused) {
  toy t = make_rows(true);
  t.x[900 * WIDTH + 3] = -2;
  check_refused(&t, true, 1, "row 900 has a negative feature");
  t.x[900 * WIDTH + 3] = 0;
  for (int64_t i = 0; i < ROWS; i++) t.x[i * WIDTH + 5] = 0;
  check_refused(&t, true, 0, "feature 5 is never seen");
  check_refused(&t, false, 0, "feature 5 is constant");
  for (int64_t i = 0; i < ROWS; i++) t.label[i] = (int32_t)(i % 3);
  check_refused(&t, false, 1e-9, "class 3 has no training row");
  for (int64_t i = 0; i < ROWS; i++) t.label[i] = (int32_t)(i % 4);
  for (int64_t i = 0; i < ROWS * WIDTH; i++) t.x[i] = 1;
  check_refused(&t, false, 1e-9, "all rows are alike");
  toy_free(&t);
}
END_TEST

START_TEST(one_rank_without_memory_is_everyones_failure) {
  toy t = make_rows(false);
  mst_status st = MST_ERR_MEMORY;
  const mst_naive_bayes_options o = options(false);
  for (int64_t at = 1; at < 100 && st == MST_ERR_MEMORY; at++) {
    mst_naive_bayes m = {0};
    mst_naive_bayes_score score;
    run r;
    start(&r, world, &t, 1);
    if (mst_team_rank(world) == mst_team_size(world) - 1) mst_memory_fail_at(at);
    st = mst_naive_bayes_train(world, &r.data, r.features, &r.plan, &o, NULL, &m);
    if (st == MST_OK)
      st = mst_naive_bayes_evaluate(world, &r.data, r.features, &r.plan, &m, NULL, &score, NULL);
    mst_memory_fail_at(0);
    ck_assert_msg(st == MST_OK || st == MST_ERR_MEMORY, "allocation %lld: %s", (long long)at,
                  mst_status_detail());
    mst_naive_bayes_free(&m);
    end(&r);
  }
  ck_assert_int_eq(st, MST_OK);
  toy_free(&t);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("naive Bayes over ranks");
  TCase *c = tcase_create("classes");
  tcase_set_timeout(c, 60);
  tcase_add_unchecked_fixture(c, make_teams, end_teams);
  tcase_add_test(c, bits_do_not_depend_on_ranks_or_groups);
  tcase_add_test(c, classes_and_losses_are_those_of_the_formulas);
  tcase_add_test(c, what_cannot_be_learned_is_refused);
  tcase_add_test(c, one_rank_without_memory_is_everyones_failure);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
