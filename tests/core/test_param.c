/* Parameters: defaults by type, what a table refuses, and that the tables of all registries say
 * what their members take. */
#include "core/base/param.h"

#include <math.h>
#include <string.h>

#include "core/features/features.h"
#include "core/partition/partition.h"
#include "tests/harness.h"

typedef struct toy_spec {
  int64_t count, none;
  double rate;
  bool bias;
  const char *schedule;
  mst_int_list hidden, empty;
} toy_spec;

static const mst_param toy[] = {
    {"count", MST_PARAM_INT, offsetof(toy_spec, count), "1e3", 1, 9, false, NULL, "", "how many"},
    {"none", MST_PARAM_INT, offsetof(toy_spec, none), NULL, 0, 0, false, NULL, "", "required"},
    {"rate", MST_PARAM_REAL, offsetof(toy_spec, rate), "0.1", 0, 1, true, NULL, "", "how fast"},
    {"bias", MST_PARAM_BOOL, offsetof(toy_spec, bias), "true", 0, 0, false, NULL, "", "or not"},
    {"schedule", MST_PARAM_WORD, offsetof(toy_spec, schedule), "cosine", 0, 0, false,
     "constant|cosine", "", "how it falls"},
    {"hidden", MST_PARAM_INTS, offsetof(toy_spec, hidden), "[200, 30]", 1, 9, false, NULL, "", "w"},
    {"empty", MST_PARAM_INTS, offsetof(toy_spec, empty), "[]", 1, 9, false, NULL, "", "w"},
    {.name = NULL}};

START_TEST(defaults_are_read_by_type) {
  toy_spec s = {.none = 7, .empty = {.n = 3}};
  mst_param_defaults(toy, &s);
  ck_assert_int_eq(s.count, 1000);
  ck_assert_int_eq(s.none, 7);
  ck_assert_double_eq(s.rate, 0.1);
  ck_assert(s.bias);
  ck_assert_str_eq(s.schedule, "cosine");
  ck_assert_int_eq(s.hidden.n, 2);
  ck_assert_int_eq(s.hidden.value[0], 200);
  ck_assert_int_eq(s.hidden.value[1], 30);
  ck_assert_int_eq(s.empty.n, 0);
  mst_param_defaults(NULL, &s);
}
END_TEST

START_TEST(text_of_another_type_is_not_read) {
  toy_spec s = {0};
  ck_assert(mst_param_read(&toy[0], "-12", &s) && s.count == -12);
  ck_assert(mst_param_read(&toy[0], "9007199254740993", &s) && s.count == 9007199254740993);
  ck_assert(!mst_param_read(&toy[0], "1.5", &s) && !mst_param_read(&toy[0], "3 rows", &s));
  ck_assert(!mst_param_read(&toy[0], "", &s) && !mst_param_read(&toy[0], "1e300", &s));
  ck_assert(mst_param_read(&toy[2], "2.5e-3", &s) && s.rate == 2.5e-3);
  ck_assert(!mst_param_read(&toy[2], "fast", &s) && !mst_param_read(&toy[2], "", &s));
  ck_assert(mst_param_read(&toy[3], "false", &s) && !s.bias);
  ck_assert(!mst_param_read(&toy[3], "yes", &s));
  ck_assert(mst_param_read(&toy[4], "constant", &s));
  ck_assert_str_eq(s.schedule, "constant");
  ck_assert(!mst_param_read(&toy[4], "linear", &s));
}
END_TEST

