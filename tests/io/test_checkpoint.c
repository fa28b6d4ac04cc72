/* Checkpoints: what was saved is restored on any number of ranks, a resumed run leaves the same run
 * file, the last two are kept, and nobody goes on from another experiment's. */
#define MST_TEST_MPI
#include "core/base/digest.h"
#include "tests/io/checkpoint_sample.h"

/* Ranks 0 .. n - 1 as a team of their own; NULL on the others. */
static mst_team *small_team(int n) {
  MPI_Comm comm;
  mst_team *t = NULL;
  MPI_Comm_split(MPI_COMM_WORLD, rank < n ? 0 : MPI_UNDEFINED, rank, &comm);
  if (comm == MPI_COMM_NULL) return NULL;
  ck_ok(mst_team_create(comm, NULL, &t));
  MPI_Comm_free(&comm);
  return t;
}

START_TEST(what_one_number_of_ranks_saved_another_restores) {
  const char *path = scratch("ranks.h5");
  for (int writers = 1; writers <= size; writers += size - 1 > 0 ? size - 1 : 1)
    for (int readers = 1; readers <= size; readers++) {
      remove_all(path);
      mst_team *t = small_team(writers);
      if (t != NULL) leave_checkpoints(t, path, EXPERIMENT, 1, (int64_t[]){7});
      mst_team_destroy(t);
      ck_ok(mst_team_barrier(team));
      t = small_team(readers);
      if (t != NULL) ck_assert_int_eq(resumed_round(t, path, EXPERIMENT, NULL), 7);
      mst_team_destroy(t);
    }
  remove_all(path);
}
END_TEST

/* Two starts: the first ends after round 8, the second goes on to round 12. */
START_TEST(a_resumed_run_leaves_the_run_file_of_an_uninterrupted_one) {
  const char *path = scratch("whole.h5");
  char straight[MST_DIGEST_HEX], resumed[MST_DIGEST_HEX], *text[2] = {NULL, NULL};
  sample s;
  mst_checkpoints *c = NULL;
  int64_t round = 0;
  char *said = NULL;
  remove_all(path);
  mst_runfile *r = begin_run(team, path, EXPERIMENT);
  record_rounds(r, 1, 12);
  ck_ok(mst_runfile_commit(r, straight));
  ck_ok(mst_runfile_describe(team, path, &text[0]));
  leave_checkpoints(team, path, EXPERIMENT, 2, (int64_t[]){4, 8});
  r = begin_run(team, path, EXPERIMENT);
  make_sample(team, &s);
  ck_ok(mst_checkpoints_open(team, path, &c));
  ck_ok(mst_checkpoints_choose(c, EXPERIMENT, &said, &round));
  ck_assert_ptr_null(said);
  ck_ok(mst_checkpoints_restore(c, r, &s.state, &round));
  ck_assert_int_eq(round, 8);
  record_rounds(r, 9, 12);
  ck_ok(mst_runfile_commit(r, resumed));
  ck_assert_str_eq(straight, resumed);
  ck_ok(mst_runfile_describe(team, path, &text[1]));
  ck_assert_str_eq(strstr(text[0], "\nmetrics"), strstr(text[1], "\nmetrics"));
  ck_assert_ptr_nonnull(strstr(text[1], "\n  resumed                  8\n"));
  mst_checkpoints_remove(c, EXPERIMENT);
  ck_ok(mst_team_barrier(team));
  ck_assert_int_eq(files_of(path), 1);
  mst_checkpoints_close(c);
  for (int i = 0; i < 2; i++) mst_free(text[i]);
  free_sample(&s);
  remove_all(path);
}
END_TEST

/* Begin a run on a dataset of that digest; its state after round 3 is saved or, with `resume`, restored
 * as if it then were complete. */
static mst_status run_on(const char *path, const char *experiment, const char *digest, bool resume,
                         int64_t *round) {
  sample s;
  mst_checkpoints *c = NULL;
  char *said = NULL;
  mst_runfile *r = begin_run(team, path, experiment);
  make_sample(team, &s);
  if (digest != NULL) ck_ok(mst_runfile_input(r, "data.train", digest));
  ck_ok(mst_checkpoints_open(team, path, &c));
  mst_status st = MST_OK;
  if (resume) {
    st = mst_checkpoints_choose(c, experiment, &said, round);
    if (st == MST_OK) st = mst_checkpoints_restore(c, r, &s.state, round);
  } else {
    fill_sample(&s, 3);
    st = mst_checkpoints_save(c, r, 3, &s.state);
  }
  if (st == MST_OK && resume) mst_checkpoints_remove(c, experiment);
  mst_free(said);
  mst_checkpoints_close(c);
  mst_runfile_abandon(r);
  free_sample(&s);
  ck_ok(mst_team_barrier(team));
  return st;
}

