/* The data of a job: the datasets that the experiment names, their rows dealt to clients, and the
 * feature map between a row and what is learnt from. All functions but one are Collective on the
 * context's team. */
#ifndef MST_JOBS_DATA_H
#define MST_JOBS_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "core/features/features.h"
#include "core/partition/partition.h"
#include "io/dataset.h"
#include "io/dataset_digest.h"
#include "jobs/job.h"
#include "parallel/roster.h"
#include "parallel/rows.h"

/* Some clients of a partition. */
typedef struct mst_job_choice {
  const char *key; /* of the experiment that names them, for errors; NULL: all clients are dealt */
  const int64_t *client;
  int64_t n;
  bool only; /* rows of these alone are dealt; otherwise rows of all others */
} mst_job_choice;

/* One dataset with what is made of it. */
typedef struct mst_job_set {
  mst_team *team;
  mst_dataset *file; /* NULL: the experiment names none */
  const mst_dataset_info *info;
  mst_row_store *rows;
  int32_t *label; /* of every place of the roster; all, on every rank; NULL for values */
  bool weighs;    /* rows count by /weight ... */
  double most_weight; /* cut to that; 0: as they are */
  double *weight;     /* ... or as clients do: of every place, as label; NULL: 1 each */
  mst_roster *roster;
  mst_sparse_rows sparse; /* of this rank's places, where the job keeps rows so; rows is NULL then */
  int64_t dropped; /* rows left out because they are not finite */
  bool looking;    /* every row is read for the first time, and digested */
  mst_dataset_digest digest;
} mst_job_set;

/** Look at every row of an opened dataset (team, file and info are set), window_bytes at a time:
 *  d->rows and d->digest. Place them as one client's, in the file's order, in that many groups:
 *  d->roster and d->label. Clear a set in every case. */
mst_status mst_job_set_read(mst_job_set *d, int64_t window_bytes) MST_CHECKED;
mst_status mst_job_set_place(mst_job_set *d, int64_t groups) MST_CHECKED;
void mst_job_set_clear(mst_job_set *d);
/** For a job that keeps sparse rows so: read d->sparse of the roster's places, which must be the
 *  file's rows in order, and digest them; without a roster they are placed as above. */
mst_status mst_job_set_read_sparse(mst_job_set *d) MST_CHECKED;
/** The most entries that one of so many ranks will have of an opened dataset of sparse rows. */
mst_status mst_job_set_most_entries(const mst_job_set *d, int parts, int64_t *most) MST_CHECKED;

typedef struct mst_job_data {
  mst_job_context *context;
  mst_team *team;
  const mst_experiment *experiment;
  mst_features_spec features_spec;
  mst_partition_spec partition;
  mst_features *features;
  mst_row_shape shape; /* of a raw row */
  mst_job_set train, test;
  bool single; /* clients are kept whole */
  bool secret; /* nothing may tell of the training rows: those not finite are left out in silence */
  double rate; /* secret: at which rows are sampled, in blocks of so many; before they are dealt */
  int64_t block;
  bool unlabelled; /* rows alone are looked at: there need be no targets */
  bool keeps_sparse; /* the job takes sparse rows as they are; otherwise they get their zeros */
  bool weighted;   /* the job looks itself at what training rows weigh (jobs/weights.h) */
  bool pooled; /* there are no clients: rows are dealt in pieces (mst_train_deal) */
  mst_job_choice choice; /* whose rows take part; set before they are dealt */
  double holdout;     /* share of each client's rows that is not dealt (jobs/analytic_personal.h) */
  bool equal_clients; /* training rows of every client weigh the same together: */
  double client_level; /* that much */
  bool keep_level;     /* however rows are dealt from now on */
  int64_t clients, clients_with_rows;
  int64_t outputs; /* classes, or columns of the values             */
  int64_t sampled; /* rows that the feature map was fitted on       */
  int64_t memory;  /* bytes that a rank may use                     */
  int64_t base_bytes; /* of which it had taken when data were opened */
} mst_job_data;

/** Open data.train and data.test, check them against each other, create the feature map. Close it
 *  in every case. */
mst_status mst_job_data_open(mst_job_context *context, mst_job_data *j) MST_CHECKED;
/** The same, where what is learned from other data has that many classes already. */
mst_status mst_job_data_open_classes(mst_job_context *context, int64_t classes,
                                     mst_job_data *j) MST_CHECKED;
/** The same for a job without clients: the experiment has no section `clients`. */
mst_status mst_job_data_open_pooled(mst_job_context *context, mst_job_data *j) MST_CHECKED;
/** The same for a job that looks at rows alone, not at targets. plain: there is no section
 *  `features`, rows are taken as they are. */
mst_status mst_job_data_open_rows(mst_job_context *context, bool plain,
                                  mst_job_data *j) MST_CHECKED;
void mst_job_data_close(mst_job_data *j);

/** Deal the training rows to clients and make their roster; single: clients stay whole on a
 *  rank. */
mst_status mst_job_data_deal(mst_job_data *j, bool single) MST_CHECKED;

/** Look at every row (window_bytes: of one read), refuse or drop those that are not finite, and
 *  deal again if some were; fit the feature map. */
mst_status mst_job_data_read(mst_job_data *j, int64_t window_bytes) MST_CHECKED;

/** The test rows as one client's, in the file's order, in that many groups. */
mst_status mst_job_data_place_test(mst_job_data *j, int64_t groups) MST_CHECKED;

/** The shape of what a model sees of a row: the row's own, or a vector of features. Local. */
mst_row_shape mst_job_model_shape(const mst_features *map);

/** MST_ERR_INTERRUPTED on all ranks when a signal came to any. */
mst_status mst_job_check_stop(mst_job_context *context) MST_CHECKED;

#endif
