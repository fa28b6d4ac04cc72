/* Rounds of examples/federated_fashion.yaml: 100 clients of 600 rows, a 784-200-200-10 network,
 * five local epochs of batches of 50. On one rank, the CPU time of the whole loop against that of
 * the same number of gradients of the same batches with nothing around them: what methods,
 * clipping, gathering and exact sums cost. On more ranks, wall seconds against one rank, for the
 * example's cohort of ten and for all clients. Loops and what they are held against take turns;
 * figures are medians.
 *
 *   mpirun -np P bench_federated [repeats]      (default 5) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/partition/partition.h"
#include "parallel/federated.h"
#include "tests/bench/bench.h"

#define CLIENTS 100
#define ROWS    60000
#define INPUTS  784
#define CLASSES 10
#define BATCH   50
#define EPOCHS  5
#define MOST    32 /* repeats */

/* A dataset row is a pure function of its number: noise, brighter where its class is. */
static mst_status read_rows(void *context, int64_t first, int64_t count, float *x, float *value) {
  (void)context, (void)value;
  for (int64_t i = 0; i < count; i++) {
    mst_stream s = mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, (uint64_t)(first + i), 0));
    float *row = x + i * INPUTS;
    for (int j = 0; j < INPUTS; j++) row[j] = (float)mst_stream_uniform(&s) - 0.5f;
    for (int j = 0; j < 20; j++) row[(first + i) % CLASSES * 20 + j] += 1.0f;
  }
  return MST_OK;
}

/* A team with the clients' rows. */
typedef struct federation {
  mst_team *team;
  mst_model *model;
  mst_roster *roster;
  mst_clients *clients;
} federation;

static void gather(MPI_Comm comm, federation *f) {
  mst_model_spec spec = {
      .kind = "mlp", .init = "uniform", .hidden = {2, {200, 200}}, .activation = "relu"};
  mst_row_shape shape = {1, {INPUTS}};
  mst_partition_spec partition = {.name = "iid", .seed = 1, .clients = CLIENTS};
  mst_row_reader reader = {.rows = ROWS, .row_elements = INPUTS, .read = read_rows};
  mst_team_options options = mst_team_defaults();
  mst_row_store *rows = NULL;
  int32_t *client = NULL, *label = NULL;
  int64_t k = 0;
  need(mst_team_create(comm, &options, &f->team));
  need(mst_model_create(&spec, &shape, true, CLASSES, &f->model));
  need(mst_alloc(&client, ROWS, sizeof *client, "clients"));
  need(mst_alloc(&label, ROWS, sizeof *label, "labels"));
  need(mst_partition_assign(&partition, ROWS, NULL, 0, NULL, client, &k));
  need(mst_roster_create(f->team, ROWS, client, k, true, &f->roster));
  for (int64_t i = 0; i < ROWS; i++) label[i] = (int32_t)(f->roster->order[i] % CLASSES);
  need(mst_rows_create(f->team, &reader, INT64_C(1) << 28, &rows));
  mst_rows_assign(rows, f->roster, 1);
  need(mst_clients_create(f->team, rows, f->roster, label, NULL, 0, 1, NULL, &f->clients));
  mst_rows_destroy(rows);
  mst_free(label);
  mst_free(client);
}

static void scatter(federation *f) {
  mst_clients_destroy(f->clients);
  mst_roster_destroy(f->roster);
  mst_model_destroy(f->model);
  mst_team_destroy(f->team);
}

typedef struct setting {
  const char *name, *method;
  double clip, participation;
  bool bernoulli;
  int64_t rounds;
} setting;

typedef struct cost {
  double cpu, wall; /* seconds of the rounds */
  int64_t gradients;
} cost;

/* Collective on the federation's team. */
static cost run_rounds(federation *f, const setting *s) {
  mst_federated_options options = {.method = {.name = s->method,
                                              .weighted = strcmp(s->method, "fedavg") == 0,
                                              .server_lr = 1,
                                              .lambda = 0.1,
                                              .rho = 0.1,
                                              .alpha = 1},
                                   .optimizer = {.kind = "sgd",
                                                 .lr = 0.1,
                                                 .batch = BATCH,
                                                 .clip = s->clip,
                                                 .weight_decay = 0.001},
                                   .schedule = mst_schedule_defaults("constant"),
                                   .seed = 1,
                                   .rounds = s->rounds,
                                   .cohort = (int64_t)(s->participation * CLIENTS),
                                   .participation = s->participation,
                                   .bernoulli = s->bernoulli,
                                   .local_epochs = EPOCHS};
  mst_pipeline pipeline = mst_pipeline_sum();
  mst_federated *loop = NULL;
  need(mst_federated_create(f->team, f->model, f->clients, &pipeline, &options, &loop));
  need(mst_team_barrier(f->team));
  cost c = {.cpu = cpu_seconds(), .wall = mst_clock_seconds()};
  need(mst_federated_run(loop, NULL, NULL));
  need(mst_team_barrier(f->team));
  c.cpu = cpu_seconds() - c.cpu;
  c.wall = mst_clock_seconds() - c.wall;
  mst_federated_totals totals = mst_federated_figures(loop);
  c.gradients = totals.gradients;
  if (totals.excluded > 0) need(mst_fail(MST_ERR_NONFINITE, "%s diverged", s->method));
  mst_federated_destroy(loop);
  return c;
}

