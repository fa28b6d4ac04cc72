/* The collectives that muster computes with, against MPI's own on the same doubles, by the size of
 * a message. A rate is the bus bandwidth: what a rank would have to send at least, over the time;
 * it is comparable across rank counts. The two are timed in turn, and their results are compared
 * first. */
#include "jobs/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "comm/peer.h"
#include "comm/sum.h"
#include "core/base/memory.h"
#include "jobs/output.h"

#define SMALLEST      4096
#define STEP          16
#define SHORT_MESSAGE 65536 /* bytes up to which one timing is of several runs */
#define SHORT_TIMES   16
#define TERMS         1024 /* of a lattice sum, so that its grid is the same on most rank counts */
#define REPEATS       400
#define TOLERANCE     1e-12 /* of values below 1, a term */

typedef struct message {
  mst_bench *bench;
  int64_t n; /* doubles, of all parts             */
  int64_t terms;
  int64_t *parts; /* (p) elements, or bytes of a gather */
  int *counts;    /* (p) elements                       */
  double *to;     /* where results go                   */
} message;

static mst_status fill(void *context) {
  message *m = context;
  memcpy(m->to, m->bench->work[0], (size_t)m->n * sizeof *m->to);
  return MST_OK;
}

static mst_status sum_lattice(void *context) {
  message *m = context;
  return mst_sum_lattice(m->bench->team, m->to, m->n, m->terms);
}

static mst_status sum_fast(void *context) {
  message *m = context;
  return mst_sum_fast(m->bench->team, m->to, m->n);
}

static mst_status sum_peer(void *context) {
  message *m = context;
  return mst_peer_sum(m->bench->team, m->to, m->n);
}

static mst_status scatter(void *context) {
  message *m = context;
  return mst_sum_scatter_fast(m->bench->team, m->bench->work[0], m->parts, m->to);
}

static mst_status scatter_peer(void *context) {
  message *m = context;
  return mst_peer_sum_scatter(m->bench->team, m->bench->work[0], m->counts, m->to);
}

static mst_status gather(void *context) {
  message *m = context;
  return mst_gather_all(m->bench->team, m->bench->work[0], m->parts, m->to);
}

static mst_status gather_peer(void *context) {
  message *m = context;
  return mst_peer_gather(m->bench->team, m->bench->work[0], m->counts[0], m->to);
}

static const struct collective {
  const char *name;
  mst_status (*run)(void *context), (*peer)(void *context);
  bool in_place; /* to(n) holds the terms       */
  bool gathers;  /* all parts are alike, in bytes */
  int passes;    /* over the message: 2 of a sum on every rank */
  const char *limit_of;
} collectives[] = {{"sum_lattice", sum_lattice, sum_peer, true, false, 2, "MPI_Allreduce"},
                   {"sum_fast", sum_fast, sum_peer, true, false, 2, "MPI_Allreduce"},
                   {"sum_scatter", scatter, scatter_peer, false, false, 1, "MPI_Reduce_scatter"},
                   {"gather_all", gather, gather_peer, false, true, 1, "MPI_Allgather"}};

static const struct collective *find(const char *name) {
  for (size_t i = 0; i < sizeof collectives / sizeof collectives[0]; i++)
    if (strcmp(collectives[i].name, name) == 0) return &collectives[i];
  return NULL;
}

/* Cut bytes into the ranks' parts, one double each at least. */
static void cut(message *m, const struct collective *c, int64_t bytes) {
  int p = mst_team_size(m->bench->team);
  int64_t n = bytes / 8 > p ? bytes / 8 : p;
  m->n = c->gathers ? n / p * p : n;
  for (int r = 0; r < p; r++) {
    int64_t begin = m->n * r / p, count = m->n * (r + 1) / p - begin;
    m->counts[r] = (int)count;
    m->parts[r] = c->gathers ? count * 8 : count;
  }
}

