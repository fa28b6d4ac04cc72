/* The ledger's arithmetic: releases that were charged, like ones added up, and whether more of them
 * keep to a budget. Where a ledger is kept is io/ledger.h's matter.
 * doc/methods/private_training.md. All functions are Local. */
#ifndef MST_CORE_PRIVACY_LEDGER_H
#define MST_CORE_PRIVACY_LEDGER_H

#include "core/privacy/accountant.h"

/* The part of a budget's delta at which Gaussian noise is counted. The rest is for how far discrete
 * noise on a fine grid is from Gaussian noise that was rounded to it (mst_discrete_distance). */
#define MST_DELTA_COUNTED (1 - 0x1p-20)

/* What may be spent, and in which terms it is counted. */
typedef struct mst_budget {
  double epsilon, delta;
  mst_adjacency adjacency;
} mst_budget;

/* Releases, one entry a kind. Begin with {0}; free with mst_charges_free. */
typedef struct mst_charges {
  mst_event *event; /* (n) count: how often */
  int64_t n, room;
} mst_charges;

void mst_charges_free(mst_charges *c);

/** Do two events differ in nothing but their counts? */
bool mst_event_alike(const mst_event *a, const mst_event *b);

/** Add `count` >= 0 releases of that event.
 *  \return MST_OK or MST_ERR_MEMORY. */
mst_status mst_charges_add(mst_charges *c, const mst_event *event, int64_t count) MST_CHECKED;

/** How much delta it takes, at epsilon, that so many entries of noise were drawn from the discrete
 *  Gaussian law of parameter sigma >= 2^10 and not from the Gaussian law rounded to whole numbers,
 *  which post-processing makes as private as the Gaussian one: (1 + e^epsilon) entries / (8
 * sigma^2). Derivation: doc/methods/private_training.md. */
double mst_discrete_distance(double sigma, double entries, double epsilon);

/** What all charges and n more kinds of releases, each as often as its count, come to at the
 *  budget's delta. epsilon 0 where nothing was released. Errors of mst_account_epsilon. */
mst_status mst_charges_spent(const mst_charges *c, const mst_event *more, int64_t n,
                             const mst_account_spec *spec, const mst_budget *budget,
                             mst_spent *out) MST_CHECKED;

/** Refuse when they come to more than the budget's epsilon.
 *  \return MST_OK; MST_ERR_BUDGET with both figures; MST_ERR_UNSUPPORTED for an accountant that only
 *          estimates; errors of mst_account_epsilon. */
mst_status mst_charges_allow(const mst_charges *c, const mst_event *more, int64_t n,
                             const mst_account_spec *spec, const mst_budget *budget) MST_CHECKED;

#endif
