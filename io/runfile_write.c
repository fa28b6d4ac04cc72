/* What rank 0 writes into a run file on its own: the structure of the arrays, then the metrics, the
 * ledger, the timings of all ranks, the experiment's text and where the run took place. */
#include "io/runfile_write.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "io/arrays.h"
#include "io/file.h"
#include "io/hdf5_file.h"
#include "io/series_file.h"

#ifdef HAVE_CONFIG_H
#include "commit.h"
#include "config.h"
#endif
#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif
#ifndef MST_GIT
#define MST_GIT ""
#endif

#define HOST_BYTES      72    /* of a host name, with the end                              */
#define HOSTS_BYTES     32768 /* of the list of hosts; an attribute holds less than 64 KiB */
#define STRUCTURE_BYTES 65536 /* of groups, attributes and headers that come at the end   */

static int64_t file_bytes(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 ? (int64_t)about.st_size : 0;
}

mst_status mst_runfile_make_arrays(const mst_runfile *r, const char *group, const mst_state *state,
                                   int64_t *bytes) {
  hid_t file = H5I_INVALID_HID;
  MST_TRY(mst_hdf5_open(r->temporary, true, &file));
  *bytes = STRUCTURE_BYTES;
  mst_status st = mst_arrays_make(file, group, state, bytes);
  if (H5Fclose(file) < 0 && st == MST_OK) st = mst_hdf5_fail(MST_ERR_IO, "it cannot be closed");
  *bytes += file_bytes(r->temporary);
  return st == MST_OK ? MST_OK : mst_fail_within(st, "%s: ", r->path);
}

/* seconds(p, n) of all ranks to one array a name. */
static mst_status put_timing(hid_t file, const mst_figures *timing, int ranks,
                             const double *seconds) {
  double *column = NULL;
  MST_TRY(mst_runfile_groups(file, "timing", true));
  MST_TRY(mst_alloc(&column, ranks, sizeof *column, "timings"));
  mst_status st = MST_OK;
  for (int i = 0; i < timing->n && st == MST_OK; i++) {
    char path[MST_SERIES_NAME + 16];
    for (int k = 0; k < ranks; k++) column[k] = seconds[(int64_t)k * timing->n + i];
    snprintf(path, sizeof path, "timing/%s", timing->at[i].name);
    st = mst_runfile_put(file, path, MST_F64, ranks, column);
  }
  mst_free(column);
  return st;
}

static mst_status put_libraries(hid_t file) {
  char text[64];
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  snprintf(text, sizeof text, "%u.%u.%u", major, minor, release);
  MST_TRY(mst_hdf5_put_text(file, "hdf5", text));
#ifdef OMPI_MAJOR_VERSION
  snprintf(text, sizeof text, "Open MPI %d.%d.%d", OMPI_MAJOR_VERSION, OMPI_MINOR_VERSION,
           OMPI_RELEASE_VERSION);
#else
  snprintf(text, sizeof text, "MPI %d.%d", MPI_VERSION, MPI_SUBVERSION);
#endif
  MST_TRY(mst_hdf5_put_text(file, "mpi", text));
  return mst_hdf5_put_text(file, "blas_kernel", mst_blas_kernel());
}

const char *mst_runfile_program(void) {
  return MST_GIT[0] != '\0' ? PACKAGE_VERSION " " MST_GIT : PACKAGE_VERSION;
}

mst_status mst_runfile_put_origin(hid_t file, const mst_runfile *r, const char *format,
                                  int64_t version) {
  MST_TRY(mst_hdf5_put_text(file, "muster_format", format));
  MST_TRY(mst_hdf5_put_int(file, "version", version));
  MST_TRY(mst_hdf5_put_text(file, "muster_version", PACKAGE_VERSION));
  MST_TRY(mst_hdf5_put_text(file, "git", MST_GIT));
  MST_TRY(mst_hdf5_put_text(file, "job", r->job));
  MST_TRY(mst_hdf5_put_int(file, "seed", (int64_t)r->seed));
  MST_TRY(mst_hdf5_put_text(file, "inputs", r->inputs.at));
  MST_TRY(mst_hdf5_put_int(file, "ranks", mst_team_size(r->team)));
  MST_TRY(mst_hdf5_put_int(file, "nodes", mst_team_nodes(r->team)));
  return put_libraries(file);
}

