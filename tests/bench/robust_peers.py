"""Robust aggregation by numpy and scipy, written straightforwardly, and by ByzFL where it can be
imported: 20 float32 vectors, 4 of which may be anything, with the settings of bench_robust_calls.c.

    robust_peers.py DIMENSION [REPEATS]

Prints lines "name milliseconds who", the faster of the two for each rule and mixer; what each took
goes to standard error. Distances are taken from differences; lines of names that end in "_product"
take them from one float32 matrix product of mean-centred vectors, which is faster, but loses all of
them to a single vector that is far away. Mixers stand in front of the mean.
"""
import itertools
import sys
import time
import unittest.mock

import numpy as np

N, F = 20, 4
d = int(sys.argv[1])
repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 3
rng = np.random.default_rng(1)
x = rng.uniform(-1, 1, (N, d)).astype(np.float32)
x += rng.uniform(-1, 1, (N, d)).astype(np.float32)
x[:F] += 1
root = rng.uniform(-1, 1, d).astype(np.float32)
previous = rng.uniform(-1, 1, d).astype(np.float32)
loss = 0.01 * np.arange(N)


def by_differences(v):
    dist = np.zeros((N, N))
    for i, j in itertools.combinations(range(N), 2):
        c = v[i] - v[j]
        dist[i, j] = dist[j, i] = c @ c
    return dist


def by_product(v):
    c = v - v.mean(axis=0)
    g = c @ c.T
    q = np.diag(g)
    return np.maximum(q[:, None] + q - 2 * g, 0)


distances = by_differences


def scores(v, k):
    return np.sort(distances(v), axis=1)[:, 1:k + 1].sum(axis=1)


def krum(v):
    return v[np.argmin(scores(v, N - F - 1))].copy()


def multi_krum(v):
    return v[np.argsort(scores(v, N - F - 1))[:N - F]].mean(axis=0)


def nearest_to_median(v, keep):
    m = np.median(v, axis=0)
    order = np.argpartition(np.abs(v - m), keep - 1, axis=0)[:keep]
    return np.take_along_axis(v, order, axis=0).mean(axis=0)


def trimmed(v, f):
    return np.sort(v, axis=0)[f:len(v) - f].mean(axis=0)


def bulyan(v):
    dist, left, chosen = distances(v), list(range(N)), []
    while len(chosen) < N - 2 * F:
        sub = np.sort(dist[np.ix_(left, left)], axis=1)
        chosen.append(left.pop(int(np.argmin(sub[:, 1:max(len(left) - F, 2)].sum(axis=1)))))
    return nearest_to_median(v[chosen], N - 4 * F)


def mda(v):
    dist = distances(v)
    best = min(itertools.combinations(range(N), N - F), key=lambda s: dist[np.ix_(s, s)].max())
    return v[list(best)].mean(axis=0)


def smea(v):
    c = v - v.mean(axis=0)
    gram = (c @ c.T).astype(np.float64)
    h = np.eye(N - F) - 1 / (N - F)
    best = min(itertools.combinations(range(N), N - F),
               key=lambda s: np.linalg.eigvalsh(h @ gram[np.ix_(s, s)] @ h)[-1])
    return v[list(best)].mean(axis=0)


def caf(v):
    c = v - v.mean(axis=0)
    gram, w = (c @ c.T).astype(np.float64), np.ones(N)
    least, best = np.inf, w
    while w.sum() > N - 2 * F:
        p = w / w.sum()
        b = np.eye(N) - p
        g = b @ gram @ b.T
        values, vectors = np.linalg.eigh(np.sqrt(p)[:, None] * g * np.sqrt(p))
        if values[-1] < least:
            least, best = values[-1], p
        tau = (g @ (np.sqrt(p) * vectors[:, -1])) ** 2
        w = w * (1 - tau / tau[w > 0].max())
        w[w < 1e-12] = 0
    return best.astype(np.float32) @ v


def geometric_median(v, steps=3, nu=0.1):
    z = np.zeros(d, dtype=np.float32)
    for _ in range(steps):
        b = 1 / np.maximum(nu, np.linalg.norm(v - z, axis=1))
        z = (b / b.sum()).astype(np.float32) @ v
    return z


def centered_clipping(v, steps=1, tau=100.0):
    z = previous
    for _ in range(steps):
        c = v - z
        scale = np.minimum(1, tau / np.linalg.norm(c, axis=1)) / len(v)
        z = z + scale.astype(np.float32) @ c
    return z


def nna(v):
    away = np.linalg.norm(v - v[0], axis=1)
    return v[np.argsort(away)[:N - F]].mean(axis=0)


def dnc(v):
    dropped = np.zeros(N, dtype=bool)
    for _ in range(5):
        sample = v[:, np.flatnonzero(rng.random(d, dtype=np.float32) < 0.2)]
        c = sample - sample.mean(axis=0)
        u = np.linalg.eigh(c @ c.T)[1][:, -1]
        dropped[np.argsort(np.abs(u))[N - F:]] = True
    return v[~dropped].mean(axis=0)


