/* Vectors that are numbered by their clients: however they lie on the ranks, and in whatever order,
 * rules and mixers that look at numbers give the same bits; bad numbers are refused. */
#define MST_TEST_MPI
#include "tests/parallel/robust_rows.h"

enum { N = 13, D = 4500 };

/* A layout of the vectors: vector deal(k) is the k-th in the order of the ranks. */
static int64_t deal(int layout, int64_t k) {
  static const int64_t step[] = {1, N - 1, 5, 8};
  return (step[layout] * k + (layout > 0 ? 3 : 0)) % N;
}
enum { LAYOUTS = 4 };

static int64_t client_of(int64_t i) { return 1000 + 7 * i; }

typedef struct part {
  int64_t n, client[N];
  const float *row[N];
  double weight[N], loss[N];
} part;

/* This rank's vectors of a layout. */
static part part_of_layout(const mst_team *team, const rows *x, int layout) {
  part mine = {.n = 0};
  int64_t first = 0;
  const int p = mst_team_size(team), rank = mst_team_rank(team);
  for (int r = 0; r < rank; r++) first += part_of(x->n, r, p);
  for (int64_t k = first; k < first + part_of(x->n, rank, p); k++, mine.n++) {
    const int64_t i = deal(layout, k);
    mine.client[mine.n] = client_of(i);
    mine.row[mine.n] = x->f32 + i * x->d;
    mine.weight[mine.n] = x->weight != NULL ? x->weight[i] : 1;
    mine.loss[mine.n] = x->loss != NULL ? x->loss[i] : 0;
  }
  return mine;
}

static mst_status try_layout(mst_team *team, const rows *x, int layout, const mst_rule_spec *s,
                             mst_robust_options o, float *out, mst_robust_report *report) {
  const part mine = part_of_layout(team, x, layout);
  o.client = mine.client;
  o.previous = x->previous;
  o.root = x->root;
  if (x->weight != NULL) o.weight = mine.weight;
  if (x->loss != NULL) o.loss = mine.loss;
  return mst_aggregate_rows(team, s, &o, mine.n, x->d, mine.row, out, report);
}

/* All layouts on all ranks against the vectors in order on one. */
static void expect_same(const rows *x, const mst_rule_spec *s, mst_robust_options o,
                        const char *what) {
  static float want[D], got[D];
  mst_robust_report first, other;
  ck_ok(mst_aggregate(alone, s,
                      &(mst_robust_options){.mixer = o.mixer, .mixers = o.mixers,
                                            .previous = x->previous, .root = x->root,
                                            .weight = x->weight, .loss = x->loss},
                      x->n, x->d, x->f32, want, &first));
  for (int l = 0; l < LAYOUTS; l++) {
    ck_ok(try_layout(all, x, l, s, o, got, &other));
    ck_assert_msg(memcmp(want, got, sizeof want) == 0, "%s: layout %d changes the bits", what, l);
    ck_assert_int_eq(first.excluded, other.excluded);
    for (int64_t i = 0; i < first.excluded; i++)
      ck_assert_int_eq(first.excluded_row[i], other.excluded_row[i]);
    if (first.weight != NULL)
      ck_assert_msg(memcmp(first.weight, other.weight, (size_t)x->n * sizeof(double)) == 0,
                    "%s: layout %d changes the weights", what, l);
    mst_robust_report_clear(&other);
  }
  mst_robust_report_clear(&first);
}

/* Noise, a mirror image that only its number tells from another vector, one that is left out. */
static rows some_rows(int needs) {
  rows x = rows_noisy(N, D, false, 2);
  for (int64_t c = 0; c < D; c++) rows_set(&x, 4, c, -(double)x.f32[3 * D + c]);
  rows_set(&x, 6, 17, NAN);
  rows_give(&x, needs);
  return x;
}

