/* Audits of training as it is distributed: a right program tells no more of a row than it claims,
 * and programs that are broken in the usual ways are caught. The broken ones are made here, by
 * reaching into a training that is set up; no option leads to them. Keys are fixed.
 *
 * Row i is 10 at its own place and 0 elsewhere: next to all of its clipped gradient lies in entries
 * that no other row moves, so every row is a canary of its own, and every step a run of all of
 * them. */
#include "tests/parallel/training.h"

#include "core/base/arithmetic.h"
#include "core/privacy/audit.h"
#include "core/privacy/calibrate.h"
#include "core/privacy/correlated.h"
#include "parallel/private.h"
#include "parallel/private_internal.h"

#define SIGMA      3.73063163481594 /* of epsilon 1 at delta 1e-5, for one sum of all rows */
#define DELTA      1e-5
#define CONFIDENCE 0.999

enum {
  CANARIES = 256,
  KINDS = 20,
  LONGEST = 400 /* steps */
};

typedef struct setting {
  const char *kind; /* of the sampler */
  double rate, sigma, clip;
  int64_t steps, shares;  /* shares > 1: broken, each of so many ranks adds sigma / shares    */
  uint64_t secret, coins; /* coins: of who is in; 0: nobody but the first                     */
  int few;                /* > 0: instead of canaries, so many of the rows of `few_x`         */
} setting;

static const setting plain = {.kind = "full",
                              .sigma = SIGMA,
                              .clip = 1,
                              .steps = LONGEST,
                              .shares = 1,
                              .secret = 1,
                              .coins = 1};

/* At the first place: three rows one way, the fourth far the other way. */
static const float few_x[4] = {-1.5F, -1, -0.5F, 10};

/* The noisy sums, projected: score[step][i] is the released sum along canary i's gradient. */
typedef struct audit {
  mst_train *train;
  mst_team *team;
  double *sum;
  int64_t steps, bytes[64];
  int few;
  signed char in[CANARIES];
  double score[LONGEST][CANARIES];
} audit;

static int32_t label_of(int64_t i) {
  return (int32_t)(i % KINDS);
}

static mst_status read_canaries(void *context, int64_t first, int64_t count, float *x,
                                float *value) {
  const audit *a = context;
  int64_t row = 0;
  (void)value;
  for (int64_t i = first; a->few > 0 && i < first + count; i++) {
    memset(x + (i - first) * CANARIES, 0, CANARIES * sizeof *x);
    x[(i - first) * CANARIES] = few_x[i];
  }
  if (a->few > 0) return MST_OK;
  for (int64_t i = 0; i < CANARIES; i++) {
    if (!a->in[i]) continue;
    if (row >= first && row < first + count) {
      memset(x + (row - first) * CANARIES, 0, CANARIES * sizeof *x);
      x[(row - first) * CANARIES + i] = 10;
    }
    row++;
  }
  return MST_OK;
}

/* Parameters are (CANARIES, KINDS), then the offsets; the model begins at 0, where a row's gradient
 * is (1 / KINDS - [its label]) x. */
static mst_status on_sum(void *context, int64_t step, int n, const mst_metric *metrics) {
  audit *a = context;
  (void)n;
  (void)metrics;
  (void)step;
  MST_TRY(mst_gather_all(a->team, a->train->wide, a->bytes, a->sum));
  const double length = sqrt(1 - 1.0 / KINDS);
  for (int64_t i = 0; i < CANARIES; i++) {
    double along = 0;
    for (int32_t k = 0; k < KINDS; k++)
      along += a->sum[i * KINDS + k] * (1.0 / KINDS - (k == label_of(i)));
    a->score[a->steps][i] = along / length;
  }
  a->steps++;
  return MST_OK;
}

static mst_status allow(void *context, int64_t step) {
  (void)context;
  (void)step;
  return MST_OK;
}

/* What is drawn in one vector here has the law of what the shares of all ranks add up to. */
static void divide_noise(mst_train *t, const setting *s, const mst_private_options *o) {
  mst_train_private *p = t->privacy;
  if (s->shares == 1) return;
  mst_correlated_destroy(p->correlated);
  p->correlated = NULL;
  ck_ok(mst_correlated_create(p->independent, &o->secret,
                              s->sigma * o->clip / sqrt((double)s->shares), t->first, t->mine,
                              &p->correlated));
}

