#!/usr/bin/env python3
"""Test accuracy of every federated method after the same rounds and equal tuning, and by local steps.

Usage: federated_methods.py MUSTER TRAIN.h5 TEST.h5 FOLDER mlp|lenet|steps [AT_ONCE] [SEED,SEED,...]
       (needs python3-h5py)

mlp, lenet: the setting of examples/federated_fashion.yaml with Dirichlet(0.1) mixtures and cohorts of ten.
Each method gets the same three step sizes; the one with the best mean accuracy over the last ten of TUNING
rounds on 6,000 held-out training rows (every tenth) is taken; other parameters keep their defaults. The table
gives the test accuracy, mean over the last twenty of 200 rounds, of runs on the remaining rows.
steps: FedAvg and FedSpeed with 5 to 100 local steps a round, 100 rounds, step size 0.1.

Runs are kept in FOLDER, and those that are there already are not made again: the study can be broken off and
taken up. AT_ONCE runs go side by side, one rank each.
"""
import concurrent.futures, os, sys
import h5py, numpy as np
from runs import run as run_kept, spread, tail

muster, folder, study = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[4]), sys.argv[5]
train, test = os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
at_once = int(sys.argv[6]) if len(sys.argv) > 6 else 2
seeds = [int(s) for s in (sys.argv[7] if len(sys.argv) > 7 else "1,2,3").split(",")]

METHODS = ["fedavg", "fedavgm", "fedprox", "fedadam", "fedyogi", "fedadagrad", "fednova", "scaffold", "feddyn",
           "fedcm", "fedsam", "mofedsam", "fedgamma", "fedspeed", "fedsmoo"]
STEP_SIZES = [0.03, 0.1, 0.3]
ROUNDS, TUNING = 200, {"mlp": 100, "lenet": 40}
MODELS = {"mlp": "{kind: mlp, hidden: [200, 200]}", "lenet": "{kind: lenet, channels: 8}"}
STEPS = [5, 10, 20, 50, 100]
CIFAR = {"fedavg": 77.31, "fedprox": 76.86, "fedadam": 77.58, "scaffold": 79.92, "feddyn": 78.96, "fedcm": 78.92,
         "fedgamma": 80.72, "mofedsam": 81.58, "fedspeed": 82.26, "fedsmoo": 83.30}  # published, ResNet-18, D.1

def split():
    """Every tenth training row is held out."""
    if os.path.exists(f"{folder}/held.h5"):
        return
    with h5py.File(train) as f:
        x, y, attributes = f["x"][:], f["y"][:], dict(f.attrs)
    held = np.arange(len(y)) % 10 == 9
    for name, rows in (("fit", ~held), ("held", held)):
        with h5py.File(f"{folder}/{name}.part", "w") as f:
            f["x"], f["y"] = x[rows], y[rows]
            f.attrs.update(attributes)
        os.rename(f"{folder}/{name}.part", f"{folder}/{name}.h5")

def run(name, model, method, lr, rounds, seed, score, length):
    """Accuracies by round, and the result; none when the run ended in numbers that are not finite."""
    metrics, result = run_kept(
        muster, f"{folder}/{name}",
        f"job: federated\nseed: {seed}\ndata: {{train: {folder}/fit.h5, test: {score}}}\n"
        "clients: {count: 100, partition: mixture, alpha: 0.1}\n"
        "features: {kind: identity, shift: 0.1307, scale: 0.3081}\n"
        f"model: {model}\n"
        f"optimizer: {{kind: sgd, lr: {lr}, batch: 50, clip: 10, weight_decay: 0.001, "
        "schedule: exponential, factor: 0.998}\n"
        f"method: {{name: {method}, rounds: {rounds}, participation: 0.1, {length}}}\n")
    return (metrics["accuracy"], result) if metrics is not None else (None, None)

def compare_methods(pool):
    model, tuning = MODELS[study], TUNING[study]
    tuned = {(m, lr): pool.submit(run, f"{study}-{m}-{lr}-tune", model, m, lr, tuning, seeds[0], f"{folder}/held.h5",
                                  "local_epochs: 5") for m in METHODS for lr in STEP_SIZES}
    best, final = {}, {}
    for m in METHODS:
        scores = {lr: tuned[m, lr].result()[0] for lr in STEP_SIZES}
        best[m] = max(STEP_SIZES, key=lambda lr: -1 if scores[lr] is None else tail(scores[lr], 10))
        for s in seeds:
            final[m, s] = pool.submit(run, f"{study}-{m}-{best[m]}-{s}", model, m, best[m], ROUNDS, s, test,
                                      "local_epochs: 5")
    print(f"| method | step size | accuracy, mean of rounds {ROUNDS - 19} to {ROUNDS} | gradients | uplink MiB | published, CIFAR-10 |")
    print("|---|---|---|---|---|---|")
    rows = []
    for m in METHODS:
        outcome = [final[m, s].result() for s in seeds]
        if any(o[0] is None for o in outcome):
            rows.append((0.0, f"| {m} | {best[m]:g} | not finite | | | |"))
            continue
        values, star = [tail(o[0], 20) for o in outcome], "*" if best[m] in (STEP_SIZES[0], STEP_SIZES[-1]) else ""
        r = outcome[0][1]
        rows.append((np.mean(values), f"| {m} | {best[m]:g}{star} | {spread(values)} | {r['gradients']} | "
                     f"{r['uplink_bytes'] / 2**20:.0f} | {CIFAR.get(m, '')} |"))
    for _, row in sorted(rows, key=lambda r: -r[0]):
        print(row)

def compare_steps(pool):
    found = {(m, k, s): pool.submit(run, f"steps-{m}-{k}-{s}", MODELS["mlp"], m, 0.1, 100, s, test,
                                    f"local_steps: {k}") for m in ("fedavg", "fedspeed") for k in STEPS for s in seeds}
    print("| method | " + " | ".join(f"{'K = ' if k == STEPS[0] else ''}{k}" for k in STEPS) + " |")
    print("|---|" + "---|" * len(STEPS))
    for m in ("fedavg", "fedspeed"):
        print(f"| {m} | " + " | ".join(spread([tail(found[m, k, s].result()[0], 10) for s in seeds]) for k in STEPS) + " |")
        print(f"| {m}, gradients | " + " | ".join(str(found[m, k, seeds[0]].result()[1]["gradients"]) for k in STEPS) + " |")

os.makedirs(folder, exist_ok=True)
split()
with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
    (compare_steps if study == "steps" else compare_methods)(pool)
