# test programs of parallel
parallel_test_libs = libmstparallel.la libmstcomm.la libmstcore.la $(parallel_libs) $(comm_libs) \
  $(core_libs) $(CHECK_LIBS)
noinst_HEADERS += tests/parallel/analytic_toy.h tests/parallel/federation.h \
  tests/parallel/learning.h tests/parallel/matrices.h tests/parallel/robust_rows.h \
  tests/parallel/training.h
RANK_TESTS += tests/parallel/test_analytic
tests_parallel_test_analytic_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_analytic_numbers
tests_parallel_test_analytic_numbers_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_analytic_saves
tests_parallel_test_analytic_saves_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_roster
tests_parallel_test_roster_LDADD = $(parallel_test_libs)
SERIAL_TESTS += tests/parallel/test_pipeline
tests_parallel_test_pipeline_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_tiles
tests_parallel_test_tiles_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_cholesky
tests_parallel_test_cholesky_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_eigen
tests_parallel_test_eigen_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_grid_meter
tests_parallel_test_grid_meter_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_tally
tests_parallel_test_tally_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_score
tests_parallel_test_score_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_federated
tests_parallel_test_federated_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_federated_stages
tests_parallel_test_federated_stages_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_federated_personal
tests_parallel_test_federated_personal_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_train
tests_parallel_test_train_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_train_run
tests_parallel_test_train_run_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_robust
tests_parallel_test_robust_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_robust_views
tests_parallel_test_robust_views_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_robust_chains
tests_parallel_test_robust_chains_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_robust_refusals
tests_parallel_test_robust_refusals_LDADD = $(parallel_test_libs)
RANK_TESTS += tests/parallel/test_clients
tests_parallel_test_clients_LDADD = libmstio.la $(parallel_test_libs) $(io_libs)
