/* What `muster scale` prints: the runs, their phases and the forecast as tables, and all of it as
 * one JSON line. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "jobs/output.h"
#include "jobs/scale.h"

const char *mst_scale_limit_text(mst_scaling_term limit) {
  switch (limit) {
    case MST_SCALING_COMPUTE: return "work that the ranks share";
    case MST_SCALING_SERIAL: return "work that more ranks do not shorten";
    case MST_SCALING_LATENCY: return "messages: their number of steps";
    case MST_SCALING_BANDWIDTH: return "bytes that a rank moves";
    default: return "too few pieces of work for the ranks";
  }
}

static double phase_of(const mst_scale_count *c, const char *name) {
  return json_number_value(json_object_get(mst_scale_shown(c)->phase, name));
}

static double longest(const mst_scale *s, const char *name) {
  double most = 0;
  for (int i = 0; i < s->counts; i++)
    if (s->count[i].runs > 0) most = fmax(most, phase_of(&s->count[i], name));
  return most;
}

int mst_scale_phases(const mst_scale *s, const char *name[MST_SCALE_PHASES]) {
  int n = 0;
  for (int i = 0; i < s->counts; i++) {
    const char *key;
    json_t *value;
    if (s->count[i].runs == 0) continue;
    json_object_foreach(mst_scale_shown(&s->count[i])->phase, key, value) {
      bool known = false;
      for (int k = 0; k < n; k++) known = known || strcmp(name[k], key) == 0;
      if (!known && n < MST_SCALE_PHASES) name[n++] = key;
    }
  }
  for (int i = 1; i < n; i++)
    for (int k = i; k > 0; k--) {
      const double before = longest(s, name[k - 1]), here = longest(s, name[k]);
      if (before > here || (before == here && strcmp(name[k - 1], name[k]) < 0)) break;
      const char *moved = name[k - 1];
      name[k - 1] = name[k];
      name[k] = moved;
    }
  return n;
}

static mst_status print_head(const mst_scale *s) {
  MST_TRY(mst_print(s->team, "%s scaling of %s (job %s), started with", s->weak ? "weak" : "strong",
                    s->file, s->job));
  for (int i = 0; i < s->words; i++) MST_TRY(mst_print(s->team, " %s", s->word[i]));
  if (s->repeat > 1) MST_TRY(mst_print(s->team, "; the median of %" PRId64 " runs", s->repeat));
  MST_TRY(mst_print(s->team, "\n"));
  for (int k = 0; k < s->keys; k++) {
    MST_TRY(mst_print(s->team, "%s%s = %.6g a rank", k == 0 ? "grows: " : ", ", s->key[k].key,
                      s->key[k].full / (double)s->key[k].of));
    if (k == s->keys - 1) MST_TRY(mst_print(s->team, "\n"));
  }
  return MST_OK;
}

static mst_status print_counts(const mst_scale *s) {
  MST_TRY(mst_print(s->team, "\n%7s %10s %9s %11s %10s %10s %8s %6s %12s\n", "ranks", "seconds",
                    "speed-up", "efficiency", "work s", "comm s", "balance", "cpu", "bytes/rank"));
  for (int i = 0; i < s->counts; i++) {
    const mst_scale_count *c = &s->count[i];
    if (c->runs == 0) {
      MST_TRY(mst_print(s->team, "%7" PRId64 " failed\n", c->ranks));
      continue;
    }
    const mst_scale_trial *t = mst_scale_shown(c);
    const double efficiency = mst_scale_efficiency(s, c);
    const double speed_up = efficiency * (double)c->ranks / (double)mst_scale_base(s)->ranks;
    MST_TRY(mst_print(s->team,
                      "%7" PRId64 " %10.3f %9.2f %11.3f %10.3f %10.3f %8.2f %6.2f %12s%s%s\n",
                      c->ranks, t->seconds, speed_up, efficiency, t->work, t->comm, t->balance,
                      t->processor, mst_size_text((int64_t)(t->mpi_bytes + t->shared_bytes)),
                      c->crowded ? "  crowded" : "", c->error != NULL ? "  then failed" : ""));
  }
  return MST_OK;
}

static mst_status print_phases(const mst_scale *s) {
  const char *name[MST_SCALE_PHASES];
  const int n = mst_scale_phases(s, name);
  if (n == 0) return MST_OK;
  MST_TRY(mst_print(s->team, "\n%-26s", "seconds of the slowest rank"));
  for (int i = 0; i < s->counts; i++)
    if (s->count[i].runs > 0) MST_TRY(mst_print(s->team, " %9" PRId64, s->count[i].ranks));
  for (int k = 0; k < n; k++) {
    MST_TRY(mst_print(s->team, "\n  %-25.25s", name[k]));
    for (int i = 0; i < s->counts; i++)
      if (s->count[i].runs > 0)
        MST_TRY(mst_print(s->team, " %9.3f", phase_of(&s->count[i], name[k])));
  }
  return mst_print(s->team, "\n");
}

static mst_status print_part(const mst_scale *s, const char *name, const mst_scaling_part *p) {
  MST_TRY(mst_print(s->team, "  %-14s", name));
  bool any = false;
  for (int k = 0; k < MST_SCALING_TERMS; k++) {
    if (!(p->coefficient[k] > 0)) continue;
    MST_TRY(mst_print(s->team, "%s%.4g s %s", any ? " + " : "", p->coefficient[k],
                      mst_scaling_term_name((mst_scaling_term)k)));
    any = true;
  }
  MST_TRY(
      mst_print(s->team, "%s; a run's spread is %.1f %%", any ? "" : "nothing", 100 * p->spread));
  return p->freedom > 0 ? mst_print(s->team, " (%d degrees of freedom)\n", p->freedom)
                        : mst_print(s->team, " (assumed: give --repeat)\n");
}

static mst_status print_forecast(const mst_scale *s) {
  if (!s->has_law || s->predicts == 0) return MST_OK;
  MST_TRY(mst_print(s->team, "\nlaw of the times (see doc/methods/scaling.md)\n"));
  MST_TRY(print_part(s, "work", &s->law.work));
  MST_TRY(print_part(s, "communication", &s->law.comm));
  if (s->pieces > 0 && !s->weak)
    MST_TRY(mst_print(s->team,
                      "  the work is dealt in %" PRId64 " pieces: more ranks than that have "
                      "nothing to do\n",
                      s->pieces));
  if (s->law.counts < MST_SCALING_TERMS)
    MST_TRY(
        mst_print(s->team,
                  "  %d rank counts cannot tell apart all terms: the simplest law is shown, and "
                  "the intervals\n  hold every law that fits\n",
                  s->law.counts));
  MST_TRY(mst_print(s->team, "\n%7s %10s %23s %11s  %s\n", "ranks", "seconds", "95 % interval",
                    "efficiency", "what keeps more ranks from helping"));
  for (int i = 0; i < s->predicts; i++) {
    const mst_scaling_forecast *f = &s->forecast[i];
    char range[64], high[32];
    snprintf(high, sizeof high, isfinite(f->high) ? "%.3f" : "unknown", f->high);
    snprintf(range, sizeof range, "%.3f .. %s", f->low, high);
    MST_TRY(mst_print(s->team, "%7.0f %10.3f %23s %11.3f  %s", f->ranks, f->seconds, range,
                      mst_scale_forecast_efficiency(s, f->ranks, f->seconds),
                      mst_scale_limit_text(f->limit)));
    if (!s->weak && s->pieces > 0 && s->predict[i] > s->pieces)
      MST_TRY(mst_print(s->team, "; %" PRId64 " ranks have no work", s->predict[i] - s->pieces));
    MST_TRY(mst_print(s->team, "\n"));
  }
  return MST_OK;
}

mst_status mst_scale_print(const mst_scale *s) {
  MST_TRY(print_head(s));
  MST_TRY(print_counts(s));
  MST_TRY(print_phases(s));
  MST_TRY(print_forecast(s));
  if (!s->weak && mst_scale_base(s) != NULL && !s->differ)
    MST_TRY(mst_print(s->team, "\nall runs have the same bits: digest %.12s\n",
                      mst_scale_base(s)->trial[0].digest));
  return MST_OK;
}

static bool put(json_t *o, const char *name, json_t *value) {
  return json_object_set_new(o, name, value) == 0;
}

static json_t *all_seconds(const mst_scale_count *c) {
  json_t *list = json_array();
  for (int k = 0; k < c->runs && list != NULL; k++)
    if (json_array_append_new(list, json_real(c->trial[k].seconds)) != 0) {
      json_decref(list);
      return NULL;
    }
  return list;
}

static bool fill_row(const mst_scale *s, const mst_scale_count *c, json_t *row) {
  char of[96];
  const mst_scale_trial *t = mst_scale_shown(c);
  const mst_scale_count *b = mst_scale_base(s);
  const double efficiency = mst_scale_efficiency(s, c);
  snprintf(of, sizeof of, "no loss from %" PRId64 " rank%s", b->ranks, b->ranks == 1 ? "" : "s");
  return put(row, "seconds", json_real(t->seconds)) && put(row, "all_seconds", all_seconds(c)) &&
         put(row, "speed_up", json_real(efficiency * (double)c->ranks / (double)b->ranks)) &&
         put(row, "efficiency", json_real(efficiency)) &&
         put(row, "limit", json_real(mst_scale_ideal(s, c->ranks, c->share))) &&
         put(row, "limit_of", json_string(of)) && put(row, "ratio", json_real(efficiency)) &&
         put(row, "share", json_real(c->share)) && put(row, "work_seconds", json_real(t->work)) &&
         put(row, "comm_seconds", json_real(t->comm)) &&
         put(row, "balance", json_real(t->balance)) &&
         put(row, "processor", json_real(t->processor)) &&
         put(row, "mpi_bytes", json_integer((json_int_t)t->mpi_bytes)) &&
         put(row, "shared_bytes", json_integer((json_int_t)t->shared_bytes)) &&
         put(row, "nodes", json_integer(t->nodes)) &&
         put(row, "crowded", json_boolean(c->crowded)) &&
         put(row, "digest", json_string(t->digest)) && put(row, "phases", json_incref(t->phase));
}

static json_t *make_row(const mst_scale *s, const mst_scale_count *c) {
  char name[64];
  snprintf(name, sizeof name, "%s %" PRId64, s->weak ? "weak" : "strong", c->ranks);
  json_t *row =
      json_pack("{s:s, s:I, s:i}", "name", name, "ranks", (json_int_t)c->ranks, "runs", c->runs);
  bool ok = row != NULL && (c->runs == 0 || fill_row(s, c, row)) &&
            (c->error == NULL || put(row, "error", json_string(c->error)));
  if (ok) return row;
  json_decref(row);
  return NULL;
}

static json_t *make_rows(const mst_scale *s) {
  json_t *rows = json_array();
  for (int i = 0; i < s->counts && rows != NULL; i++)
    if (json_array_append_new(rows, make_row(s, &s->count[i])) != 0) {
      json_decref(rows);
      return NULL;
    }
  return rows;
}

static json_t *make_part(const mst_scaling_part *p) {
  json_t *o = json_pack("{s:f, s:i}", "spread", p->spread, "freedom", p->freedom);
  for (int k = 0; k < MST_SCALING_TERMS && o != NULL; k++)
    if (!put(o, mst_scaling_term_name((mst_scaling_term)k), json_real(p->coefficient[k]))) {
      json_decref(o);
      return NULL;
    }
  return o;
}

static json_t *make_forecasts(const mst_scale *s) {
  json_t *list = json_array();
  for (int i = 0; i < s->predicts && list != NULL; i++) {
    const mst_scaling_forecast *f = &s->forecast[i];
    json_t *o = json_pack("{s:I, s:f, s:f, s:o, s:f, s:f, s:s}", "ranks", (json_int_t)f->ranks,
                          "seconds", f->seconds, "low", f->low, "high", mst_json_real(f->high),
                          "efficiency", mst_scale_forecast_efficiency(s, f->ranks, f->seconds),
                          "bytes", f->bytes, "limit", mst_scaling_term_name(f->limit));
    if (json_array_append_new(list, o) == 0) continue;
    json_decref(list);
    return NULL;
  }
  return list;
}

static json_t *make_keys(const mst_scale *s) {
  json_t *o = json_object();
  for (int k = 0; k < s->keys && o != NULL; k++)
    if (!put(o, s->key[k].key, json_real(s->key[k].full / (double)s->key[k].of))) {
      json_decref(o);
      return NULL;
    }
  return o;
}

json_t *mst_scale_json(const mst_scale *s) {
  json_t *line =
      json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:o}", "scale", s->weak ? "weak" : "strong",
                "experiment", s->file, "job", s->job, "launcher", s->word[0], "pieces",
                (json_int_t)s->pieces, "same_digest", !s->differ, "rows", make_rows(s));
  bool ok = line != NULL && (s->keys == 0 || put(line, "grows", make_keys(s)));
  if (ok && s->has_law)
    ok = put(line, "law",
             json_pack("{s:o, s:o, s:i}", "work", make_part(&s->law.work), "comm",
                       make_part(&s->law.comm), "counts", s->law.counts)) &&
         put(line, "forecast", make_forecasts(s));
  if (ok && s->output != NULL) ok = put(line, "report", json_string(s->output));
  if (ok) return line;
  json_decref(line);
  return NULL;
}
