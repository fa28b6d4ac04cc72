/* Rows that count more than others: weights are repetitions of rows, on any number of ranks, with
 * masks too; and targets of several columns are learnt as each of them alone. */
#define MST_TEST_MPI
#include "tests/harness.h"

#include "tests/parallel/analytic_toy.h"

#define ROWS   700
#define WIDTH  300 /* two tile columns */
#define VALUES 3

static double reference[WIDTH * C + C];

/* weight[i] of the i-th row of the dataset, by place of the roster. Free with mst_free. */
static double *place_weights(const toy_run *r, const double *weight) {
  double *placed = NULL;
  ck_ok(mst_alloc(&placed, r->roster->rows, sizeof *placed, "weights"));
  for (int64_t i = 0; i < r->roster->rows; i++) placed[i] = weight[r->roster->order[i]];
  return placed;
}

static mst_status train_weighted(toy_run *r, const toy *t, const double *weight) {
  double *placed = place_weights(r, weight);
  const mst_analytic_data data = {
      .rows = r->rows, .roster = r->roster, .label = r->label, .outputs = t->c, .weight = placed};
  mst_status st = mst_analytic_train(r->team, &data, r->features, &r->pipeline, &r->plan,
                                     &r->options, NULL, &r->model, &r->gram);
  mst_free(placed);
  return st;
}

/* The i-th row as often as its weight says, which is a whole number. */
static toy repeat(const toy *t, const double *weight) {
  int64_t n = 0, at = 0;
  for (int64_t i = 0; i < t->n; i++) n += (int64_t)weight[i];
  toy out = toy_make(n, t->d, t->c);
  for (int64_t i = 0; i < t->n; i++)
    for (int64_t k = 0; k < (int64_t)weight[i]; k++, at++) {
      memcpy(out.x + at * t->d, t->x + i * t->d, (size_t)t->d * sizeof *t->x);
      out.label[at] = t->label[i];
    }
  return out;
}

static double weight[ROWS];

static void fill_weights(double unit) {
  for (int64_t i = 0; i < ROWS; i++) weight[i] = unit * (double)(i * 7 % 4);
}

START_TEST(a_weight_counts_as_so_many_repetitions) {
  toy t = toy_make(ROWS, WIDTH, C);
  fill_weights(1);
  toy often = repeat(&t, weight);
  toy_run r;
  usual_start(&r, &t, 20);
  ck_ok(train_weighted(&r, &t, weight));
  toy_reference(&often, 0.5, reference, reference + WIDTH * C);
  ck_assert_double_lt(relative_difference(r.model.weights, reference, WIDTH * C), 1e-10);
  ck_assert_double_lt(relative_difference(r.model.intercept, reference + WIDTH * C, C), 1e-10);
  toy_end(&r);
  toy_free(&often);
  toy_free(&t);
}
END_TEST

START_TEST(weights_keep_the_bits_on_any_number_of_ranks) {
  toy t = toy_make(ROWS, WIDTH, C);
  fill_weights(0.3);
  mst_team *team[2] = {alone, world};
  for (int k = 0; k < 2; k++) {
    const mst_partition_spec spec = dirichlet(20);
    toy_run r;
    toy_start(&r, team[k], &t, &spec, mst_pipeline_sum(), 1 << 20, 1);
    ck_ok(train_weighted(&r, &t, weight));
    if (k == 0) memcpy(reference, r.model.weights, sizeof(double) * WIDTH * C);
    ck_assert(memcmp(reference, r.model.weights, sizeof(double) * WIDTH * C) == 0);
    toy_end(&r);
  }
  toy_free(&t);
}
END_TEST

START_TEST(weights_stand_in_masked_sums) {
  toy t = toy_make(ROWS, WIDTH, C);
  toy_run r;
  double most = 0;
  for (int64_t i = 0; i < ROWS; i++) {
    double square = 0;
    for (int64_t j = 0; j < WIDTH; j++) square += pow((double)t.x[i * WIDTH + j], 2);
    most = fmax(most, sqrt(square));
    weight[i] = 1.5 * (double)(i % 3);
  }
  usual_start(&r, &t, 20);
  ck_ok(train_weighted(&r, &t, weight));
  memcpy(reference, r.model.weights, sizeof(double) * WIDTH * C);
  toy_end(&r);
  const mst_partition_spec spec = dirichlet(20);
  mst_pipeline masked = mst_pipeline_sum();
  ck_ok(mst_pipeline_put(&masked, &mst_stage_mask));
  toy_start(&r, world, &t, &spec, masked, 1 << 20, 1);
  r.options.secure =
      (mst_mask_options){.kind = MST_MASK_SUM, .bound = 1.01 * most, .secure = {.threshold = 0.67}};
  r.options.target_bound = 1;
  r.options.weight_bound = 3;
  ck_ok(train_weighted(&r, &t, weight));
  ck_assert_double_lt(relative_difference(r.model.weights, reference, WIDTH * C), 1e-9);
  toy_end(&r);
  toy_free(&t);
}
END_TEST