START_TEST(datasets_are_compared_by_their_digests) {
  const char *path = scratch("inputs.h5");
  const char *here = "seed: 1\ndata:\n  train: a.h5\n", *there = "seed: 1\ndata:\n  train: b.h5\n";
  int64_t round = 0;
  remove_all(path);
  ck_ok(run_on(path, here, "0123", false, NULL));
  ck_refused(run_on(path, here, "0124", true, &round), MST_ERR_INPUT,
             "data.train: a.h5 has other rows, targets or clients than when");
  ck_refused(run_on(path, there, "0124", true, &round), MST_ERR_INPUT, "data.train: b.h5 has other");
  ck_assert(exists(checkpoint(path, 3)));
  ck_ok(run_on(path, there, "0123", true, &round));
  ck_assert_int_eq(round, 3);
  ck_assert_int_eq(files_of(path), 0);
  remove_all(path);
}
END_TEST

START_TEST(a_digest_that_one_side_lacks_is_no_agreement) {
  const char *path = scratch("lacking.h5");
  const char *here = "seed: 1\ndata:\n  train: a.h5\n", *there = "seed: 1\ndata:\n  train: b.h5\n";
  int64_t round = 0;
  remove_all(path);
  ck_ok(run_on(path, here, "0123", false, NULL));
  ck_refused(run_on(path, here, NULL, true, &round), MST_ERR_INTERNAL,
             "the run has no digest of data.train");
  ck_assert(exists(checkpoint(path, 3)));
  ck_ok(run_on(path, here, NULL, false, NULL));
  ck_refused(run_on(path, there, "0123", true, &round), MST_ERR_INPUT,
             "belongs to another experiment");
  ck_refused(run_on(path, here, "0123", true, &round), MST_ERR_FORMAT,
             "has no digest of data.train");
  ck_assert(exists(checkpoint(path, 3)));
  remove_all(path);
}
END_TEST

START_TEST(the_last_two_are_kept) {
  const char *path = scratch("two.h5");
  remove_all(path);
  leave_checkpoints(team, path, EXPERIMENT, 4, (int64_t[]){3, 6, 6, 9});
  ck_assert_int_eq(files_of(path), 2);
  ck_assert(exists(checkpoint(path, 6)) && exists(checkpoint(path, 9)));
  ck_assert_int_eq(resumed_round(team, path, EXPERIMENT, NULL), 9);
  remove_all(path);
}
END_TEST

START_TEST(a_resumed_run_keeps_what_it_went_on_from_until_it_has_two_of_its_own) {
  const char *path = scratch("kept.h5");
  char *said = NULL;
  sample s;
  int64_t round;
  mst_checkpoints *c = NULL;
  remove_all(path);
  leave_checkpoints(team, path, EXPERIMENT, 2, (int64_t[]){3, 6});
  mst_runfile *r = begin_run(team, path, EXPERIMENT);
  make_sample(team, &s);
  ck_ok(mst_checkpoints_open(team, path, &c));
  ck_ok(mst_checkpoints_choose(c, EXPERIMENT, &said, &round));
  ck_ok(mst_checkpoints_restore(c, r, &s.state, &round));
  ck_ok(mst_checkpoints_save(c, r, 8, &s.state));
  ck_ok(mst_team_barrier(team));
  ck_assert(exists(checkpoint(path, 6)) && exists(checkpoint(path, 8)));
  ck_assert(!exists(checkpoint(path, 3)));
  ck_assert_int_eq(mst_checkpoints_saved(c), 8);
  ck_ok(mst_team_barrier(team));
  ck_ok(mst_checkpoints_save(c, r, 9, &s.state));
  ck_ok(mst_team_barrier(team));
  ck_assert(!exists(checkpoint(path, 6)) && exists(checkpoint(path, 9)));
  mst_checkpoints_close(c);
  mst_runfile_abandon(r);
  free_sample(&s);
  remove_all(path);
}
END_TEST

