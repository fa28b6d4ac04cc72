/* Private rounds: one noise of the promised size whatever the ranks and wherever it is added,
 * clipping before any sum, a public divisor, charges before releases, and refusals of what no clip
 * bounds. */
#define MST_TEST_MPI
#include "tests/parallel/federation.h"

typedef struct setting {
  bool hardened, shares;
  double rate, clip, sigma, tolerance;
  int64_t rounds, charged, refuse; /* refuse: the round at which the budget ends; -1: none */
  uint64_t secret;
  bool spoil; /* the rows are not finite */
  mst_mask_kind masks;
  double dropout;
  uint64_t coins; /* of dropouts */
} setting;

static const setting plain = {
    .rate = 0.5, .clip = 0.3, .sigma = 0.5, .rounds = 3, .refuse = -1, .secret = 4};

typedef struct ledger {
  int64_t round[16], n, refuse;
} ledger;

static mst_status note_charge(void *context, int64_t round) {
  ledger *l = context;
  if (round == l->refuse) return mst_fail(MST_ERR_BUDGET, "the budget is spent");
  l->round[l->n++] = round;
  return MST_OK;
}

typedef struct outcome {
  mst_status st;
  int64_t n;
  double *moved; /* (n) parameters after less before */
  ledger charges;
  mst_federated_totals totals;
  char hex[MST_DIGEST_HEX];
} outcome;

static outcome learn(MPI_Comm comm, bool shared, int per_node, setting s) {
  fixture f;
  outcome o = {.charges = {.refuse = s.refuse}};
  mst_federated *loop = NULL;
  record r = {.rounds = 0};
  begin(&f, comm, shared, per_node, "fedavg");
  const mst_sampler_spec spec = {.kind = "poisson", .rate = s.rate, .population = CLIENTS};
  mst_federated_privacy p = {.secret = mst_secret_test(s.secret),
                             .clip = s.clip,
                             .sigma = s.sigma,
                             .hardened = s.hardened,
                             .shares = s.shares,
                             .tolerance = s.tolerance,
                             .charge = note_charge,
                             .context = &o.charges,
                             .charged = s.charged};
  ck_ok(mst_sampler_create(&spec, &p.sampler));
  f.options.privacy = &p;
  f.options.secure =
      (mst_mask_options){.kind = s.masks,
                         .bound = s.clip,
                         .secure = {.threshold = 0.51, .dropout = s.dropout, .seed = s.coins}};
  f.options.bernoulli = true;
  f.options.participation = s.rate;
  f.options.cohort = 0;
  f.options.rounds = s.rounds;
  f.options.method.weighted = false;
  f.options.evaluate_clients = f.options.evaluate_gradient = false;
  if (s.spoil) f.options.optimizer.lr = 1e30;
  mst_observer observer = {.context = &r, .on_round = on_round};
  mst_digest_start(&r.digest);
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  o.n = f.model->parameters;
  ck_ok(mst_alloc(&o.moved, o.n, sizeof *o.moved, "moved"));
  for (int64_t i = 0; i < o.n; i++) o.moved[i] = -(double)mst_federated_parameters(loop)[i];
  o.st = mst_federated_run(loop, &no_test, &observer);
  for (int64_t i = 0; i < o.n; i++) o.moved[i] += (double)mst_federated_parameters(loop)[i];
  o.totals = mst_federated_figures(loop);
  finish(&f, loop, &r, o.hex);
  mst_federated_destroy(loop);
  mst_sampler_destroy(p.sampler);
  end(&f);
  return o;
}

static double variance(const outcome *o) {
  double square = 0;
  for (int64_t i = 0; i < o->n; i++) square += o->moved[i] * o->moved[i];
  return square / (double)o->n;
}

START_TEST(private_rounds_have_the_same_bits_on_any_ranks_and_transport) {
  for (int k = 0; k < 3; k++) {
    setting s = plain;
    s.hardened = k == 1;
    s.shares = k == 2;
    s.tolerance = k == 2 ? 0.2 : 0;
    outcome want = learn(MPI_COMM_SELF, true, 0, s);
    ck_ok(want.st);
    for (int way = 0; way < 2; way++) {
      outcome got = learn(MPI_COMM_WORLD, way == 0, way == 0 ? 0 : 2, s);
      ck_ok(got.st);
      ck_assert_str_eq(got.hex, want.hex);
      mst_free(got.moved);
    }
    mst_free(want.moved);
  }
}
END_TEST

