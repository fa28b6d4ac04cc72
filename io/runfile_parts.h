/* What run files are made of: groups and arrays of HDF5, and the manifest whose digest a run file
 * carries. Private to io. */
#ifndef MST_IO_RUNFILE_PARTS_H
#define MST_IO_RUNFILE_PARTS_H

#include <hdf5.h>

#include "comm/team.h"
#include "core/base/digest.h"
#include "core/base/state.h"
#include "io/text.h"

#define MST_RUNFILE_VERSION 1

/* One line an array: its path below / and the digest of a state list that holds it alone. */
typedef struct mst_manifest_line {
  char path[80];
  char hex[MST_DIGEST_HEX];
} mst_manifest_line;

typedef struct mst_manifest {
  int n, capacity;
  mst_manifest_line *line;
} mst_manifest;

/** Digest item and add it under "<group>/<item's name>". Collective on team. */
mst_status mst_manifest_add(mst_manifest *m, mst_team *team, const char *group,
                            const mst_state_item *item) MST_CHECKED;

/** Add n elements that this rank holds, under a name below /. Local. */
mst_status mst_manifest_add_here(mst_manifest *m, const char *name, mst_dtype type, int64_t n,
                                 const void *data) MST_CHECKED;

/** Add every array below a group of a file, read some MiB at a time on this rank alone.
 *  MST_ERR_FORMAT for what cannot be read. Local. */
mst_status mst_manifest_add_group(mst_manifest *m, hid_t file, const char *path,
                                  const char *group) MST_CHECKED;

/** The digest of the lines "path hex\n" sorted by path: that of a run file. Local; sorts m. */
mst_status mst_manifest_digest(mst_manifest *m, char hex[MST_DIGEST_HEX]) MST_CHECKED;
void mst_manifest_free(mst_manifest *m);

/** HDF5's type of a dtype in a file, and in memory. Local. */
hid_t mst_runfile_file_type(mst_dtype t);
hid_t mst_runfile_memory_type(mst_dtype t);

/** Make the groups of path: "model/features/filters" makes model and model/features, and with
 *  `whole` the last part too. Local. */
mst_status mst_runfile_groups(hid_t file, const char *path, bool whole) MST_CHECKED;

/** Make and write a one-dimensional array on this rank alone. Local. */
mst_status mst_runfile_put(hid_t file, const char *path, mst_dtype type, int64_t n,
                           const void *data) MST_CHECKED;

/** Write a text of any length, readable as f[name][()]; read it back, to be freed with mst_free.
 *  Local. */
mst_status mst_runfile_put_text(hid_t file, const char *name, const char *text) MST_CHECKED;
mst_status mst_runfile_get_text(hid_t file, const char *path, const char *name,
                                char **text) MST_CHECKED;

/** The paths of all arrays below a group, sorted, as a list of strings separated by '\n'. Local. */
mst_status mst_runfile_list(hid_t file, const char *name, const char *group,
                            mst_text *paths) MST_CHECKED;

/** Type and whole shape of an opened array. MST_ERR_FORMAT for what a state cannot hold. Local. */
mst_status mst_runfile_shape(hid_t dataset, const char *file, const char *path,
                             mst_state_item *item) MST_CHECKED;

/** Append the attributes of / below a title, one a line, and what an array is. Local. */
mst_status mst_describe_attributes(hid_t file, const char *path, const char *title,
                                   mst_text *out) MST_CHECKED;
mst_status mst_describe_array(const char *name, const mst_state_item *item,
                              mst_text *out) MST_CHECKED;

/** Rank 0 describes the file at path as text, which all ranks get; mst_free it. Collective. */
mst_status mst_describe_together(mst_team *team, const char *path,
                                 mst_status (*say)(const char *path, mst_text *out),
                                 char **text) MST_CHECKED;

#endif
