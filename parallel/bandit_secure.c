/* Secure batches: what an agent sends is whole numbers behind masks, and only their sum over all
 * agents can be read (parallel/mask.h). An agent that is gone before it sends is missing in the
 * sum, which is then that of the others, times N over their number: in a batch agents gather alike.
 */
#include <string.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "core/linalg/lattice.h"
#include "core/privacy/whole.h"
#include "parallel/bandit_stages.h"

struct mst_bandit_secure {
  mst_mask **mask;      /* (replicates)                           */
  int64_t *client;      /* (agents) all of them                   */
  int64_t *whole, *sum; /* (n) of an agent; of this rank's agents */
};

/* Local. */
static mst_status allocate(mst_bandit *f) {
  const int64_t n = f->message_n, agents = f->options.agents;
  MST_TRY(mst_alloc(&f->secure, 1, sizeof *f->secure, "masks"));
  mst_bandit_secure *s = f->secure;
  MST_TRY(mst_alloc(&s->mask, f->replicates, sizeof *s->mask, "masks"));
  MST_TRY(mst_alloc(&s->client, agents, sizeof *s->client, "agents"));
  MST_TRY(mst_alloc(&s->whole, n, sizeof *s->whole, "an agent's message"));
  MST_TRY(mst_alloc(&s->sum, n, sizeof *s->sum, "sums of messages"));
  for (int64_t i = 0; i < agents; i++) s->client[i] = i;
  return MST_OK;
}

mst_status mst_bandit_secure_create(mst_bandit *f) {
  MST_TRY(mst_team_agree(f->sums, allocate(f)));
  mst_mask_options o = f->options.secure;
  for (int64_t k = 0; k < f->replicates; k++) {
    o.secure.seed = f->options.seed + (uint64_t)(f->first_replicate + k);
    MST_TRY(mst_mask_create(f->sums, &o, &f->secure->mask[k]));
  }
  return MST_OK;
}

void mst_bandit_secure_destroy(mst_bandit *f) {
  mst_bandit_secure *s = f->secure;
  if (s == NULL) return;
  for (int64_t k = 0; s->mask != NULL && k < f->replicates; k++) mst_mask_destroy(s->mask[k]);
  void *const array[] = {(void *)s->mask, s->client, s->whole, s->sum};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
  mst_free(s);
}

/* Onto the grid, behind masks, into this rank's sum. Local. */
static mst_status send(mst_bandit *f, const mst_mask *mask, int64_t k, int64_t batch, double bound,
                       int shift) {
  mst_bandit_secure *s = f->secure;
  const int64_t n = f->message_n;
  uint64_t *sum = (uint64_t *)s->sum;
  int64_t begin = 0, end = 0;
  mst_pipeline pipeline = mst_pipeline_sum();
  MST_TRY(mst_pipeline_put(&pipeline, mst_mask_stage(mask)));
  mst_bandit_tracks(f, f->first_replicate + k, &begin, &end);
  memset(s->sum, 0, (size_t)n * sizeof *s->sum);
  for (int64_t i = begin; i < end; i++) {
    const int64_t agent = mst_bandit_agent(f, i);
    double *gathered = f->gathered + i * n;
    bool finite = false;
    if (!mst_mask_drops(mask, agent)) {
      MST_TRY(mst_whole_clip(gathered, n, MST_WHOLE_L2, bound, shift, s->whole, &finite));
      if (!finite)
        return mst_fail(MST_ERR_NONFINITE, "what agent %lld gathered is not finite",
                        (long long)agent);
      MST_TRY(mst_pipeline_mask(&pipeline, agent, batch, n, s->whole));
      for (int64_t j = 0; j < n; j++) sum[j] += (uint64_t)s->whole[j];
    }
    memset(gathered, 0, (size_t)n * sizeof *gathered);
  }
  return MST_OK;
}

mst_status mst_bandit_secure_total(mst_bandit *f, int64_t k) {
  mst_bandit_secure *s = f->secure;
  mst_mask *mask = s->mask[k];
  mst_mask_options of_batch = f->options.secure;
  const int64_t n = f->message_n, batch = f->batch[k * MST_BANDIT_BATCH + MST_BANDIT_CLOSED];
  int shift = 0;
  bool enough = false;
  of_batch.bound *= (double)f->length[k];
  MST_TRY(mst_mask_grid(&of_batch, f->options.agents, &shift));
  MST_TRY(mst_mask_open(mask, batch, f->options.agents, s->client));
  MST_TRY(mst_team_agree(f->sums, send(f, mask, k, batch, of_batch.bound, shift)));
  MST_TRY(mst_mask_close(mask, &enough));
  if (!enough) return mst_mask_refuse(mask);
  MST_TRY(mst_sum_i64(f->sums, s->sum, n));
  mst_mask_remove(mask, 0, n, s->sum);
  mst_lattice_to(f->total, s->sum, n, shift);
  const double agents = (double)f->options.agents, sent = (double)mst_mask_survivors(mask);
  for (int64_t j = 0; j < n && sent < agents; j++) f->total[j] *= agents / sent;
  return MST_OK;
}

bool mst_bandit_secure_sent(const mst_bandit *f, int64_t k, int64_t agent) {
  return f->secure == NULL || !mst_mask_drops(f->secure->mask[k], agent);
}
