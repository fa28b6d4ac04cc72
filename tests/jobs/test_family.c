/* Families: the schema that is composed for an experiment, what is refused and passed over, and the
 * spec that is filled from it; with a toy family that has parameters of every type, some of them
 * shared, and a family whose member must be chosen. */
#include "jobs/family.h"

#include <string.h>

#include "core/base/memory.h"
#include "jobs/options.h"
#include "tests/harness.h"

typedef struct toy_spec {
  const char *kind;
  uint64_t seed;
  int64_t batch, width;
  double lr, momentum;
  bool nesterov;
  const char *schedule;
  mst_int_list hidden;
} toy_spec;

#define AT(field) .offset = offsetof(toy_spec, field)

static const mst_param shared[] = {
    {.name = "lr", .type = MST_PARAM_REAL, AT(lr), .min = 0, .max = 10, .open_min = true,
     .unit = "", .help = "learning rate"},
    {.name = "batch", .type = MST_PARAM_INT, AT(batch), .fallback = "32", .min = 1, .max = 100,
     .unit = "rows", .help = "rows a step"},
    {.name = NULL}};
static const mst_param sgd[] = {
    {.name = "momentum", .type = MST_PARAM_REAL, AT(momentum), .fallback = "0.9", .unit = "",
     .help = "of the velocity"},
    {.name = "nesterov", .type = MST_PARAM_BOOL, AT(nesterov), .fallback = "false", .unit = "",
     .help = "look ahead"},
    {.name = NULL}};
static const mst_param layered[] = {
    {.name = "hidden", .type = MST_PARAM_INTS, AT(hidden), .fallback = "[200, 200]", .min = 1,
     .max = 1000, .unit = "units", .help = "layers"},
    {.name = "schedule", .type = MST_PARAM_WORD, AT(schedule), .fallback = "constant",
     .allowed = "constant|cosine", .unit = "", .help = "of the rate"},
    {.name = "momentum", .type = MST_PARAM_REAL, AT(momentum), .fallback = "0.5", .unit = "",
     .help = "of the layers"},
    {.name = NULL}};

static bool toy_at(int i, mst_member *out) {
  static const mst_member members[] = {
      {"sgd", "steps", sgd}, {"plain", "no keys of its own", NULL}, {"layered", "layers", layered}};
  if (i < 0 || i >= 3) return false;
  *out = members[i];
  return true;
}

static const mst_family optional = {.name = "optimizers", .section = "optimizer", .key = "kind",
                                    .help = "the optimizer", .fallback = "sgd", .shared = shared,
                                    .chosen = offsetof(toy_spec, kind), .at = toy_at};
static const mst_family required = {.name = "methods", .section = "method", .key = "name",
                                    .help = "the method", .chosen = offsetof(toy_spec, kind),
                                    .at = toy_at};

static const mst_job_section with_optimizer[] = {{.family = &optional}, {.keys = NULL}};
static const mst_job_section with_method[] = {{.family = &required}, {.keys = NULL}};
static const mst_job_section with_both[] = {
    {.family = &optional}, {.family = &required}, {.keys = NULL}};

/* Further members can be taken beside the chosen one. */
static const mst_family joint = {.name = "optimizers", .section = "optimizer", .key = "kind",
                                 .help = "the optimizer", .fallback = "sgd", .shared = shared,
                                 .more = "also", .more_help = "more of them",
                                 .chosen = offsetof(toy_spec, kind), .at = toy_at};
static const mst_job_section with_joint[] = {{.family = &joint}, {.keys = NULL}};

/* Members of a list have no keys in common. */
static const mst_param wide[] = {
    {.name = "width", .type = MST_PARAM_INT, AT(width), .fallback = "7", .min = 1, .max = 100,
     .unit = "", .help = "of a step"},
    {.name = NULL}};

static bool step_at(int i, mst_member *out) {
  static const mst_member members[] = {
      {"fold", "a fold", sgd}, {"turn", "no keys of its own", NULL}, {"stretch", "longer", wide}};
  if (i < 0 || i >= 3) return false;
  *out = members[i];
  return true;
}

static const mst_family listed = {.name = "steps", .section = "path", .key = "steps", .list = true,
                                  .help = "the steps", .chosen = offsetof(toy_spec, kind),
                                  .at = step_at};
static const mst_job_section with_list[] = {
    {.family = &optional}, {.family = &listed}, {.keys = NULL}};

/* Read an experiment of a job with these sections; *spec is filled from one family of it. */
static mst_status read_as(const mst_job_section *sections, const mst_family *f, const char *text,
                          int n, const char *const *set, toy_spec *spec, mst_job_schema *schema,
                          mst_experiment **e) {
  const mst_job_ops job = {.name = "toy", .sections = sections};
  mst_draft *draft = NULL;
  *spec = (toy_spec){.seed = 5};
  *e = NULL;
  MST_TRY(mst_draft_read(text, "e.yaml", set, n, &draft));
  mst_status st = mst_job_schema_for(draft, &job, schema);
  mst_draft_free(draft);
  if (st == MST_OK) st = mst_experiment_parse(text, "e.yaml", set, n, &schema->schema, e);
  return st == MST_OK ? mst_family_read(f, *e, spec) : st;
}