static void toss(audit *a, uint64_t coins) {
  mst_stream s = mst_stream_of(mst_key_make(coins, MST_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < CANARIES; i++)
    a->in[i] = coins == 0 ? i == 0 : (signed char)(mst_stream_u32(&s) & 1);
}

/* One private training on the canaries that are in. */
static void learn(setting s, audit *a) {
  mst_team_options team = mst_team_defaults();
  mst_row_store *rows = NULL;
  mst_roster *roster = NULL;
  mst_clients *store = NULL;
  mst_model *model = NULL;
  int64_t n = 0, at = 0;
  toss(a, s.coins);
  a->steps = 0;
  a->few = s.few;
  for (int64_t i = 0; i < CANARIES; i++) n += a->in[i];
  if (s.few > 0) n = s.few;
  const int64_t span = s.few > 0 ? 1 : 32; /* several pieces for every rank */
  int32_t *piece = NULL, *label = NULL;
  ck_ok(mst_team_create(MPI_COMM_WORLD, &team, &a->team));
  mst_row_reader reader = {
      .context = a, .rows = n, .row_elements = CANARIES, .read = read_canaries};
  ck_ok(mst_rows_create(a->team, &reader, 1 << 20, &rows));
  ck_ok(mst_alloc(&piece, n, sizeof *piece, "pieces"));
  ck_ok(mst_alloc(&label, n, sizeof *label, "labels"));
  for (int64_t i = 0; i < CANARIES && s.few == 0; i++)
    if (a->in[i]) label[at++] = label_of(i);
  for (int64_t i = 0; i < n; i++) piece[i] = (int32_t)(i / span);
  ck_ok(mst_roster_create(a->team, n, piece, mst_ceil_div(n, span), true, &roster));
  mst_rows_assign(rows, roster, 1);
  ck_ok(mst_clients_create(a->team, rows, roster, label, NULL, 0, 1, NULL, &store));
  mst_model_spec spec = {.kind = "softmax", .init = "zero"};
  mst_row_shape shape = {.dims = 1, .size = {CANARIES}};
  ck_ok(mst_model_create(&spec, &shape, true, KINDS, &model));
  mst_sampler_spec sampler = {.kind = s.kind, .rate = s.rate, .population = CANARIES / 2};
  mst_private_options o = {
      .secret = mst_secret_test(s.secret), .clip = s.clip, .sigma = s.sigma, .charge = allow};
  mst_train_options options = defaults("sgd");
  options.optimizer.lr = 1e-9;
  options.steps = s.steps;
  options.evaluate_every = 1;
  ck_ok(mst_sampler_create(&sampler, &o.sampler));
  options.privacy = &o;
  mst_observer observer = {.context = a, .on_round = on_sum};
  ck_ok(mst_train_create(a->team, model, store, &options, &a->train));
  ck_ok(mst_alloc(&a->sum, model->parameters, sizeof *a->sum, "sum"));
  for (int k = 0; k < mst_team_size(a->team); k++)
    a->bytes[k] = a->train->count[k] * (int64_t)sizeof *a->sum;
  divide_noise(a->train, &s, &o);
  ck_ok(mst_train_run(a->train, NULL, &observer));
  mst_train_destroy(a->train);
  mst_sampler_destroy(o.sampler);
  mst_free(a->sum);
  mst_clients_destroy(store);
  mst_model_destroy(model);
  mst_roster_destroy(roster);
  mst_rows_destroy(rows);
  mst_free(piece);
  mst_free(label);
  mst_team_destroy(a->team);
}

/* Every step and canary is a run: of all canaries' scores, less those of `before`, the bound. */
static double bound(const audit *a, const audit *before) {
  static double score[2][LONGEST * CANARIES];
  int64_t n[2] = {0, 0};
  double epsilon;
  for (int64_t t = 0; t < a->steps; t++)
    for (int64_t i = 0; i < CANARIES; i++)
      score[a->in[i]][n[a->in[i]]++] =
          a->score[t][i] - (before != NULL && i > 0 ? before->score[t][i] : 0);
  ck_ok(mst_audit_scores(mst_least(n[0], n[1]), score[0], score[1], DELTA, CONFIDENCE, &epsilon));
  return epsilon;
}

static audit now, earlier;

START_TEST(noise_divided_by_the_root_of_the_ranks_is_caught) {
  for (int broken = 0; broken < 2; broken++) {
    setting s = plain;
    s.shares = broken ? 8 : 1;
    learn(s, &now);
    const double epsilon = bound(&now, NULL);
    ck_assert_msg(broken ? epsilon > 1 : epsilon <= 1 && epsilon >= 0.2, "broken %d: %g", broken,
                  epsilon);
  }
}
END_TEST

/* The first start was seen, and goes on anew with rows that came in between. */
START_TEST(noise_that_a_restart_draws_again_is_caught) {
  for (int broken = 0; broken < 2; broken++) {
    setting s = plain;
    s.coins = 0;
    learn(s, &earlier);
    s.coins = 1;
    s.secret = broken ? s.secret : 2;
    learn(s, &now);
    const double epsilon = bound(&now, &earlier);
    ck_assert_msg(broken ? epsilon > 5 : epsilon <= 1, "broken %d: %g", broken, epsilon);
  }
}
END_TEST

/* The released sum of the first rows of few_x, without noise, along their gradients. */
static double sum_of(int rows, double clip) {
  setting s = plain;
  s.sigma = 0;
  s.steps = 1;
  s.few = rows;
  s.clip = clip;
  learn(s, &now);
  return now.score[0][0];
}

START_TEST(clipping_after_the_sum_is_caught) {
  enum {
    RUNS = 160000
  };
  static double score[2][RUNS];
  const mst_secret secret = mst_secret_test(3);
  for (int broken = 0; broken < 2; broken++) {
    for (int side = 0; side < 2; side++) {
      double sum = sum_of(3 + side, broken ? 1000 : 1);
      if (broken) sum = fmax(-1, fmin(1, sum));
      ck_assert_double_gt(fabs(sum), 0.5);
      const mst_noise noise = mst_noise_of(&secret, MST_NOISE_SUM, 0, (uint64_t)side);
      mst_noise_gaussian(&noise, 0, RUNS, SIGMA, score[side]);
      for (int i = 0; i < RUNS; i++) score[side][i] += sum;
    }
    double epsilon;
    ck_ok(mst_audit_scores(RUNS, score[0], score[1], DELTA, CONFIDENCE, &epsilon));
    ck_assert_msg(broken ? epsilon > 1 : epsilon <= 1, "broken %d: %g", broken, epsilon);
  }
}
END_TEST

/* One training of many steps: each canary is in by its coin, and guessed from all that was
 * released.
 */
static double one_run(setting s, bool again) {
  enum {
    GUESSES = 100
  };
  static double score[CANARIES];
  double epsilon;
  int64_t correct;
  if (again) {
    setting before = s;
    before.coins = 0;
    learn(before, &earlier);
  }
  learn(s, &now);
  memset(score, 0, sizeof score);
  for (int64_t t = 0; t < now.steps; t++)
    for (int64_t i = 0; i < CANARIES; i++)
      score[i] += now.score[t][i] - (again ? earlier.score[t][i] : 0);
  ck_ok(mst_audit_guess(CANARIES, score, now.in, GUESSES, &correct));
  ck_ok(mst_audit_one_run(CANARIES, GUESSES, correct, DELTA, 0.95, &epsilon));
  return epsilon;
}

START_TEST(one_run_of_a_training_stays_below_its_claim_and_broken_ones_do_not) {
  setting s = plain;
  s.kind = "poisson";
  s.rate = 0.5;
  s.steps = 60;
  s.sigma = 9;
  const mst_sampler_spec spec = {.kind = s.kind, .rate = s.rate, .population = CANARIES / 2};
  mst_sampler *sampler = NULL;
  mst_spent claim;
  ck_ok(mst_sampler_create(&spec, &sampler));
  mst_event event = mst_sampler_event(sampler, s.sigma);
  mst_sampler_destroy(sampler);
  event.count = (double)s.steps;
  const mst_events list = {&event, 1, MST_ADJACENCY_ADD_REMOVE, 1};
  const mst_account_spec pld = {"pld", 1e-2};
  ck_ok(mst_account_epsilon(&pld, &list, DELTA, &claim));
  const double right = one_run(s, false), reused = one_run(s, true);
  s.shares = 64;
  const double divided = one_run(s, false);
  ck_assert_msg(right <= claim.epsilon, "right: %g of %g", right, claim.epsilon);
  ck_assert_msg(reused > claim.epsilon, "noise that was seen before: %g of %g", reused,
                claim.epsilon);
  ck_assert_msg(divided > claim.epsilon, "divided noise: %g of %g", divided, claim.epsilon);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("private_audit");
  TCase *c = tcase_create("private_audit");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, noise_divided_by_the_root_of_the_ranks_is_caught);
  tcase_add_test(c, noise_that_a_restart_draws_again_is_caught);
  tcase_add_test(c, clipping_after_the_sum_is_caught);
  tcase_add_test(c, one_run_of_a_training_stays_below_its_claim_and_broken_ones_do_not);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
