/* A word for the script that started a command: how it ended. Private to muster. */
#ifndef MST_IO_NOTE_H
#define MST_IO_NOTE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

/** Write one line to path, replacing the file as a whole, so that a reader never sees a part. A
 *  symbolic link is followed.
 *  \return MST_OK; MST_ERR_INPUT (as mst_file_begin: a name that is too long, a folder that is not
 *          there, something that is not a regular file) or MST_ERR_IO; path is then as it was.
 *  Local. */
mst_status mst_note_write(const char *path, const char *line) MST_CHECKED;

/** The first line of a note, without its end, cut to `size` bytes with the terminating zero; false,
 *  and "" in line, when there is none. Local. */
bool mst_note_read(const char *path, char *line, size_t size);

#endif
