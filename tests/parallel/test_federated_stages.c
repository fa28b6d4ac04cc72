/* What stands beside plain rounds: compression with its feedback, layers that stay with clients,
 * fine-tuning, rows that are held out. Each has the same bits on any ranks and transport and after a
 * resume, and does what its page says. */
#define MST_TEST_MPI
#include "comm/sum.h"
#include "parallel/compression.h"
#include "tests/parallel/federation.h"

typedef struct variant {
  const char *name, *method, *compress;
  bool changes_feedback; /* from the member's default */
  bool majority;
  int64_t keep, tune;
  double holdout;
} variant;

static const variant VARIANT[] = {
    {.name = "topk", .method = "fedavg", .compress = "topk"},
    {.name = "topk of two vectors", .method = "scaffold", .compress = "topk"},
    {.name = "randk", .method = "fedavg", .compress = "randk"},
    {.name = "unbiased randk", .method = "fedavg", .compress = "randk", .changes_feedback = true},
    {.name = "sign", .method = "feddyn", .compress = "sign"},
    {.name = "majority", .method = "fedavg", .compress = "sign", .changes_feedback = true,
     .majority = true},
    {.name = "qsgd", .method = "fednova", .compress = "qsgd"},
    {.name = "qsgd with feedback", .method = "fedadam", .compress = "qsgd",
     .changes_feedback = true},
    {.name = "int8", .method = "fedavg", .compress = "int8"},
    {.name = "kept layers", .method = "fedavg", .keep = 1},
    {.name = "kept layers of a method with vectors", .method = "fedsmoo", .keep = 1},
    {.name = "fine-tuning", .method = "fedcm", .tune = 2},
    {.name = "held-out rows", .method = "fedavg", .holdout = 0.3},
    {.name = "all of it", .method = "scaffold", .compress = "topk", .keep = 1, .tune = 1,
     .holdout = 0.2}};
enum { VARIANTS = sizeof VARIANT / sizeof VARIANT[0] };

static void choose_compressor(fixture *f, const char *kind) {
  mst_compress_spec *s = &f->options.compress;
  mst_param_defaults(mst_compress_find(kind)->params, s);
  s->kind = kind;
  if (strcmp(kind, "topk") == 0 || strcmp(kind, "randk") == 0) s->fraction = 0.1;
}

static void begin_variant(fixture *f, MPI_Comm comm, bool shared, int per_node, const variant *v) {
  begin_with(f, comm, shared, per_node, v->method, v->holdout);
  if (v->compress != NULL) choose_compressor(f, v->compress);
  if (v->changes_feedback) f->options.compress.feedback = !f->options.compress.feedback;
  f->options.compress.majority = v->majority;
  f->options.keep = v->keep;
  f->options.fine_tune_epochs = v->tune;
}

static void run_digest(MPI_Comm comm, bool shared, int per_node, const variant *v, char *hex) {
  fixture f;
  record r = {.rounds = 0};
  mst_observer o = {.context = &r, .on_round = on_round};
  mst_federated *loop = NULL;
  begin_variant(&f, comm, shared, per_node, v);
  mst_digest_start(&r.digest);
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  ck_ok(mst_federated_run(loop, &no_test, &o));
  finish(&f, loop, &r, hex);
  mst_federated_destroy(loop);
  end(&f);
}

START_TEST(every_variant_has_the_same_bits_on_any_ranks_and_transport) {
  for (int i = 0; i < VARIANTS; i++) {
    char alone[MST_DIGEST_HEX], team[MST_DIGEST_HEX];
    run_digest(MPI_COMM_SELF, true, 0, &VARIANT[i], alone);
    run_digest(MPI_COMM_WORLD, true, 0, &VARIANT[i], team);
    ck_assert_msg(strcmp(alone, team) == 0, "%s: shared memory", VARIANT[i].name);
    run_digest(MPI_COMM_WORLD, false, 0, &VARIANT[i], team);
    ck_assert_msg(strcmp(alone, team) == 0, "%s: no shared memory", VARIANT[i].name);
    run_digest(MPI_COMM_WORLD, true, 2, &VARIANT[i], team);
    ck_assert_msg(strcmp(alone, team) == 0, "%s: nodes of two ranks", VARIANT[i].name);
  }
}
END_TEST

