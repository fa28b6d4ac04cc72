/* The tiled matrix's layout and its ways to and from one rank; and what the same bits rest on: that
 * the BLAS in use gives a tile the same bits wherever it lies. */
#define MST_TEST_MPI
#include "tests/harness.h"

#include <cblas.h>

#include "comm/sum.h"
#include "tests/parallel/matrices.h"

extern int numroc_(const int *n, const int *nb, const int *iproc, const int *isrcproc,
                   const int *nprocs);

static const int64_t orders[] = {1, 5, 255, 256, 257, 700};
#define ORDERS ((int)(sizeof orders / sizeof *orders))

START_TEST(a_chosen_grid_is_as_square_as_its_ranks_allow) {
  mst_grid *g = NULL;
  int p = mst_team_size(all), rank = -1;
  ck_ok(mst_grid_create(all, 0, &g));
  ck_assert_int_eq(g->rows * g->cols, p);
  ck_assert_int_le(g->rows, g->cols);
  for (int rows = g->rows + 1; rows * rows <= p; rows++) ck_assert_int_ne(p % rows, 0);
  ck_assert_int_eq(g->row * g->cols + g->col, rank_of_all());
  MPI_Comm_rank(g->row_comm, &rank);
  ck_assert_int_eq(rank, g->col);
  MPI_Comm_rank(g->col_comm, &rank);
  ck_assert_int_eq(rank, g->row);
  mst_grid_destroy(g);
}
END_TEST

START_TEST(a_grid_that_does_not_divide_the_ranks_is_refused) {
  mst_grid *g = NULL;
  ck_refused(mst_grid_create(all, mst_team_size(all) + 1, &g), MST_ERR_INPUT, "divide");
  ck_refused(mst_grid_create(all, -1, &g), MST_ERR_INPUT, "-1");
  ck_assert_ptr_null(g);
}
END_TEST

START_TEST(an_impossible_order_is_refused) {
  mst_grid *g = next_grid(0);
  mst_tiles t;
  ck_refused(mst_tiles_create(g, -1, &t), MST_ERR_INPUT, "-1");
  ck_refused(mst_tiles_create(g, INT64_C(1) << 40, &t), MST_ERR_INPUT, "1099511627776");
  ck_assert_ptr_null(t.a);
  mst_grid_destroy(g);
}
END_TEST

START_TEST(the_layout_is_that_of_scalapack) {
  const int block = MST_TILE, source = 0;
  for (mst_grid *g = next_grid(0); g != NULL;) {
    for (int q = 0; q < ORDERS; q++) {
      mst_tiles t;
      int n = (int)orders[q], mine = 0, taken = 0;
      ck_ok(mst_tiles_create(g, n, &t));
      ck_assert_int_eq(t.local_rows, numroc_(&n, &block, &g->row, &source, &g->rows));
      ck_assert_int_eq(t.local_cols, numroc_(&n, &block, &g->col, &source, &g->cols));
      ck_assert_int_ge(t.lld, t.local_rows > 1 ? t.local_rows : 1);
      ck_assert_int_eq(t.lld * 8 % MST_ALIGNMENT, 0);
      for (int64_t j = 0; j < t.tiles; j++)
        for (int64_t i = 0; i < t.tiles; i++) {
          if (mst_tiles_owner(g, i, j) != rank_of_all()) continue;
          double *tile = mst_tiles_at(&t, i, j);
          for (int64_t c = 0; c < mst_tiles_extent(&t, j); c++)
            for (int64_t r = 0; r < mst_tiles_extent(&t, i); r++) {
              taken += tile[c * t.lld + r] != 0.0; /* by another tile */
              tile[c * t.lld + r] = 1.0;
              mine++;
            }
        }
      ck_assert_int_eq(mine, t.local_rows * t.local_cols);
      ck_assert_int_eq(taken, 0);
      mst_tiles_free(&t);
    }
    int rows = g->rows;
    mst_grid_destroy(g);
    g = next_grid(rows);
  }
}
END_TEST

