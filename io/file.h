/* Files as everybody in io treats them: look before opening, write under a temporary name, reserve
 * the space first, publish by rename. Rank 0 does the looking with plain POSIX calls and tells the
 * team, so that no rank enters HDF5 with a file that another rank would refuse. All functions are
 * collective on the team unless they say Local, and return the same status on all ranks. */
#ifndef MST_IO_FILE_H
#define MST_IO_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"

/** Every rank takes over rank 0's status and its sentence, without a "rank 0:" in front. For work
 *  that only rank 0 did. The status of the other ranks is ignored; those with something of their
 *  own to report use mst_team_agree. */
mst_status mst_file_follow(mst_team *team, mst_status of_rank_0) MST_CHECKED;

/** Can this file be read? A regular file, not empty, with read permission.
 *  \return MST_OK, MST_ERR_INPUT (missing, a folder), MST_ERR_IO (no permission),
 *          MST_ERR_FORMAT (empty); the sentence names the path and the reason. Local. */
mst_status mst_file_look(const char *path) MST_CHECKED;

/** Begin to write `path`: check that it is new or a regular file and that its folder exists and can
 *  be written, and create an empty temporary file ".NAME.XXXXXX.tmp" there, under a name that no
 *  file has (XXXXXX differs from run to run), so that nobody's file is touched and two runs that
 *  write the same path do not meet. A symbolic link is followed: the file behind it is meant.
 *  \param temporary  receives its name, on every rank; free with mst_free at the end. */
mst_status mst_file_begin(mst_team *team, const char *path, char **temporary) MST_CHECKED;

/** Create a new and empty file ".NAME.<kind>XXXXXX.tmp" beside path, under the conditions of
 *  mst_file_begin; temporary(PATH_MAX) receives its name. Local. */
mst_status mst_file_create_beside(const char *path, const char *kind,
                                  char *temporary) MST_CHECKED;

/** Make an open file `bytes` long, of zeros, with room on disk for all of them, also where the file
 *  system has to write them for that. MST_ERR_IO as mst_file_reserve, naming path. Local. */
mst_status mst_file_fill(int fd, const char *path, int64_t bytes) MST_CHECKED;

/** Reserve space for a temporary file that will grow to `bytes`: MST_ERR_IO with the bytes needed
 *  and the bytes free if it does not fit, because of the disk, a quota or a file size limit. The
 *  file's size does not change. Call it before any collective write: MPI-IO may lose a write that
 *  finds the disk full without an error, or leave ranks waiting.
 *  \param sure  false where the file system cannot reserve and only its free space could be
 *               compared; what is written should then be read back. May be NULL. */
mst_status mst_file_reserve(mst_team *team, const char *temporary, int64_t bytes,
                            bool *sure) MST_CHECKED;

/** fsync the temporary file, rename it to `path` (to the file behind it if it is a symbolic link),
 *  fsync the folder. Of several runs that write the same path the last one wins, whole. On an
 *  error the temporary file is removed and nothing appears under `path`. */
mst_status mst_file_publish(mst_team *team, const char *temporary, const char *path) MST_CHECKED;

/** Set the temporary file to length 0, which gives its space back while it is still open: HDF5 can
 *  then end a file that could not be written. Errors are ignored. */
void mst_file_empty(mst_team *team, const char *temporary);

/** Remove the temporary file; NULL is allowed. */
void mst_file_discard(mst_team *team, const char *temporary);

/** The folder of path, as "." or "/a/b"; to be freed with mst_free. Local. */
mst_status mst_file_folder(const char *path, char **folder) MST_CHECKED;

/** What a name stands for: itself, or what the symbolic links lead to that begin at it, there or
 *  not. Only the last part is looked at; links to folders on the way stay as they are. target has
 *  PATH_MAX bytes. Local. */
mst_status mst_file_follow_links(const char *path, char *target) MST_CHECKED;

/** Are the name that is meant (mst_file_follow_links) and that of its temporary ones that the
 *  system takes? MST_ERR_INPUT with path when they are too long. Local. */
mst_status mst_file_check_length(const char *path, const char *target) MST_CHECKED;

/** Lead standard descriptors that were closed to /dev/null, so that no file that is opened later
 *  takes their number and receives messages. Opened for reading only: what is written to a closed
 *  standard output fails and is reported. Local; call before anything is opened. */
void mst_file_fill_descriptors(void);

#endif
