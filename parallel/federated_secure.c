/* Secure aggregation in the round loop. A client's message is one vector of whole numbers: the
 * entries of its vectors on the grid that follows from the public bound, then the limbs of its
 * numbers (weight, rows, the method's, loss) on the tally's fixed grid, then its steps. Rank 0 has
 * the server's part of the numbers; of the vectors every rank has its shard.
 * doc/methods/secure_aggregation.md. */
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/lattice.h"
#include "core/privacy/whole.h"
#include "parallel/clip.h"
#include "parallel/federated_internal.h"

#define WORDS (2 * MST_FEDERATED_SCALARS + 1) /* of numbers and steps */

struct mst_federated_secure {
  mst_stage clip;
  int shift;         /* of the grid of the vectors' entries */
  int64_t vectors;   /* entries of the vectors              */
  int64_t *message;  /* (vectors + WORDS) a client's        */
  int64_t *sum;      /* (vectors + WORDS) this rank's       */
  int64_t counts[2]; /* the totals, for the state list      */
};

bool mst_federated_secure_is_on(const mst_federated_options *o) {
  return o->secure.kind != MST_MASK_NONE;
}

mst_status mst_federated_secure_check(const mst_federated_options *o, mst_pipeline *with) {
  const mst_stage *there = with->slot[MST_SLOT_MASK];
  if (there != NULL && there->mask != NULL)
    return mst_fail(MST_ERR_INTERNAL,
                    "mask '%s' is not opened and closed by this loop: ask for it by its options",
                    there->name);
  if (!mst_federated_secure_is_on(o)) return MST_OK;
  MST_TRY(mst_mask_check(&o->secure));
  MST_TRY(mst_pipeline_put(with, &mst_stage_mask));
  if (o->attack.name != NULL)
    return mst_fail(
        MST_ERR_UNSUPPORTED,
        "attack.name: %s: attacks are played on the vectors of single clients, and masks "
        "leave none to be read: leave out one of them",
        o->attack.name);
  if (o->aggregate.momentum > 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "aggregate.momentum: clients' momentum is kept for rules that compare their "
                    "vectors, and masks hide these: leave out one of them");
  if (!o->bernoulli && o->cohort == 1)
    return mst_fail(
        MST_ERR_INPUT,
        "a round of 1 client: the sum is its vector, and masks hide nothing; use a larger "
        "method.cohort or method.participation");
  return MST_OK;
}

/* Most clients that a round can have. */
static int64_t most_clients(const mst_federated *f) {
  return f->options.bernoulli ? f->cohort.candidates : f->options.cohort;
}

/* Members of private rounds put their share of the noise on what they send. */
static mst_status create_mask(mst_federated *f) {
  mst_mask_options o = f->options.secure;
  if (f->options.privacy != NULL) {
    o.noise = mst_federated_private_share;
    o.context = f;
  }
  MST_TRY(mst_mask_create(f->team, &o, &f->mask));
  return mst_pipeline_put(&f->pipeline, mst_mask_stage(f->mask));
}

mst_status mst_federated_secure_create(mst_federated *f) {
  if (!mst_federated_secure_is_on(&f->options)) return MST_OK;
  if (f->options.privacy != NULL) return create_mask(f);
  mst_federated_secure *s = NULL;
  mst_status st = mst_alloc(&s, 1, sizeof *s, "secure aggregation");
  f->secure = s;
  if (st == MST_OK) {
    s->vectors = f->model->parameters * f->ops->uplink;
    s->clip = mst_clip_stage(&f->options.secure.bound);
    st = mst_mask_grid(&f->options.secure, most_clients(f), &s->shift);
  }
  if (st == MST_OK)
    st = mst_alloc(&s->message, s->vectors + WORDS, sizeof *s->message, "a client's message");
  if (st == MST_OK)
    st = mst_alloc(&s->sum, s->vectors + WORDS, sizeof *s->sum, "sums of the contributions");
  MST_TRY(mst_team_agree(f->team, st));
  if (f->pipeline.slot[MST_SLOT_CLIP] == NULL) MST_TRY(mst_pipeline_put(&f->pipeline, &s->clip));
  return create_mask(f);
}

void mst_federated_secure_destroy(mst_federated *f) {
  mst_federated_secure *s = f->secure;
  mst_mask_destroy(f->mask);
  f->mask = NULL;
  if (s == NULL) return;
  mst_free(s->message);
  mst_free(s->sum);
  mst_free(s);
  f->secure = NULL;
}

int64_t mst_federated_secure_words(void) {
  return WORDS;
}

int64_t mst_federated_secure_bytes(const mst_model *model, const mst_federated_options *o,
                                   int64_t clients) {
  if (!mst_federated_secure_is_on(o)) return 0;
  const int64_t vectors = model->parameters * mst_method_find(o->method.name)->uplink;
  const int64_t n = o->bernoulli ? clients : mst_least(o->cohort, clients);
  if (o->privacy != NULL) return mst_mask_bytes(&o->secure, n);
  return 8 * (3 * vectors + 2 * WORDS) + mst_mask_bytes(&o->secure, n); /* and f->vector */
}