START_TEST(no_two_variants_of_a_method_are_the_same_run) {
  char digest[VARIANTS][MST_DIGEST_HEX];
  for (int i = 0; i < VARIANTS; i++) {
    run_digest(MPI_COMM_SELF, true, 0, &VARIANT[i], digest[i]);
    for (int k = 0; k < i; k++) ck_assert_str_ne(digest[i], digest[k]);
  }
}
END_TEST

static void run_saved(const variant *v, bool interrupted, char *hex) {
  fixture f;
  begin_variant(&f, MPI_COMM_WORLD, true, 0, v);
  run_through_a_drawer(&f, interrupted, hex);
  end(&f);
}

START_TEST(a_saved_variant_goes_on_with_the_same_bits) {
  for (int i = 0; i < VARIANTS; i++) {
    char straight[MST_DIGEST_HEX], resumed[MST_DIGEST_HEX];
    run_saved(&VARIANT[i], false, straight);
    run_saved(&VARIANT[i], true, resumed);
    ck_assert_msg(strcmp(straight, resumed) == 0, "%s: a resume changes the bits", VARIANT[i].name);
  }
}
END_TEST

/* The staged path, the encoding and the meters are in the way, and leave no trace. */
START_TEST(topk_of_all_entries_changes_nothing) {
  static const char *const method[] = {"fedavg", "scaffold"};
  for (int m = 0; m < 2; m++) {
    char plain[MST_DIGEST_HEX], whole_digest[MST_DIGEST_HEX];
    const variant without = {.name = "none", .method = method[m]};
    run_digest(MPI_COMM_WORLD, true, 0, &without, plain);
    fixture f;
    record r = {.rounds = 0};
    mst_observer o = {.context = &r, .on_round = on_round};
    mst_federated *loop = NULL;
    begin(&f, MPI_COMM_WORLD, true, 0, method[m]);
    choose_compressor(&f, "topk");
    f.options.compress.fraction = 1;
    mst_digest_start(&r.digest);
    ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
    ck_ok(mst_federated_run(loop, &no_test, &o));
    finish(&f, loop, &r, whole_digest);
    ck_assert_str_eq(plain, whole_digest);
    mst_federated_destroy(loop);
    end(&f);
  }
}
END_TEST

START_TEST(bytes_are_those_of_the_encodings) {
  for (int i = 0; i < VARIANTS; i++) {
    fixture f;
    mst_federated *loop = NULL;
    begin_variant(&f, MPI_COMM_WORLD, true, 0, &VARIANT[i]);
    ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
    ck_ok(mst_federated_run(loop, &no_test, NULL));
    mst_federated_totals t = mst_federated_figures(loop);
    const mst_method_ops *ops = mst_method_find(VARIANT[i].method);
    const mst_compress_spec *s = &f.options.compress;
    int64_t n = f.model->parameters - (VARIANT[i].keep == 1 ? 70 * CLASSES + CLASSES : 0);
    int64_t vector = s->kind != NULL ? mst_compress_bytes(s, n) : 4 * n;
    ck_assert_int_eq(t.contributions, 4 * 9);
    ck_assert_int_eq(t.uplink_bytes, 4 * 9 * (ops->uplink * vector + 8 * ops->scalars));
    ck_assert_int_eq(t.downlink_bytes, 4 * 9 * (1 + ops->shared) * 4 * n);
    mst_federated_destroy(loop);
    end(&f);
  }
}
END_TEST

/* A client that sends the same vector in every round: with feedback all of it arrives in the end. */
START_TEST(feedback_gives_back_what_was_lost) {
  enum { N = 200, ROUNDS = 400 };
  for (int m = 0; mst_compress_at(m) != NULL; m++) {
    if (strcmp(mst_compress_at(m)->name, "none") == 0) continue;
    fixture f;
    mst_compression *c = NULL;
    begin(&f, MPI_COMM_SELF, true, 0, "fedavg");
    choose_compressor(&f, mst_compress_at(m)->name);
    f.options.compress.feedback = true;
    ck_ok(mst_compression_create(f.team, f.clients, &f.options.compress, 1, N, N, 2, &c));
    ck_ok(mst_compression_put(c, &f.pipeline));
    double sum[2 * N] = {0}, norm = 0, error = 0;
    for (int r = 0; r < ROUNDS; r++) {
      double x[2 * N];
      for (int i = 0; i < 2 * N; i++) x[i] = 1e-3 * ((i * 7) % 31 - 15);
      ck_ok(mst_pipeline_contribute(&f.pipeline, 5, r, 2 * N, x));
      for (int i = 0; i < 2 * N; i++) sum[i] += x[i] / ROUNDS;
    }
    for (int i = 0; i < 2 * N; i++) {
      double want = 1e-3 * ((i * 7) % 31 - 15);
      norm += want * want;
      error += (sum[i] - want) * (sum[i] - want);
    }
    ck_assert_msg(sqrt(error / norm) < 0.12, "%s: %g is missing", mst_compress_at(m)->name,
                  sqrt(error / norm));
    mst_compression_destroy(c);
    end(&f);
  }
}
END_TEST

