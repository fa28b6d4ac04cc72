/* Designs with few arms, of one set and of several clients: their certificates are true. */
#include "core/bandit/client_design.h"
#include "core/bandit/design.h"
#include "tests/core/bandit_game.h"

START_TEST(a_core_set_has_few_arms_and_a_true_certificate) {
  enum {
    N = 150
  };
  static const int64_t dimension[] = {2, 5, 20};
  static const double gap[] = {1, 0.1};
  static double x[N * 20], weight[N], v[20 * 20];
  double *work = NULL;
  bool keep[N];
  ck_ok(mst_alloc(&work, mst_design_work(N, 20), sizeof *work, "work"));
  for (int a = 0; a < N; a++) keep[a] = a % 4 != 0;
  for (int c = 0; c < 6; c++) {
    const int64_t d = dimension[c / 2];
    double reached = -1, sum = 0, most = 0;
    int64_t support = 0;
    draw_arms((uint64_t)c, N, d, x);
    ck_ok(mst_design_core(N, d, x, keep, gap[c % 2], weight, v, work, &reached));
    ck_assert(reached <= gap[c % 2]);
    for (int a = 0; a < N; a++) {
      ck_assert(weight[a] >= 0 && (keep[a] || weight[a] == 0));
      sum += weight[a];
      support += weight[a] > 0;
    }
    ck_assert_double_eq_tol(sum, 1, 1e-12);
    for (int a = 0; a < N; a++)
      if (keep[a]) most = fmax(most, variance(N, d, x, weight, x + a * d));
    ck_assert_double_eq_tol(most, (1 + reached) * (double)d, 1e-5 * (double)d);
    const double bound = 4 * (double)d * log(fmax(log((double)d), 1)) + 16;
    ck_assert_msg((double)support <= bound, "d %lld: %lld arms", (long long)d, (long long)support);
  }
  mst_free(work);
}
END_TEST

START_TEST(a_core_set_of_arms_in_a_plane_of_equal_ones_and_of_one) {
  double x[6 * D] = {0}, weight[6], v[D * D], *work = NULL, reached = -1;
  bool keep[6] = {true, true, true, true, true, true};
  for (int a = 0; a < 6; a++) x[a * D] = cos(a), x[a * D + 2] = sin(a);
  ck_ok(mst_alloc(&work, mst_design_work(6, D), sizeof *work, "work"));
  ck_ok(mst_design_core(6, D, x, keep, 0.01, weight, v, work, &reached));
  ck_assert(reached <= 0.01);
  ck_assert_double_eq_tol(v[0] + v[2 * D + 2], 1, 1e-12);
  ck_assert_double_eq_tol(v[0], 0.5, 0.05); /* even in all directions of the plane */
  for (int a = 1; a < 6; a++) keep[a] = false;
  ck_ok(mst_design_core(6, D, x, keep, 0.01, weight, v, work, &reached));
  ck_assert(weight[0] == 1);
  for (int a = 0; a < 6; a++) memcpy(x + a * D, x, D * sizeof *x), keep[a] = true;
  ck_ok(mst_design_core(6, D, x, keep, 0.01, weight, v, work, &reached));
  ck_assert(reached <= 0.01);
  memset(x, 0, sizeof x);
  ck_refused(mst_design_core(6, D, x, keep, 0.01, weight, v, work, &reached), MST_ERR_SINGULAR,
             "all 0");
  mst_free(work);
}
END_TEST

START_TEST(clients_share_a_design_whose_certificate_is_true) {
  enum {
    KINDS = 6,
    N = 12
  };
  static const int64_t count[KINDS] = {1, 3, 2, 1, 5, 1};
  double x[KINDS * N * D], weight[KINDS * N], scaled[KINDS * N], *work = NULL;
  bool keep[KINDS * N];
  for (int kinds = 1; kinds <= KINDS; kinds += 5) {
    const mst_client_arms c = {
        .kinds = kinds, .arms = N, .d = D, .count = count, .x = x, .keep = keep};
    double reached = -1, largest = 0, all = 0;
    int64_t support = 0;
    draw_arms((uint64_t)kinds, KINDS * N, D, x);
    for (int i = 0; i < KINDS * N; i++) keep[i] = i % 5 != 1;
    /* One client's arms all lie in one direction; of another one arm is left. */
    for (int i = 3 * N; kinds > 1 && i < 4 * N; i++) x[i * D] = x[i * D + 1] = x[i * D + 2] = 0;
    for (int i = 5 * N + 1; i < 6 * N; i++) keep[i] = false;
    ck_ok(mst_alloc(&work, mst_client_design_work(&c), sizeof *work, "work"));
    ck_ok(mst_client_design_find(&c, 0.02, weight, work, &reached));
    ck_assert(reached <= 0.02);
    for (int k = 0; k < kinds; k++) {
      double sum = 0;
      for (int i = k * N; i < (k + 1) * N; i++) {
        ck_assert(weight[i] >= 0 && (keep[i] || weight[i] == 0));
        scaled[i] = weight[i] * (double)count[k];
        support += weight[i] > 0;
        sum += weight[i];
      }
      ck_assert_double_eq_tol(sum, 1, 1e-12);
    }
    for (int k = 0; k < kinds; k++) {
      double most = 0;
      for (int i = k * N; i < (k + 1) * N; i++)
        if (keep[i]) most = fmax(most, variance(kinds * N, D, x, scaled, x + i * D));
      largest += (double)count[k] * most;
      all += (double)count[k];
    }
    ck_assert(all > 0 && largest <= 1.0201 * D);
    ck_assert_double_eq_tol(largest, (1 + reached) * D, 1e-5);
    ck_assert(support <= kinds - 1 + D * (D + 1) / 2);
    mst_free(work);
  }
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("bandit_design");
  TCase *tc = tcase_create("core");
  tcase_add_test(tc, a_core_set_has_few_arms_and_a_true_certificate);
  tcase_add_test(tc, a_core_set_of_arms_in_a_plane_of_equal_ones_and_of_one);
  tcase_add_test(tc, clients_share_a_design_whose_certificate_is_true);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
