/* The team itself: made from a communicator, with its node map and its meters. What its ranks do
 * together lives in the files beside this one. */
#include "comm/team.h"

#include "comm/internal.h"
#include "comm/share.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"

mst_team_options mst_team_defaults(void) {
  return (mst_team_options){.shared_memory = true, .ranks_per_node = 0};
}

/* Split the team into real nodes, and these into pretended ones if asked. */
static mst_status split_nodes(mst_team *team, int ranks_per_node, MPI_Comm *node) {
  MPI_Comm real = MPI_COMM_NULL;
  MST_TRY(mst_comm_check(
      MPI_Comm_split_type(team->comm, MPI_COMM_TYPE_SHARED, team->rank, MPI_INFO_NULL, &real),
      "finding the ranks that share a node"));
  if (ranks_per_node == 0) {
    *node = real;
    return MST_OK;
  }
  int code = MPI_Comm_split(real, team->rank / ranks_per_node, team->rank, node);
  MPI_Comm_free(&real);
  return mst_comm_check(code, "splitting a node");
}

/* Number the nodes by their lowest rank. leader is scratch of the team's size. */
static mst_status map_nodes(mst_team *team, MPI_Comm node_comm, int *leader) {
  MPI_Comm_rank(node_comm, &team->node_rank);
  MPI_Comm_size(node_comm, &team->node_size);
  int mine = team->rank;
  MST_TRY(mst_comm_check(MPI_Bcast(&mine, 1, MPI_INT, 0, node_comm), "mapping the nodes"));
  MST_TRY(mst_comm_check(MPI_Allgather(&mine, 1, MPI_INT, leader, 1, MPI_INT, team->comm),
                         "mapping the nodes"));
  for (int r = 0; r < team->size; r++) {
    if (leader[r] != r) continue;
    if (r == mine) team->node = team->nodes;
    team->nodes++;
  }
  return MST_OK;
}

static mst_status prepare_team(mst_team *team, const mst_team_options *options) {
  int *leader = NULL;
  MPI_Comm node = MPI_COMM_NULL;
  mst_status status = mst_alloc(&leader, team->size, sizeof *leader, "node map");
  if (status == MST_OK)
    status = mst_alloc(&team->magnitude, MST_TEAM_CHUNKS, sizeof *team->magnitude, "magnitudes");
  status = mst_comm_agree(team->comm, status);
  if (status == MST_OK) status = split_nodes(team, options->ranks_per_node, &node);
  if (status == MST_OK) {
    MPI_Comm_set_errhandler(node, MPI_ERRORS_RETURN);
    status = map_nodes(team, node, leader);
  }
  if (status == MST_OK) status = mst_domain_create(team, node, options->shared_memory);
  if (node != MPI_COMM_NULL) MPI_Comm_free(&node);
  mst_free(leader);
  return status;
}

mst_status mst_team_create(MPI_Comm comm, const mst_team_options *options, mst_team **out) {
  mst_team_options defaults = mst_team_defaults();
  if (options == NULL) options = &defaults;
  *out = NULL;
  if (options->ranks_per_node < 0)
    return mst_fail(MST_ERR_INPUT, "ranks_per_node is %d: give 0 to ask MPI, or a positive number",
                    options->ranks_per_node);
  MPI_Comm own = MPI_COMM_NULL;
  MST_TRY(mst_comm_check(MPI_Comm_dup(comm, &own), "duplicating the communicator"));
  MPI_Comm_set_errhandler(own, MPI_ERRORS_RETURN);
  mst_team *team = NULL;
  mst_status status = mst_comm_agree(own, mst_alloc(&team, 1, sizeof *team, "team"));
  if (status != MST_OK) {
    mst_free(team);
    MPI_Comm_free(&own);
    return status;
  }
  team->comm = own;
  team->call_bytes = MST_CALL_BYTES;
  team->domain.comm = team->domain.leaders = MPI_COMM_NULL;
  team->domain.window = MPI_WIN_NULL;
  MPI_Comm_rank(own, &team->rank);
  MPI_Comm_size(own, &team->size);
  status = mst_comm_agree(own, prepare_team(team, options));
  if (status != MST_OK) {
    mst_team_destroy(team);
    return status;
  }
  *out = team;
  return MST_OK;
}

void mst_team_destroy(mst_team *team) {
  if (team == NULL) return;
  mst_share_destroy(team->kept);
  mst_domain_destroy(team);
  MPI_Comm_free(&team->comm);
  mst_free(team->magnitude);
  mst_free(team);
}

int mst_team_rank(const mst_team *team) {
  return team->rank;
}
int mst_team_size(const mst_team *team) {
  return team->size;
}
MPI_Comm mst_team_comm(const mst_team *team) {
  return team->comm;
}

void mst_team_share(const mst_team *team, int64_t n, int64_t *first, int64_t *count) {
  *first = mst_share_begin(n, team->rank, team->size);
  *count = mst_share_begin(n, team->rank + 1, team->size) - *first;
}

int mst_team_nodes(const mst_team *team) {
  return team->nodes;
}
int mst_team_node(const mst_team *team) {
  return team->node;
}
int mst_team_node_rank(const mst_team *team) {
  return team->node_rank;
}
int mst_team_node_size(const mst_team *team) {
  return team->node_size;
}

mst_status mst_team_barrier(mst_team *team) {
  mst_comm_enter(team);
  mst_comm_meter(team, 0.0);
  return mst_comm_leave(team, mst_comm_check(MPI_Barrier(team->comm), "barrier"));
}

mst_meter mst_team_meter(const mst_team *team) {
  return team->meter;
}

void mst_comm_enter(mst_team *team) {
  if (team->depth++ == 0) team->entered = MPI_Wtime();
}

mst_status mst_comm_leave(mst_team *team, mst_status status) {
  if (--team->depth == 0) team->meter.seconds += MPI_Wtime() - team->entered;
  return status;
}

void mst_team_meter_add(mst_team *team, int64_t messages, int64_t bytes) {
  team->meter.messages += messages;
  team->meter.mpi_bytes += bytes;
}

void mst_team_meter_add_shared(mst_team *team, int64_t bytes) {
  team->meter.shared_bytes += bytes;
}

void mst_comm_meter(mst_team *team, double bytes) {
  mst_team_meter_add(team, 1, (int64_t)bytes);
}

void mst_comm_limit(mst_team *team, int64_t call_bytes, int64_t round_elements) {
  mst_domain *d = &team->domain;
  team->call_bytes = call_bytes > 0 ? call_bytes : MST_CALL_BYTES;
  d->round_elements = d->capacity;
  if (round_elements > 0 && round_elements < d->capacity) d->round_elements = round_elements;
  if (d->round_elements < 2 * (int64_t)team->size) d->round_elements = 2 * (int64_t)team->size;
}
