/* Rows for the steps. The rows of a domain lie in its memory, where all its ranks read them; each
 * epoch permutes all rows. Where there are several domains, a row that another domain's rank needs
 * is sent to that rank, for as many portions at a time as a window of bounded size holds. */
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "parallel/train_internal.h"

#define WINDOW_BYTES   ((int64_t)16 << 20) /* of records that a rank is sent at a time */
#define LONGEST_WINDOW 64                  /* portions                                 */

/* A rank's blocks of a portion, or their rows' positions in the epoch's order: `head` from `first`
 * on, and the rest of `count` from `second` on, which comes later. */
typedef struct span {
  int64_t first, head, second, count;
} span;

static int64_t span_at(const span *s, int64_t i) {
  return i < s->head ? s->first + i : s->second + i - s->head;
}

int64_t mst_train_rows_of_step(const mst_train_rows *r, int64_t step) {
  return mst_least(r->batch, r->rows - step * r->batch);
}

static int64_t blocks_of_step(const mst_train_rows *r, int64_t step) {
  return mst_ceil_div(mst_train_rows_of_step(r, step), r->block);
}

/* Even shares of a portion's blocks. */
static span plain_blocks(const mst_train_rows *r, int64_t portion, int rank) {
  int64_t step = portion / r->accumulate, turn = portion % r->accumulate;
  int64_t blocks = blocks_of_step(r, step), ranks = mst_team_size(r->team);
  int64_t from = mst_share_begin(blocks, turn, r->accumulate);
  int64_t n = mst_share_begin(blocks, turn + 1, r->accumulate) - from;
  int64_t begin = mst_share_begin(n, rank, ranks),
          count = mst_share_begin(n, rank + 1, ranks) - begin;
  return (span){from + begin, count, 0, count};
}

/* The blocks of the parts that the rank's workers take: parts are consecutive modulo their number,
 * and are gone through in ascending order. */
static span coded_blocks(const mst_train_rows *r, int64_t step, int rank) {
  const mst_coding_spec *code = &r->coding;
  int64_t n = code->workers, ranks = mst_team_size(r->team), blocks = blocks_of_step(r, step);
  int64_t worker = mst_share_begin(n, rank, ranks), end = mst_share_begin(n, rank + 1, ranks);
  if (worker == end) return (span){0, 0, 0, 0};
  int64_t part = mst_coding_first(code, worker);
  int64_t parts = mst_coding_first(code, end - 1) + mst_coding_redundancy(code) - part;
  if (parts >= n) return (span){0, blocks, 0, blocks};
  int64_t second = mst_share_begin(blocks, part, n);
  int64_t last = mst_share_begin(blocks, mst_least(part + parts, n), n);
  int64_t head = mst_share_begin(blocks, mst_most(part + parts - n, 0), n);
  return (span){0, head, second, head + last - second};
}

static span blocks_of(const mst_train_rows *r, int64_t portion, int rank) {
  return r->coding.kind != NULL ? coded_blocks(r, portion, rank) : plain_blocks(r, portion, rank);
}

static span positions(const mst_train_rows *r, int64_t portion, int rank) {
  int64_t step = portion / r->accumulate, n = mst_train_rows_of_step(r, step);
  span b = blocks_of(r, portion, rank);
  int64_t first = mst_least(b.first * r->block, n), second = mst_least(b.second * r->block, n);
  int64_t head = mst_least((b.first + b.head) * r->block, n) - first;
  int64_t rest = mst_least((b.second + b.count - b.head) * r->block, n) - second;
  return (span){step * r->batch + first, head, step * r->batch + second, head + rest};
}

static int64_t row_at(const mst_train_rows *r, int64_t position) {
  return ((const int64_t *)mst_share_at(r->order))[position];
}

static bool is_here(const mst_train_rows *r, int64_t row) {
  return r->piece[row / MST_BLOCK_ROWS].x != NULL;
}

/* Records: the place among the receiver's rows of the window, x, the target. */
static int64_t target_bytes(const mst_model *m, bool classes) {
  return classes ? (int64_t)sizeof(int32_t) : m->outputs * (int64_t)sizeof(float);
}

static int64_t record_bytes(const mst_model *m, bool classes) {
  return (int64_t)sizeof(int64_t) + m->inputs * (int64_t)sizeof(float) + target_bytes(m, classes);
}

static const float *x_of(const mst_train_rows *r, int64_t row) {
  return r->piece[row / MST_BLOCK_ROWS].x + row % MST_BLOCK_ROWS * r->model->inputs;
}

