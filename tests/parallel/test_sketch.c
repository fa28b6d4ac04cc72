/* Sketches over ranks: the bits of one rank, S A and samples made by the formulas on one, products
 * of rows with targets and with other rows, least squares, and refusals. */
#define MST_TEST_MPI
#include "tests/harness.h"

#include "core/sketch/sample.h"
#include "parallel/sketch.h"
#include "tests/parallel/learning.h"
#include "tests/parallel/teams.h"

enum {
  ROWS = 1700,
  D = 30,
  CLASSES = 4,
  OTHER = 11
};

/* Rows with few entries, of uneven lengths. */
static void thin(toy *t) {
  mst_stream s = mst_stream_of(mst_key_make(11, MST_PURPOSE_TEST, (uint64_t)t->d, 0));
  for (int64_t i = 0; i < t->n; i++)
    for (int64_t j = 0; j < t->d; j++)
      t->x[i * t->d + j] *= mst_stream_uniform(&s) < 0.2 ? (float)(1 + i % 7) : 0;
}

typedef struct rows {
  mst_row_store *store;
  mst_features *features;
  mst_analytic_data data;
  mst_sketch_rows rows;
} rows;

static void open_rows(rows *r, mst_team *team, toy *t, const mst_roster *roster, int64_t groups) {
  const mst_row_reader reader = {
      .context = t, .rows = t->n, .row_elements = t->d, .read = toy_read};
  const mst_features_spec spec = mst_features_defaults("identity");
  const mst_row_shape shape = {.dims = 1, .size = {t->d}};
  ck_ok(mst_features_create(&spec, &shape, &r->features));
  ck_ok(mst_rows_create(team, &reader, 1 << 20, &r->store));
  mst_rows_assign(r->store, roster, groups);
  r->data =
      (mst_analytic_data){.rows = r->store, .roster = roster, .label = t->label, .outputs = t->c};
  r->rows = (mst_sketch_rows){.data = &r->data, .features = r->features};
}

static void close_rows(rows *r) {
  mst_features_destroy(r->features);
  mst_rows_destroy(r->store);
}

/* Sketch the toy's rows with those of another, or with its targets. */
static mst_status sketch(mst_team *team, toy *t, toy *other, const mst_sketch_options *o,
                         int64_t groups, mst_sketch_result *out) {
  mst_roster *roster;
  mst_row_plan plan;
  int32_t *client = NULL;
  rows a, b;
  ck_ok(mst_alloc(&client, t->n, sizeof *client, "clients"));
  ck_ok(mst_roster_create(team, t->n, client, 1, false, &roster));
  open_rows(&a, team, t, roster, groups);
  if (other != NULL) open_rows(&b, team, other, roster, groups);
  const int64_t m = other != NULL ? other->d : t->c, z = t->d + t->c + 1;
  ck_ok(mst_sketch_arrange(mst_team_size(team), t->n, t->d + m, o->whole ? z : t->d,
                           o->whole ? z : m, a.features, o, 0, 0, &plan));
  if (groups > 1) plan = (mst_row_plan){.groups = groups};
  const mst_status st =
      mst_sketch_estimate(team, &a.rows, other != NULL ? &b.rows : NULL, &plan, o, NULL, out);
  close_rows(&a);
  if (other != NULL) close_rows(&b);
  mst_roster_destroy(roster);
  mst_free(client);
  return st;
}

static void check_same(const mst_sketch_result *a, const mst_sketch_result *b) {
  ck_assert_int_eq(a->d, b->d);
  ck_assert_int_eq(a->m, b->m);
  ck_assert_mem_eq(a->product, b->product, (size_t)(a->d * a->m) * 8);
  ck_assert_mem_eq(a->exact, b->exact, (size_t)(a->d * a->m) * 8);
  ck_assert_mem_eq(&a->error, &b->error, 8);
  ck_assert_int_eq(a->numbers_a, b->numbers_a);
  ck_assert_int_eq(a->numbers_b, b->numbers_b);
  ck_assert_int_eq(a->sampled_both, b->sampled_both);
}

