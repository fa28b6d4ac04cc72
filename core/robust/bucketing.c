/* Bucketing (Karimireddy, He, Jaggi 2022): vectors are dealt to buckets of `size` by a
 * random permutation, and each bucket becomes its mean; the last may be smaller. */
#include "core/robust/mixer.h"
#include "core/robust/weights.h"

static int64_t count(const mst_mixer_spec *s, int64_t n) {
  return mst_ceil_div(n, s->size);
}

static void mix(const mst_mixer_spec *s, const mst_rule_view *v, double *work, double *matrix) {
  (void)work;
  int64_t order[MST_RULE_ROWS];
  mst_stream stream = mst_stream_of(mst_key_make(s->seed, MST_PURPOSE_RULE, 0, (uint64_t)s->round));
  mst_stream_permutation(&stream, v->n, order);
  for (int64_t i = 0; i < count(s, v->n) * v->points; i++) matrix[i] = 0;
  for (int64_t i = 0; i < v->n; i++) {
    const int64_t bucket = i / s->size, members = mst_least(s->size, v->n - bucket * s->size);
    matrix[bucket * v->points + order[i]] = 1 / (double)members;
  }
}

static const mst_param params[] = {{.name = "size",
                                    .type = MST_PARAM_INT,
                                    .offset = offsetof(mst_mixer_spec, size),
                                    .fallback = "2",
                                    .min = 1,
                                    .max = 1e9,
                                    .unit = "vectors",
                                    .help = "vectors of a bucket"},
                                   {.name = NULL}};

const mst_mixer_ops mst_mixer_bucketing = {
    .name = "bucketing",
    .summary = "vectors are dealt to buckets at random, each becomes its mean",
    .params = params,
    .needs = MST_RULE_ORDERED,
    .further = true,
    .count = count,
    .mix = mix,
};