START_TEST(a_run_that_begins_anew_removes_older_ones_with_its_first) {
  const char *path = scratch("anew.h5"), *begun = scratch(".anew.checkpoint-000000040.h5.abcdef.tmp");
  mst_checkpoints *c = NULL;
  remove_all(path);
  leave_checkpoints(team, path, EXPERIMENT, 2, (int64_t[]){30, 40});
  put_bytes(".anew.checkpoint-000000040.h5.abcdef.tmp", "x", 1);
  put_bytes("anew.checkpoint-x.h5", "x", 1);
  put_bytes("anewer.checkpoint-000000001.h5", "x", 1);
  ck_ok(mst_checkpoints_open(team, path, &c));
  ck_assert_int_eq(mst_checkpoints_count(c), 2);
  ck_assert_str_eq(mst_checkpoints_newest(c), checkpoint(path, 40));
  ck_assert_int_eq(mst_checkpoints_saved(c), 0);
  mst_checkpoints_close(c);
  leave_checkpoints(team, path, EXPERIMENT, 1, (int64_t[]){10});
  ck_assert(exists(checkpoint(path, 10)) && !exists(begun));
  ck_assert(!exists(checkpoint(path, 30)) && !exists(checkpoint(path, 40)));
  ck_assert(exists(scratch("anew.checkpoint-x.h5")));
  ck_assert(exists(scratch("anewer.checkpoint-000000001.h5")));
  remove_all(path);
}
END_TEST

START_TEST(without_a_checkpoint_a_resume_begins_anew) {
  const char *path = scratch("none.h5");
  char remarks[4096];
  remove_all(path);
  ck_assert_int_eq(resumed_round(team, path, EXPERIMENT, remarks), 0);
  ck_assert_str_eq(remarks, "");
}
END_TEST

static const char other_seed[] = "job: federated\nseed: 2\noptimizer:\n  momentum: 0.9\n";

START_TEST(another_experiment_is_refused_and_its_differences_are_listed) {
  const char *path = scratch("other.h5");
  mst_checkpoints *c = NULL;
  char *said = NULL;
  int64_t round = -1;
  remove_all(path);
  leave_checkpoints(team, path, EXPERIMENT, 2, (int64_t[]){3, 6});
  ck_ok(mst_checkpoints_open(team, path, &c));
  ck_refused(same_everywhere(mst_checkpoints_choose(c, other_seed, &said, &round)), MST_ERR_INPUT,
             "seed (1, now 2), optimizer.lr (0.1, now unset), optimizer.momentum (unset, now 0.9);");
  ck_assert_ptr_nonnull(strstr(mst_status_detail(), "other.checkpoint-000000006.h5"));
  ck_assert_ptr_null(said);
  mst_checkpoints_close(c);
  ck_assert_int_eq(files_of(path), 2);
  remove_all(path);
}
END_TEST

START_TEST(where_results_go_and_what_a_run_may_use_can_change) {
  const char *path = scratch("moved.h5");
  remove_all(path);
  leave_checkpoints(team, path, EXPERIMENT, 1, (int64_t[]){3});
  ck_assert_int_eq(resumed_round(team, path,
                                 "job: federated\nseed: 1\nresources:\n  memory: 2\n"
                                 "optimizer:\n  lr: 0.1\noutput:\n  run: \"else where.h5\"\n",
                                 NULL),
                   3);
  remove_all(path);
}
END_TEST

/* Two runs that write the same output: each goes on from its own, and neither removes the other's
 * when it is complete. */
START_TEST(an_older_one_of_this_experiment_goes_before_a_newer_one_of_another) {
  const char *path = scratch("both.h5");
  char remarks[4096];
  remove_all(path);
  leave_checkpoints(team, path, EXPERIMENT, 1, (int64_t[]){4});
  ck_ok(mst_team_barrier(team));
  if (rank == 0) rename(checkpoint(path, 4), scratch("aside"));
  ck_ok(mst_team_barrier(team));
  leave_checkpoints(team, path, other_seed, 1, (int64_t[]){9});
  if (rank == 0) rename(scratch("aside"), checkpoint(path, 4));
  ck_ok(mst_team_barrier(team));
  ck_assert_int_eq(resumed_round(team, path, EXPERIMENT, remarks), 4);
  if (rank == 0) ck_assert_ptr_nonnull(strstr(remarks, "000000009.h5 belongs to another experiment"));
  ck_assert_int_eq(resumed_round(team, path, other_seed, remarks), 9);
  ck_assert_str_eq(remarks, "");
  mst_checkpoints *c = NULL;
  ck_ok(mst_checkpoints_open(team, path, &c));
  mst_checkpoints_remove(c, EXPERIMENT);
  mst_checkpoints_close(c);
  ck_ok(mst_team_barrier(team));
  ck_assert(!exists(checkpoint(path, 4)) && exists(checkpoint(path, 9)));
  remove_all(path);
}
END_TEST

