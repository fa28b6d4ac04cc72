/* What an experiment says of secure aggregation: section `secure` of jobs whose aggregate is a sum. */
#ifndef MST_JOBS_SECURE_H
#define MST_JOBS_SECURE_H

#include "core/features/features.h"
#include "io/experiment.h"
#include "parallel/mask.h"

/* The keys, for the table of a job in which the bound is of WHAT. */
#define MST_KEYS_SECURE(WHAT)                                                                     \
  {.key = "secure.aggregate",                                                                     \
   .type = MST_KEY_WORD,                                                                          \
   .fallback = "none",                                                                            \
   .allowed = "none|sum|masks",                                                                   \
   .unit = "",                                                                                    \
   .help = "masks: the server sees sums alone; sum: the same whole numbers, unmasked, to compare"}, \
      {.key = "secure.bound",                                                                     \
       .type = MST_KEY_REAL,                                                                      \
       .min = 0,                                                                                  \
       .max = 1e30,                                                                               \
       .open_min = true,                                                                          \
       .unit = "",                                                                                \
       .help = "public bound of the norm of " WHAT ", shortened to it where longer"},             \
      {.key = "secure.threshold",                                                                 \
       .type = MST_KEY_REAL,                                                                      \
       .min = 0.5,                                                                                \
       .max = 1,                                                                                  \
       .open_min = true,                                                                          \
       .unit = "",                                                                                \
       .help = "share of a client's neighbours and itself that can take its masks away; 0.67"},   \
      {.key = "secure.neighbours",                                                                \
       .type = MST_KEY_INT,                                                                       \
       .min = 0,                                                                                  \
       .max = 2147483647.0,                                                                       \
       .unit = "clients",                                                                         \
       .help = "that each client shares masks with; 0, the default: all"},                        \
  {                                                                                               \
    .key = "secure.dropout", .type = MST_KEY_REAL, .min = 0, .max = 0.999, .unit = "",            \
    .help = "chance of a client to be gone after it gave its shares, before it sends; 0"          \
  }

/** The section. What it leaves out has its default, and that of the bound is privacy.clip where there
 *  is one; MST_ERR_INPUT for a key that means nothing without
 *  secure.aggregate, or a bound that is missing. Local. */
mst_status mst_job_secure(const mst_experiment *e, mst_mask_options *out) MST_CHECKED;

/** A feature map that is fitted on clients' rows is refused beside masks: the server would see them.
 *  Local. */
mst_status mst_job_secure_features(const mst_experiment *e, const mst_mask_options *secure,
                                   const mst_features *features) MST_CHECKED;

#endif
