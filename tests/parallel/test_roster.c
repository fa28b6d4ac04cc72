/* The roster: its sequence and blocks against their definition, on any number of ranks the same;
 * the ranks' shares; and rows that arrive where the roster says, or one error everywhere. */
#define MST_TEST_MPI
#include "parallel/roster.h"

#include <string.h>

#include "comm/sum.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "tests/harness.h"
#include "tests/parallel/teams.h"

/* Clients of n rows, drawn so that low numbers are common and many high ones stay empty; a third
 * of the rows belongs to one client when `heavy`. */
static int32_t *draw_clients(int64_t n, int64_t clients, bool heavy) {
  int32_t *client = calloc((size_t)n + 1, sizeof *client);
  mst_stream s = mst_stream_of(mst_key_make(5, MST_PURPOSE_TEST, (uint64_t)clients, 0));
  for (int64_t i = 0; i < n; i++) {
    uint64_t below = 1 + mst_stream_below(&s, (uint64_t)clients);
    client[i] = (int32_t)mst_stream_below(&s, below);
    if (heavy && i % 3 == 0) client[i] = (int32_t)(clients / 2);
  }
  return client;
}

/* All ranks, and this rank alone. */

/* Sizes that every structural test runs through. */
typedef struct shape {
  int64_t rows, clients;
  bool heavy;
} shape;
static const shape SHAPE[] = {{0, 0, false},   {0, 3, false},     {1, 1, false},
                              {513, 2, false}, {1536, 1, false},  {5000, 1, false},
                              {5000, 40, false}, {5000, 9000, false}, {20000, 7, true},
                              {20000, 60, true}};
#define SHAPES ((int)(sizeof SHAPE / sizeof SHAPE[0]))
/* Tests loop over shapes, first mixed, then single. */
#define SHAPE_OF(i) SHAPE[(i) % SHAPES]
#define SINGLE_OF(i) ((i) >= SHAPES)

static mst_roster *roster_of(const mst_team *t, shape s, bool single, int32_t **client) {
  *client = draw_clients(s.rows, s.clients > 0 ? s.clients : 1, s.heavy);
  mst_roster *r = NULL;
  ck_ok(mst_roster_create(t, s.rows, *client, s.clients, single, &r));
  ck_assert_int_eq(r->rows, s.rows);
  ck_assert_int_eq(r->clients, s.clients);
  ck_assert(r->single == single);
  return r;
}

/* Counts what is wrong and asserts once: an assertion of Check costs far more than a comparison. */
START_TEST(the_sequence_is_by_client_then_by_dataset_row) {
  int32_t *client = NULL;
  mst_roster *r = roster_of(world, SHAPE_OF(_i), SINGLE_OF(_i), &client);
  ck_assert_int_eq(r->client_first[0], 0);
  ck_assert_int_eq(r->client_first[r->clients], r->rows);
  int64_t wrong = 0;
  for (int64_t k = 0; k < r->clients; k++)
    for (int64_t j = r->client_first[k]; j < r->client_first[k + 1]; j++) {
      wrong += client[r->order[j]] != k;
      wrong += j > r->client_first[k] && r->order[j - 1] >= r->order[j];
    }
  ck_assert_int_eq(wrong, 0);
  mst_roster_destroy(r);
  free(client);
}
END_TEST

START_TEST(blocks_cover_the_sequence_and_are_full_but_at_borders) {
  int32_t *client = NULL;
  mst_roster *r = roster_of(world, SHAPE_OF(_i), SINGLE_OF(_i), &client);
  int64_t next = 0, wrong = 0;
  for (int64_t b = 0; b < r->blocks; b++) {
    mst_block block = r->block[b];
    wrong += block.first != next || block.rows < 1 || block.rows > MST_BLOCK_ROWS;
    next = block.first + block.rows;
    wrong += (block.client == -1) == r->single;
    int64_t first = r->single ? r->client_first[block.client] : 0;
    int64_t end = r->single ? r->client_first[block.client + 1] : r->rows;
    wrong += block.first < first || next > end;
    wrong += next < end && block.rows != MST_BLOCK_ROWS;
  }
  ck_assert_int_eq(wrong, 0);
  ck_assert_int_eq(next, r->rows);
  mst_roster_destroy(r);
  free(client);
}
END_TEST

