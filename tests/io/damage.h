/* How the tests of io make files and disks bad: attributes changed with plain HDF5, small file
 * systems that fill up. */
#ifndef MST_TESTS_IO_DAMAGE_H
#define MST_TESTS_IO_DAMAGE_H

#include <hdf5.h>
#include <sys/mount.h>

#include "tests/io/scratch.h"

/* Rank 0 writes another format and version into a file; all wait for it. */
static inline void change_attributes(const char *path, const char *format, int64_t version) {
  ck_ok(mst_team_barrier(team));
  if (rank == 0) {
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t a = H5Aopen(file, "version", H5P_DEFAULT);
    ck_assert_int_ge(H5Awrite(a, H5T_NATIVE_INT64, &version), 0);
    H5Aclose(a);
    a = H5Aopen(file, "muster_format", H5P_DEFAULT);
    hid_t type = H5Aget_type(a);
    ck_assert_int_ge(H5Awrite(a, type, format), 0);
    H5Tclose(type);
    H5Aclose(a);
    H5Fclose(file);
  }
  ck_ok(mst_team_barrier(team));
}

/* A small file system of that type at scratch("disk"); false where this process may not make one
 * (the limit above is then what is tested). */
static inline bool mount_disk(const char *type, const char *options) {
  const char *folder = scratch("disk");
  int mounted = 0;
  if (rank == 0 && geteuid() == 0) {
    mkdir(folder, 0700);
    mounted = mount(type, folder, type, 0, options) == 0;
  }
  ck_ok(mst_team_bcast(team, &mounted, sizeof mounted, 0));
  return mounted;
}

static inline void unmount_disk(void) {
  ck_ok(mst_team_barrier(team));
  if (rank == 0) {
    ck_assert_int_eq(umount(scratch("disk")), 0);
    rmdir(scratch("disk"));
  }
  ck_ok(mst_team_barrier(team));
}

#endif
