/* Local privacy over ranks: rounds of users, exact sums, what was sent. */
#include "parallel/local_regression.h"

#include <math.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/lattice.h"

#define WINDOW_BYTES ((int64_t)16 << 20) /* of rows that a rank reads at once */

typedef struct run {
  mst_team *team;
  const mst_local_regression_options *options;
  const mst_observer *observer;
  mst_ldp *method;
  mst_local_regression_totals *totals;
  int64_t room;    /* numbers of a message, or of public second moments, the larger */
  double *truth;   /* (d) NULL unless rows are made up                              */
  double *work;    /* (d)                                                           */
  double *message; /* (room)                                                        */
  double *mean;    /* (room)                                                        */
  int64_t *sum;    /* (room + 1) the last: how many were added                      */
  float *x;        /* (window, d); of made-up rows one                              */
  float *y;        /* (window)                                                      */
} run;

static int64_t window_of(const mst_row_reader *rows, int64_t d) {
  if (rows == NULL) return 1;
  return mst_least(mst_most(1, WINDOW_BYTES / (4 * (d + 1))), mst_most(1, rows->rows));
}

static int64_t window(const mst_local_regression_options *o) {
  return mst_most(window_of(o->rows, o->method.width), window_of(o->open_rows, o->method.width));
}

static int64_t room(const mst_local_regression_options *o) {
  const bool open = mst_ldp_find(o->method.method)->public;
  const int64_t packed = open ? mst_ldp_packed(o->method.width) : 0;
  return mst_most(mst_ldp_entries(&o->method), packed);
}

int64_t mst_local_regression_plan(const mst_local_regression_options *o) {
  const int64_t d = o->method.width;
  return mst_ldp_bytes(&o->method) + 24 * room(o) + 16 * d + 4 * window(o) * (d + 1);
}

mst_status mst_local_regression_check(const mst_local_regression_options *o) {
  const mst_ldp_ops *ops = mst_ldp_find(o->method.method);
  MST_TRY(mst_ldp_check(&o->method));
  if (o->rows == NULL) {
    MST_TRY(mst_linear_check(&o->linear));
    if (o->linear.width != o->method.width)
      return mst_fail(MST_ERR_INTERNAL, "made-up rows of %lld columns for %lld",
                      (long long)o->linear.width, (long long)o->method.width);
  }
  const int64_t open = o->open_rows != NULL ? o->open_rows->rows : o->open_count;
  if (ops->public && open < 1)
    return mst_fail(MST_ERR_INPUT,
                    "local.method: %s takes second moments from public rows; there are none",
                    ops->name);
  if (!ops->public && open > 0)
    return mst_fail(MST_ERR_INPUT, "local.method: %s takes no public rows; %lld are given",
                    ops->name, (long long)open);
  if (ops->public && o->open_rows != NULL && o->open_rows->row_elements != o->method.width)
    return mst_fail(MST_ERR_INPUT, "public rows of %lld columns; the users' have %lld",
                    (long long)o->open_rows->row_elements, (long long)o->method.width);
  return MST_OK;
}

static mst_status allocate(run *r) {
  const mst_local_regression_options *o = r->options;
  const int64_t d = o->method.width;
  r->room = room(o);
  MST_TRY(mst_ldp_create(&o->method, &r->method));
  MST_TRY(mst_alloc(&r->work, d, sizeof *r->work, "a row"));
  MST_TRY(mst_alloc(&r->message, r->room, sizeof *r->message, "a message"));
  MST_TRY(mst_alloc(&r->mean, r->room, sizeof *r->mean, "a mean of messages"));
  MST_TRY(mst_alloc(&r->sum, r->room + 1, sizeof *r->sum, "a sum of messages"));
  MST_TRY(mst_alloc(&r->x, window(o) * d, sizeof *r->x, "rows of users"));
  MST_TRY(mst_alloc(&r->y, window(o), sizeof *r->y, "responses of users"));
  if (o->rows != NULL) return MST_OK;
  MST_TRY(mst_alloc(&r->truth, d, sizeof *r->truth, "the truth"));
  mst_linear_truth(&o->linear, r->truth);
  return MST_OK;
}