START_TEST(sequence_and_blocks_do_not_depend_on_the_rank_count) {
  int32_t *client = NULL, *same = NULL;
  mst_roster *a = roster_of(world, SHAPE_OF(_i), SINGLE_OF(_i), &client);
  mst_roster *b = roster_of(alone, SHAPE_OF(_i), SINGLE_OF(_i), &same);
  size_t rows = (size_t)a->rows, clients = (size_t)a->clients;
  if (rows > 0) ck_assert_mem_eq(a->order, b->order, rows * sizeof *a->order);
  ck_assert_mem_eq(a->client_first, b->client_first, (clients + 1) * sizeof *a->client_first);
  ck_assert_int_eq(a->blocks, b->blocks);
  if (a->blocks > 0)
    ck_assert_mem_eq(a->block, b->block, (size_t)a->blocks * sizeof *a->block);
  ck_assert_int_eq(b->first, 0);
  ck_assert_int_eq(b->count, b->rows);
  mst_roster_destroy(a);
  mst_roster_destroy(b);
  free(client);
  free(same);
}
END_TEST

/* The ranks' places follow each other, are whole blocks, and are within one unit (a block, or the
 * largest client) of an even share. */
START_TEST(ranks_own_consecutive_even_shares) {
  int ranks = mst_team_size(world), rank = mst_team_rank(world);
  int32_t *client = NULL;
  mst_roster *r = roster_of(world, SHAPE_OF(_i), SINGLE_OF(_i), &client);
  int64_t unit = MST_BLOCK_ROWS;
  for (int64_t k = 0; r->single && k < r->clients; k++) {
    int64_t size = r->client_first[k + 1] - r->client_first[k];
    unit = size > unit ? size : unit;
  }
  ck_assert_int_eq(r->rank_block[0], 0);
  ck_assert_int_eq(r->rank_block[ranks], r->blocks);
  int64_t *counts = calloc((size_t)ranks, sizeof *counts);
  ck_ok(mst_gather_i64(world, r->count, counts));
  int64_t next = 0;
  for (int p = 0; p < ranks; p++) {
    int64_t rows = 0;
    for (int64_t b = r->rank_block[p]; b < r->rank_block[p + 1]; b++) rows += r->block[b].rows;
    ck_assert_int_eq(counts[p], rows);
    if (p == rank) ck_assert_int_eq(r->first, next);
    next += rows;
    ck_assert_int_le(llabs(rows * ranks - r->rows), (unit + 1) * ranks);
  }
  ck_assert_int_eq(next, r->rows);
  free(counts);
  mst_roster_destroy(r);
  free(client);
}
END_TEST

/* Every block that a rank may begin with, tried one after the other: the nearest to rows * p /
 * ranks, and of two equally near ones the lower. 1536 rows on two ranks are such a tie. */
START_TEST(ranks_begin_at_the_nearest_border) {
  int32_t *client = NULL;
  mst_roster *r = roster_of(world, SHAPE_OF(_i), SINGLE_OF(_i), &client);
  for (int p = 1; p < mst_team_size(world); p++) {
    int64_t target = r->rows * p / mst_team_size(world), nearest = INT64_MAX, expected = -1;
    for (int64_t b = 0; b <= r->blocks; b++) {
      bool inside = b > 0 && b < r->blocks;
      if (r->single && inside && r->block[b].client == r->block[b - 1].client) continue;
      int64_t distance = llabs((b < r->blocks ? r->block[b].first : r->rows) - target);
      if (distance < nearest) {
        nearest = distance;
        expected = b;
      }
    }
    ck_assert_int_eq(r->rank_block[p], expected);
  }
  mst_roster_destroy(r);
  free(client);
}
END_TEST

