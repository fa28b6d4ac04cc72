/* Measuring: as many repeats on every rank, who works, how it ends; and MPI's own collectives. */
#include "tests/comm/comm_test.h"

#include <unistd.h>

#include "comm/measure.h"
#include "comm/peer.h"
#include "comm/sum.h"

typedef struct work {
  mst_team *team;
  int runs, prepared, fails_at; /* run that fails on the last rank; 0: none */
  unsigned sleeps;              /* microseconds */
} work;

static bool is_last(const work *w) {
  return mst_team_rank(w->team) == mst_team_size(w->team) - 1;
}

static mst_status run(void *context) {
  work *w = context;
  w->runs++;
  if (w->sleeps > 0) usleep(w->sleeps);
  if (w->runs == w->fails_at && is_last(w)) return mst_fail(MST_ERR_IO, "the disk is full");
  return MST_OK;
}

static mst_status prepare(void *context) {
  work *w = context;
  w->prepared++;
  return w->prepared == -1 ? MST_ERR_INTERNAL : MST_OK;
}

static const mst_pace four = {.seconds = 1e-9, .fewest = 4, .most = 9, .warm = true};

START_TEST(all_ranks_repeat_alike) {
  mst_team *team = make_team(0);
  work w = {.team = team};
  w.sleeps = is_last(&w) ? 3000 : 0; /* the slowest rank's time counts, on all */
  mst_trial trial = {.run = run, .prepare = prepare, .context = &w, .times = 2};
  mst_pace pace = {.seconds = 0.02, .fewest = 1, .most = 50};
  mst_measured m;
  ck_ok(mst_measure(team, &trial, 1, &pace, &m));
  ck_assert_int_eq(w.runs, 2 * m.repeats);
  ck_assert_int_eq(w.prepared, m.repeats);
  ck_assert(m.seconds >= 3e-3 && m.seconds >= m.own);
  ck_assert(m.busy < 0.5);
  double same = m.seconds;
  ck_ok(mst_team_bcast(team, &same, sizeof same, 0));
  ck_assert(same == m.seconds);
  mst_team_destroy(team);
}
END_TEST

START_TEST(repeats_keep_to_their_bounds) {
  mst_team *team = make_team(0);
  work a = {.team = team}, b = {.team = team};
  mst_trial trial[2] = {{.run = run, .context = &a}, {.run = run, .context = &b}};
  mst_pace pace = {.seconds = 60, .fewest = 4, .most = 7, .warm = true};
  mst_measured m[2];
  ck_ok(mst_measure(team, trial, 2, &pace, m));
  ck_assert_int_eq(m[0].repeats, 7);
  ck_assert_int_eq(a.runs, 8); /* and one to warm up */
  ck_assert_int_eq(b.runs, 8);
  mst_team_destroy(team);
}
END_TEST

START_TEST(one_rank_works_alone) {
  mst_team *team = make_team(0);
  work w = {.team = team, .sleeps = 100};
  mst_trial trial = {.run = run, .context = &w};
  mst_pace pace = {.seconds = 60, .fewest = 1, .most = 5, .alone = true};
  mst_measured m;
  ck_ok(mst_measure(team, &trial, 1, &pace, &m));
  ck_assert_int_eq(w.runs, mst_team_rank(team) == 0 ? 5 : 0);
  ck_assert_int_eq(m.repeats, 5);
  ck_assert(m.seconds >= 1e-4 && m.own == m.seconds);
  mst_team_destroy(team);
}
END_TEST

START_TEST(a_rank_that_fails_ends_it_for_all) {
  mst_team *team = make_team(0);
  for (int alone = 0; alone < 2; alone++) {
    work w = {.team = team, .fails_at = 2};
    mst_trial trial = {.run = run, .context = &w};
    mst_pace pace = four;
    pace.alone = alone;
    mst_measured m;
    mst_status st = mst_measure(team, &trial, 1, &pace, &m);
    bool works = !alone || mst_team_size(team) == 1; /* else the last rank sleeps */
    ck_assert_int_eq(st, works ? MST_ERR_IO : MST_OK);
    if (works) ck_assert(strstr(mst_status_detail(), "the disk is full") != NULL);
    if (works) ck_assert_int_eq(w.runs, 2);
  }
  mst_team_destroy(team);
}
END_TEST

START_TEST(peers_are_the_collectives_they_stand_for) {
  enum {
    N = 40
  };
  mst_team *team = make_team(0);
  int p = mst_team_size(team), rank = mst_team_rank(team), counts[64];
  double x[N * 64], y[N * 64], part[N];
  for (int r = 0; r < p; r++) counts[r] = N;
  for (int i = 0; i < N * p; i++) x[i] = rank + i;
  ck_ok(mst_peer_sum_scatter(team, x, counts, part));
  for (int i = 0; i < N; i++) ck_assert(part[i] == p * (p - 1) / 2.0 + (double)p * (rank * N + i));
  ck_ok(mst_peer_gather(team, part, N, y));
  ck_ok(mst_peer_sum(team, x, N * (int64_t)p));
  for (int i = 0; i < N * p; i++) ck_assert(x[i] == y[i]);
  ck_assert_int_eq(mst_peer_sum(team, x, (int64_t)MST_PEER_ELEMENTS + 1), MST_ERR_INPUT);
  mst_team_destroy(team);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("measure");
  TCase *c = tcase_create("measure");
  tcase_add_test(c, all_ranks_repeat_alike);
  tcase_add_test(c, repeats_keep_to_their_bounds);
  tcase_add_test(c, one_rank_works_alone);
  tcase_add_test(c, a_rank_that_fails_ends_it_for_all);
  tcase_add_test(c, peers_are_the_collectives_they_stand_for);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
