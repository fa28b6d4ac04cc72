/* The watch over a running job: the observer that parallel reports to, which passes what it hears
 * to the progress bar, the run file, the checkpoints and the clock; and the signals that ask for an
 * orderly end. */
#ifndef MST_JOBS_WATCH_H
#define MST_JOBS_WATCH_H

#include <stdbool.h>

#include "comm/team.h"
#include "core/base/observer.h"
#include "io/checkpoint.h"
#include "io/runfile.h"

/* The observer of a run: progress, run file, checkpoints, clock, signals. */
typedef struct mst_watch mst_watch;

/** Watch a team's job; quiet: no progress bar. Create, destroy, observer: Local. */
mst_status mst_watch_create(mst_team *team, bool quiet, mst_watch **out) MST_CHECKED;
void mst_watch_destroy(mst_watch *w);
const mst_observer *mst_watch_observer(const mst_watch *w);
/** Where rounds and states go from now on; NULL = nowhere. Local. */
void mst_watch_runfile(mst_watch *w, mst_runfile *runfile);
/** Where the state is saved, and restored from, from now on; NULL = nowhere. A checkpoint that
 *  cannot be written is told once and does not end the run, unless a signal has asked for its end.
 *  Local. */
void mst_watch_checkpoints(mst_watch *w, mst_checkpoints *checkpoints);
/** Seconds since the watch was made. Local. */
double mst_watch_seconds(const mst_watch *w);
/** End the last phase and write seconds, bytes and memory of every rank below /timing.
 *  Collective on the team. */
mst_status mst_watch_record(mst_watch *w) MST_CHECKED;

/** From here SIGTERM and SIGUSR1 ask for an orderly end (a second SIGTERM acts as by default);
 *  release gives back the actions that were there before. Local. */
void mst_signals_catch(void);
void mst_signals_release(void);
/** True once one of them has come while they were caught. Local. */
bool mst_signal_came(void);

#endif
