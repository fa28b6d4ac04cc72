/* Repeated timings. After each one the slowest rank's time goes round, and with it the time since
 * the beginning, so that all ranks stop after the same repeat. While rank 0 works alone the others
 * poll now and then instead of spinning, which would take the core's or the memory's time from it.
 */
#include "comm/measure.h"

#include <time.h>
#include <unistd.h>

#include "comm/internal.h"
#include "comm/sum.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/summary.h"

#define POLL_MICROSECONDS 2000

typedef struct course {
  mst_team *team; /* NULL: one rank alone */
  const mst_trial *trial;
  int n;
  const mst_pace *pace;
  double *slowest, *own; /* (n, most) */
  double *core, *wall;   /* (n) seconds of this rank on a core, and in all, in timed runs */
  int repeats;
  double started, elapsed;
} course;

/* Seconds that this thread had a core. */
static double core_seconds(void) {
  struct timespec t = {0};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static mst_status agree(const course *c, mst_status mine) {
  return c->team != NULL ? mst_team_agree(c->team, mine) : mine;
}

/* One timing of trial i: this rank's seconds of a run and the slowest rank's. */
static mst_status time_once(course *c, int i, double *own, double *slowest) {
  const mst_trial *t = &c->trial[i];
  int times = t->times > 0 ? t->times : 1;
  if (t->prepare != NULL) MST_TRY(agree(c, t->prepare(t->context)));
  if (c->team != NULL) MST_TRY(mst_team_barrier(c->team));
  double core = core_seconds(), start = mst_clock_seconds();
  mst_status st = MST_OK;
  for (int k = 0; k < times && st == MST_OK; k++) st = t->run(t->context);
  double now = mst_clock_seconds();
  c->core[i] += core_seconds() - core;
  c->wall[i] += now - start;
  *own = (now - start) / times;
  double told[3] = {*own, now - c->started, st != MST_OK};
  if (c->team != NULL) {
    mst_status said = mst_max_f64(c->team, told, 3);
    if (said != MST_OK) return said;
    if (told[2] > 0) return mst_team_agree(c->team, st);
  }
  *slowest = told[0];
  c->elapsed = told[1];
  return st;
}

static bool is_over(const course *c) {
  if (c->repeats >= c->pace->most) return true;
  if (c->elapsed < c->pace->seconds) return false;
  return c->repeats >= c->pace->fewest || c->elapsed >= 4 * c->pace->seconds;
}

static mst_status repeat(course *c) {
  double own, slowest;
  c->started = mst_clock_seconds();
  for (int i = 0; i < c->n && c->pace->warm; i++) MST_TRY(time_once(c, i, &own, &slowest));
  for (int i = 0; i < c->n; i++) c->core[i] = c->wall[i] = 0;
  c->started = mst_clock_seconds();
  do {
    for (int i = 0; i < c->n; i++) {
      int at = i * c->pace->most + c->repeats;
      MST_TRY(time_once(c, i, &c->own[at], &c->slowest[at]));
    }
    c->repeats++;
  } while (!is_over(c));
  return MST_OK;
}

static double median(double *x, int n) {
  mst_summary_sort(x, n);
  return mst_summary_quantile(x, n, 0.5);
}

/* Until rank 0 is here too. */
static mst_status sleep_until_done(mst_team *team) {
  MPI_Request request;
  int done = 0;
  MST_TRY(mst_comm_check(MPI_Ibarrier(team->comm, &request), "waiting for rank 0"));
  for (;;) {
    MST_TRY(mst_comm_check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "waiting for rank 0"));
    if (done) return MST_OK;
    if (team->rank != 0) usleep(POLL_MICROSECONDS);
  }
}

static mst_status repeat_alone(mst_team *team, course *c) {
  mst_status st = team->rank == 0 ? repeat(c) : MST_OK;
  if (team->size == 1) return st;
  mst_status met = sleep_until_done(team);
  return mst_team_agree(team, st != MST_OK ? st : met);
}

/* What the rank that had the least of a core had of it. */
static mst_status share_busy(mst_team *team, const course *c, mst_measured *out) {
  for (int i = 0; i < c->n; i++) {
    double lost = c->wall[i] > 0 ? 1 - c->core[i] / c->wall[i] : 0;
    if (!c->pace->alone) MST_TRY(mst_max_f64(team, &lost, 1));
    out[i].busy = 1 - lost;
  }
  return MST_OK;
}

mst_status mst_measure(mst_team *team, const mst_trial *trial, int n, const mst_pace *pace,
                       mst_measured *out) {
  course c = {.team = pace->alone ? NULL : team, .trial = trial, .n = n, .pace = pace};
  mst_status st = mst_alloc(&c.slowest, (int64_t)n * pace->most, sizeof *c.slowest, "timings");
  if (st == MST_OK) st = mst_alloc(&c.own, (int64_t)n * pace->most, sizeof *c.own, "timings");
  if (st == MST_OK) st = mst_alloc(&c.core, n, sizeof *c.core, "timings");
  if (st == MST_OK) st = mst_alloc(&c.wall, n, sizeof *c.wall, "timings");
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = pace->alone ? repeat_alone(team, &c) : repeat(&c);
  for (int i = 0; i < n && st == MST_OK; i++)
    out[i] = (mst_measured){.seconds = median(c.slowest + i * pace->most, c.repeats),
                            .own = median(c.own + i * pace->most, c.repeats),
                            .repeats = c.repeats};
  if (st == MST_OK) st = share_busy(team, &c, out);
  if (st == MST_OK && pace->alone) st = mst_team_bcast(team, out, n * (int64_t)sizeof *out, 0);
  mst_free(c.slowest);
  mst_free(c.own);
  mst_free(c.core);
  mst_free(c.wall);
  return st;
}
