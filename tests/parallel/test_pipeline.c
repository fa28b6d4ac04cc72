/* The pipeline: its slots, the combinations that it refuses and why, what it needs, and the order
 * in which stages meet a contribution. */
#include "parallel/pipeline.h"

#include <string.h>

#include "tests/harness.h"

/* Leaves its mark: every entry becomes 10 x + the digit in data. */
static mst_status mark(const mst_stage *stage, int64_t client, int64_t round, int64_t n,
                       double *vector) {
  (void)client;
  (void)round;
  for (int64_t i = 0; i < n; i++) vector[i] = 10 * vector[i] + *(const double *)stage->data;
  return MST_OK;
}

static mst_status note_client_and_round(const mst_stage *stage, int64_t client, int64_t round,
                                        int64_t n, double *vector) {
  (void)stage;
  (void)n;
  vector[0] = (double)client;
  vector[1] = (double)round;
  return MST_OK;
}

static mst_status refuse(const mst_stage *stage, int64_t client, int64_t round, int64_t n,
                         double *vector) {
  (void)client;
  (void)round;
  (void)n;
  (void)vector;
  return mst_fail(MST_ERR_NONFINITE, "%s met NaN", stage->name);
}

static double one = 1, two = 2, three = 3, four = 4, five = 5;
static const mst_stage clip = {.name = "clip_norm", .slot = MST_SLOT_CLIP,
                               .traits = MST_TRAIT_SINGLE, .apply = mark, .data = &one};
static const mst_stage local_noise = {.name = "local_gauss", .slot = MST_SLOT_LOCAL_NOISE,
                                      .traits = MST_TRAIT_SINGLE | MST_TRAIT_PRIVATE,
                                      .apply = mark, .data = &two};
static const mst_stage topk = {.name = "topk", .slot = MST_SLOT_COMPRESS,
                               .traits = MST_TRAIT_SINGLE | MST_TRAIT_PACKS, .apply = mark,
                               .data = &five};
static const mst_stage mask = {.name = "pair_mask", .slot = MST_SLOT_MASK,
                               .traits = MST_TRAIT_HIDES, .apply = mark, .data = &three};
static const mst_stage noise = {.name = "gauss", .slot = MST_SLOT_NOISE,
                                .traits = MST_TRAIT_PRIVATE, .apply = mark, .data = &four};
static const mst_stage krum = {.name = "krum", .slot = MST_SLOT_AGGREGATE,
                               .traits = MST_TRAIT_SINGLE | MST_TRAIT_DISTANCES};
static const mst_stage median = {.name = "median", .slot = MST_SLOT_AGGREGATE,
                                 .traits = MST_TRAIT_SINGLE};

/* The sum with more stages; the last is NULL. */
static mst_pipeline sum_with(const mst_stage *a, const mst_stage *b, const mst_stage *c) {
  mst_pipeline p = mst_pipeline_sum();
  if (a != NULL) ck_ok(mst_pipeline_put(&p, a));
  if (b != NULL) ck_ok(mst_pipeline_put(&p, b));
  if (c != NULL) ck_ok(mst_pipeline_put(&p, c));
  return p;
}

static mst_pipeline rule_with(const mst_stage *rule, const mst_stage *stage) {
  mst_pipeline p = {{NULL}};
  ck_ok(mst_pipeline_put(&p, rule));
  if (stage != NULL) ck_ok(mst_pipeline_put(&p, stage));
  return p;
}

START_TEST(honest_pipelines_are_accepted) {
  mst_pipeline p[] = {sum_with(NULL, NULL, NULL),    sum_with(&clip, NULL, NULL),
                      sum_with(&clip, &mask, &noise), sum_with(&clip, &local_noise, &mask),
                      sum_with(&mask, NULL, NULL),    rule_with(&krum, NULL),
                      rule_with(&krum, &clip),        rule_with(&median, &clip),
                      sum_with(&clip, &local_noise, &topk), rule_with(&krum, &topk)};
  for (size_t i = 0; i < sizeof p / sizeof p[0]; i++) ck_ok(mst_pipeline_check(&p[i]));
}
END_TEST

