# parallel: who computes what, and what moves where.
noinst_LTLIBRARIES += libmstparallel.la
parallel_headers = parallel/tiles.h parallel/roster.h parallel/rows.h parallel/pipeline.h \
  parallel/gram.h parallel/analytic.h parallel/clients.h parallel/score.h parallel/tally.h \
  parallel/compression.h parallel/federated.h parallel/train.h parallel/predict.h parallel/merge.h \
  parallel/robust.h parallel/attack.h parallel/decentralised.h parallel/bandit.h
nobase_pkginclude_HEADERS += $(parallel_headers)
libmstparallel_la_SOURCES = $(parallel_headers) \
  parallel/tiles_internal.h parallel/panel.h parallel/rows_internal.h parallel/gram_internal.h \
  parallel/grid.c parallel/tiles.c parallel/tiles_part.c parallel/panel.c parallel/cholesky.c parallel/back_solve.c \
  parallel/scalapack.c parallel/eigen.c parallel/roster.c parallel/rows.c parallel/rows_deliver.c \
  parallel/pipeline.c parallel/columns.h parallel/columns.c parallel/gram_plan.c parallel/gram_state.c \
  parallel/gram_pass.c parallel/gram_products.c parallel/gram.c \
  parallel/feature_source.h parallel/feature_source.c parallel/analytic.c parallel/evaluate.c \
  parallel/loop.h parallel/loop.c parallel/shards.h parallel/shards.c parallel/tally.c \
  parallel/clients.c parallel/cohort.h \
  parallel/cohort.c parallel/score.c parallel/compression.c parallel/federated_internal.h \
  parallel/federated.c parallel/federated_round.c parallel/federated_gradient.c parallel/federated_score.c \
  parallel/federated_state.c parallel/federated_rule.c parallel/federated_robust.c \
  parallel/federated_trusted.c parallel/predict.c parallel/train_internal.h parallel/train.c \
  parallel/train_state.c parallel/train_step.c parallel/train_coding.c parallel/train_rows.c \
  parallel/transpose.h parallel/transpose.c parallel/robust_internal.h parallel/robust_sums.h \
  parallel/robust_sums.c parallel/robust_walk.c parallel/robust_measure.c parallel/robust_weigh.c \
  parallel/robust_combine.c parallel/robust_check.c parallel/robust_prepare.c parallel/robust.c
libmstparallel_la_SOURCES += parallel/attack_internal.h parallel/attack_sight.c parallel/attack.c
libmstparallel_la_SOURCES += parallel/merge.c
libmstparallel_la_SOURCES += parallel/decentralised_internal.h parallel/decentralised.c \
  parallel/decentralised_check.c parallel/decentralised_round.c parallel/decentralised_mix.c \
  parallel/decentralised_score.c parallel/decentralised_state.c
libmstparallel_la_SOURCES += parallel/bandit_gossip.c parallel/bandit_tree.c
libmstparallel_la_SOURCES += parallel/bandit_internal.h parallel/bandit_check.c parallel/bandit.c parallel/bandit_online.c \
  parallel/bandit_phased.c parallel/bandit_consensus.c parallel/bandit_stages.h \
  parallel/bandit_stages.c parallel/bandit_robust.c parallel/bandit_secure.c parallel/bandit_private.c
nobase_pkginclude_HEADERS += parallel/private.h parallel/private_clip.h
libmstparallel_la_SOURCES += parallel/private.h parallel/private.c parallel/private_internal.h \
  parallel/private_difference.c parallel/private_clip.c parallel/private_output.c
nobase_pkginclude_HEADERS += parallel/local_regression.h
libmstparallel_la_SOURCES += parallel/local_regression.h parallel/local_regression.c
nobase_pkginclude_HEADERS += parallel/mask.h parallel/clip.h
libmstparallel_la_SOURCES += parallel/mask.h parallel/mask.c parallel/clip.h parallel/clip.c \
  parallel/federated_secure.c parallel/analytic_secure.c
# user-level private rounds
nobase_pkginclude_HEADERS += parallel/federated_private.h
libmstparallel_la_SOURCES += parallel/federated_private.h parallel/federated_private.c
# sums that are kept, to take clients out again
nobase_pkginclude_HEADERS += parallel/gram_sums.h
libmstparallel_la_SOURCES += parallel/gram_sums.h parallel/gram_sums.c parallel/gram_layout.c
nobase_pkginclude_HEADERS += parallel/analytic_update.h
libmstparallel_la_SOURCES += parallel/analytic_update.h parallel/analytic_update.c
nobase_pkginclude_HEADERS += parallel/analytic_personal.h
libmstparallel_la_SOURCES += parallel/analytic_personal.h parallel/analytic_personal.c
nobase_pkginclude_HEADERS += parallel/analytic_ridges.h
libmstparallel_la_SOURCES += parallel/analytic_ridges.h parallel/analytic_ridges.c
nobase_pkginclude_HEADERS += parallel/analytic_depth.h
libmstparallel_la_SOURCES += parallel/analytic_depth.h parallel/analytic_depth.c \
  parallel/analytic_depth_rows.h parallel/analytic_depth_rows.c
# private analytic learning
nobase_pkginclude_HEADERS += parallel/analytic_private.h
libmstparallel_la_SOURCES += parallel/analytic_private.h parallel/analytic_private.c
# analytic learning among clients that lie
nobase_pkginclude_HEADERS += parallel/analytic_robust.h
libmstparallel_la_SOURCES += parallel/analytic_robust.h parallel/analytic_robust.c \
  parallel/analytic_internal.h parallel/analytic_solve.c parallel/analytic_rule.h parallel/analytic_rule.c
# off-policy evaluation
nobase_pkginclude_HEADERS += parallel/off_policy.h
libmstparallel_la_SOURCES += parallel/off_policy.h parallel/off_policy.c \
  parallel/off_policy_internal.h parallel/off_policy_pass.c
# tuning of solvers
nobase_pkginclude_HEADERS += parallel/tuning.h
libmstparallel_la_SOURCES += parallel/tuning.h parallel/tuning.c
nobase_pkginclude_HEADERS += parallel/identify.h
libmstparallel_la_SOURCES += parallel/identify.h parallel/identify.c
# treatment rules
nobase_pkginclude_HEADERS += parallel/treatment.h
libmstparallel_la_SOURCES += parallel/treatment.h parallel/treatment.c
# many users in one world
nobase_pkginclude_HEADERS += parallel/low_rank_rl.h
libmstparallel_la_SOURCES += parallel/low_rank_rl.h parallel/low_rank_rl.c
# principal components, item-item recommendation
nobase_pkginclude_HEADERS += parallel/row_plan.h parallel/pca.h parallel/ease.h parallel/naive_bayes.h
libmstparallel_la_SOURCES += parallel/row_plan.h parallel/row_plan.c parallel/pca.h parallel/pca_internal.h \
  parallel/row_walk.h parallel/row_walk.c parallel/pca.c parallel/pca_random.c parallel/ease.h parallel/ease.c \
  parallel/ease_internal.h parallel/ease_ratings.c parallel/ease_products.c \
  parallel/naive_bayes.h parallel/naive_bayes.c
# sketches of matrices
nobase_pkginclude_HEADERS += parallel/sketch.h
libmstparallel_la_SOURCES += parallel/sketch.h parallel/sketch_internal.h parallel/sketch.c \
  parallel/sketch_source.c parallel/sketch_linear.c parallel/sketch_sample.c
