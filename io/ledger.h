/* Privacy ledgers on disk: what was released, kept before it is released.
 *
 * A ledger is a text file with a budget, to which lines are only ever added, each flushed to disk
 * before the release that it charges. Several runs on the same data may point at one file and then
 * share its budget, also at the same time: it is locked while it is read and added to. A ledger
 * that cannot be read ends a run; nothing is released on a guess. doc/formats.md.
 *
 *     muster ledger 1
 *     budget EPSILON DELTA ADJACENCY
 *     run NUMBER NAME
 *     event NUMBER MECHANISM NOISE SENSITIVITY SAMPLING Q N M TRUNCATE ENTRIES
 *     charge RUN EVENT COUNT
 *
 * Functions are collective on the team unless they say Local; rank 0 alone touches the file. */
#ifndef MST_IO_LEDGER_H
#define MST_IO_LEDGER_H

#include "comm/team.h"
#include "core/privacy/ledger.h"

typedef struct mst_ledger mst_ledger;

/* What a run says of itself when it opens a ledger. The strings must outlive the ledger. */
typedef struct mst_ledger_run {
  const char *path;      /* of the ledger                                                     */
  const char *name;      /* of the run: its run file                                          */
  bool shared;           /* keep what other runs charged; false: the ledger is this run's own */
  bool resume;           /* take over what earlier starts of this run charged                 */
  mst_budget budget;     /* epsilon 0: what the ledger says (then there must be one)          */
  mst_account_spec spec; /* of the accountant that checks it                                  */
} mst_ledger_run;

/** Open a ledger, make it where there is none, and enter the run.
 *  \return MST_OK; MST_ERR_INPUT (another budget than the ledger's, a name of two lines);
 *          MST_ERR_FORMAT (not a ledger, or damaged: with the line); MST_ERR_IO; MST_ERR_MEMORY. */
mst_status mst_ledger_open(mst_team *team, const mst_ledger_run *run, mst_ledger **out) MST_CHECKED;
void mst_ledger_close(mst_ledger *l); /* NULL is allowed */

/** The budget; how often this run has charged, with count 0 too; on every rank. Local. */
mst_budget mst_ledger_budget(const mst_ledger *l);
int64_t mst_ledger_charged(const mst_ledger *l);

/** The run's number in the ledger, from 0; on every rank. Local. */
int64_t mst_ledger_number(const mst_ledger *l);

/** Take from this run's charges of earlier starts the event that is this one but for the last bits
 *  of its noise, if there is one: noise that was found anew on another machine is that of before.
 */
mst_status mst_ledger_match(mst_ledger *l, mst_event *event) MST_CHECKED;

/** Would n more kinds of releases, each as often as its count, keep to the budget?
 *  \return MST_OK, MST_ERR_BUDGET, what mst_charges_allow and mst_ledger_open return. */
mst_status mst_ledger_allow(mst_ledger *l, const mst_event *event, int64_t n) MST_CHECKED;

/** Charge event->count (0 or more) releases of that event, with which all the n kinds of `planned`
 *  begin that are still to come: the line is on disk when it returns MST_OK. Nothing is charged on
 *  an error.
 *  \return as mst_ledger_allow. */
mst_status mst_ledger_charge(mst_ledger *l, const mst_event *event, const mst_event *planned,
                             int64_t n) MST_CHECKED;

/** What this run alone, or all runs of the ledger together (all), have spent by now. */
mst_status mst_ledger_spent(mst_ledger *l, bool all, mst_spent *out) MST_CHECKED;

#endif