mst_status mst_federated_secure_begin(mst_federated *f) {
  mst_federated_secure *s = f->secure;
  if (f->mask == NULL) return MST_OK;
  if (s != NULL) memset(s->sum, 0, (size_t)(s->vectors + WORDS) * sizeof *s->sum);
  return mst_mask_open(f->mask, f->totals.rounds, f->cohort.n, f->cohort.client);
}

bool mst_federated_is_gone(const mst_federated *f, int64_t client) {
  return f->mask != NULL && mst_mask_drops(f->mask, client);
}

/* The vectors, through the stages and onto the grid. */
static mst_status round_vectors(mst_federated *f, int64_t client, double weight) {
  mst_federated_secure *s = f->secure;
  const int64_t n = f->model->parameters;
  bool finite = false;
  for (int v = 0; v < f->ops->uplink; v++)
    for (int64_t i = 0; i < n; i++) f->vector[v * n + i] = (double)f->up[v][i];
  MST_TRY(mst_federated_stages(f, client));
  for (int64_t i = 0; i < s->vectors; i++) f->vector[i] *= weight;
  MST_TRY(mst_whole_clip(f->vector, s->vectors, MST_WHOLE_L2, f->options.secure.bound, s->shift,
                         s->message, &finite));
  return finite ? MST_OK
                : mst_fail(MST_ERR_NONFINITE, "client %lld: an entry is not finite",
                           (long long)client);
}

mst_status mst_federated_secure_send(mst_federated *f, int64_t client, double weight,
                                     int64_t steps) {
  mst_federated_secure *s = f->secure;
  const size_t bytes = MST_FEDERATED_SCALARS * sizeof *s->message;
  int64_t *numbers = s->message + s->vectors;
  memcpy(numbers, f->scalars.hi, bytes);
  memcpy(numbers + MST_FEDERATED_SCALARS, f->scalars.lo, bytes);
  numbers[WORDS - 1] = steps;
  mst_tally_clear(&f->scalars);
  MST_TRY(round_vectors(f, client, weight));
  MST_TRY(
      mst_pipeline_mask(&f->pipeline, client, f->totals.rounds, s->vectors + WORDS, s->message));
  uint64_t *sum = (uint64_t *)s->sum;
  for (int64_t i = 0; i < s->vectors + WORDS; i++) sum[i] += (uint64_t)s->message[i];
  return MST_OK;
}

mst_status mst_federated_secure_close(mst_federated *f, int64_t *steps) {
  mst_federated_secure *s = f->secure;
  int64_t *numbers = s->sum + s->vectors;
  bool enough = false;
  MST_TRY(mst_mask_close(f->mask, &enough));
  f->facts.aborted = !enough;
  f->facts.sent = mst_mask_survivors(f->mask);
  for (int64_t i = 0; i < f->cohort.n; i++)
    f->facts.dropped += mst_mask_drops(f->mask, f->cohort.client[i]);
  f->totals.dropped += f->facts.dropped;
  f->totals.aborted += f->facts.aborted;
  if (!enough) return MST_OK;
  MST_TRY(mst_sum_i64(f->team, numbers, WORDS));
  mst_mask_remove(f->mask, s->vectors, WORDS, numbers);
  *steps = numbers[WORDS - 1];
  if (mst_team_rank(f->team) != 0) return MST_OK;
  const size_t bytes = MST_FEDERATED_SCALARS * sizeof *numbers;
  memcpy(f->scalars.hi, numbers, bytes);
  memcpy(f->scalars.lo, numbers + MST_FEDERATED_SCALARS, bytes);
  return MST_OK;
}

mst_status mst_federated_secure_scatter(mst_federated *f, int v, double *sum) {
  mst_federated_secure *s = f->secure;
  const int64_t first = v * f->model->parameters;
  MST_TRY(mst_sum_scatter_i64(f->team, s->sum + first, f->count, f->hi));
  mst_mask_remove(f->mask, first + f->first, f->mine, f->hi);
  mst_lattice_to(sum, f->hi, f->mine, s->shift);
  return MST_OK;
}

mst_secure_bytes mst_federated_secure_traffic(const mst_federated *f) {
  const mst_mask_options *o = &f->options.secure;
  if (f->privacy == NULL)
    return f->mask != NULL ? mst_mask_traffic(f->mask) : (mst_secure_bytes){0};
  return o->kind == MST_MASK_ON && f->facts.asked > 0
             ? mst_secure_traffic(&o->secure, f->facts.asked, f->facts.sent)
             : (mst_secure_bytes){0};
}

mst_status mst_federated_secure_refuse(const mst_federated *f) {
  return mst_mask_refuse(f->mask);
}

mst_status mst_federated_secure_state(mst_federated *f, mst_state *state) {
  const int64_t two = 2;
  if (f->secure == NULL) return MST_OK;
  f->secure->counts[0] = f->totals.dropped;
  f->secure->counts[1] = f->totals.aborted;
  return mst_state_add(state, "secure", MST_I64, 1, &two, f->secure->counts);
}

void mst_federated_secure_restored(mst_federated *f) {
  if (f->secure == NULL) return;
  f->totals.dropped = f->secure->counts[0];
  f->totals.aborted = f->secure->counts[1];
}