START_TEST(no_aggregate_is_refused) {
  mst_pipeline p = {{NULL}};
  ck_refused(mst_pipeline_check(&p), MST_ERR_UNSUPPORTED, "nothing aggregates");
  ck_ok(mst_pipeline_put(&p, &clip));
  ck_refused(mst_pipeline_check(&p), MST_ERR_UNSUPPORTED, "nothing aggregates");
}
END_TEST

START_TEST(distances_between_masked_vectors_are_refused) {
  mst_pipeline p = rule_with(&krum, &mask);
  ck_refused(mst_pipeline_check(&p), MST_ERR_UNSUPPORTED, "'krum' compares distances");
  ck_refused(mst_pipeline_check(&p), MST_ERR_UNSUPPORTED, "'pair_mask' hides");
}
END_TEST

START_TEST(a_mask_without_a_sum_is_refused) {
  mst_pipeline p = rule_with(&median, &mask);
  ck_refused(mst_pipeline_check(&p), MST_ERR_UNSUPPORTED, "'median' is not a sum");
}
END_TEST

START_TEST(a_stage_that_hides_counts_as_a_mask_wherever_it_stands) {
  mst_stage shuffler = local_noise;
  shuffler.traits = MST_TRAIT_SINGLE | MST_TRAIT_HIDES;
  mst_pipeline p = rule_with(&krum, &shuffler);
  ck_refused(mst_pipeline_check(&p), MST_ERR_UNSUPPORTED, "compares distances");
}
END_TEST

START_TEST(private_noise_without_a_clip_is_refused) {
  mst_pipeline central = sum_with(&noise, NULL, NULL);
  ck_refused(mst_pipeline_check(&central), MST_ERR_UNSUPPORTED, "'gauss' adds privacy noise");
  mst_pipeline local = sum_with(&local_noise, NULL, NULL);
  ck_refused(mst_pipeline_check(&local), MST_ERR_UNSUPPORTED, "no epsilon");
  ck_ok(mst_pipeline_put(&local, &clip));
  ck_ok(mst_pipeline_check(&local));
}
END_TEST

START_TEST(a_mask_behind_a_compressor_is_refused) {
  mst_pipeline p = sum_with(&topk, &mask, NULL);
  ck_refused(mst_pipeline_check(&p), MST_ERR_UNSUPPORTED, "those that 'topk' leaves out too");
}
END_TEST

START_TEST(private_noise_on_a_sum_of_encodings_is_refused) {
  mst_pipeline p = sum_with(&clip, &topk, &noise);
  ck_refused(mst_pipeline_check(&p), MST_ERR_UNSUPPORTED, "larger than the clip left it");
}
END_TEST

START_TEST(a_taken_slot_is_refused_and_names_both) {
  mst_pipeline p = mst_pipeline_sum();
  ck_refused(mst_pipeline_put(&p, &krum), MST_ERR_UNSUPPORTED, "'sum'");
  ck_refused(mst_pipeline_put(&p, &krum), MST_ERR_UNSUPPORTED, "'krum'");
  ck_assert_ptr_eq(p.slot[MST_SLOT_AGGREGATE], &mst_stage_sum);
}
END_TEST

