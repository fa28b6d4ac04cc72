/* What `muster scale` will run: the experiment checked for every rank count, the pieces that its
 * work is dealt in, and the keys that grow with the ranks where the series is weak. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "jobs/grid.h"
#include "jobs/run.h"
#include "jobs/scale.h"
#include "parallel/roster.h"

/* How a job's work is measured: which figure of its estimate counts it, how many of that make a
 * piece that stays on one rank, and which keys make it grow. */
typedef struct kind {
  const char *job;
  const char *figure; /* of the estimate; NULL: pieces are not known    */
  int64_t of_piece;
  const char *key[2]; /* that grow; the first tells the share of the work */
} kind;
static const kind kinds[] = {
    {"analytic", "rows", MST_BLOCK_ROWS, {"data.rows", NULL}},
    {"pca", "rows", MST_BLOCK_ROWS, {"data.rows", NULL}},
    {"naive_bayes", "rows", MST_BLOCK_ROWS, {"data.rows", NULL}},
    {"sketch", "rows", MST_BLOCK_ROWS, {"data.rows", NULL}},
    {"federated", "cohort", 1, {"method.cohort", NULL}},
    {"train", NULL, 0, {"data.rows", "optimizer.batch"}},
    {"bandit", NULL, 0, {"agents.count", NULL}},
};

static const kind *find_kind(const char *job) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp(kinds[i].job, job) == 0) return &kinds[i];
  return NULL;
}

/* A key's value on so many ranks. */
static double value_on(const mst_scale_key *k, int64_t ranks) {
  const double value = k->full * (double)ranks / (double)k->of;
  return k->whole ? floor(value + 1e-9 * value) : value;
}

static mst_status add_setting(mst_scale_settings *out, char *text, mst_status st) {
  if (text != NULL) out->override[out->n++] = text;
  return st;
}

mst_status mst_scale_set(const mst_scale *s, int i, const char *run_path, mst_scale_settings *out) {
  *out = (mst_scale_settings){.n = 0};
  MST_TRY(mst_alloc(&out->override, s->sets + s->keys + 1, sizeof *out->override, "settings"));
  for (int k = 0; k < s->sets; k++) out->override[out->n++] = s->set[k];
  out->given = out->n;
  for (int k = 0; k < s->keys; k++) {
    mst_text text = MST_TEXT_EMPTY;
    char number[MST_NUMBER];
    mst_status st = mst_text_add(&text, "%s=%s", s->key[k].key,
                                 mst_text_real(value_on(&s->key[k], s->count[i].ranks), number));
    MST_TRY(add_setting(out, text.at, st));
  }
  char *run = NULL;
  mst_status st = mst_run_set_path("output.run", run_path, &run);
  return add_setting(out, run, st);
}

void mst_scale_settings_clear(mst_scale_settings *settings) {
  for (int k = settings->given; k < settings->n; k++)
    mst_free((char *)(uintptr_t)settings->override[k]);
  mst_free(settings->override);
  *settings = (mst_scale_settings){.n = 0};
}

/* Files that a run writes beside its run file, or that remember what it spent, would be those of
 * the experiment itself, again for every run. */
static mst_status refuse_files(const mst_run *r) {
  const mst_schema *schema = &r->schema.schema;
  for (int i = 0; i < schema->n; i++)
    for (const mst_key_spec *key = schema->table[i]; key->key != NULL; key++) {
      if (key->type != MST_KEY_PATH || !mst_experiment_is_set(r->experiment, key->key)) continue;
      const bool spends = strcmp(key->key, "privacy.ledger") == 0;
      const bool writes = mst_key_is_written(key->key) && strcmp(key->key, "output.run") != 0;
      if (spends || writes)
        return mst_experiment_refuse(
            r->experiment, key->key,
            "every run of a series would %s: leave it out for muster scale",
            spends ? "spend of this budget" : "write this file");
    }
  return MST_OK;
}

/* A figure of the estimate; 0 where there is none. */
static double figure_of(const mst_run *r, const char *name) {
  return json_number_value(json_object_get(r->context.estimate, name));
}

static mst_status add_key(mst_scale *s, const char *key, double full, int64_t of, bool whole) {
  if (s->keys == MST_SCALE_KEYS || strlen(key) >= MST_SCALE_KEY)
    return mst_fail(MST_ERR_INPUT, "option --grow: more than %d keys, or one that is too long",
                    MST_SCALE_KEYS);
  mst_scale_key *k = &s->key[s->keys++];
  *k = (mst_scale_key){.full = full, .of = of, .whole = whole};
  strcpy(k->key, key);
  return MST_OK;
}

