# io: all files.
noinst_LTLIBRARIES += libmstio.la
io_headers = io/dataset.h io/import.h io/experiment.h io/draft.h io/runfile.h io/checkpoint.h \
  io/progress.h io/predictions.h io/vectors.h
nobase_pkginclude_HEADERS += $(io_headers)
libmstio_la_SOURCES = $(io_headers) \
  io/file.h io/file.c io/paths.h io/paths.c io/process.h io/process.c io/hdf5_file.h \
  io/hdf5_file.c io/hdf5_attribute.c io/hdf5_rows.c io/dataset.c io/dataset_write.c \
  io/import_source.h io/import.c io/import_bytes.c io/import_text.c io/import_names.c \
  io/import_array.c io/import_idx.c io/import_csv.c io/import_libsvm.c io/import_npy.c \
  io/import_fashion.c io/text.h io/text.c io/yaml_text.h io/yaml_text.c io/yaml_tree.h \
  io/yaml_tree.c io/schema.h io/schema.c io/schema_table.c io/value.c io/experiment.c \
  io/experiment_get.c io/experiment_read.c io/draft.c io/series.h io/series.c io/runfile_parts.h \
  io/runfile_parts.c io/runfile_write.h io/runfile_write.c io/runfile_read.h io/runfile_read.c \
  io/runfile_describe.c io/runfile.c io/manifest.c io/arrays.h io/arrays.c io/series_file.h \
  io/series_file.c io/changes.h io/changes.c io/predictions.c io/report_run.h io/report_run.c \
  io/report_html.h io/report_html.c io/report_plot.h io/report_plot.c io/checkpoint_file.h \
  io/checkpoint_file.c io/checkpoint.c io/progress_line.h io/progress_line.c io/progress.c \
  io/note.h io/note.c io/text_file.h io/text_file.c io/folder.h io/folder.c io/scratch.h io/scratch.c io/dataset_digest.h io/dataset_digest.c io/vectors.c
libmstio_la_SOURCES += io/edges.h io/edges.c
nobase_pkginclude_HEADERS += io/ledger.h io/secret.h
libmstio_la_SOURCES += io/ledger.h io/ledger.c io/secret.h io/secret.c
libmstio_la_SOURCES += io/plain_file.h io/plain_file.c
libmstio_la_SOURCES += io/sparse.h io/sparse.c io/import_fields.c io/import_ratings.c