/* Changes are clipped to next to nothing beside the noise, or are none at all. */
START_TEST(a_round_has_the_whole_noise_once_wherever_it_is_added_and_whoever_is_there) {
  const struct {
    bool hardened, shares;
    double rate, tolerance, factor;
  } way[] = {{false, false, 1, 0, 1},    {true, false, 1, 0, 1},
             {false, true, 1, 0, 1},     {false, true, 1, 0.5, 2}, /* half may be missing */
             {false, false, 1e-9, 0, 1},                           /* an empty cohort */
             {false, true, 1e-9, 0, 1},  {false, true, 1e-9, 0.5, 2}};
  for (int i = 0; i < 7; i++) {
    setting s = plain;
    s.hardened = way[i].hardened;
    s.shares = way[i].shares;
    s.rate = way[i].rate;
    s.tolerance = way[i].tolerance;
    s.clip = way[i].rate < 1 ? 1e-8 : 1e-2;
    s.sigma = 700;
    s.rounds = 1;
    outcome o = learn(MPI_COMM_WORLD, true, 0, s);
    ck_ok(o.st);
    const double one = s.sigma * s.clip / (CLIENTS * s.rate);
    ck_assert_msg(
        fabs(variance(&o) / (one * one * way[i].factor) - 1) < 5 * sqrt(2.0 / (double)o.n) + 0.01,
        "way %d: the variance is %g times that of one noise", i, variance(&o) / (one * one));
    mst_free(o.moved);
  }
}
END_TEST

/* With many parameters a difference of one percent in their noise would tell that one is there. */
START_TEST(the_noise_of_all_shares_does_not_tell_how_many_there_are) {
  for (int k = 0; k < 10; k++)
    for (int64_t n = 0; n < 200; n++) {
      const double tolerance = 0.1 * k, sure = mst_federated_private_sure(n, tolerance);
      const double all = (double)(n > 0 ? n : 1) / sure; /* empty: the server's share alone */
      ck_assert_double_eq_tol(all * (1 - tolerance), 1, 1e-15);
      ck_assert_double_le(sure, fmax(1, (double)n - floor(tolerance * (double)n)) + 1e-12);
    }
}
END_TEST

static const setting hidden = {.rate = 1,
                               .clip = 0.3,
                               .sigma = 0.5,
                               .rounds = 2,
                               .refuse = -1,
                               .secret = 4,
                               .shares = true,
                               .tolerance = 0.3,
                               .masks = MST_MASK_ON};

/* How many clients of a first round of all are gone; coins with which so many are. */
static int64_t count_gone(uint64_t coins, double dropout) {
  const mst_secure_options o = {.dropout = dropout, .seed = coins};
  int64_t gone = 0;
  for (int64_t k = 0; k < CLIENTS; k++) gone += mst_secure_drops(&o, k, 0);
  return gone;
}

static uint64_t find_coins(double dropout, int64_t gone) {
  uint64_t coins = 0;
  while (count_gone(coins, dropout) != gone) coins++;
  return coins;
}

START_TEST(behind_masks_a_round_comes_to_what_it_comes_to_in_the_open_on_any_ranks) {
  for (int k = 0; k < 2; k++) {
    setting s = hidden;
    s.rate = 0.7;
    s.dropout = k == 0 ? 0 : 0.2;
    outcome masked = learn(MPI_COMM_WORLD, true, 0, s);
    ck_ok(masked.st);
    s.masks = k == 0 ? MST_MASK_NONE : MST_MASK_SUM;
    outcome open = learn(MPI_COMM_SELF, true, 0, s);
    ck_ok(open.st);
    ck_assert_str_eq(masked.hex, open.hex);
    ck_assert_int_eq(masked.totals.dropped, 0);
    mst_free(masked.moved);
    mst_free(open.moved);
  }
}
END_TEST

START_TEST(behind_masks_the_noise_does_not_tell_how_many_are_gone) {
  setting s = hidden;
  s.clip = 1e-2;
  s.sigma = 700;
  s.rounds = 1;
  s.tolerance = 0.5;
  s.dropout = 0.45;
  for (int64_t gone = 8; gone <= 14; gone += 3) { /* at most 11 may be */
    s.coins = find_coins(s.dropout, gone);
    outcome o = learn(MPI_COMM_WORLD, true, 0, s);
    ck_ok(o.st);
    const double one = s.sigma * s.clip / CLIENTS, noise = variance(&o) / (one * one);
    ck_assert_msg(fabs(noise / 2 - 1) < 5 * sqrt(2.0 / (double)o.n) + 0.01,
                  "%d are gone: the variance is %g times that of one noise", (int)gone, noise);
    ck_assert_int_eq(o.totals.aborted, 0);
    mst_free(o.moved);
  }
}
END_TEST

