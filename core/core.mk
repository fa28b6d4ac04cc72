# core: all mathematics. Knows no MPI, no files, no environment.
noinst_LTLIBRARIES += libmstcore.la
core_headers = core/base/status.h core/base/memory.h core/base/key.h core/base/digest.h core/base/clock.h \
  core/base/state.h core/base/observer.h core/linalg/lattice.h core/linalg/blas.h \
  core/features/features.h core/partition/partition.h core/analytic/analytic.h
nobase_pkginclude_HEADERS += $(core_headers)
libmstcore_la_SOURCES = $(core_headers) \
  core/base/status.c core/base/memory.c core/base/key.c core/base/stream.c core/base/digest.c core/base/clock.c \
  core/base/state.c \
  core/linalg/lapack.h core/linalg/lattice.c core/linalg/blas.c core/linalg/solve.c core/linalg/eigen.c \
  core/features/features.c core/features/identity.c core/features/relu.c core/features/fourier.c \
  core/features/member.h core/features/projection.h core/features/projection.c \
  core/features/conv.h core/features/conv.c core/features/conv_fit.c \
  core/features/scattering.h core/features/scattering.c core/features/scattering_transform.c \
  core/features/wavelets.h core/features/wavelets.c \
  core/partition/members.h core/partition/deal.c \
  core/partition/partition.c core/partition/iid.c core/partition/shards.c \
  core/partition/dirichlet.c core/partition/quantity.c core/partition/natural.c \
  core/analytic/aa_law.c
