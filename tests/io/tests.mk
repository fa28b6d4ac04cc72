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
