/* What attacks find of whole vectors: searched strengths, and the bounds of min_max and
 * min_sum. */
#include "tests/core/attack_sample.h"

/* A search's questions and what they were answered. */
typedef struct questions {
  double (*damage)(double factor);
  int64_t n;
  double factor[64], answer[64];
} questions;

static mst_status ask(void *user, const mst_attack_plan *plan, double *damage) {
  questions *q = user;
  ck_assert_int_lt(q->n, 64);
  q->factor[q->n] = plan->factor;
  *damage = q->answer[q->n++] = q->damage(plan->factor);
  return MST_OK;
}

static double hill(double x) {
  return 5000 - (x - 37) * (x - 37);
}

static double waves(double x) {
  return sin(0.7 * x) * x + cos(9 * x);
}

static double falls(double x) {
  return -x;
}

static double flat(double x) {
  return 0 * x;
}

static double blind(double x) {
  return x < 5 ? NAN : 100 - x;
}

static double searched(const mst_attack_spec *s, questions *q) {
  const mst_attack_scene scene = {.n = 10, .byzantine = 2, .damage = ask, .user = q};
  mst_attack_plan plan = {0};
  q->n = 0;
  ck_ok(mst_attack_plan_make(s, &scene, NULL, NULL, &plan));
  return plan.factor;
}

/* Steps of 10, 20, 40 up to 70, which is worse than 30; then from 30 on by 32, 25.6, ... */
START_TEST(a_search_tries_the_strengths_that_byzfl_tries) {
  questions q = {.damage = hill};
  mst_attack_spec s = attack_spec("alie");
  s.search = true;
  s.evaluations = 9;
  static const double grid[] = {0, 10, 30, 70, 62, 55.6, 50.48, 46.384, 43.1072};
  const double best = searched(&s, &q);
  ck_assert_int_eq(q.n, 9);
  for (int i = 0; i < 9; i++) ck_assert_double_eq_tol(q.factor[i], grid[i], 1e-12);
  ck_assert_double_eq(best, q.factor[8]);
}
END_TEST

START_TEST(a_search_finds_what_brute_force_finds_on_its_grid) {
  double (*const all[])(double) = {hill, waves, falls, flat, blind};
  for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
    for (int ipm = 0; ipm < 2; ipm++) {
      questions q = {.damage = all[k]};
      mst_attack_spec s = attack_spec(ipm ? "ipm" : "alie");
      s.search = true;
      const double got = searched(&s, &q);
      ck_assert_int_eq(q.n, 20);
      int64_t best = 0;
      for (int64_t i = 1; i < q.n; i++)
        if (q.answer[i] > q.answer[best] || (isnan(q.answer[best]) && !isnan(q.answer[i])))
          best = i;
      ck_assert_double_eq(got, q.factor[best]);
    }
}
END_TEST

/* ByzFL's example of Optimal_ALittleIsEnough: NNM and clipping at 2 before the trimmed mean, f = 1.
 */
static mst_status harm_of_example(void *user, const mst_attack_plan *plan, double *damage) {
  const mst_attack_spec *s = user;
  crowd c = crowd_byzfl();
  crowd_send(&c, s, plan);
  vectors v = vectors_make(4, 3);
  memcpy(v.x, BYZFL, sizeof BYZFL);
  memcpy(row_of(&v, 3), c.out, 3 * sizeof *c.out);
  vectors_measure(&v);
  const mst_mixer_spec nnm = mixer_spec("nnm", 1);
  mst_mixer_spec clipping = mixer_spec("clipping", 1);
  clipping.bound = 2;
  vectors mixed = vectors_mixed(&nnm, &v), clipped = vectors_mixed(&clipping, &mixed);
  trimmed_mean(&clipped, 1, clipped.result);
  *damage = square_between(3, clipped.result, c.mean);
  vectors_free(&clipped);
  vectors_free(&mixed);
  vectors_free(&v);
  crowd_free(&c);
  return MST_OK;
}

START_TEST(a_search_against_a_rule_gives_what_byzfl_gives) {
  crowd c = crowd_byzfl();
  mst_attack_spec s = attack_spec("alie");
  s.search = true;
  c.scene.damage = harm_of_example;
  c.scene.user = &s;
  mst_attack_plan plan = {0};
  ck_ok(mst_attack_plan_make(&s, &c.scene, c.work, NULL, &plan));
  crowd_send(&c, &s, &plan);
  const double known[] = {12.91985116, 13.91985116, 14.91985116};
  for (int i = 0; i < 3; i++) ck_assert_double_eq_tol(c.out[i], known[i], 6e-9);
  crowd_free(&c);
}
END_TEST

static mst_status fails(void *user, const mst_attack_plan *plan, double *damage) {
  (void)plan;
  (void)damage;
  int *calls = user;
  return ++*calls == 3 ? mst_fail(MST_ERR_COMM, "the rule was lost") : MST_OK;
}

START_TEST(a_search_ends_with_what_it_asks_when_that_fails) {
  int calls = 0;
  mst_attack_spec s = attack_spec("ipm");
  s.search = true;
  mst_attack_scene scene = {.n = 3, .damage = fails, .user = &calls};
  mst_attack_plan plan = {0};
  ck_refused(mst_attack_plan_make(&s, &scene, NULL, NULL, &plan), MST_ERR_COMM, "lost");
  ck_assert_int_eq(calls, 3);
  scene.damage = NULL;
  ck_refused(mst_attack_plan_make(&s, &scene, NULL, NULL, &plan), MST_ERR_INTERNAL, "ipm");
}
END_TEST

