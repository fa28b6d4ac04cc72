# test programs of io
io_test_libs = libmstio.la libmstcomm.la libmstcore.la $(io_libs) $(comm_libs) $(core_libs) \
  $(CHECK_LIBS)
noinst_HEADERS += tests/io/checkpoint_sample.h tests/io/damage.h tests/io/dataset_sample.h \
  tests/io/experiment_schema.h tests/io/imported.h tests/io/runfile_sample.h tests/io/scratch.h
SERIAL_TESTS += tests/io/test_experiment tests/io/test_experiment_errors \
  tests/io/test_experiment_faults tests/io/test_schema tests/io/test_draft \
  tests/io/test_progress
RANK_TESTS += tests/io/test_experiment_read tests/io/test_runfile tests/io/test_runfile_faults
tests_io_test_experiment_LDADD = $(io_test_libs)
tests_io_test_experiment_errors_LDADD = $(io_test_libs)
tests_io_test_experiment_faults_LDADD = $(io_test_libs)
tests_io_test_schema_LDADD = $(io_test_libs)
tests_io_test_draft_LDADD = $(io_test_libs)
tests_io_test_progress_LDADD = $(io_test_libs)
tests_io_test_experiment_read_LDADD = $(io_test_libs)
tests_io_test_runfile_LDADD = $(io_test_libs)
tests_io_test_runfile_faults_LDADD = $(io_test_libs)
RANK_TESTS += tests/io/test_dataset tests/io/test_dataset_foreign tests/io/test_dataset_faults \
  tests/io/test_import tests/io/test_import_array
tests_io_test_dataset_LDADD = $(io_test_libs)
tests_io_test_dataset_foreign_LDADD = $(io_test_libs)
tests_io_test_dataset_faults_LDADD = $(io_test_libs)
tests_io_test_import_LDADD = $(io_test_libs)
RANK_TESTS += tests/io/test_import_libsvm
tests_io_test_import_libsvm_LDADD = $(io_test_libs)
tests_io_test_import_array_LDADD = $(io_test_libs)
SHELL_TESTS += tests/io/test_flips.sh
check_PROGRAMS += tests/io/flip_dataset tests/io/flip_checkpoint
tests_io_flip_dataset_SOURCES = tests/io/flip.h tests/io/flip_dataset.c
tests_io_flip_dataset_LDADD = libmstio.la libmstcomm.la libmstcore.la $(io_libs) $(comm_libs) \
  $(core_libs)
tests_io_flip_checkpoint_SOURCES = tests/io/flip.h tests/io/flip_checkpoint.c
tests_io_flip_checkpoint_LDADD = $(tests_io_flip_dataset_LDADD)
RANK_TESTS += tests/io/test_predictions
tests_io_test_predictions_LDADD = $(io_test_libs)
SERIAL_TESTS += tests/io/test_process
tests_io_test_process_LDADD = $(io_test_libs)
SERIAL_TESTS += tests/io/test_changes
tests_io_test_changes_LDADD = $(io_test_libs)
RANK_TESTS += tests/io/test_checkpoint tests/io/test_checkpoint_faults
RANK_TESTS += tests/io/test_dataset_digest
tests_io_test_dataset_digest_LDADD = $(io_test_libs)
tests_io_test_checkpoint_LDADD = $(io_test_libs)
tests_io_test_checkpoint_faults_LDADD = $(io_test_libs)
RANK_TESTS += tests/io/test_scratch
tests_io_test_scratch_LDADD = $(io_test_libs)
RANK_TESTS += tests/io/test_edges
tests_io_test_edges_LDADD = $(io_test_libs)
noinst_HEADERS += tests/io/sparse_sample.h
RANK_TESTS += tests/io/test_sparse
tests_io_test_sparse_LDADD = $(io_test_libs)
RANK_TESTS += tests/io/test_import_ratings
tests_io_test_import_ratings_LDADD = $(io_test_libs)
