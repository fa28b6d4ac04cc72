/* A report's regret: by round, with how far the instances are apart; against what the agents told
 * each other; and how it is spread over the agents. */
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/summary.h"
#include "io/changes.h"
#include "jobs/report.h"

static const mst_report_array *series(const mst_report_run *run, const char *name) {
  const mst_report_array *a = mst_report_find(run, name);
  const mst_report_array *round = mst_report_find(run, "metrics/round");
  return a != NULL && round != NULL && a->n == round->n ? a : NULL;
}

/* Of run i, regret a standard deviation below and above its mean. */
static void add_band(mst_page *p, mst_curves *c, int i) {
  const mst_report_array *mean = series(&p->run[i], "metrics/regret");
  const mst_report_array *sd = series(&p->run[i], "metrics/regret_sd");
  const mst_report_array *round = mst_report_find(&p->run[i], "metrics/round");
  double *low = NULL, *high = NULL;
  if (mean == NULL || sd == NULL || p->status != MST_OK) return;
  p->status = mst_alloc(&low, mean->n, sizeof *low, "regret");
  if (p->status == MST_OK) p->status = mst_alloc(&high, mean->n, sizeof *high, "regret");
  bool apart = false;
  for (int64_t k = 0; p->status == MST_OK && k < mean->n; k++) {
    low[k] = mean->value[k] - sd->value[k];
    high[k] = mean->value[k] + sd->value[k];
    apart = apart || sd->value[k] > 0;
  }
  if (p->status == MST_OK && apart) mst_curves_add_band(p, c, i, mean->n, round->value, low, high);
  mst_free(low);
  mst_free(high);
}

static void draw_by_round(mst_page *p) {
  mst_curves c;
  const mst_axes axes = {.title = "Regret by round",
                         .x = "round",
                         .note =
                             "of all agents together, mean over instances; the band is one "
                             "standard deviation to either side"};
  mst_curves_begin(&c);
  for (int i = 0; i < p->n; i++) add_band(p, &c, i);
  for (int i = 0; i < p->n; i++) {
    const mst_report_array *regret = series(&p->run[i], "metrics/regret");
    if (regret != NULL)
      mst_curves_add(p, &c, i, false, regret->n,
                     mst_report_find(&p->run[i], "metrics/round")->value, regret->value);
  }
  mst_curves_draw(p, &c, &axes);
}

/* At a run's end. */
typedef struct outcome {
  double told; /* numbers that an agent sent and got, on average; at least 1 */
  double regret;
  mst_setting protocol;
  bool known;
} outcome;

static outcome outcome_of(const mst_report_run *run) {
  const mst_report_array *regret = series(run, "metrics/regret");
  const mst_report_array *up = series(run, "metrics/uplink_reals_per_agent");
  const mst_report_array *down = series(run, "metrics/downlink_reals_per_agent");
  outcome o = {.known = regret != NULL && up != NULL && down != NULL && regret->n > 0};
  if (!o.known) return o;
  const int64_t last = regret->n - 1;
  o.told = fmax(1, up->value[last] + down->value[last]);
  o.regret = regret->value[last];
  if (!mst_setting_find(run->outcome.experiment, "protocol.kind", &o.protocol))
    o.protocol.length = 0;
  return o;
}

static bool same_protocol(const outcome *a, const outcome *b) {
  return a->known && b->known && a->protocol.length == b->protocol.length &&
         memcmp(a->protocol.value, b->protocol.value, (size_t)a->protocol.length) == 0;
}

/* The runs of run i's protocol, by what they told, as one line; nothing where an earlier run drew
 * it. */
static void add_tradeoff(mst_page *p, mst_curves *c, const outcome *of, int i) {
  double told[MST_PAGE_RUNS], regret[MST_PAGE_RUNS];
  int64_t n = 0;
  for (int k = 0; k < i; k++)
    if (same_protocol(&of[k], &of[i])) return;
  for (int k = i; k < p->n; k++) {
    if (!same_protocol(&of[k], &of[i])) continue;
    int64_t at = n++;
    for (; at > 0 && told[at - 1] > of[k].told; at--) {
      told[at] = told[at - 1];
      regret[at] = regret[at - 1];
    }
    told[at] = of[k].told;
    regret[at] = of[k].regret;
  }
  if (n > 1) mst_curves_add(p, c, i, true, n, told, regret);
}

static void draw_tradeoff(mst_page *p) {
  mst_curves c;
  outcome of[MST_PAGE_RUNS];
  double least = HUGE_VAL, most = 0;
  const int n = p->n < MST_PAGE_RUNS ? p->n : MST_PAGE_RUNS;
  for (int i = 0; i < n; i++) {
    of[i] = outcome_of(&p->run[i]);
    if (!of[i].known) continue;
    least = fmin(least, of[i].told);
    most = fmax(most, of[i].told);
  }
  mst_curves_begin(&c);
  for (int i = 0; i < n; i++)
    if (of[i].known) add_tradeoff(p, &c, of, i);
  for (int i = 0; i < n; i++)
    if (of[i].known) mst_curves_add(p, &c, i, false, 1, &of[i].told, &of[i].regret);
  const mst_axes axes = {.title = "Regret by communication",
                         .x = "numbers sent and got by an agent",
                         .log_x = most > 30 * least,
                         .lone = true,
                         .note = "at the end; thin lines join the runs of one protocol; 1 is none"};
  mst_curves_draw(p, &c, &axes);
}

static void draw_by_agent(mst_page *p) {
  mst_curves c;
  mst_curves_begin(&c);
  for (int i = 0; i < p->n && p->status == MST_OK; i++) {
    const mst_report_array *regret = mst_report_find(&p->run[i], "model/regret");
    double *sorted = NULL, *share = NULL;
    if (regret == NULL || regret->n < 2 || series(&p->run[i], "metrics/regret") == NULL) continue;
    p->status = mst_alloc(&sorted, regret->n, sizeof *sorted, "agents' regret");
    if (p->status == MST_OK) p->status = mst_alloc(&share, regret->n, sizeof *share, "shares");
    for (int64_t k = 0; p->status == MST_OK && k < regret->n; k++) {
      sorted[k] = regret->value[k];
      share[k] = 100.0 * ((double)k + 0.5) / (double)regret->n;
    }
    if (p->status == MST_OK) {
      mst_summary_sort(sorted, regret->n);
      mst_curves_add(p, &c, i, false, regret->n, share, sorted);
    }
    mst_free(share);
    mst_free(sorted);
  }
  const mst_axes axes = {.title = "Regret by agent",
                         .x = "% of agents, least regret first",
                         .steps = true,
                         .note = "all agents of all instances, after the last round"};
  mst_curves_draw(p, &c, &axes);
}

void mst_report_bandit(mst_page *p) {
  bool any = false;
  for (int i = 0; i < p->n; i++) any = any || series(&p->run[i], "metrics/regret") != NULL;
  if (!any) return;
  mst_page_section(p, "Regret");
  mst_page_grid(p, true);
  draw_by_round(p);
  draw_tradeoff(p);
  draw_by_agent(p);
  mst_page_grid(p, false);
}
