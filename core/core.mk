# core: all mathematics. Knows no MPI, no files, no environment.
noinst_LTLIBRARIES += libmstcore.la
core_headers = core/base/status.h core/base/memory.h core/base/arithmetic.h core/base/matrix.h \
  core/base/key.h core/base/digest.h core/base/clock.h core/base/summary.h core/base/state.h \
  core/base/observer.h core/base/stop.h core/base/param.h \
  core/linalg/lattice.h core/linalg/blas.h core/linalg/descent.h core/linalg/dense.h \
  core/model/model.h \
  core/optim/optim.h core/optim/schedule.h core/optim/ema.h core/optim/egn.h \
  core/federated/method.h core/federated/client.h \
  core/compress/compress.h core/coding/coding.h \
  core/features/features.h \
  core/partition/partition.h \
  core/analytic/analytic.h core/analytic/head.h \
  core/robust/rule.h core/robust/space.h core/robust/attack.h core/robust/list_regression.h core/base/normal.h \
  core/topology/topology.h core/decentralised/mixing.h core/decentralised/steps.h \
  core/merge/assignment.h core/merge/symmetry.h core/merge/matching.h core/merge/path.h \
  core/bandit/ridge.h core/bandit/link.h core/bandit/rows.h core/bandit/environment.h core/bandit/policy.h core/bandit/protocol.h
nobase_pkginclude_HEADERS += $(core_headers)
libmstcore_la_SOURCES = $(core_headers) \
  core/base/status.c core/base/memory.c core/base/matrix.c core/base/key.c core/base/stream.c \
  core/base/word.h core/base/word.c core/base/registry.h core/base/registry.c core/base/digest.c \
  core/base/clock.c core/base/summary.c core/base/state.c core/base/stop.c core/base/param.c \
  core/base/wide.h \
  core/base/peak.h core/base/peak.c \
  core/linalg/lapack.h core/linalg/lattice.c core/linalg/blas.c core/linalg/solve.c \
  core/linalg/eigen.c core/linalg/orthogonal.c core/linalg/descent.c core/linalg/dense.c core/linalg/dense_tile.h \
  core/linalg/dense_undef.h \
  core/features/features.c core/features/identity.c core/features/relu.c core/features/fourier.c \
  core/features/johnson_lindenstrauss.c core/features/nystrom.c \
  core/features/joined.c core/features/member.h core/features/projection.h core/features/projection.c \
  core/features/conv.h core/features/conv.c core/features/conv_fit.c core/features/conv_stack.h \
  core/features/conv_stack.c core/features/conv_stack_fit.c core/features/scattering.h \
  core/features/scattering.c core/features/scattering_filters.c core/features/scattering_transform.c core/features/wavelets.h \
  core/features/wavelets.c \
  core/partition/members.h core/partition/deal.c core/partition/partition.c core/partition/iid.c \
  core/partition/shards.c core/partition/dirichlet.c core/partition/mixture.c \
  core/partition/quantity.c core/partition/natural.c \
  core/model/layer.h core/model/params.h core/model/layer.c core/model/lanes.h core/model/lanes.c \
  core/model/elementary.h core/model/loss.h core/model/loss.c core/model/model.c \
  core/model/model_pass.c core/model/dense_layer.c core/model/activation.c core/model/softmax.c \
  core/model/glm.c core/model/mlp.c core/model/patches.h core/model/patches_width.h \
  core/model/patches.c core/model/convolution.c core/model/group_norm.c core/model/batch_norm.c core/model/pool.c \
  core/model/residual.c core/model/lenet.c core/model/resnet.c \
  core/federated/member.h core/federated/passes.h core/federated/method.c core/federated/client.c \
  core/federated/trainer.h core/federated/trainer.c core/federated/step.c \
  core/federated/passes.c core/federated/fedavg.c core/federated/fedavgm.c \
  core/federated/fedprox.c core/federated/fedadam.c core/federated/fedyogi.c \
  core/federated/fedadagrad.c core/federated/fednova.c core/federated/scaffold.c \
  core/federated/feddyn.c core/federated/fedcm.c core/federated/fedsam.c core/federated/mofedsam.c \
  core/federated/fedgamma.c core/federated/fedspeed.c core/federated/fedsmoo.c \
  core/optim/member.h core/optim/optim.c core/optim/sgd.c core/optim/adam_rule.h core/optim/adam.c \
  core/optim/adamw.c core/optim/laprop.c core/optim/adopt.c core/optim/grams.c core/optim/lars.c \
  core/optim/lamb.c core/optim/schedule_free_rule.h core/optim/schedule_free_sgd.c \
  core/optim/schedule_free_adamw.c core/optim/dog.c core/optim/d_adaptation.c \
  core/optim/d_adaptation_adam.c core/optim/egn.c core/optim/schedule.c core/optim/ema.c \
  core/analytic/aa_law.c core/analytic/head.c \
  core/compress/member.h core/compress/bits.h core/compress/compress.c core/compress/none.c \
  core/compress/topk.c core/compress/randk.c core/compress/sign.c core/compress/qsgd.c \
  core/compress/int8.c