static double gamma_of(crowd *c, const mst_attack_spec *s) {
  mst_attack_plan plan = {0};
  crowd_measure(c, s);
  ck_ok(mst_attack_plan_make(s, &c->scene, c->work, NULL, &plan));
  crowd_send(c, s, &plan);
  return plan.factor;
}

/* The largest squared distance is 108. With std 3: 3 (3 + 3 g)^2 = 108. With the mean: 27 + 90 g +
 * 77 g^2 = 108. With signs: 3 (3 + g)^2 = 108. The largest sum is 135, and 54 + 81 g^2 = 135. */
START_TEST(the_bounds_of_the_example_are_met) {
  crowd c = crowd_byzfl();
  mst_attack_spec s = attack_spec("min_max");
  s.tolerance = 1e-14;
  ck_assert_double_eq_tol(gamma_of(&c, &s), 1, 1e-12);
  expect_entries(3, c.out, (const double[]){1, 2, 3});
  s.perturbation = "unit";
  ck_assert_double_eq_tol(gamma_of(&c, &s), 0.596046031756606514, 1e-12);
  s.perturbation = "sign";
  ck_assert_double_eq_tol(gamma_of(&c, &s), 3, 1e-12);
  s = attack_spec("min_sum");
  s.tolerance = 1e-14;
  ck_assert_double_eq_tol(gamma_of(&c, &s), 1, 1e-12);
  s.perturbation = "sign";
  ck_assert_double_eq_tol(gamma_of(&c, &s), 3, 1e-12);
  crowd_free(&c);
}
END_TEST

/* The bounded quantity: of the vector out, or (out = NULL) the bound. */
static double bounded(const crowd *c, bool sums, const double *out) {
  double most = 0, sum = 0;
  for (int64_t i = 0; i < c->n; i++) {
    double of_row = out != NULL ? square_between(c->d, out, c->row[i]) : 0;
    for (int64_t j = 0; j < c->n && out == NULL; j++) {
      const double square = square_between(c->d, c->row[i], c->row[j]);
      of_row = sums ? of_row + square : fmax(of_row, square);
    }
    sum += of_row;
    most = fmax(most, of_row);
  }
  return sums && out != NULL ? sum : most;
}

START_TEST(the_bounds_are_met_with_equality_whatever_the_scale) {
  static const char *const along[] = {"std", "unit", "sign"};
  static const double scale[] = {1e-8, 1, 1e8};
  mst_stream stream = draws(2, 0);
  for (int k = 0; k < 90; k++) {
    const bool sums = k % 2 == 1;
    mst_attack_spec s = attack_spec(sums ? "min_sum" : "min_max");
    s.perturbation = along[k % 3];
    crowd c = crowd_normal(3 + k % 11, 1 + k % 7, &stream);
    const bool signs = k % 3 == 2;
    for (int64_t i = 0; i < c.n * c.d; i++)
      c.x[i] *= signs ? sqrt(scale[k / 6 % 3]) : scale[k / 6 % 3];
    crowd_see(&c);
    const double gamma = gamma_of(&c, &s), bound = bounded(&c, sums, NULL);
    const double reached = bounded(&c, sums, c.out);
    /* signs of 1 beside entries of 1e-4 or 1e4 cost digits of a distance */
    const double digits = signs ? 1e-6 : 1e-11;
    ck_assert_double_gt(gamma, 0);
    ck_assert_double_le(reached, bound * (1 + digits));
    const mst_attack_plan more = {.factor = gamma * (1 + 1.1 * s.tolerance)};
    crowd_send(&c, &s, &more);
    ck_assert_double_ge(bounded(&c, sums, c.out), bound * (1 - digits));
    crowd_free(&c);
  }
}
END_TEST

START_TEST(equal_vectors_and_no_vectors_leave_no_room) {
  crowd c = crowd_make(3, 2);
  for (int i = 0; i < 6; i++) c.x[i] = 1 + i % 2;
  crowd_see(&c);
  for (int k = 0; k < 2; k++) {
    mst_attack_spec s = attack_spec(k == 0 ? "min_max" : "min_sum");
    gamma_of(&c, &s);
    expect_entries(2, c.out, (const double[]){1, 2});
    s.perturbation = "unit";
    gamma_of(&c, &s);
    expect_entries(2, c.out, (const double[]){1, 2});
  }
  crowd none = crowd_make(0, 2);
  crowd_see(&none);
  const mst_attack_ops *ops;
  for (int k = 0; (ops = mst_attack_at(k)) != NULL; k++) {
    if ((ops->needs & (MST_ATTACK_MEAN | MST_ATTACK_ROWS)) == 0 || ops->name[0] == 'g') continue;
    const mst_attack_spec s = attack_spec(ops->name);
    mst_attack_memory memory = {0};
    mst_attack_plan plan = {0};
    ck_ok(mst_attack_plan_make(&s, &none.scene, none.work, &memory, &plan));
    none.out[0] = none.out[1] = 9;
    crowd_send(&none, &s, &plan);
    expect_entries(2, none.out, (const double[]){0, 0});
  }
  crowd_free(&c);
  crowd_free(&none);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("attack_plans");
  TCase *c = tcase_create("plans");
  tcase_add_test(c, a_search_tries_the_strengths_that_byzfl_tries);
  tcase_add_test(c, a_search_finds_what_brute_force_finds_on_its_grid);
  tcase_add_test(c, a_search_against_a_rule_gives_what_byzfl_gives);
  tcase_add_test(c, a_search_ends_with_what_it_asks_when_that_fails);
  tcase_add_test(c, the_bounds_of_the_example_are_met);
  tcase_add_test(c, the_bounds_are_met_with_equality_whatever_the_scale);
  tcase_add_test(c, equal_vectors_and_no_vectors_leave_no_room);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
