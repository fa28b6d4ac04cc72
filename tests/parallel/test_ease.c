/* EASE over ranks: the dense formula and what defines it, the bits of one rank, judging, and what
 * is no rating. */
#define MST_TEST_MPI
#include "tests/harness.h"

#include "core/ease/ease.h"
#include "parallel/ease.h"
#include "tests/parallel/learning.h"
#include "tests/parallel/teams.h"

enum {
  USERS = 800,
  ITEMS = 290
};

/* Users of groups, who like the items of their group. */
static toy make_ratings(void) {
  toy t = toy_make(USERS, ITEMS, 2);
  mst_stream s = mst_stream_of(mst_key_make(9, MST_PURPOSE_TEST, 2, 0));
  for (int64_t i = 0; i < USERS; i++)
    for (int64_t j = 0; j < ITEMS; j++)
      t.x[i * ITEMS + j] = mst_stream_uniform(&s) < (i % 10 == j % 10 ? 0.5 : 0.02);
  return t;
}

typedef struct run {
  mst_row_store *rows;
  mst_roster *roster;
  mst_features *features;
  mst_row_plan plan;
  mst_sparse_rows sparse;
  mst_ease_users users;
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
  ck_ok(mst_ease_arrange(mst_team_size(team), t->n, t->d, false, 0, 0, 0, &r->plan));
  if (groups > 1) r->plan = (mst_row_plan){.groups = groups};
  mst_rows_assign(r->rows, r->roster, r->plan.groups);
  r->sparse = (mst_sparse_rows){0};
  r->users = (mst_ease_users){.rows = r->rows, .roster = r->roster, .features = r->features};
  mst_free(client);
}

/* The same users as sparse rows, zeros that are stored included. */
static void start_sparse(run *r, mst_team *team, const toy *t) {
  int32_t *client = NULL;
  int64_t n = 0;
  *r = (run){0};
  ck_ok(mst_alloc(&client, t->n, sizeof *client, "clients"));
  ck_ok(mst_roster_create(team, t->n, client, 1, false, &r->roster));
  mst_free(client);
  ck_ok(mst_ease_arrange(mst_team_size(team), t->n, t->d, true, t->n * t->d, 0, 0, &r->plan));
  const int64_t first = r->roster->first, count = r->roster->count;
  ck_ok(mst_sparse_rows_create(count, t->d, count * t->d, &r->sparse));
  for (int64_t i = 0; i < count; i++) {
    const float *x = t->x + (first + i) * t->d;
    for (int64_t j = 0; j < t->d; j++)
      if (x[j] != 0 || j % 50 == 0) {
        r->sparse.index[n] = (int32_t)j;
        r->sparse.value[n++] = x[j];
      }
    r->sparse.start[i + 1] = n;
  }
  r->users = (mst_ease_users){.roster = r->roster, .sparse = &r->sparse};
}

static void end(run *r) {
  mst_features_destroy(r->features);
  mst_rows_destroy(r->rows);
  mst_roster_destroy(r->roster);
  mst_sparse_rows_free(&r->sparse);
}

static mst_ease_options options(void) {
  return (mst_ease_options){.lambda = 20, .holdout = 0.2, .seed = 5};
}

static void train(mst_team *team, toy *t, const mst_ease_options *o, int64_t groups, mst_ease *m,
                  mst_ease_score *score) {
  run r;
  int64_t interactions = 0;
  start(&r, team, t, groups);
  ck_ok(mst_ease_train(team, &r.users, &r.plan, o, NULL, m, &interactions));
  end(&r);
  start(&r, team, t, groups);
  ck_ok(mst_ease_evaluate(team, &r.users, &r.plan, o, m, NULL, score));
  end(&r);
  int64_t rated = 0;
  for (int64_t i = 0; i < t->n * t->d; i++) rated += t->x[i] != 0;
  ck_assert_int_eq(interactions, o->hold_train ? rated - score->held : rated);
}

