/* All-gather: parts of any length, in place or not, at once or round the ring in pieces. */
#include "tests/comm/comm_test.h"

static unsigned char byte_of(int rank, int64_t i) {
  return (unsigned char)(mixed(rank, i) >> 13);
}

static void check_gather(mst_team *team, const int64_t *bytes, bool in_place) {
  int p = mst_team_size(team), rank = mst_team_rank(team);
  int64_t total = 0, first = 0;
  for (int r = 0; r < p; r++) {
    if (r == rank) first = total;
    total += bytes[r];
  }
  unsigned char *recv = get(total + 1, 1), *own = get(bytes[rank], 1);
  recv[total] = 99;
  unsigned char *mine = in_place ? recv + first : own;
  for (int64_t i = 0; i < bytes[rank]; i++) mine[i] = byte_of(rank, i);
  ck_ok(mst_gather_all(team, mine, bytes, recv));
  int64_t at = 0, wrong = 0;
  for (int r = 0; r < p; r++)
    for (int64_t i = 0; i < bytes[r]; i++) wrong += recv[at++] != byte_of(r, i);
  ck_assert_int_eq(wrong, 0);
  ck_assert_int_eq(recv[total], 99);
  mst_free(recv);
  mst_free(own);
}

START_TEST(all_parts_arrive_in_rank_order) {
  mst_team *team = make_team(0);
  int p = mst_team_size(team);
  for (int limited = 0; limited < 2; limited++) { /* 10 bytes a call: the ring, in pieces */
    mst_comm_limit(team, limited ? 10 : 0, 0);
    for (int shape = 0; shape < 5; shape++) {
      int64_t bytes[64];
      for (int r = 0; r < p; r++)
        bytes[r] = shape == 0   ? 37
                   : shape == 1 ? r * 11
                   : shape == 2 ? (r == p - 1) * 250
                   : shape == 3 ? (r % 2) * 23
                                : 0;
      check_gather(team, bytes, false);
      check_gather(team, bytes, true);
    }
  }
  mst_team_destroy(team);
}
END_TEST

START_TEST(numbers_of_all_ranks_arrive) {
  mst_team *team = make_team(0);
  int64_t all[64];
  ck_ok(mst_gather_i64(team, -7 * mst_team_rank(team), all));
  for (int r = 0; r < mst_team_size(team); r++) ck_assert_int_eq(all[r], -7 * r);
  mst_team_destroy(team);
}
END_TEST

START_TEST(a_negative_part_is_refused) {
  mst_team *team = make_team(0);
  int64_t bytes[64] = {0};
  bytes[0] = -1;
  ck_refused(mst_gather_all(team, NULL, bytes, NULL), MST_ERR_INTERNAL, "-1 bytes");
  mst_team_destroy(team);
}
END_TEST

/* With MST_TEST_LARGE set: more than 2^31 bytes, without lowered limits. 2.2 GB a rank. */
START_TEST(more_than_2_31_bytes_are_gathered_and_copied) {
  mst_team *team = make_team(0);
  int p = mst_team_size(team), rank = mst_team_rank(team);
  int64_t total = ((int64_t)1 << 31) + 4567, bytes[64], first = 0;
  unsigned char *all = get(total, 1);
  for (int r = 0; r < p; r++) {
    bytes[r] = total / p + (r < total % p);
    if (r < rank) first += bytes[r];
  }
  for (int64_t i = 0; i < bytes[rank]; i++) all[first + i] = (unsigned char)((first + i) % 251);
  ck_ok(mst_gather_all(team, all + first, bytes, all));
  for (int64_t i = 0; i < total; i++)
    if (all[i] != i % 251) ck_abort_msg("gathered byte %lld", (long long)i);
  if (rank != p - 1) memset(all, 0, (size_t)total);
  ck_ok(mst_team_bcast(team, all, total, p - 1));
  for (int64_t i = 0; i < total; i++)
    if (all[i] != i % 251) ck_abort_msg("copied byte %lld", (long long)i);
  mst_free(all);
  mst_team_destroy(team);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("gather");
  TCase *c = tcase_create("gather");
  tcase_add_test(c, all_parts_arrive_in_rank_order);
  tcase_add_test(c, numbers_of_all_ranks_arrive);
  tcase_add_test(c, a_negative_part_is_refused);
  if (getenv("MST_TEST_LARGE") != NULL)
    tcase_add_test(c, more_than_2_31_bytes_are_gathered_and_copied);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
