/* Attacks over ranks: what is sent is what the definition gives on whole vectors, and has the same
 * bits however the vectors lie; memory that is saved and restored. */
#define MST_TEST_MPI
#include "tests/parallel/attack_round.h"

#define D           4500 /* columns: three blocks */
#define EVALUATIONS 4    /* of a search              */

/* Settings under which attacks are tried; min_max and min_sum so fine that a bisection does not
 * depend on how distances are summed. */
static const struct setting {
  const char *name, *word;
  double number;
  bool search;
} SETTING[] = {
    {"sign_flip", NULL, 2.5, false},
    {"label_flip", NULL, 0, false},
    {"alie", "above", 0, false},
    {"alie", "below", 0, true},
    {"ipm", NULL, 0.7, false},
    {"ipm", NULL, 0.7, true},
    {"mimic", NULL, 0, false},
    {"mimic", NULL, 2, false},
    {"min_max", "std", 0, false},
    {"min_max", "unit", 0, false},
    {"min_max", "sign", 0, false},
    {"min_sum", "std", 0, false},
    {"gaussian", "zero", 0, false},
    {"gaussian", "mean", 0, false},
    {"nan", NULL, 0, false},
    {"inf", NULL, 0, false},
    {"constant", NULL, 3, false},
    {"free_rider", "zero", 0, false},
    {"free_rider", "previous", 0, false},
};
enum {
  SETTINGS = sizeof SETTING / sizeof SETTING[0]
};

static mst_attack_spec spec_of(const struct setting *t) {
  mst_attack_spec s = attack_spec(t->name);
  s.count = ATTACKERS;
  s.seed = 5;
  s.search = t->search;
  s.evaluations = EVALUATIONS;
  s.step = 1;
  s.tolerance = 1e-12;
  s.target = 5;
  s.spacing = 0.5;
  if (t->number > 0) {
    s.scale = s.epsilon = s.value = t->number;
    s.warmup = (int64_t)t->number;
  }
  if (t->word != NULL) s.side = s.perturbation = s.around = s.sends = t->word;
  return s;
}

/* Of members over scalars the definition sums distances in another way. */
static double share_of(const mst_attack_spec *s) {
  return strncmp(s->name, "min_", 4) == 0 ? 1e-6 : 0;
}

/* How many rounds were learnt from, and whom they copy. */
static void expect_memory(mst_attackers *a, const definition *f) {
  mst_state s;
  mst_state_init(&s);
  ck_ok(mst_attackers_state(a, &s));
  const bool learns = (mst_attack_needs(&f->s) & MST_ATTACK_MEMORY) != 0;
  ck_assert_int_eq(s.n, learns ? 3 : 0);
  if (learns)
    ck_assert_mem_eq(mst_state_find(&s, "attack/memory")->data, &f->memory, sizeof f->memory);
  mst_state_clear(&s);
}

START_TEST(attackers_send_what_whole_vectors_give) {
  for (int k = 0; k < SETTINGS; k++) {
    const mst_attack_spec s = spec_of(&SETTING[k]);
    mst_attackers *a = attackers_of(all, &s, D);
    definition f = define(&s, D);
    for (int64_t round = 0; round < 3; round++) {
      party q = party_make(D, round);
      hand h = play(all, a, &q, (int)(round + k) % DEALINGS);
      float *want = define_round(&f, &q);
      expect_rows(&h, want, share_of(&s), s.name);
      ck_assert_int_eq(h.calls, s.search ? EVALUATIONS : 0);
      expect_memory(a, &f);
      mst_free(want);
      mst_free(h.x);
      party_free(&q);
    }
    define_free(&f);
    mst_attackers_destroy(a);
  }
}
END_TEST

/* So that the test above cannot miss a member. */
START_TEST(every_member_is_tried) {
  for (int i = 0; mst_attack_at(i) != NULL; i++) {
    bool tried = (mst_attack_at(i)->needs & MST_ATTACK_TARGET) != 0;
    for (int k = 0; k < SETTINGS; k++)
      tried = tried || strcmp(SETTING[k].name, mst_attack_at(i)->name) == 0;
    ck_assert_msg(tried, "%s is in no setting", mst_attack_at(i)->name);
  }
}
END_TEST

/* Of two teams' attackers what is kept has the same bits. */
static void expect_same_state(mst_attackers *a, mst_attackers *b, int items) {
  mst_state x, y;
  mst_state_init(&x);
  mst_state_init(&y);
  ck_ok(mst_attackers_state(a, &x));
  ck_ok(mst_attackers_state(b, &y));
  ck_assert_int_eq(x.n, items);
  ck_assert_int_eq(y.n, items);
  for (int i = 0; i < x.n; i++)
    ck_assert_mem_eq(
        x.item[i].data, y.item[i].data,
        (size_t)(mst_state_local_elements(&x.item[i]) * mst_dtype_size(x.item[i].type)));
  mst_state_clear(&x);
  mst_state_clear(&y);
}