/* KEY=VALUE of --grow: the value of one rank. */
static mst_status read_grow(mst_scale *s, const char *text) {
  char key[MST_SCALE_KEY], *end = NULL;
  const char *equals = strchr(text, '=');
  const size_t n = equals != NULL ? (size_t)(equals - text) : 0;
  double value = 0;
  if (n > 0 && n < sizeof key) {
    memcpy(key, text, n);
    key[n] = '\0';
    errno = 0;
    value = strtod(equals + 1, &end);
  }
  if (end == NULL || end == equals + 1 || *end != '\0' || errno != 0 || !(value > 0) ||
      !isfinite(value))
    return mst_fail(MST_ERR_INPUT,
                    "option --grow: '%s' is not key.path=NUMBER, the value of one rank", text);
  return add_key(s, key, value, 1, floor(value) == value);
}

/* The keys of a weak series that nobody named: the largest count runs the experiment as it is. */
static mst_status choose_keys(mst_scale *s, const mst_run *r) {
  const int64_t most = s->count[s->counts - 1].ranks;
  const kind *k = find_kind(r->job->name);
  if (k == NULL)
    return mst_fail(MST_ERR_INPUT,
                    "option --weak: it is not known what makes job '%s' grow; name its keys and "
                    "their value for one rank: --grow key.path=NUMBER",
                    r->job->name);
  for (int i = 0; i < 2 && k->key[i] != NULL; i++) {
    const char *key = k->key[i];
    double full = 0;
    bool whole = true;
    if (strcmp(key, "method.cohort") == 0 &&
        strcmp(mst_experiment_word(r->experiment, "method.sampling"), "bernoulli") == 0) {
      key = "method.participation";
      full = mst_experiment_real(r->experiment, key);
      whole = false;
    } else if (k->figure != NULL || strcmp(key, "data.rows") == 0) {
      full = figure_of(r, k->figure != NULL ? k->figure : "rows");
    } else {
      full = (double)mst_experiment_int(r->experiment, key);
    }
    if (whole && full < (double)most)
      return mst_fail(MST_ERR_INPUT,
                      "option --weak: %s is %.0f, too few to be shared by %" PRId64
                      " ranks; raise it by --set, or give --grow %s=NUMBER, the value of one rank",
                      key, full, most, key);
    MST_TRY(add_key(s, key, full, most, whole));
  }
  return MST_OK;
}

/* With `learn`, what the estimate says of the job; without it the settings of the series are
 * there. */
static mst_status check_count(mst_scale *s, int i, bool learn) {
  mst_text path = MST_TEXT_EMPTY;
  mst_scale_settings settings = {.n = 0};
  mst_status st = mst_text_add(&path, "%s/check.h5", s->folder);
  if (st == MST_OK) st = mst_scale_set(s, i, path.at, &settings);
  mst_run r = {.team = s->team,
               .file = s->file,
               .text = s->text,
               .n_override = settings.n,
               .override = settings.override,
               .dry_run = true,
               .quiet = true,
               .again = true,
               .in_grid = true,
               .for_ranks = (int)s->count[i].ranks,
               .for_nodes = 1};
  if (st == MST_OK) st = mst_run_open(&r);
  if (st == MST_OK) st = refuse_files(&r);
  if (st == MST_OK) st = mst_run_check(&r, NULL);
  if (st == MST_OK) st = mst_run_estimate(&r);
  if (st == MST_OK && learn) {
    const kind *k = find_kind(r.job->name);
    strncpy(s->job, r.job->name, sizeof s->job - 1);
    if (s->pieces == 0 && k != NULL && k->figure != NULL)
      s->pieces = mst_ceil_div((int64_t)figure_of(&r, k->figure), k->of_piece);
    s->fast = mst_experiment_knows(r.experiment, "reduce") &&
              strcmp(mst_experiment_word(r.experiment, "reduce"), "fast") == 0;
    if (s->weak && s->keys == 0) st = choose_keys(s, &r);
  }
  mst_run_clear(&r);
  mst_scale_settings_clear(&settings);
  mst_text_free(&path);
  return st;
}

mst_status mst_scale_plan(mst_scale *s) {
  const double most = (double)s->count[s->counts - 1].ranks;
  for (int i = 0; i < s->grows; i++) MST_TRY(read_grow(s, s->grow[i]));
  MST_TRY(check_count(s, s->counts - 1, true));
  for (int i = 0; i < s->counts; i++) {
    mst_scale_count *c = &s->count[i];
    c->share = 1;
    if (!s->weak) continue;
    mst_status st = check_count(s, i, false);
    if (st != MST_OK) return mst_fail_within(st, "on %" PRId64 " ranks: ", c->ranks);
    c->share = value_on(&s->key[0], c->ranks) / value_on(&s->key[0], (int64_t)most);
  }
  return MST_OK;
}
