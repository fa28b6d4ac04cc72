/* Rounds in which something is missing, what is refused, and failures of one rank: all ranks end
 * alike. */
#define MST_TEST_MPI
#include "tests/parallel/attack_round.h"

#define D 300

static mst_attack_spec spec_with(const char *name) {
  mst_attack_spec s = attack_spec(name);
  s.count = ATTACKERS;
  s.seed = 5;
  s.evaluations = 3;
  return s;
}

/* The members that act on vectors here, the searching and learning ones as such. */
static bool next_acting(int *i, mst_attack_spec *s) {
  const mst_attack_ops *ops = mst_attack_at((*i)++);
  while (ops != NULL && (ops->send == NULL || (ops->needs & MST_ATTACK_TARGET) != 0))
    ops = mst_attack_at((*i)++);
  if (ops == NULL) return false;
  *s = spec_with(ops->name);
  s->search = (ops->needs & MST_ATTACK_SEARCH) != 0;
  s->warmup = (ops->needs & MST_ATTACK_MEMORY) != 0 ? 2 : 0;
  return true;
}

/* It is not seen, and stays as it is; what is sent is what the others give. */
START_TEST(an_honest_vector_that_is_not_finite_is_not_seen) {
  mst_attack_spec s;
  for (int i = 0; next_acting(&i, &s);) {
    mst_attackers *a = attackers_of(all, &s, D);
    party q = party_make(D, 2);
    definition f = define(&s, D);
    int64_t broken = 0;
    while (mst_attackers_has(a, q.client[broken])) broken++;
    q.x[broken * D + D - 1] = i % 2 == 0 ? NAN : -INFINITY;
    for (int64_t k = 0; k < q.n; k++) /* what attackers have is theirs */
      if (mst_attackers_has(a, q.client[k])) q.x[k * D + 7] = NAN;
    hand h = play(all, a, &q, SCATTERED);
    float *want = define_round(&f, &q);
    expect_rows(&h, want, strncmp(s.name, "min_", 4) == 0 ? 1e-4 : 0, s.name);
    mst_free(want);
    mst_free(h.x);
    define_free(&f);
    party_free(&q);
    mst_attackers_destroy(a);
  }
}
END_TEST

static bool is_honest(const mst_attackers *a, int64_t client) {
  return !mst_attackers_has(a, client);
}

/* Moments are 0 then; nothing is learnt. */
START_TEST(attackers_among_themselves_send_what_no_honest_vector_gives) {
  mst_attack_spec s;
  for (int i = 0; next_acting(&i, &s);) {
    mst_attackers *a = attackers_of(all, &s, D);
    definition f = define(&s, D);
    party q = party_make(D, 2);
    party_drop(&q, is_honest, a);
    ck_assert_int_gt(q.n, 3);
    s.search = f.s.search = false; /* no rule stands so many */
    mst_attackers_destroy(a);
    a = attackers_of(all, &s, D);
    hand h = play(all, a, &q, SCATTERED);
    float *want = define_round(&f, &q);
    expect_rows(&h, want, 0, s.name);
    if (strcmp(s.name, "ipm") == 0 || strncmp(s.name, "mi", 2) == 0)
      for (int64_t c = 0; c < h.n * D; c++) ck_assert_double_eq(h.x[c], 0);
    mst_free(want);
    mst_free(h.x);
    define_free(&f);
    party_free(&q);
    mst_attackers_destroy(a);
  }
}
END_TEST

static bool attacks(const mst_attackers *a, int64_t client) {
  return mst_attackers_has(a, client);
}

static bool anyone(const mst_attackers *a, int64_t client) {
  (void)a;
  return client >= 0;
}

