/* Joined features: parts side by side, each the map that it would be alone. */
#include "tests/harness.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/features/features.h"
#include "core/linalg/blas.h"
#include "tests/core/images.h"

enum {
  ROWS = 70,
  HEIGHT = 12,
  WIDTH = 15,
  PIXELS = HEIGHT * WIDTH
};

static const mst_row_shape shape = {2, {HEIGHT, WIDTH}};

/* One spec holds what every kind reads. */
static mst_features_spec spec_of(const char *kind) {
  mst_features_spec spec = mst_features_defaults("nystrom");
  spec.kind = kind;
  spec.seed = 9;
  spec.count = 23;
  spec.bandwidth = 2.0;
  spec.scale = 2.0;
  spec.filters = 19;
  spec.patch = 4;
  spec.grid = 2;
  spec.threshold = 0.5;
  spec.scales = 2;
  spec.angles = 4;
  return spec;
}

static mst_features_spec joined_spec(const char *kind, int n, const char *const *join) {
  mst_features_spec spec = spec_of(kind);
  spec.joined = n;
  for (int i = 0; i < n; i++) spec.join[i] = join[i];
  return spec;
}

static mst_features *make_map(mst_features_spec spec) {
  mst_features *f = NULL;
  ck_ok(mst_features_create(&spec, &shape, &f));
  return f;
}

static mst_features *make_fitted(mst_features_spec spec, const float *rows) {
  mst_features *f = make_map(spec);
  int64_t wanted = mst_features_sample_rows(f);
  ck_ok(mst_features_fit(f, rows, wanted < ROWS ? wanted : ROWS));
  return f;
}

static float *apply(mst_features *f, const float *rows, int64_t n) {
  float *out = malloc((size_t)(n * f->width) * sizeof *out);
  ck_assert_ptr_nonnull(out);
  ck_ok(mst_features_apply(f, rows, n, out));
  return out;
}

static const char *const two[] = {"scattering", "relu"};

START_TEST(parts_stand_side_by_side_and_are_what_they_are_alone) {
  static const char *const kind[] = {"conv", "scattering", "relu"};
  float *rows = make_images(ROWS, HEIGHT, WIDTH, 1);
  mst_features *f = make_fitted(joined_spec("conv", 2, two), rows);
  float *all = apply(f, rows, ROWS);
  int64_t at = 0;
  for (int k = 0; k < 3; k++) {
    mst_features *part = make_fitted(spec_of(kind[k]), rows);
    float *own = apply(part, rows, ROWS);
    for (int64_t i = 0; i < ROWS; i++)
      ck_assert_msg(memcmp(all + i * f->width + at, own + i * part->width,
                           (size_t)part->width * sizeof *own) == 0,
                    "%s of row %lld", kind[k], (long long)i);
    at += part->width;
    free(own);
    mst_features_destroy(part);
  }
  ck_assert_int_eq(f->width, at);
  ck_assert_str_eq(mst_features_name(f), "conv + scattering + relu");
  ck_assert(!f->ops->plain);
  free(all);
  free(rows);
  mst_features_destroy(f);
}
END_TEST

START_TEST(rows_keep_their_bits_in_any_batch) {
  float *rows = make_images(ROWS, HEIGHT, WIDTH, 1);
  mst_features *f = make_fitted(joined_spec("conv", 2, two), rows);
  float *all = apply(f, rows, ROWS);
  for (int64_t i = 0; i < ROWS; i += 3) {
    float *one = apply(f, rows + i * PIXELS, 1);
    ck_assert_int_eq(memcmp(one, all + i * f->width, (size_t)f->width * sizeof *one), 0);
    free(one);
  }
  free(all);
  free(rows);
  mst_features_destroy(f);
}
END_TEST

/* Nystrom wants 23 of the 70 rows that conv takes all of. */
START_TEST(a_part_that_wants_fewer_rows_is_fitted_on_rows_evenly_spaced) {
  static const char *const join[] = {"nystrom"};
  float *rows = make_images(ROWS, HEIGHT, WIDTH, 1);
  float *spaced = malloc(23 * PIXELS * sizeof *spaced);
  ck_assert_ptr_nonnull(spaced);
  for (int64_t i = 0; i < 23; i++)
    memcpy(spaced + i * PIXELS, rows + i * ROWS / 23 * PIXELS, PIXELS * sizeof *spaced);
  mst_features *f = make_fitted(joined_spec("conv", 1, join), rows);
  mst_features *alone = make_fitted(spec_of("nystrom"), spaced);
  mst_features *first = make_fitted(spec_of("nystrom"), rows);
  float *all = apply(f, rows, 1), *own = apply(alone, rows, 1), *other = apply(first, rows, 1);
  const float *tail = all + f->width - alone->width;
  ck_assert_int_eq(memcmp(tail, own, (size_t)alone->width * sizeof *own), 0);
  ck_assert_int_ne(memcmp(tail, other, (size_t)alone->width * sizeof *own), 0);
  free(all);
  free(own);
  free(other);
  free(spaced);
  free(rows);
  mst_features_destroy(f);
  mst_features_destroy(alone);
  mst_features_destroy(first);
}
END_TEST

