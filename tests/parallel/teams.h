/* The two teams of a test over ranks: this process alone, and all of them. To be included by a test
 * program after the harness. */
#ifndef MST_TESTS_PARALLEL_TEAMS_H
#define MST_TESTS_PARALLEL_TEAMS_H

#include "core/linalg/blas.h"

static mst_team *world, *alone;

static void make_teams(void) {
  mst_blas_init();
  ck_ok(mst_team_create(MPI_COMM_SELF, NULL, &alone));
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &world));
}
static void end_teams(void) {
  mst_team_destroy(world);
  mst_team_destroy(alone);
}

#endif