START_TEST(a_round_with_too_few_shares_of_the_noise_is_never_read) {
  setting s = hidden;
  s.rounds = 1;
  s.dropout = 0.3; /* 6 of 23 may be gone */
  for (int k = 0; k < 2; k++) {
    s.coins = find_coins(s.dropout, 6 + k);
    s.sigma = 0;
    outcome quiet = learn(MPI_COMM_WORLD, true, 0, s);
    ck_ok(quiet.st);
    ck_assert((variance(&quiet) > 0) == (k == 0));
    mst_free(quiet.moved);
  }
}
END_TEST

START_TEST(the_sum_is_of_clipped_changes_and_the_divisor_is_public) {
  setting s = plain;
  s.sigma = 0;
  s.rate = 1;
  s.rounds = 1;
  s.clip = 1e-3;
  outcome all = learn(MPI_COMM_WORLD, true, 0, s);
  ck_ok(all.st);
  const double length = sqrt(variance(&all) * (double)all.n);
  ck_assert_double_le(length, s.clip * (1 + 1e-3));
  ck_assert_double_gt(length, 0.05 * s.clip);
  s.rate = 0.05; /* one client alone is divided by the 1.15 that are expected, two likewise */
  int64_t out[CLIENTS], single = 0;
  for (s.secret = 0; s.secret < 8; s.secret++) {
    const mst_sampler_spec spec = {.kind = "poisson", .rate = s.rate, .population = CLIENTS};
    const mst_secret secret = mst_secret_test(s.secret);
    mst_sampler *sampler = NULL;
    ck_ok(mst_sampler_create(&spec, &sampler));
    mst_sampler_begin(sampler, &secret, 0);
    const double most = (double)mst_sampler_take(sampler, 0, CLIENTS, out);
    mst_sampler_destroy(sampler);
    outcome some = learn(MPI_COMM_WORLD, true, 0, s);
    ck_ok(some.st);
    const double clients = sqrt(variance(&some) * (double)some.n) / s.clip * CLIENTS * s.rate;
    ck_assert_double_le(clients, most * (1 + 1e-3));
    single += most == 1 && fabs(clients - 1) < 1e-3;
    mst_free(some.moved);
  }
  ck_assert_int_gt(single, 0);
  mst_free(all.moved);
}
END_TEST

START_TEST(clients_that_diverge_are_zero_in_silence) {
  setting s = plain;
  s.sigma = 0;
  s.rate = 1;
  s.rounds = 1;
  s.spoil = true;
  outcome o = learn(MPI_COMM_WORLD, true, 0, s);
  ck_ok(o.st);
  ck_assert_double_eq(variance(&o), 0);
  ck_assert_int_eq(o.totals.excluded, 0);
  ck_assert_int_eq(o.totals.contributions, 0);
  mst_free(o.moved);
}
END_TEST

START_TEST(rounds_that_were_charged_before_are_never_made_again) {
  setting s = plain;
  s.charged = 2;
  outcome o = learn(MPI_COMM_WORLD, true, 0, s);
  ck_ok(o.st);
  ck_assert_int_eq(o.charges.n, 1);
  ck_assert_int_eq(o.charges.round[0], 2);
  ck_assert_int_eq(o.totals.lost, 2);
  mst_free(o.moved);
}
END_TEST

START_TEST(a_spent_budget_ends_the_run_before_the_release) {
  setting s = plain;
  s.refuse = 0;
  outcome o = learn(MPI_COMM_WORLD, true, 0, s);
  ck_assert_int_eq(o.st, MST_ERR_BUDGET);
  mst_status_clear();
  ck_assert_double_eq(variance(&o), 0);
  mst_free(o.moved);
}
END_TEST

START_TEST(no_two_secrets_have_the_same_noise_or_cohorts) {
  setting s = plain;
  outcome a = learn(MPI_COMM_WORLD, true, 0, s);
  s.secret = 5;
  outcome b = learn(MPI_COMM_WORLD, true, 0, s);
  ck_assert_str_ne(a.hex, b.hex);
  mst_free(a.moved);
  mst_free(b.moved);
}
END_TEST

