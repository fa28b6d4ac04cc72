# test programs of jobs
SHELL_TESTS += tests/jobs/test_same_bits.sh
SHELL_TESTS += tests/jobs/test_command.sh tests/jobs/test_bad_input.sh tests/jobs/test_signals.sh \
  tests/jobs/test_files.sh tests/jobs/test_resume.sh tests/jobs/test_resume_analytic.sh
SHELL_TESTS += tests/jobs/test_private.sh tests/jobs/test_private_noise.sh \
  tests/jobs/test_private_methods.sh
SHELL_TESTS += tests/jobs/test_train.sh tests/jobs/test_spill.sh tests/jobs/test_robust.sh
SHELL_TESTS += tests/jobs/test_report.sh tests/jobs/test_predict.sh tests/jobs/test_features.sh tests/jobs/test_unlearn.sh tests/jobs/test_analytic_personal.sh
SHELL_TESTS += tests/jobs/test_grid.sh tests/jobs/test_account.sh
EXTRA_DIST += tests/jobs/common.sh
check_PROGRAMS += tests/jobs/bad_dataset
tests_jobs_bad_dataset_SOURCES = tests/jobs/bad_dataset.c
tests_jobs_bad_dataset_LDADD = $(HDF5_LIBS)
# with the command's own sources: jobs is no library
SERIAL_TESTS += tests/jobs/test_family
tests_jobs_test_family_SOURCES = tests/jobs/test_family.c jobs/family.c jobs/compose.c \
  jobs/options.c
tests_jobs_test_family_LDADD = $(io_test_libs)
SERIAL_TESTS += tests/jobs/test_heat
tests_jobs_test_heat_SOURCES = tests/jobs/test_heat.c jobs/report_heat.c jobs/worst.c
tests_jobs_test_heat_LDADD = $(io_test_libs)
SHELL_TESTS += tests/jobs/test_aggregate.sh
check_PROGRAMS += examples/aggregate
examples_aggregate_SOURCES = examples/aggregate.c
examples_aggregate_LDADD = libmstparallel.la libmstcomm.la libmstcore.la $(parallel_libs) \
  $(comm_libs) $(core_libs)
SHELL_TESTS += tests/jobs/test_merge.sh
SHELL_TESTS += tests/jobs/test_decentralised.sh
SHELL_TESTS += tests/jobs/test_bandit_online.sh
SHELL_TESTS += tests/jobs/test_bandit.sh tests/jobs/test_bandit_stages.sh
SHELL_TESTS += tests/jobs/test_private_analytic.sh
SHELL_TESTS += tests/jobs/test_analytic_robust.sh
SHELL_TESTS += tests/jobs/test_local_regression.sh
SHELL_TESTS += tests/jobs/test_secure.sh
SHELL_TESTS += tests/jobs/test_private_federated.sh
SHELL_TESTS += tests/jobs/test_off_policy.sh
SHELL_TESTS += tests/jobs/test_tuning.sh
SHELL_TESTS += tests/jobs/test_identify.sh
SHELL_TESTS += tests/jobs/test_treatment.sh
SHELL_TESTS += tests/jobs/test_low_rank_rl.sh
SHELL_TESTS += tests/jobs/test_pca.sh tests/jobs/test_ease.sh tests/jobs/test_sketch.sh
SHELL_TESTS += tests/jobs/test_bench.sh
SHELL_TESTS += tests/jobs/test_scale.sh
SHELL_TESTS += tests/jobs/test_depth.sh
SHELL_TESTS += tests/jobs/test_packaging.sh
