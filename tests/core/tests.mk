# test programs of core
core_test_libs = libmstcore.la $(core_libs) $(CHECK_LIBS)
noinst_HEADERS += tests/core/egn_reference.h tests/core/images.h tests/core/layer_pass.h \
  tests/core/model_networks.h tests/core/model_reference.h tests/core/model_sample.h \
  tests/core/optim_rules.h tests/core/optim_vector.h tests/core/partition_sample.h \
  tests/core/random_matrix.h tests/core/scattering_reference.h tests/core/test_method_federation.h
SERIAL_TESTS += tests/core/test_base
tests_core_test_base_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_matrix
tests_core_test_matrix_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_stop
tests_core_test_stop_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_summary
tests_core_test_summary_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_word
tests_core_test_word_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_registry
tests_core_test_registry_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_param
tests_core_test_param_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_key
tests_core_test_key_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_stream
tests_core_test_stream_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_lattice
tests_core_test_lattice_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_blas
tests_core_test_blas_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_solve
tests_core_test_solve_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_aa_law
tests_core_test_aa_law_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_partition tests/core/test_partition_recipes
tests_core_test_partition_LDADD = $(core_test_libs)
tests_core_test_partition_recipes_LDADD = $(core_test_libs)
SHELL_TESTS += tests/check_arrows.sh
SERIAL_TESTS += tests/core/test_features
tests_core_test_features_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_features_conv
tests_core_test_features_conv_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_features_scattering
tests_core_test_features_scattering_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_method
tests_core_test_method_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_method_steps
tests_core_test_method_steps_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_client
tests_core_test_client_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_client_optim
tests_core_test_client_optim_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_model_conv tests/core/test_model_conv_models
tests_core_test_model_conv_LDADD = $(core_test_libs)
tests_core_test_model_conv_models_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_model_conv_rows
tests_core_test_model_conv_rows_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_optim
tests_core_test_optim_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_optim_rules
tests_core_test_optim_rules_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_optim_numbers
tests_core_test_optim_numbers_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_optim_egn
tests_core_test_optim_egn_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_schedule
tests_core_test_schedule_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_dense tests/core/test_model tests/core/test_model_gradient
tests_core_test_dense_LDADD = $(core_test_libs)
tests_core_test_model_LDADD = $(core_test_libs)
tests_core_test_model_gradient_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_batch_norm
tests_core_test_batch_norm_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_compress
tests_core_test_compress_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_robust_columns tests/core/test_robust_space
SERIAL_TESTS += tests/core/test_robust_space_sums
tests_core_test_robust_columns_LDADD = $(core_test_libs)
tests_core_test_robust_space_LDADD = $(core_test_libs)
tests_core_test_robust_space_sums_LDADD = $(core_test_libs)
noinst_HEADERS += tests/core/robust_numpy.h
EXTRA_DIST += tests/core/golden/byzantine/README.md \
  tests/core/golden/byzantine/Average.f64 tests/core/golden/byzantine/Median.f64 \
  tests/core/golden/byzantine/TrMean.f64 tests/core/golden/byzantine/Meamed.f64
SERIAL_TESTS += tests/core/test_robust_rules tests/core/test_robust_rules_iterations
tests_core_test_robust_rules_LDADD = $(core_test_libs)
tests_core_test_robust_rules_iterations_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_robust_rules_trusted
tests_core_test_robust_rules_trusted_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_robust_rules_search tests/core/test_robust_rules_kappa
tests_core_test_robust_rules_search_LDADD = $(core_test_libs)
tests_core_test_robust_rules_kappa_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_robust_mixers
tests_core_test_robust_mixers_LDADD = $(core_test_libs)
noinst_HEADERS += tests/core/robust_vectors.h
EXTRA_DIST += tests/core/golden/byzantine/inputs.f32 \
  tests/core/golden/byzantine/ARC.f64 tests/core/golden/byzantine/Clipping_c2.f64 \
  tests/core/golden/byzantine/CenteredClipping_L1_tau100.f64 \
  tests/core/golden/byzantine/CenteredClipping_L3_tau10.f64 \
  tests/core/golden/byzantine/CenteredClipping_L3_tau100.f64 \
  tests/core/golden/byzantine/GeometricMedian_T8.f64 \
  tests/core/golden/byzantine/GeometricMedian_nup1_T3.f64 \
  tests/core/golden/byzantine/Krum.f64 tests/core/golden/byzantine/MultiKrum.f64 \
  tests/core/golden/byzantine/MDA.f64 tests/core/golden/byzantine/MoNNA.f64 \
  tests/core/golden/byzantine/NNM.f64 tests/core/golden/byzantine/NNM_Krum.f64 \
  tests/core/golden/byzantine/NNM_GeometricMedian.f64 tests/core/golden/byzantine/NNM_TrMean.f64
SERIAL_TESTS += tests/core/test_normal tests/core/test_attack
tests_core_test_normal_LDADD = $(core_test_libs)
tests_core_test_attack_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_attack_plans tests/core/test_attack_mimic
tests_core_test_attack_plans_LDADD = $(core_test_libs)
tests_core_test_attack_mimic_LDADD = $(core_test_libs)
noinst_HEADERS += tests/core/attack_sample.h
SERIAL_TESTS += tests/core/test_merge
tests_core_test_merge_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_coding
tests_core_test_coding_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_topology tests/core/test_mixing tests/core/test_mixing_consensus
tests_core_test_topology_LDADD = $(core_test_libs)
tests_core_test_mixing_LDADD = $(core_test_libs)
tests_core_test_mixing_consensus_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_list_regression
tests_core_test_list_regression_LDADD = $(core_test_libs)
noinst_HEADERS += tests/core/noise_check.h
SERIAL_TESTS += tests/core/test_noise tests/core/test_noise_discrete tests/core/test_mechanism \
  tests/core/test_mechanism_choice tests/core/test_audit
tests_core_test_noise_LDADD = $(core_test_libs)
tests_core_test_noise_discrete_LDADD = $(core_test_libs)
tests_core_test_mechanism_LDADD = $(core_test_libs)
tests_core_test_mechanism_choice_LDADD = $(core_test_libs)
tests_core_test_audit_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_bandit tests/core/test_bandit_protocol
tests_core_test_bandit_LDADD = $(core_test_libs)
tests_core_test_bandit_protocol_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_accountant_gaussian tests/core/test_accountant_rdp
SERIAL_TESTS += tests/core/test_accountant_pld tests/core/test_accountant_prv
tests_core_test_accountant_gaussian_LDADD = $(core_test_libs)
tests_core_test_accountant_rdp_LDADD = $(core_test_libs)
tests_core_test_accountant_pld_LDADD = $(core_test_libs)
tests_core_test_accountant_prv_LDADD = $(core_test_libs)
noinst_HEADERS += tests/core/accountant.h
SERIAL_TESTS += tests/core/test_correlation
tests_core_test_correlation_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_sampler
tests_core_test_sampler_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_ghost
tests_core_test_ghost_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_ghost_difference
tests_core_test_ghost_difference_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_estimator
tests_core_test_estimator_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_secure
tests_core_test_secure_LDADD = $(core_test_libs)
SERIAL_TESTS += tests/core/test_local_method tests/core/test_local_audit
tests_core_test_local_method_LDADD = $(core_test_libs)
tests_core_test_local_audit_LDADD = $(core_test_libs)
noinst_HEADERS += tests/core/local_sample.h
SERIAL_TESTS += tests/core/test_adassp
tests_core_test_adassp_LDADD = $(core_test_libs)
