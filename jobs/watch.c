/* The watch over a running job: it is the observer that parallel reports to, and passes what it
 * hears to the progress bar, the run file, the checkpoints and the clock. Signals are caught and
 * asked here. */
#include "jobs/watch.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "io/progress.h"
#include "jobs/say.h"

#define PHASES 32     /* that are timed one by one; later ones only show progress */
#define PHASE_NAME 48 /* bytes                                                    */

typedef struct phase {
  char name[PHASE_NAME];
  double seconds;
} phase;

struct mst_watch {
  mst_team *team;
  mst_observer observer;
  mst_progress *progress;
  mst_runfile *runfile;
  mst_checkpoints *checkpoints;
  bool warned; /* of a checkpoint that could not be written */
  double started, phase_started, saving;
  double cpu; /* seconds of processors that this rank had taken until then */
  mst_meter before; /* what the team had moved until then */
  int current; /* phase that runs now, or -1 */
  int phases;
  phase phase[PHASES];
};

static volatile sig_atomic_t signal_came, terminated;
static const int caught[] = {SIGTERM, SIGUSR1};
#define CAUGHT ((int)(sizeof caught / sizeof caught[0]))
static struct sigaction before[CAUGHT]; /* what the signals did until they were caught */

/* Whoever asks for the end twice does not want to wait for its order. The signal that is raised
 * here is delivered when the handler returns. */
static void note_signal(int number) {
  signal_came = 1;
  if (number != SIGTERM) return;
  if (terminated) {
    signal(SIGTERM, SIG_DFL);
    raise(SIGTERM);
  }
  terminated = 1;
}

void mst_signals_catch(void) {
  struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  signal_came = terminated = 0;
  for (int i = 0; i < CAUGHT; i++) sigaction(caught[i], &action, &before[i]);
}

void mst_signals_release(void) {
  for (int i = 0; i < CAUGHT; i++) sigaction(caught[i], &before[i], NULL);
}

bool mst_signal_came(void) {
  return signal_came != 0;
}

/* Seconds of processors that a process has taken. */
static double cpu_of(const struct rusage *u) {
  return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
         1e-6 * (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec);
}

static int find_phase(mst_watch *w, const char *name) {
  for (int i = 0; i < w->phases; i++)
    if (strncmp(w->phase[i].name, name, PHASE_NAME - 1) == 0) return i;
  return -1;
}

static void on_phase(void *context, const char *name, int64_t total, const char *unit) {
  mst_watch *w = context;
  double now = mst_clock_seconds();
  if (w->current >= 0) w->phase[w->current].seconds += now - w->phase_started;
  w->current = -1;
  w->phase_started = now;
  mst_progress_phase(w->progress, name, total, unit);
  if (name == NULL) return;
  w->current = find_phase(w, name);
  if (w->current < 0 && w->phases < PHASES) {
    w->current = w->phases++;
    strncpy(w->phase[w->current].name, name, PHASE_NAME - 1);
  }
}

static void on_step(void *context, int64_t done) {
  mst_watch *w = context;
  mst_progress_step(w->progress, done);
}

static mst_status on_round(void *context, int64_t round, int n, const mst_metric *metrics) {
  mst_watch *w = context;
  return w->runfile != NULL ? mst_runfile_round(w->runfile, round, n, metrics) : MST_OK;
}

static mst_status on_state(void *context, int64_t round, const mst_state *state) {
  (void)round;
  mst_watch *w = context;
  return w->runfile != NULL ? mst_runfile_model(w->runfile, state) : MST_OK;
}

static mst_status on_bytes(void *context, int64_t round, const char *direction, int64_t bytes,
                           int64_t messages) {
  mst_watch *w = context;
  return w->runfile != NULL ? mst_runfile_ledger(w->runfile, round, direction, bytes, messages)
                            : MST_OK;
}

/* A checkpoint could not be written. The run goes on without it, unless it is about to end: then
 * what it has done since the last one would be lost without a word. What is wrong with the ranks or
 * with muster ends it at once. */
static mst_status bear(mst_watch *w, int64_t round, mst_status failed) {
  char reason[MST_STATUS_DETAIL_MAX], kept[64] = "there is no older one";
  bool ending = false;
  if (failed == MST_ERR_COMM || failed == MST_ERR_INTERNAL) return failed;
  strcpy(reason, mst_status_detail());
  MST_TRY(mst_team_any(w->team, mst_signal_came(), &ending));
  long long older = mst_checkpoints_saved(w->checkpoints);
  if (older > 0) snprintf(kept, sizeof kept, "that of round %lld is kept", older);
  if (ending)
    return mst_fail(
        failed == MST_ERR_MEMORY ? failed : MST_ERR_IO,
        "a signal asked for the end, but the checkpoint of round %lld cannot be written "
        "(%s): %s",
        (long long)round, kept, reason);
  if (!w->warned)
    mst_say(w->team, "the checkpoint of round %lld cannot be written (%s); the run goes on: %s",
            (long long)round, kept, reason);
  w->warned = true;
  mst_status_clear();
  return MST_OK;
}

