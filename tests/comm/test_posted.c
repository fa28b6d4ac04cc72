/* Posted sums: the sums of a reduce-scatter, in whatever pieces and at whatever times ranks post. */
#include "tests/comm/comm_test.h"

#include <time.h>

#include "comm/posted.h"

enum {
  MOST = 64,
  SPLITS = 4,
  PACES = 4
};

static int64_t part_of(int split, int r, int p, int64_t n) {
  switch (split) {
    case 0: return n / p + (r < n % p);   /* even                   */
    case 1: return r == p - 1 ? n : 0;    /* all to the last        */
    case 2: return r % 2 == 0 ? n / p : 0; /* every other one empty  */
    default: return (r + 1) * n / (p * p); /* growing                */
  }
}

/* As `mixed`, fewer bits and less time. */
static int64_t term(int64_t rank, int64_t seed, int64_t i) {
  uint64_t x = (uint64_t)(rank + 100 * seed + 1) * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)i;
  x = (x ^ x >> 31) * UINT64_C(0xbf58476d1ce4e5b9);
  return (int64_t)(x ^ x >> 29);
}

/* Write the terms from the last to the first, and post them: in small steps, in long ones, slowly,
 * or not at all; each rank in its own way. */
static void write_terms(mst_posted_sum *s, int pace, int rank, int64_t seed, int64_t n) {
  static const int64_t step[PACES] = {41, 300, 97, INT64_MAX / 2};
  int64_t *terms = mst_posted_sum_terms(s), each = step[(pace + rank) % PACES];
  for (int64_t at = n; at > 0;) {
    int64_t first = at > each ? at - each : 0;
    for (int64_t i = first; i < at; i++) terms[i] = term(rank, seed, i);
    if (each == 97 && n < 2000) nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
    if (each < n) mst_posted_sum_post(s, first);
    at = first;
  }
}

static void check_part(const int64_t *part, int p, int64_t seed, int64_t first, int64_t n) {
  int64_t *expected = get(n, 8);
  for (int64_t i = 0; i < n; i++)
    for (int r = 0; r < p; r++)
      expected[i] = (int64_t)((uint64_t)expected[i] + (uint64_t)term(r, seed, first + i));
  same_words(part, expected, n);
  mst_free(expected);
}

/* Three sums, one after the other, on the same terms; other collectives come between. */
static void check_sums(mst_team *team, int split, int pace, int64_t n) {
  int p = mst_team_size(team), rank = mst_team_rank(team);
  int64_t count[MOST], total = 0, first = 0;
  mst_posted_sum *s = NULL;
  for (int r = 0; r < p; r++) {
    count[r] = part_of(split, r, p, n);
    if (r < rank) first += count[r];
    total += count[r];
  }
  ck_ok(mst_posted_sum_create(team, count, &s));
  for (int64_t seed = 0; seed < 3; seed++) {
    const int64_t *part = NULL;
    double most = rank;
    mst_posted_sum_begin(s);
    write_terms(s, pace, rank, seed, total);
    if (seed == 1) ck_ok(mst_max_f64(team, &most, 1));
    if (seed == 1) ck_assert_double_eq(most, p - 1);
    ck_ok(mst_posted_sum_finish(s, &part));
    check_part(part, p, seed, first, count[rank]);
  }
  mst_posted_sum_destroy(s);
}

START_TEST(every_pace_and_split_gives_each_rank_its_sums) {
  for (int transport = 0; transport < TRANSPORTS; transport++) {
    mst_team *team = make_team(transport);
    mst_comm_limit(team, 0, 100);
    for (int k = 0; k < SPLITS; k++) check_sums(team, k, k, 1500);
    check_sums(team, 0, 0, 0);
    check_sums(team, 0, 1, 1);
    mst_team_destroy(team);
  }
}
END_TEST

START_TEST(sums_of_many_whole_buckets_arrive) {
  for (int transport = 0; transport < TRANSPORTS; transport += 2) {
    mst_team *team = make_team(transport);
    check_sums(team, 0, 1, transport == 0 ? 100000 : 300000);
    mst_team_destroy(team);
  }
}
END_TEST

/* What the plain reduce-scatter counts: each rank's bytes to the others. */
START_TEST(bytes_are_those_of_the_plain_sum) {
  enum {
    N = 4000
  };
  for (int transport = 0; transport < TRANSPORTS; transport++) {
    mst_team *team = make_team(transport);
    int p = mst_team_size(team), rank = mst_team_rank(team);
    int64_t count[MOST], *recv = get(N, 8), *send = get(N, 8), bytes[2][2];
    const int64_t *part = NULL;
    mst_posted_sum *s = NULL;
    for (int r = 0; r < p; r++) count[r] = part_of(0, r, p, N);
    ck_ok(mst_posted_sum_create(team, count, &s));
    for (int way = 0; way < 2; way++) {
      mst_meter before = mst_team_meter(team);
      if (way == 0) {
        ck_ok(mst_sum_scatter_i64(team, send, count, recv));
      } else {
        mst_posted_sum_begin(s);
        write_terms(s, 0, rank, 0, N);
        ck_ok(mst_posted_sum_finish(s, &part));
      }
      mst_meter after = mst_team_meter(team);
      bytes[way][0] = after.mpi_bytes - before.mpi_bytes;
      bytes[way][1] = after.shared_bytes - before.shared_bytes;
    }
    ck_ok(mst_sum_i64(team, bytes[0], 4));
    ck_assert_int_eq(bytes[1][1], bytes[0][1]);
    /* an agreement, and a rounding down in each of the plain sum's calls */
    ck_assert_int_le(llabs(bytes[1][0] - bytes[0][0]), 16 * p);
    mst_posted_sum_destroy(s);
    mst_free(recv);
    mst_free(send);
    mst_team_destroy(team);
  }
}
END_TEST

START_TEST(a_negative_part_is_refused) {
  mst_team *team = make_team(0);
  mst_posted_sum *s = NULL;
  int64_t count[MOST] = {0};
  count[mst_team_size(team) - 1] = -4;
  ck_refused(mst_posted_sum_create(team, count, &s), MST_ERR_INTERNAL, "-4 entries");
  ck_assert_ptr_null(s);
  mst_team_destroy(team);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("posted");
  TCase *c = tcase_create("posted");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, every_pace_and_split_gives_each_rank_its_sums);
  tcase_add_test(c, sums_of_many_whole_buckets_arrive);
  tcase_add_test(c, bytes_are_those_of_the_plain_sum);
  tcase_add_test(c, a_negative_part_is_refused);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