/* The second map has another seed and sees no sample. */
START_TEST(copied_parameters_give_the_same_bits_and_name_their_parts) {
  float *rows = make_images(ROWS, HEIGHT, WIDTH, 1);
  mst_features_spec spec = joined_spec("conv", 2, two);
  mst_features *first = make_fitted(spec, rows);
  spec.seed++;
  mst_features *second = make_map(spec);
  mst_state from, to;
  mst_state_init(&from);
  mst_state_init(&to);
  ck_ok(mst_features_parameters(first, &from));
  ck_ok(mst_features_parameters(second, &to));
  ck_assert_ptr_nonnull(mst_state_find(&from, "features/conv/filters"));
  ck_assert_ptr_nonnull(mst_state_find(&from, "features/relu/weights"));
  ck_assert_int_eq(from.n, to.n);
  for (int i = 0; i < from.n; i++)
    memcpy(to.item[i].data, from.item[i].data,
           (size_t)(mst_state_local_elements(&from.item[i]) * mst_dtype_size(from.item[i].type)));
  float *a = apply(first, rows, ROWS), *b = apply(second, rows, ROWS);
  ck_assert_int_eq(memcmp(a, b, (size_t)(ROWS * first->width) * sizeof *a), 0);
  free(a);
  free(b);
  free(rows);
  mst_state_clear(&from);
  mst_state_clear(&to);
  mst_features_destroy(first);
  mst_features_destroy(second);
}
END_TEST

START_TEST(what_cannot_be_joined_is_refused) {
  static const char *const same[] = {"scattering", "conv"}, *const twice[] = {"relu", "relu"};
  static const char *const wrong[] = {"scatering"};
  mst_features *f = NULL;
  mst_features_spec spec = joined_spec("conv", 2, same);
  ck_refused(mst_features_create(&spec, &shape, &f), MST_ERR_INPUT, "features.join names conv");
  spec = joined_spec("conv", 2, twice);
  ck_refused(mst_features_create(&spec, &shape, &f), MST_ERR_INPUT, "features.join names relu");
  spec = joined_spec("conv", 1, wrong);
  ck_refused(mst_features_create(&spec, &shape, &f), MST_ERR_INPUT, "'scatering'");
  spec = joined_spec("relu", 1, same);
  const mst_row_shape vector = {1, {PIXELS}};
  ck_refused(mst_features_create(&spec, &vector, &f), MST_ERR_INPUT, "scattering needs images");
  ck_assert_ptr_null(f);
}
END_TEST

START_TEST(maps_are_alike_when_their_members_were_told_the_same) {
  static const char *const turned[] = {"relu", "scattering"};
  mst_features_spec spec = joined_spec("conv", 2, two), other = spec;
  mst_features *f = make_map(spec), *same = make_map(spec), *alone = make_map(spec_of("conv"));
  other.angles = 2; /* of the second member */
  mst_features *g = make_map(other), *h = make_map(joined_spec("conv", 2, turned));
  ck_assert(mst_features_alike(f, same));
  ck_assert(!mst_features_alike(f, g));
  ck_assert(!mst_features_alike(f, h));
  ck_assert(!mst_features_alike(f, alone));
  other = spec_of("conv");
  other.threshold = 0.25;
  mst_features *shifted = make_map(other);
  ck_assert(!mst_features_alike(alone, shifted));
  mst_features *all[] = {f, same, alone, g, h, shifted};
  for (int i = 0; i < 6; i++) mst_features_destroy(all[i]);
}
END_TEST

/* Every allocation of making and fitting a map fails in turn; nystrom's rows are copied. */
START_TEST(a_failed_allocation_is_reported_and_leaks_nothing) {
  static const char *const join[] = {"nystrom", "scattering"};
  float *rows = make_images(ROWS, HEIGHT, WIDTH, 1);
  mst_features_spec spec = joined_spec("conv", 2, join);
  int64_t before = mst_memory_current(), n = 0;
  mst_status status = MST_ERR_MEMORY;
  while (status == MST_ERR_MEMORY && n < 500) {
    mst_features *f = NULL;
    mst_memory_fail_at(++n);
    status = mst_features_create(&spec, &shape, &f);
    if (status == MST_OK) status = mst_features_fit(f, rows, ROWS);
    mst_memory_fail_at(0);
    if (status == MST_OK) ck_assert_int_eq(mst_features_memory(f), mst_memory_current() - before);
    mst_features_destroy(f);
    ck_assert_int_eq(mst_memory_current(), before);
  }
  ck_ok(status);
  ck_assert_int_gt(n, 30);
  free(rows);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("features_joined");
  TCase *t = tcase_create("joined");
  tcase_add_test(t, parts_stand_side_by_side_and_are_what_they_are_alone);
  tcase_add_test(t, rows_keep_their_bits_in_any_batch);
  tcase_add_test(t, a_part_that_wants_fewer_rows_is_fitted_on_rows_evenly_spaced);
  tcase_add_test(t, copied_parameters_give_the_same_bits_and_name_their_parts);
  tcase_add_test(t, what_cannot_be_joined_is_refused);
  tcase_add_test(t, maps_are_alike_when_their_members_were_told_the_same);
  tcase_add_test(t, a_failed_allocation_is_reported_and_leaks_nothing);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  mst_blas_init();
  return mst_test_main(argc, argv, suite());
}