START_TEST(stages_that_contradict_themselves_are_refused) {
  mst_stage bad = clip;
  bad.slot = MST_SLOTS;
  mst_pipeline p = mst_pipeline_sum();
  ck_refused(mst_pipeline_put(&p, &bad), MST_ERR_INTERNAL, "names slot 6");
  p.slot[MST_SLOT_MASK] = &clip;
  ck_refused(mst_pipeline_check(&p), MST_ERR_INTERNAL, "stands in the mask slot");
  bad = clip;
  bad.apply = NULL;
  p = sum_with(&bad, NULL, NULL);
  ck_refused(mst_pipeline_check(&p), MST_ERR_INTERNAL, "nothing to apply");
  bad = clip;
  bad.traits = 0;
  p = sum_with(&bad, NULL, NULL);
  ck_refused(mst_pipeline_check(&p), MST_ERR_INTERNAL, "needs single contributions");
  bad = local_noise;
  bad.traits = MST_TRAIT_PRIVATE;
  p = sum_with(&clip, &bad, NULL);
  ck_refused(mst_pipeline_check(&p), MST_ERR_INTERNAL, "needs single contributions");
  bad = topk;
  bad.traits = MST_TRAIT_PACKS;
  p = sum_with(&bad, NULL, NULL);
  ck_refused(mst_pipeline_check(&p), MST_ERR_INTERNAL, "needs single contributions");
  bad.traits = MST_TRAIT_SINGLE;
  p = sum_with(&bad, NULL, NULL);
  ck_refused(mst_pipeline_check(&p), MST_ERR_INTERNAL, "does not say that it packs");
  bad = mask;
  bad.traits = 0;
  p = sum_with(&bad, NULL, NULL);
  ck_refused(mst_pipeline_check(&p), MST_ERR_INTERNAL, "does not say that it hides");
  bad = krum;
  bad.traits |= MST_TRAIT_SUM;
  p = rule_with(&bad, NULL);
  ck_refused(mst_pipeline_check(&p), MST_ERR_INTERNAL, "is a sum and that it needs single");
}
END_TEST

START_TEST(single_contributions_are_needed_by_stages_and_rules_only) {
  mst_pipeline p = mst_pipeline_sum();
  ck_assert(!mst_pipeline_needs_single(&p));
  p = sum_with(&mask, &noise, NULL);
  ck_assert(!mst_pipeline_needs_single(&p));
  p = sum_with(&clip, NULL, NULL);
  ck_assert(mst_pipeline_needs_single(&p));
  p = sum_with(&local_noise, NULL, NULL);
  ck_assert(mst_pipeline_needs_single(&p));
  p = rule_with(&krum, NULL);
  ck_assert(mst_pipeline_needs_single(&p));
  mst_stage vote = median;
  vote.traits = 0; /* not a sum, and silent about the rest */
  p = rule_with(&vote, NULL);
  ck_assert(mst_pipeline_needs_single(&p));
  p = (mst_pipeline){{NULL}};
  ck_assert(mst_pipeline_needs_single(&p));
}
END_TEST

START_TEST(stages_before_the_aggregate_apply_in_slot_order) {
  mst_pipeline p = sum_with(&mask, &noise, &clip);
  ck_ok(mst_pipeline_put(&p, &local_noise));
  ck_ok(mst_pipeline_put(&p, &topk));
  double vector[2] = {0, 7};
  ck_ok(mst_pipeline_contribute(&p, 3, 4, 2, vector));
  ck_assert_double_eq(vector[0], 1253);
  ck_assert_double_eq(vector[1], 71253);
}
END_TEST

START_TEST(the_sum_alone_leaves_a_contribution_as_it_is) {
  mst_pipeline p = mst_pipeline_sum();
  double vector[2] = {0.5, -7};
  ck_ok(mst_pipeline_contribute(&p, 3, 4, 2, vector));
  ck_assert_double_eq(vector[0], 0.5);
  ck_assert_double_eq(vector[1], -7);
}
END_TEST

START_TEST(stages_are_told_client_and_round) {
  mst_stage note = clip;
  note.apply = note_client_and_round;
  mst_pipeline p = sum_with(&note, NULL, NULL);
  double vector[2] = {0, 0};
  ck_ok(mst_pipeline_contribute(&p, 41, 7, 2, vector));
  ck_assert_double_eq(vector[0], 41);
  ck_assert_double_eq(vector[1], 7);
}
END_TEST

