/* Coded training: hostile workers leave no trace in what is learnt; the bits do not depend on ranks,
 * transport or where the rows lie. */
#include "tests/parallel/training.h"

static const mst_coding_spec codes[] = {{"repetition", 9, 1},
                                        {"cyclic", 5, 1},   /* real; fewer than ranks       */
                                        {"cyclic", 8, 2},   /* complex                      */
                                        {"cyclic", 21, 3}}; /* more workers than blocks     */
enum { CODES = sizeof codes / sizeof codes[0] };

static mst_attack_spec attack_of(const char *name, int64_t count) {
  mst_attack_spec a = {.name = name, .count = count};
  mst_param_defaults(mst_attack_find(name)->params, &a);
  return a;
}

/* What is kept of a training: its reports, and of the first step the sum that is decoded. */
typedef struct watch {
  record record;
  const mst_train *train;
  double *first; /* (shard) */
} watch;

static mst_status on_step(void *context, int64_t step, int n, const mst_metric *metrics) {
  watch *k = context;
  if (step == 1) memcpy(k->first, k->train->wide, (size_t)k->train->mine * sizeof *k->first);
  return on_round(&k->record, step, n, metrics);
}

/* A training to its end; w(P) its parameters, sum(P) that of its first step: of the ranks' shards,
 * together. */
static mst_train_totals train_with(fixture *f, float *w, double *sum, char *hex) {
  watch k = {.record = {.reports = 0}};
  mst_observer o = {.context = &k, .on_round = on_step};
  mst_train *train = NULL;
  int64_t n = f->model->parameters;
  int p = mst_team_size(f->team);
  int64_t bytes[64];
  mst_digest_start(&k.record.digest);
  ck_ok(mst_train_create(f->team, f->model, f->store, &f->options, &train));
  ck_ok(mst_alloc(&k.first, train->mine, sizeof *k.first, "sum of a step"));
  k.train = train;
  ck_ok(mst_train_run(train, NULL, &o));
  memcpy(w, mst_train_parameters(train), (size_t)n * sizeof *w);
  for (int r = 0; r < p; r++) bytes[r] = train->count[r] * (int64_t)sizeof *sum;
  ck_ok(mst_gather_all(f->team, k.first, bytes, sum));
  finish(f, train, &k.record, hex);
  mst_train_totals t = mst_train_figures(train);
  mst_free(k.first);
  mst_train_destroy(train);
  return t;
}

typedef struct outcome {
  float *w;
  double *sum;
  int64_t n;
  mst_train_totals totals;
  char hex[MST_DIGEST_HEX];
} outcome;

static outcome learn(MPI_Comm comm, bool shared, int per_node, const mst_coding_spec *code,
                     mst_attack_spec attack, int64_t steps) {
  fixture f;
  outcome out = {.n = 0};
  begin(&f, comm, shared, per_node, "sgd");
  f.options.optimizer.momentum = 0.9;
  f.options.evaluate_every = 1;
  f.options.steps = steps;
  if (code != NULL) f.options.coding = *code;
  f.options.attack = attack;
  out.n = f.model->parameters;
  ck_ok(mst_alloc(&out.w, out.n, sizeof *out.w, "w"));
  ck_ok(mst_alloc(&out.sum, out.n, sizeof *out.sum, "sum"));
  out.totals = train_with(&f, out.w, out.sum, out.hex);
  end(&f);
  return out;
}

static void forget(outcome *o) {
  mst_free(o->w);
  mst_free(o->sum);
}

static double distance_w(const outcome *a, const outcome *b) {
  double d = 0, size = 0;
  for (int64_t i = 0; i < a->n; i++) {
    d += pow((double)a->w[i] - (double)b->w[i], 2);
    size += pow((double)b->w[i], 2);
  }
  return sqrt(d / size);
}

static double distance_sum(const outcome *a, const outcome *b) {
  double d = 0, size = 0;
  for (int64_t i = 0; i < a->n; i++) {
    d = fmax(d, fabs(a->sum[i] - b->sum[i]));
    size = fmax(size, fabs(b->sum[i]));
  }
  ck_assert_double_gt(size, 0);
  return d / size;
}

static const mst_attack_spec nobody = {.name = NULL};

START_TEST(coded_steps_have_the_same_bits_on_any_ranks_and_transport) {
  for (int k = 0; k < CODES; k++) {
    mst_attack_spec a = attack_of(k % 2 == 0 ? "gaussian" : "sign_flip", codes[k].adversaries);
    outcome o[4] = {learn(MPI_COMM_SELF, true, 0, &codes[k], a, 4),
                    learn(MPI_COMM_WORLD, true, 0, &codes[k], a, 4),
                    learn(MPI_COMM_WORLD, false, 0, &codes[k], a, 4),
                    learn(MPI_COMM_WORLD, true, 2, &codes[k], a, 4)};
    for (int i = 0; i < 4; i++) {
      ck_assert_msg(strcmp(o[i].hex, o[0].hex) == 0, "%s of %d: way %d has other bits",
                    codes[k].kind, (int)codes[k].workers, i);
      ck_assert_int_eq(o[i].totals.hostile, 4 * codes[k].adversaries);
      ck_assert_int_eq(o[i].totals.rows, ROWS + 300);
      forget(&o[i]);
    }
  }
}
END_TEST

