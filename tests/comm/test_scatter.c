/* Reduce-scatter: any split into parts, every transport, rounds of any length, nothing copied. */
#include "tests/comm/comm_test.h"

/* Ways to split n elements over p ranks. */
#define SPLITS 6

static int64_t part_of(int split, int r, int p, int64_t n) {
  switch (split) {
    case 0: return n / p + (r < n % p);              /* even                   */
    case 1: return r == 0 ? n : 0;                   /* all to the first       */
    case 2: return r == p - 1 ? n : 0;               /* all to the last        */
    case 3: return r == p / 2 ? n - 3 * (p - 1) : 3; /* one large, others tiny */
    case 4: return r % 2 == 0 ? n / p : 0;           /* every other one empty  */
    default: return (r + 1) * n / (p * p);           /* growing                */
  }
}

static void check_scatter(mst_team *team, int split, int64_t n) {
  int p = mst_team_size(team), rank = mst_team_rank(team);
  int64_t count[64], total = 0, first = 0;
  for (int r = 0; r < p; r++) {
    count[r] = part_of(split, r, p, n);
    if (r < rank) first += count[r];
    total += count[r];
  }
  int64_t *send = get(total, 8), *kept = get(total, 8), *recv = get(count[rank] + 1, 8);
  int64_t *expected = get(count[rank] + 1, 8);
  for (int64_t i = 0; i < total; i++) kept[i] = send[i] = (int64_t)mixed(rank, i);
  recv[count[rank]] = expected[count[rank]] = 4711;
  for (int64_t i = 0; i < count[rank]; i++)
    for (int r = 0; r < p; r++)
      expected[i] = (int64_t)((uint64_t)expected[i] + mixed(r, first + i));
  ck_ok(mst_sum_scatter_i64(team, send, count, recv));
  same_words(recv, expected, count[rank] + 1);
  same_words(send, kept, total);
  mst_free(send);
  mst_free(kept);
  mst_free(recv);
  mst_free(expected);
}

START_TEST(every_split_gives_each_rank_its_sums) {
  for (int transport = 0; transport < TRANSPORTS; transport++) {
    mst_team *team = make_team(transport);
    for (int limited = 0; limited < 2; limited++) {
      mst_comm_limit(team, 0, limited ? 100 : 0);
      for (int split = 0; split < SPLITS; split++) check_scatter(team, split, 1999);
      check_scatter(team, 0, 0);
      check_scatter(team, 0, 1);
    }
    mst_team_destroy(team);
  }
}
END_TEST

START_TEST(parts_longer_than_the_segments_arrive) {
  for (int transport = 0; transport < 2; transport++) {
    mst_team *team = make_team(transport);
    check_scatter(team, 0, 200000);
    check_scatter(team, 3, 200000);
    mst_team_destroy(team);
  }
}
END_TEST

START_TEST(fast_scatter_is_close) {
  enum {
    N = 5000
  };
  for (int transport = 0; transport < TRANSPORTS; transport++) {
    mst_team *team = make_team(transport);
    mst_comm_limit(team, 0, 700);
    int p = mst_team_size(team), rank = mst_team_rank(team);
    double *send = get(N, 8), *recv = get(N, 8), worst = 0;
    int64_t count[64], first = 0;
    for (int r = 0; r < p; r++) {
      count[r] = part_of(5, r, p, N);
      if (r < rank) first += count[r];
    }
    for (int i = 0; i < N; i++) send[i] = cos(i + 0.1 * rank);
    ck_ok(mst_sum_scatter_fast(team, send, count, recv));
    for (int64_t i = 0; i < count[rank]; i++) {
      double expected = 0;
      for (int r = 0; r < p; r++) expected += cos((double)(first + i) + 0.1 * r);
      worst = fmax(worst, fabs(recv[i] - expected));
    }
    ck_assert_double_le(worst, 1e-13);
    mst_free(send);
    mst_free(recv);
    mst_team_destroy(team);
  }
}
END_TEST

START_TEST(no_copy_of_the_input_is_made) {
  enum {
    N = 400000
  };
  mst_team *team = make_team(0);
  int p = mst_team_size(team);
  int64_t count[64], *send = get(N, 8), *recv = get(N, 8);
  for (int r = 0; r < p; r++) count[r] = part_of(0, r, p, N);
  void *ballast = reach_peak();
  int64_t held = mst_memory_current();
  ck_ok(mst_sum_scatter_i64(team, send, count, recv));
  ck_assert_int_le(mst_memory_peak() - held, 1 << 16);
  mst_free(ballast);
  mst_free(send);
  mst_free(recv);
  mst_team_destroy(team);
}
END_TEST

START_TEST(a_negative_part_is_refused) {
  mst_team *team = make_team(0);
  int64_t count[64] = {0}, x = 0;
  count[mst_team_size(team) - 1] = -4;
  ck_refused(mst_sum_scatter_i64(team, &x, count, &x), MST_ERR_INTERNAL, "-4 entries");
  mst_team_destroy(team);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("scatter");
  TCase *c = tcase_create("scatter");
  tcase_add_test(c, no_copy_of_the_input_is_made);
  tcase_add_test(c, every_split_gives_each_rank_its_sums);
  tcase_add_test(c, parts_longer_than_the_segments_arrive);
  tcase_add_test(c, fast_scatter_is_close);
  tcase_add_test(c, a_negative_part_is_refused);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
