"""Scattering (J = 2, L = 8) of 28 x 28 images in numpy: seconds on some processes, and how far the
   features of muster, which bench_analytic wrote beside its images, lie from these.

   scattering_numpy.py FILE IMAGES PROCESSES

   With scipy, transforms are its single precision ones; numpy's own are double.
"""
import multiprocessing
import sys
import time

import numpy as np

try:
    from scipy.fft import fft2, ifft2
    library = "numpy and scipy"
except ImportError:
    from numpy.fft import fft2, ifft2
    library = "numpy"

SIDE, PADDED, J, L, BATCH = 28, 36, 2, 8, 50


def gabor(n, sigma, theta, xi, slant):
    """The wave of a Gaussian envelope on a periodic grid; its transform."""
    y, x = np.mgrid[-2 * n:3 * n, -2 * n:3 * n]
    along, across = y * np.cos(theta) + x * np.sin(theta), x * np.cos(theta) - y * np.sin(theta)
    wave = np.exp(-(along ** 2 + slant ** 2 * across ** 2) / (2 * sigma ** 2) + 1j * xi * along)
    wave = wave.reshape(5, n, 5, n).sum((0, 2)) * slant / (2 * np.pi * sigma ** 2)
    return np.fft.fft2(wave)


def morlet(n, j, t):
    theta, sigma = (L // 2 - 1 - t) * np.pi / L, 0.8 * 2 ** j
    wave, low = gabor(n, sigma, theta, 0.75 * np.pi / 2 ** j, 4 / L), gabor(n, sigma, theta, 0, 4 / L)
    return (wave - wave[0, 0] / low[0, 0] * low).real.astype(np.float32)


psi = [[morlet(PADDED, j, t) for t in range(L)] for j in range(J)]
phi = gabor(PADDED, 0.8 * 2 ** (J - 1), 0, 0, 1).real.astype(np.float32)


def fold(hat, step):
    """The spectrum of every step-th pixel."""
    n = hat.shape[-1] // step
    return hat.reshape(-1, step, n, step, n).mean((1, 3))


def lowest(filter, level):
    """A filter at full resolution, for spectra of pixels 2^level apart."""
    keep = PADDED >> level
    at = np.r_[0:keep // 2, PADDED - keep // 2:PADDED]
    return filter[np.ix_(at, at)]


def average(hat, level):
    low = ifft2(fold(hat * lowest(phi, level), 2 ** (J - level))).real
    return low[:, 1:-1, 1:-1]


def scatter(x):
    border = (PADDED - SIDE) // 2
    hat = fft2(np.pad(x, ((0, 0), (border, border), (border, border)), mode="reflect"))
    order0, order1, order2 = [average(hat, 0)], [], []
    for j1 in range(J):
        for t1 in range(L):
            first = fft2(abs(ifft2(fold(hat * psi[j1][t1], 2 ** j1))))
            order1.append(average(first, j1))
            for j2 in range(j1 + 1, J):
                for t2 in range(L):
                    product = fold(first * lowest(psi[j2][t2], j1), 2 ** (j2 - j1))
                    order2.append(average(fft2(abs(ifft2(product))), j2))
    return np.stack(order0 + order1 + order2, 1).reshape(len(x), -1)


def main():
    path, n, processes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    data = np.fromfile(path, np.float32)
    images = data[:n * SIDE * SIDE].reshape(n, SIDE, SIDE)
    batches = [images[i:i + BATCH] for i in range(0, n, BATCH)]
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        pool.map(scatter, batches[:processes], 1)
        begin = time.perf_counter()
        features = np.concatenate(pool.map(scatter, batches, 1))
        seconds = time.perf_counter() - begin
    ours = data[n * SIDE * SIDE:].reshape(n, -1)
    print(f"difference {np.linalg.norm(ours - features) / np.linalg.norm(features):.2e}")
    print(f"peer_seconds {seconds:.6f} {library}")


main()
