/* Importers: foreign files to dataset files. One file a member: import_idx.c import_csv.c
 * import_libsvm.c import_npy.c import_ratings.c, and import_fashion.c for a collection of files in a known place;
 * the table is in import.c. Rank 0 parses (text is one stream) and the team writes; every error
 * names file, line or byte, what was found and what is expected. Input files may be compressed with
 * gzip. How values, classes and clients are read is defined in doc/formats.md. */
#ifndef MST_IO_IMPORT_H
#define MST_IO_IMPORT_H

#include "io/dataset.h"

typedef struct mst_import_options {
  const char *input;         /* the file with the rows                                       */
  const char *labels;        /* idx, npy: the file with the labels; NULL = none              */
  const char *client_column; /* csv: name or number of the column with the client; NULL = none */
  const char *label_column;  /* csv: name or number (0-based; negative from the end); NULL = last;
                                "none" = there is no such column                           */
  const char *arm_column, *reward_column, *propensity_column; /* csv: of logged decisions, all
                                three or none; with them label_column NULL means none      */
  int64_t n_arms;            /* csv: arms of a log; 0 = the largest plus one                 */
  const char *task;          /* "classification" (default) or "regression"                   */
  double scale;              /* multiply every value of x; 0 = the format's default (1/255 for
                                unsigned bytes, else 1)                                      */
  int64_t n_features;        /* libsvm: width; 0 = the largest index                         */
  bool sparse;               /* libsvm: rows are stored compressed                          */
  bool header;               /* csv: the first line names the columns (default: found out)   */
  bool has_header_option;    /* header was given                                             */
  mst_dataset_options dataset;
  const char *from;   /* a collection's folder; NULL = where such data lie            */
  const char *output; /* the file to write; a collection's folder, NULL = the current one */
  bool keep;          /* an output that exists is an error (default: it is replaced)  */
} mst_import_options;

#define MST_IMPORT_PATH 4096 /* bytes of a file's name */

/* One dataset of a collection: the files that it is made of, and the one to write. */
typedef struct mst_import_part {
  char input[MST_IMPORT_PATH], labels[MST_IMPORT_PATH], output[MST_IMPORT_PATH];
} mst_import_part;

/* A format has run, a collection find. */
typedef struct mst_import_ops {
  const char *name; /* idx csv libsvm npy ratings fashion-mnist */
  const char *summary;
  mst_status (*run)(mst_team *team, const mst_import_options *options, mst_dataset_info *made);
  /* part(parts) out: what options->from and options->output come to. Local. */
  mst_status (*find)(const mst_import_options *options, mst_import_part *part);
  int parts;
  const char *part_format; /* of a collection's files                            */
  bool takes_labels;       /* options.labels                                     */
  bool takes_columns;      /* options.label_column, .client_column, .header, those of a log */
  bool takes_features;     /* options.n_features                                 */
  bool takes_sparse;       /* options.sparse                                     */
  bool lists_entries;      /* an entry a line: rows are sparse, and there are no targets */
} mst_import_ops;

/** A member by name or by number; NULL where there is none. Local. */
const mst_import_ops *mst_import_find(const char *name);
const mst_import_ops *mst_import_at(int i);

/** Import and say in `made` (may be NULL) what was written. Collective on team. Nothing appears
 *  under options->output unless everything was read, checked and written.
 *  \return MST_OK; MST_ERR_INPUT (an option that is wrong or means nothing to the format, an
 *          output that mst_paths_check refuses: one of the inputs, somebody else's file);
 *          MST_ERR_FORMAT (the input is not what it should be: file, line or byte, what was found);
 *          MST_ERR_NONFINITE (how many values are not finite, and where the first is);
 *          MST_ERR_IO; MST_ERR_MEMORY. */
mst_status mst_import_run(mst_team *team, const char *format, const mst_import_options *options,
                          mst_dataset_info *made) MST_CHECKED;

/** The datasets of a collection, part(ops->parts), on every rank: each is to be imported as
 *  ops->part_format. All are looked for, and what they would replace is checked, before any is
 *  made.
 *  \return MST_OK; MST_ERR_INPUT (a file that is not there, an output that mst_import_run refuses);
 *          MST_ERR_IO. Collective on team. */
mst_status mst_import_locate(mst_team *team, const mst_import_ops *ops,
                             const mst_import_options *options, mst_import_part *part) MST_CHECKED;

/** The options with which a part of a collection is imported. Local. */
mst_import_options mst_import_part_options(const mst_import_options *options,
                                           const mst_import_part *part);

#endif
