/* Progress: a bar with rate and time left on a terminal, a line now and then in a batch log; on
 * standard error, from rank 0 only. It shows rank 0's share scaled to the whole. */
#ifndef MST_IO_PROGRESS_H
#define MST_IO_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"

typedef struct mst_progress mst_progress;

/** quiet: print nothing. Local (every rank may call; only rank 0 prints). */
mst_status mst_progress_create(const mst_team *team, bool quiet, mst_progress **out) MST_CHECKED;
/** A phase begins: total steps on all ranks (0 = unknown) of that unit. The one before ends, with a
 *  line that says how long it took; with phase = NULL it only ends. Local; p may be NULL here and
 *  below. */
void mst_progress_phase(mst_progress *p, const char *phase, int64_t total, const char *unit);
/** `done` more steps of the phase were finished by this rank. Cheap; looks at the clock now and
 *  then only. Local. */
void mst_progress_step(mst_progress *p, int64_t done);
/** A phase that was not ended leaves its bar as it stood. Local. */
void mst_progress_destroy(mst_progress *p);

#endif