START_TEST(what_no_clip_bounds_is_refused_by_name) {
  const mst_federated_privacy p = {.clip = 1, .sigma = 1};
  mst_pipeline sum = mst_pipeline_sum();
  static const char *const more[] = {"scaffold", "fednova", "feddyn", "fedcm"};
  for (int i = 0; i < 4; i++) {
    mst_federated_options o = defaults(more[i]);
    o.privacy = &p;
    o.bernoulli = true;
    o.method.weighted = false;
    ck_refused(mst_federated_check(&o, &sum), MST_ERR_UNSUPPORTED, more[i]);
  }
  mst_federated_options good = defaults("fedavg");
  good.privacy = &p;
  good.bernoulli = true;
  good.method.weighted = good.evaluate_clients = good.evaluate_gradient = false;
  ck_ok(mst_federated_check(&good, &sum));
  mst_federated_options o = good;
  o.method.weighted = true;
  ck_refused(mst_federated_check(&o, &sum), MST_ERR_UNSUPPORTED, "method.weighted");
  o = good;
  o.bernoulli = false;
  ck_refused(mst_federated_check(&o, &sum), MST_ERR_UNSUPPORTED, "bernoulli");
  o = good;
  o.stop = (mst_stop){.metric = "loss", .at = 1};
  ck_refused(mst_federated_check(&o, &sum), MST_ERR_UNSUPPORTED, "stop");
  o = good;
  o.evaluate_clients = true;
  ck_refused(mst_federated_check(&o, &sum), MST_ERR_UNSUPPORTED, "scores of clients");
  o = good;
  o.keep = 1;
  ck_refused(mst_federated_check(&o, &sum), MST_ERR_UNSUPPORTED, "personal.keep");
}
END_TEST

START_TEST(masks_go_with_shares_of_the_noise_that_suffice) {
  mst_federated_privacy p = {.clip = 1, .sigma = 1, .shares = true, .tolerance = 0.2};
  mst_pipeline sum = mst_pipeline_sum();
  mst_federated_options o = defaults("fedavg");
  o.privacy = &p;
  o.bernoulli = true;
  o.method.weighted = o.evaluate_clients = o.evaluate_gradient = false;
  o.secure = (mst_mask_options){
      .kind = MST_MASK_ON, .bound = 1, .secure = {.threshold = 0.7, .dropout = 0.2}};
  ck_ok(mst_federated_check(&o, &sum));
  o.secure.bound = 2;
  ck_refused(mst_federated_check(&o, &sum), MST_ERR_INPUT, "secure.bound is 2");
  o.secure.bound = 1;
  o.secure.secure.threshold = 0.9;
  ck_refused(mst_federated_check(&o, &sum), MST_ERR_INPUT, "secure.threshold");
  o.secure.secure.dropout = 0.3;
  ck_refused(mst_federated_check(&o, &sum), MST_ERR_INPUT, "privacy.tolerance above");
  p.shares = false;
  ck_refused(mst_federated_check(&o, &sum), MST_ERR_UNSUPPORTED, "placement: shares");
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("federated_private");
  TCase *c = tcase_create("federated_private");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, private_rounds_have_the_same_bits_on_any_ranks_and_transport);
  tcase_add_test(c, a_round_has_the_whole_noise_once_wherever_it_is_added_and_whoever_is_there);
  tcase_add_test(c, the_noise_of_all_shares_does_not_tell_how_many_there_are);
  tcase_add_test(c, behind_masks_a_round_comes_to_what_it_comes_to_in_the_open_on_any_ranks);
  tcase_add_test(c, behind_masks_the_noise_does_not_tell_how_many_are_gone);
  tcase_add_test(c, a_round_with_too_few_shares_of_the_noise_is_never_read);
  tcase_add_test(c, masks_go_with_shares_of_the_noise_that_suffice);
  tcase_add_test(c, the_sum_is_of_clipped_changes_and_the_divisor_is_public);
  tcase_add_test(c, clients_that_diverge_are_zero_in_silence);
  tcase_add_test(c, rounds_that_were_charged_before_are_never_made_again);
  tcase_add_test(c, a_spent_budget_ends_the_run_before_the_release);
  tcase_add_test(c, no_two_secrets_have_the_same_noise_or_cohorts);
  tcase_add_test(c, what_no_clip_bounds_is_refused_by_name);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
