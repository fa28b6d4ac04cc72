/* Whole calls of mst_aggregate on 20 float32 vectors, 4 of which may be anything: every rule, and
 * every mixer in front of the mean, from vectors in the memory of the ranks to the result on every
 * rank. Figures are medians of wall times of the slowest rank. The peers are those of a file of
 * lines "name milliseconds who" (tests/bench/robust_peers.py); the limits are the plain mean and
 * the time in which all ranks together read the vectors once.
 *
 *   bench_robust_calls [dimension [peers]]      (default 1000000, none) */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm/share.h"
#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/base/param.h"
#include "parallel/robust.h"
#include "tests/bench/bench.h"

#define N         20
#define BYZANTINE 4
#define REPEATS   9
#define LANES     64 /* independent sums of the reading loop */
#define NAME      64
#define PEERS     64

typedef struct setting {
  mst_team *team;
  mst_share *share;
  int64_t d, first, mine; /* vectors of this rank                         */
  float *vectors, *apart; /* (mine, d) in the share, and in its own memory */
  float *root, *previous, *out;
  double loss[N];
} setting;

typedef struct peer {
  char name[NAME], who[NAME];
  double ms;
} peer;

static peer peers[PEERS];
static int peer_count;

static void read_peers(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) return;
  for (peer *p = peers; peer_count < PEERS; p++, peer_count++)
    if (fscanf(file, "%63s %lf %63s", p->name, &p->ms, p->who) != 3) break;
  fclose(file);
}

static const peer *peer_of(const char *name) {
  for (int i = 0; i < peer_count; i++)
    if (strcmp(peers[i].name, name) == 0) return &peers[i];
  return NULL;
}

static void fill(float *x, int64_t d, int64_t vector) {
  mst_stream s = mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, (uint64_t)vector, 0));
  const double shift = vector < BYZANTINE ? 1 : 0;
  for (int64_t c = 0; c < d; c++)
    x[c] = (float)(shift + mst_stream_uniform(&s) + mst_stream_uniform(&s) - 1.0);
}

static setting begin(int64_t d) {
  setting s = {.d = d};
  need(mst_team_create(MPI_COMM_WORLD, NULL, &s.team));
  mst_team_share(s.team, N, &s.first, &s.mine);
  need(mst_share_create(s.team, N * d * (int64_t)sizeof(float), "vectors", &s.share));
  s.vectors = (float *)mst_share_at(s.share) + s.first * d;
  need(mst_alloc(&s.apart, s.mine * d, sizeof *s.apart, "vectors"));
  need(mst_alloc(&s.root, d, sizeof *s.root, "trusted vector"));
  need(mst_alloc(&s.previous, d, sizeof *s.previous, "last result"));
  need(mst_alloc(&s.out, d, sizeof *s.out, "result"));
  for (int64_t i = 0; i < s.mine; i++) {
    fill(s.vectors + i * d, d, s.first + i);
    memcpy(s.apart + i * d, s.vectors + i * d, (size_t)d * sizeof(float));
    s.loss[i] = 0.01 * (double)(s.first + i);
  }
  fill(s.root, d, N);
  fill(s.previous, d, N + 1);
  return s;
}

static void end(setting *s) {
  mst_free(s->apart);
  mst_free(s->root);
  mst_free(s->previous);
  mst_free(s->out);
  mst_share_destroy(s->share);
  mst_team_destroy(s->team);
}

/* What all ranks have to read, read. */
static void read_all(const setting *s) {
  float sum[LANES] = {0};
  for (int64_t at = 0; at + LANES <= s->mine * s->d; at += LANES)
    for (int k = 0; k < LANES; k++) sum[k] += s->vectors[at + k];
  for (int k = 0; k < LANES; k++) s->out[k] = sum[k];
}