/* A state list that is not the sample's; `what` says how. */
static mst_status restore_other(const char *path, int what) {
  static float weight[WEIGHTS + 1];
  static double figures[2];
  sample s;
  char *said = NULL;
  int64_t round = 0, n = WEIGHTS + (what == 1);
  mst_checkpoints *c = NULL;
  mst_runfile *r = begin_run(team, path, EXPERIMENT);
  make_sample(team, &s);
  mst_state other;
  mst_state_init(&other);
  for (int i = 0; i < s.state.n - (what == 0); i++) {
    const mst_state_item *item = &s.state.item[i];
    if (i == 0 && what == 1)
      ck_ok(mst_state_add(&other, item->name, MST_F32, 1, &n, weight));
    else if (i == 3 && what == 2)
      ck_ok(mst_state_add(&other, item->name, MST_I64, 1, item->shape, figures));
    else if (i == 3 && what == 3)
      ck_ok(mst_state_add(&other, "method/figures", MST_F64, 1, item->shape, figures));
    else if (item->layout == MST_SHARDED)
      ck_ok(mst_state_add_shard(&other, item->name, item->type, item->dims, item->shape, item->first,
                                item->count, item->data));
    else
      ck_ok(mst_state_add(&other, item->name, item->type, item->dims, item->shape, item->data));
  }
  ck_ok(mst_checkpoints_open(team, path, &c));
  ck_ok(mst_checkpoints_choose(c, EXPERIMENT, &said, &round));
  mst_status st = same_everywhere(mst_checkpoints_restore(c, r, &other, &round));
  ck_assert_int_eq(round, 0);
  ck_assert_msg(is_sample(&s, 0), "something was filled");
  mst_checkpoints_close(c);
  mst_runfile_abandon(r);
  mst_state_clear(&other);
  free_sample(&s);
  return st;
}

START_TEST(arrays_of_another_run_are_refused_before_anything_is_filled) {
  const char *path = scratch("arrays.h5");
  remove_all(path);
  leave_checkpoints(team, path, EXPERIMENT, 1, (int64_t[]){3});
  ck_refused(restore_other(path, 0), MST_ERR_INPUT, "5 arrays where the run keeps 4");
  ck_refused(restore_other(path, 1), MST_ERR_INPUT, "weights has another shape");
  ck_refused(restore_other(path, 2), MST_ERR_INPUT, "figures has another type");
  ck_refused(restore_other(path, 3), MST_ERR_INPUT, "method/figures is not in it");
  ck_assert(exists(checkpoint(path, 3)));
  remove_all(path);
}
END_TEST

START_TEST(a_link_as_run_file_leads_to_the_checkpoints) {
  const char *path = scratch("behind.h5"), *link = scratch("link_to_it.h5");
  remove_all(path);
  remove_file(link);
  if (rank == 0) ck_assert_int_eq(symlink("behind.h5", link), 0);
  ck_ok(mst_team_barrier(team));
  leave_checkpoints(team, link, EXPERIMENT, 1, (int64_t[]){3});
  ck_assert(exists(checkpoint(path, 3)) && !exists(checkpoint(link, 3)));
  ck_assert_int_eq(resumed_round(team, path, EXPERIMENT, NULL), 3);
  remove_file(link);
  remove_all(path);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("checkpoint");
  TCase *c = tcase_create("checkpoint");
  tcase_add_unchecked_fixture(c, make_team, drop_team);
  tcase_set_timeout(c, 0);
  tcase_add_test(c, what_one_number_of_ranks_saved_another_restores);
  tcase_add_test(c, a_resumed_run_leaves_the_run_file_of_an_uninterrupted_one);
  tcase_add_test(c, datasets_are_compared_by_their_digests);
  tcase_add_test(c, a_digest_that_one_side_lacks_is_no_agreement);
  tcase_add_test(c, the_last_two_are_kept);
  tcase_add_test(c, a_resumed_run_keeps_what_it_went_on_from_until_it_has_two_of_its_own);
  tcase_add_test(c, a_run_that_begins_anew_removes_older_ones_with_its_first);
  tcase_add_test(c, without_a_checkpoint_a_resume_begins_anew);
  tcase_add_test(c, another_experiment_is_refused_and_its_differences_are_listed);
  tcase_add_test(c, where_results_go_and_what_a_run_may_use_can_change);
  tcase_add_test(c, an_older_one_of_this_experiment_goes_before_a_newer_one_of_another);
  tcase_add_test(c, arrays_of_another_run_are_refused_before_anything_is_filled);
  tcase_add_test(c, a_link_as_run_file_leads_to_the_checkpoints);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
