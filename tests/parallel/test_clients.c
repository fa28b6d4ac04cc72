/* The client store in files: every client has the rows, targets and numbers that it has in memory,
 * on any transport, while no more than a window of the rows passes through memory. */
#include "io/scratch.h"
#include "parallel/clients.h"
#include "tests/comm/comm_test.h"
#include "tests/parallel/learning.h"

#define ROWS    3000
#define WIDTH   40
#define CLIENTS 23

typedef struct source {
  toy toy;
  int64_t outputs; /* 0: classes */
} source;

static mst_status read_source(void *context, int64_t first, int64_t count, float *x, float *value) {
  const source *s = context;
  for (int64_t i = 0; i < count * s->outputs; i++)
    value[i] = s->toy.x[(first + i / s->outputs) * WIDTH + i % s->outputs];
  return toy_read((void *)(uintptr_t)&s->toy, first, count, x, NULL);
}

typedef struct federation {
  mst_row_store *rows;
  mst_roster *roster;
  mst_features *features;
  int32_t *label;
  mst_clients *store;
} federation;

static void start(federation *f, mst_team *team, source *s, const char *map, int64_t window_bytes,
                  const mst_clients_spill *spill) {
  mst_row_reader reader = {.context = s,
                           .rows = ROWS,
                           .row_elements = WIDTH,
                           .outputs = s->outputs,
                           .read = read_source};
  mst_partition_spec part = {.name = "quantity", .seed = 3, .clients = CLIENTS, .alpha = 1};
  mst_row_shape shape = {.dims = 1, .size = {WIDTH}};
  int32_t *client = get(ROWS, sizeof *client);
  int64_t clients = 0;
  *f = (federation){.label = get(ROWS, sizeof *f->label)};
  ck_ok(mst_rows_create(team, &reader, window_bytes, &f->rows));
  ck_ok(mst_partition_assign(&part, ROWS, s->toy.label, s->toy.c, NULL, client, &clients));
  ck_ok(mst_roster_create(team, ROWS, client, clients, true, &f->roster));
  mst_free(client);
  for (int64_t i = 0; i < ROWS; i++) f->label[i] = s->toy.label[f->roster->order[i]];
  mst_rows_assign(f->rows, f->roster, 1);
  if (map != NULL) {
    mst_features_spec spec = mst_features_defaults(map);
    if (strcmp(map, "relu") == 0) spec.count = 17;
    spec.shift = 0.25;
    ck_ok(mst_features_create(&spec, &shape, &f->features));
  }
  ck_ok(mst_clients_create(team, f->rows, f->roster, s->outputs == 0 ? f->label : NULL, f->features,
                           0.3, 11, spill, &f->store));
  mst_rows_destroy(f->rows);
  f->rows = NULL;
}

static void finish(federation *f) {
  mst_clients_destroy(f->store);
  mst_features_destroy(f->features);
  mst_roster_destroy(f->roster);
  mst_free(f->label);
}

static int64_t differs(const mst_batch *a, const mst_batch *b, int64_t width, int64_t outputs) {
  if (a->n != b->n) return 1;
  size_t n = (size_t)a->n, row = (size_t)width * sizeof(float);
  if (outputs == 0)
    return memcmp(a->x, b->x, n * row) != 0 || memcmp(a->label, b->label, n * 4) != 0;
  return memcmp(a->x, b->x, n * row) != 0 ||
         memcmp(a->value, b->value, n * 4 * (size_t)outputs) != 0;
}

static const char *scratch_path(void) {
  static char path[600];
  const char *folder = getenv("TEST_SCRATCH");
  snprintf(path, sizeof path, "%s/clients.h5", folder == NULL ? "/tmp" : folder);
  return path;
}

START_TEST(clients_have_the_same_rows_in_files_as_in_memory) {
  static const char *const map[] = {NULL, "identity", "relu"};
  mst_share_backing backing = mst_scratch_beside(scratch_path());
  const mst_clients_spill spill = {.kept = &backing, .rows = &backing};
  for (int t = 0; t < TRANSPORTS; t++)
    for (int k = 0; k < 6; k++) {
      mst_team *team = make_team(t);
      source s = {.toy = toy_make(ROWS, WIDTH, 4), .outputs = k < 3 ? 0 : 2};
      federation in_memory, in_files;
      int64_t width = k % 3 == 2 ? 17 : WIDTH, wrong = 0;
      start(&in_memory, team, &s, map[k % 3], 1 << 20, NULL);
      start(&in_files, team, &s, map[k % 3], 29 * WIDTH * 4, &spill);
      for (int64_t i = 0; i < CLIENTS; i++) {
        if (!mst_clients_here(in_memory.store, i)) continue;
        mst_batch a = mst_clients_data(in_memory.store, i), b = mst_clients_data(in_files.store, i);
        wrong += differs(&a, &b, width, s.outputs);
        a = mst_clients_test(in_memory.store, i);
        b = mst_clients_test(in_files.store, i);
        wrong += differs(&a, &b, width, s.outputs);
      }
      ck_assert_int_eq(wrong, 0);
      finish(&in_files);
      finish(&in_memory);
      toy_free(&s.toy);
      mst_team_destroy(team);
    }
}
END_TEST