# rules over columns, distances
libmstcore_la_SOURCES += core/robust/columns.h core/robust/columns.c core/robust/columns_tile.h \
  core/robust/columns_mean.h core/robust/columns_undef.h core/robust/space.c \
  core/robust/space_tile.h core/robust/rule.c core/robust/mean.c core/robust/median.c core/robust/trimmed_mean.c core/robust/meamed.c
# rules over weights and mixers
libmstcore_la_SOURCES += core/robust/member.h core/robust/weights.h core/robust/weights.c \
  core/robust/krum.c core/robust/multi_krum.c core/robust/bulyan.c \
  core/robust/geometric_median.c core/robust/centered_clipping.c core/robust/mda.c \
  core/robust/smea.c core/robust/caf.c core/robust/nna.c core/robust/dnc.c core/robust/fltrust.c \
  core/robust/zeno.c core/robust/signguard.c core/robust/mixer.h core/robust/mixer.c \
  core/robust/nnm.c core/robust/bucketing.c core/robust/clipping.c core/robust/arc.c
# attacks
libmstcore_la_SOURCES += core/base/normal.c core/robust/attack_member.h core/robust/attack.c \
  core/robust/attack_sign_flip.c core/robust/attack_label_flip.c core/robust/attack_alie.c \
  core/robust/attack_ipm.c core/robust/attack_mimic.c core/robust/attack_distance.c \
  core/robust/attack_min_max.c core/robust/attack_min_sum.c core/robust/attack_gaussian.c \
  core/robust/attack_nan.c core/robust/attack_inf.c core/robust/attack_constant.c \
  core/robust/attack_free_rider.c core/robust/attack_dissensus.c
# merging
libmstcore_la_SOURCES += core/merge/member.h core/merge/assignment.c core/merge/symmetry.c \
  core/merge/matching.c core/merge/weights.c core/merge/activations.c core/merge/none.c \
  core/merge/path.c
# gradient coding
libmstcore_la_SOURCES += core/linalg/complex.h core/linalg/complex.c core/coding/member.h \
  core/coding/coding.c core/coding/repetition.c core/coding/cyclic.c
# graphs and mixing
libmstcore_la_SOURCES += core/topology/member.h core/topology/topology.c core/topology/graph.c \
  core/topology/spectrum.c core/topology/ring.c core/topology/torus.c core/topology/star.c \
  core/topology/complete.c core/topology/exponential.c core/topology/erdos_renyi.c \
  core/topology/dumbbell.c core/topology/list.c
libmstcore_la_SOURCES += core/decentralised/member.h core/decentralised/mixing_tile.h \
  core/decentralised/mixing.c core/decentralised/gossip.c \
  core/decentralised/self_centred_clipping.c core/decentralised/variance_corrected.c \
  core/decentralised/trimmed_mean.c core/decentralised/rule.c core/decentralised/steps.c
libmstcore_la_SOURCES += core/robust/list_internal.h core/robust/list_fit.c \
  core/robust/list_regression.c
# mechanisms of privacy
core_headers += core/privacy/noise.h core/privacy/discrete.h core/privacy/skellam.h \
  core/privacy/mechanism.h core/privacy/sparse_vector.h core/privacy/query_server.h \
  core/privacy/whole.h core/privacy/audit.h
libmstcore_la_SOURCES += core/privacy/noise_words.h core/privacy/noise.c core/privacy/noise_real.c \
  core/privacy/exact.h core/privacy/exact.c core/privacy/discrete.c core/privacy/saddle.h \
  core/privacy/saddle.c core/privacy/skellam.c core/privacy/mechanism_member.h \
  core/privacy/mechanism.c core/privacy/mechanism_gaussian.c core/privacy/mechanism_laplace.c \
  core/privacy/mechanism_discrete_gaussian.c core/privacy/mechanism_discrete_laplace.c \
  core/privacy/mechanism_skellam.c core/privacy/mechanism_randomised_response.c \
  core/privacy/mechanism_exponential.c core/privacy/mechanism_noisy_max.c \
  core/privacy/mechanism_duchi.c core/privacy/mechanism_sparse_vector.c \
  core/privacy/sparse_vector.c core/privacy/query_server.c core/privacy/whole.c \
  core/privacy/audit.c
