/* Secrets on disk, of runs whose noise hangs together from their first step to their last
 * (core/privacy/correlation.h): another start of such a run must draw from the secret of the one
 * that began, or release nothing.
 *
 * The file, of mode 0600, is locked from open to close, so that no two starts draw from one secret
 * at once, and removed when the run has ended. Whoever reads it can take the noise off what the run
 * releases. Two lines: "muster secret 1", and mst_secret_write's. doc/formats.md.
 *
 * Functions are collective on the team; rank 0 alone touches the file. */
#ifndef MST_IO_SECRET_H
#define MST_IO_SECRET_H

#include "comm/team.h"
#include "core/privacy/noise.h"

typedef struct mst_secret_file mst_secret_file;

/** Open, or make, and lock the file; what it holds stays.
 *  \return MST_OK; MST_ERR_INPUT (locked by another start; not a file, or one of another user or
 *          kind); MST_ERR_IO (also where there are no locks); MST_ERR_MEMORY. */
mst_status mst_secret_file_open(mst_team *team, const char *path,
                                mst_secret_file **out) MST_CHECKED;
void mst_secret_file_close(mst_secret_file *f); /* NULL is allowed */

/** Keep a secret, and what its noise is for: on disk when it returns MST_OK. Else MST_ERR_IO. */
mst_status mst_secret_file_keep(mst_secret_file *f, const mst_secret *secret,
                                const char *of) MST_CHECKED;

/** The secret, on every rank.
 *  \return MST_OK; MST_ERR_INPUT where there is none, it is damaged or for other noise than `of`, or
 *          others may read it; MST_ERR_IO. */
mst_status mst_secret_file_find(mst_secret_file *f, const char *of, mst_secret *out) MST_CHECKED;

/** Overwrite and remove the file: the run has ended. MST_ERR_IO when it is still there. */
mst_status mst_secret_file_remove(mst_secret_file *f) MST_CHECKED;

#endif
