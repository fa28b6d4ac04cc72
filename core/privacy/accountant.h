/* Accountants: epsilon and delta of a list of releases.
 *
 *     rdp       Renyi differential privacy over a table of orders: an upper bound
 *     pld       the law of the privacy loss on a grid, connect the dots: certified from both sides
 *     prv       the same with rounding to the nearest point and the error bound of Gopi et al.
 *     gdp       Gaussian differential privacy: exact, for Gaussian noise without sampling
 *     gdp_clt   its central-limit form for samples: an estimate that understates
 *     zcdp      zero-concentrated: an upper bound, without sampling
 *     advanced  advanced composition of (epsilon, delta) steps: for comparison
 *
 * What is charged is always `epsilon` or `delta` of the answer, rounded upward. Equations and
 * sources: doc/methods/accounting.md. All functions are Local. */
#ifndef MST_CORE_PRIVACY_ACCOUNTANT_H
#define MST_CORE_PRIVACY_ACCOUNTANT_H

#include "core/base/param.h"
#include "core/base/status.h"
#include "core/privacy/event.h"

/* What an accountant can be told; zeros are its defaults. Members read what their params name. */
typedef struct mst_account_spec {
  const char *name; /* registry name; NULL = pld                                                 */
  double accuracy;  /* pld: certified width of epsilon that is sought (0 = 1e-4); prv: half the
                       bracket (0 = 0.01)                                                        */
} mst_account_spec;

/* An answer. Of epsilon(delta) both are filled in, delta as asked; of delta(epsilon) likewise. */
typedef struct mst_spent {
  double epsilon, delta; /* what to charge: an upper bound (gdp_clt: not even that)               */
  bool certified;        /* lower and upper are proven bounds of the figure that was asked for    */
  double lower, upper;
  double central; /* prv: the estimate between them; else the charged figure               */
  bool estimate;  /* gdp_clt: the figure may understate; not to be charged                 */
  double order;   /* rdp, zcdp: the order that gave it; 0 = none                           */
  double step;    /* pld, prv: of the grid                                                 */
} mst_spent;

typedef struct mst_accountant_ops {
  const char *name, *summary;
  const mst_param *params;
  /* Both get a list that has been checked, of groups of 1 or without sampling. */
  mst_status (*epsilon)(const mst_events *events, double delta, const mst_account_spec *spec,
                        mst_spent *out);
  mst_status (*delta)(const mst_events *events, double epsilon, const mst_account_spec *spec,
                      mst_spent *out);
} mst_accountant_ops;

/** Members by number and name; NULL when there is none. */
const mst_accountant_ops *mst_accountant_at(int i);
const mst_accountant_ops *mst_accountant_find(const char *name);

/** epsilon at 0 < delta < 1 of all the list's releases together. A group of k sampled records is
 *  accounted for by the group lemma (Vadhan 2017): epsilon_k = k epsilon at
 *  delta_k = delta (e^(k epsilon) - 1) / (e^epsilon - 1).
 *  \return MST_OK; MST_ERR_INPUT for a number that cannot be or an unknown accountant;
 *          MST_ERR_UNSUPPORTED for a list that the accountant does not know, with what to take
 *          instead; MST_ERR_MEMORY. */
mst_status mst_account_epsilon(const mst_account_spec *spec, const mst_events *events, double delta,
                               mst_spent *out) MST_CHECKED;

/** delta at epsilon >= 0; otherwise as mst_account_epsilon. */
mst_status mst_account_delta(const mst_account_spec *spec, const mst_events *events, double epsilon,
                             mst_spent *out) MST_CHECKED;

#endif
