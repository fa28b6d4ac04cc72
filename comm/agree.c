/* Agreement: how a team turns one rank's failure into everyone's, so that no rank is left waiting
 * in a collective that another never enters. A status is agreed with one small allreduce when all
 * is well; only a failure costs more. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "comm/internal.h"
#include "comm/sum.h"

mst_status mst_comm_check(int code, const char *what) {
  if (code == MPI_SUCCESS) return MST_OK;
  char words[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, words, &length);
  return mst_fail(MST_ERR_COMM, "%s failed; MPI says: %s", what, words);
}

/* A status on its way to the other ranks. */
typedef struct report {
  int code;
  char text[MST_STATUS_DETAIL_MAX];
} report;

/* Some rank failed, the lowest of them is `lowest`: spread its report. */
static mst_status spread_report(MPI_Comm comm, mst_status mine, int lowest) {
  int rank = 0, size = 0, failed = mine != MST_OK;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  MST_TRY(mst_comm_check(MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_SUM, comm),
                         "counting failed ranks"));
  report r = {.code = (int)mine};
  snprintf(r.text, sizeof r.text, "%s", mst_status_detail());
  MST_TRY(
      mst_comm_check(MPI_Bcast(&r, (int)sizeof r, MPI_BYTE, lowest, comm), "spreading an error"));
  mst_status code = mst_fail((mst_status)r.code, "%s", r.text);
  return failed < size ? mst_fail_within(code, "rank %d: ", lowest) : code;
}

mst_status mst_comm_agree(MPI_Comm comm, mst_status mine) {
  int rank = 0, lowest = INT_MAX;
  MPI_Comm_rank(comm, &rank);
  if (mine != MST_OK) lowest = rank;
  MST_TRY(mst_comm_check(MPI_Allreduce(MPI_IN_PLACE, &lowest, 1, MPI_INT, MPI_MIN, comm),
                         "agreeing on a status"));
  return lowest == INT_MAX ? MST_OK : spread_report(comm, mine, lowest);
}

mst_status mst_team_agree(mst_team *team, mst_status mine) {
  if (team->size == 1) return mine;
  mst_comm_enter(team);
  mst_comm_meter(team, 2.0 * (double)sizeof(int) * (team->size - 1) / team->size);
  return mst_comm_leave(team, mst_comm_agree(team->comm, mine));
}

mst_status mst_team_any(mst_team *team, bool mine, bool *any) {
  int flag = mine;
  mst_comm_enter(team);
  mst_comm_meter(team, 2.0 * (double)sizeof flag * (team->size - 1) / team->size);
  mst_status status = mst_comm_check(
      MPI_Allreduce(MPI_IN_PLACE, &flag, 1, MPI_INT, MPI_MAX, team->comm), "asking all ranks");
  *any = flag != 0;
  return mst_comm_leave(team, status);
}

/* The largest v is v's largest, the largest ~v gives its smallest: equal iff all agree. */
mst_status mst_comm_compare(mst_team *team, const int64_t *values, int n, const char *what) {
  for (int i = 0; i < n; i++) {
    int64_t most[2] = {values[i], ~values[i]};
    MST_TRY(mst_comm_check(MPI_Allreduce(MPI_IN_PLACE, most, 2, MPI_INT64_T, MPI_MAX, team->comm),
                           what));
    if (most[0] != ~most[1])
      return mst_fail(MST_ERR_INTERNAL,
                      "%s: value %d must be the same on all ranks, but lies between %lld and %lld",
                      what, i, (long long)~most[1], (long long)most[0]);
  }
  return MST_OK;
}

mst_status mst_team_same(mst_team *team, const int64_t *values, int n, const char *what) {
#ifdef MST_DEBUG
  return mst_comm_compare(team, values, n, what);
#else
  (void)team, (void)values, (void)n, (void)what;
  return MST_OK;
#endif
}
