/* Checkpoints of a run: what is kept so that a run that was ended can go on (doc/formats.md).
 *
 * They lie beside the run file as <its name without .h5>.checkpoint-<round, 9 digits>.h5; where the
 * run file is a symbolic link, beside what it leads to. A run keeps its last two: the older one is
 * removed when a newer one is on disk. All functions are collective on the team unless they say
 * Local, and return the same status on all ranks. */
#ifndef MST_IO_CHECKPOINT_H
#define MST_IO_CHECKPOINT_H

#include "comm/team.h"
#include "core/base/state.h"
#include "io/runfile.h"

typedef struct mst_checkpoints mst_checkpoints;

/** Look for the checkpoints of the run file at run_path. \return MST_OK, MST_ERR_IO (the folder
 *  cannot be read), MST_ERR_INPUT or MST_ERR_MEMORY. Free with mst_checkpoints_close. */
mst_status mst_checkpoints_open(mst_team *team, const char *run_path,
                                mst_checkpoints **out) MST_CHECKED;
void mst_checkpoints_close(mst_checkpoints *c); /* Local; NULL is allowed */

/** How many there were, and the name of the newest ("" without one). Local. */
int64_t mst_checkpoints_count(const mst_checkpoints *c);
const char *mst_checkpoints_newest(const mst_checkpoints *c);

/** Choose the newest sound one of this experiment (resolved text) to go on from: its digest is
 *  compared with its contents. Damaged ones are passed over.
 *  \param remarks  out: lines for the user, ended by \n: what was passed over and why, and whether
 *                  another program or BLAS wrote the one chosen; NULL without any; mst_free it.
 *  \param round    out: the rounds that it holds; 0 without one.
 *  \return MST_OK; MST_ERR_INPUT when all that are sound belong to another experiment: the sentence
 *          lists the keys that differ; MST_ERR_UNSUPPORTED for one of another version; MST_ERR_IO
 *          for one that cannot be read; MST_ERR_MEMORY. */
mst_status mst_checkpoints_choose(mst_checkpoints *c, const char *experiment, char **remarks,
                                  int64_t *round) MST_CHECKED;

/** Fill the arrays of state and the series of r from the one chosen; *round is 0, and nothing is
 *  filled, when none was.
 *  \return MST_OK; MST_ERR_INPUT when it holds other arrays; MST_ERR_FORMAT, MST_ERR_IO. */
mst_status mst_checkpoints_restore(mst_checkpoints *c, mst_runfile *r, mst_state *state,
                                   int64_t *round) MST_CHECKED;

/** Write a checkpoint of the state after `round` rounds, with the experiment and the series of r,
 *  and then remove the one before the last. The first that is written also replaces all that were
 *  found by mst_checkpoints_open but the one chosen. On an error the older ones stay.
 *  \return MST_OK; MST_ERR_IO, MST_ERR_INPUT, MST_ERR_MEMORY. */
mst_status mst_checkpoints_save(mst_checkpoints *c, mst_runfile *r, int64_t round,
                                const mst_state *state) MST_CHECKED;

/** The rounds of the newest that is on disk for this run; 0 without one. Local. */
int64_t mst_checkpoints_saved(const mst_checkpoints *c);

/** The run is complete: remove its checkpoints, which are those that it wrote or went on from, all
 *  others of this experiment, and damaged ones. What cannot be removed stays. */
void mst_checkpoints_remove(mst_checkpoints *c, const char *experiment);

/** What the checkpoint at path holds, as plain text for a person, after its digest was compared
 *  with its contents. *text is the same on all ranks; mst_free it. MST_ERR_FORMAT for what is no
 *  sound checkpoint; other errors as for mst_runfile_describe. */
mst_status mst_checkpoint_describe(mst_team *team, const char *path, char **text) MST_CHECKED;

#endif
