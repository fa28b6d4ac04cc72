/* Local privacy over ranks: the same bits whoever simulates whom, one message of every user, rows
 * that are read or made up, what is not finite, and estimates that are near the truth. */
#define MST_TEST_MPI
#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "parallel/local_regression.h"
#include "tests/harness.h"
#include "tests/parallel/teams.h"

enum {
  D = 6,
  USERS = 20000
};

static const char *const METHODS[] = {"nldp", "nldp_public", "ldp_iht"};

static mst_local_regression_options options(const char *method, int64_t users) {
  mst_local_regression_options o = {.secret = mst_secret_test(7),
                                    .linear = {.seed = 5, .width = D, .sparsity = 1, .noise = 0.3}};
  o.method =
      (mst_ldp_spec){.method = method, .epsilon = 8, .delta = 1e-3, .users = users, .width = D};
  mst_param_defaults(mst_ldp_params, &o.method);
  mst_param_defaults(mst_ldp_find(method)->params, &o.method);
  o.method.sparsity = 1;
  o.method.keep = 2;
  o.open_count = mst_ldp_find(method)->public ? 1000 : 0;
  return o;
}

static void same_on_all_ranks(const mst_local_regression_options *o,
                              mst_local_regression_totals *totals) {
  mst_ldp *one = NULL, *many = NULL;
  mst_local_regression_totals t;
  ck_ok(mst_local_regression(alone, o, NULL, &one, &t));
  ck_ok(mst_local_regression(world, o, NULL, &many, totals));
  ck_assert_mem_eq(one->theta, many->theta, D * sizeof(double));
  ck_assert_int_eq(t.messages, totals->messages);
  ck_assert_int_eq(t.uplink_bytes, totals->uplink_bytes);
  mst_ldp_destroy(one);
  mst_ldp_destroy(many);
}

START_TEST(bits_do_not_depend_on_ranks_and_everyone_speaks_once) {
  for (int i = 0; i < 3; i++) {
    const mst_local_regression_options o = options(METHODS[i], USERS);
    mst_local_regression_totals t;
    same_on_all_ranks(&o, &t);
    const int64_t entries = i == 0 ? D * (D + 1) / 2 + D : D;
    ck_assert_int_eq(t.messages, USERS);
    ck_assert_int_eq(t.message_numbers, entries);
    ck_assert_int_eq(t.uplink_bytes, 8 * entries * USERS);
    ck_assert_int_eq(t.downlink_bytes, i == 2 ? 8 * D * USERS : 0);
    ck_assert_int_eq(t.rounds, i == 2 ? 5 : 1); /* ln(20000) / 2 = 4.95 */
    ck_assert(t.truth);
    ck_assert_msg(t.error < 0.7, "%s: error %g", METHODS[i], t.error);
    ck_assert_double_le(t.largest, t.error);
  }
}
END_TEST

START_TEST(fewer_users_than_ranks_are_enough) {
  mst_local_regression_options o = options("ldp_iht", 2);
  o.method.iterations = 2;
  mst_local_regression_totals t;
  same_on_all_ranks(&o, &t);
  ck_assert_int_eq(t.messages, 2);
}
END_TEST

/* Rows as of a file; some are broken. */
typedef struct table {
  int64_t broken, fails; /* a user; a first row that cannot be read: -1 = none */
  bool zero;             /* the broken user has zeros */
} table;

static mst_status read_table(void *context, int64_t first, int64_t count, float *x, float *y) {
  const table *t = context;
  for (int64_t i = 0; i < count; i++) {
    mst_stream s = mst_stream_of(mst_key_make(9, MST_PURPOSE_TEST, (uint64_t)(first + i), 0));
    for (int j = 0; j < D; j++) x[i * D + j] = (float)mst_stream_normal(&s);
    y[i] = x[i * D + 2] - 0.5F * x[i * D + 4];
    if (first + i != t->broken) continue;
    x[i * D + 1] = NAN;
    if (t->zero) memset(x + i * D, 0, D * sizeof *x);
    if (t->zero) y[i] = 0;
  }
  if (t->fails >= 0 && first <= t->fails && t->fails < first + count)
    return mst_fail(MST_ERR_IO, "row %lld cannot be read", (long long)t->fails);
  return MST_OK;
}

/* As io's readers do: ranks agree. */
static mst_status read_agreed(void *context, int64_t first, int64_t count, float *x, float *y) {
  return mst_team_agree(world, read_table(context, first, count, x, y));
}

static mst_row_reader reader(table *t) {
  return (mst_row_reader){
      .context = t, .rows = USERS, .row_elements = D, .outputs = 1, .read = read_table};
}

