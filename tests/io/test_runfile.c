/* Run files: what is written reads back, and the digest is the same on any number of ranks and is
 * recomputed from the file. */
#define MST_TEST_MPI
#include <hdf5.h>
#include <math.h>

#include "tests/io/runfile_sample.h"

/* The whole of an array, read on rank 0 with plain HDF5. */
static void read_array(hid_t file, const char *name, hid_t type, void *data) {
  hid_t d = H5Dopen2(file, name, H5P_DEFAULT);
  ck_assert_msg(d >= 0, "no /%s", name);
  ck_assert_msg(H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0, "/%s", name);
  H5Dclose(d);
}

static void ck_text(hid_t file, const char *name, const char *expected) {
  char text[512] = "";
  hid_t a = H5Aopen(file, name, H5P_DEFAULT);
  ck_assert_msg(a >= 0, "no attribute %s", name);
  hid_t type = H5Aget_type(a);
  ck_assert_uint_lt(H5Tget_size(type), sizeof text);
  ck_assert_int_ge(H5Aread(a, type, text), 0);
  if (expected != NULL)
    ck_assert_str_eq(text, expected);
  else
    ck_assert_str_ne(text, "");
  H5Tclose(type);
  H5Aclose(a);
}

static int64_t get_int(hid_t file, const char *name) {
  int64_t value = -1;
  hid_t a = H5Aopen(file, name, H5P_DEFAULT);
  ck_assert_int_ge(H5Aread(a, H5T_NATIVE_INT64, &value), 0);
  H5Aclose(a);
  return value;
}

static void ck_arrays(hid_t file) {
  static float shard[ROWS * WIDTH];
  static double whole[ROWS * WIDTH];
  int32_t counts[CLASSES];
  read_array(file, "model/weights", H5T_NATIVE_FLOAT, shard);
  read_array(file, "model/features/filters", H5T_NATIVE_DOUBLE, whole);
  read_array(file, "model/features/counts", H5T_NATIVE_INT32, counts);
  for (int64_t i = 0; i < ROWS * WIDTH; i++) {
    ck_assert_msg(shard[i] == (float)(i % 1009) * 0.5f, "weights %lld", (long long)i);
    ck_assert_msg(whole[i] == (double)(i % 2003) / 4.0, "filters %lld", (long long)i);
  }
  for (int i = 0; i < CLASSES; i++) ck_assert_int_eq(counts[i], i * i);
}

static void ck_series(hid_t file) {
  double x[64];
  int64_t n[64];
  read_array(file, "metrics/round", H5T_NATIVE_INT64, n);
  ck_assert(n[0] == 0 && n[1] == 5);
  read_array(file, "metrics/accuracy", H5T_NATIVE_DOUBLE, x);
  ck_assert(x[0] == 0.5 && x[1] == 0.75);
  read_array(file, "metrics/train/loss", H5T_NATIVE_DOUBLE, x);
  ck_assert(x[0] == 2.0 && isnan(x[1]));
  read_array(file, "ledger/uplink_bytes", H5T_NATIVE_INT64, n);
  ck_assert(n[0] == 1500 && n[1] == 0);
  read_array(file, "ledger/downlink_messages", H5T_NATIVE_INT64, n);
  ck_assert(n[0] == 0 && n[1] == 2);
  read_array(file, "timing/gram_seconds", H5T_NATIVE_DOUBLE, x);
  for (int k = 0; k < size; k++) ck_assert_double_eq(x[k], 3.0 + k);
}

START_TEST(what_is_written_reads_back_with_plain_hdf5) {
  char digest[MST_DIGEST_HEX], text[64] = "";
  double result = 0.0;
  ck_ok(write_run(3.0, digest));
  ck_assert_int_eq(temporaries(path), 0);
  if (rank != 0) return;
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  ck_assert(file >= 0);
  ck_arrays(file);
  ck_series(file);
  hid_t d = H5Dopen2(file, "experiment", H5P_DEFAULT), type = H5Dget_type(d);
  ck_assert_int_ge(H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text), 0);
  ck_assert_str_eq(text, "job: analytic\n");
  H5Tclose(type);
  H5Dclose(d);
  ck_text(file, "muster_format", "run");
  ck_text(file, "job", "analytic");
  ck_text(file, "digest", digest);
  static const char *const names[] = {"muster_version", "hosts", "blas_kernel", "started",
                                      "finished",       "mpi",   "hdf5"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) ck_text(file, names[i], NULL);
  ck_assert_int_eq(get_int(file, "version"), 1);
  ck_assert_int_eq(get_int(file, "seed"), 42);
  ck_assert_int_eq(get_int(file, "ranks"), size);
  ck_assert_int_eq(get_int(file, "nodes"), 1);
  hid_t a = H5Aopen(file, "result.accuracy", H5P_DEFAULT);
  ck_assert_int_ge(H5Aread(a, H5T_NATIVE_DOUBLE, &result), 0);
  ck_assert_double_eq(result, 0.75);
  hid_t found = H5Aget_type(a);
  ck_assert_int_gt(H5Tequal(found, H5T_IEEE_F64LE), 0);
  H5Tclose(found);
  H5Aclose(a);
  ck_assert(get_int(file, "result.uplink_bytes") == LARGE);
  a = H5Aopen(file, "result.uplink_bytes", H5P_DEFAULT);
  found = H5Aget_type(a);
  ck_assert_int_gt(H5Tequal(found, H5T_STD_I64LE), 0);
  H5Tclose(found);
  H5Aclose(a);
  H5Fclose(file);
}
END_TEST

START_TEST(the_digest_is_the_same_on_any_number_of_ranks) {
  char digest[MST_DIGEST_HEX];
  ck_ok(write_run(3.0, digest));
  ck_assert_str_eq(digest, golden);
}
END_TEST