START_TEST(hostile_workers_leave_no_trace) {
  static const char *const names[] = {"sign_flip", "constant", "gaussian", "nan", "inf",
                                      "free_rider"};
  for (int k = 0; k < CODES - 1; k++) {
    const bool repeated = strcmp(codes[k].kind, "repetition") == 0;
    outcome honest = learn(MPI_COMM_WORLD, true, 0, &codes[k], nobody, 3);
    ck_assert_int_eq(honest.totals.hostile, 0);
    for (int a = k; a < 6; a += CODES - 1) {
      mst_attack_spec attack = attack_of(names[a], codes[k].adversaries);
      attack.value = 1e12;
      attack.sigma = 1e6;
      outcome o = learn(MPI_COMM_WORLD, true, 0, &codes[k], attack, 3);
      ck_assert_int_eq(o.totals.hostile, 3 * codes[k].adversaries);
      ck_assert_msg(distance_sum(&o, &honest) <= 1e-12, "%s %s: %g", codes[k].kind, names[a],
                    distance_sum(&o, &honest));
      if (repeated)
        ck_assert(memcmp(o.w, honest.w, (size_t)o.n * sizeof *o.w) == 0);
      else
        ck_assert_msg(distance_w(&o, &honest) <= 1e-9, "%s %s: %g", codes[k].kind, names[a],
                      distance_w(&o, &honest));
      forget(&o);
    }
    forget(&honest);
  }
}
END_TEST

/* The sum is the plain one's to the rounding of its grid; over the steps float32 enlarges that. */
START_TEST(coded_training_is_the_plain_one) {
  outcome plain = learn(MPI_COMM_WORLD, true, 0, NULL, nobody, 6);
  for (int k = 0; k < CODES; k++) {
    mst_attack_spec attack = attack_of("sign_flip", codes[k].adversaries);
    outcome o = learn(MPI_COMM_WORLD, true, 2, &codes[k], attack, 6);
    ck_assert_msg(distance_sum(&o, &plain) <= 1e-11, "%s of %d: %g", codes[k].kind,
                  (int)codes[k].workers, distance_sum(&o, &plain));
    ck_assert_msg(distance_w(&o, &plain) <= 1e-6, "%s of %d: %g", codes[k].kind,
                  (int)codes[k].workers, distance_w(&o, &plain));
    forget(&o);
  }
  forget(&plain);
}
END_TEST

static mst_status check(mst_coding_spec code, mst_attack_spec attack, int64_t portions) {
  mst_train_options o = defaults("sgd");
  o.coding = code;
  o.attack = attack;
  o.accumulate = portions;
  return mst_train_check_coding(&o);
}

START_TEST(what_cannot_be_coded_is_refused) {
  const mst_coding_spec none = {.kind = NULL}, five = codes[1];
  ck_ok(check(none, nobody, 3));
  ck_ok(check(five, attack_of("free_rider", 1), 1));
  ck_refused(check(none, attack_of("nan", 1), 1), MST_ERR_INPUT, "without coding");
  ck_refused(check(five, nobody, 2), MST_ERR_INPUT, "train.accumulate");
  ck_refused(check(five, attack_of("nan", 2), 1), MST_ERR_INPUT, "attack.count is 2");
  ck_refused(check((mst_coding_spec){"repetition", 7, 1}, nobody, 1), MST_ERR_INPUT, "groups of 3");
  static const char *const sighted[] = {"alie", "ipm", "mimic", "min_max", "label_flip",
                                        "dissensus"};
  for (int i = 0; i < 6; i++)
    ck_refused(check(five, attack_of(sighted[i], 1), 1), MST_ERR_UNSUPPORTED, sighted[i]);
  mst_attack_spec around = attack_of("gaussian", 1);
  around.around = "mean";
  ck_refused(check(five, around, 1), MST_ERR_UNSUPPORTED, "gaussian");
}
END_TEST

/* Rows so large that the softmax's gradients overflow at a step size that is far too large. */
START_TEST(gradients_that_are_not_finite_end_the_run_by_their_own_name) {
  fixture f;
  mst_train *train = NULL;
  begin(&f, MPI_COMM_WORLD, true, 0, "sgd");
  f.options.optimizer.lr = 3e38;
  f.options.coding = codes[1];
  f.options.attack = attack_of("nan", 1);
  ck_ok(mst_train_create(f.team, f.model, f.store, &f.options, &train));
  ck_refused(mst_train_run(train, NULL, NULL), MST_ERR_NONFINITE, "loss of the batch");
  mst_train_destroy(train);
  end(&f);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("train_coding");
  TCase *c = tcase_create("train_coding");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, coded_steps_have_the_same_bits_on_any_ranks_and_transport);
  tcase_add_test(c, hostile_workers_leave_no_trace);
  tcase_add_test(c, coded_training_is_the_plain_one);
  tcase_add_test(c, what_cannot_be_coded_is_refused);
  tcase_add_test(c, gradients_that_are_not_finite_end_the_run_by_their_own_name);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) { return mst_test_main(argc, argv, suite()); }
