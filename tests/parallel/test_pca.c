/* Principal components over ranks: the bits of one rank, LAPACK's decomposition of the gathered
 * rows, what is left of the rows, and refusals. */
#define MST_TEST_MPI
#include "tests/harness.h"

#include "parallel/pca.h"
#include "parallel/tiles.h"
#include "tests/parallel/learning.h"
#include "tests/parallel/teams.h"


/* Rows of rank `rank` with singular values that halve, offset by `offset`, plus a little noise. */
static toy low_rank(int64_t n, int64_t d, int64_t rank, double offset, double noise) {
  toy t = toy_make(n, d, 2);
  double *a = NULL, *b = NULL;
  ck_ok(mst_alloc(&a, n * rank, sizeof *a, "left"));
  ck_ok(mst_alloc(&b, rank * d, sizeof *b, "right"));
  mst_stream s = mst_stream_of(mst_key_make(8, MST_PURPOSE_TEST, 1, 0));
  for (int64_t i = 0; i < n * rank; i++)
    a[i] = mst_stream_normal(&s) * pow(0.5, (double)(i % rank));
  for (int64_t i = 0; i < rank * d; i++) b[i] = mst_stream_normal(&s);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < d; j++) {
      double x = offset + noise * mst_stream_normal(&s);
      for (int64_t r = 0; r < rank; r++) x += a[i * rank + r] * b[r * d + j];
      t.x[i * d + j] = (float)x;
    }
  mst_free(a);
  mst_free(b);
  return t;
}

typedef struct run {
  mst_row_store *rows;
  mst_roster *roster;
  mst_features *features;
  mst_row_plan plan;
  mst_analytic_data data;
} run;

static void start(run *r, mst_team *team, toy *t, const mst_pca_options *o, int64_t groups) {
  const mst_row_reader reader = {
      .context = t, .rows = t->n, .row_elements = t->d, .read = toy_read};
  const mst_features_spec spec = mst_features_defaults("identity");
  const mst_row_shape shape = {.dims = 1, .size = {t->d}};
  int32_t *client = NULL;
  ck_ok(mst_alloc(&client, t->n, sizeof *client, "clients"));
  ck_ok(mst_features_create(&spec, &shape, &r->features));
  ck_ok(mst_rows_create(team, &reader, 1 << 20, &r->rows));
  ck_ok(mst_roster_create(team, t->n, client, 1, false, &r->roster));
  ck_ok(mst_pca_arrange(mst_team_size(team), t->n, t->d, r->features, o, 0, 0, &r->plan));
  if (groups > 1) r->plan = (mst_row_plan){.groups = groups};
  mst_rows_assign(r->rows, r->roster, r->plan.groups);
  r->data = (mst_analytic_data){.rows = r->rows, .roster = r->roster};
  mst_free(client);
}

static void end(run *r) {
  mst_features_destroy(r->features);
  mst_rows_destroy(r->rows);
  mst_roster_destroy(r->roster);
}

static void decompose(mst_team *team, toy *t, const mst_pca_options *o, int64_t groups,
                      mst_pca *out) {
  run r;
  start(&r, team, t, o, groups);
  ck_ok(mst_pca_train(team, &r.data, r.features, &r.plan, o, NULL, out));
  end(&r);
}

static void check_same(const mst_pca *a, const mst_pca *b) {
  ck_assert_mem_eq(a->components, b->components, (size_t)(a->k * a->d) * 8);
  ck_assert_mem_eq(a->singular, b->singular, (size_t)a->k * 8);
  ck_assert_mem_eq(a->mean, b->mean, (size_t)a->d * 8);
  ck_assert_mem_eq(&a->residual, &b->residual, 8);
  ck_assert_mem_eq(&a->explained, &b->explained, 8);
}

static mst_pca_options options(int64_t k, bool centre, bool randomised) {
  return (mst_pca_options){.components = k,
                           .centre = centre,
                           .randomised = randomised,
                           .oversample = 10,
                           .power = 3,
                           .seed = 3};
}

START_TEST(bits_do_not_depend_on_ranks_or_groups) {
  toy t = low_rank(1700, 270, 20, 3, 0.1);
  for (int i = 0; i < 3; i++) {
    const mst_pca_options o = options(7, i != 1, i == 2);
    mst_pca one, many, streamed;
    decompose(alone, &t, &o, 1, &one);
    decompose(world, &t, &o, 1, &many);
    decompose(world, &t, &o, 3, &streamed);
    check_same(&one, &many);
    check_same(&one, &streamed);
    ck_assert_double_le(one.orthogonality, 1e-12);
    mst_pca_free(&one);
    mst_pca_free(&many);
    mst_pca_free(&streamed);
  }
  toy_free(&t);
}
END_TEST

