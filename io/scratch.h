/* Scratch files: where shares lie that are not to be in memory (comm/share.h).
 *
 * They are made beside a run's own file, as ".NAME.scratch<domain>-XXXXXX.tmp", and have a name
 * only until the ranks of their domain have opened them; from then on the system takes them away
 * when the last of these ranks lets go of them or ends, however it ends. Ranks that are killed
 * before that leave an empty file. It stays: one that another run of the same name has just made
 * and is about to open looks the same. */
#ifndef MST_IO_SCRATCH_H
#define MST_IO_SCRATCH_H

#include "comm/share.h"

/** Shares are to lie in files beside `path`, which must outlive them and be the same on all ranks
 * of a domain. Its errors are MST_ERR_INPUT (as mst_file_begin) and MST_ERR_IO (a folder that
 * cannot be written; no room on disk, within a quota or the limit on file sizes, with the bytes
 * that are needed and those that are free). Local. */
mst_share_backing mst_scratch_beside(const char *path);

#endif
