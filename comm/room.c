/* Room for shared windows. Where MPI keeps them is a file system in memory, often smaller than the
 * node's memory. Ranks of Open MPI 4.1 wait for ever for a leader that finds no room there for a
 * window; and pages are taken when they are touched, which kills the process once none are left.
 * So the leader of a domain looks before a window is made, and counts those that may not have
 * been touched yet. */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "comm/internal.h"

#define HEAD_BYTES ((int64_t)64 << 10) /* of MPI's own, beside a sixteenth of the window */

/* Open MPI's folder, as its parameter says it; other MPI libraries use the default too. */
static const char *folder(void) {
  const char *given = getenv("OMPI_MCA_osc_sm_backing_directory");
  return given != NULL && given[0] != '\0' ? given : "/dev/shm";
}

mst_status mst_comm_take_room(mst_domain *d, int64_t bytes, const char *what) {
  struct statvfs about;
  int64_t need = bytes + bytes / 16 + HEAD_BYTES;
  if (access(folder(), W_OK) == 0 && statvfs(folder(), &about) == 0) {
    int64_t free_bytes = (int64_t)about.f_bavail * (int64_t)about.f_frsize;
    if (d->taken == 0) d->room = free_bytes;
    int64_t left = free_bytes < d->room - d->taken ? free_bytes : d->room - d->taken;
    if (need > left)
      return mst_fail(MST_ERR_MEMORY,
                      "%s: shared memory of %" PRId64
                      " bytes on a node does not fit into %s, where %" PRId64
                      " are left: let it be larger, use more nodes, or use --no-shared-memory",
                      what, need, folder(), left > 0 ? left : 0);
  }
  d->taken += need;
  return MST_OK;
}

void mst_comm_give_room(mst_domain *d, int64_t bytes) {
  d->taken -= bytes + bytes / 16 + HEAD_BYTES;
}
