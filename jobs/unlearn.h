/* Clients that leave an analytic model, or join it, after it was trained: section `update` of the
 * job, the statistics that its runs keep for it, and the record of what was done.
 * doc/methods/unlearning.md. */
#ifndef MST_JOBS_UNLEARN_H
#define MST_JOBS_UNLEARN_H

#include "jobs/data.h"
#include "parallel/analytic_update.h"

extern const mst_key_spec mst_keys_keep[];   /* analytic.keep_statistics, clients.without */
extern const mst_key_spec mst_keys_update[]; /* section `update` */

typedef enum mst_audit_action {
  MST_AUDIT_TRAINED,
  MST_AUDIT_REMOVED,  /* clients                   */
  MST_AUDIT_RESTORED, /* clients that were not in  */
  MST_AUDIT_JOINED,   /* a dataset                 */
  MST_AUDIT_LEFT      /* a dataset that had joined */
} mst_audit_action;

/* What was done to the statistics, from their beginning on. */
typedef struct mst_audit {
  int64_t events, pairs;
  int64_t *action, *time, *rows, *classes; /* (events); time: seconds since 1970; classes: of the
                                              dataset that the rows are of                        */
  uint8_t *set;    /* (events, MST_DIGEST_HEX) of that dataset                                   */
  uint8_t *digest; /* (events, MST_DIGEST_HEX) of the run that it was done to; zeros at first    */
  int64_t *pair;   /* (pairs, 2) event and client; the first pair is {0, -1} and names nobody    */
} mst_audit;

typedef struct mst_job_list {
  int64_t n;
  int64_t *client; /* (n) */
} mst_job_list;

typedef struct mst_job_unlearn {
  mst_job_context *context;
  bool keep, on; /* statistics are written; there is a section `update` */
  mst_job_list without, remove, restore, out, changed; /* out: those that take no part at the end */
  mst_outcome before;
  mst_gram_sums sums;
  mst_audit audit;
  int64_t features, targets, clients; /* of the statistics that are there */
  uint8_t *member;                    /* (clients) 1: in the sums         */
  mst_job_set set;                    /* that joins or leaves             */
  bool has_set, joins;
  char set_hex[MST_DIGEST_HEX];
  int64_t removed_rows, restored_rows, set_rows;
  mst_gram_result gram;
} mst_job_unlearn;

/** The keys. \param plain  the sums are exact, open and nobody's noise or rule changes them; kept
 *  statistics are refused otherwise. MST_ERR_INPUT. Local. */
mst_status mst_job_unlearn_read(mst_job_unlearn *u, mst_job_context *context,
                                bool plain) MST_CHECKED;

/** Open the run that is to be changed, and a dataset that joins or leaves. *classes: that the model
 *  will have at least. Collective. */
mst_status mst_job_unlearn_open(mst_job_unlearn *u, int64_t *classes) MST_CHECKED;

/** Check it against the opened data, and choose whose rows are dealt. Collective. */
mst_status mst_job_unlearn_choose(mst_job_unlearn *u, mst_job_data *data) MST_CHECKED;

/** Bytes of a rank for sums of that order. Local. */
int64_t mst_job_unlearn_bytes(const mst_job_unlearn *u, int64_t order);

/** The least b with 4^b at or above analytic.room. Local. */
int mst_job_room_bits(const mst_experiment *e);

/** Before a training that keeps statistics: *sums is what it is to fill, NULL where none are kept.
 *  Collective. */
mst_status mst_job_unlearn_begin(mst_job_unlearn *u, const mst_job_data *data,
                                 mst_gram_sums **sums) MST_CHECKED;

/** In the place of a training: take out and add what the section says, and solve. The rows that
 * take part at the end are dealt then. Collective. */
mst_status mst_job_unlearn_train(mst_job_unlearn *u, mst_job_data *data,
                                 const mst_analytic_options *options, mst_analytic_model *model,
                                 mst_gram_result *gram) MST_CHECKED;

/** Write the statistics and the record, and the headline figures. Collective. */
mst_status mst_job_unlearn_record(mst_job_unlearn *u, const mst_job_data *data) MST_CHECKED;
void mst_job_unlearn_close(mst_job_unlearn *u); /* Collective */

/* jobs/unlearn_file.c */

/** Room for a record of so many events and pairs. MST_ERR_MEMORY. Local. */
mst_status mst_audit_room(mst_audit *a, int64_t events, int64_t pairs) MST_CHECKED;
void mst_audit_free(mst_audit *a); /* Local */

/** Copy a record into one that has room for more. Local. */
void mst_audit_copy(const mst_audit *from, mst_audit *to);

/** How often a dataset of that digest has joined, less how often it has left. Local. */
int64_t mst_audit_holds(const mst_audit *a, const char *hex);

/** Read from a run file: sizes, then members and record; then the sums, after a create of their
 *  size. Write all of it. Collective. */
mst_status mst_statistics_look(mst_team *team, mst_job_unlearn *u, const char *path) MST_CHECKED;
mst_status mst_statistics_load(mst_team *team, mst_job_unlearn *u, const char *path) MST_CHECKED;
mst_status mst_statistics_write(mst_team *team, mst_job_unlearn *u) MST_CHECKED;

#endif
