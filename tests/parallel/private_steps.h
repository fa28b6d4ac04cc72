/* Private steps with one gradient each, as settings ask for them, and what they leave. */
#ifndef MST_TESTS_PRIVATE_STEPS_H
#define MST_TESTS_PRIVATE_STEPS_H

#include "parallel/private.h"
#include "parallel/private_internal.h"
#include "tests/parallel/private_training.h"

enum {
  STEPS = 5
};

typedef struct taken {
  int64_t step[64], n;
  int64_t refuse; /* the step at which the budget ends; -1: none */
} taken;

static inline mst_status note_charge(void *context, int64_t step) {
  taken *t = context;
  if (step == t->refuse) return mst_fail(MST_ERR_BUDGET, "the budget is spent at %d", (int)step);
  t->step[t->n++] = step;
  return MST_OK;
}

/* One private training and what it leaves: its parameters, and the last step's noisy sum. */
typedef struct outcome {
  mst_status st;
  int64_t n;
  float *w;
  double *sum;
  double expected, clip; /* clip: the next step's, where it moves */
  taken t;
  mst_train_totals totals;
  char hex[MST_DIGEST_HEX];
} outcome;

typedef struct setting {
  const char *kind;
  double rate;
  int64_t batch, population, steps, charged, refuse;
  double clip, sigma;
  bool hardened, spoil; /* spoil: row 3 is made NaN, row 600 huge */
  uint64_t secret;
  const char *noise;   /* how the steps' hangs together; NULL: not at all */
  bool restart;        /* with every cycle; else groups are kept          */
  double quantile, lr; /* of an adaptive clip; of the optimizer, 0: its own */
  double most;         /* of an adaptive clip                               */
} setting;

static const setting plain = {.kind = "poisson",
                              .batch = 200,
                              .population = ROWS,
                              .steps = STEPS,
                              .refuse = -1,
                              .clip = 0.5,
                              .sigma = 0.8,
                              .secret = 1,
                              .most = 100};

static inline outcome learn(MPI_Comm comm, bool shared, int per_node, setting s) {
  fixture f;
  outcome o = {.n = 0};
  mst_train *train = NULL;
  record r = {.reports = 0};
  begin(&f, comm, shared, per_node, "sgd");
  if (s.spoil) spoil_rows(&f);
  mst_sampler_spec spec = {.kind = s.kind,
                           .rate = s.rate,
                           .batch = s.batch,
                           .population = s.population,
                           .kept = s.noise != NULL && !s.restart};
  mst_correlation_spec correlated = {
      .kind = s.noise, .restart = s.restart, .bands = 3, .coefficients = "optimised"};
  mst_correlation *correlation = NULL;
  mst_private_options p = {.secret = mst_secret_test(s.secret),
                           .clip = s.clip,
                           .sigma = s.sigma,
                           .hardened = s.hardened,
                           .charge = note_charge,
                           .context = &o.t,
                           .charged = s.charged};
  ck_ok(mst_sampler_create(&spec, &p.sampler));
  if (s.noise != NULL) ck_ok(mst_correlation_create(&correlated, p.sampler, s.steps, &correlation));
  p.correlation = correlation;
  if (s.quantile > 0)
    p.adaptive = (mst_private_clip_spec){
        .quantile = s.quantile, .rate = 0.5, .count_noise = s.sigma, .most = s.most};
  if (s.lr > 0) f.options.optimizer.lr = s.lr;
  o.t.refuse = s.refuse;
  o.expected = mst_sampler_expected(p.sampler);
  f.options.privacy = &p;
  f.options.optimizer.momentum = 0.9;
  f.options.steps = s.steps;
  mst_observer observer = {.context = &r, .on_round = on_round};
  mst_digest_start(&r.digest);
  ck_ok(mst_train_create(f.team, f.model, f.store, &f.options, &train));
  o.st = mst_train_run(train, NULL, &observer);
  o.n = f.model->parameters;
  take_vectors(&f, train, &o.w, &o.sum);
  o.totals = mst_train_figures(train);
  o.clip = train->privacy->adaptive.now;
  finish(&f, train, &r, o.hex);
  mst_train_destroy(train);
  mst_correlation_destroy(correlation);
  mst_sampler_destroy(p.sampler);
  end(&f);
  return o;
}

static inline void forget(outcome *o) {
  mst_free(o->w);
  mst_free(o->sum);
}

static inline double variance(const outcome *o) {
  double square = 0;
  for (int64_t i = 0; i < o->n; i++) square += o->sum[i] * o->sum[i];
  return square / (double)o->n;
}

static inline double distance(const double *a, const double *b, int64_t n) {
  double d = 0, size = 0;
  for (int64_t i = 0; i < n; i++) {
    d += pow(a[i] - b[i], 2);
    size += pow(b[i], 2);
  }
  ck_assert_double_gt(size, 0);
  return sqrt(d / size);
}

#endif
