/* Secure aggregation over ranks: the stage by itself, and in the round loop: whatever is masked,
 * what is read has the bits of the sum without masks, on any ranks. */
#define MST_TEST_MPI
#include "comm/sum.h"
#include "core/base/memory.h"
#include "core/linalg/lattice.h"
#include "core/privacy/whole.h"
#include "parallel/clip.h"
#include "tests/parallel/federation.h"

enum {
  ENTRIES = 3001,
  ASKED = 11
};

static mst_mask_options secure(mst_mask_kind kind) {
  return (mst_mask_options){
      .kind = kind, .bound = 2, .secure = {.threshold = 0.6, .dropout = 0.2, .seed = 5}};
}

static const int64_t asked[ASKED] = {0, 1, 4, 5, 9, 10, 11, 15, 20, 21, 22};

static int64_t known(int64_t client, int64_t e) {
  return (client + 1) * 1000003 - e * 977;
}

/* All that do not drop send known vectors, each from the rank whose turn it is. */
static void send_all(mst_team *team, mst_mask *m, const mst_pipeline *p, int64_t round,
                     int64_t *sum, int64_t *truth) {
  static int64_t message[ENTRIES];
  memset(sum, 0, ENTRIES * sizeof *sum);
  memset(truth, 0, ENTRIES * sizeof *truth);
  ck_ok(mst_mask_open(m, round, ASKED, asked));
  for (int k = 0; k < ASKED; k++) {
    if (mst_mask_drops(m, asked[k])) continue;
    for (int64_t e = 0; e < ENTRIES; e++) truth[e] += known(asked[k], e);
    if (k % mst_team_size(team) != mst_team_rank(team)) continue;
    for (int64_t e = 0; e < ENTRIES; e++) message[e] = known(asked[k], e);
    ck_ok(mst_pipeline_mask(p, asked[k], round, ENTRIES, message));
    for (int64_t e = 0; e < ENTRIES; e++)
      sum[e] = (int64_t)((uint64_t)sum[e] + (uint64_t)message[e]);
  }
  ck_ok(mst_sum_i64(team, sum, ENTRIES));
}

static void start(mst_team **team, const mst_mask_options *o, mst_mask **m, mst_pipeline *p) {
  mst_team_options options = mst_team_defaults();
  ck_ok(mst_team_create(MPI_COMM_WORLD, &options, team));
  ck_ok(mst_mask_create(*team, o, m));
  *p = mst_pipeline_sum();
  ck_ok(mst_pipeline_put(p, mst_mask_stage(*m)));
}

START_TEST(a_masked_sum_is_noise_until_it_is_unmasked_and_then_exact) {
  static int64_t sum[ENTRIES], truth[ENTRIES];
  for (int64_t neighbours = 0; neighbours <= 6; neighbours += 6) {
    mst_mask_options o = secure(MST_MASK_ON);
    mst_team *team;
    mst_mask *m;
    mst_pipeline p;
    int64_t dropped = 0, same = 0;
    o.secure.neighbours = neighbours;
    o.secure.threshold = 0.51;
    start(&team, &o, &m, &p);
    for (int64_t round = 0; round < 3; round++) {
      bool enough = false;
      send_all(team, m, &p, round, sum, truth);
      for (int64_t e = 0; e < ENTRIES; e++) same += sum[e] == truth[e];
      ck_ok(mst_mask_close(m, &enough));
      ck_assert(enough);
      dropped += ASKED - mst_mask_survivors(m);
      mst_mask_remove(m, 0, 1000, sum);
      mst_mask_remove(m, 1000, ENTRIES - 1000, sum + 1000);
      ck_assert_mem_eq(sum, truth, sizeof sum);
    }
    ck_assert_int_eq(same, 0);
    ck_assert_int_gt(dropped, 0);
    mst_mask_destroy(m);
    mst_team_destroy(team);
  }
}
END_TEST

