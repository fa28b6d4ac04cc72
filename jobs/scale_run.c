/* The runs of `muster scale`: each is an ordinary `muster run` under the launcher, waited for
 * within limits, and read back from its run file. */
#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "core/base/summary.h"
#include "io/folder.h"
#include "io/process.h"
#include "io/report_run.h"
#include "jobs/scale.h"
#include "jobs/say.h"
#include "jobs/watch.h"

#define MOST_ARGUMENTS 512

static bool is_there(const char *program) {
  const char *const argv[] = {program, "--version", NULL};
  const mst_process_limits limits = {.seconds = 20};
  mst_text out = MST_TEXT_EMPTY, err = MST_TEXT_EMPTY;
  int code = MST_PROCESS_MISSING;
  mst_status st = mst_process_run_within(argv, NULL, &limits, &code, &out, &err);
  mst_text_free(&out);
  mst_text_free(&err);
  mst_status_clear();
  return st == MST_OK && code != MST_PROCESS_MISSING;
}

mst_status mst_scale_launcher(mst_scale *s, const char *given) {
  const char *text = given != NULL ? given : getenv("MPIRUN");
  if (text == NULL || text[strspn(text, " \t")] == '\0')
    text = !is_there("mpirun") && is_there("srun") ? "srun" : "mpirun";
  for (text += strspn(text, " \t"); *text != '\0'; text += strspn(text, " \t")) {
    const size_t n = strcspn(text, " \t");
    if (s->words == MST_SCALE_WORDS)
      return mst_fail(MST_ERR_INPUT, "the launcher has more than %d words", MST_SCALE_WORDS);
    MST_TRY(mst_alloc(&s->word[s->words], (int64_t)n + 1, 1, "launcher"));
    memcpy(s->word[s->words++], text, n);
    text += n;
  }
  if (s->words == 0) return mst_fail(MST_ERR_INPUT, "option --launcher: there is no program in it");
  return MST_OK;
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

/* Open MPI counts cores, not processors, and refuses more ranks; within a job of Slurm its places
 * count. Ranks of srun that end one after the other are not killed at once, which would hide their
 * common code. */
static int add_launcher(const mst_scale *s, const char **argv, const char *ranks) {
  static const char *const open_mpi[] = {"mpirun", "mpiexec", "orterun", "prterun"};
  const char *name = base_name(s->word[0]);
  int n = 0;
  for (int i = 0; i < s->words; i++) argv[n++] = s->word[i];
  for (int i = 0; i < 4; i++)
    if (strcmp(name, open_mpi[i]) == 0 && getenv("SLURM_JOB_ID") == NULL)
      argv[n++] = "--oversubscribe";
  if (strcmp(name, "srun") == 0) {
    argv[n++] = "--kill-on-bad-exit=0";
    argv[n++] = "--wait=60";
  }
  argv[n++] = "-n";
  argv[n++] = ranks;
  return n;
}

/* Not a ruler. */
static bool has_words(const char *line, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (isalpha((unsigned char)line[i])) return true;
  return false;
}

/* What a run says of its failure: its own message, or else the first words of whoever speaks. */
static const char *find_message(const mst_text *err, char line[MST_STATUS_DETAIL_MAX]) {
  static const char own[] = "muster: ";
  line[0] = '\0';
  for (const char *at = err->at; at != NULL && *at != '\0';) {
    const size_t n = strcspn(at, "\n");
    const bool is_own = strncmp(at, own, sizeof own - 1) == 0;
    if (is_own || (line[0] == '\0' && has_words(at, n))) {
      const char *from = is_own ? at + sizeof own - 1 : at;
      const size_t m = n - (size_t)(from - at);
      const size_t kept = m < MST_STATUS_DETAIL_MAX - 256 ? m : MST_STATUS_DETAIL_MAX - 256;
      memcpy(line, from, kept);
      line[kept] = '\0';
      if (is_own) return line;
    }
    at += n + (at[n] == '\n');
  }
  return line[0] != '\0' ? line : "it said nothing";
}

static mst_status judge(const mst_scale *s, int code, const mst_text *err) {
  char line[MST_STATUS_DETAIL_MAX];
  const char *message = find_message(err, line);
  switch (code) {
    case 0: return MST_OK;
    case MST_PROCESS_STOPPED:
      return mst_fail(MST_ERR_INTERRUPTED, "a signal ended the series; start it again");
    case MST_PROCESS_LATE:
      return mst_fail(MST_ERR_IO, "the run was ended after %g s (--timeout)", s->timeout);
    case MST_PROCESS_MISSING:
      return mst_fail(MST_ERR_INPUT, "the launcher %s cannot be started: %s", s->word[0], message);
    case 2: return mst_fail(MST_ERR_INPUT, "the run ended with code 2: %s", message);
    case 3: return mst_fail(MST_ERR_BUDGET, "the run ended with code 3: %s", message);
    default: return mst_fail(MST_ERR_IO, "the run ended with code %d: %s", code, message);
  }
}

static bool should_stop(void) {
  return mst_signal_came();
}

static mst_status launch(const mst_scale *s, int i, const char *run_path) {
  const char *argv[MOST_ARGUMENTS];
  char ranks[32], self[PATH_MAX];
  mst_scale_settings settings;
  mst_text out = MST_TEXT_EMPTY, err = MST_TEXT_EMPTY;
  const mst_process_limits limits = {.seconds = s->timeout, .stop = should_stop};
  int code = 0;
  mst_status st = mst_scale_set(s, i, run_path, &settings);
  snprintf(ranks, sizeof ranks, "%" PRId64, s->count[i].ranks);
  int n = add_launcher(s, argv, ranks);
  argv[n++] = realpath("/proc/self/exe", self) != NULL ? self : "muster";
  argv[n++] = "run";
  argv[n++] = s->file;
  argv[n++] = "-q";
  if (st == MST_OK && n + 2 * settings.n >= MOST_ARGUMENTS)
    st = mst_fail(MST_ERR_INPUT, "more than %d settings", (MOST_ARGUMENTS - n) / 2);
  for (int k = 0; k < settings.n && st == MST_OK; k++) {
    argv[n++] = "--set";
    argv[n++] = settings.override[k];
  }
  argv[n] = NULL;
  if (st == MST_OK) st = mst_process_run_within(argv, NULL, &limits, &code, &out, &err);
  if (st == MST_OK) st = judge(s, code, &err);
  mst_scale_settings_clear(&settings);
  mst_text_free(&out);
  mst_text_free(&err);
  return st;
}

static bool ends_in_seconds(const char *name) {
  const size_t n = strlen(name), m = strlen("_seconds");
  return strncmp(name, "timing/", 7) == 0 && n > 7 + m && strcmp(name + n - m, "_seconds") == 0;
}

static mst_status take_phases(const mst_report_run *run, mst_scale_trial *t) {
  t->phase = json_object();
  bool ok = t->phase != NULL;
  for (int k = 0; k < run->arrays && ok; k++) {
    const mst_report_array *a = &run->array[k];
    char name[160];
    if (!ends_in_seconds(a->name) || strcmp(a->name, "timing/comm_seconds") == 0 ||
        strcmp(a->name, "timing/cpu_seconds") == 0)
      continue;
    const double most = mst_summary_most(a->value, a->n);
    if (!(most > 0)) continue;
    snprintf(name, sizeof name, "%.*s",
             (int)(strlen(a->name) - strlen("timing/") - strlen("_seconds")), a->name + 7);
    ok = json_object_set_new(t->phase, name, json_real(most)) == 0;
  }
  return ok ? MST_OK : mst_fail(MST_ERR_MEMORY, "no memory for phases");
}

static const mst_report_array *timing(const mst_report_run *run, const char *name, int64_t ranks) {
  const mst_report_array *a = mst_report_find(run, name);
  return a != NULL && a->n == ranks ? a : NULL;
}

static mst_status take_timings(const mst_report_run *run, mst_scale_trial *t) {
  const int64_t ranks = run->outcome.ranks;
  const mst_report_array *seconds = timing(run, "timing/seconds", ranks),
                         *comm = timing(run, "timing/comm_seconds", ranks),
                         *cpu = timing(run, "timing/cpu_seconds", ranks),
                         *mpi = timing(run, "timing/mpi_bytes", ranks),
                         *shared = timing(run, "timing/shared_bytes", ranks);
  if (seconds == NULL || comm == NULL || cpu == NULL || mpi == NULL || shared == NULL)
    return mst_fail(MST_ERR_FORMAT, "%s lacks the timings of its ranks", run->path);
  double most_work = 0, most_bytes = -1;
  for (int64_t r = 0; r < ranks; r++) {
    const double c = fmin(comm->value[r], seconds->value[r]), work = seconds->value[r] - c;
    t->work += work / (double)ranks;
    t->comm += c / (double)ranks;
    if (seconds->value[r] > 0) t->processor += cpu->value[r] / seconds->value[r] / (double)ranks;
    most_work = fmax(most_work, work);
    if (mpi->value[r] + shared->value[r] <= most_bytes) continue;
    most_bytes = mpi->value[r] + shared->value[r];
    t->mpi_bytes = mpi->value[r];
    t->shared_bytes = shared->value[r];
  }
  t->seconds = mst_summary_most(seconds->value, ranks);
  t->balance = t->work > 0 ? most_work / t->work : 1;
  t->nodes = atoi(mst_report_attribute(run, "nodes"));
  memcpy(t->digest, run->outcome.digest, sizeof t->digest);
  return take_phases(run, t);
}

static mst_status collect(const mst_scale *s, const char *path, int64_t ranks, mst_scale_trial *t) {
  mst_report_run run;
  MST_TRY(mst_report_run_read(s->team, path, &run));
  mst_status st = MST_OK;
  if (run.outcome.ranks != ranks)
    st = mst_fail(MST_ERR_INPUT,
                  "the run had %" PRId64
                  " rank%s: %s does not start ranks of the MPI that muster "
                  "is built with",
                  run.outcome.ranks, run.outcome.ranks == 1 ? "" : "s", s->word[0]);
  if (st == MST_OK) st = take_timings(&run, t);
  mst_report_run_clear(&run);
  return st;
}

/* The run of median seconds. */
static void choose_shown(mst_scale_count *c) {
  for (int i = 0; i < c->runs; i++) {
    int before = 0;
    for (int k = 0; k < c->runs; k++)
      before += c->trial[k].seconds < c->trial[i].seconds ||
                (c->trial[k].seconds == c->trial[i].seconds && k < i);
    if (before == (c->runs - 1) / 2) c->shown = i;
  }
}

static mst_status perform(mst_scale *s, int i) {
  mst_scale_count *c = &s->count[i];
  mst_text path = MST_TEXT_EMPTY;
  mst_scale_trial t = {.seconds = 0};
  mst_status st =
      mst_text_add(&path, "%s/ranks-%" PRId64 ".run-%d.h5", s->folder, c->ranks, c->runs + 1);
  if (st == MST_OK) st = launch(s, i, path.at);
  if (st == MST_OK) st = collect(s, path.at, c->ranks, &t);
  if (s->folder_given == NULL && path.at != NULL) mst_file_remove(path.at);
  mst_text_free(&path);
  if (st != MST_OK) {
    json_decref(t.phase);
    return st;
  }
  c->trial[c->runs++] = t;
  choose_shown(c);
  const int64_t processors = sysconf(_SC_NPROCESSORS_ONLN);
  c->crowded = t.nodes > 0 && processors > 0 && c->ranks > processors * t.nodes;
  if (!s->json)
    mst_say(s->team, "%" PRId64 " rank%s, run %d of %" PRId64 ": %.3f s", c->ranks,
            c->ranks == 1 ? "" : "s", c->runs, s->repeat, t.seconds);
  return MST_OK;
}

/* What failed is kept; an end that was asked for is the end of all. */
static mst_status bear(mst_scale *s, mst_scale_count *c, mst_status st) {
  if (st == MST_OK || st == MST_ERR_INTERRUPTED || st == MST_ERR_MEMORY) return st;
  mst_say(s->team, "%" PRId64 " rank%s: %s", c->ranks, c->ranks == 1 ? "" : "s",
          mst_status_detail());
  c->failed = st;
  return mst_text_copy(mst_status_detail(), &c->error);
}

mst_status mst_scale_measure(mst_scale *s) {
  for (int i = 0; i < s->counts; i++)
    MST_TRY(mst_alloc(&s->count[i].trial, s->repeat, sizeof *s->count[i].trial, "runs"));
  for (int64_t k = 0; k < s->repeat; k++)
    for (int i = 0; i < s->counts; i++)
      if (s->count[i].error == NULL) MST_TRY(bear(s, &s->count[i], perform(s, i)));
  return MST_OK;
}
