/* A coded step (core/coding/coding.h): the step's blocks are cut into parts, each part is
 * differentiated for 2s+1 simulated workers, hostile workers' messages are replaced, and the sum of
 * all parts is decoded.
 *
 * Workers are dealt to ranks in order. A rank takes each part that any of its workers takes once,
 * so as many ranks as workers do the whole 2s+1-fold work, and fewer ranks less of it; the messages
 * are the same, because a message depends on its parts alone and adds them in ascending order. Of
 * messages only witnesses are told to all; what is added is added by columns, so the sum has the
 * same bits on any number of ranks. doc/methods/coding.md. */
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "parallel/train_internal.h"
#include "parallel/transpose.h"

#define COLUMNS 1024 /* of a block of the walk */

/* What an attack may look at, where nobody shows it other workers' messages. */
#define OWN_SIGHT (MST_ATTACK_OWN | MST_ATTACK_EACH)

/* Of a checkpoint. */
enum {
  COUNT_HOSTILE, /* in all                */
  COUNT_SINCE,   /* since the last report */
  COUNT_STEPS,   /* since then            */
  COUNTS
};

struct mst_train_coding {
  const mst_coding_spec *spec;
  int64_t first, mine;               /* workers of this rank                                   */
  int64_t length;                    /* entries of a message                                   */
  double *message;                   /* (mine, length)                                         */
  double *part;                      /* (P) sum of a part's gradients                          */
  double *own;                       /* (length) what a hostile worker would have sent         */
  double *projection;                /* (P), or NULL where the code takes none                 */
  double *sum;                       /* (P) decoded                                            */
  int64_t attackers, *attacker;      /* who attack, ascending                                 */
  mst_coding_witness *witness, *all; /* (mine), (workers)                                */
  int64_t *bytes;                    /* (p) of the ranks' witnesses                            */
  mst_coding_decoding decoding;
  double *weight;   /* (2 workers) of the vectors that are added              */
  const char **row; /* (2 mine) those of this rank                            */
  int64_t count[COUNTS];
};

static mst_status check_attack(const mst_train_options *o) {
  const mst_attack_spec *a = &o->attack;
  MST_TRY(mst_attack_check(a, o->coding.workers));
  const mst_attack_ops *ops = mst_attack_find(a->name);
  if (ops->send == NULL || ops->plan != NULL || (mst_attack_needs(a) & ~OWN_SIGHT) != 0)
    return mst_fail(
        MST_ERR_UNSUPPORTED,
        "attack.name: %s with these settings looks at more than the attacker's own "
        "message, or acts on data; a coded training simulates sign_flip, constant, nan, "
        "inf, gaussian around zero and free_rider that sends zero",
        a->name);
  if (a->count > o->coding.adversaries)
    return mst_fail(MST_ERR_INPUT,
                    "attack.count is %lld, but the code recovers the sum from at most "
                    "coding.adversaries: %lld hostile workers",
                    (long long)a->count, (long long)o->coding.adversaries);
  return MST_OK;
}

mst_status mst_train_check_coding(const mst_train_options *o) {
  if (o->coding.kind == NULL)
    return o->attack.name == NULL
               ? MST_OK
               : mst_fail(MST_ERR_INPUT,
                          "attack.name: %s without coding has no worker to act on; "
                          "give coding.kind",
                          o->attack.name);
  MST_TRY(mst_coding_check(&o->coding));
  if (o->accumulate != 1)
    return mst_fail(MST_ERR_INPUT,
                    "train.accumulate is %lld; a coded step is taken in one portion: leave it out",
                    (long long)o->accumulate);
  return o->attack.name != NULL ? check_attack(o) : MST_OK;
}

static mst_status allocate_decoding(mst_train_coding *c, int64_t workers) {
  MST_TRY(mst_alloc(&c->decoding.re, workers, sizeof(double), "weights of workers"));
  MST_TRY(mst_alloc(&c->decoding.im, workers, sizeof(double), "weights of workers"));
  MST_TRY(mst_alloc(&c->decoding.hostile, workers, sizeof(bool), "hostile workers"));
  MST_TRY(mst_alloc(&c->weight, 2 * workers, sizeof *c->weight, "weights of workers"));
  MST_TRY(mst_alloc(&c->row, 2 * c->mine, sizeof *c->row, "vectors of workers"));
  MST_TRY(mst_alloc(&c->witness, c->mine, sizeof *c->witness, "witnesses"));
  return mst_alloc(&c->all, workers, sizeof *c->all, "witnesses");
}

