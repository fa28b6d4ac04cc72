/* From a list of events to the parts of a sum. */
#include "core/privacy/losses.h"

#include <math.h>

#include "core/base/memory.h"
#include "core/privacy/member.h"

#define TAIL_LEAST 1e-290

/* The i-th event that is left when the Gaussian ones without sampling are one event, the last. */
typedef struct terms {
  mst_event *event;
  int n;
} terms;

static mst_status gather(const mst_events *events, terms *t) {
  *t = (terms){0};
  MST_TRY(mst_alloc(&t->event, events->n + 1, sizeof(mst_event), "events"));
  const double mu_square = mst_events_whole_mu_square(events);
  for (int64_t i = 0; i < events->n; i++)
    if (events->event[i].count > 0 && !mst_event_is_whole_gaussian(&events->event[i]))
      t->event[t->n++] = events->event[i];
  if (mu_square > 0) {
    mst_event whole = {.mechanism = MST_MECHANISM_GAUSSIAN, .noise = 1, .count = 1};
    whole.noise = mst_event_shift(&whole, events->adjacency, events->group) / sqrt(mu_square);
    t->event[t->n++] = whole;
  }
  return MST_OK;
}

static mst_status make_losses(const mst_events *events, const terms *t, bool remove, double step,
                              mst_rounding rounding, double tail, mst_losses *g) {
  for (int i = 0; i < t->n; i++) {
    mst_pair pair;
    MST_TRY(mst_pair_make(&t->event[i], events->adjacency, events->group, remove, tail, &pair));
    const mst_status st = mst_loss_make(&pair, step, rounding, &g->loss[i]);
    mst_pair_clear(&pair);
    if (st != MST_OK) return st;
    g->part[i] = (mst_part){&g->loss[i], (double)t->event[i].count};
    g->greatest += g->part[i].count * g->loss[i].greatest;
    g->n = i + 1;
  }
  return MST_OK;
}

mst_status mst_losses_make(const mst_events *events, bool remove, double step,
                           mst_rounding rounding, double share, mst_losses *out) {
  terms t;
  *out = (mst_losses){0};
  MST_TRY(gather(events, &t));
  const double tail = fmax(share / mst_events_count(events), TAIL_LEAST);
  mst_status st = mst_alloc(&out->loss, t.n, sizeof(mst_loss), "privacy losses");
  if (st == MST_OK) st = mst_alloc(&out->part, t.n, sizeof(mst_part), "privacy losses");
  if (st == MST_OK) st = make_losses(events, &t, remove, step, rounding, tail, out);
  mst_free(t.event);
  if (st != MST_OK) mst_losses_clear(out);
  return st;
}

mst_status mst_losses_step(const mst_events *events, double accuracy, double *step,
                           double *lattice) {
  terms t;
  MST_TRY(gather(events, &t));
  double count = 0, square = 0;
  mst_status st = MST_OK;
  *lattice = 0;
  for (int i = 0; i < t.n && st == MST_OK; i++) {
    mst_pair pair;
    st = mst_pair_make(&t.event[i], events->adjacency, events->group, true, 1e-9, &pair);
    if (st != MST_OK) break;
    count += (double)t.event[i].count;
    square += (double)t.event[i].count * pair.spread * pair.spread;
    if (*lattice == 0) *lattice = pair.lattice;
    mst_pair_clear(&pair);
  }
  mst_free(t.event);
  /* Rounding moves the sum's mean by count step^2 / 12 and widens it by count step^2 / 6, which
   * moves a quantile z deviations out by z / 2 of that over the deviation; the defects of the bound
   * from below scatter by a few times as much. What the bracket comes to was measured. */
  const double deviation = sqrt(fmax(square, 1e-300));
  *step = sqrt(accuracy / count / (1.0 / 6 + 6.7 / deviation));
  *step = fmin(*step, 0.5 * deviation);
  return st;
}

void mst_losses_clear(mst_losses *grid) {
  for (int i = 0; grid->loss != NULL && i < grid->n; i++) mst_loss_clear(&grid->loss[i]);
  mst_free(grid->loss);
  mst_free(grid->part);
  *grid = (mst_losses){0};
}