/* The experiment must be refused with that sentence. */
static void refused(const mst_job_section *sections, const char *text, int n,
                    const char *const *set, const char *sentence) {
  toy_spec spec;
  mst_job_schema schema = {.n_made = 0};
  mst_experiment *e = NULL;
  mst_status st = read_as(sections, sections[0].family, text, n, set, &spec, &schema, &e);
  ck_assert_int_eq(st, MST_ERR_INPUT);
  ck_assert_str_eq(mst_status_detail(), sentence);
  mst_experiment_free(e);
  mst_job_schema_clear(&schema);
}

START_TEST(a_spec_holds_shared_and_own_parameters) {
  toy_spec spec;
  mst_job_schema schema;
  mst_experiment *e;
  ck_ok(read_as(with_optimizer, &optional,
                "job: toy\noptimizer:\n  kind: layered\n  lr: 0.25\n  hidden: [3, 4, 5]\n"
                "  schedule: cosine\n", 0, NULL, &spec, &schema, &e));
  ck_assert_str_eq(spec.kind, "layered");
  ck_assert_uint_eq(spec.seed, 5);
  ck_assert_double_eq(spec.lr, 0.25);
  ck_assert_int_eq(spec.batch, 32);
  ck_assert_int_eq(spec.hidden.n, 3);
  ck_assert_int_eq(spec.hidden.value[2], 5);
  ck_assert_str_eq(spec.schedule, "cosine");
  ck_assert_double_eq(spec.momentum, 0.5);
  ck_assert(!spec.nesterov);
  ck_assert_ptr_nonnull(strstr(mst_experiment_text(e), "optimizer:\n  kind: layered\n  lr: 0.25\n"
                                                       "  batch: 32\n  hidden: [3, 4, 5]\n"));
  mst_experiment_free(e);
  mst_job_schema_clear(&schema);
}
END_TEST

START_TEST(the_default_member_is_taken_when_none_is_chosen) {
  toy_spec spec;
  mst_job_schema schema;
  mst_experiment *e;
  ck_ok(read_as(with_optimizer, &optional, "job: toy\noptimizer: {lr: 1, nesterov: true}\n", 0,
                NULL, &spec, &schema, &e));
  ck_assert_str_eq(spec.kind, "sgd");
  ck_assert_double_eq(spec.momentum, 0.9);
  ck_assert(spec.nesterov);
  ck_assert_int_eq(spec.hidden.n, 0);
  mst_experiment_free(e);
  mst_job_schema_clear(&schema);
}
END_TEST

START_TEST(a_member_without_keys_has_the_shared_ones) {
  toy_spec spec;
  mst_job_schema schema;
  mst_experiment *e;
  ck_ok(read_as(with_both, &optional,
                "job: toy\noptimizer: {kind: plain, lr: 2}\nmethod: {name: sgd, momentum: 0.25}\n",
                0, NULL, &spec, &schema, &e));
  ck_assert_str_eq(spec.kind, "plain");
  ck_assert_double_eq(spec.lr, 2.0);
  ck_assert_double_eq(spec.momentum, 0.0);
  ck_ok(mst_family_read(&required, e, &spec));
  ck_assert_str_eq(spec.kind, "sgd");
  ck_assert_double_eq(spec.momentum, 0.25);
  mst_experiment_free(e);
  mst_job_schema_clear(&schema);
}
END_TEST

START_TEST(wrong_choices_and_foreign_keys_are_refused) {
  refused(with_optimizer, "job: toy\noptimizer: {kind: layred, lr: 1}\n", 0, NULL,
          "e.yaml:2: optimizer.kind: found \"layred\", must be one of sgd, plain, layered; did you "
          "mean layered?");
  refused(with_optimizer, "job: toy\noptimizer: {lr: 1, hidden: [3]}\n", 0, NULL,
          "e.yaml:2: optimizer.hidden: found a list, but this key means nothing to optimizer.kind: "
          "sgd; remove it, or choose optimizer.kind: layered");
  refused(with_optimizer, "job: toy\noptimizer: {kind: plain}\n", 0, NULL,
          "e.yaml:2: optimizer.lr: missing: learning rate; add to this section, for example \"lr: "
          "1\"");
  refused(with_optimizer, "job: toy\noptimizer: {lr: 1, batch: 0}\n", 0, NULL,
          "e.yaml:2: optimizer.batch: found 0, must be an integer in [1, 100]");
  refused(with_method, "job: toy\n", 0, NULL,
          "e.yaml: method.name: missing: the method; add a line such as \"method: {name: sgd}\"");
  refused(with_method, "job: toy\nmethod:\n  momentum: 1\n", 0, NULL,
          "e.yaml:3: method.momentum: found 1, but method.name is missing; choose method.name: "
          "sgd");
  refused(with_method, "job: toy\noptimizer: {kind: sgd}\nmethod: {name: sgd}\n", 0, NULL,
          "e.yaml:2: optimizer: unknown section; the top level has the keys job, seed, output, "
          "resources, method");
}
END_TEST

