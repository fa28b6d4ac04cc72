/* Clients that leave an analytic model's kept statistics, or join them: what is left is what
 * training without them gives, an undo gives every bit back, and none of it depends on the ranks.
 */
#define MST_TEST_MPI
#include "tests/harness.h"

#include "parallel/analytic_ridges.h"
#include "parallel/analytic_update.h"
#include "tests/parallel/analytic_toy.h"

#define CLIENTS 40
#define WEIGHTS (D * C + C)

typedef struct model {
  double w[WEIGHTS];
} model;

static model first, second, third;

/* Rows of the clients in `some` alone, or of all others. */
static void deal(toy_run *r, const toy *t, const bool *some, bool only) {
  const mst_partition_spec spec = dirichlet(CLIENTS);
  int32_t *client = NULL;
  int64_t clients = 0;
  ck_ok(mst_alloc(&client, t->n, sizeof *client, "clients"));
  ck_ok(mst_partition_assign(&spec, t->n, t->label, t->c, NULL, client, &clients));
  for (int64_t i = 0; i < t->n; i++)
    if (some != NULL && some[client[i]] != only) client[i] = MST_NO_CLIENT;
  mst_roster_destroy(r->roster);
  ck_ok(mst_roster_create(r->team, t->n, client, clients, true, &r->roster));
  for (int64_t i = 0; i < r->roster->rows; i++) r->label[i] = t->label[r->roster->order[i]];
  mst_rows_assign(r->rows, r->roster, 1);
  mst_free(client);
}

static void start(toy_run *r, mst_team *team, toy *t, mst_gram_sums *sums) {
  const mst_partition_spec spec = dirichlet(CLIENTS);
  toy_start(r, team, t, &spec, mst_pipeline_sum(), 1 << 20, 1);
  ck_ok(mst_gram_sums_create(team, t->d, t->c, sums));
  sums->room = 4;
}

static void keep(model *to, mst_analytic_model *m) {
  memcpy(to->w, m->weights, (size_t)(m->d * m->c) * sizeof *to->w);
  memcpy(to->w + m->d * m->c, m->intercept, (size_t)m->c * sizeof *to->w);
  mst_analytic_model_free(m);
}

static void train(toy_run *r, const toy *t, mst_gram_sums *sums, model *to) {
  r->options.sums = sums;
  ck_ok(toy_train(r, t));
  keep(to, &r->model);
}

static mst_status change(toy_run *r, const toy *t, bool joins, mst_gram_sums *sums) {
  const mst_analytic_data data = {
      .rows = r->rows, .roster = r->roster, .label = r->label, .outputs = t->c};
  return mst_analytic_change(r->team, &data, r->features, &r->plan, &r->options, joins, NULL, sums,
                             &r->gram);
}

static void refit(toy_run *r, const mst_gram_sums *sums, model *to) {
  ck_ok(mst_analytic_refit(r->team, sums, &r->options, NULL, &r->model));
  keep(to, &r->model);
}

START_TEST(removed_clients_leave_the_model_of_the_others_and_an_undo_restores_every_bit) {
  toy t = toy_make(N, D, C);
  const bool out[CLIENTS] = {[0] = true, [7] = true, [8] = true, [31] = true};
  mst_gram_sums sums, other;
  toy_run r;
  start(&r, world, &t, &sums);
  deal(&r, &t, NULL, false);
  train(&r, &t, &sums, &first);
  int64_t *word = NULL;
  ck_ok(mst_alloc(&word, sums.mine, sizeof *word, "words"));
  if (sums.mine > 0) memcpy(word, sums.word, (size_t)sums.mine * sizeof *word);
  deal(&r, &t, out, true);
  ck_assert_int_gt(r.roster->rows, 0);
  ck_ok(change(&r, &t, false, &sums));
  refit(&r, &sums, &second);
  ck_assert_double_gt(relative_difference(second.w, first.w, WEIGHTS), 1e-3);
  ck_ok(change(&r, &t, true, &sums));
  refit(&r, &sums, &third);
  ck_assert_msg(memcmp(&third, &first, sizeof third) == 0, "the undo differs by %g",
                relative_difference(third.w, first.w, WEIGHTS));
  ck_assert(sums.mine == 0 || memcmp(word, sums.word, (size_t)sums.mine * sizeof *word) == 0);
  mst_free(word);
  deal(&r, &t, out, false);
  ck_ok(mst_gram_sums_create(world, t.d, t.c, &other));
  train(&r, &t, &other, &third);
  double difference = relative_difference(second.w, third.w, WEIGHTS);
  ck_assert_msg(difference < 1e-11, "from training without them: %g", difference);
  mst_gram_sums_free(&other);
  mst_gram_sums_free(&sums);
  toy_end(&r);
  toy_free(&t);
}
END_TEST

