# core: all mathematics. Knows no MPI, no files, no environment.
noinst_LTLIBRARIES += libmstcore.la
core_headers = core/base/status.h core/base/memory.h core/base/arithmetic.h core/base/matrix.h \
  core/base/key.h core/base/digest.h core/base/clock.h core/base/summary.h core/base/state.h \
  core/base/observer.h core/base/stop.h core/base/param.h \
  core/linalg/lattice.h core/linalg/blas.h core/linalg/descent.h core/linalg/dense.h \
  core/model/model.h \
  core/optim/optim.h core/optim/schedule.h core/optim/ema.h core/optim/egn.h \
  core/federated/method.h core/federated/client.h \
  core/compress/compress.h \
  core/features/features.h \
  core/partition/partition.h \
  core/analytic/analytic.h \
  core/robust/rule.h core/robust/space.h core/robust/attack.h core/base/normal.h
nobase_pkginclude_HEADERS += $(core_headers)
libmstcore_la_SOURCES = $(core_headers) \
  core/base/status.c core/base/memory.c core/base/matrix.c core/base/key.c core/base/stream.c \
  core/base/word.h core/base/word.c core/base/registry.h core/base/registry.c core/base/digest.c \
  core/base/clock.c core/base/summary.c core/base/state.c core/base/stop.c core/base/param.c \
  core/base/wide.h \
  core/linalg/lapack.h core/linalg/lattice.c core/linalg/blas.c core/linalg/solve.c \
  core/linalg/eigen.c core/linalg/descent.c core/linalg/dense.c core/linalg/dense_tile.h \
  core/linalg/dense_undef.h \
  core/features/features.c core/features/identity.c core/features/relu.c core/features/fourier.c \
  core/features/member.h core/features/projection.h core/features/projection.c \
  core/features/conv.h core/features/conv.c core/features/conv_fit.c core/features/scattering.h \
  core/features/scattering.c core/features/scattering_transform.c core/features/wavelets.h \
  core/features/wavelets.c \
  core/partition/members.h core/partition/deal.c core/partition/partition.c core/partition/iid.c \
  core/partition/shards.c core/partition/dirichlet.c core/partition/mixture.c \
  core/partition/quantity.c core/partition/natural.c \
  core/model/layer.h core/model/params.h core/model/layer.c core/model/lanes.h core/model/lanes.c \
  core/model/elementary.h core/model/loss.h core/model/loss.c core/model/model.c \
  core/model/model_pass.c core/model/dense_layer.c core/model/activation.c core/model/softmax.c \
  core/model/glm.c core/model/mlp.c core/model/patches.h core/model/patches_width.h \
  core/model/patches.c core/model/convolution.c core/model/group_norm.c core/model/pool.c \
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
  core/analytic/aa_law.c \
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
