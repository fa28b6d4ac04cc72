/* What the files of `muster bench` share: the benchmarks, the rows that they fill, and how rows are
 * shown and stored. Functions are Collective unless they say Local. */
#ifndef MST_JOBS_BENCH_H
#define MST_JOBS_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "comm/measure.h"
#include "comm/team.h"

#define MST_BENCH_ROWS 64
#define MST_BENCH_BUSY 0.9 /* of a core: below it other work is measured as well */

/* One figure, the same on every rank. */
typedef struct mst_bench_row {
  char name[40]; /* the same on every site, whatever its ranks       */
  int ranks;     /* that worked                                      */
  int64_t bytes; /* of a rank's arrays, of a message, of a file      */
  int repeats;
  double seconds; /* median                                           */
  bool flops;     /* rate is in GFlop/s, else in GB/s (10^9)          */
  double rate;
  double limit;      /* what it is held against; 0: nothing              */
  char limit_of[48]; /* what that is                                     */
  double memory;     /* share of the memory's rate that it takes; 0: none */
  int slowest;       /* the slowest rank where ranks worked side by side, else -1 */
  double spread;     /* its time over the fastest rank's                 */
  double busy;       /* share of the time that ranks which never sleep had a core; 0: not known */
  bool cached;       /* the arrays may lie in a cache                    */
  const char *error; /* why there is no figure; NULL                     */
} mst_bench_row;

typedef struct mst_bench {
  mst_team *team;
  double seconds;       /* for each row                                     */
  int64_t size;         /* bytes of an array                                */
  const char *folder;   /* where files are written                          */
  const char *output;   /* the result file or NULL                          */
  const char *name[32]; /* what was asked for                               */
  int names;            /* 0: everything                                    */
  bool table;
  double *work[3]; /* (size / 8) each                                  */
  mst_bench_row row[MST_BENCH_ROWS];
  int rows;
  const char *skipped; /* benchmarks that need more ranks, or NULL         */
  mst_status failed;   /* of the first row that failed                     */
  char failure[MST_STATUS_DETAIL_MAX];
} mst_bench;

typedef struct mst_benchmark {
  const char *name, *group;
  mst_status (*run)(mst_bench *b, const char *name);
} mst_benchmark;

/* jobs/bench_machine.c, bench_sums.c, bench_files.c: what a benchmark of their group does. */
mst_status mst_bench_machine(mst_bench *b, const char *name) MST_CHECKED;
mst_status mst_bench_sums(mst_bench *b, const char *name) MST_CHECKED;
mst_status mst_bench_files(mst_bench *b, const char *name) MST_CHECKED;

/* jobs/bench_rows.c */

/** Take up a row and show it. Local. */
void mst_bench_add(mst_bench *b, const mst_bench_row *row);
/** A row whose benchmark failed: the rest goes on, the command will fail. Local; st is agreed. */
void mst_bench_add_failed(mst_bench *b, const char *name, mst_status st);
/** The rate of an earlier row; 0 where there is none. Local. */
double mst_bench_rate(const mst_bench *b, const char *name);
/** Head of the table. Local. */
void mst_bench_head(const mst_bench *b);
/** All of it as one JSON object; NULL without memory. Local. */
json_t *mst_bench_json(const mst_bench *b);

/** Show two result files side by side: jobs/bench_compare.c. */
mst_status mst_bench_compare(mst_team *team, const char *a, const char *b, bool table) MST_CHECKED;

#define MST_BENCH_OPENING "{\"bench\": " /* the text that a result file begins with */

#endif
