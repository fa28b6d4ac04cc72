/* Registries: members by name, and what is said of a name that no member has; and that all families
 * of core say it alike. */
#include "core/base/registry.h"

#include "core/compress/compress.h"
#include "core/features/features.h"
#include "core/federated/method.h"
#include "core/model/model.h"
#include "core/optim/optim.h"
#include "core/optim/schedule.h"
#include "core/partition/partition.h"
#include "tests/harness.h"

static const char *rules(int i) {
  static const char *const names[] = {"krum", "median", "mean"};
  return i >= 0 && i < 3 ? names[i] : NULL;
}

START_TEST(members_are_found_by_their_whole_names) {
  ck_assert_int_eq(mst_registry_find(rules, "krum"), 0);
  ck_assert_int_eq(mst_registry_find(rules, "mean"), 2);
  ck_assert_int_eq(mst_registry_find(rules, "me"), -1);
  ck_assert_int_eq(mst_registry_find(rules, "means"), -1);
  ck_assert_int_eq(mst_registry_find(rules, ""), -1);
  ck_assert_int_eq(mst_registry_find(rules, NULL), -1);
}
END_TEST

static void refused(const char *name, const char *sentence) {
  ck_assert_int_eq(mst_registry_refuse(rules, "aggregate.rule", name), MST_ERR_INPUT);
  ck_assert_str_eq(mst_status_detail(), sentence);
}

START_TEST(an_unknown_name_is_told_the_choices_and_the_nearest) {
  refused("medain",
          "aggregate.rule 'medain' is unknown; choose one of krum, median, mean; the nearest is "
          "median");
  refused("bulyan", "aggregate.rule 'bulyan' is unknown; choose one of krum, median, mean");
  refused(NULL, "aggregate.rule '' is unknown; choose one of krum, median, mean");
}
END_TEST

static const char *many(int i) {
  return i >= 0 && i < 100 ? "a_name_of_many" : NULL;
}

START_TEST(more_names_than_a_sentence_holds_are_cut) {
  ck_refused(mst_registry_refuse(many, "x.kind", "y"), MST_ERR_INPUT, "a_name_of_many, a_name");
}
END_TEST

START_TEST(every_family_refuses_in_the_same_words) {
  mst_row_shape row = {1, {4}};
  mst_features *f = NULL;
  mst_model *m = NULL;
  int32_t client[2];
  int64_t k = 0;
  ck_refused(mst_features_create(&(mst_features_spec){.kind = "rleu"}, &row, &f), MST_ERR_INPUT,
             "features.kind 'rleu' is unknown; choose one of identity, relu, fourier, conv, "
             "scattering, johnson_lindenstrauss, nystrom, conv_stack; the nearest is relu");
  ck_refused(mst_model_create(&(mst_model_spec){.kind = "mpl"}, &row, true, 2, &m), MST_ERR_INPUT,
             "model.kind 'mpl' is unknown; choose one of softmax, glm, mlp, lenet, resnet; the "
             "nearest is mlp");
  ck_refused(
      mst_compress_check(&(mst_compress_spec){.kind = "topj"}), MST_ERR_INPUT,
      "compress.kind 'topj' is unknown; choose one of none, topk, randk, sign, qsgd, int8; the "
      "nearest is topk");
  ck_refused(mst_method_check(&(mst_method_spec){.name = "scafold"}), MST_ERR_INPUT,
             "method.name 'scafold' is unknown; choose one of fedavg, ");
  ck_refused(mst_optim_check(&(mst_optim_spec){.kind = "adamax"}), MST_ERR_INPUT,
             "optimizer.kind 'adamax' is unknown; choose one of sgd, ");
  ck_refused(mst_schedule_check(&(mst_schedule_spec){.name = "cosinus"}), MST_ERR_INPUT,
             "optimizer.schedule 'cosinus' is unknown; choose one of constant, step, exponential, "
             "cosine, linear, one_cycle, cooldown; the nearest is cosine");
  ck_refused(
      mst_partition_assign(&(mst_partition_spec){.name = "dirchlet"}, 2, NULL, 0, NULL, client, &k),
      MST_ERR_INPUT,
      "clients.partition 'dirchlet' is unknown; choose one of iid, shards, dirichlet, mixture, "
      "quantity, natural; the nearest is dirichlet");
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("registry");
  TCase *c = tcase_create("registry");
  tcase_add_test(c, members_are_found_by_their_whole_names);
  tcase_add_test(c, an_unknown_name_is_told_the_choices_and_the_nearest);
  tcase_add_test(c, more_names_than_a_sentence_holds_are_cut);
  tcase_add_test(c, every_family_refuses_in_the_same_words);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
