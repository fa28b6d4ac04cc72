/* The AA law against the one-sum solution of the same clients' rows. */
#include <math.h>
#include <string.h>

#include "core/analytic/analytic.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "tests/harness.h"

enum {
  D = 12,
  C = 3,
  ROWS = 400
};
static const double GAMMA = 1.0;

typedef struct rows {
  double x[ROWS * D], y[ROWS * C];
} rows;

static void make_rows(rows *r) {
  mst_stream s = mst_stream_of(mst_key_make(3, MST_PURPOSE_TEST, 0, 0));
  for (int i = 0; i < ROWS * D; i++) r->x[i] = mst_stream_normal(&s);
  for (int i = 0; i < ROWS * C; i++) r->y[i] = mst_stream_normal(&s);
}

/* Cut the rows over `clients` at random places, so that some clients are empty. */
static void cut_rows(int clients, int *first) {
  mst_stream s = mst_stream_of(mst_key_make(3, MST_PURPOSE_TEST, 1, (uint64_t)clients));
  double share[256];
  mst_stream_dirichlet(&s, 0.3, clients, share);
  double so_far = 0;
  for (int k = 0; k < clients; k++) {
    first[k] = (int)(so_far * ROWS);
    so_far += share[k];
  }
  first[clients] = ROWS;
}

static void local(const rows *r, int first, int end, mst_aa_model *out) {
  ck_ok(mst_aa_local(end - first, D, C, r->x + first * D, r->y + first * C, GAMMA, out));
}

/* (X'X + ridge I)^-1 X'Y over all rows. */
static void pooled(const rows *r, double ridge, double *w) {
  double gram[D * D], moments[D * C];
  mst_syrk_at_a(D, ROWS, 1, r->x, D, 0, gram, D);
  mst_gemm(true, false, D, C, ROWS, 1, r->x, D, r->y, C, 0, moments, C);
  ck_ok(mst_ridge_solve(D, C, gram, D, moments, C, ridge, w));
}

static double relative_difference(const double *a, const double *b, int n) {
  double difference = 0, norm = 0;
  for (int i = 0; i < n; i++) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  return sqrt(difference / norm);
}

static void fold_clients(const rows *r, int clients, mst_aa_model *u) {
  int first[257];
  cut_rows(clients, first);
  local(r, first[0], first[1], u);
  for (int k = 1; k < clients; k++) {
    mst_aa_model v;
    local(r, first[k], first[k + 1], &v);
    ck_ok(mst_aa_fold(u, &v));
    mst_aa_free(&v);
  }
}

START_TEST(a_client_solves_its_own_ridge_problem) {
  static rows r;
  make_rows(&r);
  mst_aa_model u;
  double w[D * C];
  local(&r, 0, ROWS, &u);
  pooled(&r, GAMMA, w);
  ck_assert_double_lt(relative_difference(u.weights, w, D * C), 1e-13);
  for (int i = 0; i < D; i++)
    for (int j = 0; j < D; j++) {
      double sum = i == j ? GAMMA : 0;
      for (int k = 0; k < ROWS; k++) sum += r.x[k * D + i] * r.x[k * D + j];
      ck_assert_double_eq_tol(u.gram[i * D + j], sum, 1e-11);
    }
  mst_aa_free(&u);
}
END_TEST

START_TEST(folding_any_number_of_clients_equals_the_pooled_solution) {
  static rows r;
  make_rows(&r);
  const int clients[] = {1, 2, 10, 100, 250};
  for (int i = 0; i < 5; i++) {
    mst_aa_model u;
    double w[D * C];
    fold_clients(&r, clients[i], &u);
    pooled(&r, clients[i] * GAMMA, w);
    ck_assert_double_lt(relative_difference(u.weights, w, D * C), 1e-9);
    ck_ok(mst_aa_remove_regulariser(&u, clients[i], GAMMA));
    pooled(&r, 0, w);
    ck_assert_double_lt(relative_difference(u.weights, w, D * C), 1e-9);
    for (int j = 0; j < D; j++) {
      double sum = 0;
      for (int k = 0; k < ROWS; k++) sum += r.x[k * D + j] * r.x[k * D + j];
      ck_assert_double_eq_tol(u.gram[j * D + j], sum, 1e-9);
    }
    mst_aa_free(&u);
  }
}
END_TEST

START_TEST(the_cuts_of_these_tests_leave_clients_empty) {
  int first[257], empty = 0;
  cut_rows(100, first);
  for (int k = 0; k < 100; k++) empty += first[k] == first[k + 1];
  ck_assert_int_gt(empty, 10);
  ck_assert_int_lt(empty, 90);
}
END_TEST

START_TEST(a_fold_is_the_gram_weighted_mean) {
  static rows r;
  make_rows(&r);
  mst_aa_model u, v;
  double sum[D * D], right[D * C], w[D * C];
  local(&r, 0, 5, &u); /* fewer rows than features */
  local(&r, 5, 90, &v);
  mst_gemm(false, false, D, C, D, 1, u.gram, D, u.weights, C, 0, right, C);
  mst_gemm(false, false, D, C, D, 1, v.gram, D, v.weights, C, 1, right, C);
  for (int i = 0; i < D * D; i++) sum[i] = u.gram[i] + v.gram[i];
  ck_ok(mst_ridge_solve(D, C, sum, D, right, C, 0, w));
  ck_ok(mst_aa_fold(&u, &v));
  ck_assert_double_lt(relative_difference(u.weights, w, D * C), 1e-11);
  ck_assert_mem_eq(u.gram, sum, sizeof sum);
  mst_aa_free(&u);
  mst_aa_free(&v);
}
END_TEST

