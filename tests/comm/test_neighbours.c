/* Neighbour exchange: after it every rank can read all rows that its domain's rows are joined to,
 * at home or as a copy, on every transport; only what crosses between domains is sent; and one
 * rank's failure is everyone's. */
#include "comm/neighbours.h"
#include "comm/share.h"
#include "tests/comm/comm_test.h"

enum {
  ROWS = 23,
  WORDS = 5
};

/* A graph of edges that a coin draws, both ways; the rows' homes; their words in shares. */
typedef struct scene {
  mst_team *team;
  int64_t first[ROWS + 1], neighbour[ROWS * ROWS];
  int32_t home[ROWS];
  mst_share *share; /* (ROWS, WORDS) */
  mst_neighbour_graph graph;
} scene;

static bool joined(int64_t i, int64_t j, uint64_t in_eight) {
  int64_t low = i < j ? i : j, high = i < j ? j : i;
  return i != j && mixed(low, high) % 8 < in_eight;
}

static uint64_t word(int64_t row, int64_t k, int64_t version) {
  return mixed(1000 + row, 100 * version + k);
}

static void begin_scene(scene *s, int transport, uint64_t in_eight) {
  *s = (scene){.team = make_team(transport)};
  int size = mst_team_size(s->team);
  for (int64_t i = 0, e = 0; i < ROWS; i++) {
    s->home[i] = (int32_t)(mixed(5, i) % (uint64_t)size);
    for (int64_t j = 0; j < ROWS; j++)
      if (joined(i, j, in_eight)) s->neighbour[e++] = j;
    s->first[i + 1] = e;
  }
  s->graph = (mst_neighbour_graph){ROWS, s->first, s->neighbour, s->home};
  ck_ok(mst_share_create(s->team, ROWS * WORDS * 8, "rows", &s->share));
}

static void end_scene(scene *s) {
  mst_share_destroy(s->share);
  mst_team_destroy(s->team);
}

static const void *row_at(void *context, int64_t row) {
  return (uint64_t *)mst_share_at(context) + row * WORDS;
}

static void write_rows(scene *s, int64_t version) {
  for (int64_t i = 0; i < ROWS; i++)
    if (s->home[i] == mst_team_rank(s->team))
      for (int64_t k = 0; k < WORDS; k++)
        ((uint64_t *)mst_share_at(s->share))[i * WORDS + k] = word(i, k, version);
  ck_ok(mst_share_sync(s->share));
}

static bool is_here(const scene *s, int64_t row) {
  return mst_team_domain_of(s->team, s->home[row]) == mst_team_domain(s->team);
}

/* Is a row at home elsewhere, and joined to one that is at home here? */
static bool is_needed(const scene *s, int64_t row) {
  if (is_here(s, row)) return false;
  for (int64_t e = s->first[row]; e < s->first[row + 1]; e++)
    if (is_here(s, s->neighbour[e])) return true;
  return false;
}

static void check_copies(const scene *s, const mst_neighbours *x, int64_t version) {
  int64_t needed = 0;
  for (int64_t i = 0; i < ROWS; i++) {
    const uint64_t *copy = mst_neighbours_copy(x, i);
    ck_assert_msg((copy != NULL) == is_needed(s, i), "row %lld", (long long)i);
    if (copy == NULL) continue;
    needed++;
    uint64_t expected[WORDS];
    for (int64_t k = 0; k < WORDS; k++) expected[k] = word(i, k, version);
    same_words(copy, expected, WORDS);
  }
  ck_assert_int_eq(mst_neighbours_copies(x), needed);
}

static void exchange(scene *s, mst_neighbours *x, int64_t version) {
  write_rows(s, version);
  mst_neighbours_begin(x, row_at, s->share);
  ck_ok(mst_neighbours_finish(x));
  check_copies(s, x, version);
}

START_TEST(rows_of_neighbours_arrive_whatever_the_transport) {
  for (int transport = 0; transport < TRANSPORTS; transport++)
    for (uint64_t in_eight = 0; in_eight <= 8; in_eight += 2) {
      scene s;
      mst_neighbours *x = NULL;
      begin_scene(&s, transport, in_eight);
      ck_ok(mst_neighbours_create(s.team, &s.graph, WORDS * 8, "copies", &x));
      for (int64_t version = 0; version < 3; version++) exchange(&s, x, version);
      mst_neighbours_destroy(x);
      end_scene(&s);
    }
}
END_TEST