START_TEST(what_is_kept_for_clients_in_a_file_is_found_again) {
  enum {
    FLOATS = 3001
  };
  mst_share_backing backing = mst_scratch_beside(scratch_path());
  const mst_clients_spill spill = {.kept = &backing};
  for (int t = 0; t < TRANSPORTS; t++) {
    mst_team *team = make_team(t);
    source s = {.toy = toy_make(ROWS, WIDTH, 4)};
    federation f;
    mst_share *kept = NULL;
    int64_t wrong = 0, turn = 0;
    start(&f, team, &s, NULL, 1 << 20, &spill);
    ck_ok(mst_clients_keep(f.store, FLOATS, "test", &kept));
    for (int64_t i = 0; i < CLIENTS; i++) {
      if (!mst_clients_here(f.store, i)) continue;
      if (turn++ % mst_team_domain_size(team) != mst_team_domain_rank(team)) continue;
      float *own = mst_clients_kept(f.store, kept, FLOATS, i);
      for (int64_t j = 0; j < FLOATS; j++) {
        wrong += own[j] != 0;
        own[j] = (float)(i * FLOATS + j);
      }
    }
    ck_ok(mst_share_sync(kept));
    for (int64_t i = CLIENTS - 1; i >= 0; i--) {
      if (!mst_clients_here(f.store, i)) continue;
      const float *own = mst_clients_kept(f.store, kept, FLOATS, i);
      for (int64_t j = 0; j < FLOATS; j++) wrong += own[j] != (float)(i * FLOATS + j);
    }
    ck_assert_int_eq(wrong, 0);
    mst_share_destroy(kept);
    finish(&f);
    toy_free(&s.toy);
    mst_team_destroy(team);
  }
}
END_TEST

/* Each rank's own rows would not fit beside what is held already. */
START_TEST(rows_on_their_way_to_files_take_a_window_of_memory) {
  mst_share_backing backing = mst_scratch_beside(scratch_path());
  const mst_clients_spill spill = {.rows = &backing};
  mst_team *team = make_team(1);
  source s = {.toy = toy_make(ROWS, WIDTH, 4)};
  federation f;
  void *ballast = reach_peak();
  int64_t held = mst_memory_peak();
  start(&f, team, &s, NULL, 9 * WIDTH * 4, &spill);
  int64_t tables = ROWS * 40, rows = ROWS / mst_team_size(team) * WIDTH * 4;
  ck_assert_int_lt(mst_memory_peak() - held, tables + rows / 4 + 20000);
  finish(&f);
  mst_free(ballast);
  toy_free(&s.toy);
  mst_team_destroy(team);
}
END_TEST

START_TEST(memory_that_one_rank_lacks_ends_the_filling_of_files_for_all) {
  mst_share_backing backing = mst_scratch_beside(scratch_path());
  const mst_clients_spill spill = {.rows = &backing};
  mst_team *team = make_team(0);
  source s = {.toy = toy_make(ROWS, WIDTH, 4)};
  federation f;
  start(&f, team, &s, "relu", 29 * WIDTH * 4, NULL);
  mst_clients_destroy(f.store);
  mst_row_reader reader = {.context = &s, .rows = ROWS, .row_elements = WIDTH, .read = read_source};
  bool last = mst_team_rank(team) == mst_team_size(team) - 1;
  mst_status st = MST_ERR_MEMORY;
  int n = 0;
  while (st != MST_OK) {
    ck_ok(mst_rows_create(team, &reader, 29 * WIDTH * 4, &f.rows));
    mst_rows_assign(f.rows, f.roster, 1);
    int64_t held = mst_memory_current();
    if (last) mst_memory_fail_at(n + 1);
    n += 7;
    st = mst_clients_create(team, f.rows, f.roster, f.label, f.features, 0.3, 11, &spill, &f.store);
    mst_memory_fail_at(0);
    ck_assert(st == MST_OK || st == MST_ERR_MEMORY);
    mst_rows_destroy(f.rows);
    if (st != MST_OK) ck_assert_int_le(mst_memory_current(), held);
  }
  ck_assert_int_gt(n, 14);
  finish(&f);
  toy_free(&s.toy);
  mst_team_destroy(team);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("clients");
  TCase *c = tcase_create("clients");
  tcase_set_timeout(c, 0);
  tcase_add_test(c, clients_have_the_same_rows_in_files_as_in_memory);
  tcase_add_test(c, what_is_kept_for_clients_in_a_file_is_found_again);
  tcase_add_test(c, rows_on_their_way_to_files_take_a_window_of_memory);
  tcase_add_test(c, memory_that_one_rank_lacks_ends_the_filling_of_files_for_all);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
