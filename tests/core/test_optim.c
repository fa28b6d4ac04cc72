/* What holds for every optimizer: its bits do not depend on how the vector is cut, and a stored
 * state continues as if nothing had been. */
#include "core/base/memory.h"
#include "tests/core/optim_rules.h"

enum {
  WHOLE = 5 * MST_OPTIM_BLOCK + 123
};
/* Layers that end anywhere: a small one, an empty one, one of several blocks. */
static const int64_t FIRST[] = {0,    700, 707, 707, 2 * MST_OPTIM_BLOCK + 5, 3 * MST_OPTIM_BLOCK,
                                WHOLE};
static const mst_optim_layers layers = {6, FIRST};

static float w[WHOLE], g[WHOLE], other[WHOLE], out[WHOLE];

/* The i-th member that steps by itself, past egn; layerwise once more for dog. */
static bool nth(int i, mst_optim_spec *spec) {
  int n = 0;
  for (int k = 0; mst_optim_at(k) != NULL; k++) {
    if (mst_optim_at(k)->needs_model) continue;
    *spec = mst_optim_defaults(mst_optim_at(k)->name);
    if (n++ == i) return true;
  }
  if (i == n || i == n + 1) *spec = mst_optim_defaults(i == n ? "dog" : "sgd");
  spec->layerwise = i == n;
  spec->momentum = i == n + 1 ? 0.9 : 0;
  spec->nesterov = i == n + 1;
  return i <= n + 1;
}

static mst_optim *made(const mst_optim_spec *spec, int64_t first, int64_t count) {
  mst_optim *o;
  ck_ok(mst_optim_create(spec, &layers, first, count, &o));
  return o;
}

static void fill(float *x, int64_t t) {
  for (int64_t i = 0; i < WHOLE; i++) x[i] = sample(i, t);
}

/* Some steps of a vector that lies in shards [cut[0], cut[1]), [cut[1], cut[2]), ... */
static void step_shards(const mst_optim_spec *spec, const int64_t *cut, int shards, float *x) {
  mst_optim *o[8];
  double *part;
  fill(x, -1);
  for (int s = 0; s < shards; s++) {
    o[s] = made(spec, cut[s], cut[s + 1] - cut[s]);
    mst_optim_start(o[s], x + cut[s]);
  }
  ck_ok(mst_alloc(&part, mst_optim_whole_parts(o[0]), sizeof *part, "parts"));
  for (int t = 0; t < 4; t++) {
    double *at = part;
    fill(g, t);
    for (int s = 0; s < shards; s++) {
      mst_optim_measure(o[s], x + cut[s], g + cut[s], spec->lr, at);
      at += mst_optim_parts(o[s]);
    }
    ck_assert_int_eq(at - part, mst_optim_whole_parts(o[0]));
    for (int s = 0; s < shards; s++) mst_optim_apply(o[s], x + cut[s], g + cut[s], spec->lr, part);
  }
  for (int s = 0; s < shards; s++) {
    mst_optim_average(o[s], x + cut[s], out + cut[s]);
    mst_optim_destroy(o[s]);
  }
  mst_free(part);
}

START_TEST(shards_have_the_bits_of_the_whole) {
  const int64_t whole[] = {0, WHOLE};
  const int64_t B = MST_OPTIM_BLOCK, cut[] = {0, B, 3 * B, 3 * B, 5 * B, WHOLE, WHOLE};
  mst_optim_spec spec;
  for (int i = 0; nth(i, &spec); i++) {
    static float average[WHOLE];
    spec.weight_decay = 0.01;
    step_shards(&spec, whole, 1, w);
    memcpy(average, out, sizeof out);
    step_shards(&spec, cut, 6, other);
    ck_assert_msg(memcmp(w, other, sizeof w) == 0, "%s", spec.kind);
    ck_assert_msg(memcmp(average, out, sizeof out) == 0, "%s", spec.kind);
    fill(other, -1);
    ck_assert_msg(memcmp(w, other, sizeof w) != 0, "%s does not move", spec.kind);
  }
}
END_TEST