static const void *target_of(const mst_train_rows *r, int64_t row) {
  const mst_batch *b = &r->piece[row / MST_BLOCK_ROWS];
  int64_t at = row % MST_BLOCK_ROWS;
  return r->classes ? (const void *)(b->label + at) : b->value + at * r->model->outputs;
}

static void pack(const mst_train_rows *r, int64_t row, int64_t place, char *record) {
  size_t inputs = (size_t)r->model->inputs * sizeof(float);
  memcpy(record, &place, sizeof place);
  memcpy(record + sizeof place, x_of(r, row), inputs);
  memcpy(record + sizeof place + inputs, target_of(r, row),
         (size_t)target_bytes(r->model, r->classes));
}

/* Rows of the window that lie in this domain and are needed in another one are sent by this
 * domain's ranks in turn. Counts them, and packs them unless `only_count`. */
static int64_t pack_window(mst_train_rows *r, bool only_count) {
  int p = mst_team_size(r->team), here = mst_team_domain(r->team),
      turn = mst_team_domain_rank(r->team);
  int64_t n = 0, bytes = record_bytes(r->model, r->classes), mates = mst_team_domain_size(r->team);
  for (int to = 0; to < p; to++) r->place[to] = 0;
  for (int64_t q = r->first; q < r->first + r->portions; q++)
    for (int to = 0; to < p; to++) {
      span s = positions(r, q, to);
      for (int64_t i = 0; i < s.count && r->domain[to] != here; i++) {
        int64_t at = span_at(&s, i), row = row_at(r, at);
        if (at % mates != turn || !is_here(r, row)) continue;
        if (!only_count) {
          pack(r, row, r->place[to] + i, r->sent + n * bytes);
          r->destination[n] = to;
        }
        n++;
      }
      r->place[to] += s.count;
    }
  return n;
}

/* Room for so many records to send and to be sent; what was there is forgotten. */
static mst_status make_room_to_send(mst_train_rows *r, int64_t n, int64_t bytes) {
  if (n <= r->sent_room) return MST_OK;
  mst_free(r->sent);
  mst_free(r->destination);
  r->sent = NULL;
  r->destination = NULL;
  r->sent_room = 0;
  MST_TRY(mst_alloc(&r->sent, n * bytes, 1, "rows for other nodes"));
  MST_TRY(mst_alloc(&r->destination, n, sizeof *r->destination, "destinations of rows"));
  r->sent_room = n;
  return MST_OK;
}

static mst_status make_room_to_arrive(mst_train_rows *r, int64_t n, int64_t bytes) {
  if (n <= r->arrived_room) return MST_OK;
  mst_free(r->arrived);
  r->arrived = NULL;
  r->arrived_room = 0;
  MST_TRY(mst_alloc(&r->arrived, n * bytes, 1, "rows from other nodes"));
  r->arrived_room = n;
  return MST_OK;
}

static mst_status make_room_for_places(mst_train_rows *r, int64_t n) {
  if (n <= r->room) return MST_OK;
  mst_free(r->slot);
  r->slot = NULL;
  r->room = 0;
  MST_TRY(mst_alloc(&r->slot, n, sizeof *r->slot, "places of rows"));
  r->room = n;
  return MST_OK;
}

static mst_status find_records(mst_train_rows *r, int64_t n) {
  int64_t bytes = record_bytes(r->model, r->classes);
  for (int64_t i = 0; i < r->places; i++) r->slot[i] = -1;
  for (int64_t i = 0; i < n; i++) {
    int64_t place = 0;
    memcpy(&place, r->arrived + i * bytes, sizeof place);
    if (place < 0 || place >= r->places)
      return mst_fail(MST_ERR_INTERNAL, "a row arrived for place %lld of %lld", (long long)place,
                      (long long)r->places);
    r->slot[place] = i;
  }
  for (int64_t q = r->first, place = 0; q < r->first + r->portions; q++) {
    span s = positions(r, q, mst_team_rank(r->team));
    for (int64_t i = 0; i < s.count; i++, place++)
      if (r->slot[place] < 0 && !is_here(r, row_at(r, span_at(&s, i))))
        return mst_fail(MST_ERR_INTERNAL, "a row of a batch did not arrive");
  }
  return MST_OK;
}

