/* Charges: like releases are one event with a count, so that a ledger of many steps is accounted
 * for as fast as one of a few. */
#include "core/privacy/ledger.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"

void mst_charges_free(mst_charges *c) {
  mst_free(c->event);
  *c = (mst_charges){.n = 0};
}

bool mst_event_alike(const mst_event *a, const mst_event *b) {
  return a->mechanism == b->mechanism && a->noise == b->noise && a->sensitivity == b->sensitivity &&
         a->sampling == b->sampling && a->q == b->q && a->n == b->n && a->m == b->m &&
         a->truncate == b->truncate && a->entries == b->entries;
}

double mst_discrete_distance(double sigma, double entries, double epsilon) {
  return (1 + exp(epsilon)) * entries / (8 * sigma * sigma);
}

static mst_status make_room(mst_charges *c) {
  mst_event *grown = NULL;
  if (c->n < c->room) return MST_OK;
  int64_t room = 2 * c->room + 4;
  MST_TRY(mst_alloc(&grown, room, sizeof *grown, "charges"));
  if (c->n > 0) memcpy(grown, c->event, (size_t)c->n * sizeof *grown);
  mst_free(c->event);
  c->event = grown;
  c->room = room;
  return MST_OK;
}

mst_status mst_charges_add(mst_charges *c, const mst_event *event, int64_t count) {
  for (int64_t i = 0; i < c->n; i++)
    if (mst_event_alike(&c->event[i], event)) {
      c->event[i].count += count;
      return MST_OK;
    }
  MST_TRY(make_room(c));
  c->event[c->n] = *event;
  c->event[c->n++].count = count;
  return MST_OK;
}

static mst_status copy(const mst_charges *from, mst_charges *to) {
  for (int64_t i = 0; i < from->n; i++)
    MST_TRY(mst_charges_add(to, &from->event[i], from->event[i].count));
  return MST_OK;
}

/* Entries that were released at least once. */
static int64_t drop_empty(mst_charges *c) {
  int64_t kept = 0;
  for (int64_t i = 0; i < c->n; i++)
    if (c->event[i].count > 0) c->event[kept++] = c->event[i];
  return c->n = kept;
}

mst_status mst_charges_spent(const mst_charges *c, const mst_event *more, int64_t n,
                             const mst_account_spec *spec, const mst_budget *budget,
                             mst_spent *out) {
  mst_charges all = {.n = 0};
  *out = (mst_spent){.delta = budget->delta};
  mst_status st = copy(c, &all);
  for (int64_t i = 0; i < n && st == MST_OK; i++)
    st = mst_charges_add(&all, &more[i], more[i].count);
  if (st == MST_OK && drop_empty(&all) > 0) {
    mst_events list = {.event = all.event, .n = all.n, .adjacency = budget->adjacency};
    st = mst_account_epsilon(spec, &list, MST_DELTA_COUNTED * budget->delta, out);
    out->delta = budget->delta;
  }
  mst_charges_free(&all);
  return st;
}

mst_status mst_charges_allow(const mst_charges *c, const mst_event *more, int64_t n,
                             const mst_account_spec *spec, const mst_budget *budget) {
  mst_spent spent;
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) count += more[i].count;
  MST_TRY(mst_charges_spent(c, more, n, spec, budget, &spent));
  if (spent.estimate)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "privacy.accountant %s only estimates, and what it says may be too little to "
                    "be charged; choose pld",
                    spec->name);
  if (spent.epsilon <= budget->epsilon) return MST_OK;
  return mst_fail(MST_ERR_BUDGET,
                  "the privacy budget is epsilon %.6g at delta %.3g, and with %lld more releases "
                  "%.6g would be spent",
                  budget->epsilon, budget->delta, (long long)count, spent.epsilon);
}