START_TEST(rows_longer_than_a_call_are_cut_into_messages) {
  scene s;
  mst_neighbours *x = NULL;
  begin_scene(&s, 1, 3);
  mst_comm_limit(s.team, 16, 0); /* 40 bytes: two whole messages and a half one */
  ck_ok(mst_neighbours_create(s.team, &s.graph, WORDS * 8, "copies", &x));
  exchange(&s, x, 0);
  exchange(&s, x, 1);
  mst_neighbours_destroy(x);
  end_scene(&s);
}
END_TEST

START_TEST(only_what_crosses_between_domains_is_sent) {
  for (int transport = 0; transport < TRANSPORTS; transport++) {
    scene s;
    mst_neighbours *x = NULL;
    begin_scene(&s, transport, 4);
    ck_ok(mst_neighbours_create(s.team, &s.graph, WORDS * 8, "copies", &x));
    write_rows(&s, 0);
    mst_meter before = mst_team_meter(s.team);
    mst_neighbours_begin(x, row_at, s.share);
    mst_meter after = mst_team_meter(s.team);
    ck_ok(mst_neighbours_finish(x));
    int64_t sent = after.mpi_bytes - before.mpi_bytes;
    int64_t copies = mst_team_domain_rank(s.team) == 0 ? mst_neighbours_copies(x) : 0;
    ck_ok(mst_sum_i64(s.team, &sent, 1));
    ck_ok(mst_sum_i64(s.team, &copies, 1));
    ck_assert_int_eq(sent, copies * WORDS * 8);
    if (mst_team_domains(s.team) == 1) ck_assert_int_eq(sent, 0);
    mst_neighbours_destroy(x);
    end_scene(&s);
  }
}
END_TEST

START_TEST(sums_may_go_on_while_rows_are_under_way) {
  scene s;
  mst_neighbours *x = NULL;
  begin_scene(&s, 1, 5);
  ck_ok(mst_neighbours_create(s.team, &s.graph, WORDS * 8, "copies", &x));
  write_rows(&s, 4);
  mst_neighbours_begin(x, row_at, s.share);
  int64_t one[3000];
  for (int i = 0; i < 3000; i++) one[i] = i;
  ck_ok(mst_sum_i64(s.team, one, 3000));
  ck_assert_int_eq(one[2999], 2999 * (int64_t)mst_team_size(s.team));
  ck_ok(mst_neighbours_finish(x));
  check_copies(&s, x, 4);
  mst_neighbours_destroy(x);
  end_scene(&s);
}
END_TEST

START_TEST(an_impossible_graph_is_refused_on_all_ranks) {
  scene s;
  mst_neighbours *x = NULL;
  begin_scene(&s, 0, 4);
  bool last = mst_team_rank(s.team) == mst_team_size(s.team) - 1;
  if (last) s.home[3] = mst_team_size(s.team);
  ck_refused(mst_neighbours_create(s.team, &s.graph, 8, "copies", &x), MST_ERR_INTERNAL, "row 3");
  ck_assert_ptr_null(x);
  s.home[3] = 0;
  if (last) s.neighbour[0] = ROWS;
  ck_refused(mst_neighbours_create(s.team, &s.graph, 8, "copies", &x), MST_ERR_INTERNAL,
             "neighbour");
  end_scene(&s);
}
END_TEST

START_TEST(one_rank_without_memory_stops_all_ranks) {
  scene s;
  mst_neighbours *x = NULL;
  begin_scene(&s, 1, 4);
  for (int n = 1; n <= 5; n++) {
    if (mst_team_rank(s.team) == mst_team_size(s.team) - 1) mst_memory_fail_at(n);
    ck_refused(mst_neighbours_create(s.team, &s.graph, WORDS * 8, "copies", &x), MST_ERR_MEMORY,
               "cannot allocate");
    ck_assert_ptr_null(x);
  }
  mst_memory_fail_at(0);
  ck_ok(mst_neighbours_create(s.team, &s.graph, WORDS * 8, "copies", &x));
  exchange(&s, x, 0);
  mst_neighbours_destroy(x);
  end_scene(&s);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("neighbours");
  TCase *c = tcase_create("neighbours");
  tcase_add_test(c, rows_of_neighbours_arrive_whatever_the_transport);
  tcase_add_test(c, rows_longer_than_a_call_are_cut_into_messages);
  tcase_add_test(c, only_what_crosses_between_domains_is_sent);
  tcase_add_test(c, sums_may_go_on_while_rows_are_under_way);
  tcase_add_test(c, an_impossible_graph_is_refused_on_all_ranks);
  tcase_add_test(c, one_rank_without_memory_stops_all_ranks);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