START_TEST(too_few_survivors_are_an_answer_and_not_a_sum) {
  static int64_t sum[ENTRIES], truth[ENTRIES];
  mst_mask_options o = secure(MST_MASK_ON);
  mst_team *team;
  mst_mask *m;
  mst_pipeline p;
  bool enough = true;
  o.secure.threshold = 0.95;
  o.secure.dropout = 0.5;
  start(&team, &o, &m, &p);
  send_all(team, m, &p, 0, sum, truth);
  ck_ok(mst_mask_close(m, &enough));
  ck_assert(!enough);
  ck_refused(mst_mask_refuse(m), MST_ERR_INPUT, "clients sent, too few to take the masks away");
  mst_mask_remove(m, 0, ENTRIES, sum);
  ck_assert(memcmp(sum, truth, sizeof sum) != 0);
  o.secure.dropout = 0.999;
  mst_mask_destroy(m);
  ck_ok(mst_mask_create(team, &o, &m));
  p = mst_pipeline_sum();
  ck_ok(mst_pipeline_put(&p, mst_mask_stage(m)));
  send_all(team, m, &p, 0, sum, truth);
  ck_ok(mst_mask_close(m, &enough));
  ck_assert(!enough);
  ck_refused(mst_mask_refuse(m), MST_ERR_INPUT, "fewer than two hides nobody");
  mst_mask_destroy(m);
  mst_team_destroy(team);
}
END_TEST

START_TEST(who_is_not_asked_or_sends_twice_is_refused) {
  mst_mask_options o = secure(MST_MASK_ON);
  mst_team *team;
  mst_mask *m;
  mst_pipeline p;
  int64_t number = 0;
  o.secure.dropout = 0;
  start(&team, &o, &m, &p);
  ck_ok(mst_mask_open(m, 0, ASKED, asked));
  ck_refused(mst_pipeline_mask(&p, 2, 0, 1, &number), MST_ERR_INTERNAL, "not to send");
  ck_ok(mst_pipeline_mask(&p, 4, 0, 1, &number));
  ck_refused(mst_pipeline_mask(&p, 4, 0, 1, &number), MST_ERR_INTERNAL, "not to send");
  mst_mask_destroy(m);
  mst_team_destroy(team);
}
END_TEST

/* The entry for private noise: a client's share, on the grid, before the masks. */
static mst_status add_seven(void *context, int64_t client, int64_t round, int64_t n,
                            int64_t *number) {
  (void)context, (void)round;
  for (int64_t e = 0; e < n; e++) number[e] += 7 * client;
  return MST_OK;
}

START_TEST(a_clients_share_of_noise_is_behind_the_masks_too) {
  static int64_t sum[ENTRIES], truth[ENTRIES];
  mst_mask_options o = secure(MST_MASK_ON);
  mst_team *team;
  mst_mask *m;
  mst_pipeline p;
  bool enough = false;
  int64_t noise = 0;
  o.noise = add_seven;
  start(&team, &o, &m, &p);
  send_all(team, m, &p, 0, sum, truth);
  ck_ok(mst_mask_close(m, &enough));
  ck_assert(enough);
  mst_mask_remove(m, 0, ENTRIES, sum);
  for (int k = 0; k < ASKED; k++)
    if (!mst_mask_drops(m, asked[k])) noise += 7 * asked[k];
  for (int64_t e = 0; e < ENTRIES; e++) ck_assert_int_eq(sum[e], truth[e] + noise);
  mst_mask_destroy(m);
  mst_team_destroy(team);
}
END_TEST

START_TEST(a_grid_holds_the_sum_and_its_noise) {
  mst_mask_options o = secure(MST_MASK_ON);
  for (int64_t n = 1; n <= 4096; n *= 3) {
    int plain = 0, noisy = 0;
    ck_ok(mst_mask_grid(&o, n, &plain));
    ck_assert_double_le((double)mst_most(n, 2) * o.bound, ldexp(1, MST_LATTICE_BITS - plain));
    ck_assert_double_gt(4 * (double)mst_most(n, 2) * o.bound, ldexp(1, MST_LATTICE_BITS - plain));
    o.spread = 3;
    ck_ok(mst_mask_grid(&o, n, &noisy));
    ck_assert_int_lt(noisy, plain);
    o.spread = 0;
  }
}
END_TEST

