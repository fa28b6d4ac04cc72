/* What the files of `muster scale` share: what was asked, what the runs on each rank count came to,
 * and what follows. The command runs on one rank, which starts the others. Functions are Local, for
 * a team of one rank, unless they say otherwise. */
#ifndef MST_JOBS_SCALE_H
#define MST_JOBS_SCALE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "comm/team.h"
#include "core/base/digest.h"
#include "core/scaling/scaling.h"
#include "io/text.h"

#define MST_SCALE_COUNTS 32  /* rank counts of a series, and of a forecast */
#define MST_SCALE_KEYS   8   /* that grow with the ranks                   */
#define MST_SCALE_KEY    128 /* bytes of such a key                       */
#define MST_SCALE_WORDS  64  /* of a launcher                              */
#define MST_SCALE_PHASES 40  /* that are shown                             */

/* One run. */
typedef struct mst_scale_trial {
  double seconds;    /* of the slowest rank, from reading the experiment to the run file    */
  double work, comm; /* outside and inside of communication: means of the ranks             */
  double balance;    /* work of the rank that has most, over the mean: 1 is even            */
  double processor;  /* share of one that a rank had, on the mean: 1 has it alone          */
  double mpi_bytes, shared_bytes; /* of the rank that moved most of both together           */
  int nodes;
  char digest[MST_DIGEST_HEX];
  json_t *phase; /* seconds of the slowest rank, by name */
} mst_scale_trial;

/* All runs on one count. */
typedef struct mst_scale_count {
  int64_t ranks;
  double share; /* of the work of the largest count; strong: 1 */
  int runs;
  mst_scale_trial *trial; /* (repeat), of which `runs` are done */
  int shown;              /* the one of median seconds           */
  bool crowded;           /* more ranks than processors: not the speed of so many */
  mst_status failed;      /* of the run after which there are no more     */
  char *error;            /* why it failed; NULL: none did                */
} mst_scale_count;

/* A key whose value is ranks times something. */
typedef struct mst_scale_key {
  char key[MST_SCALE_KEY];
  double full; /* value on `of` ranks */
  int64_t of;
  bool whole;
} mst_scale_key;

typedef struct mst_scale {
  mst_team *team;
  const char *file; /* the experiment's */
  char *text;
  const char **set; /* (sets) key.path=value */
  int sets;
  const char **grow; /* (grows) key.path=value of one rank */
  int grows;
  const char *folder_given, *output; /* or NULL                        */
  bool weak, json;
  int64_t repeat, pieces; /* pieces of work; 0: not known   */
  double timeout;         /* seconds of one run; 0: none    */
  int words;
  char *word[MST_SCALE_WORDS]; /* the launcher */

  int counts;
  mst_scale_count count[MST_SCALE_COUNTS]; /* ascending */
  int predicts;
  int64_t predict[MST_SCALE_COUNTS]; /* ascending */
  char job[64];
  char folder[4096]; /* where run files lie */
  char *run_path;    /* of the experiment itself */
  int keys;
  mst_scale_key key[MST_SCALE_KEYS];

  bool has_law;
  mst_scaling_run *measured; /* what the law was fitted to */
  mst_scaling_law law;
  mst_scaling_forecast forecast[MST_SCALE_COUNTS]; /* (predicts) */
  bool fast;                                       /* reduce: fast promises no same bits */
  bool differ;                                     /* runs that must have the same bits do not */
} mst_scale;

/* jobs/scale_plan.c */

/** Check the experiment for every count, find what its work is dealt in and, for a weak series,
 *  which keys grow. Collective. */
mst_status mst_scale_plan(mst_scale *s) MST_CHECKED;

/** What a run on count i is given by --set, with its run file; free with clear, on an error too. */
typedef struct mst_scale_settings {
  int n;
  const char **override; /* (n); the first `sets` are the user's */
  int given;
} mst_scale_settings;
mst_status mst_scale_set(const mst_scale *s, int i, const char *run_path,
                         mst_scale_settings *out) MST_CHECKED;
void mst_scale_settings_clear(mst_scale_settings *settings);

/* jobs/scale_run.c */

/** The launcher's words: given, or those of MPIRUN, or mpirun, or srun where there is no mpirun. */
mst_status mst_scale_launcher(mst_scale *s, const char *given) MST_CHECKED;

/** Run every count `repeat` times, one run after another. A run that fails is said and kept in its
 *  count. \return MST_OK, MST_ERR_INTERRUPTED, or what keeps all from being run. Collective. */
mst_status mst_scale_measure(mst_scale *s) MST_CHECKED;

/* jobs/scale_law.c */

/** Compare digests, fit the law where two counts or more are there, and make the forecasts. */
mst_status mst_scale_conclude(mst_scale *s) MST_CHECKED;

/** The first count that has runs, or NULL; the median run of a count. */
const mst_scale_count *mst_scale_base(const mst_scale *s);
const mst_scale_trial *mst_scale_shown(const mst_scale_count *c);
/** Seconds that a count would take if no rank were ever idle and nothing but work were done: those
 * of the base, for the work that there is; and the share of that which its seconds are. */
double mst_scale_ideal(const mst_scale *s, int64_t ranks, double share);
double mst_scale_efficiency(const mst_scale *s, const mst_scale_count *c);
/** The same of a forecast. */
double mst_scale_forecast_efficiency(const mst_scale *s, double ranks, double seconds);

/* jobs/scale_print.c */

/** What keeps more ranks from helping, in a few words. */
const char *mst_scale_limit_text(mst_scaling_term limit);
/** Names of phases, the longest first; how many. */
int mst_scale_phases(const mst_scale *s, const char *name[MST_SCALE_PHASES]);
mst_status mst_scale_print(const mst_scale *s) MST_CHECKED;
/** The JSON line; NULL without memory. */
json_t *mst_scale_json(const mst_scale *s);

/* jobs/scale_page.c */

/** Write the page of figures and tables. Collective. */
mst_status mst_scale_write_page(const mst_scale *s) MST_CHECKED;
#define MST_SCALE_OPENING "<!DOCTYPE html>\n<!-- muster scale -->"

#endif
