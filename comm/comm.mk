# comm: all MPI.
noinst_LTLIBRARIES += libmstcomm.la
comm_headers = comm/team.h comm/sum.h comm/share.h comm/posted.h comm/neighbours.h
nobase_pkginclude_HEADERS += $(comm_headers)
libmstcomm_la_SOURCES = $(comm_headers) comm/internal.h comm/team.c comm/agree.c comm/shared.c \
  comm/kernels.c comm/reduce.c comm/direct.c comm/sum.c comm/scatter.c comm/posted.c \
  comm/gather.c comm/exchange.c comm/room.c comm/share.c comm/neighbours.c comm/digest.c
libmstcomm_la_SOURCES += comm/measure.h comm/measure.c comm/peer.h comm/peer.c
