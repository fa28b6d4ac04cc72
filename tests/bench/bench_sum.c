/* Lattice sums against MPI_Allreduce of the same doubles, in one run: 1 to 64 MiB, with shared
 * memory switched on and off; and steps of data-parallel training whose sums are posted during the
 * backward pass, against steps that sum when it is done. A figure is the median over repetitions of
 * the slowest rank's time, each after a barrier; the two are measured in turn, so that other load
 * meets both. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm/measure.h"
#include "comm/peer.h"
#include "comm/sum.h"
#include "comm/team.h"
#include "core/base/memory.h"
#include "parallel/train.h"
#include "tests/bench/bench.h"

#define REPEATS 15
#define TURNS   5 /* of trainings */

enum {
  ROWS = 4096,
  INPUTS = 784,
  WIDTH = 2000, /* of two hidden layers: 5.6 million parameters */
  CLASSES = 10,
  STEPS = 20
};

static void fill(double *x, int64_t n, int rank) {
  for (int64_t i = 0; i < n; i++) x[i] = (double)((i * 7919 + rank * 104729) % 65537) / 65537 - 0.5;
}

typedef struct terms {
  mst_team *team;
  double *x;
  int64_t n;
} terms;

static mst_status prepare(void *context) {
  const terms *t = context;
  fill(t->x, t->n, mst_team_rank(t->team));
  return MST_OK;
}

static mst_status sum_ours(void *context) {
  const terms *t = context;
  return mst_sum_lattice(t->team, t->x, t->n, 1024);
}

static mst_status sum_peer(void *context) {
  const terms *t = context;
  return mst_peer_sum(t->team, t->x, t->n);
}

static mst_status measure(mst_team *team, int mib, bool shared) {
  terms t = {.team = team, .n = (int64_t)mib << 17};
  double *x = NULL;
  mst_trial trial[2] = {{.run = sum_ours, .prepare = prepare, .context = &t},
                        {.run = sum_peer, .prepare = prepare, .context = &t}};
  mst_pace pace = {.fewest = REPEATS, .most = REPEATS, .seconds = 1e9, .warm = true};
  mst_measured m[2];
  MST_TRY(mst_team_agree(team, mst_alloc(&x, t.n, sizeof *x, "terms")));
  t.x = x;
  mst_status status = mst_measure(team, trial, 2, &pace, m);
  mst_free(x);
  if (status != MST_OK || mst_team_rank(team) != 0) return status;
  double o = m[0].seconds * 1e3, p = m[1].seconds * 1e3;
  printf("sum_lattice_%dMiB_%s_p%d  ours %.3f ms  peer %.3f ms  ratio %.2fx\n", mib,
         shared ? "shared" : "mpi", mst_team_size(team), o, p, p / o);
  fflush(stdout);
  return MST_OK;
}

static mst_status read_rows(void *context, int64_t first, int64_t count, float *x, float *value) {
  (void)context, (void)value;
  for (int64_t i = 0; i < count * INPUTS; i++)
    x[i] = (float)(((first * INPUTS + i) * 7919) % 65537) / 65537.0f - 0.5f;
  return MST_OK;
}

/* Rows in the nodes' memory, and a model whose sums are large beside its products. */
typedef struct network {
  mst_team *team;
  mst_row_store *rows;
  mst_roster *roster;
  mst_clients *store;
  mst_model *model;
  int32_t label[ROWS], piece[ROWS];
} network;

static void open_network(network *f) {
  mst_row_reader reader = {.rows = ROWS, .row_elements = INPUTS, .read = read_rows};
  mst_model_spec spec = {
      .kind = "mlp", .init = "xavier", .hidden = {2, {WIDTH, WIDTH}}, .activation = "relu"};
  mst_row_shape shape = {1, {INPUTS}};
  for (int i = 0; i < ROWS; i++) f->label[i] = i % CLASSES;
  int64_t pieces = mst_train_deal(ROWS, f->piece);
  need(mst_rows_create(f->team, &reader, 1 << 20, &f->rows));
  need(mst_roster_create(f->team, ROWS, f->piece, pieces, true, &f->roster));
  mst_rows_assign(f->rows, f->roster, 1);
  need(mst_clients_create(f->team, f->rows, f->roster, f->label, NULL, 0, 1, NULL, &f->store));
  need(mst_model_create(&spec, &shape, true, CLASSES, &f->model));
}

static void close_network(network *f) {
  mst_model_destroy(f->model);
  mst_clients_destroy(f->store);
  mst_roster_destroy(f->roster);
  mst_rows_destroy(f->rows);
}

/* Seconds of a step, and of sums within the gradients, of the slowest rank. */
static mst_status time_steps(const network *f, bool overlap, double seconds[2]) {
  mst_train_options o = {.optimizer = mst_optim_defaults("sgd"),
                         .schedule = mst_schedule_defaults("constant"),
                         .seed = 1,
                         .steps = STEPS,
                         .block = 128,
                         .accumulate = 1,
                         .overlap = overlap};
  mst_train *train = NULL;
  o.optimizer.batch = 512;
  MST_TRY(mst_train_create(f->team, f->model, f->store, &o, &train));
  MST_TRY(mst_team_barrier(f->team));
  mst_status st = mst_train_run(train, NULL, NULL);
  mst_train_times t = mst_train_seconds(train);
  seconds[0] = t.all / STEPS;
  seconds[1] = t.hidden / STEPS;
  mst_train_destroy(train);
  return st == MST_OK ? mst_max_f64(f->team, seconds, 2) : st;
}

static mst_status measure_overlap(mst_team *team, bool shared) {
  static network f;
  double ours[TURNS], peer[TURNS], hidden[TURNS], seconds[2];
  f = (network){.team = team};
  open_network(&f);
  mst_status status = time_steps(&f, true, seconds);
  for (int i = 0; i < TURNS && status == MST_OK; i++) {
    status = time_steps(&f, false, seconds);
    peer[i] = seconds[0];
    if (status == MST_OK) status = time_steps(&f, true, seconds);
    ours[i] = seconds[0];
    hidden[i] = seconds[1];
  }
  close_network(&f);
  if (status != MST_OK || mst_team_rank(team) != 0) return status;
  double o = median(ours, TURNS) * 1e3, p = median(peer, TURNS) * 1e3;
  printf("train_overlap_%s_p%d  ours %.2f ms  peer %.2f ms (after it)  ratio %.2fx\n",
         shared ? "shared" : "mpi", mst_team_size(team), o, p, p / o);
  printf("# of it %.2f ms of sums within the backward pass\n", median(hidden, TURNS) * 1e3);
  fflush(stdout);
  return MST_OK;
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  mst_status status = MST_OK;
  for (int shared = 1; shared >= 0 && status == MST_OK; shared--) {
    mst_team_options options = mst_team_defaults();
    options.shared_memory = shared;
    mst_team *team = NULL;
    status = mst_team_create(MPI_COMM_WORLD, &options, &team);
    for (int mib = 1; mib <= 64 && status == MST_OK; mib *= 4) status = measure(team, mib, shared);
    if (status == MST_OK) status = measure_overlap(team, shared);
    mst_team_destroy(team);
  }
  if (status != MST_OK) fprintf(stderr, "bench_sum: %s\n", mst_status_detail());
  MPI_Finalize();
  return status == MST_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
