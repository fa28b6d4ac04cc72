#!/usr/bin/env python3
"""How fast private training nears a stationary point as there are more rows: the squared length of the gradient
at the end against the number of rows n, at one epsilon, for sums of gradients (dp_sgd on all rows) and methods with
differences (diff2, diff2_bvr, spiderboost), on a generalised linear model that is not convex and on a small network.

    private_slopes.py MUSTER FOLDER [--seeds 2] [--models glm,mlp] [--methods ...] [--rows 5000,...]
    private_slopes.py MUSTER FOLDER --flat     what a projection does for generalised linear models

Data are made here: x has 24 directions whose variances fall from 1 by the square root of 2 and which each carry as
much of the label as any other, so that gradient descent alone brings |gradient|^2 down as 1 / steps, and 100 of variance
1 that carry nothing. Numbers of steps, periods and, of the network, step sizes are the best of a small grid by the
length itself, which is not private: the study is of the methods, not of a search under privacy. Settings that end with a
loss above the first one are left out. Runs that are there are not made again. private_slopes.md is what it printed.
"""
import argparse, concurrent.futures, json, os, subprocess
import h5py, numpy as np

EPSILON, DELTA = 8, 1e-5
SIGNAL, NOISE = 24, 100

def dataset(folder, n):
    path = f"{folder}/rows-{n}.h5"
    variance = np.r_[2.0 ** (-np.arange(SIGNAL) / 2), np.ones(NOISE)]
    first = np.random.default_rng(0)
    true = np.r_[0.4 / np.sqrt(variance[:SIGNAL]) * first.choice([-1, 1], SIGNAL), np.zeros(NOISE)]
    rng = np.random.default_rng(n)
    x = (rng.choice([-1.0, 1.0], (n, SIGNAL + NOISE)) * np.sqrt(variance)).astype(np.float32)
    y = (rng.random(n) < 1 / (1 + np.exp(-x @ true))).astype(np.int32)
    if not os.path.exists(path):
        with h5py.File(path, "w") as f:
            f["x"], f["y"] = x, y
    return path, x.astype(np.float64), y

def glm(m, x, y):
    """Mean loss and its gradient, for m = model/ of the run file."""
    s = x @ m["dense1/weight"][:, 0].astype(float) + float(m["dense1/bias"][0])
    p = 1 / (1 + np.exp(-np.clip(s, -500, 500)))
    r = (p - y) * p * (1 - p) / len(y)
    return np.mean((p - y) ** 2) / 2, np.r_[x.T @ r, r.sum()]

def mlp(m, x, y):
    w1, b1, w2, b2 = (m[k][:].astype(float) for k in ("dense1/weight", "dense1/bias", "dense2/weight", "dense2/bias"))
    h = np.tanh(x @ w1 + b1)
    s = h @ w2 + b2
    s -= s.max(axis=1, keepdims=True)
    p = np.exp(s)
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(len(y)), y] + 1e-300))
    r = p / len(y)
    r[np.arange(len(y)), y] -= 1 / len(y)
    d = (r @ w2.T) * (1 - h * h)
    return loss, np.r_[(x.T @ d).ravel(), d.sum(0), (h.T @ r).ravel(), r.sum(0)]

MODELS = {  # text, clip of a gradient, smoothness, step sizes, loss at the start, function
    "glm": ("{kind: glm, family: brier}", 1.51, 1.0, [8], 0.125, glm),
    "mlp": ("{kind: mlp, hidden: [8], activation: tanh}", 8.0, 12.0, [0.25, 0.5], 0.75, mlp)}