START_TEST(a_round_without_attackers_or_without_anyone_is_left_alone) {
  mst_attack_spec s;
  for (int i = 0; next_acting(&i, &s);) {
    mst_attackers *a = attackers_of(all, &s, D);
    party q = party_make(D, 2);
    party_drop(&q, attacks, a);
    hand h = play(all, a, &q, SCATTERED);
    expect_rows(&h, q.x, 0, s.name);
    ck_assert_int_eq(h.calls, 0);
    mst_free(h.x);
    party_drop(&q, anyone, a);
    h = play(all, a, &q, ROUND_ROBIN);
    ck_assert_int_eq(h.calls, 0);
    mst_free(h.x);
    party_free(&q);
    mst_attackers_destroy(a);
  }
}
END_TEST

START_TEST(no_attackers_are_none) {
  mst_attack_spec s = spec_with("nan");
  s.count = 0;
  mst_attackers *a = attackers_of(all, &s, D);
  party q = party_make(D, 1);
  hand h = play(all, a, &q, ROUND_ROBIN);
  expect_rows(&h, q.x, 0, "nan");
  for (int64_t i = 0; i < CLIENTS; i++) ck_assert(!mst_attackers_has(a, i));
  mst_free(h.x);
  party_free(&q);
  mst_attackers_destroy(a);
}
END_TEST

START_TEST(who_attacks_and_what_it_must_do_first_is_known) {
  int64_t want[ATTACKERS];
  mst_attack_clients(5, CLIENTS, ATTACKERS, want);
  static const struct {
    const char *name;
    bool flips, trains;
  } known[] = {{"label_flip", true, true}, {"sign_flip", false, true},
               {"alie", false, false},     {"mimic", false, false},
               {"inf", false, false},      {"free_rider", false, false}};
  for (int k = 0; k < 6; k++) {
    mst_attack_spec s = spec_with(known[k].name);
    mst_attackers *a = attackers_of(all, &s, D);
    int64_t found = 0;
    for (int64_t i = 0; i < CLIENTS; i++)
      if (mst_attackers_has(a, i)) ck_assert_int_eq(i, want[found++]);
    ck_assert_int_eq(found, ATTACKERS);
    ck_assert(!mst_attackers_has(a, -1) && !mst_attackers_has(a, CLIENTS));
    ck_assert_int_eq(mst_attackers_flip_labels(a), known[k].flips);
    ck_assert_int_eq(mst_attackers_train(a), known[k].trains);
    mst_attackers_destroy(a);
  }
}
END_TEST

START_TEST(what_cannot_be_done_is_refused_by_name) {
  mst_attackers *a = NULL;
  mst_attack_spec s = spec_with("dissensus");
  ck_refused(mst_attackers_create(all, &s, CLIENTS, D, &a), MST_ERR_UNSUPPORTED,
             "dissensus tells each neighbour");
  ck_assert_ptr_null(a);
  s = spec_with("ipm");
  s.name = "imp";
  ck_refused(mst_attackers_create(all, &s, CLIENTS, D, &a), MST_ERR_INPUT, "'imp' is unknown");
  s.name = "ipm";
  s.count = CLIENTS + 1;
  ck_refused(mst_attackers_create(all, &s, CLIENTS, D, &a), MST_ERR_INPUT, "attack.count is 21");
}
END_TEST

START_TEST(a_client_with_two_vectors_is_refused) {
  mst_attack_spec s = spec_with("ipm");
  mst_attackers *a = attackers_of(all, &s, D);
  party q = party_make(D, 1);
  q.client[3] = q.client[4];
  hand h = hand_deal(all, &q, ROUND_ROBIN);
  ck_refused(hand_act(&h, a, &q), MST_ERR_INPUT, "has two vectors in round 1");
  mst_free(h.x);
  party_free(&q);
  mst_attackers_destroy(a);
}
END_TEST

static mst_status fail_at_last(void *user, float *out) {
  mst_team *team = user;
  for (int64_t c = 0; c < D; c++) out[c] = 0;
  return mst_team_rank(team) == mst_team_size(team) - 1 ? mst_fail(MST_ERR_IO, "no more") : MST_OK;
}