START_TEST(features_that_only_removed_clients_have_come_back_with_their_bits) {
  toy t = toy_make(N, 40, C);
  const bool out[CLIENTS] = {[7] = true, [8] = true, [31] = true};
  mst_gram_sums sums;
  toy_run r;
  start(&r, world, &t, &sums);
  deal(&r, &t, out, false);
  for (int64_t i = 0; i < r.roster->rows; i++) t.x[r.roster->order[i] * 40 + 13] = 0;
  ck_assert_int_eq(r.roster->client_first[7], r.roster->client_first[8]);
  ck_assert_int_gt(r.roster->client_first[7], 0); /* the shifts are those of a client that stays */
  toy_end(&r);
  mst_gram_sums_free(&sums);
  start(&r, world, &t, &sums); /* the rows are read anew */
  deal(&r, &t, NULL, false);
  train(&r, &t, &sums, &first);
  const double scale = sums.scale[13];
  deal(&r, &t, out, true);
  ck_ok(change(&r, &t, false, &sums));
  refit(&r, &sums, &second);
  for (int64_t k = 0; k < C; k++) ck_assert_double_eq(second.w[13 * C + k], 0);
  ck_ok(change(&r, &t, true, &sums));
  ck_assert_double_eq(sums.scale[13], scale);
  refit(&r, &sums, &third);
  ck_assert_double_ne(third.w[13 * C], 0);
  ck_assert(memcmp(&first, &third, (40 * C + C) * sizeof *first.w) == 0);
  mst_gram_sums_free(&sums);
  toy_end(&r);
  toy_free(&t);
}
END_TEST

START_TEST(the_bits_after_a_change_do_not_depend_on_ranks_or_passes) {
  toy t = toy_make(N, D, C);
  const bool out[CLIENTS] = {[3] = true, [20] = true};
  for (int way = 0; way < 3; way++) {
    mst_gram_sums sums;
    toy_run r;
    start(&r, way == 0 ? alone : world, &t, &sums);
    if (way == 2) {
      r.plan.gram.panel_tiles = 2;
      r.plan.gram.passes = 2;
    }
    deal(&r, &t, NULL, false);
    train(&r, &t, &sums, &second);
    deal(&r, &t, out, true);
    ck_ok(change(&r, &t, false, &sums));
    refit(&r, &sums, way == 0 ? &first : &second);
    ck_assert(way == 0 || memcmp(&first, &second, sizeof first) == 0);
    mst_gram_sums_free(&sums);
    toy_end(&r);
  }
  toy_free(&t);
}
END_TEST

/* The rows of some classes, with the labels of all. */
static toy with_classes(const toy *t, int32_t from, int32_t to, int64_t classes) {
  toy some = toy_make(t->n, t->d, classes);
  some.n = 0;
  for (int64_t i = 0; i < t->n; i++) {
    if (t->label[i] < from || t->label[i] >= to) continue;
    memcpy(some.x + some.n * t->d, t->x + i * t->d, (size_t)t->d * sizeof *t->x);
    some.label[some.n++] = t->label[i];
  }
  return some;
}