START_TEST(bits_do_not_depend_on_ranks_or_groups) {
  toy t = toy_make(ROWS, D, CLASSES), other = toy_make(ROWS, OTHER, CLASSES);
  thin(&t);
  thin(&other);
  for (int form = 0; form < 3; form++) {
    const mst_sketch_options o = {.spec = {.kind = mst_sketch_at(_i)->name, .size = 90, .seed = 5},
                                  .exact = true,
                                  .whole = form == 2};
    toy *with = form == 1 ? &other : NULL;
    mst_sketch_result one, many, streamed;
    ck_ok(sketch(alone, &t, with, &o, 1, &one));
    ck_ok(sketch(world, &t, with, &o, 1, &many));
    ck_ok(sketch(world, &t, with, &o, 3, &streamed));
    check_same(&one, &many);
    check_same(&one, &streamed);
    ck_assert_msg(one.error > 0 && one.error < 0.5, "%s: %g", o.spec.kind, one.error);
    ck_assert_int_eq(one.numbers_b == 0, form == 2);
    ck_assert_int_le(one.numbers_a, mst_sketch_most_numbers(&o.spec, ROWS, one.d));
    mst_sketch_free(&one);
    mst_sketch_free(&many);
    mst_sketch_free(&streamed);
  }
  toy_free(&t);
  toy_free(&other);
}
END_TEST

/* A'B of the toys, the plain way. */
static void product(const toy *a, const toy *b, double *out) {
  memset(out, 0, (size_t)(a->d * b->d) * sizeof *out);
  for (int64_t i = 0; i < a->n; i++)
    for (int64_t j = 0; j < a->d; j++)
      for (int64_t k = 0; k < b->d; k++)
        out[j * b->d + k] += (double)a->x[i * a->d + j] * (double)b->x[i * b->d + k];
}

static void apply(const mst_sketch_spec *s, const toy *t, double *out) {
  const mst_sketch_ops *ops = mst_sketch_find(s->kind);
  int64_t place[100];
  double entry[100];
  memset(out, 0, (size_t)(s->size * t->d) * sizeof *out);
  for (int64_t i = 0; i < t->n; i++) {
    ops->column(s, i, place, entry);
    for (int64_t e = 0; e < ops->nonzeros(s); e++)
      for (int64_t j = 0; j < t->d; j++)
        out[place[e] * t->d + j] += entry[e] * (double)t->x[i * t->d + j];
  }
}

START_TEST(linear_sketches_are_the_products_of_the_formula) {
  static const char *const kind[] = {"count_sketch", "gaussian", "rademacher"};
  static double want[D * OTHER], exact[D * OTHER], sa[60 * D], sb[60 * OTHER];
  toy t = toy_make(ROWS, D, CLASSES), other = toy_make(ROWS, OTHER, CLASSES);
  const mst_sketch_options o = {.spec = {.kind = kind[_i], .size = 60, .seed = 5}, .exact = true};
  mst_sketch_result r;
  apply(&o.spec, &t, sa);
  apply(&o.spec, &other, sb);
  mst_gemm(true, false, D, OTHER, o.spec.size, 1, sa, D, sb, OTHER, 0, want, OTHER);
  product(&t, &other, exact);
  ck_ok(sketch(world, &t, &other, &o, 1, &r));
  ck_assert_double_le(relative_difference(r.product, want, D * OTHER), 1e-12);
  ck_assert_double_le(relative_difference(r.exact, exact, D * OTHER), 1e-12);
  ck_assert_int_eq(r.numbers_a, 60 * D);
  ck_assert_int_eq(r.numbers_b, 60 * OTHER);
  mst_sketch_free(&r);
  toy_free(&t);
  toy_free(&other);
}
END_TEST

