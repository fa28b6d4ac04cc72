/* Opening finished files of muster. Private to io. */
#ifndef MST_IO_RUNFILE_READ_H
#define MST_IO_RUNFILE_READ_H

#include "io/runfile_parts.h"

/** Open on this rank alone a file of that format word ("run", called "run file" in errors) and of a
 *  version up to `latest`; *version is its own.
 *  \return MST_OK; MST_ERR_FORMAT (another word); MST_ERR_UNSUPPORTED (a later version); errors of
 *          mst_hdf5_open. On an error *file is invalid. Local. */
mst_status mst_runfile_open_as(const char *path, const char *word, const char *called, int latest,
                               int64_t *version, hid_t *file) MST_CHECKED;

/** Open a run file on this rank alone; MST_ERR_FORMAT also for a later version. Local. */
mst_status mst_runfile_open(const char *path, hid_t *file) MST_CHECKED;

/** Compare the digest of m's lines with the attribute "digest"; hex receives it. Local. */
mst_status mst_runfile_check_digest(hid_t file, const char *path, mst_manifest *m,
                                    char hex[MST_DIGEST_HEX]) MST_CHECKED;

#endif
