/* Environments of bandits beyond linear rewards of even noise: offers of one's own, links, noise
 * that differs between arms, gaps, vectors that change, corners, sparse vectors. */
#include "core/bandit/environment.h"

#include <math.h>
#include <string.h>

#include "tests/harness.h"

enum {
  D = 5,
  ARMS = 4,
  SETS = 6,
  ROOM = D + ARMS * (D + 2)
};

static mst_environment_spec spec_of(int64_t sets) {
  return (mst_environment_spec){
      .kind = "sphere", .dimension = D, .arms = ARMS, .sets = sets, .noise = 0.5};
}

static mst_environment *create(const mst_environment_spec *s) {
  mst_environment *e = NULL;
  ck_assert(mst_environment_room(s) <= ROOM);
  ck_ok(mst_environment_create(s, 7, &e));
  return e;
}

static double inner(const double *a, const double *b) {
  double sum = 0;
  for (int i = 0; i < D; i++) sum += a[i] * b[i];
  return sum;
}

START_TEST(an_agent_may_always_be_offered_its_own_set) {
  mst_environment_spec s = spec_of(SETS);
  s.offer = "own";
  mst_environment *e = create(&s);
  for (int i = 0; i < 20; i++)
    for (int t = 0; t < 5; t++) {
      const mst_contexts c = mst_environment_offer(e, i, t, NULL);
      ck_assert_int_eq(c.set, i % SETS);
      ck_assert(c.x == e->x + i % SETS * ARMS * D && c.mean == e->mean + i % SETS * ARMS);
    }
  mst_environment_destroy(e);
}
END_TEST

START_TEST(links_have_their_values_and_slopes) {
  ck_assert_double_eq_tol(mst_link_mean(MST_LINK_LOGISTIC, 1), 0.731058578630004879, 1e-15);
  ck_assert_double_eq_tol(mst_link_mean(MST_LINK_PROBIT, 1), 0.841344746068542949, 1e-15);
  ck_assert(mst_link_mean(MST_LINK_IDENTITY, -3) == -3 &&
            mst_link_slope(MST_LINK_IDENTITY, 2) == 1);
  ck_assert(mst_link_mean(MST_LINK_LOGISTIC, -800) >= 0 &&
            mst_link_mean(MST_LINK_LOGISTIC, 800) == 1 &&
            mst_link_slope(MST_LINK_LOGISTIC, -800) >= 0);
  for (int k = MST_LINK_IDENTITY; k <= MST_LINK_PROBIT; k++)
    for (double z = -3; z < 3; z += 0.37) {
      const double h = 1e-5,
                   slope = (mst_link_mean((mst_link)k, z + h) - mst_link_mean((mst_link)k, z - h)) /
                           (2 * h);
      ck_assert_double_eq_tol(mst_link_slope((mst_link)k, z), slope, 1e-9);
    }
}
END_TEST

START_TEST(rewards_of_a_link_are_zero_or_one_with_its_mean) {
  enum {
    TIMES = 20000
  };
  static const char *const names[] = {"logistic", "probit"};
  for (int k = 0; k < 2; k++) {
    mst_environment_spec s = spec_of(1);
    s.noise = 1;
    s.link = names[k];
    s.length = 2;
    mst_environment *e = create(&s);
    double sum = 0, square = 0;
    for (int i = 0; i < D; i++) square += e->theta[i] * e->theta[i];
    ck_assert_double_eq_tol(square, 4, 1e-12);
    for (int t = 0; t < TIMES; t++) {
      const mst_contexts c = mst_environment_offer(e, 0, t, NULL);
      const double y = mst_environment_reward(e, &c, 2, 0, t);
      ck_assert(y == 0 || y == 1);
      sum += y;
      const double z = inner(e->theta, c.x + 2 * D);
      ck_assert_double_eq_tol(c.mean[2], mst_link_mean(mst_link_of(names[k]), z), 1e-14);
    }
    ck_assert_double_eq_tol(sum / TIMES, e->mean[2], 0.012);
    ck_assert(mst_environment_noise(&s) == 0.5);
    mst_environment_destroy(e);
  }
}
END_TEST