START_TEST(a_matrix_survives_the_way_to_the_tiles_and_back) {
  int root = mst_team_size(all) - 1;
  int64_t wrong = 0, *each = NULL;
  ck_ok(mst_alloc(&each, root + 1, sizeof *each, "verdicts"));
  for (mst_grid *g = next_grid(0); g != NULL;) {
    for (int q = 0; q < ORDERS; q++) {
      int64_t n = orders[q];
      double *a = random_spd(n, true), *half = NULL, *back = NULL;
      ck_ok(mst_alloc(&half, n * n, sizeof *half, "half"));
      ck_ok(mst_alloc(&back, n * n, sizeof *back, "back"));
      for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) half[i * n + j] = j > i ? NAN : a[i * n + j];
      mst_tiles t;
      ck_ok(mst_tiles_create(g, n, &t));
      ck_ok(mst_tiles_scatter(&t, root, rank_of_all() == root ? half : NULL));
      ck_ok(mst_tiles_gather(&t, root, rank_of_all() == root ? back : NULL));
      wrong = rank_of_all() == root && memcmp(a, back, (size_t)(n * n) * sizeof *a) != 0;
      for (int64_t i = 0; i < t.tiles; i++)
        if (mst_tiles_owner(g, i, 0) == rank_of_all())
          wrong += mst_tiles_at(&t, i, 0)[0] != a[i * MST_TILE * n];
      ck_ok(mst_gather_i64(all, wrong, each));
      for (int r = 0; r <= root; r++) ck_assert_int_eq(each[r], 0);
      double *diagonal = half;
      ck_ok(mst_tiles_diagonal(&t, diagonal));
      for (int64_t i = 0; i < n; i++) diagonal[i] -= a[i * n + i];
      for (int64_t i = 1; i < n; i++) diagonal[0] += fabs(diagonal[i]);
      ck_assert(diagonal[0] == 0.0);
      mst_tiles_free(&t);
      mst_free(back);
      mst_free(half);
      mst_free(a);
    }
    int rows = g->rows;
    mst_grid_destroy(g);
    g = next_grid(rows);
  }
  mst_free(each);
}
END_TEST

/* An allocation that fails on one rank fails the call on all, with one sentence. */
START_TEST(one_rank_without_memory_fails_all_ranks) {
  mst_grid *g = next_grid(0);
  mst_tiles t;
  bool unlucky = rank_of_all() == (mst_team_size(all) > 1 ? 1 : 0);
  double *a = random_spd(300, false);
  mst_memory_fail_at(unlucky ? 1 : 0);
  ck_refused(mst_tiles_create(g, 300, &t), MST_ERR_MEMORY, "tiled matrix");
  ck_assert_ptr_null(t.a);
  t = tiles_of(g, 300, a);
  int64_t held = mst_memory_current();
  for (int at = 1; at <= 3; at++) {
    mst_memory_fail_at(unlucky ? at : 0);
    ck_refused(mst_tiles_gather(&t, 0, a), MST_ERR_MEMORY, "tile column");
    mst_memory_fail_at(unlucky ? at : 0);
    ck_refused(mst_tiles_scatter(&t, 0, a), MST_ERR_MEMORY, "tile column");
    mst_memory_fail_at(unlucky ? at : 0);
    ck_refused(mst_tiles_diagonal(&t, a), MST_ERR_MEMORY, "diagonal");
  }
  mst_memory_fail_at(0);
  ck_assert_int_eq(mst_memory_current(), held);
  mst_tiles_free(&t);
  mst_memory_fail_at(unlucky ? 1 : 0);
  mst_grid *none = NULL;
  ck_refused(mst_grid_create(all, 0, &none), MST_ERR_MEMORY, "process grid");
  ck_assert_ptr_null(none);
  mst_memory_fail_at(0);
  mst_free(a);
  mst_grid_destroy(g);
}
END_TEST

#define SIDE ((int64_t)MST_TILE)

typedef enum operation {
  UPDATE,
  UPDATE_DIAGONAL,
  DIVIDE,
  DIVIDE_REST,
  SUBSTITUTE,
  TAKE_OFF,
  OPERATIONS
} operation;