/* X'X of the (centred) rows in float64, decomposed by LAPACK; values ascend, vectors are rows. */
static void reference(const toy *t, bool centre, double *values, double *vectors, double *mean) {
  double *x = NULL;
  ck_ok(mst_alloc(&x, t->n * t->d, sizeof *x, "rows"));
  for (int64_t j = 0; j < t->d; j++) {
    double sum = 0;
    for (int64_t i = 0; i < t->n; i++) sum += (double)t->x[i * t->d + j];
    mean[j] = centre ? sum / (double)t->n : 0;
    for (int64_t i = 0; i < t->n; i++) x[i * t->d + j] = (double)t->x[i * t->d + j] - mean[j];
  }
  mst_syrk_at_a(t->d, t->n, 1.0, x, t->d, 0.0, vectors, t->d);
  ck_ok(mst_eigen_symmetric(t->d, vectors, t->d, true, values));
  mst_free(x);
}

static void check_against_lapack(bool centre, bool randomised, double tolerance) {
  enum {
    WIDTH = 60,
    K = 5
  };
  toy t = low_rank(900, WIDTH, 8, 2, 1e-3);
  double values[WIDTH], mean[WIDTH], *vectors = NULL, rest = 0, total = 0;
  ck_ok(mst_alloc(&vectors, WIDTH * WIDTH, sizeof *vectors, "eigenvectors"));
  reference(&t, centre, values, vectors, mean);
  const mst_pca_options o = options(K, centre, randomised);
  mst_pca p;
  decompose(world, &t, &o, 1, &p);
  for (int64_t c = 0; c < K; c++) {
    const double singular = sqrt(values[WIDTH - 1 - c]);
    ck_assert_double_eq_tol(p.singular[c], singular, 1e-11 * sqrt(values[WIDTH - 1]));
    ck_assert_double_eq_tol(p.variance[c], singular * singular / (900.0 - centre),
                            1e-11 * values[WIDTH - 1]);
    for (int64_t j = 0; j < WIDTH; j++)
      ck_assert_double_eq_tol(p.components[c * WIDTH + j], vectors[(WIDTH - 1 - c) * WIDTH + j],
                              tolerance);
  }
  for (int64_t j = 0; j < WIDTH; j++) {
    total += values[j];
    if (j < WIDTH - K) rest += values[j];
    ck_assert_double_eq_tol(p.mean[j], mean[j], 1e-12);
  }
  ck_assert_double_eq_tol(p.residual, sqrt(rest / total), 1e-10);
  ck_assert_double_eq_tol(p.explained, 1 - rest / total, 1e-11);
  ck_assert_double_le(p.orthogonality, 1e-12);
  mst_pca_free(&p);
  mst_free(vectors);
  toy_free(&t);
}

START_TEST(components_are_those_of_lapack_on_all_rows) {
  check_against_lapack(true, false, 1e-10);
  check_against_lapack(false, false, 1e-10);
}
END_TEST

START_TEST(subspace_iteration_finds_the_same_components) {
  check_against_lapack(true, true, 1e-9);
  check_against_lapack(false, true, 1e-9);
}
END_TEST

START_TEST(all_components_leave_rounding) {
  toy t = toy_make(700, 40, 2);
  for (int i = 0; i < 2; i++) {
    const mst_pca_options o = options(40, true, i == 1);
    mst_pca p;
    decompose(world, &t, &o, 1, &p);
    ck_assert_msg(p.residual < 1e-14, "residual %g", p.residual);
    ck_assert_double_eq_tol(p.explained, 1, 1e-13);
    mst_pca_free(&p);
  }
  toy_free(&t);
}
END_TEST

/* More columns than rows, of low rank: the range is found, dependent columns do no harm. */
START_TEST(wide_rows_are_decomposed_without_their_gram) {
  toy t = low_rank(60, 1500, 6, 1, 0);
  const mst_pca_options o = options(6, true, true);
  mst_pca p;
  decompose(world, &t, &o, 1, &p);
  ck_assert_msg(p.residual < 1e-6, "residual %g", p.residual); /* rows are float32 */
  ck_assert_double_le(p.orthogonality, 1e-12);
  mst_pca_free(&p);
  toy_free(&t);
}
END_TEST

START_TEST(fast_sums_agree_to_rounding) {
  toy t = low_rank(900, 300, 20, 3, 0.1);
  mst_pca_options o = options(4, true, false);
  mst_pca exact, fast;
  decompose(world, &t, &o, 1, &exact);
  o.fast = true;
  decompose(world, &t, &o, 1, &fast);
  for (int64_t i = 0; i < 4 * 300; i++)
    ck_assert_double_eq_tol(exact.components[i], fast.components[i], 1e-10);
  mst_pca_free(&exact);
  mst_pca_free(&fast);
  toy_free(&t);
}
END_TEST

/* The residual of the training rows measured as those of others; of the mean alone it is 0. */
START_TEST(other_rows_are_measured_alike) {
  toy t = low_rank(600, 50, 9, 2, 0.1);
  const mst_pca_options o = options(4, true, false);
  mst_pca p;
  run r;
  double residual = -1;
  start(&r, world, &t, &o, 1);
  ck_ok(mst_pca_train(world, &r.data, r.features, &r.plan, &o, NULL, &p));
  end(&r);
  start(&r, world, &t, &o, 1);
  ck_ok(mst_pca_residual(world, &r.data, r.features, &r.plan, &p, NULL, &residual));
  end(&r);
  ck_assert_double_eq_tol(residual, p.residual, 1e-13);
  mst_pca_free(&p);
  toy_free(&t);
}
END_TEST

