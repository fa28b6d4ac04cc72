/* The watch over a running job: it is the observer that parallel reports to, and passes what it
 * hears to the progress bar, the run file and the clock. Signals are caught and asked here. */
#include "core/base/clock.h"
#include "jobs/jobs.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "core/base/memory.h"
#include "io/progress.h"

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
  double started, phase_started;
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
  w->current = -1;
  w->observer = (mst_observer){.context = w,
                               .on_phase = on_phase,
                               .on_step = on_step,
                               .on_round = on_round,
                               .on_state = on_state,
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
                {"comm_seconds", meter.seconds},
                {"messages", (double)meter.messages},
                {"mpi_bytes", (double)meter.mpi_bytes},
                {"shared_bytes", (double)meter.shared_bytes},
                {"array_peak_bytes", (double)mst_memory_peak()},
                {"peak_bytes", 1024.0 * (double)usage.ru_maxrss}};
  MST_TRY(record_phases(w));
  for (size_t i = 0; i < sizeof figure / sizeof figure[0]; i++)
    MST_TRY(mst_runfile_timing(w->runfile, figure[i].name, figure[i].value));
  return MST_OK;
}