static mst_status exchange(mst_train_rows *r) {
  int64_t bytes = record_bytes(r->model, r->classes), n = pack_window(r, true), coming = 0;
  r->places = r->place[mst_team_rank(r->team)];
  mst_status st = make_room_to_send(r, n, bytes);
  if (st == MST_OK) st = make_room_for_places(r, r->places);
  MST_TRY(mst_team_agree(r->team, st));
  pack_window(r, false);
  MST_TRY(mst_exchange_count(r->team, n, r->destination, &coming));
  MST_TRY(mst_team_agree(r->team, make_room_to_arrive(r, coming, bytes)));
  MST_TRY(mst_exchange_rows(r->team, r->sent, n, bytes, r->destination, r->arrived, coming,
                            WINDOW_BYTES));
  return mst_team_agree(r->team, find_records(r, coming));
}

/* Every domain draws the order for itself, when nobody reads the old one any more. */
static mst_status draw_order(mst_train_rows *r, int64_t epoch) {
  MST_TRY(mst_share_sync(r->order));
  if (mst_team_domain_rank(r->team) == 0) {
    mst_stream s = mst_stream_of(mst_key_make(r->seed, MST_PURPOSE_BATCH, 0, (uint64_t)epoch));
    mst_stream_permutation(&s, r->rows, mst_share_at(r->order));
  }
  r->epoch = epoch;
  r->portions = 0;
  return mst_share_sync(r->order);
}

mst_status mst_train_rows_bring(mst_train_rows *r, int64_t epoch, int64_t portion) {
  if (epoch != r->epoch) MST_TRY(draw_order(r, epoch));
  if (mst_team_domains(r->team) == 1) return MST_OK;
  if (portion >= r->first && portion < r->first + r->portions) return MST_OK;
  int64_t all = mst_ceil_div(r->rows, r->batch) * r->accumulate;
  r->first = portion;
  r->portions = mst_least(r->most, all - portion);
  return exchange(r);
}

int64_t mst_train_rows_blocks(const mst_train_rows *r, int64_t portion) {
  return blocks_of(r, portion, mst_team_rank(r->team)).count;
}

int64_t mst_train_rows_place(const mst_train_rows *r, int64_t portion, int64_t i) {
  span s = blocks_of(r, portion, mst_team_rank(r->team));
  return span_at(&s, i);
}

/* Where this rank's rows of a portion begin among those of the window. */
static int64_t place_of(const mst_train_rows *r, int64_t portion) {
  int64_t place = 0;
  for (int64_t q = r->first; q < portion; q++)
    place += positions(r, q, mst_team_rank(r->team)).count;
  return place;
}

mst_batch mst_train_rows_block(mst_train_rows *r, int64_t portion, int64_t i) {
  span s = positions(r, portion, mst_team_rank(r->team));
  int64_t begin = i * r->block, n = mst_least(r->block, s.count - begin);
  int64_t inputs = r->model->inputs, target = target_bytes(r->model, r->classes);
  int64_t place = mst_team_domains(r->team) > 1 ? place_of(r, portion) + begin : 0;
  int64_t bytes = record_bytes(r->model, r->classes);
  char *targets = r->classes ? (char *)r->label : (char *)r->value;
  for (int64_t k = 0; k < n; k++) {
    int64_t row = row_at(r, span_at(&s, begin + k));
    const void *x, *t;
    if (is_here(r, row)) {
      x = x_of(r, row);
      t = target_of(r, row);
    } else {
      const char *record = r->arrived + r->slot[place + k] * bytes + sizeof(int64_t);
      x = record;
      t = record + inputs * (int64_t)sizeof(float);
    }
    memcpy(r->x + k * inputs, x, (size_t)inputs * sizeof(float));
    memcpy(targets + k * target, t, (size_t)target);
  }
  return (mst_batch){.n = n,
                     .x = r->x,
                     .label = r->classes ? r->label : NULL,
                     .value = r->classes ? NULL : r->value};
}

/* Most rows of a rank in a step: the parts of its workers, and those that the first and the last of
 * them reach beyond. */
static int64_t coded_rows(int ranks, int64_t blocks, const mst_train_options *o) {
  int64_t n = o->coding.workers, more = 2 * (mst_coding_redundancy(&o->coding) - 1);
  int64_t parts = mst_least(mst_ceil_div(n, ranks) + more, n);
  return mst_least(parts * mst_ceil_div(blocks, n), blocks) * o->block;
}

/* Portions of a window: what a rank is sent in it stays within WINDOW_BYTES, if one portion
 * does. */