START_TEST(the_digest_is_recomputed_from_the_file) {
  char written[MST_DIGEST_HEX], again[MST_DIGEST_HEX] = "";
  ck_ok(write_run(1e9, written)); /* other timings, the same digest */
  ck_ok(mst_runfile_verify(team, path, again));
  ck_assert_str_eq(again, written);
  ck_assert_str_eq(again, golden);
}
END_TEST

START_TEST(arrays_beside_the_model_leave_the_digest_and_are_read_back) {
  char digest[MST_DIGEST_HEX];
  double accuracy[3] = {0.5, NAN, 1.0}, found[3] = {0};
  int64_t three = 3, two = 2;
  model m;
  mst_runfile *r = NULL;
  mst_state beside;
  mst_state_init(&beside);
  ck_ok(mst_state_add(&beside, "accuracy", MST_F64, 1, &three, accuracy));
  ck_ok(mst_runfile_create(team, path, "analytic", "job: analytic\n", 42, &r));
  make_model(&m);
  ck_ok(record(r, 3.0));
  ck_ok(mst_runfile_arrays(r, "clients", &beside));
  ck_ok(mst_runfile_model(r, &m.state));
  ck_assert_int_eq(mst_runfile_arrays(r, "model", &beside), MST_ERR_INTERNAL);
  ck_ok(mst_runfile_commit(r, digest));
  ck_assert_str_eq(digest, golden);
  free_model(&m);
  beside.item[0].data = found;
  ck_ok(mst_runfile_read(team, path, "clients", &beside));
  ck_assert(found[0] == 0.5 && isnan(found[1]) && found[2] == 1.0);
  beside.item[0].shape[0] = beside.item[0].count = two;
  ck_assert_int_eq(mst_runfile_read(team, path, "clients", &beside), MST_ERR_INPUT);
  beside.item[0].shape[0] = beside.item[0].count = three;
  ck_assert_int_eq(mst_runfile_read(team, path, "model", &beside), MST_ERR_INPUT);
  ck_assert_msg(strstr(mst_status_detail(), "accuracy is not in it") != NULL, "%s",
                mst_status_detail());
  mst_state_clear(&beside);
}
END_TEST

START_TEST(one_changed_number_changes_the_digest) {
  char digest[MST_DIGEST_HEX];
  mst_runfile *r = NULL;
  mst_metric m[] = {{"accuracy", 0.5}, {"train/loss", nextafter(2.0, 3.0)}};
  ck_ok(mst_runfile_create(team, path, "analytic", "job: analytic\n", 42, &r));
  model state;
  make_model(&state);
  ck_ok(mst_runfile_model(r, &state.state));
  ck_ok(mst_runfile_round(r, 0, 2, m));
  ck_ok(mst_runfile_commit(r, digest));
  ck_assert_str_ne(digest, golden);
  free_model(&state);
}
END_TEST

START_TEST(many_rounds_are_kept) {
  enum {
    ROUNDS = 400
  };
  mst_runfile *r = NULL;
  char *text = NULL;
  ck_ok(mst_runfile_create(team, path, "federated", "", 1, &r));
  for (int i = 0; i < ROUNDS; i++) {
    mst_metric m[] = {{"accuracy", i * 0.5}, {"even", i}};
    ck_ok(mst_runfile_round(r, i, i % 2 == 0 ? 2 : 1, m));
  }
  ck_ok(mst_runfile_commit(r, NULL));
  ck_ok(mst_runfile_verify(team, path, NULL));
  ck_ok(mst_runfile_describe(team, path, &text));
  ck_assert_ptr_nonnull(strstr(text, "accuracy                 199.5\n"));
  mst_free(text);
  if (rank != 0) return;
  double x[ROUNDS], even[ROUNDS];
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  read_array(file, "metrics/accuracy", H5T_NATIVE_DOUBLE, x);
  read_array(file, "metrics/even", H5T_NATIVE_DOUBLE, even);
  H5Fclose(file);
  for (int i = 0; i < ROUNDS; i++) {
    ck_assert_double_eq(x[i], i * 0.5);
    ck_assert(i % 2 == 0 ? even[i] == i : isnan(even[i]));
  }
}
END_TEST

START_TEST(a_description_tells_what_a_file_holds) {
  char *text = NULL;
  ck_ok(write_run(3.0, NULL));
  ck_ok(mst_runfile_describe(team, path, &text));
  static const char *const lines[] = {"\n  job                      analytic\n",
                                      "\n  seed                     42\n",
                                      "\nresult\n  accuracy                 0.75\n",
                                      "\n  uplink_bytes             9007199254740993\n",
                                      "\n  train/loss               nan\n",
                                      "\n  weights                  float32 [700, 250]\n",
                                      "\n  features/filters         float64 [700, 5, 50]\n",
                                      "\n  uplink_bytes             1500\n"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    ck_assert_msg(strstr(text, lines[i]) != NULL, "'%s' not in:\n%s", lines[i], text);
  mst_free(text);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("runfile");
  TCase *c = tcase_create("runfile");
  tcase_add_checked_fixture(c, set_up, tear_down);
  tcase_add_test(c, what_is_written_reads_back_with_plain_hdf5);
  tcase_add_test(c, the_digest_is_the_same_on_any_number_of_ranks);
  tcase_add_test(c, the_digest_is_recomputed_from_the_file);
  tcase_add_test(c, arrays_beside_the_model_leave_the_digest_and_are_read_back);
  tcase_add_test(c, one_changed_number_changes_the_digest);
  tcase_add_test(c, many_rounds_are_kept);
  tcase_add_test(c, a_description_tells_what_a_file_holds);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