START_TEST(what_cannot_be_sent_or_read_changes_nothing) {
  fixture f;
  mst_compression *c = NULL;
  double x[64];
  begin(&f, MPI_COMM_SELF, true, 0, "fedavg");
  choose_compressor(&f, "randk");
  f.options.compress.feedback = false;
  f.options.compress.fraction = 1.0 / 64;
  ck_ok(mst_compression_create(f.team, f.clients, &f.options.compress, 1, 64, 64, 1, &c));
  ck_ok(mst_compression_put(c, &f.pipeline));
  for (int i = 0; i < 64; i++) x[i] = 0x1p16; /* read as 2^22 */
  ck_refused(mst_pipeline_contribute(&f.pipeline, 5, 0, 64, x), MST_ERR_NONFINITE, "that is read");
  for (int i = 0; i < 64; i++) ck_assert_double_eq(x[i], 0x1p16);
  x[3] = NAN;
  ck_refused(mst_pipeline_contribute(&f.pipeline, 5, 0, 64, x), MST_ERR_NONFINITE, "to be sent");
  mst_compression_destroy(c);
  end(&f);
}
END_TEST

static int64_t victim;

static mst_status enlarge(const mst_stage *stage, int64_t client, int64_t round, int64_t n,
                          double *vector) {
  (void)stage, (void)round;
  for (int64_t i = 0; i < n && client == victim; i++) vector[i] = 1e300;
  return MST_OK;
}

/* Of the clients' vectors, those of the victim: they begin as zeros. */
static mst_status look_at_victim(void *context, int64_t round, const mst_state *state) {
  const mst_state_item *item = mst_state_find(state, "clients");
  int64_t each = item->shape[1], at = victim - item->first, *renewed = context;
  (void)round;
  for (int64_t k = 0; k < item->count; k++)
    for (int64_t i = 0; i < each; i++)
      renewed[k == at] += ((const float *)item->data)[k * each + i] != 0;
  return MST_OK;
}

START_TEST(a_client_that_is_excluded_is_as_if_it_had_not_been_asked) {
  fixture f;
  mst_federated *loop = NULL;
  const mst_stage spoil = {.name = "spoil", .slot = MST_SLOT_CLIP, .traits = MST_TRAIT_SINGLE,
                           .apply = enlarge};
  int64_t renewed[2] = {0};
  begin(&f, MPI_COMM_WORLD, true, 0, "feddyn");
  ck_ok(mst_pipeline_put(&f.pipeline, &spoil));
  f.options.cohort = 0;
  f.options.bernoulli = true;
  f.options.participation = 1;
  f.options.checkpoint_every = 1;
  for (victim = 0; mst_clients_rows(f.clients, victim) == 0;) victim++;
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  ck_ok(mst_federated_run(loop, &no_test,
                          &(mst_observer){.context = renewed, .on_save = look_at_victim}));
  ck_assert_int_eq(mst_federated_figures(loop).excluded, 4);
  ck_ok(mst_sum_i64(f.team, renewed, 2));
  ck_assert_int_gt(renewed[0], f.model->parameters);
  ck_assert_int_eq(renewed[1], 0);
  mst_federated_destroy(loop);
  end(&f);
}
END_TEST

