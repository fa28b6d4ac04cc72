/* What rank 0 writes into a run file on its own: the structure of /model, then the metrics, the
 * ledger, the timings of all ranks, the experiment's text and where the run took place. */
#include "io/runfile_write.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "io/file.h"
#include "io/hdf5_file.h"

#ifdef HAVE_CONFIG_H
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

static mst_status check_model_name(const char *name) {
  bool ok = name[0] != '\0', begins = true;
  for (const char *c = name; *c != '\0'; c++) {
    bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                  (*c >= '0' && *c <= '9') || *c == '_';
    ok = ok && (letter || (!begins && (*c == '.' || *c == '-' || (*c == '/' && c[1] != '\0'))));
    begins = *c == '/';
  }
  if (ok) return MST_OK;
  return mst_fail(MST_ERR_INTERNAL,
                  "model array '%s': a name has letters, digits, _ . - and / between parts", name);
}

static mst_status make_array(hid_t file, const mst_state_item *item, int64_t *bytes) {
  char path[sizeof item->name + 8];
  hid_t dataset = H5I_INVALID_HID;
  MST_TRY(check_model_name(item->name));
  snprintf(path, sizeof path, "model/%s", item->name);
  MST_TRY(mst_runfile_groups(file, path, false));
  MST_TRY(mst_hdf5_put_dataset(file, path, mst_runfile_file_type(item->type), item->dims,
                               item->shape, 0, 0, &dataset, bytes));
  if (H5Dclose(dataset) < 0) return mst_hdf5_fail(MST_ERR_IO, "/%s cannot be created", path);
  return MST_OK;
}

mst_status mst_runfile_make_model(const mst_runfile *r, const mst_state *state, int64_t *bytes) {
  hid_t file = H5I_INVALID_HID;
  MST_TRY(mst_hdf5_open(r->temporary, true, &file));
  mst_status st = mst_runfile_groups(file, "model", true);
  *bytes = STRUCTURE_BYTES;
  for (int i = 0; i < state->n && st == MST_OK; i++) st = make_array(file, &state->item[i], bytes);
  if (H5Fclose(file) < 0 && st == MST_OK) st = mst_hdf5_fail(MST_ERR_IO, "it cannot be closed");
  *bytes += file_bytes(r->temporary);
  return st == MST_OK ? MST_OK : mst_fail_within(st, "%s: ", r->path);
}

static mst_status digest_series(mst_runfile *r, const char *name, mst_dtype type, void *cells) {
  mst_state one;
  mst_state_init(&one);
  mst_status st = mst_state_add(&one, name, type, 1, &r->metrics.rounds, cells);
  st = mst_team_agree(r->team, st);
  if (st == MST_OK) st = mst_manifest_add(&r->manifest, r->team, "metrics", &one.item[0]);
  mst_state_clear(&one);
  return st;
}

mst_status mst_runfile_digest_metrics(mst_runfile *r) {
  const mst_series_table *t = &r->metrics;
  MST_TRY(digest_series(r, "round", MST_I64, t->round));
  for (int i = 0; i < t->n; i++)
    MST_TRY(digest_series(r, t->series[i].name, MST_F64, t->series[i].cell));
  return MST_OK;
}

static mst_status put_table(hid_t file, const char *group, const mst_series_table *t) {
  char path[MST_SERIES_NAME + 16];
  MST_TRY(mst_runfile_groups(file, group, true));
  snprintf(path, sizeof path, "%s/round", group);
  MST_TRY(mst_runfile_put(file, path, MST_I64, t->rounds, t->round));
  for (int i = 0; i < t->n; i++) {
    snprintf(path, sizeof path, "%s/%s", group, t->series[i].name);
    MST_TRY(mst_runfile_put(file, path, t->type, t->rounds, t->series[i].cell));
  }
  return MST_OK;
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

/* One text without a length limit, readable as f["experiment"][()]. */
static mst_status put_experiment(hid_t file, const char *text) {
  size_t length = strlen(text);
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR), dataset = H5I_INVALID_HID;
  bool ok = type >= 0 && space >= 0 && H5Tset_size(type, length > 0 ? length : 1) >= 0 &&
            H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0;
  if (ok)
    dataset = H5Dcreate2(file, "experiment", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  ok = ok && dataset >= 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) >= 0;
  if (dataset >= 0 && H5Dclose(dataset) < 0) ok = false;
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  return ok ? MST_OK : mst_hdf5_fail(MST_ERR_IO, "/experiment cannot be written");
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

static mst_status put_attributes(hid_t file, const mst_runfile *r, const char *hosts,
                                 const char *digest) {
  char finished[MST_RUNFILE_TIME];
  mst_runfile_now(finished);
  MST_TRY(mst_hdf5_put_text(file, "muster_format", "run"));
  MST_TRY(mst_hdf5_put_int(file, "version", MST_RUNFILE_VERSION));
  MST_TRY(mst_hdf5_put_text(file, "muster_version", PACKAGE_VERSION));
  MST_TRY(mst_hdf5_put_text(file, "git", MST_GIT));
  MST_TRY(mst_hdf5_put_text(file, "job", r->job));
  MST_TRY(mst_hdf5_put_int(file, "seed", (int64_t)r->seed));
  MST_TRY(mst_hdf5_put_int(file, "ranks", mst_team_size(r->team)));
  MST_TRY(mst_hdf5_put_int(file, "nodes", mst_team_nodes(r->team)));
  MST_TRY(mst_hdf5_put_text(file, "hosts", hosts));
  MST_TRY(mst_hdf5_put_text(file, "started", r->started));
  MST_TRY(mst_hdf5_put_text(file, "finished", finished));
  MST_TRY(put_libraries(file));
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

/* Every rank must have recorded the same timings in the same order, or the gather would mix them.
 */
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
  int64_t arrays = r->metrics.n + r->ledger.n + r->timing.n + r->result.n + 8;
  int64_t cells = (r->metrics.n + 1) * r->metrics.rounds + (r->ledger.n + 1) * r->ledger.rounds +
                  (int64_t)r->timing.n * mst_team_size(r->team);
  return file_bytes(r->temporary) + STRUCTURE_BYTES + HOSTS_BYTES + (int64_t)strlen(r->experiment) +
         arrays * array + 9 * cells;
}

static mst_status write_parts(const mst_runfile *r, const gathered *g, const char *digest) {
  hid_t file = H5I_INVALID_HID;
  MST_TRY(mst_hdf5_open(r->temporary, true, &file));
  mst_status st = put_attributes(file, r, g->hosts, digest);
  if (st == MST_OK) st = put_experiment(file, r->experiment);
  if (st == MST_OK) st = mst_runfile_groups(file, "model", true);
  if (st == MST_OK) st = put_table(file, "metrics", &r->metrics);
  if (st == MST_OK) st = put_table(file, "ledger", &r->ledger);
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
