/* The wavelets of the scattering transform: Morlet filters and Gaussian averages, given in
 * Fourier space. Private to core/features. */
#ifndef MST_CORE_FEATURES_WAVELETS_H
#define MST_CORE_FEATURES_WAVELETS_H

#include <stdint.h>

/** hat(height, width) = the discrete Fourier transform, which is real, of the Morlet wavelet at
 *  scale j and angle index t of L on a periodic grid. Local. */
void mst_wavelet_morlet(int64_t height, int64_t width, int64_t j, int64_t t, int64_t angles,
                        double *hat);

/** average(outputs, n) = the matrix that takes n = size / 2^level periodic samples, which are
 *  2^level pixels apart, to `outputs` values of their average with the Gaussian of scale J, at
 *  pixels 2^J, 2 * 2^J, ...: one border value is left out on either side. hat(size) is scratch.
 *  The Gaussian of an image is the product of the matrices of its two sides. Local. */
void mst_wavelet_average(int64_t size, int64_t level, int64_t scales, int64_t outputs, double *hat,
                         float *average);

/** The place, in a spectrum of `size` frequencies, of frequency k of a spectrum that keeps its
 *  `kept` lowest ones. Local. */
int64_t mst_wavelet_kept(int64_t k, int64_t kept, int64_t size);

#endif