# privacy accounting
nobase_pkginclude_HEADERS += core/privacy/event.h core/privacy/accountant.h \
  core/privacy/calibrate.h core/privacy/gaussian.h core/privacy/sensitivity.h
libmstcore_la_SOURCES += core/privacy/event.h core/privacy/accountant.h core/privacy/calibrate.h \
  core/privacy/gaussian.h core/privacy/sensitivity.h core/privacy/member.h core/privacy/pair.h \
  core/privacy/loss.h core/privacy/compose.h core/privacy/losses.h core/privacy/event.c \
  core/privacy/gaussian.c core/privacy/sensitivity.c core/privacy/pair.c core/privacy/loss.c \
  core/privacy/compose.c core/privacy/losses.c core/privacy/accountant.c core/privacy/pld.c \
  core/privacy/prv.c core/privacy/renyi.c core/privacy/rdp.c core/privacy/gdp.c \
  core/privacy/gdp_clt.c core/privacy/zcdp.c core/privacy/advanced.c core/privacy/calibrate.c
# bandits
libmstcore_la_SOURCES += core/bandit/gossip.h core/bandit/gossip.c core/bandit/coop_ucb.c core/bandit/dducb.c \
  core/bandit/periodic.c core/bandit/private_sums.h core/bandit/private_sums.c
libmstcore_la_SOURCES += core/bandit/environment_member.h core/bandit/policy_member.h \
  core/bandit/protocol_member.h core/bandit/design.h core/bandit/exploration.h core/bandit/ridge.c \
  core/bandit/environment.c core/bandit/environment_params.c core/bandit/sphere.c core/bandit/ball.c core/bandit/gaussian.c \
  core/bandit/cube.c core/bandit/corners.c core/bandit/link.c core/bandit/policy.c \
  core/bandit/linucb.c core/bandit/thompson.c \
  core/bandit/epsilon_greedy.c core/bandit/ucb1.c core/bandit/ds_oful.c core/bandit/suplinucb.c \
  core/bandit/squarecb.c core/bandit/glm_ucb.c core/bandit/weighted_oful.c \
  core/bandit/thompson_bernoulli.c core/bandit/misspecified_sparse.c core/bandit/protocol.c core/bandit/none.c \
  core/bandit/full.c core/bandit/dislinucb.c core/bandit/fedlinucb.c core/bandit/async_linucb.c \
  core/bandit/disbe.h core/bandit/disbe.c core/bandit/disbe_lucb.c core/bandit/disbe_lucb_estimated.c \
  core/bandit/decbe_lucb.c core/bandit/elimination.h core/bandit/elimination.c \
  core/bandit/delb.c core/bandit/phased_elimination.c core/bandit/client_design.h \
  core/bandit/client_design.c core/bandit/fed_pe.c core/bandit/batches.c core/bandit/design.c core/bandit/exploration.c
# private training
nobase_pkginclude_HEADERS += core/privacy/sampler.h core/privacy/ledger.h core/model/ghost.h
libmstcore_la_SOURCES += core/privacy/sampler.h core/privacy/sampler_member.h \
  core/privacy/sampler.c core/privacy/sampler_poisson.c core/privacy/sampler_fixed.c \
  core/privacy/sampler_full.c core/privacy/sampler_cyclic.c core/privacy/ledger.h \
  core/privacy/ledger.c core/model/ghost.h core/model/pass.h core/model/ghost_difference.c \
  core/privacy/estimator.h core/privacy/estimator_member.h core/privacy/estimator.c \
  core/privacy/estimator_dp_sgd.c core/privacy/estimator_diff2.c core/privacy/estimator_diff2_bvr.c core/privacy/sampler_workers.c \
  core/privacy/estimator_spiderboost.c core/privacy/estimator_tree_spider.c core/privacy/estimator_recursive.c \
  core/privacy/sampler_disjoint.c
nobase_pkginclude_HEADERS += core/privacy/estimator.h
nobase_pkginclude_HEADERS += core/secure/shamir.h core/secure/agreement.h core/secure/stream.h \
  core/secure/graph.h core/secure/round.h