/* rule NULL = reading; shared = the vectors lie in the share. */
static void call(const setting *s, const char *rule, const char *mixer, bool shared) {
  if (rule == NULL) {
    read_all(s);
    return;
  }
  const mst_rule_ops *ops = mst_rule_find(rule);
  mst_rule_spec spec = {.name = rule, .byzantine = BYZANTINE};
  mst_mixer_spec before = {.name = mixer, .byzantine = BYZANTINE};
  mst_param_defaults(ops->params, &spec);
  if (mixer != NULL) mst_param_defaults(mst_mixer_find(mixer)->params, &before);
  const mst_robust_options o = {
      .mixer = &before,
      .mixers = mixer != NULL,
      .root = (ops->needs & MST_RULE_ROOT) != 0 ? s->root : NULL,
      .previous = (ops->needs & MST_RULE_PREVIOUS) != 0 ? s->previous : NULL,
      .loss = (ops->needs & MST_RULE_LOSSES) != 0 ? s->loss : NULL,
      .share = shared ? s->share : NULL};
  need(mst_aggregate(s->team, &spec, &o, s->mine, s->d, shared ? s->vectors : s->apart, s->out,
                     NULL));
}

/* Milliseconds, the same on every rank. */
static double measure(const setting *s, const char *rule, const char *mixer, bool shared) {
  double seconds[REPEATS];
  int repeats = REPEATS;
  for (int r = -1; r < repeats; r++) {
    need(mst_team_barrier(s->team));
    const double start = MPI_Wtime();
    call(s, rule, mixer, shared);
    double took = MPI_Wtime() - start;
    need(mst_max_f64(s->team, &took, 1));
    if (r < 0 && took > 0.5) repeats = 3;
    if (r >= 0) seconds[r] = took;
  }
  return 1e3 * median(seconds, repeats);
}

/* Against numpy's distances from a float32 product. */
static void print_product(const setting *s, const char *kind, const char *name, double ours) {
  char of[2 * NAME];
  snprintf(of, sizeof of, "%s_product", name);
  const peer *p = peer_of(of);
  if (p == NULL) return;
  printf("robust_%s_%s_d%lld  ours %.2f ms  peer %.2f ms (%s)  ratio %.1fx\n", kind, of,
         (long long)s->d, ours, p->ms, p->who, p->ms / ours);
}

typedef struct figures {
  double shared, apart, mean, reading;
} figures;

static void print(const setting *s, const char *kind, const char *name, const figures *f) {
  char full[2 * NAME];
  const peer *p = peer_of(name);
  const long long d = (long long)s->d;
  const double bytes = (double)(N * s->d) * sizeof(float);
  if (mst_team_rank(s->team) != 0) return;
  snprintf(full, sizeof full, "%s_%s", kind, name);
  if (p != NULL)
    printf("robust_%s_d%lld  ours %.2f ms  peer %.2f ms (%s)  ratio %.1fx\n", full, d, f->shared,
           p->ms, p->who, p->ms / f->shared);
  else
    printf("robust_%s_d%lld  ours %.2f ms (no peer was measured)\n", full, d, f->shared);
  print_product(s, kind, name, f->shared);
  printf("robust_%s_beside_mean_d%lld  ours %.2f ms  limit %.2f ms (mean)  ratio %.2fx\n", full, d,
         f->shared, f->mean, f->mean / f->shared);
  printf("robust_%s_apart_d%lld  ours %.2f ms  limit %.2f ms (vectors in a share)  ratio %.2fx\n",
         full, d, f->apart, f->shared, f->shared / f->apart);
  printf("robust_%s_rate_d%lld  ours %.1f GB/s  limit %.1f GB/s (reading)  ratio %.2fx\n", full, d,
         1e-6 * bytes / f->shared, 1e-6 * bytes / f->reading, f->reading / f->shared);
  fflush(stdout);
}

static void measure_all(const setting *s) {
  figures f;
  f.reading = measure(s, NULL, NULL, true);
  f.mean = measure(s, "mean", NULL, true);
  for (int i = 0; mst_rule_at(i) != NULL; i++) {
    const char *name = mst_rule_at(i)->name;
    f.shared = measure(s, name, NULL, true);
    f.apart = measure(s, name, NULL, false);
    print(s, "rule", name, &f);
  }
  for (int i = 0; mst_mixer_at(i) != NULL; i++) {
    const char *name = mst_mixer_at(i)->name;
    f.shared = measure(s, "mean", name, true);
    f.apart = measure(s, "mean", name, false);
    print(s, "mixer", name, &f);
  }
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  if (argc > 2) read_peers(argv[2]);
  setting s = begin(argc > 1 ? mst_most(LANES, atoll(argv[1])) : 1000000);
  measure_all(&s);
  end(&s);
  MPI_Finalize();
  return 0;
}
