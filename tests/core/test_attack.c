/* Attacks over columns against vectors worked out by hand, who attacks, and labels. */
#include "tests/core/attack_sample.h"

static void expect_sent(const mst_attack_spec *s, crowd *c, const double *want) {
  mst_attack_plan plan = {0};
  ck_ok(mst_attack_plan_make(s, &c->scene, c->work, NULL, &plan));
  crowd_send(c, s, &plan);
  expect_entries(c->d, c->out, want);
}

START_TEST(the_moments_of_the_example_are_known) {
  crowd c = crowd_byzfl();
  expect_entries(3, c.mean, (const double[]){4, 5, 6});
  expect_entries(3, c.std, (const double[]){3, 3, 3});
  const float a[] = {1, -8}, b[] = {4, 0.5f}, *row[] = {a, b};
  double mean[2], std[2];
  mst_attack_moments_f32(2, 2, row, mean, std);
  expect_entries(2, mean, (const double[]){2.5, -3.75});
  expect_entries(2, std, (const double[]){3 / sqrt(2), 8.5 / sqrt(2)});
  mst_attack_moments_f32(1, 2, row, mean, std);
  expect_entries(2, mean, (const double[]){1, -8});
  expect_entries(2, std, (const double[]){0, 0});
  mst_attack_moments_f32(0, 2, NULL, mean, std);
  expect_entries(2, mean, (const double[]){0, 0});
  crowd_free(&c);
}
END_TEST

START_TEST(attacks_on_the_example_send_what_was_worked_out) {
  crowd c = crowd_byzfl();
  mst_attack_spec s = attack_spec("sign_flip");
  c.columns.own = BYZFL[1];
  expect_sent(&s, &c, (const double[]){-4, -5, -6});
  s.scale = 100;
  expect_sent(&s, &c, (const double[]){-400, -500, -600});
  s = attack_spec("ipm");
  expect_sent(&s, &c, (const double[]){-0.4, -0.5, -0.6});
  s.epsilon = 2;
  expect_sent(&s, &c, (const double[]){-8, -10, -12});
  s = attack_spec("alie");
  s.factor = 1.5;
  expect_sent(&s, &c, (const double[]){8.5, 9.5, 10.5});
  s.side = "below";
  expect_sent(&s, &c, (const double[]){-0.5, 0.5, 1.5});
  s = attack_spec("constant");
  s.value = -100;
  s.spacing = 0.5;
  c.columns.place = 3;
  expect_sent(&s, &c, (const double[]){-98.5, -98.5, -98.5});
  s = attack_spec("free_rider");
  expect_sent(&s, &c, (const double[]){0, 0, 0});
  s.sends = "previous";
  c.columns.previous = BYZFL[2];
  expect_sent(&s, &c, (const double[]){7, 8, 9});
  crowd_free(&c);
}
END_TEST

START_TEST(nan_and_inf_send_nothing_finite) {
  crowd c = crowd_byzfl();
  mst_attack_plan plan = {0};
  mst_attack_spec s = attack_spec("nan");
  crowd_send(&c, &s, &plan);
  for (int i = 0; i < 3; i++) ck_assert(isnan(c.out[i]));
  s = attack_spec("inf");
  crowd_send(&c, &s, &plan);
  for (int i = 0; i < 3; i++) ck_assert_double_eq(c.out[i], INFINITY);
  crowd_free(&c);
}
END_TEST

/* s = 8 of 20 honest vectors: 12/20; s = 2 of 14: 12/14; s = 7 of 16: 9/16; s = 5 of 9: 4/9.
 * Attackers who are a majority keep one supporter: 10/11. */