libmstcore_la_SOURCES += core/secure/shamir.h core/secure/shamir.c core/secure/agreement.h \
  core/secure/agreement.c core/secure/stream.h core/secure/stream.c core/secure/graph.h \
  core/secure/graph.c core/secure/round.h core/secure/round.c
nobase_pkginclude_HEADERS += core/privacy/correlation.h core/privacy/correlated.h
libmstcore_la_SOURCES += core/privacy/correlation_member.h core/privacy/correlation.c \
  core/privacy/correlation_independent.c core/privacy/correlation_tree.c \
  core/privacy/correlation_toeplitz.c core/privacy/correlation_banded.c \
  core/privacy/correlation_optimise.c core/privacy/correlated.c
# local privacy
nobase_pkginclude_HEADERS += core/local/local.h core/local/linear.h
libmstcore_la_SOURCES += core/local/member.h core/local/local.c core/local/nldp.c \
  core/local/nldp_public.c core/local/ldp_iht.c core/local/linear.c
# private analytic learning
nobase_pkginclude_HEADERS += core/privacy/adassp.h core/features/bounded.h
libmstcore_la_SOURCES += core/privacy/adassp.h core/privacy/adassp.c core/features/bounded.h \
  core/features/bounded.c
# off-policy evaluation
nobase_pkginclude_HEADERS += core/ope/ope.h core/ope/target.h core/ope/logged.h
libmstcore_la_SOURCES += core/ope/member.h core/ope/ope.c core/ope/replay.c core/ope/ips.c \
  core/bandit/rows.c core/ope/snips.c core/ope/dm.c core/ope/dr.c core/ope/target.c core/ope/logged.c
# tuning of solvers
nobase_pkginclude_HEADERS += core/tuning/relax.h core/tuning/tuner.h
libmstcore_la_SOURCES += core/tuning/relax.h core/tuning/relax.c core/tuning/tuner.h \
  core/tuning/member.h core/tuning/tuner.c core/tuning/tsallis_inf.c core/tuning/cheb_cb.c \
  core/tuning/fixed.c
# pure exploration
nobase_pkginclude_HEADERS += core/identify/instance.h core/identify/identify.h
libmstcore_la_SOURCES += core/identify/member.h core/identify/optimal.h core/identify/recover.h \
  core/identify/instance.c core/identify/identify.c core/identify/optimal.c \
  core/identify/elimination.c core/identify/recover.c core/identify/lucb.c core/identify/glucb.c \
  core/identify/xy_static.c core/identify/rage.c core/identify/task_by_task.c \
  core/identify/douexpdes.c core/identify/c_douexpdes.c
# treatment rules
nobase_pkginclude_HEADERS += core/treatment/treatment.h
libmstcore_la_SOURCES += core/treatment/treatment.h core/treatment/treatment.c
# many users in one world
nobase_pkginclude_HEADERS += core/rl/low_rank.h
libmstcore_la_SOURCES += core/rl/low_rank.h core/rl/low_rank.c
# item-item recommendation
nobase_pkginclude_HEADERS += core/ease/ease.h
libmstcore_la_SOURCES += core/ease/ease.h core/ease/ease.c
nobase_pkginclude_HEADERS += core/naive_bayes/naive_bayes.h
libmstcore_la_SOURCES += core/naive_bayes/naive_bayes.h core/naive_bayes/naive_bayes.c
# rows with few entries
nobase_pkginclude_HEADERS += core/linalg/sparse_rows.h
libmstcore_la_SOURCES += core/linalg/sparse_rows.h core/linalg/sparse_rows.c
# sketches of matrices
nobase_pkginclude_HEADERS += core/sketch/sketch.h core/sketch/sample.h
libmstcore_la_SOURCES += core/sketch/sketch.h core/sketch/sample.h core/sketch/member.h \
  core/sketch/sketch.c core/sketch/sample.c core/sketch/threshold.c core/sketch/priority.c \
  core/sketch/count_sketch.c core/sketch/gaussian.c core/sketch/rademacher.c
# residual layers in closed form
nobase_pkginclude_HEADERS += core/features/residual.h core/analytic/depth.h
libmstcore_la_SOURCES += core/features/residual.h core/features/residual.c core/analytic/depth.h \
  core/analytic/depth.c
# laws of scaling
nobase_pkginclude_HEADERS += core/scaling/scaling.h
libmstcore_la_SOURCES += core/scaling/scaling.h core/scaling/scaling.c core/scaling/nonnegative.h \
  core/scaling/nonnegative.c
