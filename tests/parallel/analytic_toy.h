/* What the tests of the analytic job share: teams, a usual size, and a run with nothing unusual. */
#ifndef MST_TESTS_PARALLEL_ANALYTIC_TOY_H
#define MST_TESTS_PARALLEL_ANALYTIC_TOY_H

#include "tests/parallel/learning.h"

#define N 1500
#define D 520 /* three tile columns with targets and ones */
#define C 4

static mst_team *world, *alone;

static inline void start_team(void) {
  mst_team_options options = mst_team_defaults();
  ck_ok(mst_team_create(MPI_COMM_WORLD, &options, &world));
  ck_ok(mst_team_create(MPI_COMM_SELF, &options, &alone));
}

static inline void end_team(void) {
  mst_team_destroy(world);
  mst_team_destroy(alone);
}

static inline mst_partition_spec dirichlet(int64_t clients) {
  return (mst_partition_spec){.name = "dirichlet", .seed = 3, .clients = clients, .alpha = 0.01};
}

/* Rows dealt by a Dirichlet partition, summed as they are, in one window and one group. */
static inline void usual_start(toy_run *r, toy *t, int64_t clients) {
  const mst_partition_spec spec = dirichlet(clients);
  toy_start(r, world, t, &spec, mst_pipeline_sum(), 1 << 20, 1);
}

#endif
