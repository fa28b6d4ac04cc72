/* What the runs of `muster scale` come to: whether they have the same bits, how much of the ideal
 * speed they reach, and the law that their times follow. */
#include <inttypes.h>
#include <string.h>

#include "core/base/memory.h"
#include "jobs/scale.h"
#include "jobs/say.h"

#define LEAST_PROCESSOR 0.85 /* of one: below it a rank was not alone on it */

const mst_scale_count *mst_scale_base(const mst_scale *s) {
  for (int i = 0; i < s->counts; i++)
    if (s->count[i].runs > 0) return &s->count[i];
  return NULL;
}

const mst_scale_trial *mst_scale_shown(const mst_scale_count *c) {
  return &c->trial[c->shown];
}

double mst_scale_ideal(const mst_scale *s, int64_t ranks, double share) {
  const mst_scale_count *b = mst_scale_base(s);
  return mst_scale_shown(b)->seconds * (share / b->share) * (double)b->ranks / (double)ranks;
}

double mst_scale_efficiency(const mst_scale *s, const mst_scale_count *c) {
  return mst_scale_ideal(s, c->ranks, c->share) / mst_scale_shown(c)->seconds;
}

double mst_scale_forecast_efficiency(const mst_scale *s, double ranks, double seconds) {
  const mst_scale_count *b = mst_scale_base(s);
  const double base = mst_scale_shown(b)->seconds;
  return s->weak ? base / seconds : base * (double)b->ranks / (ranks * seconds);
}

/* All runs of one count have the same bits, and where the work is the same, those of all counts. */
static void compare_digests(mst_scale *s) {
  const mst_scale_count *first = NULL;
  for (int i = 0; i < s->counts; i++) {
    const mst_scale_count *c = &s->count[i];
    if (c->runs == 0) continue;
    if (first == NULL || s->weak) first = c;
    for (int k = 0; k < c->runs; k++) {
      if (strcmp(c->trial[k].digest, first->trial[0].digest) == 0) continue;
      s->differ = true;
      mst_say(s->team,
              "the model or the metrics differ%s: digest %.12s on %" PRId64
              " rank%s, %.12s on %" PRId64,
              s->fast ? ", as reduce: fast allows" : "", first->trial[0].digest, first->ranks,
              first->ranks == 1 ? "" : "s", c->trial[k].digest, c->ranks);
      break;
    }
  }
}

/* Runs that shared processors say nothing about so many of them. */
static bool counts_for_law(const mst_scale_count *c) {
  return c->runs > 0 && !c->crowded;
}

static mst_status fit(mst_scale *s) {
  int n = 0, counts = 0;
  mst_scaling_runs runs = {
      .weak = s->weak, .base = s->count[s->counts - 1].ranks, .pieces = s->pieces};
  for (int i = 0; i < s->counts; i++) {
    counts += counts_for_law(&s->count[i]);
    n += s->count[i].runs;
  }
  if (counts < 2) return MST_OK;
  MST_TRY(mst_alloc(&s->measured, n, sizeof *s->measured, "runs of a law"));
  runs.run = s->measured;
  for (int i = 0; i < s->counts; i++)
    for (int k = 0; k < s->count[i].runs && counts_for_law(&s->count[i]); k++) {
      const mst_scale_trial *t = &s->count[i].trial[k];
      s->measured[runs.n++] = (mst_scaling_run){.ranks = s->count[i].ranks,
                                                .work = t->work,
                                                .comm = t->comm,
                                                .bytes = t->mpi_bytes + t->shared_bytes};
    }
  MST_TRY(mst_scaling_fit(&runs, &s->law));
  s->has_law = true;
  return MST_OK;
}

mst_status mst_scale_conclude(mst_scale *s) {
  compare_digests(s);
  for (int i = 0; i < s->counts; i++)
    if (s->count[i].crowded)
      mst_say(s->team,
              "%" PRId64
              " ranks are more than the processors that they had: their speed is not "
              "that of so many processors",
              s->count[i].ranks);
  for (int i = 0; i < s->counts; i++)
    if (s->count[i].runs > 0 && !s->count[i].crowded &&
        mst_scale_shown(&s->count[i])->processor < LEAST_PROCESSOR)
      mst_say(s->team,
              "%" PRId64
              " rank%s had %.2f of a processor each: other programs took the rest, or "
              "files were waited for",
              s->count[i].ranks, s->count[i].ranks == 1 ? "" : "s",
              mst_scale_shown(&s->count[i])->processor);
  MST_TRY(fit(s));
  for (int i = 0; i < s->predicts && s->has_law; i++)
    MST_TRY(mst_scaling_predict(&s->law, s->predict[i], &s->forecast[i]));
  if (s->predicts > 0 && !s->has_law)
    mst_say(s->team,
            "a forecast needs runs on two rank counts or more, each with a processor for "
            "every rank");
  return MST_OK;
}