START_TEST(rules_without_sums_take_any_cut) {
  const int64_t whole[] = {0, WHOLE}, cut[] = {0, 1, 703, 5000, WHOLE};
  mst_optim_spec spec;
  int seen = 0;
  for (int i = 0; nth(i, &spec); i++) {
    if (mst_optim_find(spec.kind)->layer_sums > 0) continue;
    step_shards(&spec, whole, 1, w);
    step_shards(&spec, cut, 4, other);
    ck_assert_msg(memcmp(w, other, sizeof w) == 0, "%s", spec.kind);
    seen++;
  }
  ck_assert_int_ge(seen, 8);
}
END_TEST

START_TEST(a_step_is_measuring_and_applying) {
  const int64_t whole[] = {0, WHOLE};
  mst_optim_spec spec;
  for (int i = 0; nth(i, &spec); i++) {
    step_shards(&spec, whole, 1, w);
    fill(other, -1);
    mst_optim *o = made(&spec, 0, WHOLE);
    mst_optim_start(o, other);
    for (int t = 0; t < 4; t++) {
      fill(g, t);
      mst_optim_step(o, other, g, spec.lr);
    }
    ck_assert_int_eq(memcmp(w, other, sizeof w), 0);
    mst_optim_destroy(o);
  }
}
END_TEST

static void some_steps(mst_optim *o, float *x, int from, int to) {
  for (int t = from; t < to; t++) {
    fill(g, t);
    mst_optim_step(o, x, g, o->spec.lr);
  }
}

START_TEST(a_stored_state_continues_with_the_same_bits) {
  mst_optim_spec spec;
  for (int i = 0; nth(i, &spec); i++) {
    mst_state kept, fresh;
    mst_optim *o = made(&spec, 0, WHOLE), *p = made(&spec, 0, WHOLE);
    fill(w, -1);
    mst_optim_start(o, w);
    some_steps(o, w, 0, 5);
    memcpy(other, w, sizeof w);
    fill(out, -9);
    mst_optim_start(p, out);
    some_steps(p, out, 7, 9);
    mst_state_init(&kept);
    mst_state_init(&fresh);
    ck_ok(mst_optim_state(o, &kept));
    ck_ok(mst_optim_state(p, &fresh));
    ck_assert_int_eq(kept.n, fresh.n);
    for (int k = 0; k < kept.n; k++) {
      const mst_state_item *item = &kept.item[k];
      ck_assert_str_eq(item->name, fresh.item[k].name);
      memcpy(fresh.item[k].data, item->data,
             (size_t)(mst_state_local_elements(item) * mst_dtype_size(item->type)));
    }
    some_steps(o, w, 5, 8);
    some_steps(p, other, 5, 8);
    ck_assert_msg(memcmp(w, other, sizeof w) == 0, "%s", spec.kind);
    static float average[2][WHOLE];
    mst_optim_average(o, w, average[0]);
    mst_optim_average(p, other, average[1]);
    ck_assert_int_eq(memcmp(average[0], average[1], sizeof average[0]), 0);
    mst_state_clear(&kept);
    mst_state_clear(&fresh);
    mst_optim_destroy(o);
    mst_optim_destroy(p);
  }
}
END_TEST

START_TEST(starting_again_forgets_everything) {
  mst_optim_spec spec;
  for (int i = 0; nth(i, &spec); i++) {
    mst_optim *o = made(&spec, 0, WHOLE);
    for (int again = 0; again < 2; again++) {
      float *x = again == 0 ? w : other;
      fill(x, -1);
      mst_optim_start(o, x);
      some_steps(o, x, 0, 3);
    }
    ck_assert_msg(memcmp(w, other, sizeof w) == 0, "%s", spec.kind);
    mst_optim_destroy(o);
  }
}
END_TEST

START_TEST(the_state_is_sharded_and_named_after_what_it_holds) {
  mst_optim_spec spec = mst_optim_defaults("adam");
  mst_optim *o = made(&spec, 100, 900);
  mst_state s;
  mst_state_init(&s);
  ck_ok(mst_optim_state(o, &s));
  const mst_state_item *item = mst_state_find(&s, "optimizer/square");
  ck_assert_ptr_nonnull(item);
  ck_assert_int_eq(item->layout, MST_SHARDED);
  ck_assert_int_eq(item->shape[0], WHOLE);
  ck_assert_int_eq(item->first, 100);
  ck_assert_int_eq(item->count, 900);
  ck_assert_ptr_nonnull(mst_state_find(&s, "optimizer/step"));
  mst_state_clear(&s);
  mst_optim_destroy(o);
}
END_TEST

