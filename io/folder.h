/* Folders that a command makes for its files, and what of their files is new. Private to muster. */
#ifndef MST_IO_FOLDER_H
#define MST_IO_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/base/status.h"

/** Make a folder, unless it is there.
 *  \return MST_OK, MST_ERR_INPUT (something else of that name; no folder around it) or MST_ERR_IO.
 *  Collective. */
mst_status mst_folder_make(mst_team *team, const char *path) MST_CHECKED;

/** Make a new and empty folder ".NAME.<kind>XXXXXX" beside `path` (NAME is its last part; XXXXXX
 *  differs from run to run). folder(PATH_MAX) receives its name. MST_ERR_INPUT for a name that is too
 *  long, MST_ERR_IO. Local. */
mst_status mst_folder_make_beside(const char *path, const char *kind, char *folder) MST_CHECKED;

/** Remove a folder that mst_folder_make_beside made, with the files in it. Errors are ignored.
 *  Local. */
void mst_folder_remove(const char *folder);

/** Is there a folder of that name? Local. */
bool mst_folder_is(const char *path);

/** When a file was last written, in nanoseconds; 0 when there is none. Local. */
int64_t mst_file_stamp(const char *path);

/** Remove a file, which need not be there. Errors are ignored. Local. */
void mst_file_remove(const char *path);

#endif
