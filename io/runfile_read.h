/* Opening finished run files. Private to io. */
#ifndef MST_IO_RUNFILE_READ_H
#define MST_IO_RUNFILE_READ_H

#include "io/runfile_parts.h"

/** Open on this rank alone; MST_ERR_FORMAT for what is no run file of a known version. Local. */
mst_status mst_runfile_open(const char *path, hid_t *file) MST_CHECKED;

#endif