/* CPU seconds of so many gradients over one client's rows, as they lie. */
static double take_gradients(federation *f, int64_t count) {
  const mst_batch rows = mst_clients_data(f->clients, 0);
  mst_model_work *work = NULL;
  float *w = NULL, *g = NULL;
  need(mst_model_work_create(f->model, BATCH, &work));
  need(mst_alloc(&w, f->model->parameters, sizeof *w, "parameters"));
  need(mst_alloc(&g, f->model->parameters, sizeof *g, "gradient"));
  mst_model_init(f->model, 1, 0, w);
  double start = cpu_seconds();
  for (int64_t i = 0; i < count; i++) {
    int64_t first = i * BATCH % rows.n;
    mst_batch batch = {.n = BATCH, .x = rows.x + first * INPUTS, .label = rows.label + first};
    mst_model_gradient(f->model, w, &batch, work, g, NULL);
  }
  double seconds = cpu_seconds() - start;
  mst_free(g);
  mst_free(w);
  mst_model_work_destroy(work);
  return seconds;
}

/* One rank. The most that a loop may cost is 1.1 times its gradients: ratios of 0.91x or more. */
static void measure_overheads(federation *f, int repeats) {
  static const setting settings[] = {
      {"fedavg", "fedavg", 0, 0.1, false, 2},     {"fedavg_clip", "fedavg", 10, 0.1, false, 2},
      {"scaffold", "scaffold", 0, 0.1, false, 2}, {"scaffold_clip", "scaffold", 10, 0.1, false, 2},
      {"fedspeed", "fedspeed", 0, 0.1, false, 1}, {"fedspeed_clip", "fedspeed", 10, 0.1, false, 1},
      {"fedsmoo", "fedsmoo", 0, 0.1, false, 1},   {"fedsmoo_clip", "fedsmoo", 10, 0.1, false, 1},
  };
  enum {
    SETTINGS = sizeof settings / sizeof settings[0]
  };
  double ours[SETTINGS][MOST], limit[SETTINGS][MOST], ratio[SETTINGS][MOST];
  for (int r = 0; r < repeats; r++)
    for (int i = 0; i < SETTINGS; i++) {
      cost c = run_rounds(f, &settings[i]);
      ours[i][r] = 1e6 * c.cpu / (double)c.gradients;
      limit[i][r] = 1e6 * take_gradients(f, c.gradients) / (double)c.gradients;
      ratio[i][r] = limit[i][r] / ours[i][r];
    }
  for (int i = 0; i < SETTINGS; i++)
    printf("federated_loop_%s  ours %.1f us  limit %.1f us (CPU a gradient, alone)  ratio %.2fx\n",
           settings[i].name, median(ours[i], repeats), median(limit[i], repeats),
           median(ratio[i], repeats));
}

/* Wait for rank 0 without using its cores. */
static void sleep_until_rank_0(void) {
  MPI_Request request;
  int done = 0;
  MPI_Ibarrier(MPI_COMM_WORLD, &request);
  while (!done) {
    MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (!done) usleep(2000);
  }
}

/* Rank 0 alone has all rows a second time. */
static void measure_speedups(federation *world, int rank, int repeats) {
  static const setting settings[] = {
      {"cohort_10", "fedavg", 10, 0.1, false, 5},
      {"bernoulli_10", "fedavg", 10, 0.1, true, 5},
      {"cohort_100", "fedavg", 10, 1, false, 1},
  };
  enum {
    SETTINGS = sizeof settings / sizeof settings[0]
  };
  double ours[SETTINGS][MOST], alone[SETTINGS][MOST], ratio[SETTINGS][MOST];
  int p = mst_team_size(world->team);
  federation one = {.team = NULL};
  if (rank == 0) gather(MPI_COMM_SELF, &one);
  for (int r = 0; r < repeats; r++)
    for (int i = 0; i < SETTINGS; i++) {
      const setting *s = &settings[i];
      if (rank == 0) alone[i][r] = run_rounds(&one, s).wall / (double)s->rounds;
      sleep_until_rank_0();
      ours[i][r] = run_rounds(world, s).wall / (double)s->rounds;
      ratio[i][r] = alone[i][r] / ours[i][r];
    }
  for (int i = 0; rank == 0 && i < SETTINGS; i++)
    printf("federated_speedup_%s_p%d  ours %.3f s  peer %.3f s (a round on 1 rank)  ratio %.2fx\n",
           settings[i].name, p, median(ours[i], repeats), median(alone[i], repeats),
           median(ratio[i], repeats));
  if (rank == 0) scatter(&one);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  mst_blas_init();
  int repeats = argc > 1 ? atoi(argv[1]) : 5;
  if (repeats < 1 || repeats > MOST) repeats = 5;
  federation world = {.team = NULL};
  gather(MPI_COMM_WORLD, &world);
  if (mst_team_size(world.team) == 1)
    measure_overheads(&world, repeats);
  else
    measure_speedups(&world, mst_team_rank(world.team), repeats);
  scatter(&world);
  MPI_Finalize();
  return 0;
}
