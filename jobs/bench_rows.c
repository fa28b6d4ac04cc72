/* Rows of `muster bench`: kept, shown as soon as they are known, and stored. */
#include "jobs/bench.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commit.h"
#include "config.h"
#include "core/linalg/blas.h"
#include "jobs/output.h"

#define TEXT_BYTES 64

static const char *seconds_text(double s, char *to) {
  if (s < 1e-3)
    snprintf(to, TEXT_BYTES, "%.2f us", s * 1e6);
  else if (s < 1)
    snprintf(to, TEXT_BYTES, "%.3f ms", s * 1e3);
  else
    snprintf(to, TEXT_BYTES, "%.3f s", s);
  return to;
}

static const char *unit_of(const mst_bench_row *r) {
  return r->flops ? "GFlop/s" : "GB/s";
}

/* What follows the ratio. */
static const char *remark(const mst_bench_row *r, char *to) {
  int n = snprintf(to, TEXT_BYTES, "%s", r->limit_of);
  if (r->memory > 0) n += snprintf(to + n, TEXT_BYTES, "; %.2f of memory", r->memory);
  if (r->slowest >= 0 && r->spread > 1.2)
    n += snprintf(to + n, TEXT_BYTES / 2, "; rank %d is slow", r->slowest);
  if (r->cached) n += snprintf(to + n, TEXT_BYTES / 2, "; perhaps in a cache");
  if (r->busy > 0 && r->busy < MST_BENCH_BUSY)
    snprintf(to + n, TEXT_BYTES, "; DISTURBED: a rank had %.0f %% of a core", 100 * r->busy);
  return to + (strncmp(to, "; ", 2) == 0 ? 2 : 0);
}

/* A failure of standard output is found at the end, so that ranks stay together. */
static void say(const mst_bench *b, const char *line) {
  if (b->table && mst_print(b->team, "%s\n", line) == MST_OK) (void)!mst_print_end(b->team);
}

void mst_bench_head(const mst_bench *b) {
  char line[4 * TEXT_BYTES];
  snprintf(line, sizeof line, "%-20s %6s %10s %7s %11s %15s %15s %6s  %s", "benchmark", "ranks",
           "size", "repeats", "median", "rate", "limit", "ratio", "limit is");
  say(b, line);
}

static void show(const mst_bench *b, const mst_bench_row *r) {
  char line[MST_STATUS_DETAIL_MAX + 2 * TEXT_BYTES], time_text[TEXT_BYTES], rate[TEXT_BYTES];
  char limit[TEXT_BYTES] = "-", ratio[TEXT_BYTES] = "-", more[4 * TEXT_BYTES];
  if (r->error != NULL) {
    snprintf(line, sizeof line, "%-20s failed: %s", r->name, r->error);
    say(b, line);
    return;
  }
  snprintf(rate, sizeof rate, "%.2f %s", r->rate, unit_of(r));
  if (r->limit > 0) {
    snprintf(limit, sizeof limit, "%.2f %s", r->limit, unit_of(r));
    snprintf(ratio, sizeof ratio, "%.2fx", r->rate / r->limit);
  }
  snprintf(line, sizeof line, "%-20s %6d %10s %7d %11s %15s %15s %6s  %s", r->name, r->ranks,
           mst_size_text(r->bytes), r->repeats, seconds_text(r->seconds, time_text), rate, limit,
           ratio, remark(r, more));
  line[strcspn(line, "\n")] = '\0';
  for (size_t n = strlen(line); n > 0 && line[n - 1] == ' ';) line[--n] = '\0';
  say(b, line);
}

void mst_bench_add(mst_bench *b, const mst_bench_row *row) {
  if (b->rows == MST_BENCH_ROWS) return;
  b->row[b->rows++] = *row;
  show(b, row);
}

void mst_bench_add_failed(mst_bench *b, const char *name, mst_status st) {
  mst_bench_row row = {.slowest = -1};
  snprintf(row.name, sizeof row.name, "%s", name);
  if (b->failed == MST_OK) {
    b->failed = st;
    snprintf(b->failure, sizeof b->failure, "%s", mst_status_detail());
  }
  row.error = b->failure;
  mst_bench_add(b, &row);
}

double mst_bench_rate(const mst_bench *b, const char *name) {
  for (int i = 0; i < b->rows; i++)
    if (strcmp(b->row[i].name, name) == 0) return b->row[i].rate;
  return 0;
}

static bool put(json_t *object, const char *key, json_t *value) {
  return json_object_set_new(object, key, value) == 0;
}

static bool put_figures(json_t *o, const mst_bench_row *r) {
  bool ok = put(o, "ranks", json_integer(r->ranks)) &&
            put(o, "bytes", json_integer((json_int_t)r->bytes)) &&
            put(o, "repeats", json_integer(r->repeats)) &&
            put(o, "seconds", mst_json_real(r->seconds)) &&
            put(o, "rate", mst_json_real(r->rate)) && put(o, "unit", json_string(unit_of(r)));
  if (ok && r->limit > 0)
    ok = put(o, "limit", mst_json_real(r->limit)) && put(o, "limit_of", json_string(r->limit_of)) &&
         put(o, "ratio", mst_json_real(r->rate / r->limit));
  if (ok && r->memory > 0) ok = put(o, "of_memory", mst_json_real(r->memory));
  if (ok && r->busy > 0) ok = put(o, "busy", mst_json_real(r->busy));
  if (ok && r->cached) ok = put(o, "cached", json_true());
  if (ok && r->slowest >= 0)
    ok = put(o, "slowest_rank", json_integer(r->slowest)) &&
         put(o, "spread", mst_json_real(r->spread));
  return ok;
}

static bool put_row(json_t *rows, const mst_bench_row *r) {
  json_t *o = json_pack("{s:s}", "name", r->name);
  bool ok =
      o != NULL && (r->error != NULL ? put(o, "error", json_string(r->error)) : put_figures(o, r));
  if (ok) return json_array_append_new(rows, o) == 0;
  json_decref(o);
  return false;
}

static bool put_site(json_t *o, const mst_bench *b) {
  char host[256] = "", date[32] = "", version[128];
  time_t now = time(NULL);
  struct tm utc;
  if (gethostname(host, sizeof host - 1) != 0) strcpy(host, "unknown");
  if (gmtime_r(&now, &utc) != NULL) strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
  snprintf(version, sizeof version, "%s%s%s", PACKAGE_VERSION, MST_GIT[0] != '\0' ? " " : "",
           MST_GIT);
  return put(o, "version", json_string(version)) && put(o, "date", json_string(date)) &&
         put(o, "host", json_string(host)) && put(o, "mpi", json_string(mst_mpi_name())) &&
         put(o, "blas", json_string(MST_BLAS_VERSION)) &&
         put(o, "kernel", json_string(mst_blas_kernel())) &&
         put(o, "ranks", json_integer(mst_team_size(b->team))) &&
         put(o, "nodes", json_integer(mst_team_nodes(b->team)));
}

json_t *mst_bench_json(const mst_bench *b) {
  json_t *o = json_pack("{s:s}", "bench", "muster"), *rows = json_array();
  bool ok = o != NULL && rows != NULL && put_site(o, b);
  for (int i = 0; i < b->rows && ok; i++) ok = put_row(rows, &b->row[i]);
  if (ok && b->skipped != NULL) ok = put(o, "skipped", json_string(b->skipped));
  if (ok) ok = json_object_set(o, "rows", rows) == 0;
  json_decref(rows);
  if (ok) return o;
  json_decref(o);
  return NULL;
}
