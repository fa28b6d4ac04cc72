/* Releases: what a run publishes, as the accountant sees it.
 *
 * A run is a list of events. An event is one noisy sum (or a count of like ones): its mechanism,
 * its noise in units of what one record can change, and how the records of the sum were sampled.
 * Samplers, mechanisms and private training make such lists, a ledger keeps them, an accountant
 * (core/privacy/accountant.h) answers with epsilon and delta. Unlike events compose freely.
 *
 * Units: a record's contribution is bounded by 1 (the clip). Adding or removing a record changes
 * the sum by `sensitivity`, replacing one by twice that. All functions are Local. */
#ifndef MST_CORE_PRIVACY_EVENT_H
#define MST_CORE_PRIVACY_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

typedef enum mst_mechanism {
  MST_MECHANISM_GAUSSIAN, /* noise: standard deviation; bound in the l2 norm              */
  MST_MECHANISM_LAPLACE,  /* noise: scale b (variance 2 b^2); bound in the l1 norm         */
  MST_MECHANISM_DISCRETE_GAUSSIAN, /* noise: parameter sigma on the integers; whole sensitivity */
  MST_MECHANISM_DISCRETE_LAPLACE,  /* noise: P(x) ~ exp(-|x| / noise) on the integers; likewise  */
  MST_MECHANISM_PURE               /* noise: the epsilon of any pure mechanism (randomised response,
                                      exponential), under the list's adjacency                      */
} mst_mechanism;

typedef enum mst_sampling {
  MST_SAMPLING_NONE,    /* every record takes part                                       */
  MST_SAMPLING_POISSON, /* each record by itself with probability q                      */
  MST_SAMPLING_WITHOUT_REPLACEMENT /* m of n records; replace_one alone, since n is public */
} mst_sampling;

typedef enum mst_adjacency {
  MST_ADJACENCY_ADD_REMOVE, /* neighbours: one record more or less  */
  MST_ADJACENCY_REPLACE_ONE /* neighbours: one record another; n is public */
} mst_adjacency;

typedef struct mst_event {
  mst_mechanism mechanism;
  double noise; /* in units of one record's bound; see mst_mechanism                          */
  double
      sensitivity; /* of the whole event; 0 = 1. Of a tree or matrix: mst_sensitivity_tree, ...  */
  mst_sampling sampling;
  double q;      /* Poisson: probability                                                         */
  int64_t n, m;  /* without replacement: m of n                                                  */
  int64_t count; /* such releases, each with noise of its own; 0 or more                         */
  int64_t
      truncate; /* discrete mechanisms: noise only within [-truncate, truncate]; 0 = unbounded  */
  int64_t entries; /* discrete mechanisms: coordinates of the sum; 0 = 1 */
} mst_event;

typedef struct mst_events {
  const mst_event *event; /* (n) */
  int64_t n;
  mst_adjacency adjacency;
  int64_t group; /* records that neighbours differ in, all of one user; 0 = 1 */
} mst_events;

/** Names: "gaussian", "poisson", "add_remove", ...; NULL outside the enumeration. */
const char *mst_mechanism_name(int i);
const char *mst_sampling_name(int i);
const char *mst_adjacency_name(int i);

/** Whether every number of the list can be: positive noise, 0 < q <= 1, 1 <= m <= n, counts, whole
 *  sensitivities of discrete mechanisms; and that fixed-size sampling stands under replace_one.
 *  \return MST_OK, MST_ERR_INPUT or MST_ERR_UNSUPPORTED naming the event (from 1) and the value. */
mst_status mst_events_check(const mst_events *events) MST_CHECKED;

/** The event's sensitivity under an adjacency for a group of k records that all take part: k
 *  sensitivity, and twice that under replace_one. */
double mst_event_shift(const mst_event *e, mst_adjacency adjacency, int64_t k);

/** The probability that a record takes part: 1, q or m/n. */
double mst_event_rate(const mst_event *e);

/** Whether some release is of a sample. */
bool mst_events_sampled(const mst_events *events);

/** Releases of the list in all. */
double mst_events_count(const mst_events *events);

#endif