START_TEST(a_contribution_that_a_stage_spoils_is_excluded) {
  for (int compressed = 0; compressed < 2; compressed++) {
    fixture f;
    mst_federated *loop = NULL;
    const mst_stage spoil = {.name = "spoil", .slot = MST_SLOT_CLIP, .traits = MST_TRAIT_SINGLE,
                             .apply = enlarge};
    begin(&f, MPI_COMM_WORLD, true, 0, "fedavg");
    ck_ok(mst_pipeline_put(&f.pipeline, &spoil));
    if (compressed) choose_compressor(&f, "int8");
    f.options.cohort = 0;
    f.options.bernoulli = true;
    f.options.participation = 1;
    for (victim = 0; mst_clients_rows(f.clients, victim) == 0;) victim++;
    ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
    ck_ok(mst_federated_run(loop, &no_test, NULL));
    mst_federated_totals t = mst_federated_figures(loop);
    ck_assert_int_eq(t.excluded, 4);
    ck_assert_int_gt(t.contributions, 4);
    for (int64_t i = 0; i < f.model->parameters; i++)
      ck_assert(fabsf(mst_federated_parameters(loop)[i]) < 100);
    mst_federated_destroy(loop);
    end(&f);
  }
}
END_TEST

START_TEST(a_majority_moves_entries_by_its_step) {
  fixture f;
  mst_federated *loop = NULL;
  begin_variant(&f, MPI_COMM_WORLD, true, 0, &VARIANT[5]);
  f.options.rounds = 1;
  f.options.compress.majority_step = 0.25;
  ck_ok(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop));
  int64_t n = f.model->parameters, up = 0, down = 0;
  float *start = NULL;
  ck_ok(mst_alloc(&start, n, sizeof *start, "start"));
  memcpy(start, mst_federated_parameters(loop), (size_t)n * sizeof *start);
  ck_ok(mst_team_barrier(f.team));
  ck_ok(mst_federated_run(loop, &no_test, NULL));
  for (int64_t i = 0; i < n; i++) {
    double move = (double)mst_federated_parameters(loop)[i] - (double)start[i];
    ck_assert_double_le(fmin(fabs(move), fabs(fabs(move) - 0.25)), 1e-6);
    up += move > 0.1;
    down += move < -0.1;
  }
  ck_assert_int_gt(up, n / 10);
  ck_assert_int_gt(down, n / 10);
  mst_free(start);
  mst_federated_destroy(loop);
  end(&f);
}
END_TEST

START_TEST(what_does_not_go_together_is_refused) {
  fixture f;
  mst_federated *loop = NULL;
  begin(&f, MPI_COMM_WORLD, true, 0, "scaffold");
  choose_compressor(&f, "sign");
  f.options.compress.majority = true;
  ck_refused(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop),
             MST_ERR_UNSUPPORTED, "compress.feedback: false");
  f.options.compress.feedback = false;
  ck_refused(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop),
             MST_ERR_UNSUPPORTED, "scaffold needs the sizes");
  f.options.compress.kind = "sing";
  ck_refused(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop),
             MST_ERR_INPUT, "compress.kind 'sing'");
  f.options.compress.kind = "none";
  f.options.keep = 2;
  ck_refused(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop),
             MST_ERR_INPUT, "personal.keep is 2, but mlp has 2 layers");
  f.options.keep = 0;
  const mst_stage mask = {.name = "mask", .slot = MST_SLOT_MASK, .traits = MST_TRAIT_HIDES,
                          .apply = keep};
  ck_ok(mst_pipeline_put(&f.pipeline, &mask));
  choose_compressor(&f, "topk");
  f.options.compress.majority = false;
  ck_refused(mst_federated_create(f.team, f.model, f.clients, &f.pipeline, &f.options, &loop),
             MST_ERR_UNSUPPORTED, "those that 'topk' leaves out too");
  end(&f);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("federated_stages");
  TCase *c = tcase_create("stages");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, every_variant_has_the_same_bits_on_any_ranks_and_transport);
  tcase_add_test(c, no_two_variants_of_a_method_are_the_same_run);
  tcase_add_test(c, a_saved_variant_goes_on_with_the_same_bits);
  tcase_add_test(c, topk_of_all_entries_changes_nothing);
  tcase_add_test(c, bytes_are_those_of_the_encodings);
  tcase_add_test(c, feedback_gives_back_what_was_lost);
  tcase_add_test(c, what_cannot_be_sent_or_read_changes_nothing);
  tcase_add_test(c, a_contribution_that_a_stage_spoils_is_excluded);
  tcase_add_test(c, a_client_that_is_excluded_is_as_if_it_had_not_been_asked);
  tcase_add_test(c, a_majority_moves_entries_by_its_step);
  tcase_add_test(c, what_does_not_go_together_is_refused);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) { return mst_test_main(argc, argv, suite()); }