START_TEST(new_classes_that_join_give_what_joint_training_gives_and_can_leave_again) {
  toy all = toy_make(N, 300, C), old = with_classes(&all, 0, 2, 2),
      new = with_classes(&all, 2, C, C);
  mst_gram_sums sums, joint;
  toy_run r, s, u;
  start(&r, world, &old, &sums);
  deal(&r, &old, NULL, false);
  train(&r, &old, &sums, &first);
  start(&s, world, &new, &joint);
  mst_gram_sums_free(&joint);
  deal(&s, &new, NULL, false);
  ck_ok(change(&s, &new, true, &sums));
  ck_assert_int_eq(sums.targets, C);
  refit(&s, &sums, &second);
  start(&u, world, &all, &joint);
  deal(&u, &all, NULL, false);
  train(&u, &all, &joint, &third);
  double difference = relative_difference(second.w, third.w, 300 * C + C);
  ck_assert_msg(difference < 1e-11, "from joint training: %g", difference);
  ck_ok(change(&s, &new, false, &sums));
  ck_ok(mst_gram_sums_resize(&sums, 2));
  refit(&r, &sums, &third);
  ck_assert(memcmp(first.w, third.w, (300 * 2 + 2) * sizeof *first.w) == 0);
  ck_refused(mst_gram_sums_resize(&joint, 2), MST_ERR_INTERNAL, "cannot be dropped");
  mst_gram_sums_free(&sums);
  mst_gram_sums_free(&joint);
  toy_end(&r);
  toy_end(&s);
  toy_end(&u);
  toy_free(&all);
  toy_free(&old);
  toy_free(&new);
}
END_TEST

START_TEST(rows_without_room_are_refused_before_any_sum) {
  toy t = toy_make(N, 60, C), large = toy_make(N, 60, C);
  for (int64_t i = 0; i < large.n; i++) large.x[i * 60 + 5] *= 100;
  mst_gram_sums sums;
  toy_run r, s;
  start(&r, world, &t, &sums);
  deal(&r, &t, NULL, false);
  train(&r, &t, &sums, &first);
  toy_start(&s, world, &large, &(mst_partition_spec){.name = "iid", .seed = 3, .clients = 4},
            mst_pipeline_sum(), 1 << 20, 1);
  ck_refused(change(&s, &large, true, &sums), MST_ERR_INPUT,
             "column 5 of the features and targets: the rows that join");
  refit(&r, &sums, &second);
  ck_assert(memcmp(first.w, second.w, (60 * C + C) * sizeof *first.w) == 0);
  mst_gram_sums_free(&sums);
  toy_end(&r);
  toy_end(&s);
  toy_free(&t);
  toy_free(&large);
}
END_TEST

START_TEST(the_loss_of_held_out_clients_follows_from_their_sums) {
  toy t = toy_make(N, 300, C);
  const bool out[CLIENTS] = {[2] = true, [5] = true, [11] = true, [12] = true};
  mst_gram_sums sums, held;
  toy_run r;
  start(&r, world, &t, &sums);
  deal(&r, &t, out, false);
  r.options.sums = &sums;
  ck_ok(toy_train(&r, &t));
  deal(&r, &t, out, true);
  const mst_analytic_data data = {
      .rows = r.rows, .roster = r.roster, .label = r.label, .outputs = C};
  double loss = 0, same = 0;
  ck_ok(mst_gram_sums_part(&sums, C, true, &held));
  ck_ok(mst_analytic_sum(world, &data, r.features, &r.plan, &r.options, NULL, &held, &r.gram));
  ck_ok(mst_analytic_held_loss(world, &held, &r.model, &loss));
  mst_analytic_score score;
  ck_ok(mst_analytic_evaluate(world, &data, r.features, &r.model, NULL, &score, NULL));
  ck_assert_double_gt(score.loss, 0.01);
  ck_assert_msg(fabs(loss / score.loss - 1) < 1e-11, "%g from sums, %g from rows", loss,
                score.loss);
  ck_ok(mst_analytic_held_loss(world, &sums, &r.model, &same));
  ck_assert_double_lt(fabs(same / r.model.train_loss - 1), 1e-9);
  mst_analytic_model_free(&r.model);
  mst_gram_sums_free(&held);
  mst_gram_sums_free(&sums);
  toy_end(&r);
  toy_free(&t);
}
END_TEST