START_TEST(alie_takes_its_factor_from_the_numbers) {
  static const double known[][3] = {{25, 5, 0.253347103135799799},
                                    {25, 11, 1.06757052387814171},
                                    {20, 4, 0.157310684610170696},
                                    {10, 1, -0.139710298881862046},
                                    {25, 14, 1.33517773611893668}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    ck_assert_double_eq_tol(mst_attack_alie_factor((int64_t)known[i][0], (int64_t)known[i][1]),
                            known[i][2], 1e-12);
  ck_assert_double_eq(mst_attack_alie_factor(4, 3), 0);
  ck_assert_double_eq(mst_attack_alie_factor(1, 1), 0);
  crowd c = crowd_byzfl();
  c.scene.n = 25;
  c.scene.byzantine = 5;
  mst_attack_spec s = attack_spec("alie");
  expect_sent(&s, &c,
              (const double[]){4.76004130940739944, 5.76004130940739944, 6.76004130940739944});
  crowd_free(&c);
}
END_TEST

START_TEST(noise_is_standard_normal_and_belongs_to_the_client_and_the_round) {
  enum {
    D = 20000
  };
  double *a = take_memory(D), *b = take_memory(D);
  mst_attack_spec s = attack_spec("gaussian");
  mst_attack_columns c = {.m = D, .client = 7};
  const mst_attack_ops *ops = mst_attack_find("gaussian");
  ops->send(&s, NULL, &c, a);
  double sum = 0, squares = 0;
  for (int i = 0; i < D; i++) {
    sum += a[i];
    squares += a[i] * a[i];
  }
  ck_assert_double_le(fabs(sum / D), 4 / sqrt(D));
  ck_assert_double_le(fabs(squares / D - 1), 4 * sqrt(2.0 / D));
  for (int other = 0; other < 3; other++) {
    mst_attack_spec t = s;
    t.seed = other == 0;
    t.round = other == 1;
    c.client = other == 2 ? 8 : 7;
    ops->send(&t, NULL, &c, b);
    double product = 0;
    for (int i = 0; i < D; i++) product += a[i] * b[i];
    ck_assert_double_le(fabs(product / D), 4 / sqrt(D));
  }
  c.client = 7;
  s.sigma = 3;
  s.around = "mean";
  c.mean = a;
  ops->send(&s, NULL, &c, b);
  for (int i = 0; i < D; i++) ck_assert_double_eq_tol(b[i], 4 * a[i], 1e-14 * fabs(a[i]) + 1e-300);
  mst_free(a);
  mst_free(b);
}
END_TEST

/* Columns [3, 7) of what is seen. */
static mst_attack_columns columns_cut(const mst_attack_columns *all, const double **row,
                                      int64_t from, int64_t to) {
  mst_attack_columns c = *all;
  c.first += from;
  c.m = to - from;
  c.mean += from;
  c.std += from;
  c.own += from;
  c.previous += from;
  c.target += from;
  c.centre += from;
  c.direction += from;
  for (int64_t i = 0; i < all->honest; i++) row[i] = all->row[i] + from;
  c.row = row;
  return c;
}

START_TEST(every_attack_is_the_same_on_any_cut_of_the_columns) {
  enum {
    D = 11
  };
  mst_stream stream = draws(1, 0);
  crowd c = crowd_normal(4, D, &stream);
  const double weight[] = {0.1, 0.2, 0.3, 0.1};
  double part[D], begun[4][D];
  c.columns.own = c.columns.previous = c.x;
  c.columns.target = c.columns.centre = c.x + D;
  c.columns.direction = c.x + 2 * D;
  c.columns.weight = weight;
  c.columns.hostile = 0.3;
  c.columns.first = 100;
  const mst_attack_plan plan = {.factor = 0.7, .row = 2};
  const mst_attack_ops *ops;
  for (int k = 0; (ops = mst_attack_at(k)) != NULL; k++) {
    if (ops->send == NULL) continue;
    const mst_attack_spec s = attack_spec(ops->name);
    const double *row[4];
    const mst_attack_columns left = columns_cut(&c.columns, row, 0, 3);
    ops->send(&s, &plan, &c.columns, c.out);
    ops->send(&s, &plan, &left, part);
    const double *more[4];
    const mst_attack_columns right = columns_cut(&c.columns, more, 3, D);
    ops->send(&s, &plan, &right, part + 3);
    ck_assert_mem_eq(part, c.out, sizeof part);
    if (ops->point == NULL) continue;
    ops->point(&s, &c.columns, c.out);
    ops->point(&s, &left, part);
    ops->point(&s, &right, part + 3);
    ck_assert_mem_eq(part, c.out, sizeof part);
    if (ops->begin == NULL) continue;
    ops->begin(&s, 100, D, begun[0], begun[1]);
    ops->begin(&s, 100, 3, begun[2], begun[3]);
    ops->begin(&s, 103, D - 3, begun[2] + 3, begun[3] + 3);
    ck_assert_mem_eq(begun[0], begun[2], 2 * sizeof begun[0]);
  }
  crowd_free(&c);
}
END_TEST

START_TEST(labels_are_mirrored) {
  int32_t label[] = {0, 1, 5, 9};
  mst_attack_flip_labels(4, 10, label, label);
  ck_assert_int_eq(label[0], 9);
  ck_assert_int_eq(label[1], 8);
  ck_assert_int_eq(label[2], 4);
  ck_assert_int_eq(label[3], 0);
}
END_TEST

START_TEST(attackers_are_drawn_from_the_seed) {
  enum {
    CLIENTS = 50,
    COUNT = 12
  };
  int64_t a[COUNT], b[COUNT], held[CLIENTS] = {0};
  mst_attack_clients(3, CLIENTS, COUNT, a);
  mst_attack_clients(3, CLIENTS, COUNT, b);
  ck_assert_mem_eq(a, b, sizeof a);
  for (int seed = 0; seed < 400; seed++) {
    mst_attack_clients((uint64_t)seed, CLIENTS, COUNT, a);
    for (int i = 0; i < COUNT; i++) {
      ck_assert(a[i] >= 0 && a[i] < CLIENTS && (i == 0 || a[i] > a[i - 1]));
      held[a[i]]++;
    }
  }
  /* 400 draws of 12 of 50: 96 each, deviation 8.5 */
  for (int k = 0; k < CLIENTS; k++) ck_assert(held[k] > 96 - 40 && held[k] < 96 + 40);
  mst_attack_clients(3, CLIENTS, 0, a);
  int64_t all[CLIENTS];
  mst_attack_clients(3, CLIENTS, CLIENTS, all);
  for (int k = 0; k < CLIENTS; k++) ck_assert_int_eq(all[k], k);
}
END_TEST

START_TEST(what_cannot_be_is_refused) {
  const mst_attack_ops *ops;
  for (int k = 0; (ops = mst_attack_at(k)) != NULL; k++) {
    mst_attack_spec s = attack_spec(ops->name);
    s.count = 3;
    ck_ok(mst_attack_check(&s, 10));
    ck_assert_ptr_eq(mst_attack_find(ops->name), ops);
    s.count = 11;
    ck_refused(mst_attack_check(&s, 10), MST_ERR_INPUT, "attack.count is 11");
    s.count = -1;
    ck_refused(mst_attack_check(&s, 10), MST_ERR_INPUT, "attack.count is -1");
  }
  ck_assert_ptr_null(mst_attack_at(-1));
  mst_attack_spec s = {.name = "allie"};
  ck_refused(mst_attack_check(&s, 10), MST_ERR_INPUT, "the nearest is alie");
  s = attack_spec("alie");
  s.contraction = 0.5;
  ck_refused(mst_attack_check(&s, 10), MST_ERR_INPUT, "attack.contraction");
  s = attack_spec("ipm");
  s.evaluations = 0;
  ck_refused(mst_attack_check(&s, 10), MST_ERR_INPUT, "attack.evaluations");
  s = attack_spec("min_max");
  s.perturbation = "puv";
  ck_refused(mst_attack_check(&s, 10), MST_ERR_INPUT, "std|unit|sign");
  s = attack_spec("gaussian");
  s.sigma = NAN;
  ck_refused(mst_attack_check(&s, 10), MST_ERR_INPUT, "attack.sigma");
}
END_TEST

START_TEST(settings_say_what_an_attack_needs) {
  mst_attack_spec s = attack_spec("alie");
  ck_assert_int_eq(mst_attack_needs(&s), MST_ATTACK_MEAN | MST_ATTACK_STD);
  s.search = true;
  ck_assert_int_eq(mst_attack_needs(&s), MST_ATTACK_MEAN | MST_ATTACK_STD | MST_ATTACK_SEARCH);
  s = attack_spec("mimic");
  ck_assert_int_eq(mst_attack_needs(&s), MST_ATTACK_ROWS);
  s.warmup = 3;
  ck_assert_int_eq(mst_attack_needs(&s),
                   MST_ATTACK_ROWS | MST_ATTACK_DISTANCES | MST_ATTACK_MEMORY);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("attack");
  TCase *c = tcase_create("attack");
  tcase_add_test(c, the_moments_of_the_example_are_known);
  tcase_add_test(c, attacks_on_the_example_send_what_was_worked_out);
  tcase_add_test(c, nan_and_inf_send_nothing_finite);
  tcase_add_test(c, alie_takes_its_factor_from_the_numbers);
  tcase_add_test(c, noise_is_standard_normal_and_belongs_to_the_client_and_the_round);
  tcase_add_test(c, every_attack_is_the_same_on_any_cut_of_the_columns);
  tcase_add_test(c, labels_are_mirrored);
  tcase_add_test(c, attackers_are_drawn_from_the_seed);
  tcase_add_test(c, what_cannot_be_is_refused);
  tcase_add_test(c, settings_say_what_an_attack_needs);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