START_TEST(what_averages_is_evaluated_elsewhere) {
  mst_optim_spec spec;
  for (int i = 0; nth(i, &spec); i++) {
    const bool averages = mst_optim_find(spec.kind)->averages;
    mst_optim *o = made(&spec, 0, WHOLE);
    fill(w, -1);
    mst_optim_start(o, w);
    mst_optim_average(o, w, out);
    ck_assert_int_eq(memcmp(w, out, sizeof w), 0);
    some_steps(o, w, 0, 3);
    mst_optim_average(o, w, out);
    ck_assert_int_eq(memcmp(w, out, sizeof w) != 0, averages);
    mst_optim_destroy(o);
  }
}
END_TEST

START_TEST(squares_of_shards_are_those_of_the_whole) {
  mst_optim_spec spec = mst_optim_defaults("sgd");
  const int64_t cut[] = {0, 2 * MST_OPTIM_BLOCK, WHOLE};
  double parts[2][64], sum = 0, direct = 0;
  fill(g, 3);
  mst_optim *o = made(&spec, 0, WHOLE);
  const int64_t n = mst_optim_pieces(o, true);
  ck_assert_int_eq(n, 6 + 3); /* blocks, and borders of layers within one */
  mst_optim_squares(o, g, parts[0]);
  mst_optim_destroy(o);
  int64_t at = 0;
  for (int s = 0; s < 2; s++) {
    o = made(&spec, cut[s], cut[s + 1] - cut[s]);
    mst_optim_squares(o, g + cut[s], parts[1] + at);
    at += mst_optim_pieces(o, false);
    mst_optim_destroy(o);
  }
  ck_assert_int_eq(at, n);
  ck_assert_int_eq(memcmp(parts[0], parts[1], (size_t)n * sizeof(double)), 0);
  for (int64_t k = 0; k < n; k++) sum += parts[0][k];
  for (int64_t k = 0; k < WHOLE; k++) direct += (double)g[k] * g[k];
  ck_assert_double_eq_tol(sum, direct, 1e-9 * direct);
}
END_TEST

START_TEST(what_cannot_be_is_refused) {
  mst_optim *o;
  mst_optim_spec spec = {.kind = "adamax"};
  ck_refused(mst_optim_create(&spec, &layers, 0, WHOLE, &o), MST_ERR_INPUT, "adamax");
  ck_assert_ptr_null(o);
  spec = mst_optim_defaults("egn");
  ck_refused(mst_optim_create(&spec, &layers, 0, WHOLE, &o), MST_ERR_UNSUPPORTED, "model");
  spec = mst_optim_defaults("adam");
  spec.beta2 = 1;
  ck_refused(mst_optim_create(&spec, &layers, 0, WHOLE, &o), MST_ERR_INPUT, "optimizer.beta2 is 1");
  spec = mst_optim_defaults("adam");
  spec.epsilon = 1e-46; /* 0 in float32 */
  ck_refused(mst_optim_check(&spec), MST_ERR_INPUT, "optimizer.epsilon");
  spec = mst_optim_defaults("sgd");
  spec.lr = NAN;
  ck_refused(mst_optim_check(&spec), MST_ERR_INPUT, "optimizer.lr");
  spec.lr = 0;
  ck_refused(mst_optim_check(&spec), MST_ERR_INPUT, "above 0");
  spec.lr = 1;
  spec.epsilon = NAN; /* another member's */
  ck_ok(mst_optim_check(&spec));
  ck_refused(mst_optim_create(&spec, &layers, 1, WHOLE, &o), MST_ERR_INPUT, "shard");
  const int64_t falling[] = {0, 5, 4};
  ck_refused(mst_optim_create(&spec, &(mst_optim_layers){2, falling}, 0, 4, &o), MST_ERR_INPUT,
             "rise");
  spec = mst_optim_defaults("lamb");
  ck_refused(mst_optim_create(&spec, &layers, 0, 5000, &o), MST_ERR_INPUT, "4096");
  ck_refused(mst_optim_create(&spec, &layers, 5, WHOLE - 5, &o), MST_ERR_INPUT, "4096");
}
END_TEST