static void check_refused(toy *t, const mst_pca_options *o, mst_status code, const char *says) {
  run r;
  mst_pca p;
  start(&r, world, t, o, 1);
  ck_refused(mst_pca_train(world, &r.data, r.features, &r.plan, o, NULL, &p), code, says);
  end(&r);
}

START_TEST(what_cannot_be_decomposed_is_refused) {
  toy t = toy_make(10, 30, 2);
  mst_pca_options o = options(31, false, false);
  check_refused(&t, &o, MST_ERR_INPUT, "choose 1 to 30");
  o = options(10, true, false);
  check_refused(&t, &o, MST_ERR_INPUT, "less their mean have at most 9");
  for (int64_t i = 0; i < 300; i++) t.x[i] = 4;
  o = options(2, true, false);
  check_refused(&t, &o, MST_ERR_INPUT, "all rows are alike");
  for (int64_t i = 0; i < 300; i++) t.x[i] = 0;
  o = options(2, false, true);
  check_refused(&t, &o, MST_ERR_INPUT, "all rows are 0");
  toy_free(&t);
}
END_TEST

START_TEST(one_rank_without_memory_is_everyones_failure) {
  toy t = low_rank(600, 50, 9, 2, 0.1);
  for (int i = 0; i < 2; i++) {
    const mst_pca_options o = options(4, true, i == 1);
    for (int n = 1; n < 34; n += 4) {
      run r;
      mst_pca p;
      start(&r, world, &t, &o, 1);
      if (mst_team_rank(world) == mst_team_size(world) - 1) mst_memory_fail_at(n);
      mst_status st = mst_pca_train(world, &r.data, r.features, &r.plan, &o, NULL, &p);
      mst_memory_fail_at(0);
      ck_assert(st == MST_OK || st == MST_ERR_MEMORY);
      if (n < 10) ck_assert_int_eq(st, MST_ERR_MEMORY);
      if (st == MST_OK) mst_pca_free(&p);
      end(&r);
    }
  }
  toy_free(&t);
}
END_TEST

/* A part of a matrix whose entries tell where they stand. */
START_TEST(a_part_of_a_tiled_matrix_is_on_every_rank) {
  mst_grid *g = NULL;
  mst_tiles t, lead;
  ck_ok(mst_grid_create(world, 0, &g));
  ck_ok(mst_tiles_create(g, 600, &t));
  for (int64_t j = 0; j < t.tiles; j++)
    for (int64_t i = j; i < t.tiles; i++)
      if (mst_tiles_owner(g, i, j) == mst_team_rank(world))
        for (int64_t q = 0; q < mst_tiles_extent(&t, j); q++)
          for (int64_t r = i == j ? q : 0; r < mst_tiles_extent(&t, i); r++)
            mst_tiles_at(&t, i, j)[q * t.lld + r] =
                (double)((i * MST_TILE + r) * 1000 + j * MST_TILE + q);
  ck_ok(mst_tiles_create(g, 513, &lead));
  mst_tiles_copy(&t, 513, &lead);
  double *part = NULL;
  ck_ok(mst_alloc(&part, 300 * 20, sizeof *part, "part"));
  const int64_t row[] = {0, 200, 213}, col[] = {493, 250, 0};
  for (int k = 0; k < 3; k++) {
    ck_ok(mst_tiles_part(&lead, true, row[k], 300, col[k], 20, part));
    for (int64_t i = 0; i < 300; i++)
      for (int64_t j = 0; j < 20; j++) {
        const int64_t h = row[k] + i, e = col[k] + j;
        ck_assert_double_eq(part[i * 20 + j], (double)(h > e ? h * 1000 + e : e * 1000 + h));
      }
  }
  mst_free(part);
  mst_tiles_free(&lead);
  mst_tiles_free(&t);
  mst_grid_destroy(g);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("principal components");
  TCase *c = tcase_create("pca");
  tcase_set_timeout(c, 60);
  tcase_add_unchecked_fixture(c, make_teams, end_teams);
  tcase_add_test(c, a_part_of_a_tiled_matrix_is_on_every_rank);
  tcase_add_test(c, bits_do_not_depend_on_ranks_or_groups);
  tcase_add_test(c, components_are_those_of_lapack_on_all_rows);
  tcase_add_test(c, subspace_iteration_finds_the_same_components);
  tcase_add_test(c, all_components_leave_rounding);
  tcase_add_test(c, wide_rows_are_decomposed_without_their_gram);
  tcase_add_test(c, fast_sums_agree_to_rounding);
  tcase_add_test(c, other_rows_are_measured_alike);
  tcase_add_test(c, what_cannot_be_decomposed_is_refused);
  tcase_add_test(c, one_rank_without_memory_is_everyones_failure);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