static mst_status on_save(void *context, int64_t round, const mst_state *state) {
  mst_watch *w = context;
  if (w->runfile == NULL || w->checkpoints == NULL) return MST_OK;
  double start = mst_clock_seconds();
  mst_status st = mst_checkpoints_save(w->checkpoints, w->runfile, round, state);
  w->saving += mst_clock_seconds() - start;
  return st == MST_OK ? MST_OK : bear(w, round, st);
}

static mst_status on_restore(void *context, mst_state *state, int64_t *round) {
  mst_watch *w = context;
  *round = 0;
  if (w->runfile == NULL || w->checkpoints == NULL) return MST_OK;
  return mst_checkpoints_restore(w->checkpoints, w->runfile, state, round);
}

static bool should_stop(void *context) {
  (void)context;
  return mst_signal_came();
}

mst_status mst_watch_create(mst_team *team, bool quiet, mst_watch **out) {
  mst_watch *w = NULL;
  *out = NULL;
  MST_TRY(mst_alloc(&w, 1, sizeof *w, "watch"));
  w->team = team;
  w->started = mst_clock_seconds();
  w->before = mst_team_meter(team);
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  w->cpu = cpu_of(&usage);
  w->current = -1;
  w->observer = (mst_observer){.context = w,
                               .on_phase = on_phase,
                               .on_step = on_step,
                               .on_round = on_round,
                               .on_state = on_state,
                               .on_bytes = on_bytes,
                               .on_save = on_save,
                               .on_restore = on_restore,
                               .should_stop = should_stop};
  mst_status st = mst_progress_create(team, quiet, &w->progress);
  if (st != MST_OK) {
    mst_free(w);
    return st;
  }
  *out = w;
  return MST_OK;
}

void mst_watch_destroy(mst_watch *w) {
  if (w == NULL) return;
  mst_progress_destroy(w->progress);
  mst_free(w);
}

const mst_observer *mst_watch_observer(const mst_watch *w) {
  return &w->observer;
}

void mst_watch_runfile(mst_watch *w, mst_runfile *runfile) {
  w->runfile = runfile;
}

void mst_watch_checkpoints(mst_watch *w, mst_checkpoints *checkpoints) {
  w->checkpoints = checkpoints;
}

double mst_watch_seconds(const mst_watch *w) {
  return mst_clock_seconds() - w->started;
}

/* /timing/<phase>_seconds; rank 0's list of phases counts, so that all ranks write the same. */
static mst_status record_phases(mst_watch *w) {
  phase listed[PHASES];
  int64_t n = w->phases;
  memcpy(listed, w->phase, sizeof listed);
  MST_TRY(mst_team_bcast(w->team, &n, sizeof n, 0));
  MST_TRY(mst_team_bcast(w->team, listed, (int64_t)sizeof listed, 0));
  for (int i = 0; i < (int)n; i++) {
    char name[PHASE_NAME + 16];
    int mine = find_phase(w, listed[i].name);
    strcpy(name, listed[i].name);
    strcat(name, "_seconds");
    for (char *c = name; *c != '\0'; c++)
      if (*c == ' ' || *c == '/') *c = '_';
    MST_TRY(mst_runfile_timing(w->runfile, name, mine >= 0 ? w->phase[mine].seconds : 0.0));
  }
  return MST_OK;
}

mst_status mst_watch_record(mst_watch *w) {
  on_phase(w, NULL, 0, NULL);
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  mst_meter meter = mst_team_meter(w->team);
  const struct {
    const char *name;
    double value;
  } figure[] = {{"seconds", mst_watch_seconds(w)},
                {"cpu_seconds", cpu_of(&usage) - w->cpu},
                {"checkpoint_seconds", w->saving},
                {"comm_seconds", meter.seconds - w->before.seconds},
                {"messages", (double)(meter.messages - w->before.messages)},
                {"mpi_bytes", (double)(meter.mpi_bytes - w->before.mpi_bytes)},
                {"shared_bytes", (double)(meter.shared_bytes - w->before.shared_bytes)},
                {"array_peak_bytes", (double)mst_memory_peak()},
                {"peak_bytes", 1024.0 * (double)usage.ru_maxrss}};
  MST_TRY(record_phases(w));
  for (size_t i = 0; i < sizeof figure / sizeof figure[0]; i++)
    MST_TRY(mst_runfile_timing(w->runfile, figure[i].name, figure[i].value));
  return MST_OK;
}