static void release(run *r) {
  mst_free(r->work);
  mst_free(r->message);
  mst_free(r->mean);
  mst_free(r->sum);
  mst_free(r->x);
  mst_free(r->y);
  mst_free(r->truth);
}

/* What is done with one row, into r->message: of user i, or public row i. */
typedef mst_status (*row_task)(run *r, int64_t i, const float *x, double y);

static mst_status speak(run *r, int64_t user, const float *x, double y) {
  mst_noise noise = mst_noise_of(&r->options->secret, MST_NOISE_LOCAL, 1 + (uint64_t)user, 0);
  const mst_status st = mst_ldp_message(r->method, &noise, x, y, r->work, r->message);
  mst_noise_wipe(&noise);
  return st;
}

static mst_status look(run *r, int64_t i, const float *x, double y) {
  (void)y;
  if (mst_ldp_moment(r->method, x, r->work, r->message) == MST_OK) return MST_OK;
  return mst_fail(MST_ERR_NONFINITE,
                  "row %lld of the public rows, counted from 0, holds NaN or "
                  "infinity",
                  (long long)i);
}

/* Which rows are meant: every `every`-th from `from` on, of so many. */
typedef struct pass {
  const mst_row_reader *reader; /* NULL: made up        */
  bool users;
  int64_t rows, from, every, entries;
  double bound; /* of an entry */
  row_task task;
} pass;

static mst_status add_rows(run *r, const pass *p, int64_t first, int64_t count, int shift) {
  const int64_t d = r->options->method.width;
  for (int64_t i = first; i < first + count; i++) {
    if (i % p->every != p->from) continue;
    const float *x = r->x;
    double y = 0;
    if (p->reader == NULL) {
      mst_linear_row(&r->options->linear, r->truth, i, r->x, p->users ? &y : NULL);
    } else {
      x += (i - first) * d;
      y = p->users ? (double)r->y[i - first] : 0;
    }
    MST_TRY(p->task(r, i, x, y));
    mst_lattice_add(r->sum, r->message, p->entries, shift);
    r->sum[p->entries]++;
  }
  return MST_OK;
}

/* r->mean = the mean over the rows of what the task makes of each, exactly; every one is counted.
 */
static mst_status mean_of(run *r, const pass *p) {
  const int64_t terms = mst_ceil_div(p->rows - p->from, p->every), d = r->options->method.width;
  const int shift = mst_lattice_shift(mst_lattice_exponent(p->bound * (double)terms));
  int64_t first = 0, mine = 0, wide = p->reader == NULL ? p->rows : window_of(p->reader, d);
  mst_status st = MST_OK;
  for (int64_t e = 0; e <= p->entries; e++) r->sum[e] = 0;
  mst_team_share(r->team, p->rows, &first, &mine);
  const int64_t windows =
      mst_ceil_div(mst_ceil_div(p->rows, mst_team_size(r->team)), wide); /* alike on all ranks */
  for (int64_t w = 0; w < windows; w++) {
    const int64_t at = mst_least(w * wide, mine), count = mst_least(wide, mine - at);
    if (p->reader != NULL)
      MST_TRY(p->reader->read(p->reader->context, first + at, count, r->x, r->y));
    if (st == MST_OK) st = add_rows(r, p, first + at, count, shift);
    mst_observer_step(r->observer, count);
  }
  MST_TRY(mst_team_agree(r->team, st));
  MST_TRY(mst_sum_i64(r->team, r->sum, p->entries + 1));
  if (r->sum[p->entries] != terms)
    return mst_fail(MST_ERR_INTERNAL, "%lld messages of %lld users", (long long)r->sum[p->entries],
                    (long long)terms);
  mst_lattice_to(r->mean, r->sum, p->entries, shift);
  for (int64_t e = 0; e < p->entries; e++) r->mean[e] /= (double)terms;
  return MST_OK;
}

