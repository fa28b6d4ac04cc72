/* Gaussian differential privacy: the curve of one Gaussian release, exactly (Balle and Wang 2018;
 * Dong, Roth and Su 2019). mu is sensitivity over standard deviation; releases compose by adding
 * squares. All functions are Local and accurate to about 1e-13 relative. */
#ifndef MST_CORE_PRIVACY_GAUSSIAN_H
#define MST_CORE_PRIVACY_GAUSSIAN_H

/** delta(epsilon) = Phi(-eps/mu + mu/2) - e^eps Phi(-eps/mu - mu/2), for any real epsilon and
 *  mu >= 0. Without cancellation: relative accuracy also where both terms are nearly equal. */
double mst_gaussian_delta(double mu, double epsilon);

/** The least epsilon >= 0 at which mu-GDP gives delta, 0 < delta < 1, rounded upward: never below
 *  the true root. */
double mst_gaussian_epsilon(double mu, double delta);

/** The largest mu that gives (epsilon, delta), rounded downward; epsilon >= 0, 0 < delta < 1. */
double mst_gaussian_mu(double epsilon, double delta);

/** The least standard deviation for sensitivity 1 that gives (epsilon, delta), rounded upward. */
double mst_gaussian_sigma(double epsilon, double delta);

#endif