START_TEST(an_aggregation_that_fails_on_one_rank_ends_the_attack_on_all) {
  mst_attack_spec s = spec_with("ipm");
  s.search = true;
  mst_attackers *a = attackers_of(all, &s, D);
  party q = party_make(D, 1);
  hand h = hand_deal(all, &q, SCATTERED);
  mst_attack_round round = {
      .n_mine = h.n, .client = h.client, .row = h.row, .aggregate = fail_at_last, .user = all};
  ck_refused(mst_attackers_act(a, &round), MST_ERR_IO, "no more");
  round.aggregate = NULL;
  ck_refused(mst_attackers_act(a, &round), MST_ERR_INTERNAL, "was given nothing to ask");
  mst_free(h.x);
  party_free(&q);
  mst_attackers_destroy(a);
}
END_TEST

static mst_status try_once(const mst_attack_spec *s, const party *q, hand *h) {
  mst_attackers *a = NULL;
  mst_status st = mst_attackers_create(all, s, CLIENTS, D, &a);
  if (st == MST_OK) st = hand_act(h, a, q);
  mst_attackers_destroy(a);
  return st;
}

/* Each allocation of one rank in turn: all ranks end with the same status, and no rank waits. */
START_TEST(memory_that_one_rank_lacks_ends_the_attack_on_all) {
  static const char *const name[] = {"alie", "mimic"};
  const int64_t before = mst_memory_current();
  party q = party_make(D, 1);
  for (int k = 0; k < 2; k++) {
    mst_attack_spec s = spec_with(name[k]);
    s.search = k == 0;
    s.evaluations = 1;
    s.warmup = k;
    int failed = 0;
    for (int64_t at = 1;; at++) {
      hand h = hand_deal(all, &q, ROUND_ROBIN);
      if (mst_team_rank(all) == mst_team_size(all) - 1) mst_memory_fail_at(at);
      mst_status st = try_once(&s, &q, &h);
      mst_memory_fail_at(0);
      mst_free(h.x);
      int64_t code[2] = {st, -(int64_t)st};
      ck_ok(mst_max_i64(all, code, 2));
      ck_assert_int_eq(code[0], -code[1]);
      if (st == MST_OK) break;
      ck_assert_int_eq(st, MST_ERR_MEMORY);
      failed++;
    }
    ck_assert_int_gt(failed, 10);
  }
  party_free(&q);
  ck_assert_int_eq(mst_memory_current(), before);
}
END_TEST

/* The estimate counts what grows with the vectors. */
START_TEST(the_estimate_of_memory_covers_what_is_kept) {
  const int64_t d = 400000;
  const mst_attack_spec plain = spec_with("sign_flip"), moments = spec_with("alie");
  mst_attack_spec learning = spec_with("mimic");
  learning.warmup = 3;
  const int64_t before = mst_memory_current();
  mst_attackers *a = attackers_of(all, &learning, d);
  ck_assert_int_ge(mst_attackers_bytes(&learning, d), mst_memory_current() - before);
  mst_attackers_destroy(a);
  ck_assert_int_lt(mst_attackers_bytes(&plain, d), d);
  ck_assert_int_ge(mst_attackers_bytes(&moments, d), 16 * d);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("attack faults");
  TCase *c = tcase_create("attack faults");
  tcase_set_timeout(c, 0);
  tcase_add_unchecked_fixture(c, teams_open, teams_close);
  tcase_add_test(c, an_honest_vector_that_is_not_finite_is_not_seen);
  tcase_add_test(c, attackers_among_themselves_send_what_no_honest_vector_gives);
  tcase_add_test(c, a_round_without_attackers_or_without_anyone_is_left_alone);
  tcase_add_test(c, no_attackers_are_none);
  tcase_add_test(c, who_attacks_and_what_it_must_do_first_is_known);
  tcase_add_test(c, what_cannot_be_done_is_refused_by_name);
  tcase_add_test(c, a_client_with_two_vectors_is_refused);
  tcase_add_test(c, an_aggregation_that_fails_on_one_rank_ends_the_attack_on_all);
  tcase_add_test(c, memory_that_one_rank_lacks_ends_the_attack_on_all);
  tcase_add_test(c, the_estimate_of_memory_covers_what_is_kept);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
