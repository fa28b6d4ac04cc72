/* Rows to their owners: complete, in global order, through buffers of any size. */
#include "tests/comm/comm_test.h"

/* Rows of the source r, and where its i-th goes: to a random rank, one in five nowhere. */
static int64_t rows_of(int pattern, int r, int64_t n) {
  return pattern == 1 && r % 2 == 0 ? 0 : pattern == 2 ? n * (r + 1) / 3 : n;
}

static int32_t goes_to(int pattern, int r, int64_t i, int p) {
  uint64_t word = mixed(r, i);
  switch (pattern) {
    case 3: return 0;           /* all to the first */
    case 4: return -1;          /* none             */
    case 5: return (r + 1) % p; /* a ring           */
    default: return word % 5 == 0 ? -1 : (int32_t)(word / 5 % (uint64_t)p);
  }
}

/* Byte b of a row is a function of its source, its number there and b. */
static void fill_row(unsigned char *row, int r, int64_t i, int64_t row_bytes) {
  uint64_t word = mixed(r + 1000, i);
  for (int64_t b = 0; b < row_bytes; b++)
    row[b] = (unsigned char)((word >> (b % 8 * 8)) + (uint64_t)(b / 8));
}

static void check_exchange(mst_team *team, int pattern, int64_t n, int64_t row_bytes,
                           int64_t buffer_bytes) {
  int p = mst_team_size(team), rank = mst_team_rank(team);
  int64_t n_rows = rows_of(pattern, rank, n), n_recv = 0, expected = 0;
  unsigned char *rows = get(n_rows * row_bytes, 1), *row = get(row_bytes, 1);
  int32_t *destination = get(n_rows, sizeof *destination);
  for (int64_t i = 0; i < n_rows; i++) {
    destination[i] = goes_to(pattern, rank, i, p);
    fill_row(rows + i * row_bytes, rank, i, row_bytes);
  }
  ck_ok(mst_exchange_count(team, n_rows, destination, &n_recv));
  unsigned char *recv = get(n_recv * row_bytes + 1, 1);
  recv[n_recv * row_bytes] = 55;
  ck_ok(mst_exchange_rows(team, rows, n_rows, row_bytes, destination, recv, n_recv, buffer_bytes));
  int64_t wrong = 0;
  for (int r = 0; r < p; r++)
    for (int64_t i = 0; i < rows_of(pattern, r, n); i++) {
      if (goes_to(pattern, r, i, p) != rank) continue;
      fill_row(row, r, i, row_bytes);
      wrong +=
          expected >= n_recv || memcmp(row, recv + expected * row_bytes, (size_t)row_bytes) != 0;
      expected++;
    }
  ck_assert_int_eq(expected, n_recv);
  ck_assert_int_eq(wrong, 0);
  ck_assert_int_eq(recv[n_recv * row_bytes], 55);
  mst_free(rows);
  mst_free(row);
  mst_free(destination);
  mst_free(recv);
}

START_TEST(rows_arrive_complete_and_in_order) {
  mst_team *team = make_team(0);
  for (int pattern = 0; pattern < 6; pattern++) {
    check_exchange(team, pattern, 300, 24, 0);
    check_exchange(team, pattern, 60, 1, 0);
    check_exchange(team, pattern, 40, 3000, 0);
  }
  check_exchange(team, 0, 0, 8, 0);
  mst_team_destroy(team);
}
END_TEST

START_TEST(small_buffers_take_more_rounds) {
  mst_team *team = make_team(0);
  for (int pattern = 0; pattern < 6; pattern++) {
    check_exchange(team, pattern, 30, 24, 1);     /* less than a row: one row a round */
    check_exchange(team, pattern, 100, 24, 1000); /* 41 rows, and a rest */
    check_exchange(team, pattern, 12, 3000, 7000);
  }
  mst_team_destroy(team);
}
END_TEST

START_TEST(rows_longer_than_a_call_are_cut) {
  mst_team *team = make_team(0);
  mst_comm_limit(team, 1000, 0);
  for (int pattern = 0; pattern < 6; pattern++) check_exchange(team, pattern, 25, 3001, 20000);
  mst_team_destroy(team);
}
END_TEST

START_TEST(buffers_stay_within_their_bound) {
  enum {
    ROWS = 2000,
    BYTES = 100,
    BUFFER = 5000
  };
  mst_team *team = make_team(0);
  char *rows = get(ROWS, BYTES), *recv = get(ROWS, BYTES);
  int32_t *destination = get(ROWS, 4);
  for (int i = 0; i < ROWS; i++) destination[i] = mst_team_rank(team);
  void *ballast = reach_peak();
  int64_t held = mst_memory_current();
  ck_ok(mst_exchange_rows(team, rows, ROWS, BYTES, destination, recv, ROWS, BUFFER));
  ck_assert_int_gt(mst_memory_peak(), held);
  ck_assert_int_le(mst_memory_peak() - held, BUFFER + 64 * 8 * 8);
  mst_free(ballast);
  mst_free(rows);
  mst_free(recv);
  mst_free(destination);
  mst_team_destroy(team);
}
END_TEST

START_TEST(one_wrong_destination_stops_all_ranks) {
  mst_team *team = make_team(0);
  int size = mst_team_size(team);
  int32_t destination[3] = {0, 0, 0};
  char rows[3] = "ab", recv[64 * 3];
  int64_t n_recv = 0;
  if (mst_team_rank(team) == size - 1) destination[1] = size;
  ck_refused(mst_exchange_count(team, 3, destination, &n_recv), MST_ERR_INTERNAL, "row 1 goes to");
  ck_refused(mst_exchange_rows(team, rows, 3, 1, destination, recv, 0, 0), MST_ERR_INTERNAL,
             "row 1 goes to");
  destination[1] = -2;
  ck_refused(mst_exchange_count(team, 3, destination, &n_recv), MST_ERR_INTERNAL, "rank -2");
  destination[1] = 0;
  n_recv = mst_team_rank(team) == 0 ? 3 * size - 1 : 0; /* one too few */
  ck_refused(mst_exchange_rows(team, rows, 3, 1, destination, recv, n_recv, 0), MST_ERR_INTERNAL,
             "mst_exchange_count");
  mst_team_destroy(team);
}
END_TEST

START_TEST(one_rank_without_memory_stops_all_ranks) {
  mst_team *team = make_team(0);
  int32_t destination[2] = {0, -1};
  char rows[2] = "a", recv[64];
  int64_t n_recv = mst_team_rank(team) == 0 ? mst_team_size(team) : 0;
  for (int n = 1; n <= 2; n++) {
    if (mst_team_rank(team) == mst_team_size(team) - 1) mst_memory_fail_at(n);
    ck_refused(mst_exchange_rows(team, rows, 2, 1, destination, recv, n_recv, 0), MST_ERR_MEMORY,
               "row");
  }
  mst_memory_fail_at(0);
  ck_ok(mst_exchange_rows(team, rows, 2, 1, destination, recv, n_recv, 0));
  mst_team_destroy(team);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("exchange");
  TCase *c = tcase_create("exchange");
  tcase_add_test(c, buffers_stay_within_their_bound);
  tcase_add_test(c, rows_arrive_complete_and_in_order);
  tcase_add_test(c, small_buffers_take_more_rounds);
  tcase_add_test(c, rows_longer_than_a_call_are_cut);
  tcase_add_test(c, one_wrong_destination_stops_all_ranks);
  tcase_add_test(c, one_rank_without_memory_stops_all_ranks);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
