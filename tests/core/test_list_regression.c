/* Lists of regressions: with genuine users in the minority, one member of a short list is near their
 * vector, whatever the others have. */
#include "core/robust/list_regression.h"

#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "tests/harness.h"

enum { D = 8, USERS = 120, ROWS = 40, ROOM = 64 };
static const double NOISE = 0.5;

typedef struct crowd {
  double xx[USERS * D * D], xy[USERS * D], yy[USERS];
  int64_t rows[USERS];
  double truth[D], other[4][D];
  mst_list_batches b;
} crowd;

static mst_stream stream;

static void add_row(crowd *c, int64_t k, const double *x, double y) {
  for (int i = 0; i < D; i++) {
    for (int j = 0; j < D; j++) c->xx[(k * D + i) * D + j] += x[i] * x[j];
    c->xy[k * D + i] += x[i] * y;
  }
  c->yy[k] += y * y;
}

/* A user's rows by a vector; x of a size, noise of a size. */
static void add_user(crowd *c, int64_t k, const double *w, double size, double noise) {
  c->rows[k] = ROWS;
  for (int r = 0; r < ROWS; r++) {
    double x[D], y = noise * mst_stream_normal(&stream);
    for (int i = 0; i < D; i++) {
      x[i] = size * mst_stream_normal(&stream);
      y += w[i] * x[i];
    }
    add_row(c, k, x, y);
  }
}

enum { ONE_OTHER, THREE_OTHERS, NOTHING_BUT_NOISE, HUGE_ROWS, EXACT_OPPOSITE, SPREAD_OUT, ATTACKS };
static const char *const names[] = {"one other vector", "three other vectors", "noise", "huge rows",
                                    "the opposite, exactly", "a vector each"};

static void fill(crowd *c, int attack, uint64_t seed, double alpha) {
  const int64_t genuine = (int64_t)ceil(alpha * USERS);
  stream = mst_stream_of(mst_key_make(seed, MST_PURPOSE_TEST, (uint64_t)attack, 0));
  memset(c, 0, sizeof *c);
  c->b = (mst_list_batches){USERS, D, c->xx, c->xy, c->yy, c->rows};
  for (int i = 0; i < D; i++) c->truth[i] = mst_stream_normal(&stream);
  for (int k = 0; k < 4; k++)
    for (int i = 0; i < D; i++) c->other[k][i] = mst_stream_normal(&stream);
  for (int64_t k = 0; k < USERS; k++) {
    double w[D];
    for (int i = 0; i < D; i++) w[i] = mst_stream_normal(&stream);
    if (k * 7 % USERS < genuine) { /* 7 and 120 have no divisor in common: spread over the numbers */
      add_user(c, k, c->truth, 1, NOISE);
      continue;
    }
    for (int i = 0; i < D && attack == EXACT_OPPOSITE; i++) w[i] = -c->truth[i];
    switch (attack) {
      case ONE_OTHER: add_user(c, k, c->other[0], 1, NOISE); break;
      case THREE_OTHERS: add_user(c, k, c->other[k % 3], 1, NOISE); break;
      case NOTHING_BUT_NOISE: add_user(c, k, (double[D]){0}, 1, 10); break;
      case HUGE_ROWS: add_user(c, k, c->other[k % 2], 1e6, 1e6); break;
      case EXACT_OPPOSITE: add_user(c, k, w, 1, 0); break;
      default: add_user(c, k, w, 1, NOISE); break;
    }
  }
}