/* Both ways must give the same, up to rounding. */
static mst_status compare(message *m, const struct collective *c) {
  mst_bench *b = m->bench;
  int p = mst_team_size(b->team);
  int64_t n = c->in_place || c->gathers ? m->n : m->counts[mst_team_rank(b->team)], wrong = 0;
  for (int i = 0; i < 2; i++) {
    m->to = b->work[1 + i];
    if (c->in_place) MST_TRY(fill(m));
    MST_TRY(i == 0 ? c->run(m) : c->peer(m));
  }
  for (int64_t i = 0; i < n; i++) wrong += !(fabs(b->work[1][i] - b->work[2][i]) <= TOLERANCE * p);
  return mst_team_agree(
      b->team, wrong == 0 ? MST_OK
                          : mst_fail(MST_ERR_INTERNAL,
                                     "%s and %s give other results, in %lld "
                                     "entries of %lld",
                                     c->name, c->limit_of, (long long)wrong, (long long)n));
}

/* "sum_lattice_64KiB": the same name on every site. */
static void name_row(mst_bench_row *row, const char *name, int64_t bytes) {
  bool large = bytes >= INT64_C(1) << 20;
  snprintf(row->name, sizeof row->name, "%s_%lld%s", name, (long long)(bytes >> (large ? 20 : 10)),
           large ? "MiB" : "KiB");
}

static mst_status measure(message *m, const struct collective *c, int64_t bytes) {
  mst_bench *b = m->bench;
  int p = mst_team_size(b->team);
  cut(m, c, bytes);
  MST_TRY(compare(m, c));
  m->to = b->work[1];
  int times = bytes <= SHORT_MESSAGE ? SHORT_TIMES : 1;
  mst_trial trial[2] = {{.run = c->run, .context = m, .times = times},
                        {.run = c->peer, .context = m, .times = times}};
  for (int i = 0; i < 2 && c->in_place; i++) trial[i].prepare = fill;
  mst_pace pace = {.seconds = b->seconds, .fewest = 3, .most = REPEATS, .warm = true};
  mst_measured t[2];
  MST_TRY(mst_measure(b->team, trial, 2, &pace, t));
  double least = 8e-9 * (double)m->n * c->passes * (p - 1) / p;
  mst_bench_row row = {.ranks = p,
                       .bytes = 8 * m->n,
                       .repeats = t[0].repeats,
                       .seconds = t[0].seconds,
                       .rate = least / t[0].seconds,
                       .limit = least / t[1].seconds,
                       .busy = t[1].busy, /* MPI's ranks spin while they wait */
                       .slowest = -1};
  name_row(&row, c->name, bytes);
  snprintf(row.limit_of, sizeof row.limit_of, "%s", c->limit_of);
  double memory = mst_bench_rate(b, "memory_copy_all");
  if (memory > 0) row.memory = row.rate * p / memory;
  mst_bench_add(b, &row);
  return MST_OK;
}

static mst_status measure_sizes(message *m, const struct collective *c) {
  for (int64_t bytes = SMALLEST; bytes < m->bench->size; bytes *= STEP)
    MST_TRY(measure(m, c, bytes));
  return measure(m, c, m->bench->size);
}

mst_status mst_bench_sums(mst_bench *b, const char *name) {
  const int64_t p = mst_team_size(b->team);
  message m = {.bench = b, .terms = p > TERMS ? p : TERMS};
  if (p == 1) {
    b->skipped = "sums: they need 2 ranks or more";
    return MST_OK;
  }
  int64_t seed = mst_team_rank(b->team) * INT64_C(104729);
  for (int64_t i = 0; i < b->size / 8; i++)
    b->work[0][i] = (double)((i * 7919 + seed) % 65537) / 65537 - 0.5;
  mst_status st = mst_alloc(&m.parts, p, sizeof *m.parts, "parts");
  if (st == MST_OK) st = mst_alloc(&m.counts, p, sizeof *m.counts, "parts");
  st = mst_team_agree(b->team, st);
  if (st == MST_OK) st = measure_sizes(&m, find(name));
  mst_free(m.parts);
  mst_free(m.counts);
  return st;
}