START_TEST(a_list_of_too_many_entries_is_refused) {
  refused(with_optimizer,
          "job: toy\noptimizer:\n  kind: layered\n  lr: 1\n"
          "  hidden: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]\n",
          0, NULL,
          "e.yaml:5: optimizer.hidden: found [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, "
          "17], must have at most 16 entries");
}
END_TEST

START_TEST(members_of_a_list_are_read_each_with_its_own_keys) {
  toy_spec spec, step[3] = {{.kind = NULL}};
  mst_job_schema schema;
  mst_experiment *e;
  ck_ok(read_as(with_list, &optional,
                "job: toy\noptimizer: {lr: 1}\n"
                "path: {steps: [stretch, fold, stretch], width: 9, nesterov: true}\n",
                0, NULL, &spec, &schema, &e));
  ck_assert_int_eq(mst_experiment_count(e, "path.steps"), 3);
  for (int i = 0; i < 3; i++) ck_ok(mst_family_read_at(&listed, e, i, &step[i]));
  ck_assert_str_eq(step[0].kind, "stretch");
  ck_assert_int_eq(step[0].width, 9);
  ck_assert_str_eq(step[1].kind, "fold");
  ck_assert_double_eq(step[1].momentum, 0.9);
  ck_assert(step[1].nesterov);
  ck_assert_int_eq(step[1].width, 0);
  ck_assert_int_eq(step[2].width, 9);
  mst_experiment_free(e);
  mst_job_schema_clear(&schema);
  ck_ok(read_as(with_list, &optional, "job: toy\noptimizer: {lr: 1}\n", 0, NULL, &spec, &schema,
                &e));
  ck_assert_int_eq(mst_experiment_count(e, "path.steps"), 0);
  mst_experiment_free(e);
  mst_job_schema_clear(&schema);
}
END_TEST

START_TEST(keys_of_members_that_a_list_lacks_are_refused_or_passed_over) {
  static const char *const text =
      "job: toy\noptimizer: {lr: 1}\npath: {steps: [turn, stretch], width: 9}\n";
  static const char *const set[] = {"path.steps=[turn]", "path.width=3"};
  toy_spec spec;
  mst_job_schema schema;
  mst_experiment *e;
  refused(with_list, "job: toy\noptimizer: {lr: 1}\npath: {steps: [turn, fold], width: 9}\n", 0,
          NULL,
          "e.yaml:3: path.width: found 9, but this key means nothing to path.steps: [turn, fold]; "
          "remove it, or add stretch");
  refused(with_list, "job: toy\noptimizer: {lr: 1}\npath: {width: 9}\n", 0, NULL,
          "e.yaml:3: path.width: found 9, but this key means nothing to path.steps: []; remove it, "
          "or add stretch");
  refused(with_list, "job: toy\noptimizer: {lr: 1}\npath: {steps: [trun]}\n", 0, NULL,
          "e.yaml:3: path.steps: entry 1: found \"trun\", must be one of fold, turn, stretch; did you "
          "mean turn?");
  refused(with_list,
          "job: toy\noptimizer: {lr: 1}\n"
          "path: {steps: [turn, turn, turn, turn, turn, turn, turn, turn, turn]}\n",
          0, NULL, "e.yaml:3: path.steps: found a list, must have at most 8 entries");
  ck_ok(read_as(with_list, &optional, text, 1, set, &spec, &schema, &e));
  ck_assert_int_eq(schema.schema.n_passed_over, 1);
  ck_assert_str_eq(schema.schema.passed_over[0], "path.width");
  mst_experiment_free(e);
  mst_job_schema_clear(&schema);
  refused(with_list, text, 2, set,
          "--set path.width=3: found 3, but this key means nothing to path.steps: [turn]; remove it, "
          "or add stretch");
}
END_TEST