static double distance(const double *a, const double *b) {
  double sum = 0;
  for (int i = 0; i < D; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sqrt(sum);
}

/* Distance of the nearest member to a vector. */
static double nearest(const double *w, int64_t found, const double *to) {
  double least = INFINITY;
  for (int64_t k = 0; k < found; k++) least = fmin(least, distance(w + k * D, to));
  return least;
}

static double w[ROOM * D];
static mst_list_candidate member[ROOM];

/* noise (alpha rows)^(-1/2), the method's rate, is 0.20 at alpha = 0.15; vectors are about 4 apart. */
START_TEST(a_member_of_the_list_is_near_the_genuine_vector) {
  static const double alpha[] = {0.15, 0.3, 0.45, 0.7};
  static crowd c;
  for (int a = 0; a < 4; a++)
    for (int attack = 0; attack < ATTACKS; attack++)
      for (uint64_t seed = 0; seed < 4; seed++) {
        int64_t found = 0;
        fill(&c, attack, seed, alpha[a]);
        ck_ok(mst_list_regression(&c.b, alpha[a], w, member, &found));
        ck_assert_int_ge(found, 1);
        ck_assert_int_le(found, mst_list_regression_room(alpha[a]));
        const double off = nearest(w, found, c.truth),
                     rate = NOISE / sqrt(alpha[a] * ROWS);
        ck_assert_msg(off <= rate, "%s, alpha %g, seed %d: %g off, %g allowed, %d in the list",
                      names[attack], alpha[a], (int)seed, off, rate, (int)found);
      }
}
END_TEST

/* What the list is for: the fit of all rows is far from everybody's vector. */
START_TEST(the_fit_of_all_rows_is_far_off) {
  static crowd c;
  int64_t found = 0;
  fill(&c, EXACT_OPPOSITE, 1, 0.3);
  ck_ok(mst_list_regression(&c.b, 1, w, member, &found)); /* all are said to be genuine */
  ck_assert_double_ge(nearest(w, found, c.truth), 1);
}
END_TEST

START_TEST(vectors_of_groups_that_are_large_enough_are_all_in_the_list) {
  static crowd c;
  for (uint64_t seed = 0; seed < 4; seed++) {
    int64_t found = 0;
    fill(&c, THREE_OTHERS, seed, 0.25);
    ck_ok(mst_list_regression(&c.b, 0.25, w, member, &found));
    ck_assert_double_le(nearest(w, found, c.truth), 0.25);
    for (int k = 0; k < 3; k++) ck_assert_double_le(nearest(w, found, c.other[k]), 0.25);
    ck_assert_int_eq(found, 4);
    for (int64_t k = 0; k < found; k++) {
      ck_assert(fabs(member[k].weight - 30) <= 6);
      ck_assert_double_le(member[k].spread, 4);
      ck_assert(fabs(member[k].loss - NOISE * NOISE) <= 0.1);
    }
  }
}
END_TEST

START_TEST(users_without_finite_numbers_are_left_out) {
  static crowd c;
  int64_t found = 0;
  fill(&c, ONE_OTHER, 2, 0.4);
  for (int64_t k = 0; k < USERS; k++)
    if (k * 7 % USERS >= 60) c.yy[k] = k % 2 == 0 ? NAN : INFINITY;
  ck_ok(mst_list_regression(&c.b, 0.4, w, member, &found));
  ck_assert_double_le(nearest(w, found, c.truth), 0.2);
  for (int64_t k = 0; k < USERS; k++) c.rows[k] = k < 100 ? 0 : ROWS;
  ck_refused(mst_list_regression(&c.b, 0.4, w, member, &found), MST_ERR_INPUT, "fewer than");
  ck_refused(mst_list_regression(&c.b, 0, w, member, &found), MST_ERR_INPUT, "alpha");
  for (int64_t k = 0; k < USERS; k++) c.rows[k] = 0;
  ck_refused(mst_list_regression(&c.b, 1e-30, w, member, &found), MST_ERR_INPUT, "fewer than");
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("list_regression");
  TCase *c = tcase_create("list_regression");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, a_member_of_the_list_is_near_the_genuine_vector);
  tcase_add_test(c, the_fit_of_all_rows_is_far_off);
  tcase_add_test(c, vectors_of_groups_that_are_large_enough_are_all_in_the_list);
  tcase_add_test(c, users_without_finite_numbers_are_left_out);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) { return mst_test_main(argc, argv, suite()); }