START_TEST(a_threshold_sample_is_that_of_the_formula) {
  static double want[D * OTHER], square[2][ROWS];
  const mst_sketch_options o = {.spec = {.kind = "threshold", .size = 200, .seed = 8}};
  toy t[2] = {toy_make(ROWS, D, CLASSES), toy_make(ROWS, OTHER, CLASSES)};
  double level[2] = {0};
  int64_t both = 0, numbers = 0;
  for (int p = 0; p < 2; p++) {
    thin(&t[p]);
    for (int64_t i = 0; i < ROWS; i++) {
      for (int64_t j = 0; j < t[p].d; j++) square[p][i] += pow((double)t[p].x[i * t[p].d + j], 2);
      level[p] += square[p][i];
    }
    level[p] = 200 / level[p];
  }
  memset(want, 0, sizeof want);
  for (int64_t i = 0; i < ROWS; i++) {
    const double hash = mst_sketch_hash(&o.spec, i);
    const double chance = fmin(1, fmin(level[0] * square[0][i], level[1] * square[1][i]));
    if (hash < level[0] * square[0][i]) {
      int64_t entries = 0;
      for (int64_t j = 0; j < D; j++) entries += t[0].x[i * D + j] != 0;
      numbers += 1 + (2 * entries < D ? 2 * entries : D);
    }
    if (!(hash < chance)) continue;
    both++;
    for (int64_t j = 0; j < D; j++)
      for (int64_t k = 0; k < OTHER; k++)
        want[j * OTHER + k] += (double)t[0].x[i * D + j] * (double)t[1].x[i * OTHER + k] / chance;
  }
  mst_sketch_result r;
  ck_ok(sketch(world, &t[0], &t[1], &o, 1, &r));
  ck_assert_double_le(relative_difference(r.product, want, D * OTHER), 1e-12);
  ck_assert_int_eq(r.sampled_both, both);
  ck_assert_int_eq(r.numbers_a, numbers + 1);
  ck_assert(r.exact == NULL && isnan(r.error));
  mst_sketch_free(&r);
  for (int p = 0; p < 2; p++) toy_free(&t[p]);
}
END_TEST

START_TEST(a_priority_sample_has_its_size_and_of_all_rows_gives_the_product) {
  toy t = toy_make(ROWS, D, CLASSES);
  mst_sketch_options o = {.spec = {.kind = "priority", .size = 150, .seed = 8}, .exact = true};
  mst_sketch_result r;
  ck_ok(sketch(world, &t, NULL, &o, 1, &r));
  ck_assert_int_eq(r.sampled_a, 150);
  ck_assert_int_eq(r.sampled_b, 150);
  ck_assert(r.sampled_both > 0 && r.sampled_both <= 150);
  mst_sketch_free(&r);
  o.spec.size = ROWS;
  ck_ok(sketch(world, &t, NULL, &o, 1, &r));
  ck_assert_int_eq(r.sampled_both, ROWS);
  ck_assert_double_le(r.error, 1e-14);
  ck_assert_double_eq_tol(r.norm_b, sqrt(ROWS), 1e-9);
  mst_sketch_free(&r);
  toy_free(&t);
}
END_TEST

/* Least squares of all rows, with an intercept, from rows that are centred. */
static void reference(const toy *t, double ridge, double *w, double *intercept, double *loss) {
  static double z[ROWS * D], g[D * D], b[D * CLASSES];
  double mean[D] = {0}, share[CLASSES] = {0};
  for (int64_t i = 0; i < ROWS * D; i++) mean[i % D] += (double)t->x[i] / ROWS;
  for (int64_t i = 0; i < ROWS; i++) share[t->label[i]] += 1.0 / ROWS;
  for (int64_t i = 0; i < ROWS * D; i++) z[i] = (double)t->x[i] - mean[i % D];
  mst_gemm(true, false, D, D, ROWS, 1, z, D, z, D, 0, g, D);
  memset(b, 0, sizeof b);
  for (int64_t i = 0; i < ROWS * D; i++) b[i % D * CLASSES + t->label[i / D]] += z[i];
  ck_ok(mst_ridge_solve(D, CLASSES, g, D, b, CLASSES, ridge, w));
  *loss = 0;
  for (int64_t k = 0; k < CLASSES; k++) {
    intercept[k] = share[k];
    for (int64_t j = 0; j < D; j++) intercept[k] -= mean[j] * w[j * CLASSES + k];
    for (int64_t i = 0; i < ROWS; i++) {
      double off = intercept[k] - (t->label[i] == k);
      for (int64_t j = 0; j < D; j++) off += (double)t->x[i * D + j] * w[j * CLASSES + k];
      *loss += off * off / ROWS / CLASSES;
    }
  }
}

