/* Names of mechanisms, samplings and adjacencies, and the checks that hold for any accountant. */
#include "core/privacy/event.h"

#include <math.h>
#include <stddef.h>

static const char *const mechanisms[] = {"gaussian", "laplace", "discrete_gaussian",
                                         "discrete_laplace", "pure"};
static const char *const samplings[] = {"none", "poisson", "without_replacement"};
static const char *const adjacencies[] = {"add_remove", "replace_one"};

const char *mst_mechanism_name(int i) {
  return i >= 0 && i < (int)(sizeof mechanisms / sizeof mechanisms[0]) ? mechanisms[i] : NULL;
}

const char *mst_sampling_name(int i) {
  return i >= 0 && i < (int)(sizeof samplings / sizeof samplings[0]) ? samplings[i] : NULL;
}

const char *mst_adjacency_name(int i) {
  return i >= 0 && i < (int)(sizeof adjacencies / sizeof adjacencies[0]) ? adjacencies[i] : NULL;
}

static bool discrete(const mst_event *e) {
  return e->mechanism == MST_MECHANISM_DISCRETE_GAUSSIAN ||
         e->mechanism == MST_MECHANISM_DISCRETE_LAPLACE;
}

static mst_status check_sampling(const mst_event *e, long long at, mst_adjacency adjacency) {
  if (e->sampling == MST_SAMPLING_POISSON && !(e->q > 0 && e->q <= 1))
    return mst_fail(MST_ERR_INPUT, "event %lld: q is %g; allowed is more than 0 and at most 1", at,
                    e->q);
  if (e->sampling != MST_SAMPLING_WITHOUT_REPLACEMENT) return MST_OK;
  if (e->m < 1 || e->n < e->m)
    return mst_fail(MST_ERR_INPUT, "event %lld: %lld of %lld records; allowed are 1 <= m <= n", at,
                    (long long)e->m, (long long)e->n);
  if (adjacency != MST_ADJACENCY_REPLACE_ONE)
    return mst_fail(
        MST_ERR_UNSUPPORTED,
        "event %lld: samples of fixed size are private under replace_one alone, since "
        "their share shows how many records there are; choose adjacency replace_one, or "
        "sampling poisson",
        at);
  return MST_OK;
}

static mst_status check_event(const mst_event *e, long long at, mst_adjacency adjacency) {
  if (mst_mechanism_name((int)e->mechanism) == NULL || mst_sampling_name((int)e->sampling) == NULL)
    return mst_fail(MST_ERR_INPUT, "event %lld: no such mechanism or sampling", at);
  if (!(e->noise > 0) || !isfinite(e->noise))
    return mst_fail(MST_ERR_INPUT, "event %lld: noise is %g; allowed is more than 0", at, e->noise);
  if (!(e->sensitivity >= 0) || !isfinite(e->sensitivity))
    return mst_fail(MST_ERR_INPUT, "event %lld: sensitivity is %g; allowed is 0 or more (0 = 1)",
                    at, e->sensitivity);
  if (e->count < 0)
    return mst_fail(MST_ERR_INPUT, "event %lld: count is %lld; allowed is 0 or more", at,
                    (long long)e->count);
  if (discrete(e) && e->sensitivity != floor(e->sensitivity))
    return mst_fail(MST_ERR_INPUT,
                    "event %lld: sensitivity is %g; noise on the integers needs a whole one", at,
                    e->sensitivity);
  if (e->truncate < 0 || (e->truncate > 0 && !discrete(e)))
    return mst_fail(MST_ERR_INPUT,
                    "event %lld: truncate is %lld; only discrete mechanisms are cut off", at,
                    (long long)e->truncate);
  return check_sampling(e, at, adjacency);
}

mst_status mst_events_check(const mst_events *events) {
  if (events->n < 0 || events->group < 0 || mst_adjacency_name((int)events->adjacency) == NULL)
    return mst_fail(MST_ERR_INPUT,
                    "%lld events, groups of %lld; allowed are 0 and more, with an adjacency",
                    (long long)events->n, (long long)events->group);
  for (int64_t i = 0; i < events->n; i++)
    MST_TRY(check_event(&events->event[i], (long long)i + 1, events->adjacency));
  return MST_OK;
}

double mst_event_shift(const mst_event *e, mst_adjacency adjacency, int64_t k) {
  const double one = e->sensitivity > 0 ? e->sensitivity : 1;
  return one * (double)(k > 1 ? k : 1) * (adjacency == MST_ADJACENCY_REPLACE_ONE ? 2 : 1);
}

double mst_event_rate(const mst_event *e) {
  if (e->sampling == MST_SAMPLING_POISSON) return e->q;
  if (e->sampling == MST_SAMPLING_WITHOUT_REPLACEMENT) return (double)e->m / (double)e->n;
  return 1;
}

bool mst_events_sampled(const mst_events *events) {
  for (int64_t i = 0; i < events->n; i++)
    if (events->event[i].count > 0 && mst_event_rate(&events->event[i]) < 1) return true;
  return false;
}

double mst_events_count(const mst_events *events) {
  double count = 0;
  for (int64_t i = 0; i < events->n; i++) count += (double)events->event[i].count;
  return count;
}