static mst_status allocate(const mst_train *t, mst_train_coding *c) {
  const mst_coding_spec *s = c->spec;
  const int64_t n = t->model->parameters, p = mst_team_size(t->team);
  MST_TRY(mst_alloc(&c->bytes, p, sizeof *c->bytes, "sizes of witnesses"));
  for (int64_t r = 0; r < p; r++)
    c->bytes[r] = (mst_share_begin(s->workers, r + 1, p) - mst_share_begin(s->workers, r, p)) *
                  (int64_t)sizeof(mst_coding_witness);
  MST_TRY(mst_alloc(&c->message, c->mine * c->length, sizeof *c->message, "workers' messages"));
  MST_TRY(mst_alloc(&c->part, n, sizeof *c->part, "gradient of a part"));
  MST_TRY(mst_alloc(&c->sum, n, sizeof *c->sum, "decoded gradient"));
  if (mst_coding_find(s->kind)->projects)
    MST_TRY(mst_alloc(&c->projection, n, sizeof *c->projection, "projection"));
  MST_TRY(allocate_decoding(c, s->workers));
  if (t->options.attack.name == NULL || t->options.attack.count == 0) return MST_OK;
  c->attackers = t->options.attack.count;
  MST_TRY(mst_alloc(&c->own, c->length, sizeof *c->own, "a worker's message"));
  MST_TRY(mst_alloc(&c->attacker, c->attackers, sizeof *c->attacker, "workers that attack"));
  mst_attack_clients(t->options.seed, s->workers, c->attackers, c->attacker);
  return MST_OK;
}

mst_status mst_train_coding_create(mst_train *t, mst_train_coding **out) {
  mst_train_coding *c = NULL;
  *out = NULL;
  if (t->options.coding.kind == NULL) return MST_OK;
  MST_TRY(mst_alloc(&c, 1, sizeof *c, "coding"));
  c->spec = &t->options.coding;
  c->length = mst_coding_width(c->spec) * t->model->parameters;
  mst_team_share(t->team, c->spec->workers, &c->first, &c->mine);
  mst_status st = allocate(t, c);
  if (st == MST_OK)
    *out = c;
  else
    mst_train_coding_free(c);
  return st;
}

void mst_train_coding_free(mst_train_coding *c) {
  if (c == NULL) return;
  mst_free(c->message);
  mst_free(c->part);
  mst_free(c->own);
  mst_free(c->projection);
  mst_free(c->sum);
  mst_free(c->attacker);
  mst_free(c->witness);
  mst_free(c->all);
  mst_free(c->bytes);
  mst_free(c->decoding.re);
  mst_free(c->decoding.im);
  mst_free(c->decoding.hostile);
  mst_free(c->weight);
  mst_free(c->row);
  mst_free(c);
}

int64_t mst_train_coding_bytes(int ranks, const mst_model *model, const mst_train_options *o) {
  if (o->coding.kind == NULL) return 0;
  int64_t n = model->parameters, width = mst_coding_width(&o->coding), real = sizeof(double);
  int64_t vectors = width * mst_ceil_div(o->coding.workers, ranks) + 3;
  if (o->attack.name != NULL) vectors += width;
  return vectors * n * real + 3 * MST_TRANSPOSE_BUCKET +
         2 * o->coding.workers * (int64_t)sizeof(mst_coding_witness);
}

/* A part is whole: add it to the messages of those who take it. */
static void encode_part(const mst_train *t, int64_t part) {
  mst_train_coding *c = t->coding;
  const int64_t n = t->model->parameters;
  for (int64_t j = 0; j < c->mine; j++)
    if (mst_coding_takes(c->spec, c->first + j, part))
      mst_coding_encode(c->spec, c->first + j, part, n, c->part, c->message + j * c->length);
  for (int64_t i = 0; i < n; i++)
    if (!isfinite(c->part[i])) t->fact[MST_TRAIN_LARGEST] = INFINITY;
  memset(c->part, 0, (size_t)n * sizeof *c->part);
}