static void expect_same_bits(const struct setting *t, int64_t d, int64_t rounds) {
  const mst_attack_spec s = spec_of(t);
  const int items = strcmp(s.name, "mimic") == 0 && s.warmup > 0 ? 3 : 0;
  for (int dealing = 0; dealing < DEALINGS; dealing++) {
    mst_attackers *a = attackers_of(all, &s, d), *b = attackers_of(alone, &s, d);
    for (int64_t round = 0; round < rounds; round++) {
      party q = party_make(d, round);
      hand h = play(all, a, &q, dealing), one = play(alone, b, &q, ROUND_ROBIN);
      expect_rows(&h, one.x, 0, s.name);
      mst_free(h.x);
      mst_free(one.x);
      party_free(&q);
    }
    expect_same_state(a, b, items);
    mst_attackers_destroy(a);
    mst_attackers_destroy(b);
  }
}

START_TEST(bits_do_not_depend_on_where_vectors_lie) {
  static const struct setting some[] = {
      {"alie", "below", 0, true}, {"mimic", NULL, 2, false}, {"min_max", "std", 0, false}};
  for (int k = 0; k < 3; k++) expect_same_bits(&some[k], 2100, 2);
}
END_TEST

/* One rank has so many columns that they do not go in one bucket. */
START_TEST(bits_do_not_depend_on_buckets) {
  static const struct setting many[] = {{"min_max", "std", 0, false}, {"mimic", NULL, 2, false}};
  for (int k = 0; k < 2; k++) {
    const mst_attack_spec s = spec_of(&many[k]);
    const int64_t d = 90001;
    mst_attackers *a = attackers_of(all, &s, d), *b = attackers_of(alone, &s, d);
    party q = party_make(d, 1);
    hand h = play(all, a, &q, LAST_HAS_ALL), one = play(alone, b, &q, ROUND_ROBIN);
    expect_rows(&h, one.x, 0, s.name);
    expect_same_state(a, b, k == 1 ? 3 : 0);
    mst_free(h.x);
    mst_free(one.x);
    party_free(&q);
    mst_attackers_destroy(a);
    mst_attackers_destroy(b);
  }
}
END_TEST

/* A search finds more harm than no attack. */
START_TEST(a_search_harms_the_rule_more_than_its_first_strength) {
  const struct setting *t = &SETTING[5];
  mst_attack_spec s = spec_of(t);
  party q = party_make(D, 1);
  double away[2] = {0};
  for (int k = 0; k < 2; k++) {
    s.search = k == 1;
    s.epsilon = 0; /* where the search starts too */
    mst_attackers *a = attackers_of(all, &s, D);
    hand h = play(all, a, &q, SCATTERED);
    float *result = NULL;
    ck_ok(mst_alloc(&result, D, sizeof *result, "test"));
    ck_ok(aggregate_hand(&h, result));
    crowd c = crowd_make(CLIENTS, D);
    c.n = 0;
    for (int64_t i = 0; i < q.n; i++)
      if (!mst_attackers_has(a, q.client[i])) {
        for (int64_t j = 0; j < D; j++) c.x[c.n * D + j] = q.x[i * D + j];
        c.n++;
      }
    crowd_see(&c);
    for (int64_t j = 0; j < D; j++) away[k] += pow(result[j] - c.mean[j], 2);
    crowd_free(&c);
    mst_free(result);
    mst_free(h.x);
    mst_attackers_destroy(a);
  }
  ck_assert_double_gt(away[1], 1.2 * away[0]);
  party_free(&q);
}
END_TEST

/* Rounds from a saved state, elsewhere, go on as if nothing had happened. */
START_TEST(memory_that_is_restored_goes_on_with_the_same_bits) {
  const mst_attack_spec s = spec_of(&(struct setting){"mimic", NULL, 3, false});
  mst_attackers *a = attackers_of(all, &s, D), *b = attackers_of(all, &s, D);
  for (int64_t round = 0; round < 6; round++) {
    party q = party_make(D, round);
    hand h = play(all, a, &q, SCATTERED);
    if (round == 1) {
      mst_state from, to;
      mst_state_init(&from);
      mst_state_init(&to);
      ck_ok(mst_attackers_state(a, &from));
      ck_ok(mst_attackers_state(b, &to));
      for (int i = 0; i < from.n; i++)
        memcpy(
            mst_state_find(&to, from.item[i].name)->data, from.item[i].data,
            (size_t)(mst_state_local_elements(&from.item[i]) * mst_dtype_size(from.item[i].type)));
      mst_state_clear(&from);
      mst_state_clear(&to);
    }
    if (round > 1) {
      hand other = play(all, b, &q, SCATTERED);
      ck_assert_mem_eq(h.x, other.x, (size_t)(h.n * D) * sizeof *h.x);
      expect_same_state(a, b, 3);
      mst_free(other.x);
    }
    mst_free(h.x);
    party_free(&q);
  }
  mst_attackers_destroy(a);
  mst_attackers_destroy(b);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("attack");
  TCase *c = tcase_create("attack");
  tcase_set_timeout(c, 0);
  tcase_add_unchecked_fixture(c, teams_open, teams_close);
  tcase_add_test(c, attackers_send_what_whole_vectors_give);
  tcase_add_test(c, every_member_is_tried);
  tcase_add_test(c, bits_do_not_depend_on_where_vectors_lie);
  tcase_add_test(c, bits_do_not_depend_on_buckets);
  tcase_add_test(c, a_search_harms_the_rule_more_than_its_first_strength);
  tcase_add_test(c, memory_that_is_restored_goes_on_with_the_same_bits);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
