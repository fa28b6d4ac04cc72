/* Neighbour exchange. Every rank makes the whole plan from the graph: walking the rows in order, it
 * gives each the next free place in every domain that reads it and has it not; the place also says
 * which of that domain's ranks receives. So both ends of a message meet the rows in the same order,
 * and one tag is enough. */
#include "comm/neighbours.h"

#include <inttypes.h>

#include "comm/internal.h"
#include "comm/share.h"
#include "core/base/memory.h"

#define TAG 7 /* of no other message in comm that may be under way between begin and finish */

/* A row from or to a rank. */
typedef struct transfer {
  int64_t row;
  int peer;
} transfer;

struct mst_neighbours {
  mst_team *team;
  int64_t n, row_bytes, pieces; /* pieces: messages of a row                    */
  int64_t *place;               /* (n) of a row's copy in the share, or -1       */
  int64_t copies, ins, outs;    /* copies of the domain; rows in and out here    */
  transfer *in, *out;           /* (ins), (outs)                                 */
  mst_share *share;             /* (copies, row_bytes)                           */
  MPI_Request *request;         /* ((ins + outs) pieces)                         */
  int64_t posted;
  mst_status status; /* of posting */
};

/* What planning needs beside the plan. */
typedef struct planner {
  int32_t *domain; /* (team size) of each rank                     */
  int64_t *filled; /* (domains) copies so far                      */
  int64_t *seen;   /* (domains) 1 + the last row that was looked at */
} planner;

static mst_status check_graph(const mst_team *team, const mst_neighbour_graph *g,
                              int64_t row_bytes) {
  if (row_bytes < 1 || g->n < 0)
    return mst_fail(MST_ERR_INTERNAL,
                    "neighbours exchange %" PRId64 " rows of %" PRId64
                    " bytes: give 0 or more rows "
                    "of at least 1 byte",
                    g->n, row_bytes);
  for (int64_t i = 0; i < g->n; i++)
    if (g->home[i] < 0 || g->home[i] >= team->size)
      return mst_fail(MST_ERR_INTERNAL, "row %" PRId64 " is at home on rank %d of %d", i,
                      (int)g->home[i], team->size);
  for (int64_t e = 0; e < g->first[g->n]; e++)
    if (g->neighbour[e] < 0 || g->neighbour[e] >= g->n)
      return mst_fail(MST_ERR_INTERNAL, "row %" PRId64 " of %" PRId64 " is a neighbour",
                      g->neighbour[e], g->n);
  return MST_OK;
}

static void forget_counts(mst_neighbours *x, planner *p) {
  for (int d = 0; d < x->team->domain.n; d++) p->filled[d] = p->seen[d] = 0;
  x->ins = x->outs = 0;
}

/* Walk the rows; fill the lists if they are there, else count. */
static void walk(mst_neighbours *x, const mst_neighbour_graph *g, planner *p) {
  const mst_domain *d = &x->team->domain;
  forget_counts(x, p);
  for (int64_t row = 0; row < g->n; row++) {
    int at = p->domain[g->home[row]];
    p->seen[at] = row + 1;
    for (int64_t e = g->first[row]; e < g->first[row + 1]; e++) {
      int reader = p->domain[g->home[g->neighbour[e]]];
      if (p->seen[reader] == row + 1) continue;
      p->seen[reader] = row + 1;
      int64_t place = p->filled[reader]++;
      int64_t ranks = d->first[reader + 1] - d->first[reader];
      int receiver = d->order[d->first[reader] + place % ranks];
      if (reader == d->index) x->place[row] = place;
      if (receiver == x->team->rank) {
        if (x->in != NULL) x->in[x->ins] = (transfer){row, g->home[row]};
        x->ins++;
      }
      if (g->home[row] == x->team->rank) {
        if (x->out != NULL) x->out[x->outs] = (transfer){row, receiver};
        x->outs++;
      }
    }
  }
  x->copies = p->filled[d->index];
}

static mst_status make_planner(const mst_team *team, planner *p) {
  const mst_domain *d = &team->domain;
  MST_TRY(mst_alloc(&p->domain, team->size, sizeof *p->domain, "domains of ranks"));
  MST_TRY(mst_alloc(&p->filled, d->n, sizeof *p->filled, "copies of domains"));
  MST_TRY(mst_alloc(&p->seen, d->n, sizeof *p->seen, "copies of domains"));
  for (int i = 0; i < d->n; i++)
    for (int k = d->first[i]; k < d->first[i + 1]; k++) p->domain[d->order[k]] = i;
  return MST_OK;
}

static mst_status plan(mst_neighbours *x, const mst_neighbour_graph *g, planner *p) {
  MST_TRY(check_graph(x->team, g, x->row_bytes));
  MST_TRY(make_planner(x->team, p));
  MST_TRY(mst_alloc(&x->place, g->n, sizeof *x->place, "copies of neighbours"));
  for (int64_t i = 0; i < g->n; i++) x->place[i] = -1;
  walk(x, g, p);
  int64_t ins = x->ins, outs = x->outs;
  x->pieces = (x->row_bytes + x->team->call_bytes - 1) / x->team->call_bytes;
  MST_TRY(mst_alloc(&x->in, ins, sizeof *x->in, "rows of neighbours"));
  MST_TRY(mst_alloc(&x->out, outs, sizeof *x->out, "rows of neighbours"));
  MST_TRY(mst_alloc(&x->request, (ins + outs) * x->pieces, sizeof *x->request,
                    "messages between neighbours"));
  if (ins + outs > 0) walk(x, g, p);
  return MST_OK;
}

