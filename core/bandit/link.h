/* Links of generalised linear rewards: how an arm's mean follows from z = <theta, x>. With the
 * logistic and the probit link rewards are 0 or 1. All functions are Local. */
#ifndef MST_CORE_BANDIT_LINK_H
#define MST_CORE_BANDIT_LINK_H

typedef enum mst_link {
  MST_LINK_IDENTITY,
  MST_LINK_LOGISTIC,
  MST_LINK_PROBIT
} mst_link;

#define MST_LINK_NAMES "identity|logistic|probit"

/** The link of that name; the identity for any other, and for NULL. */
mst_link mst_link_of(const char *name);

/** mu(z): z; 1 / (1 + e^-z); the distribution function of N(0, 1). */
double mst_link_mean(mst_link link, double z);

/** mu'(z). */
double mst_link_slope(mst_link link, double z);

#endif
