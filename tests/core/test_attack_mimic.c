/* Which vector mimic copies: the one it is told, or the one it learns, against the definition on
 * whole vectors. */
#include "tests/core/attack_sample.h"

START_TEST(mimic_copies_the_vector_it_is_told) {
  crowd c = crowd_byzfl();
  mst_attack_spec s = attack_spec("mimic");
  for (int target = 0; target < 5; target++) {
    mst_attack_plan plan = {0};
    s.target = target;
    ck_ok(mst_attack_plan_make(&s, &c.scene, c.work, NULL, &plan));
    ck_assert_int_eq(plan.row, target % 3);
    crowd_send(&c, &s, &plan);
    ck_assert_mem_eq(c.out, BYZFL[target % 3], sizeof BYZFL[0]);
  }
  crowd_free(&c);
}
END_TEST

/* The rounds of a mimic that learns: its memory, the plan's arrays, and the running mean and
 * direction by the definition, on whole vectors. */
typedef struct learner {
  mst_attack_spec s;
  mst_attack_memory memory;
  mst_attack_plan plan;
  double *centre, *direction, *mu, *z;
} learner;

static learner learner_make(const crowd *c, int64_t warmup) {
  learner l = {.s = attack_spec("mimic")};
  l.s.warmup = warmup;
  l.centre = take_memory(c->d);
  l.direction = take_memory(c->d);
  l.mu = take_memory(c->d);
  l.z = take_memory(c->d);
  l.plan.centre = take_memory(c->n + 1);
  l.plan.direction = take_memory(c->n + 1);
  mst_attack_find("mimic")->begin(&l.s, 0, c->d, l.centre, l.direction);
  memcpy(l.z, l.direction, (size_t)c->d * sizeof *l.z);
  return l;
}

static void learner_free(learner *l) {
  double *const all[] = {l->centre, l->direction, l->mu, l->z, l->plan.centre, l->plan.direction};
  for (int i = 0; i < 6; i++) mst_free(all[i]);
}

static double inner_of(int64_t d, const double *a, const double *b) {
  double sum = 0;
  for (int64_t k = 0; k < d; k++) sum += a[k] * b[k];
  return sum;
}

static void round_of(learner *l, crowd *c) {
  const mst_attack_ops *ops = mst_attack_find("mimic");
  c->columns.centre = l->centre;
  c->columns.direction = l->direction;
  crowd_see(c);
  crowd_measure(c, &l->s);
  for (int64_t i = 0; i <= c->n; i++) c->product[i] = inner_of(c->d, c->x + i * c->d, l->direction);
  ck_ok(mst_attack_plan_make(&l->s, &c->scene, c->work, &l->memory, &l->plan));
  ops->learn(&l->plan, &c->columns, l->centre, l->direction);
}

/* The same by the definition; returns the vector farthest along z. */
static int64_t defined(learner *l, const crowd *c, double t) {
  double *u = c->out, length = 0, norm = 0;
  for (int64_t k = 0; k < c->d; k++) {
    l->mu[k] = (t * l->mu[k] + c->mean[k]) / (1 + t);
    u[k] = 0;
  }
  for (int64_t i = 0; i < c->n; i++) {
    double along = 0;
    for (int64_t k = 0; k < c->d; k++) along += (c->row[i][k] - l->mu[k]) * l->z[k];
    for (int64_t k = 0; k < c->d; k++) u[k] += along * (c->row[i][k] - l->mu[k]);
  }
  length = length_of(c->d, u);
  for (int64_t k = 0; k < c->d; k++) l->z[k] = t / (1 + t) * l->z[k] + u[k] / length / (1 + t);
  norm = length_of(c->d, l->z);
  for (int64_t k = 0; k < c->d; k++) l->z[k] /= norm;
  int64_t best = 0;
  for (int64_t i = 1; i < c->n; i++)
    if (inner_of(c->d, c->row[i], l->z) > inner_of(c->d, c->row[best], l->z)) best = i;
  return best;
}

START_TEST(mimic_learns_as_defined_and_then_stays_with_its_client) {
  enum {
    N = 6,
    D = 5,
    WARMUP = 8
  };
  mst_stream stream = draws(3, 0);
  crowd c = crowd_make(N, D);
  learner l = learner_make(&c, WARMUP);
  int64_t last = -1;
  for (int t = 0; t < WARMUP + 3; t++) {
    for (int i = 0; i < N * D; i++) c.x[i] = mst_stream_normal(&stream) * (i % D == 2 ? 5 : 1) + 3;
    round_of(&l, &c);
    if (t < WARMUP) {
      ck_assert_int_eq(l.plan.row, last = defined(&l, &c, t));
      ck_assert_int_eq(l.memory.rounds, t + 1);
    }
    ck_assert_int_eq(l.plan.row, last);
    expect_entries(D, l.centre, l.mu);
    expect_entries(D, l.direction, l.z);
    ck_assert_double_eq_tol(length_of(D, l.direction), 1, 1e-12);
  }
  learner_free(&l);
  crowd_free(&c);
}
END_TEST

/* Vectors apart along one coordinate alone: z is that coordinate, and an end of the row is copied.
 * When its client is not in the round, the end of those that are. */
START_TEST(mimic_copies_an_end_of_the_largest_spread) {
  crowd c = crowd_make(4, 3);
  const double spread[] = {-1, 4, 2, -5}, client[] = {2, 5, 7, 11};
  int64_t number[4];
  for (int i = 0; i < 4; i++) {
    c.x[3 * i] = 1000;
    c.x[3 * i + 1] = spread[i];
    c.x[3 * i + 2] = -7;
    number[i] = (int64_t)client[i];
  }
  learner l = learner_make(&c, 1);
  for (int t = 0; t < 2; t++) {
    round_of(&l, &c);
    ck_assert_double_eq_tol(fabs(l.direction[1]), 1, 1e-12);
    ck_assert_int_eq(l.plan.row, l.direction[1] > 0 ? 1 : 3);
  }
  const int64_t end = l.plan.row;
  l.memory = (mst_attack_memory){.rounds = 1, .target = 1 + number[2]};
  c.scene.client = number;
  ck_ok(mst_attack_plan_make(&l.s, &c.scene, c.work, &l.memory, &l.plan));
  ck_assert_int_eq(l.plan.row, 2);
  l.memory.target = 1 + 8;
  ck_ok(mst_attack_plan_make(&l.s, &c.scene, c.work, &l.memory, &l.plan));
  ck_assert_int_eq(l.plan.row, end);
  learner_free(&l);
  crowd_free(&c);
}
END_TEST

START_TEST(mimic_learns_nothing_from_equal_vectors) {
  crowd c = crowd_make(3, 2);
  for (int i = 0; i < 6; i++) c.x[i] = 1 + i % 2;
  learner l = learner_make(&c, 5);
  round_of(&l, &c);
  ck_assert_int_eq(l.memory.rounds, 0);
  expect_entries(2, l.centre, (const double[]){0, 0});
  expect_entries(2, l.direction, l.z);
  ck_assert_int_eq(l.plan.row, 0);
  learner_free(&l);
  crowd_free(&c);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("attack_mimic");
  TCase *c = tcase_create("attack_mimic");
  tcase_add_test(c, mimic_copies_the_vector_it_is_told);
  tcase_add_test(c, mimic_learns_as_defined_and_then_stays_with_its_client);
  tcase_add_test(c, mimic_copies_an_end_of_the_largest_spread);
  tcase_add_test(c, mimic_learns_nothing_from_equal_vectors);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
