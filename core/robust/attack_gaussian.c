/* Gaussian noise in the place of a vector, or around the mean of the honest ones. Kind: over
 * columns: an entry is drawn from block `column` of key (seed, MST_PURPOSE_ATTACK, 1 + client,
 * round). */
#include "core/robust/attack_member.h"

static void send(const mst_attack_spec *s, const mst_attack_plan *plan, const mst_attack_columns *c,
                 double *out) {
  (void)plan;
  const bool around_mean = strcmp(s->around, "mean") == 0;
  mst_stream stream = mst_stream_of(
      mst_key_make(s->seed, MST_PURPOSE_ATTACK, 1 + (uint64_t)c->client, (uint64_t)s->round));
  stream.block = (uint64_t)c->first;
  for (int64_t i = 0; i < c->m; i++) /* a normal draw takes one block */
    out[i] = (around_mean ? c->mean[i] : 0) + s->sigma * mst_stream_normal(&stream);
}

static int unneeded(const mst_attack_spec *s) {
  return strcmp(s->around, "mean") == 0 ? 0 : MST_ATTACK_MEAN;
}

static const mst_param params[] = {
    MST_ATTACK_REAL(sigma, "1", 0, INFINITY, true, "", "standard deviation of an entry"),
    MST_ATTACK_WORD(around, "zero", "zero|mean", "what the noise is around"),
    {.name = NULL}};

const mst_attack_ops mst_attack_gaussian = {
    .name = "gaussian",
    .summary = "normal noise",
    .params = params,
    .needs = MST_ATTACK_MEAN | MST_ATTACK_EACH,
    .unneeded = unneeded,
    .send = send,
};