START_TEST(least_squares_of_all_rows_are_those_of_a_solver) {
  static double w[D * CLASSES];
  double intercept[CLASSES], loss;
  toy t = toy_make(ROWS, D, CLASSES);
  const mst_sketch_options o = {
      .spec = {.kind = "priority", .size = ROWS}, .whole = true, .exact = true};
  mst_sketch_result r;
  mst_analytic_model m;
  reference(&t, 3, w, intercept, &loss);
  ck_ok(sketch(world, &t, NULL, &o, 1, &r));
  ck_ok(mst_sketch_regress(world, D, CLASSES, r.product, 3, &m));
  ck_assert_double_le(relative_difference(m.weights, w, D * CLASSES), 1e-10);
  ck_assert_double_le(relative_difference(m.intercept, intercept, CLASSES), 1e-10);
  ck_assert_double_eq_tol(mst_sketch_loss(&m, ROWS, r.exact), loss, 1e-12);
  mst_analytic_model_free(&m);
  mst_sketch_free(&r);
  toy_free(&t);
}
END_TEST

START_TEST(sketched_least_squares_lose_little) {
  toy t = toy_make(ROWS, D, CLASSES);
  for (int kind = 0; mst_sketch_at(kind) != NULL; kind++) {
    const mst_sketch_options o = {
        .spec = {.kind = mst_sketch_at(kind)->name, .size = 600, .seed = 2},
        .whole = true,
        .exact = true};
    mst_sketch_result r;
    mst_analytic_model sketched, best;
    ck_ok(sketch(world, &t, NULL, &o, 1, &r));
    ck_ok(mst_sketch_regress(world, D, CLASSES, r.product, 0, &sketched));
    ck_ok(mst_sketch_regress(world, D, CLASSES, r.exact, 0, &best));
    const double loss = mst_sketch_loss(&sketched, ROWS, r.exact);
    const double least = mst_sketch_loss(&best, ROWS, r.exact);
    ck_assert_msg(loss > least && loss < 1.15 * least, "%s: %g, at least %g", o.spec.kind, loss,
                  least);
    mst_analytic_model_free(&sketched);
    mst_analytic_model_free(&best);
    mst_sketch_free(&r);
  }
  toy_free(&t);
}
END_TEST

START_TEST(what_cannot_be_sketched_is_refused) {
  toy t = toy_make(600, 40, CLASSES), none = toy_make(600, 3, CLASSES);
  mst_sketch_options o = {.spec = {.kind = "threshold", .size = 50}};
  mst_sketch_result r;
  mst_analytic_model m;
  memset(none.x, 0, 600 * 3 * sizeof *none.x);
  ck_refused(sketch(world, &t, &none, &o, 1, &r), MST_ERR_INPUT, "all rows of B are 0");
  t.x[40 * 17] = 3e38f;
  ck_ok(sketch(world, &t, NULL, &o, 1, &r));
  mst_sketch_free(&r);
  t.x[40 * 17] = 0;
  o = (mst_sketch_options){.spec = {.kind = "gaussian", .size = 20}, .whole = true};
  ck_ok(sketch(world, &t, NULL, &o, 1, &r));
  ck_refused(mst_sketch_regress(world, 40, CLASSES, r.product, 0, &m), MST_ERR_SINGULAR,
             "a larger sketch.size");
  ck_ok(mst_sketch_regress(world, 40, CLASSES, r.product, 1, &m));
  mst_analytic_model_free(&m);
  mst_sketch_free(&r);
  o.spec.kind = "leverage";
  mst_row_plan plan = {.groups = 1};
  rows a;
  int32_t client[600] = {0};
  mst_roster *roster;
  ck_ok(mst_roster_create(world, 600, client, 1, false, &roster));
  open_rows(&a, world, &t, roster, 1);
  ck_refused(mst_sketch_estimate(world, &a.rows, NULL, &plan, &o, NULL, &r), MST_ERR_INPUT,
             "sketch.kind");
  close_rows(&a);
  mst_roster_destroy(roster);
  toy_free(&t);
  toy_free(&none);
}
END_TEST