START_TEST(noise_may_differ_between_arms_and_is_told) {
  enum {
    TIMES = 20000
  };
  double room[ROOM], least = INFINITY, most = 0, square[ARMS] = {0};
  mst_environment_spec s = spec_of(0);
  s.noise_spread = 3;
  mst_environment *e = create(&s);
  for (int t = 0; t < 300; t++) {
    const mst_contexts c = mst_environment_offer(e, 1, t, room);
    for (int a = 0; a < ARMS; a++) {
      least = fmin(least, c.sigma[a]);
      most = fmax(most, c.sigma[a]);
    }
  }
  ck_assert(least >= 0.5 / 3 && least < 0.55 / 3 && most <= 1.5 && most > 1.4);
  ck_assert(mst_environment_noise(&s) == 1.5);
  mst_environment_destroy(e);
  s.sets = 1;
  e = create(&s);
  for (int t = 0; t < TIMES; t++) {
    const mst_contexts c = mst_environment_offer(e, 1, t, room);
    for (int a = 0; a < ARMS; a++)
      square[a] += pow(mst_environment_reward(e, &c, a, 1, t) - c.mean[a], 2);
  }
  for (int a = 0; a < ARMS; a++)
    ck_assert_double_eq_tol(sqrt(square[a] / TIMES) / e->sigma[a], 1, 0.02);
  ck_assert(fabs(e->sigma[0] - e->sigma[1]) > 0.01);
  mst_environment_destroy(e);
}
END_TEST

static double gap_of(const double *mean) {
  double best = -INFINITY, next = -INFINITY;
  for (int a = 0; a < ARMS; a++)
    if (mean[a] > best) {
      next = best;
      best = mean[a];
    } else {
      next = fmax(next, mean[a]);
    }
  return best - next;
}

START_TEST(the_best_arm_of_every_set_is_better_by_the_gap) {
  mst_environment_spec s = spec_of(40);
  double least = INFINITY, kept = 0;
  mst_environment *e = create(&s), *wide = NULL;
  s.gap = 0.3;
  wide = create(&s);
  for (int k = 0; k < 40; k++) {
    const double gap = gap_of(e->mean + k * ARMS);
    least = fmin(least, gap);
    ck_assert(gap_of(wide->mean + k * ARMS) >= 0.3);
    if (gap < 0.3) continue;
    ck_assert(memcmp(e->x + k * ARMS * D, wide->x + k * ARMS * D, ARMS * D * sizeof(double)) == 0);
    kept++;
  }
  ck_assert(least < 0.1 && kept > 0);
  mst_environment_destroy(e);
  mst_environment_destroy(wide);
  s.gap = 2.1;
  ck_refused(mst_environment_create(&s, 7, &e), MST_ERR_INPUT, "environment.gap");
  ck_assert(e == NULL);
}
END_TEST

START_TEST(the_hidden_vector_changes_when_it_should) {
  for (int sets = 0; sets <= SETS; sets += SETS) {
    mst_environment_spec s = spec_of(sets);
    double room[ROOM], other[ROOM], moved = 0;
    s.change_every = 10;
    s.noise_spread = 2;
    mst_environment *e = create(&s);
    for (int t = 0; t < 40; t++) {
      const mst_contexts c = mst_environment_offer(e, 0, t, room);
      double best = -INFINITY;
      for (int a = 0; a < ARMS; a++) {
        const double off = fabs(c.mean[a] - inner(t < 10 ? e->theta : room, c.x + a * D));
        ck_assert(off < 1e-14);
        best = fmax(best, c.mean[a]);
        if (t >= 10) moved = fmax(moved, fabs(c.mean[a] - inner(e->theta, c.x + a * D)));
      }
      ck_assert(c.best == best && c.sigma != NULL);
      if (t < 10) continue;
      ck_assert_double_eq_tol(inner(room, room), 1, 1e-12);
      (void)mst_environment_offer(e, 3, t / 10 * 10, other); /* the same vector for all agents */
      ck_assert(memcmp(room, other, D * sizeof(double)) == 0);
      (void)mst_environment_offer(e, 0, t + 10, other);
      ck_assert(memcmp(room, other, D * sizeof(double)) != 0);
    }
    ck_assert(moved > 0.1);
    mst_environment_destroy(e);
  }
}
END_TEST

START_TEST(all_corners_of_the_cube_are_offered_where_there_is_room) {
  enum {
    CORNERS = 1 << D
  };
  mst_environment_spec s = spec_of(1);
  s.kind = "corners";
  s.arms = CORNERS;
  s.theta = "signs";
  s.length = 0.25;
  mst_environment *e = NULL;
  bool seen[CORNERS] = {false};
  ck_ok(mst_environment_create(&s, 7, &e));
  for (int a = 0; a < CORNERS; a++) {
    int number = 0;
    for (int i = 0; i < D; i++) {
      ck_assert_double_eq_tol(fabs(e->x[a * D + i]), 1 / sqrt(D), 1e-15);
      number |= (e->x[a * D + i] > 0) << i;
    }
    ck_assert(!seen[number]);
    seen[number] = true;
  }
  /* The best corner has theta's signs. */
  for (int i = 0; i < D; i++) ck_assert_double_eq_tol(fabs(e->theta[i]), 0.25 / sqrt(D), 1e-15);
  ck_assert_double_eq_tol(e->best[0], 0.25, 1e-14);
  mst_environment_destroy(e);
}
END_TEST