START_TEST(rows_that_all_weigh_nothing_are_refused) {
  toy t = toy_make(60, 20, C);
  toy_run r;
  usual_start(&r, &t, 10);
  fill_weights(0);
  ck_refused(train_weighted(&r, &t, weight), MST_ERR_INPUT, "no row with a weight");
  toy_end(&r);
  toy_free(&t);
}
END_TEST

/* Values: column k of a row's targets is a sum of its features of its own. */
typedef struct columns {
  toy *t;
  int64_t first, count;
} columns;

static mst_status read_values(void *context, int64_t first, int64_t count, float *x, float *value) {
  const columns *v = context;
  MST_TRY(toy_read(v->t, first, count, x, NULL));
  for (int64_t i = 0; i < count; i++)
    for (int64_t k = 0; k < v->count; k++) {
      const float *row = x + i * v->t->d;
      value[i * v->count + k] =
          (float)(v->first + k + 1) * row[v->first + k] + row[5] * row[v->first + k];
    }
  return MST_OK;
}

static void train_values(toy *t, int64_t first, int64_t count, double *weights, double *intercept) {
  columns v = {.t = t, .first = first, .count = count};
  const mst_row_reader reader = {
      .context = &v, .rows = t->n, .row_elements = t->d, .outputs = count, .read = read_values};
  const mst_partition_spec spec = dirichlet(20);
  toy_run r;
  toy_start(&r, world, t, &spec, mst_pipeline_sum(), 1 << 20, 1);
  mst_rows_destroy(r.rows);
  ck_ok(mst_rows_create(world, &reader, 1 << 20, &r.rows));
  mst_rows_assign(r.rows, r.roster, 1);
  ck_ok(mst_analytic_arrange(mst_team_size(world), t->n, t->d, 20, r.features, count, &r.pipeline,
                             0, 0, &r.plan));
  const mst_analytic_data data = {.rows = r.rows, .roster = r.roster, .outputs = count};
  ck_ok(mst_analytic_train(world, &data, r.features, &r.pipeline, &r.plan, &r.options, NULL,
                           &r.model, &r.gram));
  memcpy(weights, r.model.weights, (size_t)(t->d * count) * sizeof *weights);
  memcpy(intercept, r.model.intercept, (size_t)count * sizeof *intercept);
  toy_end(&r);
}

START_TEST(several_values_are_learnt_as_each_of_them_alone) {
  enum {
    wide = 40
  };
  toy t = toy_make(ROWS, wide, C);
  double all[wide * VALUES], own[wide], constant[VALUES], single = 0;
  train_values(&t, 0, VALUES, all, constant);
  for (int64_t k = 0; k < VALUES; k++) {
    double difference = 0, norm = 0;
    train_values(&t, k, 1, own, &single);
    for (int64_t i = 0; i < wide; i++) {
      difference += pow(all[i * VALUES + k] - own[i], 2);
      norm += own[i] * own[i];
    }
    ck_assert_double_lt(sqrt(difference / norm), 1e-12);
    ck_assert_double_lt(fabs(constant[k] - single), 1e-10);
    ck_assert_double_gt(fabs(own[k]), 0.5); /* the column that the target is made of */
  }
  toy_free(&t);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("analytic_weights");
  TCase *c = tcase_create("analytic_weights");
  tcase_add_unchecked_fixture(c, start_team, end_team);
  tcase_add_test(c, a_weight_counts_as_so_many_repetitions);
  tcase_add_test(c, weights_keep_the_bits_on_any_number_of_ranks);
  tcase_add_test(c, weights_stand_in_masked_sums);
  tcase_add_test(c, rows_that_all_weigh_nothing_are_refused);
  tcase_add_test(c, several_values_are_learnt_as_each_of_them_alone);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