START_TEST(rows_of_a_file_are_the_users) {
  table t = {.broken = -1, .fails = -1};
  const mst_row_reader r = reader(&t);
  for (int i = 0; i < 3; i++) {
    mst_local_regression_options o = options(METHODS[i], USERS);
    o.rows = &r;
    if (i == 1) o.open_rows = &r;
    o.open_count = 0;
    mst_local_regression_totals totals;
    same_on_all_ranks(&o, &totals);
    ck_assert(!totals.truth);
    ck_assert_int_eq(totals.messages, USERS);
  }
}
END_TEST

START_TEST(a_user_who_is_not_finite_sends_as_one_of_zeros) {
  table t = {.broken = 1234, .fails = -1};
  const mst_row_reader r = reader(&t);
  mst_local_regression_options o = options("ldp_iht", USERS);
  o.rows = &r;
  mst_ldp *broken = NULL, *zeros = NULL;
  mst_local_regression_totals totals;
  ck_ok(mst_local_regression(world, &o, NULL, &broken, &totals));
  ck_assert_int_eq(totals.messages, USERS);
  t.zero = true;
  ck_ok(mst_local_regression(world, &o, NULL, &zeros, &totals));
  ck_assert_mem_eq(broken->theta, zeros->theta, D * sizeof(double));
  mst_ldp_destroy(broken);
  mst_ldp_destroy(zeros);
}
END_TEST

START_TEST(public_rows_that_are_not_finite_are_refused_on_all_ranks) {
  table t = {.broken = 1234, .fails = -1};
  const mst_row_reader r = reader(&t);
  mst_local_regression_options o = options("nldp_public", USERS);
  o.open_rows = &r;
  o.open_count = 0;
  mst_ldp *m = NULL;
  mst_local_regression_totals totals;
  ck_refused(mst_local_regression(world, &o, NULL, &m, &totals), MST_ERR_NONFINITE, "row 1234");
  ck_assert_ptr_null(m);
}
END_TEST

START_TEST(a_row_that_cannot_be_read_fails_on_all_ranks) {
  table t = {.broken = -1, .fails = 2000};
  mst_row_reader r = reader(&t);
  r.read = read_agreed;
  mst_local_regression_options o = options("ldp_iht", USERS);
  o.rows = &r;
  mst_ldp *m = NULL;
  mst_local_regression_totals totals;
  ck_refused(mst_local_regression(world, &o, NULL, &m, &totals), MST_ERR_IO, "row 2000");
}
END_TEST

START_TEST(public_rows_are_asked_for_where_they_are_needed_alone) {
  mst_local_regression_options o = options("nldp_public", USERS);
  o.open_count = 0;
  ck_refused(mst_local_regression_check(&o), MST_ERR_INPUT, "there are none");
  o = options("nldp", USERS);
  o.open_count = 3;
  ck_refused(mst_local_regression_check(&o), MST_ERR_INPUT, "takes no public rows");
  o = options("ldp_iht", USERS);
  o.linear.sparsity = D + 1;
  ck_refused(mst_local_regression_check(&o), MST_ERR_INPUT, "non-zeros");
}
END_TEST

START_TEST(another_secret_gives_other_noise) {
  mst_local_regression_options o = options("ldp_iht", USERS);
  mst_ldp *a = NULL, *b = NULL;
  mst_local_regression_totals totals;
  ck_ok(mst_local_regression(world, &o, NULL, &a, &totals));
  o.secret = mst_secret_test(8);
  ck_ok(mst_local_regression(world, &o, NULL, &b, &totals));
  ck_assert_mem_ne(a->theta, b->theta, D * sizeof(double));
  mst_ldp_destroy(a);
  mst_ldp_destroy(b);
}
END_TEST

START_TEST(one_rank_without_memory_is_everyones_failure) {
  const mst_local_regression_options o = options("ldp_iht", USERS);
  mst_ldp *m = NULL;
  mst_local_regression_totals totals;
  for (int n = 1; n < 8; n += 3) {
    if (mst_team_rank(world) == mst_team_size(world) - 1) mst_memory_fail_at(n);
    ck_refused(mst_local_regression(world, &o, NULL, &m, &totals), MST_ERR_MEMORY, "");
    mst_memory_fail_at(0);
    ck_assert_ptr_null(m);
  }
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("local privacy over ranks");
  TCase *c = tcase_create("users");
  tcase_add_unchecked_fixture(c, make_teams, end_teams);
  tcase_add_test(c, bits_do_not_depend_on_ranks_and_everyone_speaks_once);
  tcase_add_test(c, fewer_users_than_ranks_are_enough);
  tcase_add_test(c, rows_of_a_file_are_the_users);
  tcase_add_test(c, a_user_who_is_not_finite_sends_as_one_of_zeros);
  tcase_add_test(c, public_rows_that_are_not_finite_are_refused_on_all_ranks);
  tcase_add_test(c, a_row_that_cannot_be_read_fails_on_all_ranks);
  tcase_add_test(c, public_rows_are_asked_for_where_they_are_needed_alone);
  tcase_add_test(c, another_secret_gives_other_noise);
  tcase_add_test(c, one_rank_without_memory_is_everyones_failure);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
