"""CPU microseconds of one interaction of LinUCB (deciding, and learning by rank one) in numpy.

   bandit_numpy.py D ARMS
"""
import statistics
import sys
import time

import numpy as np

d, arms = int(sys.argv[1]), int(sys.argv[2])
offers, times, beta = 256, 2000, 0.5
rng = np.random.default_rng(1)
x = rng.random((offers, arms, d)) - 0.5
inverse, b, theta = np.eye(d), np.zeros(d), np.zeros(d)
seconds = []
for repeat in range(9):
    begin = time.process_time()
    for t in range(times):
        offer = x[t % offers]
        scored = offer @ inverse
        bound = offer @ theta + beta * np.sqrt(np.einsum("ij,ij->i", scored, offer))
        arm = int(np.argmax(bound))
        chosen, g = offer[arm], scored[arm]
        inverse -= np.outer(g, g) / (1 + g @ chosen)
        b += chosen[0] * chosen
        theta = inverse @ b
    seconds.append((time.process_time() - begin) / times)
print(1e6 * statistics.median(seconds))
