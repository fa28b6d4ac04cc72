/* HDF5 files: looked at with plain POSIX calls before HDF5 sees them, created by one rank, opened
 * by all. The layout of the superblock is that of the HDF5 File Format Specification 3.0,
 * section II.A. */
#include "io/hdf5_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"

#define NAME_MOST 200 /* bytes of a name that MPI-IO is given */

void mst_hdf5_hush(void) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* The stack is walked upward, so its first entry is where the failure began. */
static herr_t keep_innermost(unsigned n, const H5E_error2_t *error, void *text) {
  if (n == 0 && error->desc != NULL) snprintf(text, 256, "%s", error->desc);
  return 0;
}

mst_status mst_hdf5_fail(mst_status code, const char *format, ...) {
  char sentence[MST_STATUS_DETAIL_MAX], reason[256] = "";
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(sentence, sizeof sentence, format, arguments);
  va_end(arguments);
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, reason);
  if (reason[0] == 0) return mst_fail(code, "%s", sentence);
  for (char *c = reason; *c != 0;
       c++) /* what the system refused is told with a line for the time */
    if (*c == '\n') *c = ' ';
  return mst_fail(code, "%s: %s", sentence, reason);
}

static bool read_at(int fd, int64_t offset, void *bytes, size_t size) {
  return pread(fd, bytes, size, offset) == (ssize_t)size;
}

static uint64_t little_endian(const unsigned char *bytes, int size) {
  uint64_t value = 0;
  for (int i = size - 1; i >= 0; i--) value = value << 8 | bytes[i];
  return value;
}

/* The superblock lies at byte 0, 512, 1024, 2048, ...; -1 if there is none. */
static int64_t find_superblock(int fd, int64_t file_size) {
  static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
  unsigned char found[8];
  for (int64_t at = 0; at + 8 <= file_size; at = at == 0 ? 512 : 2 * at)
    if (read_at(fd, at, found, sizeof found) && memcmp(found, signature, sizeof found) == 0)
      return at;
  return -1;
}

/* Where the superblock says that the file ends; 0 where it cannot be read (HDF5 then says why). */
static int64_t stated_end(int fd, int64_t superblock) {
  unsigned char b[96];
  memset(b, 0, sizeof b);
  ssize_t got = pread(fd, b, sizeof b, superblock);
  if (got < 24) return INT64_MAX;
  int version = b[8];
  int width = version <= 1 ? b[13] : b[9];
  int addresses = version == 0 ? 24 : version == 1 ? 28 : 12;
  if (version > 3 || (width != 4 && width != 8)) return 0;
  int at = addresses + 2 * width; /* base, extension or free space, end */
  if (got < at + width) return INT64_MAX;
  uint64_t end = little_endian(b + at, width);
  return end > INT64_MAX ? 0 : (int64_t)end;
}

mst_status mst_hdf5_look(const char *path) {
  MST_TRY(mst_file_look(path));
  struct stat about;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &about) != 0) {
    int reason = errno;
    if (fd >= 0) close(fd);
    return mst_fail(MST_ERR_IO, "%s: cannot read: %s", path, strerror(reason));
  }
  int64_t superblock = find_superblock(fd, about.st_size);
  int64_t end = superblock < 0 ? 0 : stated_end(fd, superblock);
  close(fd);
  if (superblock < 0)
    return mst_fail(MST_ERR_FORMAT,
                    "%s: is not an HDF5 file; convert it with 'muster import' (see 'muster import "
                    "--help')",
                    path);
  if (end == INT64_MAX)
    return mst_fail(MST_ERR_FORMAT, "%s: is truncated: it ends within its first %lld bytes", path,
                    (long long)about.st_size);
  if (about.st_size < end)
    return mst_fail(MST_ERR_FORMAT,
                    "%s: is truncated: %lld bytes where its header says %lld; copy or make it "
                    "again",
                    path, (long long)about.st_size, (long long)end);
  return MST_OK;
}

/* File access properties; comm is MPI_COMM_NULL for one rank alone. */
static hid_t access_properties(MPI_Comm comm) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (access < 0) return access;
  bool ok = H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_LATEST) >= 0;
#if H5_VERSION_GE(1, 10, 7) && !(H5_VERS_MAJOR == 1 && H5_VERS_MINOR == 12 && H5_VERS_RELEASE < 1)
  /* File systems without locks (some Lustre mounts) are no reason to refuse. */
  ok = ok && H5Pset_file_locking(access, true, true) >= 0;
#endif
  if (ok && comm != MPI_COMM_NULL) ok = H5Pset_fapl_mpio(access, comm, MPI_INFO_NULL) >= 0;
  if (ok) return access;
  H5Pclose(access);
  return H5I_INVALID_HID;
}