static int64_t window_portions(int ranks, const mst_model *m, int64_t rows,
                               const mst_train_options *o, int64_t *most_rows) {
  int64_t batch = mst_most(mst_least(o->optimizer.batch, rows), 1),
          blocks = mst_ceil_div(batch, o->block);
  int64_t each = mst_ceil_div(mst_ceil_div(blocks, o->accumulate), ranks) * o->block;
  if (o->coding.kind != NULL) each = coded_rows(ranks, blocks, o);
  int64_t bytes = each * record_bytes(m, false);
  *most_rows = each;
  if (o->accumulate > 1) return 1;
  return mst_most(1, mst_least(WINDOW_BYTES / bytes, LONGEST_WINDOW));
}

static mst_status check_store(const mst_clients *store, int64_t piece) {
  int64_t n = mst_clients_count(store);
  bool good = mst_clients_held(store) == 0;
  for (int64_t k = 0; k < n && good; k++) {
    int64_t rows = mst_clients_rows(store, k);
    good = k + 1 < n ? rows == piece : rows <= piece;
  }
  return good ? MST_OK
              : mst_fail(MST_ERR_INTERNAL, "the rows of a training were not dealt in pieces of %lld",
                         (long long)piece);
}

static mst_status fill(mst_train_rows *r, const mst_clients *store, int64_t piece) {
  int p = mst_team_size(r->team);
  MST_TRY(check_store(store, piece));
  r->pieces = mst_clients_count(store);
  MST_TRY(mst_alloc(&r->piece, r->pieces, sizeof *r->piece, "pieces of rows"));
  for (int64_t k = 0; k < r->pieces; k++) {
    r->rows += mst_clients_rows(store, k);
    if (mst_clients_here(store, k)) r->piece[k] = mst_clients_data(store, k);
    if (r->piece[k].value != NULL) r->classes = false;
  }
  if (r->rows < 1) return mst_fail(MST_ERR_INPUT, "there are no rows to train on");
  MST_TRY(mst_alloc(&r->domain, p, sizeof *r->domain, "nodes of ranks"));
  for (int k = 0; k < p; k++) r->domain[k] = (int32_t)mst_team_domain_of(r->team, k);
  MST_TRY(mst_alloc(&r->place, p, sizeof *r->place, "places of rows"));
  MST_TRY(mst_alloc(&r->x, r->block * r->model->inputs, sizeof *r->x, "block of rows"));
  MST_TRY(mst_alloc(&r->value, r->block * r->model->outputs, sizeof *r->value, "block of rows"));
  return mst_alloc(&r->label, r->block, sizeof *r->label, "block of rows");
}

mst_status mst_train_rows_create(mst_team *team, const mst_model *model, const mst_clients *store,
                                 const mst_train_options *o, mst_train_rows *r) {
  int64_t each = 0, n = mst_clients_count(store);
  int64_t piece = o->privacy != NULL && n > 0 ? mst_clients_rows(store, 0) : MST_BLOCK_ROWS;
  *r = (mst_train_rows){.team = team,
                        .model = model,
                        .seed = o->seed,
                        .block = o->block,
                        .accumulate = o->accumulate,
                        .coding = o->coding,
                        .classes = true,
                        .epoch = -1};
  MST_TRY(mst_team_agree(team, fill(r, store, piece)));
  bool values = false; /* a domain may be without rows */
  MST_TRY(mst_team_any(team, !r->classes, &values));
  r->classes = !values;
  r->batch = mst_least(o->optimizer.batch, r->rows);
  r->most = window_portions(mst_team_size(team), model, r->rows, o, &each);
  return mst_share_create(team, r->rows * (int64_t)sizeof(int64_t), "the order of the rows",
                          &r->order);
}

void mst_train_rows_free(mst_train_rows *r) {
  mst_share_destroy(r->order);
  mst_free(r->piece);
  mst_free(r->domain);
  mst_free(r->place);
  mst_free(r->slot);
  mst_free(r->sent);
  mst_free(r->arrived);
  mst_free(r->destination);
  mst_free(r->x);
  mst_free(r->value);
  mst_free(r->label);
  *r = (mst_train_rows){0};
}

int64_t mst_train_rows_bytes(int ranks, int domains, const mst_model *m, int64_t rows,
                             const mst_train_options *o) {
  int64_t each = 0, window = window_portions(ranks, m, rows, o, &each) * each;
  int64_t bytes = o->block * (m->inputs + m->outputs + 1) * (int64_t)sizeof(float) +
                  mst_ceil_div(rows, MST_BLOCK_ROWS) * (int64_t)sizeof(mst_batch);
  if (domains > 1) bytes += 2 * window * (record_bytes(m, false) + 12) + WINDOW_BYTES;
  return bytes;
}
