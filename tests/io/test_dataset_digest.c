/* The digest of a dataset follows what its rows say, and nothing else: not the file's name, layout
 * or time, not the ranks that read it and how. */
#define MST_TEST_MPI
#include "core/base/memory.h"
#include "io/dataset_digest.h"
#include "tests/io/dataset_sample.h"

#define ROWS 600

/* What is changed in the rows of dataset_sample.h; row -1: nothing. */
typedef struct change {
  int64_t x_row, label_row, client_row, swapped_row; /* the last with the one after it */
  bool weights;                                      /* there are any ... */
  int64_t weight_row;
} change;
static const change none = {-1, -1, -1, -1, false, -1};

static void write_changed(const char *path, int64_t rows, change c, const mst_dataset_options *o) {
  static float x[15 * ROWS];
  float weight[ROWS];
  int32_t label[ROWS], client[ROWS];
  mst_dataset_info info = full_info(rows);
  info.has_group = false;
  info.has_weight = c.weights;
  for (int64_t i = 0; i < rows; i++) {
    int64_t from = i == c.swapped_row                             ? i + 1
                   : c.swapped_row >= 0 && i == c.swapped_row + 1 ? i - 1
                                                                  : i;
    for (int64_t k = 0; k < 15; k++) x[i * 15 + k] = x_of(from * 15 + k);
    label[i] = label_of(from);
    client[i] = (int32_t)from / 10;
    weight[i] = i == c.weight_row ? 0.5f : 1.0f;
    if (i == c.x_row) x[i * 15 + 7] = -x[i * 15 + 7];
    if (i == c.label_row) label[i] = (label[i] + 1) % 7;
    if (i == c.client_row) client[i]++;
  }
  mst_dataset_writer *w;
  ck_ok(mst_dataset_create(team, path, &info, o, &w));
  ck_ok(mst_dataset_write(w, 0, rank == 0 ? rows : 0, x, label, NULL, client, NULL,
                          c.weights ? weight : NULL));
  ck_ok(mst_dataset_commit(w));
}

/* The digest by the ranks of t, in windows of so many rows a rank. */
static void digest_of(mst_team *t, const char *path, int64_t window, char hex[MST_DIGEST_HEX]) {
  mst_dataset *d;
  mst_dataset_digest g = {.weights = false};
  int64_t first, count, most;
  float *x = NULL;
  ck_ok(mst_dataset_open(t, path, &d));
  const mst_dataset_info *info = mst_dataset_about(d);
  mst_team_share(t, info->rows, &first, &count);
  most = count;
  ck_ok(mst_max_i64(t, &most, 1));
  ck_ok(mst_alloc(&x, window * info->row_elements, sizeof *x, "rows"));
  for (int64_t at = 0; at < most; at += window) {
    int64_t from = at < count ? at : count, n = count - from < window ? count - from : window;
    ck_ok(mst_dataset_read_x(d, first + from, n, x));
    ck_ok(mst_dataset_digest_add(t, d, first + from, n, x, NULL, &g));
  }
  ck_ok(mst_dataset_digest_end(t, info, &g, hex));
  mst_free(x);
  mst_dataset_close(d);
}

START_TEST(the_same_rows_have_the_same_digest_however_they_are_stored_and_read) {
  static const mst_dataset_options layout[] = {
      {.chunk_rows = 64}, {.chunk_rows = 7, .deflate = 4}, {0}};
  static const int64_t window[] = {1000, 1, 37};
  const char *name[] = {"digest_a.h5", "digest_b.h5", "digest_c.h5"};
  char expected[MST_DIGEST_HEX], hex[MST_DIGEST_HEX];
  mst_team *alone;
  ck_ok(mst_team_create(MPI_COMM_SELF, NULL, &alone));
  for (int i = 0; i < 3; i++) {
    write_changed(scratch(name[i]), ROWS, none, &layout[i]);
    if (i == 0) digest_of(alone, scratch(name[0]), 1000, expected);
    for (int k = 0; k < 3; k++) {
      digest_of(team, scratch(name[i]), window[k], hex);
      ck_assert_str_eq(hex, expected);
    }
  }
  mst_team_destroy(alone);
  for (int i = 0; i < 3; i++) remove_file(scratch(name[i]));
}
END_TEST

START_TEST(a_change_anywhere_gives_another_digest) {
  static const change changed[] = {{0, -1, -1, -1, false, -1},
                                   {ROWS - 1, -1, -1, -1, false, -1},
                                   {-1, 299, -1, -1, false, -1},
                                   {-1, -1, 300, -1, false, -1},
                                   {-1, -1, -1, 5, false, -1}};
  const char *path = scratch("digest_changed.h5");
  char expected[MST_DIGEST_HEX], hex[MST_DIGEST_HEX];
  write_changed(path, ROWS, none, NULL);
  digest_of(team, path, 100, expected);
  for (int i = 0; i < 5; i++) {
    write_changed(path, ROWS, changed[i], NULL);
    digest_of(team, path, 100, hex);
    ck_assert_msg(strcmp(hex, expected) != 0, "change %d is not noticed", i);
  }
  write_changed(path, ROWS - 1, none, NULL);
  digest_of(team, path, 100, hex);
  ck_assert_str_ne(hex, expected);
  remove_file(path);
}
END_TEST

START_TEST(weights_count_where_they_are_asked_for) {
  const char *path = scratch("digest_weights.h5");
  char plain[MST_DIGEST_HEX], expected[MST_DIGEST_HEX], hex[MST_DIGEST_HEX];
  write_changed(path, ROWS, none, NULL);
  ck_ok(mst_dataset_digest_file(team, path, true, plain));
  for (int64_t row = -1; row < ROWS; row += 300) {
    write_changed(path, ROWS, (change){-1, -1, -1, -1, true, row}, NULL);
    ck_ok(mst_dataset_digest_file(team, path, false, hex));
    ck_assert_str_eq(hex, plain);
    ck_ok(mst_dataset_digest_file(team, path, true, hex));
    if (row < 0) memcpy(expected, hex, sizeof hex);
    ck_assert_str_ne(hex, plain);
    ck_assert(row < 0 || strcmp(hex, expected) != 0);
  }
  remove_file(path);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("dataset digest");
  TCase *t = tcase_create("dataset digest");
  tcase_add_unchecked_fixture(t, make_team, drop_team);
  tcase_add_test(t, the_same_rows_have_the_same_digest_however_they_are_stored_and_read);
  tcase_add_test(t, a_change_anywhere_gives_another_digest);
  tcase_add_test(t, weights_count_where_they_are_asked_for);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
