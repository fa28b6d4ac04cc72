/* Pure exploration over ranks: the same bits whoever takes which instance, after a resume too; what
 * is counted; one rank's failure. */
#define MST_TEST_MPI
#include <math.h>
#include <string.h>

#include "core/base/digest.h"
#include "core/base/memory.h"
#include "core/privacy/audit.h"
#include "parallel/identify.h"
#include "tests/harness.h"
#include "tests/parallel/teams.h"


static mst_identify_options options(const char *kind, const char *method) {
  mst_identify_options o = {.seed = 5, .seeds = 11, .confidence = 0.95, .report_every = 4};
  o.instance = (mst_instance_spec){.kind = kind, .arms = 6, .tasks = 6, .rank = 2, .contexts = 3};
  mst_param_defaults(mst_instance_params, &o.instance);
  mst_param_defaults(mst_instance_find(kind)->params, &o.instance);
  o.instance.dimension = 4;
  o.instance.noise = 0.5;
  o.identifier.method = method;
  mst_param_defaults(mst_identifier_params, &o.identifier);
  mst_param_defaults(mst_identifier_find(method)->params, &o.identifier);
  o.identifier.constant = 0.01;
  o.identifier.most = 1000000000000;
  return o;
}

/* A memory for states, as files are. */
typedef struct memory {
  mst_digest digest;
  int64_t stop_at, round, n; /* stop_at: ask to stop after so many instances */
  unsigned char *kept[8];
} memory;

static mst_status on_round(void *context, int64_t round, int n, const mst_metric *metric) {
  memory *m = context;
  m->round = round;
  for (int i = 0; i < n; i++) mst_digest_add(&m->digest, &metric[i].value, sizeof metric[i].value);
  return MST_OK;
}

static bool should_stop(void *context) {
  const memory *m = context;
  return m->stop_at > 0 && m->round >= m->stop_at;
}

static int64_t bytes_of(const mst_state_item *item) {
  return mst_state_local_elements(item) * mst_dtype_size(item->type);
}

static mst_status on_save(void *context, int64_t round, const mst_state *state) {
  memory *m = context;
  m->round = round;
  m->n = state->n;
  for (int i = 0; i < state->n; i++) {
    MST_TRY(mst_alloc(&m->kept[i], bytes_of(&state->item[i]), 1, "kept"));
    memcpy(m->kept[i], state->item[i].data, (size_t)bytes_of(&state->item[i]));
  }
  return MST_OK;
}

static mst_status on_restore(void *context, mst_state *state, int64_t *round) {
  memory *m = context;
  *round = m->n > 0 ? m->round : 0;
  for (int i = 0; i < (int)m->n; i++) {
    memcpy(state->item[i].data, m->kept[i], (size_t)bytes_of(&state->item[i]));
    mst_free(m->kept[i]);
  }
  m->n = 0;
  return MST_OK;
}

/* The digest of a run on ranks `by`; stopped after so many instances and resumed, if stop_at > 0.
 */
static mst_identify_totals run(mst_team *by, const mst_identify_options *o, int64_t stop_at,
                               char *hex) {
  memory m = {.stop_at = stop_at};
  mst_observer observer = {.context = &m,
                           .on_round = on_round,
                           .on_save = on_save,
                           .on_restore = on_restore,
                           .should_stop = should_stop};
  mst_identification *f = NULL;
  char state_hex[MST_DIGEST_HEX];
  mst_state state;
  mst_digest_start(&m.digest);
  ck_ok(mst_identification_create(by, o, &f));
  if (stop_at > 0) {
    ck_refused(mst_identification_run(f, &observer), MST_ERR_INTERRUPTED, "instance 4 of 11");
    mst_identification_destroy(f);
    m.stop_at = 0;
    ck_ok(mst_identification_create(by, o, &f));
  }
  ck_ok(mst_identification_run(f, &observer));
  mst_state_init(&state);
  ck_ok(mst_identification_state(f, &state));
  ck_ok(mst_team_digest(by, &state, state_hex));
  mst_state_clear(&state);
  mst_digest_add(&m.digest, state_hex, sizeof state_hex);
  mst_digest_hex(&m.digest, hex);
  const mst_identify_totals t = mst_identification_figures(f);
  mst_identification_destroy(f);
  return t;
}