def fltrust(v):
    norm, size = np.linalg.norm(v, axis=1), np.linalg.norm(root)
    trust = np.maximum(v @ root / (norm * size), 0)
    return (trust / trust.sum() * size / norm).astype(np.float32) @ v


def zeno(v):
    score = loss + 0.1 * np.linalg.norm(v, axis=1) ** 2
    return v[np.argsort(score)[:N - F]].mean(axis=0)


def signguard(v):
    """The norms' bounds and the shares of signs, without the clustering of those."""
    norm = np.linalg.norm(v, axis=1)
    middle = np.median(norm)
    good = (norm >= 0.1 * middle) & (norm <= 3 * middle)
    share = np.stack([(v > 0).sum(axis=1), (v == 0).sum(axis=1), (v < 0).sum(axis=1)], axis=1) / d
    good &= np.abs(share - np.median(share, axis=0)).sum(axis=1) < 0.5
    scale = np.minimum(1, middle / norm[good]) / good.sum()
    return scale.astype(np.float32) @ v[good]


def nnm(v):
    near = np.argsort(distances(v), axis=1)[:, :N - F]
    w = np.zeros((N, N), dtype=np.float32)
    np.put_along_axis(w, near, 1 / (N - F), axis=1)
    return w @ v


def bucketing(v):
    return v[rng.permutation(N)].reshape(N // 2, 2, -1).mean(axis=1)


def clipping(v, most=2.0):
    return v * np.minimum(1, most / np.linalg.norm(v, axis=1))[:, None].astype(np.float32)


def arc(v):
    norm = np.linalg.norm(v, axis=1)
    return clipping(v, np.sort(norm)[N - int(2 * F / N * (N - F)) - 1])


def mean(v):
    return v.mean(axis=0)


rules = {"mean": mean, "median": lambda v: np.median(v, axis=0),
         "trimmed_mean": lambda v: trimmed(v, F), "meamed": lambda v: nearest_to_median(v, N - F),
         "krum": krum, "multi_krum": multi_krum, "bulyan": bulyan,
         "geometric_median": geometric_median, "centered_clipping": centered_clipping, "mda": mda,
         "smea": smea, "caf": caf, "nna": nna, "dnc": dnc, "fltrust": fltrust, "zeno": zeno,
         "signguard": signguard}
for mixer in (nnm, bucketing, clipping, arc):
    rules[mixer.__name__] = lambda v, mixer=mixer: mean(mixer(v))


def byzfl_rules():
    """Those of ByzFL's that are the same. What it imports for its benchmarks is not needed."""
    for name in ("torchvision", "torchvision.datasets", "torchvision.transforms", "matplotlib",
                 "matplotlib.pyplot", "seaborn"):
        try:
            __import__(name)
        except Exception:
            sys.modules[name] = unittest.mock.MagicMock()
    import byzfl as a
    made = {"mean": a.Average(), "median": a.Median(), "trimmed_mean": a.TrMean(F),
            "meamed": a.Meamed(F), "krum": a.Krum(F), "multi_krum": a.MultiKrum(F),
            "geometric_median": a.GeometricMedian(), "centered_clipping": a.CenteredClipping(),
            "mda": a.MDA(F), "caf": a.CAF(F), "nna": a.MoNNA(F, 0)}
    average = made["mean"]
    for name, mixer in (("nnm", a.NNM(F)), ("bucketing", a.Bucketing(2)),
                        ("clipping", a.Clipping()), ("arc", a.ARC(F))):
        # Clipping and ARC write into what they are given.
        copied = name in ("clipping", "arc")
        made[name] = lambda v, mixer=mixer, copied=copied: average(mixer(v.copy() if copied else v))
    return made


def milliseconds(rule):
    rule(x)
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        rule(x)
        seconds.append(time.perf_counter() - begin)
    return 1e3 * sorted(seconds)[len(seconds) // 2]


best = {}
for who, find in (("numpy", lambda: rules), ("byzfl", byzfl_rules)):
    try:
        found = find()
    except Exception as reason:
        print(f"{who} is left out: {type(reason).__name__}: {reason}", file=sys.stderr)
        continue
    for name, rule in found.items():
        try:
            ms = milliseconds(rule)
        except Exception as reason:
            print(f"{who} {name} is left out: {type(reason).__name__}: {reason}", file=sys.stderr)
            continue
        print(f"{who} {name} {ms:.1f} ms", file=sys.stderr)
        if name not in best or ms < best[name][0]:
            best[name] = (ms, who)
distances = by_product
for name in ("krum", "multi_krum", "bulyan", "mda", "nnm"):
    best[name + "_product"] = (milliseconds(rules[name]), "numpy")
for name, (ms, who) in best.items():
    print(name, f"{ms:.3f}", who)