/* One of the solve's BLAS calls, with the operands that lie inside a matrix at stride ld. */
static void operate(operation what, int rows, int cols, int depth, const double *left,
                    const double *right, const double *inside, double *target, int ld) {
  const int side = MST_TILE;
  switch (what) {
    case UPDATE:
      cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, rows, cols, depth, -1.0, left, side,
                  right, side, 1.0, target, ld);
      break;
    case UPDATE_DIAGONAL:
      cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, rows, depth, -1.0, left, side, 1.0,
                  target, ld);
      break;
    case DIVIDE:
      cblas_dtrsm(CblasColMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, rows, depth, 1.0,
                  right, side, target, ld);
      break;
    case DIVIDE_REST:
      cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, rows, cols, depth, -1.0, inside, ld,
                  right, side, 1.0, target, ld);
      break;
    case SUBSTITUTE:
      cblas_dtrsm(CblasColMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, rows, depth,
                  1.0, inside, ld, target, side);
      break;
    case TAKE_OFF:
      cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, rows, cols, depth, -1.0, left, side,
                  inside, ld, 1.0, target, side);
      break;
    case OPERATIONS: break;
  }
}

/* The stride of what lies inside the matrix follows the grid, and nothing else does. */
START_TEST(blas_gives_the_same_bits_at_any_stride) {
  static const int shapes[][3] = {{256, 256, 256}, {44, 256, 256}, {256, 44, 256}, {1, 256, 256},
                                  {10, 256, 188},  {256, 256, 1},  {68, 68, 188},  {3, 1, 255},
                                  {256, 128, 128}, {10, 60, 128}};
  static const int strides[] = {256, 264, 512, 1000, 1104};
  const int64_t room = SIDE * 1104;
  double *tile = NULL, *reference = NULL, *inside = NULL, *target = NULL;
  ck_ok(mst_alloc(&tile, 3 * SIDE * SIDE, sizeof *tile, "operands"));
  ck_ok(mst_alloc(&reference, SIDE * SIDE, sizeof *reference, "reference"));
  ck_ok(mst_alloc(&inside, room, sizeof *inside, "inside"));
  ck_ok(mst_alloc(&target, room, sizeof *target, "target"));
  mst_stream s = mst_stream_of(mst_key_make(5, MST_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < 3 * SIDE * SIDE; i++) tile[i] = mst_stream_normal(&s);
  double *left = tile, *right = tile + SIDE * SIDE, *start = tile + 2 * SIDE * SIDE;
  for (int64_t i = 0; i < SIDE; i++) right[i * SIDE + i] += 300.0;
  for (int what = 0; what < OPERATIONS; what++)
    for (int q = 0; q < (int)(sizeof shapes / sizeof *shapes); q++)
      for (int w = 0; w < (int)(sizeof strides / sizeof *strides); w++) {
        bool target_inside = what <= DIVIDE_REST;
        int64_t ld = strides[w], target_ld = target_inside ? ld : SIDE;
        for (int64_t c = 0; c < SIDE; c++)
          for (int64_t r = 0; r < SIDE; r++) {
            inside[c * ld + r] = right[c * SIDE + r];
            target[c * target_ld + r] = start[c * SIDE + r];
          }
        operate((operation)what, shapes[q][0], shapes[q][1], shapes[q][2], left, right, inside,
                target, (int)ld);
        int differing = 0;
        for (int64_t c = 0; c < SIDE; c++) {
          size_t bytes = (size_t)SIDE * sizeof *target;
          if (w == 0) memcpy(reference + c * SIDE, target + c * target_ld, bytes);
          differing += memcmp(reference + c * SIDE, target + c * target_ld, bytes) != 0;
        }
        ck_assert_msg(differing == 0, "operation %d on %d x %d x %d differs at stride %d", what,
                      shapes[q][0], shapes[q][1], shapes[q][2], (int)ld);
      }
  mst_free(target);
  mst_free(inside);
  mst_free(reference);
  mst_free(tile);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("tiles");
  TCase *c = tcase_create("tiles");
  tcase_add_unchecked_fixture(c, teams_open, teams_close);
  tcase_set_timeout(c, 0);
  tcase_add_test(c, a_chosen_grid_is_as_square_as_its_ranks_allow);
  tcase_add_test(c, a_grid_that_does_not_divide_the_ranks_is_refused);
  tcase_add_test(c, an_impossible_order_is_refused);
  tcase_add_test(c, the_layout_is_that_of_scalapack);
  tcase_add_test(c, a_matrix_survives_the_way_to_the_tiles_and_back);
  tcase_add_test(c, one_rank_without_memory_fails_all_ranks);
  tcase_add_test(c, blas_gives_the_same_bits_at_any_stride);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
