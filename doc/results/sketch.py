#!/usr/bin/env python3
"""How far estimates of A'B are from it, by kind of sketch and bytes sent for both: root mean square over seeds of
|estimate - A'B|_F / (|A|_F |B|_F).

    sketch.py MUSTER FOLDER [--seeds 5]        (needs python3-h5py; under a minute)

A and B have 4000 rows of 500 columns. Lengths of rows are log-normal, of deviation 0.5. S entries of a row are not
zero, half of them among the first 50 columns. Overlap: the share of rows that are zero in neither; the others are zero in
one of the two. Sizes are chosen so that all kinds send as much as the budget says or, of samples, a little less:
8 bytes a number, of a sampled row its number, entries and columns. sketch.md is what it printed.
"""
import argparse, json, os, subprocess
import h5py, numpy as np

ROWS, WIDTH, COMMON = 4000, 500, 50
KINDS = ("threshold", "priority", "count_sketch", "rademacher", "gaussian")

def matrix(rng, s, present):
    x = np.zeros((ROWS, WIDTH), np.float32)
    length = np.exp(0.5 * rng.standard_normal(ROWS))
    for i in np.flatnonzero(present):
        if s == WIDTH:
            at = np.arange(WIDTH)
        else:
            at = np.r_[rng.choice(COMMON, s // 2, False), COMMON + rng.choice(WIDTH - COMMON, s - s // 2, False)]
        x[i, at] = length[i] * (0.5 + rng.random(s))
    return x

def datasets(folder, s, overlap):
    rng = np.random.default_rng(1)
    who = rng.random(ROWS)
    both = who < overlap
    paths = []
    for name, own in (("a", who < (1 + overlap) / 2), ("b", who >= (1 + overlap) / 2)):
        paths.append(f"{folder}/{name}-{s}-{overlap}.h5")
        with h5py.File(paths[-1], "w") as f:
            f["x"] = matrix(rng, s, both | own)
    return paths

def error(o, paths, kind, size):
    """Root mean square of the error over seeds, and the mean of the bytes."""
    found = []
    for seed in range(o.seeds):
        stem = f"{o.folder}/{kind}"
        with open(f"{stem}.yaml", "w") as e:
            e.write(f"job: sketch\nseed: {seed}\ndata: {{train: {paths[0]}, other: {paths[1]}}}\n"
                    f"sketch: {{kind: {kind}, size: {size}, exact: true}}\noutput: {{run: {stem}.h5}}\n")
        done = subprocess.run([o.muster, "run", f"{stem}.yaml", "--quiet"], capture_output=True, text=True,
                              env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        found.append(json.loads(done.stdout.splitlines()[-1])["result"])
    return (float(np.sqrt(np.mean([f["relative_error"] ** 2 for f in found]))),
            float(np.mean([f["uplink_bytes"] for f in found])))

def size_of(kind, s, budget):
    row = min(2 * s, WIDTH) + 1 if kind in ("threshold", "priority") else WIDTH
    return max(2, budget // (16 * row))

def table(o, s, overlap, budgets):
    paths = datasets(o.folder, s, overlap)
    print(f"\n{s} entries a row, overlap {overlap:g}:\n\n| kB sent | " + " | ".join(f"`{k}`" for k in KINDS) +
          " |\n|---" * 1 + "|---" * len(KINDS) + "|")
    for budget in budgets:
        cells = []
        for kind in KINDS:
            e, sent = error(o, paths, kind, size_of(kind, s, budget))
            assert sent <= 1.05 * budget, (kind, sent, budget)
            cells.append(f"{e:.4f}")
        print(f"| {budget // 1000} | " + " | ".join(cells) + " |")

def growth(o, size):
    print(f"\n`priority`, size {size}, overlap 1:\n\n| entries a row | kB sent | error | sqrt(2 / (size - 1)) |\n|---|---|---|---|")
    for s in (5, 10, 20, 40):
        e, sent = error(o, datasets(o.folder, s, 1), "priority", size)
        print(f"| {s} | {sent / 1000:.0f} | {e:.4f} | {np.sqrt(2 / (size - 1)):.4f} |")

p = argparse.ArgumentParser()
p.add_argument("muster")
p.add_argument("folder")
p.add_argument("--seeds", type=int, default=5)
o = p.parse_args()
os.makedirs(o.folder, exist_ok=True)
for s, overlap in ((10, 1), (10, 0.1), (WIDTH, 1)):
    table(o, s, overlap, (40000, 160000, 640000))
growth(o, 500)