START_TEST(a_loss_too_small_to_be_told_counts_as_the_least_that_can_be) {
  toy t = toy_make(N, 30, C);
  for (int64_t i = 0; i < t.n; i++)
    for (int64_t k = 0; k < C; k++) t.x[i * 30 + k] = t.label[i] == k;
  mst_gram_sums sums;
  toy_run r;
  double good = 0, wild = 0;
  start(&r, world, &t, &sums);
  deal(&r, &t, NULL, false);
  train(&r, &t, &sums, &first);
  mst_analytic_model m = {.d = 30, .c = C};
  double weights[30 * C] = {0}, intercept[C] = {0};
  m.weights = weights;
  m.intercept = intercept;
  for (int64_t k = 0; k < C; k++) weights[k * C + k] = 1;
  ck_ok(mst_analytic_held_loss(world, &sums, &m, &good));
  ck_assert_msg(good > 0 && good < 1e-10, "%g of a model without residuals", good);
  for (int64_t k = 0; k < C; k++) { /* one-hot columns sum to 1: these weights cancel */
    for (int64_t i = 0; i < C; i++) weights[i * C + k] += 1e9;
    intercept[k] = -1e9;
  }
  ck_ok(mst_analytic_held_loss(world, &sums, &m, &wild));
  ck_assert_msg(wild > 1e3, "%g of weights that cancel", wild);
  mst_gram_sums_free(&sums);
  toy_end(&r);
  toy_free(&t);
}
END_TEST

START_TEST(memory_missing_on_one_rank_fails_on_all_and_leaves_sums_that_can_be_changed) {
  toy t = toy_make(200, 20, C);
  const bool out[CLIENTS] = {[7] = true, [8] = true, [30] = true};
  mst_gram_sums sums;
  toy_run r;
  start(&r, world, &t, &sums);
  deal(&r, &t, NULL, false);
  train(&r, &t, &sums, &first);
  deal(&r, &t, out, true);
  ck_ok(change(&r, &t, false, &sums));
  mst_status st = MST_ERR_MEMORY;
  int64_t at = 1, held = 0;
  for (; st == MST_ERR_MEMORY && at < 200; at++) {
    if (mst_team_rank(world) == mst_team_size(world) - 1) mst_memory_fail_at(at);
    st = change(&r, &t, true, &sums);
    mst_memory_fail_at(0);
    mst_rows_assign(r.rows, r.roster, 1); /* lets go of rows that were loaded */
    mst_rows_release(r.rows);
    if (at == 1) held = mst_memory_current();
    ck_assert_int_le(mst_memory_current(), held);
  }
  ck_assert_int_eq(st, MST_OK);
  ck_assert_int_gt(at, 10);
  refit(&r, &sums, &second);
  ck_assert(memcmp(first.w, second.w, (20 * C + C) * sizeof *first.w) == 0);
  mst_gram_sums_free(&sums);
  toy_end(&r);
  toy_free(&t);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("unlearning");
  TCase *c = tcase_create("kept statistics");
  tcase_add_unchecked_fixture(c, start_team, end_team);
  tcase_add_test(c, removed_clients_leave_the_model_of_the_others_and_an_undo_restores_every_bit);
  tcase_add_test(c, features_that_only_removed_clients_have_come_back_with_their_bits);
  tcase_add_test(c, the_bits_after_a_change_do_not_depend_on_ranks_or_passes);
  tcase_add_test(c, new_classes_that_join_give_what_joint_training_gives_and_can_leave_again);
  tcase_add_test(c, rows_without_room_are_refused_before_any_sum);
  tcase_add_test(c, the_loss_of_held_out_clients_follows_from_their_sums);
  tcase_add_test(c, a_loss_too_small_to_be_told_counts_as_the_least_that_can_be);
  tcase_add_test(c, memory_missing_on_one_rank_fails_on_all_and_leaves_sums_that_can_be_changed);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