static mst_status put_attributes(hid_t file, const mst_runfile *r, const char *hosts,
                                 const char *digest) {
  char finished[MST_RUNFILE_TIME];
  mst_runfile_now(finished);
  MST_TRY(mst_runfile_put_origin(file, r, "run", MST_RUNFILE_VERSION));
  MST_TRY(mst_hdf5_put_int(file, "rounds", r->rounds));
  MST_TRY(mst_hdf5_put_int(file, "resumed", r->resumed));
  MST_TRY(mst_hdf5_put_text(file, "hosts", hosts));
  MST_TRY(mst_hdf5_put_text(file, "started", r->started));
  MST_TRY(mst_hdf5_put_text(file, "finished", finished));
  for (int i = 0; i < r->result.n; i++) {
    char name[MST_SERIES_NAME + 8];
    snprintf(name, sizeof name, "result.%s", r->result.at[i].name);
    MST_TRY(r->result.at[i].whole ? mst_hdf5_put_int(file, name, r->result.at[i].count)
                                  : mst_hdf5_put_real(file, name, r->result.at[i].value));
  }
  return mst_hdf5_put_text(file, "digest", digest);
}

/* What the ranks know, brought to all of them. */
typedef struct gathered {
  int64_t *bytes;  /* (p) of each rank's part in the gather at hand */
  double *own;     /* (timings)            */
  double *seconds; /* (p, timings)         */
  char *host;      /* (p, HOST_BYTES): of a node's first rank, "" of the others */
  char *hosts;     /* "node1,node2"        */
} gathered;

/* Every rank must have recorded the same timings in the same order, or the gather would mix
 * them. */
static mst_status check_timings(const mst_runfile *r) {
  mst_digest d;
  char hex[MST_DIGEST_HEX];
  int64_t word[2] = {0, 0};
  mst_digest_start(&d);
  for (int i = 0; i < r->timing.n; i++) mst_digest_add(&d, r->timing.at[i].name, MST_SERIES_NAME);
  mst_digest_hex(&d, hex);
  memcpy(word, hex, sizeof *word - 1);
  word[1] = -word[0];
  MST_TRY(mst_max_i64(r->team, word, 2));
  if (word[0] == -word[1]) return MST_OK;
  return mst_fail(MST_ERR_INTERNAL, "run file: the ranks recorded different timings");
}

static mst_status allocate_gathered(const mst_runfile *r, gathered *g) {
  int64_t p = mst_team_size(r->team);
  MST_TRY(mst_alloc(&g->bytes, p, sizeof *g->bytes, "sizes of the ranks' parts"));
  MST_TRY(mst_alloc(&g->own, r->timing.n, sizeof *g->own, "timings"));
  MST_TRY(mst_alloc(&g->seconds, p * r->timing.n, sizeof *g->seconds, "timings"));
  MST_TRY(mst_alloc(&g->host, p * HOST_BYTES, 1, "host names"));
  return mst_alloc(&g->hosts, HOSTS_BYTES, 1, "host names");
}

static void free_gathered(gathered *g) {
  mst_free(g->bytes);
  mst_free(g->own);
  mst_free(g->seconds);
  mst_free(g->host);
  mst_free(g->hosts);
}

static bool is_listed(const char *hosts, const char *host) {
  size_t length = strlen(host);
  for (const char *h = hosts; *h != '\0';) {
    size_t n = strcspn(h, ",");
    if (n == length && strncmp(h, host, n) == 0) return true;
    h += n + (h[n] == ',');
  }
  return false;
}

