# test programs of io
SERIAL_TESTS += tests/io/test_experiment tests/io/test_progress
RANK_TESTS += tests/io/test_experiment_read tests/io/test_runfile
tests_io_test_experiment_SOURCES = tests/harness.h tests/io/test_experiment.c
tests_io_test_experiment_LDADD = libmstio.la libmstcomm.la libmstcore.la $(io_libs) $(comm_libs) \
  $(core_libs) $(CHECK_LIBS)
tests_io_test_experiment_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_io_test_progress_SOURCES = tests/harness.h tests/io/test_progress.c
tests_io_test_progress_LDADD = $(tests_io_test_experiment_LDADD)
tests_io_test_progress_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_io_test_experiment_read_SOURCES = tests/harness.h tests/io/test_experiment_read.c
tests_io_test_experiment_read_LDADD = $(tests_io_test_experiment_LDADD)
tests_io_test_experiment_read_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_io_test_runfile_SOURCES = tests/harness.h tests/io/test_runfile.c
tests_io_test_runfile_LDADD = $(tests_io_test_experiment_LDADD)
tests_io_test_runfile_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
RANK_TESTS += tests/io/test_dataset tests/io/test_import tests/io/test_import_array
tests_io_test_dataset_SOURCES = tests/harness.h tests/io/scratch.h tests/io/test_dataset.c
tests_io_test_dataset_LDADD = $(tests_io_test_experiment_LDADD)
tests_io_test_dataset_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_io_test_import_SOURCES = tests/harness.h tests/io/scratch.h tests/io/test_import.c
tests_io_test_import_LDADD = $(tests_io_test_experiment_LDADD)
tests_io_test_import_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_io_test_import_array_SOURCES = tests/harness.h tests/io/scratch.h tests/io/test_import_array.c
tests_io_test_import_array_LDADD = $(tests_io_test_experiment_LDADD)
tests_io_test_import_array_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
SHELL_TESTS += tests/io/test_flips.sh
check_PROGRAMS += tests/io/flip_dataset
tests_io_flip_dataset_SOURCES = tests/io/flip_dataset.c
tests_io_flip_dataset_LDADD = libmstio.la libmstcomm.la libmstcore.la $(io_libs) $(comm_libs) \
  $(core_libs)
