"""CPU microseconds and regret of a decision, on 50,000 rows with the costs of ten arms (doc/results/bandit_rows.py),
for bench_bandit_decisions.sh: muster's disjoint LinUCB, the same in numpy, MABWiser's, and Vowpal Wabbit's SquareCB and
epsilon-greedy. Whole programs, reading included, for muster and Vowpal Wabbit (less what importing it takes); the loop
alone for numpy and MABWiser, of which as many rows are taken as seconds allow. Peers that are not there are
left out.

   bandit_peers.py MUSTER FOLDER        FOLDER has x.npy, cost.npy and task.h5
"""
import json
import os
import re
import resource
import subprocess
import sys
import time

import numpy as np

muster, folder = sys.argv[1:3]
x, cost = np.load(f"{folder}/x.npy").astype(float), np.load(f"{folder}/cost.npy").astype(float)
n, d, arms = *x.shape, cost.shape[1]
x = np.hstack([x, np.ones((n, 1))])
least = cost.min(1)


def cpu_of(command, repeats=3):
    """Least CPU seconds of a program, and what it prints."""
    best, said = float("inf"), ""
    for _ in range(repeats):
        begin = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            raise RuntimeError(done.stderr[-300:])
        best = min(best, end.ru_utime - begin.ru_utime + end.ru_stime - begin.ru_stime)
        said = done.stdout + done.stderr
    return best, said


def ours():
    with open(f"{folder}/task.yaml", "w") as e:
        e.write(f"job: bandit\nhorizon: {n}\ndata: {{train: task.h5}}\nenvironment: {{kind: rows, pays: costs}}\n"
                "policy: {kind: linucb, disjoint: true, beta: 0.1}\noutput: {run: run.h5}\n")
    seconds, said = cpu_of([muster, "run", "task.yaml", "--quiet"])
    return 1e6 * seconds / n, json.loads(said.strip().splitlines()[-1])["result"]["regret"] / n


def by_numpy():
    rows, alpha, regret = 20000, 0.1, 0.0
    inverse, b, theta = np.tile(np.eye(d + 1), (arms, 1, 1)), np.zeros((arms, d + 1)), np.zeros((arms, d + 1))
    begin = time.process_time()
    for t in range(rows):
        scored = inverse @ x[t]
        arm = int(np.argmax(theta @ x[t] + alpha * np.sqrt(scored @ x[t])))
        g = scored[arm]
        inverse[arm] -= np.outer(g, g) / (1 + g @ x[t])
        b[arm] -= cost[t, arm] * x[t]
        theta[arm] = inverse[arm] @ b[arm]
        regret += cost[t, arm] - least[t]
    return 1e6 * (time.process_time() - begin) / rows, regret / rows


def by_mabwiser():
    from mabwiser.mab import MAB, LearningPolicy
    rows, regret = 1000, 0.0
    mab = MAB(list(range(arms)), LearningPolicy.LinUCB(alpha=0.1, l2_lambda=1))
    mab.fit(np.arange(arms), -cost[range(arms), range(arms)], x[:arms])
    begin = time.process_time()
    for t in range(arms, arms + rows):
        arm = mab.predict(x[t:t + 1])
        mab.partial_fit([arm], [-cost[t, arm]], x[t:t + 1])
        regret += cost[t, arm] - least[t]
    return 1e6 * (time.process_time() - begin) / rows, regret / rows


def by_vw(*options):
    if not os.path.exists(f"{folder}/task.vw"):
        cpu_of([sys.executable, "-c", "import vowpalwabbit"], 1)
        with open(f"{folder}/task.vw", "w") as f:  # names that hold no numbers alone, which would collide
            for row, costs in zip(x, cost):
                f.write(" ".join(f"{k + 1}:{v:.6g}" for k, v in enumerate(costs)) + " |f " +
                        " ".join(f"f{i}:{v:.6g}" for i, v in enumerate(row[:d])) + "\n")
    start, _ = cpu_of([sys.executable, "-c", "import vowpalwabbit"])
    seconds, said = cpu_of([sys.executable, "-m", "vowpalwabbit", "--cbify", str(arms), "--cbify_cs", "-d", "task.vw",
                            *options])
    return 1e6 * (seconds - start) / n, float(re.search(r"average loss = ([0-9.]+)", said).group(1))


us, regret = ours()
print(f"bandit_decisions_muster  ours {us:.2f} us  (linucb 0.1, disjoint, {n} rows: {regret:.4f} above the cheapest)")
PEERS = [("numpy", by_numpy, "numpy, disjoint LinUCB"), ("mabwiser", by_mabwiser, "MABWiser LinUCB, 1,000 rows"),
         ("vw_squarecb", lambda: by_vw("--squarecb"), "Vowpal Wabbit --squarecb"),
         ("vw_epsilon", lambda: by_vw("--epsilon", "0.05"), "Vowpal Wabbit --epsilon 0.05")]
for name, run, what in PEERS:
    try:
        peer, peer_regret = run()
    except Exception as problem:  # a peer that is not there, or does not run here
        reason = str(problem).strip().splitlines() or ["it does not run"]
        print(f"bandit_decisions_{name}  ours {us:.2f} us ({what} left out: {reason[-1][:100]})")
        continue
    print(f"bandit_decisions_{name}  ours {us:.2f} us  peer {peer:.2f} us ({what}; {peer_regret:.4f} above the cheapest)  "
          f"ratio {peer / us:.2f}x")
