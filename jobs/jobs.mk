# jobs: the muster command. It is linked with the layers themselves, so that it runs in place
# without libtool's wrapper.
bin_PROGRAMS += muster
muster_SOURCES = jobs/jobs.h jobs/main.c jobs/arguments.c jobs/output.c jobs/version.c \
  jobs/options.c jobs/compose.c jobs/watch.c jobs/paths.c jobs/run.c jobs/import.c jobs/inspect.c jobs/list.c \
  jobs/feature_file.h jobs/feature_file.c jobs/analytic.c
muster_LDADD = libmstparallel.la libmstio.la libmstcomm.la libmstcore.la $(parallel_libs) \
  $(io_libs) $(comm_libs) $(core_libs)