START_TEST(a_single_client_stays_whole_on_one_rank) {
  int32_t *client = NULL;
  mst_roster *r = roster_of(world, SHAPE_OF(_i), true, &client);
  for (int p = 1; p < mst_team_size(world); p++) {
    int64_t b = r->rank_block[p];
    if (b > 0 && b < r->blocks) ck_assert_int_ne(r->block[b - 1].client, r->block[b].client);
  }
  mst_roster_destroy(r);
  free(client);
}
END_TEST

START_TEST(a_client_out_of_range_is_refused) {
  mst_roster *r = NULL;
  int32_t client[6] = {0, 1, 2, 3, 1, 0};
  ck_refused(mst_roster_create(world, 6, client, 3, false, &r), MST_ERR_INPUT,
             "row 3 belongs to client 3");
  client[3] = -2;
  ck_refused(mst_roster_create(world, 6, client, 3, true, &r), MST_ERR_INPUT, "client -2");
  ck_refused(mst_roster_create(world, -6, client, 3, true, &r), MST_ERR_INPUT, "-6 rows");
  ck_assert_ptr_null(r);
  mst_roster_destroy(NULL);
}
END_TEST

START_TEST(rows_of_no_client_are_left_out) {
  mst_roster *r = NULL;
  const int32_t client[7] = {1, MST_NO_CLIENT, 0, MST_NO_CLIENT, 1, 3, 1};
  const int64_t order[5] = {2, 0, 4, 6, 5}, first[5] = {0, 1, 4, 4, 5};
  for (int single = 0; single < 2; single++) {
    ck_ok(mst_roster_create(world, 7, client, 4, single, &r));
    ck_assert_int_eq(r->rows, 5);
    ck_assert_int_eq(r->blocks, single ? 3 : 1);
    ck_assert_mem_eq(r->order, order, sizeof order);
    ck_assert_mem_eq(r->client_first, first, sizeof first);
    mst_roster_destroy(r);
  }
  const int32_t nobody[2] = {MST_NO_CLIENT, MST_NO_CLIENT};
  ck_ok(mst_roster_create(world, 2, nobody, 4, true, &r));
  ck_assert_int_eq(r->rows + r->blocks + r->count, 0);
  mst_roster_destroy(r);
}
END_TEST

START_TEST(creating_without_memory_fails_and_leaks_nothing) {
  int32_t *client = draw_clients(5000, 40, false);
  int64_t held = mst_memory_current();
  for (int64_t at = 1; at <= 5; at++) {
    mst_roster *r = NULL;
    mst_memory_fail_at(at);
    mst_status status = mst_roster_create(alone, 5000, client, 40, true, &r);
    mst_memory_fail_at(0);
    ck_assert_int_eq(status, MST_ERR_MEMORY);
    ck_assert_ptr_null(r);
    ck_assert_int_eq(mst_memory_current(), held);
  }
  free(client);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("roster");
  TCase *layout = tcase_create("layout");
  tcase_add_unchecked_fixture(layout, make_teams, end_teams);
  tcase_add_loop_test(layout, the_sequence_is_by_client_then_by_dataset_row, 0, 2 * SHAPES);
  tcase_add_loop_test(layout, blocks_cover_the_sequence_and_are_full_but_at_borders, 0,
                      2 * SHAPES);
  tcase_add_loop_test(layout, sequence_and_blocks_do_not_depend_on_the_rank_count, 0, 2 * SHAPES);
  tcase_add_loop_test(layout, ranks_own_consecutive_even_shares, 0, 2 * SHAPES);
  tcase_add_loop_test(layout, ranks_begin_at_the_nearest_border, 0, 2 * SHAPES);
  tcase_add_loop_test(layout, a_single_client_stays_whole_on_one_rank, 0, SHAPES);
  suite_add_tcase(s, layout);
  TCase *refusals = tcase_create("refusals");
  tcase_add_unchecked_fixture(refusals, make_teams, end_teams);
  tcase_add_test(refusals, a_client_out_of_range_is_refused);
  tcase_add_test(refusals, rows_of_no_client_are_left_out);
  tcase_add_test(refusals, creating_without_memory_fails_and_leaks_nothing);
  suite_add_tcase(s, refusals);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