/* Distinct names in node order; a list too long for an attribute ends with "...". */
static void list_hosts(gathered *g, int ranks) {
  size_t used = 0;
  for (int k = 0; k < ranks; k++) {
    const char *host = g->host + (int64_t)k * HOST_BYTES;
    if (host[0] == '\0' || is_listed(g->hosts, host)) continue;
    bool full = used + HOST_BYTES + 8 > HOSTS_BYTES;
    used += (size_t)snprintf(g->hosts + used, HOSTS_BYTES - used, "%s%s", used > 0 ? "," : "",
                             full ? "..." : host);
    if (full) return;
  }
}

static mst_status gather_parts(const mst_runfile *r, gathered *g) {
  char host[HOST_BYTES] = "";
  int p = mst_team_size(r->team);
  MST_TRY(mst_team_agree(r->team, allocate_gathered(r, g)));
  MST_TRY(check_timings(r));
  if (mst_team_node_rank(r->team) == 0 && gethostname(host, sizeof host - 1) != 0)
    strcpy(host, "unknown");
  for (int k = 0; k < p; k++) g->bytes[k] = HOST_BYTES;
  MST_TRY(mst_gather_all(r->team, host, g->bytes, g->host));
  list_hosts(g, p);
  if (r->timing.n == 0) return MST_OK;
  for (int i = 0; i < r->timing.n; i++) g->own[i] = r->timing.at[i].value;
  for (int k = 0; k < p; k++) g->bytes[k] = r->timing.n * (int64_t)sizeof *g->own;
  return mst_gather_all(r->team, g->own, g->bytes, g->seconds);
}

/* An upper bound on what the file will hold after write_parts. */
static int64_t rest_bytes(const mst_runfile *r) {
  const int64_t array = 2048; /* headers and index of one array */
  int64_t arrays = r->timing.n + r->result.n + 8;
  int64_t cells = (int64_t)r->timing.n * mst_team_size(r->team);
  return file_bytes(r->temporary) + STRUCTURE_BYTES + HOSTS_BYTES + (int64_t)strlen(r->experiment) +
         mst_series_bytes(&r->metrics) + mst_series_bytes(&r->ledger) + arrays * array + 9 * cells;
}

static mst_status write_parts(const mst_runfile *r, const gathered *g, const char *digest) {
  hid_t file = H5I_INVALID_HID;
  MST_TRY(mst_hdf5_open(r->temporary, true, &file));
  mst_status st = put_attributes(file, r, g->hosts, digest);
  if (st == MST_OK) st = mst_runfile_put_text(file, "experiment", r->experiment);
  if (st == MST_OK) st = mst_runfile_groups(file, "model", true);
  if (st == MST_OK) st = mst_series_put(file, "metrics", &r->metrics);
  if (st == MST_OK) st = mst_series_put(file, "ledger", &r->ledger);
  if (st == MST_OK) st = put_timing(file, &r->timing, mst_team_size(r->team), g->seconds);
  if (H5Fclose(file) < 0 && st == MST_OK) st = mst_hdf5_fail(MST_ERR_IO, "it cannot be closed");
  return st == MST_OK ? MST_OK : mst_fail_within(st, "%s: ", r->path);
}

mst_status mst_runfile_write_rest(mst_runfile *r, const char *digest) {
  gathered g = {NULL, NULL, NULL, NULL, NULL};
  bool sure = true;
  mst_status st = gather_parts(r, &g);
  int64_t bytes = rest_bytes(r);
  if (st == MST_OK) st = mst_team_bcast(r->team, &bytes, sizeof bytes, 0);
  if (st == MST_OK) st = mst_file_reserve(r->team, r->temporary, bytes, &sure);
  r->reserved = r->reserved && sure;
  if (st == MST_OK) {
    if (mst_team_rank(r->team) == 0) st = write_parts(r, &g, digest);
    st = mst_file_follow(r->team, st);
  }
  free_gathered(&g);
  return st;
}