START_TEST(a_failing_stage_stops_the_rest_and_is_named) {
  mst_stage bad = local_noise;
  bad.apply = refuse;
  mst_pipeline p = sum_with(&clip, &bad, &mask);
  double vector[1] = {0};
  ck_refused(mst_pipeline_contribute(&p, 41, 7, 1, vector), MST_ERR_NONFINITE,
             "client 41, stage 'local_gauss': local_gauss met NaN");
  ck_assert_double_eq(vector[0], 1);
}
END_TEST

/* Leaves its mark on whole numbers. */
static mst_status mark_whole(const mst_stage *stage, int64_t client, int64_t round, int64_t n,
                             int64_t *whole) {
  (void)stage;
  for (int64_t i = 0; i < n; i++) whole[i] += 100 * client + round;
  return MST_OK;
}

static mst_status refuse_whole(const mst_stage *stage, int64_t client, int64_t round, int64_t n,
                               int64_t *whole) {
  (void)client, (void)round, (void)n, (void)whole;
  return mst_fail(MST_ERR_INTERNAL, "%s has no keys", stage->name);
}

START_TEST(a_mask_of_whole_numbers_leaves_reals_and_is_asked_for_apart) {
  mst_stage whole = mask;
  whole.apply = NULL;
  whole.mask = mark_whole;
  mst_pipeline p = sum_with(&clip, &whole, NULL);
  double vector[1] = {7};
  int64_t number[1] = {7};
  ck_ok(mst_pipeline_check(&p));
  ck_ok(mst_pipeline_contribute(&p, 3, 4, 1, vector));
  ck_assert_double_eq(vector[0], 71);
  ck_ok(mst_pipeline_mask(&p, 3, 4, 1, number));
  ck_assert_int_eq(number[0], 311);
  whole.mask = refuse_whole;
  ck_refused(mst_pipeline_mask(&p, 3, 4, 1, number), MST_ERR_INTERNAL,
             "client 3, stage 'pair_mask': pair_mask has no keys");
  p = sum_with(&clip, NULL, NULL);
  ck_ok(mst_pipeline_mask(&p, 3, 4, 1, number));
  ck_assert_int_eq(number[0], 311);
  whole = clip;
  whole.apply = NULL;
  whole.mask = mark_whole;
  p = sum_with(&whole, NULL, NULL);
  ck_refused(mst_pipeline_check(&p), MST_ERR_INTERNAL, "nothing to apply");
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("pipeline");
  TCase *check = tcase_create("check");
  tcase_add_test(check, honest_pipelines_are_accepted);
  tcase_add_test(check, no_aggregate_is_refused);
  tcase_add_test(check, distances_between_masked_vectors_are_refused);
  tcase_add_test(check, a_mask_without_a_sum_is_refused);
  tcase_add_test(check, a_stage_that_hides_counts_as_a_mask_wherever_it_stands);
  tcase_add_test(check, private_noise_without_a_clip_is_refused);
  tcase_add_test(check, a_mask_behind_a_compressor_is_refused);
  tcase_add_test(check, private_noise_on_a_sum_of_encodings_is_refused);
  tcase_add_test(check, a_taken_slot_is_refused_and_names_both);
  tcase_add_test(check, stages_that_contradict_themselves_are_refused);
  suite_add_tcase(s, check);
  TCase *use = tcase_create("use");
  tcase_add_test(use, single_contributions_are_needed_by_stages_and_rules_only);
  tcase_add_test(use, stages_before_the_aggregate_apply_in_slot_order);
  tcase_add_test(use, the_sum_alone_leaves_a_contribution_as_it_is);
  tcase_add_test(use, stages_are_told_client_and_round);
  tcase_add_test(use, a_failing_stage_stops_the_rest_and_is_named);
  tcase_add_test(use, a_mask_of_whole_numbers_leaves_reals_and_is_asked_for_apart);
  suite_add_tcase(s, use);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