START_TEST(folding_is_symmetric) {
  static rows r;
  make_rows(&r);
  mst_aa_model u, v, p, q;
  local(&r, 0, 5, &u);
  local(&r, 5, 90, &v);
  local(&r, 0, 5, &p);
  local(&r, 5, 90, &q);
  ck_ok(mst_aa_fold(&u, &v));
  ck_ok(mst_aa_fold(&q, &p));
  ck_assert_double_lt(relative_difference(u.weights, q.weights, D * C), 1e-11);
  mst_aa_free(&u);
  mst_aa_free(&v);
  mst_aa_free(&p);
  mst_aa_free(&q);
}
END_TEST

START_TEST(a_client_without_rows_has_zero_weights_and_changes_nothing_in_the_end) {
  static rows r;
  make_rows(&r);
  mst_aa_model u, empty, alone;
  ck_ok(mst_aa_local(0, D, C, NULL, NULL, GAMMA, &empty));
  for (int i = 0; i < D * C; i++) ck_assert_double_eq(empty.weights[i], 0);
  for (int i = 0; i < D * D; i++) ck_assert_double_eq(empty.gram[i], i % (D + 1) == 0 ? GAMMA : 0);
  local(&r, 0, 100, &u);
  local(&r, 0, 100, &alone);
  ck_ok(mst_aa_fold(&u, &empty));
  ck_assert_double_gt(relative_difference(u.weights, alone.weights, D * C), 1e-4);
  ck_ok(mst_aa_remove_regulariser(&u, 2, GAMMA));
  ck_ok(mst_aa_remove_regulariser(&alone, 1, GAMMA));
  ck_assert_double_lt(relative_difference(u.weights, alone.weights, D * C), 1e-10);
  mst_aa_free(&u);
  mst_aa_free(&empty);
  mst_aa_free(&alone);
}
END_TEST

START_TEST(what_cannot_be_solved_is_refused) {
  static rows r;
  make_rows(&r);
  mst_aa_model u, v;
  const double gamma[] = {0, -1, NAN, INFINITY};
  for (int i = 0; i < 4; i++) {
    ck_refused(mst_aa_local(5, D, C, r.x, r.y, gamma[i], &u), MST_ERR_INPUT, "gamma");
    ck_assert_ptr_null(u.gram);
  }
  ck_refused(mst_aa_local(-1, D, C, r.x, r.y, 1, &u), MST_ERR_INPUT, "-1 rows");
  ck_refused(mst_aa_local(5, 0, C, r.x, r.y, 1, &u), MST_ERR_INPUT, "0 features");
  local(&r, 0, 5, &u);
  ck_ok(mst_aa_local(5, D - 1, C, r.x, r.y, 1, &v));
  ck_refused(mst_aa_fold(&u, &v), MST_ERR_INPUT, "11");
  double before[D * C];
  memcpy(before, u.weights, sizeof before);
  ck_refused(mst_aa_remove_regulariser(&u, 1, GAMMA), MST_ERR_SINGULAR,
             "removing the regularisers");
  ck_assert_mem_eq(u.weights, before, sizeof before);
  mst_aa_free(&u);
  mst_aa_free(&v);
}
END_TEST

START_TEST(no_allocation_failure_leaks_or_harms_the_model) {
  static rows r;
  make_rows(&r);
  int64_t held = mst_memory_current();
  mst_aa_model u, v;
  for (int n = 1; n <= 4; n++) {
    mst_memory_fail_at(n);
    ck_refused(mst_aa_local(50, D, C, r.x, r.y, GAMMA, &u), MST_ERR_MEMORY, "cannot allocate");
    ck_assert_int_eq(mst_memory_current(), held);
  }
  mst_memory_fail_at(0);
  local(&r, 0, 50, &u);
  local(&r, 50, 90, &v);
  double before[D * C];
  memcpy(before, u.weights, sizeof before);
  mst_memory_fail_at(1);
  ck_refused(mst_aa_fold(&u, &v), MST_ERR_MEMORY, "AA law");
  for (int n = 1; n <= 3; n++) {
    mst_memory_fail_at(n);
    ck_refused(mst_aa_remove_regulariser(&u, 1, GAMMA), MST_ERR_MEMORY, "removing");
  }
  ck_assert_mem_eq(u.weights, before, sizeof before);
  mst_aa_free(&u);
  mst_aa_free(&v);
  ck_assert_int_eq(mst_memory_current(), held);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("aa_law");
  TCase *c = tcase_create("aa_law");
  tcase_add_test(c, a_client_solves_its_own_ridge_problem);
  tcase_add_test(c, folding_any_number_of_clients_equals_the_pooled_solution);
  tcase_add_test(c, the_cuts_of_these_tests_leave_clients_empty);
  tcase_add_test(c, a_fold_is_the_gram_weighted_mean);
  tcase_add_test(c, folding_is_symmetric);
  tcase_add_test(c, a_client_without_rows_has_zero_weights_and_changes_nothing_in_the_end);
  tcase_add_test(c, what_cannot_be_solved_is_refused);
  tcase_add_test(c, no_allocation_failure_leaks_or_harms_the_model);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