/* The messages that this rank's workers have to send. */
static void take_parts(mst_train *t, int64_t portion, int64_t blocks) {
  mst_train_coding *c = t->coding;
  const int64_t n = t->model->parameters, parts = c->spec->workers;
  const int64_t mine = mst_train_rows_blocks(&t->rows, portion);
  int64_t part = 0;
  if (c->mine > 0) memset(c->message, 0, (size_t)(c->mine * c->length) * sizeof *c->message);
  memset(c->part, 0, (size_t)n * sizeof *c->part);
  for (int64_t i = 0; i < mine; i++) {
    const int64_t block = mst_train_rows_place(&t->rows, portion, i);
    if (i > 0 && block >= mst_share_begin(blocks, part + 1, parts)) encode_part(t, part);
    while (block >= mst_share_begin(blocks, part + 1, parts)) part++;
    mst_train_differentiate(t, portion, i);
    for (int64_t k = 0; k < n; k++) c->part[k] += t->weight * (double)t->g[k];
  }
  if (mine > 0) encode_part(t, part);
}

/* Put in the place of hostile workers' messages what they send. */
static void attack(mst_train *t) {
  mst_train_coding *c = t->coding;
  const mst_attack_plan plan = {.row = -1};
  mst_attack_spec s = t->options.attack;
  s.seed = t->options.seed;
  s.round = t->totals.steps;
  for (int64_t i = 0; i < c->attackers; i++) {
    const int64_t j = c->attacker[i] - c->first;
    if (j < 0 || j >= c->mine) continue;
    double *message = c->message + j * c->length;
    const mst_attack_columns see = {
        .m = c->length, .client = c->attacker[i], .place = i, .own = c->own};
    memcpy(c->own, message, (size_t)c->length * sizeof *message);
    mst_attack_find(s.name)->send(&s, &plan, &see, message);
  }
}

/* Everybody's witnesses, to all. Collective. */
static mst_status exchange_witnesses(mst_train *t) {
  mst_train_coding *c = t->coding;
  const int64_t n = t->model->parameters;
  if (c->projection != NULL)
    mst_coding_projection(t->options.seed, t->totals.steps, n, c->projection);
  for (int64_t j = 0; j < c->mine; j++)
    mst_coding_witness_of(c->spec, n, c->message + j * c->length, c->projection, &c->witness[j]);
  return mst_gather_all(t->team, c->witness, c->bytes, c->all);
}

/* Weights of the messages, found once, so that all ranks use the same bits. Collective. */
static mst_status decode(mst_train *t) {
  mst_train_coding *c = t->coding;
  mst_coding_decoding *d = &c->decoding;
  const int64_t workers = c->spec->workers, real = sizeof(double);
  mst_status st = MST_OK;
  if (mst_team_rank(t->team) == 0) st = mst_coding_decode(c->spec, c->all, d);
  if (st != MST_OK)
    st = mst_fail_within(st, "step %lld of %lld: ", (long long)t->totals.steps + 1,
                         (long long)t->steps);
  MST_TRY(mst_team_agree(t->team, st));
  MST_TRY(mst_team_bcast(t->team, d->re, workers * real, 0));
  MST_TRY(mst_team_bcast(t->team, d->im, workers * real, 0));
  return mst_team_bcast(t->team, &d->found, sizeof d->found, 0);
}

/* The vectors that are added, in the order of the workers: weights of all, rows of this rank.
 * Returns how many are this rank's. */
static int64_t list_vectors(const mst_train *t, int64_t *all) {
  mst_train_coding *c = t->coding;
  const mst_coding_decoding *d = &c->decoding;
  const int64_t width = mst_coding_width(c->spec), n = t->model->parameters;
  int64_t mine = 0;
  *all = 0;
  for (int64_t j = 0; j < c->spec->workers; j++) {
    const bool here = j >= c->first && j < c->first + c->mine;
    if (d->re[j] == 0 && d->im[j] == 0) continue;
    for (int64_t k = 0; k < width; k++) {
      c->weight[(*all)++] = k == 0 ? d->re[j] : -d->im[j];
      if (here) c->row[mine++] = (const char *)(c->message + (j - c->first) * c->length + k * n);
    }
  }
  return mine;
}

