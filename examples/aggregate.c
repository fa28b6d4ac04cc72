/* Robust aggregation in a program of one's own: every rank has updates of a model, one of them is
 * hostile, and all ranks get the trimmed mean, which no single update can move far.
 *
 *   mpicc aggregate.c -o aggregate $(pkg-config --cflags --libs muster)
 *   mpirun -n 4 ./aggregate */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/memory.h"
#include "parallel/robust.h"

#define N 3      /* updates of a rank    */
#define D 100000 /* entries of an update */

static mst_status aggregate(mst_team *team, float *update, float *result) {
  mst_rule_spec rule = {.name = "trimmed_mean", .byzantine = 1};
  mst_robust_report report;
  mst_param_defaults(mst_rule_find(rule.name)->params, &rule);
  for (int i = 0; i < N * D; i++) update[i] = (float)(i % D) / D + 0.01f * (float)(i / D);
  for (int i = 0; i < D && mst_team_rank(team) == 0; i++) update[i] = -1e6f; /* the hostile one */
  MST_TRY(mst_aggregate(team, &rule, NULL, N, D, update, result, &report));
  if (mst_team_rank(team) == 0)
    printf("%lld updates, %lld left out; the middle entry is %.3f\n", (long long)report.n,
           (long long)report.excluded, (double)result[D / 2]);
  mst_robust_report_clear(&report);
  return MST_OK;
}

int main(int argc, char **argv) {
  mst_team *team = NULL;
  float *update = NULL, *result = NULL;
  MPI_Init(&argc, &argv);
  mst_status status = mst_team_create(MPI_COMM_WORLD, NULL, &team);
  if (status == MST_OK) status = mst_alloc(&update, N * D, sizeof *update, "updates");
  if (status == MST_OK) status = mst_alloc(&result, D, sizeof *result, "the result");
  if (status == MST_OK) status = aggregate(team, update, result);
  if (status != MST_OK) fprintf(stderr, "%s\n", mst_status_detail());
  mst_free(update);
  mst_free(result);
  mst_team_destroy(team);
  MPI_Finalize();
  return status == MST_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