START_TEST(a_clip_shortens_only_what_is_longer) {
  const double bound = 5;
  const mst_stage stage = mst_clip_stage(&bound);
  double longer[2] = {30, -40}, shorter[2] = {3, -4}, huge[2] = {3e200, 4e200};
  double spoilt[2] = {1, NAN};
  ck_ok(stage.apply(&stage, 0, 0, 2, longer));
  ck_assert_double_eq_tol(longer[0], 3, 1e-15);
  ck_assert_double_eq_tol(longer[1], -4, 1e-15);
  ck_ok(stage.apply(&stage, 0, 0, 2, shorter));
  ck_assert_double_eq(shorter[0], 3);
  ck_ok(stage.apply(&stage, 0, 0, 2, huge));
  ck_assert_double_eq_tol(huge[1], 4, 1e-15);
  ck_refused(stage.apply(&stage, 0, 0, 2, spoilt), MST_ERR_NONFINITE, "not finite");
}
END_TEST

/* All rounds, metrics and parameters hashed. */
static mst_federated_totals run_rounds(fixture *f, char *hex) {
  record r = {.rounds = 0};
  mst_observer o = {.context = &r, .on_round = on_round};
  mst_federated *loop = NULL;
  mst_digest_start(&r.digest);
  ck_ok(mst_federated_create(f->team, f->model, f->clients, &f->pipeline, &f->options, &loop));
  ck_ok(mst_federated_run(loop, &no_test, &o));
  const mst_federated_totals t = mst_federated_figures(loop);
  finish(f, loop, &r, hex);
  mst_federated_destroy(loop);
  return t;
}

static void run_as(MPI_Comm comm, bool shared, const char *method, mst_mask_kind kind, char *hex,
                   mst_federated_totals *t) {
  fixture f;
  begin(&f, comm, shared, 0, method);
  f.options.evaluate_gradient = false;
  f.options.evaluate_clients = false;
  f.options.rounds = 3;
  f.options.secure = secure(kind);
  *t = run_rounds(&f, hex);
  end(&f);
}

START_TEST(rounds_have_the_bits_of_the_sum_without_masks_on_any_ranks) {
  static const char *const method[] = {"fedavg", "fednova", "scaffold"};
  for (int k = 0; k < 3; k++) {
    char masked[MST_DIGEST_HEX], plain[MST_DIGEST_HEX], alone[MST_DIGEST_HEX];
    mst_federated_totals t, u;
    run_as(MPI_COMM_WORLD, true, method[k], MST_MASK_ON, masked, &t);
    run_as(MPI_COMM_WORLD, false, method[k], MST_MASK_SUM, plain, &u);
    ck_assert_str_eq(masked, plain);
    ck_assert_int_gt(t.dropped, 0);
    ck_assert_int_eq(t.aborted, 0);
    ck_assert_int_eq(t.contributions + t.dropped, 3 * 9);
    ck_assert_int_gt(t.uplink_bytes, u.uplink_bytes);
    run_as(MPI_COMM_SELF, true, method[k], MST_MASK_ON, alone, &t);
    ck_assert_str_eq(masked, alone);
  }
}
END_TEST

/* A bound that binds nothing: what differs from plain rounds is rounding to the grid alone. */
START_TEST(a_wide_bound_gives_the_rounds_of_plain_aggregation) {
  float plain[2000], masked[2000];
  for (int k = 0; k < 2; k++) {
    fixture f;
    mst_federated *loop = NULL;
    begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
    ck_assert_int_le(f.model->parameters, 2000);
    if (k > 0) f.options.secure = secure(MST_MASK_ON);
    f.options.secure.bound = 1000;
    f.options.secure.secure.dropout = 0;
    ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
    ck_ok(mst_federated_run(loop, &no_test, NULL));
    memcpy(k > 0 ? masked : plain, mst_federated_parameters(loop),
           (size_t)f.model->parameters * sizeof(float));
    if (k > 0)
      for (int64_t i = 0; i < f.model->parameters; i++)
        ck_assert_double_eq_tol((double)masked[i], (double)plain[i], 1e-6);
    mst_federated_destroy(loop);
    end(&f);
  }
}
END_TEST

