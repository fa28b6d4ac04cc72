/* The arrays of a state list in an HDF5 file: each is stored whole, however it lies over the ranks,
 * and can be read back on another number of them. Run files and checkpoints are made of them.
 * Private to io. */
#ifndef MST_IO_ARRAYS_H
#define MST_IO_ARRAYS_H

#include <hdf5.h>

#include "comm/team.h"
#include "core/base/state.h"

/** Make the group and, below it, the arrays of state without contents. *bytes grows by the most
 *  that they may need. On the rank that has opened the file alone. Local. */
mst_status mst_arrays_make(hid_t file, const char *group, const mst_state *state,
                           int64_t *bytes) MST_CHECKED;

/** Write the contents of arrays that were made, all ranks together and a few MiB at a time, and
 *  bring them to disk. `path` is what errors call the file. On an error the temporary file is
 *  emptied. Collective. */
mst_status mst_arrays_write(mst_team *team, const char *path, const char *temporary,
                            const char *group, const mst_state *state) MST_CHECKED;

/** Fill the arrays of state from those below the group, on any number of ranks: each reads its own
 *  rows, rank 0 what all hold. The file is opened on every rank alone.
 *  \return MST_OK; MST_ERR_INPUT naming the first array that is missing, left over, or of another
 *          type or shape, with nothing filled; MST_ERR_FORMAT for what cannot be read.
 *          Collective. */
mst_status mst_arrays_read(mst_team *team, hid_t file, const char *path, const char *group,
                           mst_state *state) MST_CHECKED;

#endif