START_TEST(the_bytes_are_known_before) {
  mst_optim_spec spec;
  for (int i = 0; nth(i, &spec); i++)
    for (int k = 0; k < 2; k++) {
      const int64_t before = mst_memory_current(), n = k == 0 ? WHOLE : MST_OPTIM_BLOCK;
      mst_optim *o = made(&spec, 0, n);
      ck_assert_int_eq(mst_memory_current() - before, mst_optim_bytes(&spec, &layers, n));
      mst_optim_destroy(o);
      ck_assert_int_eq(mst_memory_current(), before);
    }
}
END_TEST

START_TEST(plain_descent_keeps_no_vector) {
  mst_optim_spec spec = mst_optim_defaults("sgd");
  ck_assert_int_lt(mst_optim_bytes(&spec, &layers, WHOLE), 4 * WHOLE);
  mst_optim *o = made(&spec, 0, WHOLE);
  mst_optim_momentum(o, 0.9);
  fill(w, -1);
  mst_optim_start(o, w);
  some_steps(o, w, 0, 2);
  mst_optim_destroy(o);
}
END_TEST

START_TEST(missing_memory_is_an_error_without_a_leak) {
  mst_optim_spec spec = mst_optim_defaults("dog");
  for (int n = 1; n <= 8; n++) {
    const int64_t before = mst_memory_current();
    mst_optim *o;
    mst_memory_fail_at(n);
    mst_status status = mst_optim_create(&spec, &layers, 0, WHOLE, &o);
    mst_memory_fail_at(0);
    ck_assert_int_eq(status, MST_ERR_MEMORY);
    ck_assert_ptr_null(o);
    ck_assert_int_eq(mst_memory_current(), before);
  }
}
END_TEST

START_TEST(nothing_of_a_vector_that_is_not_finite_is_hidden) {
  mst_optim_spec spec;
  for (int i = 0; nth(i, &spec); i++) {
    mst_optim *o = made(&spec, 0, WHOLE);
    fill(w, -1);
    mst_optim_start(o, w);
    some_steps(o, w, 0, 1);
    fill(g, 1);
    g[5000] = NAN;
    mst_optim_step(o, w, g, spec.lr);
    ck_assert_msg(isnan(w[5000]), "%s", spec.kind);
    mst_optim_destroy(o);
  }
}
END_TEST

START_TEST(every_member_says_what_it_can_be_told) {
  for (int k = 0; mst_optim_at(k) != NULL; k++) {
    const mst_optim_ops *ops = mst_optim_at(k);
    mst_optim_spec spec = mst_optim_defaults(ops->name);
    ck_assert_ptr_eq(mst_optim_find(ops->name), ops);
    ck_ok(mst_optim_check(&spec));
    ck_assert_double_gt(spec.lr, 0);
    ck_assert_int_gt(spec.batch, 0);
    for (const mst_param *p = ops->params; p->name != NULL; p++)
      ck_assert_msg(strlen(p->help) > 5 && p->unit != NULL && p->fallback != NULL, "%s.%s",
                    ops->name, p->name);
    for (int i = 0; i < ops->vectors; i++) ck_assert_ptr_nonnull(ops->vector_name[i]);
  }
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("optimizers");
  TCase *t = tcase_create("family");
  tcase_set_timeout(t, 60);
  suite_add_tcase(suite, t);
  tcase_add_test(t, shards_have_the_bits_of_the_whole);
  tcase_add_test(t, rules_without_sums_take_any_cut);
  tcase_add_test(t, a_step_is_measuring_and_applying);
  tcase_add_test(t, a_stored_state_continues_with_the_same_bits);
  tcase_add_test(t, starting_again_forgets_everything);
  tcase_add_test(t, the_state_is_sharded_and_named_after_what_it_holds);
  tcase_add_test(t, what_averages_is_evaluated_elsewhere);
  tcase_add_test(t, squares_of_shards_are_those_of_the_whole);
  tcase_add_test(t, what_cannot_be_is_refused);
  tcase_add_test(t, the_bytes_are_known_before);
  tcase_add_test(t, plain_descent_keeps_no_vector);
  tcase_add_test(t, missing_memory_is_an_error_without_a_leak);
  tcase_add_test(t, nothing_of_a_vector_that_is_not_finite_is_hidden);
  tcase_add_test(t, every_member_says_what_it_can_be_told);
  return mst_test_main(argc, argv, suite);
}