/* A parameter that lies inside the spec, does not repeat a name, and whose default is in range. */
static void check_params(const mst_param *params, size_t spec_bytes) {
  static const size_t bytes[] = {[MST_PARAM_INT] = sizeof(int64_t),
                                 [MST_PARAM_REAL] = sizeof(double),
                                 [MST_PARAM_BOOL] = sizeof(bool),
                                 [MST_PARAM_WORD] = sizeof(char *),
                                 [MST_PARAM_INTS] = sizeof(mst_int_list)};
  for (const mst_param *p = params; p != NULL && p->name != NULL; p++) {
    ck_assert_uint_le(p->offset + bytes[p->type], spec_bytes);
    ck_assert_msg(p->help != NULL && p->unit != NULL && p->help[0] != '\0', "%s", p->name);
    for (const mst_param *q = params; q < p; q++) {
      ck_assert_str_ne(p->name, q->name);
      ck_assert_uint_ne(p->offset, q->offset);
    }
    if (p->fallback == NULL || (p->type != MST_PARAM_INT && p->type != MST_PARAM_REAL)) continue;
    double x = strtod(p->fallback, NULL);
    bool in =
        (p->min == 0 && p->max == 0) || (x <= p->max && (p->open_min ? x > p->min : x >= p->min));
    ck_assert_msg(in, "default of %s is out of range", p->name);
  }
}

START_TEST(the_tables_of_all_registries_are_sound) {
  for (int i = 0; mst_features_at(i) != NULL; i++)
    check_params(mst_features_at(i)->params, sizeof(mst_features_spec));
  for (int i = 0; mst_partition_at(i) != NULL; i++)
    check_params(mst_partition_at(i)->params, sizeof(mst_partition_spec));
}
END_TEST

START_TEST(a_feature_spec_starts_from_its_members_defaults) {
  mst_features_spec conv = mst_features_defaults("conv");
  ck_assert_str_eq(conv.kind, "conv");
  ck_assert_uint_eq(conv.seed, 1);
  ck_assert_int_eq(conv.filters, 128);
  ck_assert_int_eq(conv.patch, 6);
  ck_assert_int_eq(conv.grid, 3);
  ck_assert_double_eq(conv.threshold, 0.5);
  ck_assert_int_eq(conv.count, 0);
  mst_features_spec fourier = mst_features_defaults("fourier");
  ck_assert_int_eq(fourier.count, 1000);
  ck_assert_double_eq(fourier.bandwidth, 0.0);
  ck_assert_int_eq(mst_features_defaults("scattering").angles, 8);
  ck_assert_int_eq(mst_features_defaults("no such map").filters, 0);
}
END_TEST

START_TEST(parameters_are_held_against_their_tables) {
  struct {
    const char *word;
    int64_t count;
    double free;
  } spec = {"tanh", 3, -1e300};
  const mst_param table[] = {
      {.name = "word", .type = MST_PARAM_WORD, .offset = 0, .allowed = "relu|tanh|gelu"},
      {.name = "count", .type = MST_PARAM_INT, .offset = sizeof(char *), .min = 3, .max = 5},
      {.name = "free", .type = MST_PARAM_REAL, .offset = sizeof(char *) + sizeof(int64_t)},
      {.name = NULL}};
  ck_ok(mst_param_check(table, &spec, "part"));
  ck_ok(mst_param_check(NULL, &spec, "part"));
  spec.word = "tan";
  ck_refused(mst_param_check(table, &spec, "part"), MST_ERR_INPUT,
             "part.word is tan; choose one of relu|tanh|gelu");
  spec.word = NULL;
  ck_refused(mst_param_check(table, &spec, "part"), MST_ERR_INPUT, "missing");
  spec.word = "gelu";
  spec.count = 6;
  ck_refused(mst_param_check(table, &spec, "part"), MST_ERR_INPUT, "at least 3 and at most 5");
  spec.count = 5;
  spec.free = INFINITY;
  ck_refused(mst_param_check(table, &spec, "part"), MST_ERR_INPUT, "part.free must be finite");
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("param");
  TCase *c = tcase_create("param");
  tcase_add_test(c, defaults_are_read_by_type);
  tcase_add_test(c, text_of_another_type_is_not_read);
  tcase_add_test(c, parameters_are_held_against_their_tables);
  tcase_add_test(c, the_tables_of_all_registries_are_sound);
  tcase_add_test(c, a_feature_spec_starts_from_its_members_defaults);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