/* Against the explicit inverse, and (X'X + lambda I) B = X'X off the diagonal. */
START_TEST(weights_are_those_of_the_dense_formula) {
  toy t = make_ratings();
  const mst_ease_options o = options();
  mst_ease m;
  mst_ease_score score;
  double *x = NULL, *g = NULL, *l = NULL, *p = NULL;
  train(world, &t, &o, 1, &m, &score);
  ck_ok(mst_alloc(&x, USERS * ITEMS, sizeof *x, "ratings"));
  ck_ok(mst_alloc(&g, ITEMS * ITEMS, sizeof *g, "products"));
  ck_ok(mst_alloc(&l, ITEMS * ITEMS, sizeof *l, "factor"));
  ck_ok(mst_alloc(&p, ITEMS * ITEMS, sizeof *p, "inverse"));
  for (int64_t i = 0; i < USERS * ITEMS; i++) x[i] = (double)t.x[i];
  mst_gemm(true, false, ITEMS, ITEMS, USERS, 1.0, x, ITEMS, x, ITEMS, 0.0, g, ITEMS);
  memcpy(l, g, ITEMS * ITEMS * sizeof *l);
  for (int64_t j = 0; j < ITEMS; j++) {
    l[j * ITEMS + j] += o.lambda;
    p[j * ITEMS + j] = 1;
  }
  ck_ok(mst_cholesky(ITEMS, l, ITEMS));
  mst_cholesky_solve(ITEMS, ITEMS, l, ITEMS, p, ITEMS);
  for (int64_t i = 0; i < ITEMS; i++)
    for (int64_t j = 0; j < ITEMS; j++) {
      const double want = i == j ? 0 : -p[i * ITEMS + j] / p[j * ITEMS + j];
      ck_assert_double_eq_tol(m.weights[i * ITEMS + j], want, 1e-10);
    }
  memcpy(p, g, ITEMS * ITEMS * sizeof *p);
  for (int64_t j = 0; j < ITEMS; j++) g[j * ITEMS + j] += o.lambda;
  mst_gemm(false, false, ITEMS, ITEMS, ITEMS, 1.0, g, ITEMS, m.weights, ITEMS, -1.0, p, ITEMS);
  for (int64_t i = 0; i < ITEMS; i++)
    for (int64_t j = 0; j < ITEMS; j++)
      if (i != j) ck_assert_double_eq_tol(p[i * ITEMS + j], 0, 1e-9);
  mst_free(p);
  mst_free(l);
  mst_free(g);
  mst_free(x);
  mst_ease_free(&m);
  toy_free(&t);
}
END_TEST

START_TEST(bits_do_not_depend_on_ranks_or_groups) {
  toy t = make_ratings();
  for (int hold = 0; hold < 2; hold++) {
    mst_ease_options o = options();
    o.hold_train = hold == 1;
    mst_ease one, many, streamed;
    mst_ease_score a, b, c;
    train(alone, &t, &o, 1, &one, &a);
    train(world, &t, &o, 1, &many, &b);
    train(world, &t, &o, 3, &streamed, &c);
    ck_assert_mem_eq(one.weights, many.weights, ITEMS * ITEMS * 8);
    ck_assert_mem_eq(one.weights, streamed.weights, ITEMS * ITEMS * 8);
    ck_assert_mem_eq(&a, &b, sizeof a);
    ck_assert_mem_eq(&a, &c, sizeof a);
    mst_ease_free(&one);
    mst_ease_free(&many);
    mst_ease_free(&streamed);
  }
  toy_free(&t);
}
END_TEST

START_TEST(sparse_rows_give_the_bits_of_whole_ones) {
  toy t = make_ratings();
  for (int hold = 0; hold < 2; hold++) {
    mst_ease_options o = options();
    o.hold_train = hold == 1;
    mst_ease whole, sparse;
    mst_ease_score a, b;
    run r;
    int64_t interactions = 0, same = 0;
    train(alone, &t, &o, 1, &whole, &a);
    start_sparse(&r, world, &t);
    ck_ok(mst_ease_train(world, &r.users, &r.plan, &o, NULL, &sparse, &interactions));
    ck_ok(mst_ease_evaluate(world, &r.users, &r.plan, &o, &sparse, NULL, &b));
    end(&r);
    ck_assert_mem_eq(whole.weights, sparse.weights, ITEMS * ITEMS * 8);
    ck_assert_mem_eq(&a, &b, sizeof a);
    for (int64_t i = 0; i < USERS * ITEMS; i++) same += t.x[i] != 0;
    ck_assert_int_eq(interactions, hold == 1 ? same - b.held : same);
    mst_ease_free(&whole);
    mst_ease_free(&sparse);
  }
  toy_free(&t);
}
END_TEST

START_TEST(what_is_no_rating_is_refused_in_sparse_rows) {
  toy t = make_ratings();
  const mst_ease_options o = options();
  run r;
  mst_ease m;
  int64_t interactions = 0;
  t.x[700 * ITEMS + 13] = 3;
  start_sparse(&r, world, &t);
  ck_refused(mst_ease_train(world, &r.users, &r.plan, &o, NULL, &m, &interactions), MST_ERR_INPUT,
             "user 700 for item 13 is 3");
  for (int n = 1; n < 14; n += 3) {
    if (mst_team_rank(world) == mst_team_size(world) - 1) mst_memory_fail_at(n);
    mst_status st = mst_ease_train(world, &r.users, &r.plan, &o, NULL, &m, &interactions);
    mst_memory_fail_at(0);
    ck_assert(st == MST_ERR_INPUT || st == MST_ERR_MEMORY);
    if (n < 5) ck_assert_int_eq(st, MST_ERR_MEMORY);
  }
  end(&r);
  toy_free(&t);
}
END_TEST

