# test programs of jobs
SHELL_TESTS += tests/jobs/test_same_bits.sh
SHELL_TESTS += tests/jobs/test_command.sh tests/jobs/test_bad_input.sh tests/jobs/test_signals.sh
EXTRA_DIST += tests/jobs/common.sh
check_PROGRAMS += tests/jobs/bad_dataset
tests_jobs_bad_dataset_SOURCES = tests/jobs/bad_dataset.c
tests_jobs_bad_dataset_LDADD = $(HDF5_LIBS)