/* The update's norm: learning rate 1 on the mean of vectors none of which is longer. */
START_TEST(no_update_is_longer_than_the_bound) {
  fixture f;
  mst_federated *loop = NULL;
  double square = 0;
  float before[2000];
  begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
  f.options.secure = secure(MST_MASK_ON);
  f.options.secure.bound = 0x1p-6;
  f.options.method.weighted = false;
  f.options.rounds = 1;
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  memcpy(before, mst_federated_parameters(loop), (size_t)f.model->parameters * sizeof(float));
  ck_ok(mst_federated_run(loop, &no_test, NULL));
  for (int64_t i = 0; i < f.model->parameters; i++) {
    const double d = (double)mst_federated_parameters(loop)[i] - (double)before[i];
    square += d * d;
  }
  ck_assert_double_le(sqrt(square), 0x1p-6 * (1 + 1e-5));
  ck_assert_double_gt(sqrt(square), 0x1p-8); /* without the clip it is many times that */
  mst_federated_destroy(loop);
  end(&f);
}
END_TEST

START_TEST(a_round_below_the_threshold_changes_nothing_and_all_of_them_are_an_error) {
  fixture f;
  mst_federated *loop = NULL;
  float before[2000];
  begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
  f.options.secure = secure(MST_MASK_ON);
  f.options.secure.secure.threshold = 1;
  f.options.secure.secure.dropout = 0.6;
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  memcpy(before, mst_federated_parameters(loop), (size_t)f.model->parameters * sizeof(float));
  ck_refused(mst_federated_run(loop, &no_test, NULL), MST_ERR_INPUT,
             "no round could be used: round 4: ");
  ck_assert_mem_eq(before, mst_federated_parameters(loop),
                   (size_t)f.model->parameters * sizeof(float));
  const mst_federated_totals t = mst_federated_figures(loop);
  ck_assert_int_eq(t.aborted, 4);
  ck_assert_int_eq(t.contributions, 0);
  mst_federated_destroy(loop);
  end(&f);
}
END_TEST

/* Clients whose updates are not finite are as if they were gone. */
static mst_status spoil_fifth(const mst_stage *stage, int64_t client, int64_t round, int64_t n,
                              double *vector) {
  (void)stage, (void)round;
  if (client % 5 == 0) vector[n - 1] = NAN;
  return MST_OK;
}

START_TEST(a_client_that_diverges_is_left_out_and_its_masks_taken_away) {
  char hex[2][MST_DIGEST_HEX];
  int64_t excluded = 0;
  for (int k = 0; k < 2; k++) {
    fixture f;
    const mst_stage spoil = {.name = "spoil",
                             .slot = MST_SLOT_LOCAL_NOISE,
                             .traits = MST_TRAIT_SINGLE,
                             .apply = spoil_fifth};
    begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
    ck_ok(mst_pipeline_put(&f.pipeline, &spoil));
    f.options.evaluate_gradient = false;
    f.options.secure = secure(k == 0 ? MST_MASK_ON : MST_MASK_SUM);
    f.options.secure.secure.threshold = 0.51;
    f.options.secure.secure.dropout = 0;
    excluded = run_rounds(&f, hex[k]).excluded;
    ck_assert_int_gt(excluded, 0);
    end(&f);
  }
  ck_assert_str_eq(hex[0], hex[1]);
}
END_TEST

START_TEST(a_saved_run_goes_on_with_the_same_bits) {
  char hex[2][MST_DIGEST_HEX];
  for (int k = 0; k < 2; k++) {
    fixture f;
    begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
    f.options.evaluate_gradient = false;
    f.options.secure = secure(MST_MASK_ON);
    run_through_a_drawer(&f, k == 1, hex[k]);
    end(&f);
  }
  ck_assert_str_eq(hex[0], hex[1]);
}
END_TEST

static void refuse(fixture *f, mst_status code, const char *text) {
  mst_federated *loop = NULL;
  ck_refused(mst_federated_create(f->team, f->model, f->clients, &f->pipeline, &f->options, &loop),
             code, text);
}