/* sum(P), on every rank. Collective. */
static mst_status add_messages(mst_train *t) {
  mst_train_coding *c = t->coding;
  mst_transpose *walk = NULL;
  mst_transposed bucket;
  bool more = false;
  int64_t vectors = 0, mine = list_vectors(t, &vectors);
  MST_TRY(mst_transpose_create(t->team, c->row, mine, t->model->parameters, (int64_t)sizeof(double),
                               COLUMNS, 0, &walk));
  mst_status st = mst_transpose_next(walk, &bucket, &more);
  while (st == MST_OK && more) {
    double *sum = c->sum + bucket.first;
    for (int64_t i = 0; i < bucket.count; i++) sum[i] = 0;
    for (int64_t k = 0; k < vectors; k++) {
      const double *x = (const double *)(const void *)bucket.row[k];
      for (int64_t i = 0; i < bucket.count; i++) sum[i] += c->weight[k] * x[i];
    }
    st = mst_transpose_gather(walk, c->sum);
    if (st == MST_OK) st = mst_transpose_next(walk, &bucket, &more);
  }
  mst_transpose_destroy(walk);
  return st;
}

/* What ranks tell each other: losses, whether a gradient is not finite, signals. Collective. */
static mst_status share_facts(mst_train *t, int64_t blocks, const mst_observer *o, double *loss,
                              bool *asked) {
  t->fact[MST_TRAIN_ASKED] = mst_observer_stop(o);
  MST_TRY(mst_max_f64(t->team, t->fact, MST_TRAIN_FACTS + blocks));
  *asked = *asked || t->fact[MST_TRAIN_ASKED] > 0;
  *loss = 0;
  for (int64_t b = 0; b < blocks; b++) *loss += t->fact[MST_TRAIN_FACTS + b];
  if (!isfinite(t->fact[MST_TRAIN_LARGEST]) || !isfinite(*loss))
    return mst_train_refuse_nonfinite(t);
  return MST_OK;
}

mst_status mst_train_coding_step(mst_train *t, const mst_observer *o, double *loss, bool *asked) {
  mst_train_coding *c = t->coding;
  const int64_t step = t->totals.steps % t->epoch_steps, epoch = t->totals.steps / t->epoch_steps;
  const int64_t blocks = mst_ceil_div(mst_train_rows_of_step(&t->rows, step), t->options.block);
  double start = mst_clock_seconds();
  t->taken = 0;
  t->fact[MST_TRAIN_LARGEST] = 0;
  for (int64_t b = 0; b < blocks; b++) t->fact[MST_TRAIN_FACTS + b] = -INFINITY;
  MST_TRY(mst_train_rows_bring(&t->rows, epoch, step));
  const double brought = mst_clock_seconds();
  take_parts(t, step, blocks);
  attack(t);
  const double taken = mst_clock_seconds();
  MST_TRY(share_facts(t, blocks, o, loss, asked));
  const double met = mst_clock_seconds();
  MST_TRY(exchange_witnesses(t));
  MST_TRY(decode(t));
  MST_TRY(add_messages(t));
  if (t->mine > 0) memcpy(t->wide, c->sum + t->first, (size_t)t->mine * sizeof *t->wide);
  t->totals.hostile += c->decoding.found;
  c->count[COUNT_SINCE] += c->decoding.found;
  c->count[COUNT_STEPS]++;
  t->times.rows += brought - start;
  t->times.gradients += taken - brought;
  t->times.wait += met - taken;
  t->times.sums += mst_clock_seconds() - met;
  return MST_OK;
}

mst_status mst_train_coding_state(mst_train *t, mst_state *s) {
  const int64_t counts = COUNTS;
  t->coding->count[COUNT_HOSTILE] = t->totals.hostile;
  return mst_state_add(s, "coding", MST_I64, 1, &counts, t->coding->count);
}

void mst_train_coding_restore(mst_train *t) {
  t->totals.hostile = t->coding->count[COUNT_HOSTILE];
}

double mst_train_coding_report(mst_train *t) {
  int64_t *count = t->coding->count;
  const double mean = (double)count[COUNT_SINCE] / (double)mst_most(count[COUNT_STEPS], 1);
  count[COUNT_SINCE] = count[COUNT_STEPS] = 0;
  return mean;
}