START_TEST(misspecification_may_be_any_number_for_every_arm_of_a_pool) {
  mst_environment_spec s = spec_of(200);
  s.misspecified = 0.1;
  s.misspecification = "uniform";
  mst_environment *e = create(&s);
  double sum = 0, square = 0, most = 0;
  for (int a = 0; a < 200 * ARMS; a++) {
    const double off = e->mean[a] - inner(e->theta, e->x + a * D);
    sum += off / (200 * ARMS);
    square += off * off / (200 * ARMS);
    most = fmax(most, fabs(off));
  }
  ck_assert(most <= 0.1 && most > 0.099 && fabs(sum) < 0.008);
  ck_assert_double_eq_tol(sqrt(square), 0.1 / sqrt(3), 0.003);
  mst_environment_destroy(e);
}
END_TEST

START_TEST(a_sparse_vector_has_so_many_entries) {
  mst_environment_spec s = spec_of(1);
  static const char *const kinds[] = {"sphere", "equal", "signs"};
  int taken[D] = {0};
  for (int k = 0; k < 3; k++)
    for (uint64_t seed = 0; seed < 100; seed++) {
      mst_environment *e = NULL;
      int entries = 0;
      s.theta = kinds[k];
      s.sparsity = 2;
      s.length = 3;
      ck_ok(mst_environment_create(&s, seed, &e));
      for (int i = 0; i < D; i++) {
        entries += e->theta[i] != 0;
        taken[i] += e->theta[i] != 0;
      }
      ck_assert_int_eq(entries, 2);
      ck_assert_double_eq_tol(inner(e->theta, e->theta), 9, 1e-12);
      mst_environment_destroy(e);
    }
  for (int i = 0; i < D; i++) ck_assert(taken[i] > 70 && taken[i] < 170);
}
END_TEST

START_TEST(settings_that_do_not_go_together_are_refused) {
  mst_environment_spec s = spec_of(0);
  s.offer = "own";
  ck_refused(mst_environment_check(&s), MST_ERR_INPUT, "environment.sets");
  s = spec_of(0);
  s.gap = 0.1;
  ck_refused(mst_environment_check(&s), MST_ERR_INPUT, "environment.gap");
  s.sets = 2;
  s.change_every = 5;
  ck_refused(mst_environment_check(&s), MST_ERR_INPUT, "change_every");
  s = spec_of(0);
  s.misspecification = "uniform";
  ck_refused(mst_environment_check(&s), MST_ERR_INPUT, "uniform");
  s = spec_of(0);
  s.link = "logistic"; /* with noise 0.5 */
  ck_refused(mst_environment_check(&s), MST_ERR_INPUT, "0 or 1");
  s.noise = 1;
  ck_ok(mst_environment_check(&s));
  s.misspecified = 0.1;
  ck_refused(mst_environment_check(&s), MST_ERR_INPUT, "0 or 1");
  s.link = "logit";
  ck_refused(mst_environment_check(&s), MST_ERR_INPUT, "environment.link");
  s = spec_of(0);
  s.sparsity = D + 1;
  ck_refused(mst_environment_check(&s), MST_ERR_INPUT, "environment.sparsity");
  s.sparsity = 0;
  s.noise_spread = 0.5;
  ck_refused(mst_environment_check(&s), MST_ERR_INPUT, "environment.noise_spread");
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("bandit environments");
  TCase *tc = tcase_create("core");
  tcase_add_test(tc, an_agent_may_always_be_offered_its_own_set);
  tcase_add_test(tc, links_have_their_values_and_slopes);
  tcase_add_test(tc, rewards_of_a_link_are_zero_or_one_with_its_mean);
  tcase_add_test(tc, noise_may_differ_between_arms_and_is_told);
  tcase_add_test(tc, the_best_arm_of_every_set_is_better_by_the_gap);
  tcase_add_test(tc, the_hidden_vector_changes_when_it_should);
  tcase_add_test(tc, all_corners_of_the_cube_are_offered_where_there_is_room);
  tcase_add_test(tc, misspecification_may_be_any_number_for_every_arm_of_a_pool);
  tcase_add_test(tc, a_sparse_vector_has_so_many_entries);
  tcase_add_test(tc, settings_that_do_not_go_together_are_refused);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