static mst_status take_public_rows(run *r) {
  const mst_local_regression_options *o = r->options;
  const double length = r->method->spec.radius;
  const pass p = {.reader = o->open_rows,
                  .rows = o->open_rows != NULL ? o->open_rows->rows : o->open_count,
                  .every = 1,
                  .entries = mst_ldp_packed(o->method.width),
                  .bound = length * length * (1 + 1e-9),
                  .task = look};
  mst_observer_phase(r->observer, "public rows", p.rows, "rows");
  MST_TRY(mean_of(r, &p));
  return mst_ldp_moments(r->method, p.rows, r->mean);
}

/* How far the estimate is from the truth. */
static void measure(run *r) {
  mst_local_regression_totals *t = r->totals;
  double square = 0;
  t->truth = r->truth != NULL;
  t->largest = 0;
  t->wrong = 0;
  for (int64_t j = 0; t->truth && j < r->method->spec.width; j++) {
    const double off = r->method->theta[j] - r->truth[j];
    square += off * off;
    t->largest = fmax(t->largest, fabs(off));
    t->wrong += (r->method->theta[j] == 0) != (r->truth[j] == 0);
  }
  t->error = sqrt(square);
}

static mst_status report(run *r, int64_t round, int64_t users) {
  mst_local_regression_totals *t = r->totals;
  const mst_observer *o = r->observer;
  const mst_metric metric[] = {{"messages", (double)t->messages}, {"error", t->error}};
  const int64_t up = 8 * r->method->entries * users;
  const int64_t down = r->method->rounds > 1 ? 8 * r->method->spec.width * users : 0;
  t->uplink_bytes += up;
  t->downlink_bytes += down;
  if (o == NULL || o->on_round == NULL) return MST_OK;
  MST_TRY(o->on_round(o->context, round + 1, t->truth ? 2 : 1, metric));
  if (o->on_bytes == NULL) return MST_OK;
  MST_TRY(o->on_bytes(o->context, round + 1, "uplink", up, users));
  return o->on_bytes(o->context, round + 1, "downlink", down, down > 0 ? users : 0);
}

static mst_status take_round(run *r, int64_t round) {
  const pass p = {.reader = r->options->rows,
                  .users = true,
                  .rows = r->method->spec.users,
                  .from = round,
                  .every = r->method->rounds,
                  .entries = r->method->entries,
                  .bound = r->method->bound,
                  .task = speak};
  MST_TRY(mean_of(r, &p));
  MST_TRY(mst_team_agree(r->team, mst_ldp_close(r->method, r->mean)));
  r->totals->messages += mst_ldp_users(r->method, round);
  r->totals->rounds = round + 1;
  measure(r);
  return report(r, round, mst_ldp_users(r->method, round));
}

static mst_status take_rounds(run *r) {
  MST_TRY(mst_team_agree(r->team, allocate(r)));
  r->totals->message_numbers = r->method->entries;
  if (r->method->ops->public) MST_TRY(take_public_rows(r));
  mst_observer_phase(r->observer, "users", r->method->spec.users * r->method->rounds, "users");
  for (int64_t t = 0; t < r->method->rounds; t++) MST_TRY(take_round(r, t));
  return MST_OK;
}

mst_status mst_local_regression(mst_team *team, const mst_local_regression_options *o,
                                const mst_observer *observer, mst_ldp **out,
                                mst_local_regression_totals *totals) {
  run r = {.team = team, .options = o, .observer = observer, .totals = totals};
  *out = NULL;
  *totals = (mst_local_regression_totals){.rounds = 0};
  MST_TRY(mst_team_agree(team, mst_local_regression_check(o)));
  const mst_status st = take_rounds(&r);
  release(&r);
  if (st == MST_OK)
    *out = r.method;
  else
    mst_ldp_destroy(r.method);
  return st;
}