mst_status mst_hdf5_create(const char *path, hid_t *file) {
  mst_hdf5_hush();
  *file = H5I_INVALID_HID;
  hid_t access = access_properties(MPI_COMM_NULL), creation = H5Pcreate(H5P_FILE_CREATE);
  mst_status status = MST_OK;
  /* No time stamps: the same content makes the same file. */
  if (creation >= 0) H5Pset_obj_track_times(creation, false);
  /* Attributes of / can be listed in the order in which they were made. */
  if (creation >= 0)
    H5Pset_attr_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  if (access >= 0 && creation >= 0) *file = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
  if (*file < 0) status = mst_hdf5_fail(MST_ERR_IO, "%s: cannot be created by HDF5", path);
  if (creation >= 0) H5Pclose(creation);
  if (access >= 0) H5Pclose(access);
  return status;
}

/* What the operating system refused (gone, locked, unreadable) is no fault of the file's format,
 * and a file that is opened for writing is one that muster has just made. */
static mst_status open_failed(const char *path, bool write) {
  mst_status status = mst_hdf5_fail(MST_ERR_FORMAT, "%s: cannot be opened by HDF5", path);
  if (!write && strstr(mst_status_detail(), "errno = ") == NULL) return status;
  return mst_fail_within(MST_ERR_IO, "%s", "");
}

/* name is what is opened, path what errors call it. */
static mst_status open_file(MPI_Comm comm, const char *name, const char *path, bool write,
                            hid_t *file) {
  mst_hdf5_hush();
  *file = H5I_INVALID_HID;
  hid_t access = access_properties(comm);
  mst_status status = MST_OK;
  if (access >= 0) *file = H5Fopen(name, write ? H5F_ACC_RDWR : H5F_ACC_RDONLY, access);
  if (*file < 0) status = open_failed(path, write);
  if (access >= 0) H5Pclose(access);
  return status;
}

mst_status mst_hdf5_open(const char *path, bool write, hid_t *file) {
  return open_file(MPI_COMM_NULL, path, path, write, file);
}

/* Open MPI's MPI-IO writes a file's name and more into 256 bytes (4.1: sharedfp/lockedfile), and a
 * name that does not fit ends the process. A longer one is opened by its descriptor's name, which
 * stands for the same file until the descriptor is closed. */
static mst_status name_descriptor(const char *path, bool write, char *name, size_t size, int *fd) {
  *fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
  if (*fd < 0) return mst_fail(MST_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
  snprintf(name, size, "/proc/self/fd/%d", *fd);
  if (access(name, F_OK) == 0) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "%s: the name has %zu bytes; without /proc at most %d can be opened", path,
                  strlen(path), NAME_MOST);
}

/* Open MPI's MPI-IO waits for ever when some ranks alone cannot open a file, such as one in a
 * folder of another node. */
static mst_status look(const char *path, bool write) {
  if (faccessat(AT_FDCWD, path, write ? R_OK | W_OK : R_OK, AT_EACCESS) == 0) return MST_OK;
  return mst_fail(MST_ERR_IO, "%s: cannot be opened by HDF5: %s", path, strerror(errno));
}

mst_status mst_hdf5_close_written(hid_t file, const char *name, const char *path,
                                  mst_status status) {
  if (status == MST_OK && H5Fflush(file, H5F_SCOPE_GLOBAL) < 0)
    status = mst_hdf5_fail(MST_ERR_IO, "%s: cannot be written", path);
  /* HDF5 writes once more while it closes: let there be room for that on a full disk. */
  if (status != MST_OK && truncate(name, 0) != 0) errno = 0;
  if (H5Fclose(file) < 0 && status == MST_OK)
    status = mst_hdf5_fail(MST_ERR_IO, "%s: cannot be closed", path);
  return status;
}

mst_status mst_hdf5_open_team(mst_team *team, const char *path, bool write, hid_t *file) {
  char name[32];
  int fd = -1;
  bool is_long = strlen(path) > NAME_MOST;
  *file = H5I_INVALID_HID;
  mst_status status = mst_team_agree(
      team, is_long ? name_descriptor(path, write, name, sizeof name, &fd) : look(path, write));
  if (status == MST_OK)
    status = mst_team_agree(
        team, open_file(mst_team_comm(team), is_long ? name : path, path, write, file));
  if (fd >= 0) close(fd);
  if (status != MST_OK && *file >= 0) {
    H5Fclose(*file);
    *file = H5I_INVALID_HID;
  }
  return status;
}

mst_status mst_hdf5_format(hid_t file, const char *path, char *word, size_t size,
                           int64_t *version) {
  bool found = false;
  word[0] = 0;
  *version = 0;
  MST_TRY(mst_hdf5_get_text(file, path, "muster_format", word, size, &found));
  return mst_hdf5_get_int(file, path, "version", version, &found);
}