def settings(method, n):
    """Steps and period."""
    if method == "dp_sgd":
        return [(r, 0) for r in (16, 32, 64, 128, 256)]
    if method == "diff2_bvr":  # two steps a round: as many rounds from one sum of gradients to the next as diff2 has steps
        return [(r, t) for r in (32, 64, 128, 256, 512) for t in (8, 16, 32) if 2 <= r // (2 * t) <= 8]
    return [(r, t) for r in (32, 64, 128, 256, 512, 1024) for t in (16, 32, 64, 128) if 2 <= r // t <= 8]

def run(args, name, method, n, lr, steps, period, seed):
    text, clip, smoothness, _, start, evaluate = MODELS[name]
    stem = f"{args.folder}/{name}-{method}-{n}-{lr}-{steps}-{period}-{seed}"
    extra = {"dp_sgd": "method: {name: dp_sgd}",
             "diff2": f"method: {{name: diff2, period: {period}, smoothness: {smoothness}}}",
             "diff2_bvr": f"method: {{name: diff2_bvr, period: {period}, smoothness: {smoothness}, workers: 4, "
                          f"local_steps: 2, rows: {n // 4}}}",
             "spiderboost": f"method: {{name: spiderboost, period: {period}, smoothness: {smoothness}, rows: {n // 4}}}"}[method]
    sampler = {"dp_sgd": "sampler: full, "}.get(method, "")
    batch = f", batch: {n // 2}" if method == "spiderboost" else ""
    path, x, y = dataset(args.folder, n)
    if not os.path.exists(f"{stem}.h5"):
        with open(f"{stem}.yaml", "w") as f:
            f.write(f"job: private\nseed: {seed}\ndata: {{train: {path}}}\nmodel: {text}\n"
                    f"optimizer: {{kind: sgd, lr: {lr}{batch}}}\ntrain: {{steps: {steps}, block: 2048}}\n{extra}\n"
                    f"privacy: {{epsilon: {EPSILON}, delta: {DELTA}, clip: {clip}, {sampler}test_key: true}}\n"
                    f"output: {{run: {stem}.h5, checkpoint: {{every_steps: 0}}}}\n")
        done = subprocess.run([args.muster, "run", f"{stem}.yaml", "--quiet"], capture_output=True, text=True,
                              env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
        if done.returncode != 0:
            raise SystemExit(done.stderr)
    with h5py.File(f"{stem}.h5") as f:
        loss, gradient = evaluate(f["model"], x, y)
    return gradient @ gradient if loss < start else np.inf

def best(args, pool, name, method, n):
    """The least mean over the seeds, and where it is."""
    grid = [(lr, *s) for lr in MODELS[name][3] for s in settings(method, n)]
    work = [(g, [pool.submit(run, args, name, method, n, *g, seed) for seed in range(1, args.seeds + 1)]) for g in grid]
    return min((float(np.mean([w.result() for w in ws])), g) for g, ws in work)

def flat(args):
    """Rows of rank 8 in more and more dimensions, with and without a projection to 64 numbers: the mean loss of
    logistic regression."""
    n, rank, widths = 4000, 8, (64, 256, 1024, 4096)
    print(f"epsilon 2, delta {DELTA}, diff2, {args.seeds} seeds, {n} rows of rank {rank}: loss at the end (0.693 at the start)\n")
    print("| features |" + "".join(f" d = {d} |" for d in widths) + "\n|---|" + "---|" * len(widths))
    found = {"identity": [], "johnson_lindenstrauss": []}
    for d in widths:
        rng = np.random.default_rng(1)
        z = rng.choice([-1.0, 1.0], (n, rank)) / np.sqrt(rank)
        y = (rng.random(n) < 1 / (1 + np.exp(-6 * z @ rng.choice([-1.0, 1.0], rank)))).astype(np.int32)
        x = z @ np.linalg.qr(rng.normal(size=(d, rank)))[0].T
        path = f"{args.folder}/wide-{d}.h5"
        with h5py.File(path, "w") as f:
            f["x"], f["y"] = x.astype(np.float32), y
        for kind, losses in found.items():
            losses.append(np.mean([wide_loss(args, path, x, y, kind, seed) for seed in range(1, args.seeds + 1)]))
    for kind, losses in found.items():
        print(f"| {kind} |" + "".join(f" {v:.3f} |" for v in losses), flush=True)

def wide_loss(args, path, x, y, kind, seed):
    stem = f"{path[:-3]}-{kind}-{seed}"
    count = ", count: 64" if kind != "identity" else ""
    with open(f"{stem}.yaml", "w") as f:
        f.write(f"job: private\nseed: {seed}\ndata: {{train: {path}}}\nfeatures: {{kind: {kind}{count}}}\n"
                f"model: {{kind: glm}}\noptimizer: {{kind: sgd, lr: 8}}\ntrain: {{steps: 64, block: 2048}}\n"
                f"method: {{name: diff2, period: 8, smoothness: 0.25}}\n"
                f"privacy: {{epsilon: 2, delta: {DELTA}, clip: 1, accountant: gdp, test_key: true}}\n"
                f"output: {{run: {stem}.h5, checkpoint: {{every_steps: 0}}}}\n")
    subprocess.run([args.muster, "run", f"{stem}.yaml", "--quiet"], capture_output=True, check=True,
                   env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    with h5py.File(f"{stem}.h5") as f:
        w, b = f["model/dense1/weight"][:, 0].astype(float), float(f["model/dense1/bias"][0])
        if kind != "identity":
            w = f["model/features/weights"][:].astype(float) @ w  # the vector on the rows themselves
    s = x @ w + b
    return np.mean(np.logaddexp(0, s) - y * s)

def main():
    p = argparse.ArgumentParser()
    p.add_argument("muster")
    p.add_argument("folder")
    p.add_argument("--seeds", type=int, default=2)
    p.add_argument("--models", default="glm,mlp")
    p.add_argument("--methods", default="dp_sgd,diff2,spiderboost")
    p.add_argument("--rows", default="5000,10000,20000,40000")
    p.add_argument("--flat", action="store_true")
    args = p.parse_args()
    args.folder = os.path.abspath(args.folder)
    os.makedirs(args.folder, exist_ok=True)
    if args.flat:
        return flat(args)
    rows = [int(n) for n in args.rows.split(",")]
    for n in rows:
        dataset(args.folder, n)
    print(f"epsilon {EPSILON}, delta {DELTA}, {args.seeds} seeds; squared length of the gradient at the end\n")
    print("| model | method |" + "".join(f" n = {n} |" for n in rows) + " slope | steps, period |")
    print("|---|---|" + "---|" * (len(rows) + 2))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name in args.models.split(","):
            for method in args.methods.split(","):
                found = [best(args, pool, name, method, n) for n in rows]
                slope = np.polyfit(np.log(rows), np.log([f[0] for f in found]), 1)[0]
                print(f"| {name} | {method} |" + "".join(f" {f[0]:.3g} |" for f in found) + f" {slope:.2f} | " +
                      "; ".join(f"{f[1][1]}" + (f", {f[1][2]}" if f[1][2] else "") for f in found) + " |", flush=True)

if __name__ == "__main__":
    main()