static mst_status create(mst_neighbours *x, const mst_neighbour_graph *g, const char *what) {
  planner p = {.domain = NULL};
  mst_status st = mst_team_agree(x->team, plan(x, g, &p));
  mst_free(p.domain);
  mst_free(p.filled);
  mst_free(p.seen);
  if (st != MST_OK || x->team->domain.n == 1) return st;
  return mst_share_create(x->team, x->copies * x->row_bytes, what, &x->share);
}

mst_status mst_neighbours_create(mst_team *team, const mst_neighbour_graph *graph,
                                 int64_t row_bytes, const char *what, mst_neighbours **out) {
  mst_neighbours *x = NULL;
  *out = NULL;
  MST_TRY(mst_team_same(team, (int64_t[]){graph->n, row_bytes}, 2, "rows of neighbours"));
  mst_comm_enter(team);
  mst_status st = mst_team_agree(team, mst_alloc(&x, 1, sizeof *x, "neighbour exchange"));
  if (st == MST_OK) {
    x->team = team;
    x->n = graph->n;
    x->row_bytes = row_bytes;
    st = create(x, graph, what);
  }
  if (st == MST_OK)
    *out = x;
  else
    mst_neighbours_destroy(x);
  return mst_comm_leave(team, st);
}

/* Give up what is under way. */
static void cancel(mst_neighbours *x) {
  for (int64_t i = 0; i < x->posted; i++) {
    if (x->request[i] == MPI_REQUEST_NULL) continue;
    MPI_Cancel(&x->request[i]);
    MPI_Request_free(&x->request[i]);
  }
  x->posted = 0;
}

void mst_neighbours_destroy(mst_neighbours *x) {
  if (x == NULL) return;
  cancel(x);
  mst_share_destroy(x->share);
  mst_free(x->place);
  mst_free(x->in);
  mst_free(x->out);
  mst_free(x->request);
  mst_free(x);
}

/* Bytes of a piece of a row. */
static int piece_bytes(const mst_neighbours *x, int64_t piece) {
  int64_t left = x->row_bytes - piece * x->team->call_bytes;
  return (int)(left < x->team->call_bytes ? left : x->team->call_bytes);
}

static mst_status post_in(mst_neighbours *x, const transfer *t) {
  char *to = (char *)mst_share_at(x->share) + x->place[t->row] * x->row_bytes;
  for (int64_t k = 0; k < x->pieces; k++) {
    int code = MPI_Irecv(to + k * x->team->call_bytes, piece_bytes(x, k), MPI_BYTE, t->peer, TAG,
                         x->team->comm, &x->request[x->posted]);
    MST_TRY(mst_comm_check(code, "receiving a neighbour's row"));
    x->posted++;
  }
  return MST_OK;
}

static mst_status post_out(mst_neighbours *x, const transfer *t, const char *from) {
  for (int64_t k = 0; k < x->pieces; k++) {
    mst_comm_meter(x->team, piece_bytes(x, k));
    int code = MPI_Isend(from + k * x->team->call_bytes, piece_bytes(x, k), MPI_BYTE, t->peer, TAG,
                         x->team->comm, &x->request[x->posted]);
    MST_TRY(mst_comm_check(code, "sending a row to neighbours"));
    x->posted++;
  }
  return MST_OK;
}

void mst_neighbours_begin(mst_neighbours *x, const void *(*row)(void *context, int64_t row),
                          void *context) {
  mst_comm_enter(x->team);
  x->posted = 0;
  mst_status st = MST_OK;
  for (int64_t i = 0; i < x->ins && st == MST_OK; i++) st = post_in(x, &x->in[i]);
  for (int64_t i = 0; i < x->outs && st == MST_OK; i++)
    st = post_out(x, &x->out[i], row(context, x->out[i].row));
  x->status = mst_comm_leave(x->team, st);
}

/* Some thousands at a time: MPI counts requests by int. */
static mst_status wait_all(mst_neighbours *x) {
  enum {
    AT_A_TIME = 1 << 14
  };
  for (int64_t done = 0; done < x->posted; done += AT_A_TIME) {
    int64_t n = x->posted - done < AT_A_TIME ? x->posted - done : AT_A_TIME;
    MST_TRY(mst_comm_check(MPI_Waitall((int)n, x->request + done, MPI_STATUSES_IGNORE),
                           "exchanging rows with neighbours"));
  }
  x->posted = 0;
  return MST_OK;
}

/* A rank that could not post everything would let others wait for ever: first all agree. */
static mst_status finish(mst_neighbours *x) {
  if (x->team->domain.n == 1) return MST_OK;
  mst_status st = mst_comm_agree(x->team->comm, x->status);
  if (st == MST_OK) st = mst_comm_agree(x->team->comm, wait_all(x));
  if (st == MST_OK) return mst_share_sync(x->share);
  cancel(x);
  return st;
}

mst_status mst_neighbours_finish(mst_neighbours *x) {
  mst_comm_enter(x->team);
  return mst_comm_leave(x->team, finish(x));
}

const void *mst_neighbours_copy(const mst_neighbours *x, int64_t row) {
  return x->place[row] >= 0 ? (const char *)mst_share_at(x->share) + x->place[row] * x->row_bytes
                            : NULL;
}

int64_t mst_neighbours_copies(const mst_neighbours *x) {
  return x->copies;
}
