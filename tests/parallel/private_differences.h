/* Private steps of a method with differences, as settings ask for them, and what they leave. */
#ifndef MST_TESTS_PRIVATE_DIFFERENCES_H
#define MST_TESTS_PRIVATE_DIFFERENCES_H

#include "parallel/private.h"
#include "tests/parallel/private_training.h"
#include "tests/parallel/training_drawer.h"

typedef struct charges {
  int64_t step[32], n;
  int64_t refuse; /* the step that is refused; 0: none */
} charges;

static inline mst_status note_charge(void *context, int64_t step) {
  charges *c = context;
  if (c->refuse > 0 && step == c->refuse) return mst_fail(MST_ERR_BUDGET, "broken off");
  c->step[c->n++] = step;
  return MST_OK;
}

typedef struct setting {
  mst_estimator_spec method;
  int64_t batch, steps, charged;
  double rate, clip, noise, lr; /* noise: of all kinds  */
  bool hardened, spoil;         /* spoil: rows 3 and 600 are not finite */
  mst_private_output output;
  uint64_t secret;       /* 0: 1                                      */
  drawer *drawer;        /* of what is kept; NULL: nothing            */
  int64_t every, broken; /* steps from one to the next; broken off at */
} setting;

static const setting plain = {
    .method = {.name = "diff2", .period = 4, .smoothness = 1, .share = 0.5},
    .batch = 200,
    .steps = 6,
    .clip = 0.5,
    .noise = 0.8,
    .lr = 0.1};

typedef struct outcome {
  mst_status st;
  int64_t n;
  float *w;  /* what the run ends with */
  double *v; /* what the last step went along */
  charges c;
  mst_train_totals totals;
  char hex[MST_DIGEST_HEX];
} outcome;

static inline outcome learn(MPI_Comm comm, bool shared, int per_node, const setting *s) {
  fixture f;
  outcome o = {.n = 0};
  mst_train *train = NULL;
  mst_estimator *e = NULL;
  record r = {.reports = 0};
  begin(&f, comm, shared, per_node, "sgd");
  if (s->spoil) spoil_rows(&f);
  mst_sampler_spec sampling = {
      .kind = "poisson", .rate = s->rate, .batch = s->batch, .population = ROWS};
  ck_ok(mst_estimator_create(&s->method, &sampling, s->steps, &e));
  for (int k = 0; k < e->kinds; k++) e->noise[k] = s->noise;
  mst_private_options p = {.sampler = e->sampler[0],
                           .secret = mst_secret_test(s->secret > 0 ? s->secret : 1),
                           .clip = s->clip,
                           .sigma = s->noise,
                           .estimator = e,
                           .hardened = s->hardened,
                           .output = s->output,
                           .charge = note_charge,
                           .context = &o.c,
                           .charged = s->charged};
  f.options.privacy = &p;
  f.options.optimizer.momentum = 0;
  f.options.optimizer.lr = s->lr;
  f.options.steps = s->steps;
  mst_observer observer = {.context = &r, .on_round = on_round};
  mst_digest_start(&r.digest);
  o.c.refuse = s->broken;
  if (s->drawer != NULL) {
    s->drawer->team = f.team;
    f.options.checkpoint_every = s->every;
    observer = (mst_observer){.context = s->drawer, .on_save = on_save, .on_restore = on_restore};
  }
  ck_ok(mst_train_create(f.team, f.model, f.store, &f.options, &train));
  o.st = mst_train_run(train, NULL, &observer);
  o.n = f.model->parameters;
  take_vectors(&f, train, &o.w, &o.v);
  o.totals = mst_train_figures(train);
  finish(&f, train, &r, o.hex);
  mst_train_destroy(train);
  mst_estimator_destroy(e);
  end(&f);
  return o;
}

static inline void forget(outcome *o) {
  mst_free(o->w);
  mst_free(o->v);
}

static inline double length(int64_t n, const double *a, const double *b) {
  double square = 0;
  for (int64_t i = 0; i < n; i++) square += pow(a[i] - (b != NULL ? b[i] : 0), 2);
  return sqrt(square);
}

#endif