START_TEST(every_rule_has_the_same_bits_however_clients_lie_on_ranks) {
  for (int i = 0; mst_rule_at(i) != NULL; i++) {
    const mst_rule_ops *rule = mst_rule_at(i);
    rows x = some_rows(rule->needs);
    mst_rule_spec s = rule_spec(rule->name, 2);
    if (strcmp(rule->name, "nna") == 0) s.centre = 9;
    expect_same(&x, &s, (mst_robust_options){.mixer = NULL}, rule->name);
    if ((rule->needs & MST_RULE_WEIGHTS) != 0) {
      ck_ok(mst_alloc(&x.weight, N, sizeof *x.weight, "test"));
      for (int64_t k = 0; k < N; k++) x.weight[k] = 1 + (double)((5 * k) % 7);
      expect_same(&x, &s, (mst_robust_options){.mixer = NULL}, rule->name);
    }
    rows_free(&x);
  }
}
END_TEST

START_TEST(every_mixer_has_the_same_bits_however_clients_lie_on_ranks) {
  for (int i = 0; mst_mixer_at(i) != NULL; i++) {
    rows x = some_rows(0);
    mst_mixer_spec m = mixer_spec(mst_mixer_at(i)->name, 2);
    mst_rule_spec s = rule_spec("krum", 1);
    expect_same(&x, &s, (mst_robust_options){.mixer = &m, .mixers = 1}, m.name);
    s = rule_spec("median", 1);
    expect_same(&x, &s, (mst_robust_options){.mixer = &m, .mixers = 1}, m.name);
    rows_free(&x);
  }
}
END_TEST

/* Without clients a bucket is dealt by place, so another layout is another result. */
START_TEST(without_clients_the_order_counts_for_buckets) {
  static float first[D], other[D];
  rows x = rows_noisy(N, D, false, 2);
  mst_mixer_spec m = mixer_spec("bucketing", 2);
  mst_rule_spec s = rule_spec("median", 2);
  const mst_robust_options o = {.mixer = &m, .mixers = 1};
  const part in_order = part_of_layout(alone, &x, 0), dealt = part_of_layout(alone, &x, 2);
  ck_ok(mst_aggregate_rows(alone, &s, &o, N, D, in_order.row, first, NULL));
  ck_ok(mst_aggregate_rows(alone, &s, &o, N, D, dealt.row, other, NULL));
  ck_assert(memcmp(first, other, sizeof first) != 0);
  rows_free(&x);
}
END_TEST

START_TEST(bad_numbers_of_clients_are_refused) {
  static float out[D];
  rows x = rows_noisy(N, D, false, 2);
  mst_rule_spec s = rule_spec("krum", 2);
  part mine = part_of_layout(all, &x, 0);
  mst_robust_options o = {.client = mine.client};
  const bool last = mst_team_rank(all) == mst_team_size(all) - 1;
  const int64_t kept = mine.client[0];
  if (last) mine.client[0] = client_of(N - 1); /* the last rank has the last vector, and others */
  ck_refused(mst_aggregate_rows(all, &s, &o, mine.n, D, mine.row, out, NULL), MST_ERR_INPUT,
             "two vectors are of client 1084");
  if (last) mine.client[0] = -3;
  ck_refused(mst_aggregate_rows(all, &s, &o, mine.n, D, mine.row, out, NULL), MST_ERR_INPUT,
             "is of client -3");
  mine.client[0] = kept;
  if (mst_team_size(all) > 1 && part_of(N, 0, mst_team_size(all)) > 0) {
    o.client = last ? NULL : mine.client;
    ck_refused(mst_aggregate_rows(all, &s, &o, mine.n, D, mine.row, out, NULL), MST_ERR_INPUT,
               "gives no numbers of clients");
  }
  rows_free(&x);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("robust_clients");
  TCase *c = tcase_create("clients");
  tcase_set_timeout(c, 120);
  tcase_add_unchecked_fixture(c, teams_open, teams_close);
  tcase_add_test(c, every_rule_has_the_same_bits_however_clients_lie_on_ranks);
  tcase_add_test(c, every_mixer_has_the_same_bits_however_clients_lie_on_ranks);
  tcase_add_test(c, without_clients_the_order_counts_for_buckets);
  tcase_add_test(c, bad_numbers_of_clients_are_refused);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) { return mst_test_main(argc, argv, suite()); }