START_TEST(a_run_has_the_same_bits_on_any_ranks_and_after_a_resume) {
  static const char *const cases[][2] = {{"soare", "glucb"},         {"sphere", "lucb"},
                                         {"sphere", "xy_static"},    {"unshared", "rage"},
                                         {"shared", "task_by_task"}, {"shared", "douexpdes"},
                                         {"contexts", "c_douexpdes"}};
  for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
    const mst_identify_options o = options(cases[c][0], cases[c][1]);
    char expected[MST_DIGEST_HEX], found[MST_DIGEST_HEX];
    const mst_identify_totals t = run(alone, &o, 0, expected);
    ck_assert_int_eq(t.instances, 11);
    ck_assert_int_eq(t.undecided, 0);
    ck_assert_msg(t.wrong <= 3, "%s: %lld of 11 wrong", cases[c][1], (long long)t.wrong);
    run(world, &o, 0, found);
    ck_assert_msg(strcmp(found, expected) == 0, "%s: other bits on the ranks", cases[c][1]);
    run(world, &o, 4, found);
    ck_assert_msg(strcmp(found, expected) == 0, "%s: other bits after a resume", cases[c][1]);
  }
}
END_TEST

START_TEST(an_instance_is_that_of_its_own_seed) {
  mst_identify_options o = options("sphere", "rage");
  char hex[MST_DIGEST_HEX];
  double sum = 0, squares = 0, least = INFINITY, most = 0;
  o.seeds = 3;
  o.report_every = 2;
  const mst_identify_totals all = run(world, &o, 0, hex);
  o.seeds = 1;
  for (int i = 0; i < 3; i++, o.seed++) {
    const double pulls = run(world, &o, 0, hex).pulls;
    sum += pulls;
    least = fmin(least, pulls);
    most = fmax(most, pulls);
    squares += pulls * pulls;
  }
  ck_assert_double_eq_tol(all.pulls, sum / 3, 1e-9 * sum);
  ck_assert_double_eq(all.pulls_median, sum - least - most);
  ck_assert_double_eq_tol(all.pulls_sd, sqrt((squares - sum * sum / 3) / 2), 1e-6 * sum);
}
END_TEST

START_TEST(wrong_and_undecided_instances_are_counted_apart) {
  mst_identify_options o = options("shared", "rage");
  char hex[MST_DIGEST_HEX];
  o.identifier.most = 30;
  mst_identify_totals t = run(world, &o, 0, hex);
  ck_assert_int_eq(t.undecided, 11);
  ck_assert_int_eq(t.undecided_tasks, 66);
  ck_assert(t.wrong == 0 && t.error_upper == 1 && t.pulls_most <= 30);
  o = options("contexts", "c_douexpdes");
  o.identifier.rank = 4;
  o.identifier.epsilon = 2; /* any policy will do */
  o.instance.noise = 3;
  t = run(world, &o, 0, hex);
  ck_assert(t.wrong == 0 && t.loss_most > 0.05 && t.loss_most <= 2);
  o = options("sphere", "rage");
  t = run(world, &o, 0, hex);
  ck_assert_int_eq(t.wrong + t.undecided, 0);
  ck_assert_double_eq_tol(t.error_upper, 1 - pow(0.05, 1.0 / 11), 1e-9);
  ck_assert_double_eq(t.error_upper, mst_proportion_upper(0, 11, 1 - 0.95));
}
END_TEST

START_TEST(an_instance_that_cannot_be_drawn_fails_on_all_ranks) {
  mst_identify_options o = options("sphere", "rage");
  mst_identification *f = NULL;
  o.instance.gap = 3;
  o.seeds = 1; /* one rank has it */
  ck_ok(mst_identification_create(world, &o, &f));
  ck_refused(mst_identification_run(f, NULL), MST_ERR_INPUT, "gap of 3");
  mst_identification_destroy(f);
  o.seeds = 0;
  ck_refused(mst_identification_create(world, &o, &f), MST_ERR_INPUT, "seeds");
  ck_assert_ptr_null(f);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("pure exploration over ranks");
  TCase *c = tcase_create("instances");
  tcase_add_unchecked_fixture(c, make_teams, end_teams);
  tcase_add_test(c, a_run_has_the_same_bits_on_any_ranks_and_after_a_resume);
  tcase_add_test(c, an_instance_is_that_of_its_own_seed);
  tcase_add_test(c, wrong_and_undecided_instances_are_counted_apart);
  tcase_add_test(c, an_instance_that_cannot_be_drawn_fails_on_all_ranks);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
