/* What every test program shares: one main for programs with and without MPI.
 *
 * Check runs without forking (forking under mpirun crashes), and the failures of all ranks are
 * folded, so that every rank returns the same code. Rank 0 prints Check's summary; the other
 * ranks print only what failed. */
#ifndef MST_TESTS_HARNESS_H
#define MST_TESTS_HARNESS_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/status.h"

/* A status that must be MST_OK; prints the recorded sentence if it is not. */
#define ck_ok(expr)                                                             \
  do {                                                                          \
    mst_status ck_ok_ = (expr);                                                 \
    ck_assert_msg(ck_ok_ == MST_OK, "%s: %s", mst_status_name(ck_ok_),          \
                  mst_status_detail());                                         \
  } while (0)

/* A status that must be `code`, whose sentence must contain `text`. */
#define ck_refused(expr, code, text)                                            \
  do {                                                                          \
    mst_status ck_st_ = (expr);                                                 \
    ck_assert_msg(ck_st_ == (code), "expected %s, got %s: %s",                  \
                  mst_status_name(code), mst_status_name(ck_st_),               \
                  mst_status_detail());                                         \
    ck_assert_msg(strstr(mst_status_detail(), text) != NULL,                    \
                  "'%s' not in: %s", text, mst_status_detail());                \
  } while (0)

#ifdef MST_TEST_MPI
#include <mpi.h>

/* Run the suite on all ranks of MPI_COMM_WORLD. */
static inline int mst_test_main(int argc, char **argv, Suite *suite) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  SRunner *runner = srunner_create(suite);
  srunner_set_fork_status(runner, CK_NOFORK);
  srunner_run_all(runner, rank == 0 ? CK_NORMAL : CK_SILENT);
  int failed = srunner_ntests_failed(runner);
  if (rank != 0 && failed > 0) {
    TestResult **r = srunner_failures(runner);
    for (int i = 0; i < failed; i++)
      fprintf(stderr, "rank %d: %s:%d: %s: %s\n", rank, tr_lfile(r[i]), tr_lno(r[i]),
              tr_tcname(r[i]), tr_msg(r[i]));
    free(r);
  }
  srunner_free(runner);
  int any = failed;
  MPI_Allreduce(&failed, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  MPI_Finalize();
  return any > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
#else
static inline int mst_test_main(int argc, char **argv, Suite *suite) {
  (void)argc;
  (void)argv;
  SRunner *runner = srunner_create(suite);
  srunner_set_fork_status(runner, CK_NOFORK);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
#endif

#endif
