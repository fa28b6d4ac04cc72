# parallel: who computes what, and what moves where.
noinst_LTLIBRARIES += libmstparallel.la
parallel_headers = parallel/tiles.h parallel/roster.h parallel/rows.h parallel/pipeline.h parallel/gram.h \
  parallel/analytic.h
nobase_pkginclude_HEADERS += $(parallel_headers)
libmstparallel_la_SOURCES = $(parallel_headers) parallel/tiles_internal.h parallel/panel.h \
  parallel/grid.c parallel/tiles.c parallel/panel.c parallel/cholesky.c parallel/back_solve.c \
  parallel/scalapack.c parallel/eigen.c parallel/roster.c parallel/rows.c \
  parallel/pipeline.c parallel/columns.h parallel/columns.c parallel/gram.c parallel/feature_source.h parallel/feature_source.c parallel/analytic.c parallel/evaluate.c
