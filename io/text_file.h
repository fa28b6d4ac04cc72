/* Text files that are read whole: rank 0 reads, the team shares. Private to muster. */
#ifndef MST_IO_TEXT_FILE_H
#define MST_IO_TEXT_FILE_H

#include <stdint.h>

#include "comm/team.h"

/** Read a text file of at most `most` bytes on rank 0 and give it to all. *text is freed with
 *  mst_free. `kind` is what errors call such a file, as in "experiment file". Collective on team;
 *  rank 0's path counts.
 *  \return MST_OK, MST_ERR_INPUT or MST_ERR_IO naming the file, MST_ERR_MEMORY or MST_ERR_COMM. */
mst_status mst_text_file_read(mst_team *team, const char *path, const char *kind, int64_t most,
                              char **text) MST_CHECKED;

#endif