START_TEST(one_rank_without_memory_is_everyones_failure) {
  toy t = toy_make(600, 12, CLASSES);
  rows a;
  int32_t client[600] = {0};
  mst_roster *roster;
  const mst_row_plan plan = {.groups = 1, .resident = true};
  ck_ok(mst_roster_create(world, 600, client, 1, false, &roster));
  for (int kind = 0; kind < 3; kind++)
    for (int n = 1; n < 30; n += 4) {
      const mst_sketch_options o = {.spec = {.kind = mst_sketch_at(kind)->name, .size = 50},
                                    .exact = true};
      mst_sketch_result r;
      open_rows(&a, world, &t, roster, 1);
      if (mst_team_rank(world) == mst_team_size(world) - 1) mst_memory_fail_at(n);
      const mst_status st = mst_sketch_estimate(world, &a.rows, NULL, &plan, &o, NULL, &r);
      mst_memory_fail_at(0);
      ck_assert(st == MST_OK || st == MST_ERR_MEMORY);
      if (n < 10) ck_assert_int_eq(st, MST_ERR_MEMORY);
      if (st == MST_OK) mst_sketch_free(&r);
      close_rows(&a);
    }
  mst_roster_destroy(roster);
  toy_free(&t);
}
END_TEST

/* Walks that were begun, and at which of them the last rank is asked to stop. */
typedef struct stopper {
  int walks, at;
} stopper;

static void begin_walk(void *context, const char *phase, int64_t total, const char *unit) {
  (void)phase;
  (void)total;
  (void)unit;
  ((stopper *)context)->walks++;
}

static bool should_stop(void *context) {
  const stopper *s = context;
  return s->walks == s->at && mst_team_rank(world) == mst_team_size(world) - 1;
}

START_TEST(a_signal_to_one_rank_ends_any_walk_on_all) {
  toy t = toy_make(600, 12, CLASSES);
  rows a;
  int32_t client[600] = {0};
  mst_roster *roster;
  const mst_row_plan plan = {.groups = 1};
  const mst_sketch_options o = {.spec = {.kind = "priority", .size = 50}, .exact = true};
  ck_ok(mst_roster_create(world, 600, client, 1, false, &roster));
  open_rows(&a, world, &t, roster, 1);
  for (int at = 1; at <= 4; at++) {
    stopper s = {.at = at};
    const mst_observer observer = {
        .context = &s, .on_phase = begin_walk, .should_stop = should_stop};
    mst_sketch_result r;
    const mst_status st = mst_sketch_estimate(world, &a.rows, NULL, &plan, &o, &observer, &r);
    ck_assert_int_eq(st, at <= 3 ? MST_ERR_INTERRUPTED : MST_OK);
    ck_assert_int_eq(s.walks, at <= 3 ? at : 3);
    if (st == MST_OK) mst_sketch_free(&r);
  }
  close_rows(&a);
  mst_roster_destroy(roster);
  toy_free(&t);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("sketches over ranks");
  TCase *c = tcase_create("sketch");
  tcase_add_unchecked_fixture(c, make_teams, end_teams);
  tcase_set_timeout(c, 120);
  tcase_add_loop_test(c, bits_do_not_depend_on_ranks_or_groups, 0, 5);
  tcase_add_loop_test(c, linear_sketches_are_the_products_of_the_formula, 0, 3);
  tcase_add_test(c, a_threshold_sample_is_that_of_the_formula);
  tcase_add_test(c, a_priority_sample_has_its_size_and_of_all_rows_gives_the_product);
  tcase_add_test(c, least_squares_of_all_rows_are_those_of_a_solver);
  tcase_add_test(c, sketched_least_squares_lose_little);
  tcase_add_test(c, what_cannot_be_sketched_is_refused);
  tcase_add_test(c, one_rank_without_memory_is_everyones_failure);
  tcase_add_test(c, a_signal_to_one_rank_ends_any_walk_on_all);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
