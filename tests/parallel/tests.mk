# test programs of parallel
RANK_TESTS += tests/parallel/test_analytic
tests_parallel_test_analytic_SOURCES = tests/harness.h tests/parallel/learning.h tests/parallel/test_analytic.c
tests_parallel_test_analytic_LDADD = libmstparallel.la libmstcomm.la libmstcore.la $(parallel_libs) $(comm_libs) $(core_libs) $(CHECK_LIBS)
tests_parallel_test_analytic_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
RANK_TESTS += tests/parallel/test_roster
tests_parallel_test_roster_SOURCES = tests/harness.h tests/parallel/test_roster.c
tests_parallel_test_roster_LDADD = libmstparallel.la libmstcomm.la libmstcore.la \
  $(parallel_libs) $(comm_libs) $(core_libs) $(CHECK_LIBS)
tests_parallel_test_roster_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
SERIAL_TESTS += tests/parallel/test_pipeline
tests_parallel_test_pipeline_SOURCES = tests/harness.h tests/parallel/test_pipeline.c
tests_parallel_test_pipeline_LDADD = libmstparallel.la libmstcomm.la libmstcore.la \
  $(parallel_libs) $(comm_libs) $(core_libs) $(CHECK_LIBS)
tests_parallel_test_pipeline_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
RANK_TESTS += tests/parallel/test_tiles
tests_parallel_test_tiles_SOURCES = tests/harness.h tests/parallel/matrices.h tests/parallel/test_tiles.c
tests_parallel_test_tiles_LDADD = libmstparallel.la libmstcomm.la libmstcore.la $(parallel_libs) $(comm_libs) $(core_libs) $(CHECK_LIBS)
tests_parallel_test_tiles_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
RANK_TESTS += tests/parallel/test_cholesky
tests_parallel_test_cholesky_SOURCES = tests/harness.h tests/parallel/matrices.h tests/parallel/test_cholesky.c
tests_parallel_test_cholesky_LDADD = libmstparallel.la libmstcomm.la libmstcore.la $(parallel_libs) $(comm_libs) $(core_libs) $(CHECK_LIBS)
tests_parallel_test_cholesky_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
RANK_TESTS += tests/parallel/test_eigen
tests_parallel_test_eigen_SOURCES = tests/harness.h tests/parallel/matrices.h tests/parallel/test_eigen.c
tests_parallel_test_eigen_LDADD = libmstparallel.la libmstcomm.la libmstcore.la $(parallel_libs) $(comm_libs) $(core_libs) $(CHECK_LIBS)
tests_parallel_test_eigen_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