START_TEST(members_beside_the_chosen_one_bring_their_own_keys) {
  static const char *const alone[] = {"optimizer.also=[]"};
  const char *text = "job: toy\noptimizer: {kind: sgd, lr: 1, also: [layered], hidden: [3]}\n";
  toy_spec spec, other = {.seed = 1};
  mst_job_schema schema;
  mst_experiment *e;
  ck_ok(read_as(with_joint, &joint, text, 0, NULL, &spec, &schema, &e));
  ck_assert_str_eq(spec.kind, "sgd");
  ck_assert_int_eq(spec.hidden.n, 0);
  ck_assert_int_eq(mst_experiment_count(e, "optimizer.also"), 1);
  ck_ok(mst_family_read_more(&joint, e, 0, &other));
  ck_assert_str_eq(other.kind, "layered");
  ck_assert_int_eq(other.hidden.n, 1);
  ck_assert_double_eq(other.lr, 1.0);
  /* What both have stands once, as the first of them has it. */
  ck_assert_double_eq(spec.momentum, 0.9);
  ck_assert_double_eq(other.momentum, 0.9);
  const char *at = strstr(mst_experiment_text(e), "momentum");
  ck_assert_ptr_nonnull(at);
  ck_assert_ptr_null(strstr(at + 1, "momentum"));
  mst_experiment_free(e);
  mst_job_schema_clear(&schema);
  ck_ok(read_as(with_joint, &joint, text, 1, alone, &spec, &schema, &e));
  ck_assert_int_eq(schema.schema.n_passed_over, 1);
  ck_assert_str_eq(schema.schema.passed_over[0], "optimizer.hidden");
  mst_experiment_free(e);
  mst_job_schema_clear(&schema);
  refused(with_joint, "job: toy\noptimizer: {lr: 1, also: [plain], hidden: [3]}\n", 0, NULL,
          "e.yaml:2: optimizer.hidden: found a list, but this key means nothing to optimizer.kind: "
          "sgd; remove it, or choose optimizer.kind: layered, or optimizer.also: [layered] beside "
          "it");
  refused(with_joint, "job: toy\noptimizer: {lr: 1, also: [layred]}\n", 0, NULL,
          "e.yaml:2: optimizer.also: entry 1: found \"layred\", must be one of sgd, plain, layered; "
          "did you mean layered?");
}
END_TEST

START_TEST(an_override_of_the_choice_passes_over_the_files_keys) {
  toy_spec spec;
  mst_job_schema schema;
  mst_experiment *e;
  const char *text = "job: toy\noptimizer: {kind: layered, lr: 1, hidden: [3], schedule: cosine}\n";
  const char *set[] = {"optimizer.kind=plain", "optimizer.schedule=cosine"};
  ck_ok(read_as(with_optimizer, &optional, text, 1, set, &spec, &schema, &e));
  ck_assert_str_eq(spec.kind, "plain");
  ck_assert_int_eq(schema.schema.n_passed_over, 2);
  ck_assert_str_eq(schema.schema.passed_over[0], "optimizer.hidden");
  ck_assert_str_eq(schema.schema.passed_over[1], "optimizer.schedule");
  mst_experiment_free(e);
  mst_job_schema_clear(&schema);
  refused(with_optimizer, text, 2, set,
          "--set optimizer.schedule=cosine: found \"cosine\", but this key means nothing to "
          "optimizer.kind: plain; remove it, or choose optimizer.kind: layered");
}
END_TEST

START_TEST(a_failed_allocation_leaves_nothing_behind) {
  int64_t before = mst_memory_current();
  mst_status st = MST_ERR_MEMORY;
  const char *set[] = {"optimizer.kind=plain"};
  int n = 0;
  while (st == MST_ERR_MEMORY && n < 1000) {
    toy_spec spec;
    mst_job_schema schema = {.n_made = 0};
    mst_experiment *e = NULL;
    mst_memory_fail_at(++n);
    st = read_as(with_both, &optional,
                 "job: toy\noptimizer: {kind: layered, lr: 1, hidden: [3]}\nmethod: {name: sgd}\n", 1,
                 set, &spec, &schema, &e);
    mst_memory_fail_at(0);
    mst_experiment_free(e);
    mst_job_schema_clear(&schema);
    ck_assert_int_eq(mst_memory_current(), before);
  }
  ck_ok(st);
  ck_assert_int_gt(n, 30);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("family");
  TCase *c = tcase_create("family");
  tcase_add_test(c, a_spec_holds_shared_and_own_parameters);
  tcase_add_test(c, the_default_member_is_taken_when_none_is_chosen);
  tcase_add_test(c, a_member_without_keys_has_the_shared_ones);
  tcase_add_test(c, wrong_choices_and_foreign_keys_are_refused);
  tcase_add_test(c, a_list_of_too_many_entries_is_refused);
  tcase_add_test(c, members_of_a_list_are_read_each_with_its_own_keys);
  tcase_add_test(c, keys_of_members_that_a_list_lacks_are_refused_or_passed_over);
  tcase_add_test(c, members_beside_the_chosen_one_bring_their_own_keys);
  tcase_add_test(c, an_override_of_the_choice_passes_over_the_files_keys);
  tcase_add_test(c, a_failed_allocation_leaves_nothing_behind);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