START_TEST(what_does_not_go_with_masks_is_refused) {
  fixture f;
  begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
  mst_federated_options *o = &f.options;
  const mst_federated_options plain = *o;
  o->secure = secure(MST_MASK_ON);
  o->secure.bound = 0;
  refuse(&f, MST_ERR_INPUT, "secure.bound is 0: masks need a grid that is known before");
  o->secure.bound = 1;
  o->secure.secure.threshold = 0.4;
  refuse(&f, MST_ERR_INPUT, "secure.threshold is 0.4");
  o->secure = secure(MST_MASK_ON);
  o->method.weighted = false;
  mst_param_defaults(mst_rule_find("krum")->params, &o->aggregate.rule);
  o->aggregate.rule.name = "krum";
  o->aggregate.rule.byzantine = 2;
  refuse(&f, MST_ERR_UNSUPPORTED,
         "rule 'krum' compares distances between contributions, but 'masks'");
  *o = plain;
  o->secure = secure(MST_MASK_ON);
  mst_param_defaults(mst_attack_find("ipm")->params, &o->attack);
  o->attack.name = "ipm";
  o->attack.count = 2;
  refuse(&f, MST_ERR_UNSUPPORTED, "masks leave none to be read");
  *o = plain;
  o->secure = secure(MST_MASK_ON);
  o->aggregate.momentum = 0.9;
  refuse(&f, MST_ERR_UNSUPPORTED, "aggregate.momentum");
  *o = plain;
  o->secure = secure(MST_MASK_ON);
  mst_param_defaults(mst_compress_find("topk")->params, &o->compress);
  o->compress.kind = "topk";
  refuse(&f, MST_ERR_UNSUPPORTED, "those that 'topk' leaves out too");
  *o = plain;
  o->secure = secure(MST_MASK_ON);
  o->cohort = 1;
  refuse(&f, MST_ERR_INPUT, "masks hide nothing");
  end(&f);
}
END_TEST

START_TEST(bytes_are_eight_an_entry_and_the_protocols) {
  fixture f;
  char hex[MST_DIGEST_HEX];
  begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
  f.options.rounds = 1;
  f.options.secure = secure(MST_MASK_ON);
  f.options.secure.secure.dropout = 0;
  const mst_federated_totals t = run_rounds(&f, hex);
  const mst_secure_bytes b = mst_secure_traffic(&f.options.secure.secure, 9, 9);
  int64_t up = 0, down = 0;
  mst_federated_traffic(f.model, &f.options, &up, &down);
  ck_assert_int_ge(up, 8 * f.model->parameters);
  ck_assert_int_le(up, 8 * f.model->parameters + 400);
  ck_assert_int_eq(t.uplink_bytes, 9 * up + b.up);
  ck_assert_int_eq(t.downlink_bytes, 9 * down + b.down);
  end(&f);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("secure");
  TCase *c = tcase_create("secure");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, a_masked_sum_is_noise_until_it_is_unmasked_and_then_exact);
  tcase_add_test(c, too_few_survivors_are_an_answer_and_not_a_sum);
  tcase_add_test(c, who_is_not_asked_or_sends_twice_is_refused);
  tcase_add_test(c, a_clients_share_of_noise_is_behind_the_masks_too);
  tcase_add_test(c, a_grid_holds_the_sum_and_its_noise);
  tcase_add_test(c, a_clip_shortens_only_what_is_longer);
  tcase_add_test(c, rounds_have_the_bits_of_the_sum_without_masks_on_any_ranks);
  tcase_add_test(c, a_wide_bound_gives_the_rounds_of_plain_aggregation);
  tcase_add_test(c, no_update_is_longer_than_the_bound);
  tcase_add_test(c, a_round_below_the_threshold_changes_nothing_and_all_of_them_are_an_error);
  tcase_add_test(c, a_client_that_diverges_is_left_out_and_its_masks_taken_away);
  tcase_add_test(c, a_saved_run_goes_on_with_the_same_bits);
  tcase_add_test(c, what_does_not_go_with_masks_is_refused);
  tcase_add_test(c, bytes_are_eight_an_entry_and_the_protocols);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