/* A tenth of the items is a user's group, of which about half are known: 15 of 275 are left. */
START_TEST(items_of_the_group_are_found) {
  toy t = make_ratings();
  mst_ease_options o = options();
  o.hold_train = true;
  mst_ease m;
  mst_ease_score score;
  train(world, &t, &o, 1, &m, &score);
  ck_assert_int_eq(score.users, USERS);
  ck_assert_msg(score.recall > 0.55 && score.recall <= 1, "recall %g", score.recall);
  ck_assert_msg(score.gain > 0.4 && score.gain <= 1, "gain %g", score.gain);
  memset(m.weights, 0, ITEMS * ITEMS * sizeof *m.weights);
  run r;
  mst_ease_score chance;
  start(&r, world, &t, 1);
  ck_ok(mst_ease_evaluate(world, &r.users, &r.plan, &o, &m, NULL, &chance));
  end(&r);
  ck_assert_msg(chance.recall < 0.2, "recall of equal scores %g", chance.recall);
  mst_ease_free(&m);
  toy_free(&t);
}
END_TEST

START_TEST(a_threshold_makes_ratings_of_stars) {
  toy t = make_ratings(), stars = make_ratings();
  for (int64_t i = 0; i < USERS * ITEMS; i++)
    stars.x[i] = stars.x[i] != 0 ? (float)(4 + i % 2) : (float)(i % 4);
  mst_ease_options o = options();
  mst_ease a, b;
  run r;
  int64_t interactions = 0;
  mst_ease_score score;
  train(world, &t, &o, 1, &a, &score);
  o.cut = true;
  o.threshold = 4;
  start(&r, world, &stars, 1);
  ck_ok(mst_ease_train(world, &r.users, &r.plan, &o, NULL, &b, &interactions));
  end(&r);
  ck_assert_mem_eq(a.weights, b.weights, ITEMS * ITEMS * 8);
  mst_ease_free(&a);
  mst_ease_free(&b);
  toy_free(&stars);
  toy_free(&t);
}
END_TEST

static void check_refused(toy *t, const mst_ease_options *o, mst_status code, const char *says) {
  run r;
  mst_ease m;
  int64_t interactions = 0;
  start(&r, world, t, 1);
  ck_refused(mst_ease_train(world, &r.users, &r.plan, o, NULL, &m, &interactions), code, says);
  end(&r);
}

START_TEST(what_is_no_rating_is_refused) {
  toy t = make_ratings();
  mst_ease_options o = options();
  t.x[700 * ITEMS + 13] = 3;
  check_refused(&t, &o, MST_ERR_INPUT, "user 700 for item 13 is 3");
  t.x[700 * ITEMS + 13] = -1;
  o.cut = true;
  o.threshold = 1;
  check_refused(&t, &o, MST_ERR_INPUT, "ratings are not negative");
  t.x[700 * ITEMS + 13] = 0;
  o.threshold = 2;
  check_refused(&t, &o, MST_ERR_INPUT, "no user has a rating");
  o = options();
  o.lambda = 0;
  for (int64_t i = 0; i < USERS; i++) t.x[i * ITEMS + 1] = t.x[i * ITEMS];
  check_refused(&t, &o, MST_ERR_SINGULAR, "singular at ease.lambda 0");
  toy_free(&t);
}
END_TEST

START_TEST(one_rank_without_memory_is_everyones_failure) {
  toy t = make_ratings();
  const mst_ease_options o = options();
  for (int n = 1; n < 30; n += 6) {
    run r;
    mst_ease m;
    int64_t interactions = 0;
    start(&r, world, &t, 1);
    if (mst_team_rank(world) == mst_team_size(world) - 1) mst_memory_fail_at(n);
    mst_status st = mst_ease_train(world, &r.users, &r.plan, &o, NULL, &m, &interactions);
    mst_memory_fail_at(0);
    ck_assert(st == MST_OK || st == MST_ERR_MEMORY);
    if (n < 9) ck_assert_int_eq(st, MST_ERR_MEMORY);
    if (st == MST_OK) mst_ease_free(&m);
    end(&r);
  }
  toy_free(&t);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("EASE over ranks");
  TCase *c = tcase_create("ease");
  tcase_set_timeout(c, 60);
  tcase_add_unchecked_fixture(c, make_teams, end_teams);
  tcase_add_test(c, weights_are_those_of_the_dense_formula);
  tcase_add_test(c, bits_do_not_depend_on_ranks_or_groups);
  tcase_add_test(c, sparse_rows_give_the_bits_of_whole_ones);
  tcase_add_test(c, what_is_no_rating_is_refused_in_sparse_rows);
  tcase_add_test(c, items_of_the_group_are_found);
  tcase_add_test(c, a_threshold_makes_ratings_of_stars);
  tcase_add_test(c, what_is_no_rating_is_refused);
  tcase_add_test(c, one_rank_without_memory_is_everyones_failure);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
