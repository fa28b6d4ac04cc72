#!/usr/bin/env python3
"""50,000 decisions among ten arms by logged costs of all of them: policies on rows of a dataset.

Usage: bandit_rows.py MUSTER [FOLDER]
       bandit_rows.py --make FOLDER       (x.npy and cost.npy alone)

A row is 20 independent normal numbers; arm k costs 0.5 + a <w_k, x> + s N(0, 1), cut off at 0 and 1, w_k a random unit
vector. a and s are such that the mean cost of any arm, that of the cheapest of every row and that of the best linear
rule in hindsight are close to those of a file that is not at hand: 0.5002, 0.3091 and 0.3252. Needs the standard
library alone.
"""
import array, json, math, os, random, subprocess, sys, tempfile

ROWS, D, ARMS, A, S = 50000, 20, 10, 0.1140, 0.0489

def save(path, numbers, columns):
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }" % (len(numbers) // columns, columns)
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
        numbers.tofile(f)

def make(folder):
    """Write the task; returns (cost of any arm, of the cheapest), means over rows."""
    draw = random.Random(5)
    weights = [[draw.gauss(0, 1) for _ in range(D)] for _ in range(ARMS)]
    weights = [[A * v / math.hypot(*w) for v in w] for w in weights]
    x, cost, least, total = array.array("f"), array.array("f"), 0.0, 0.0
    for _ in range(ROWS):
        row = [draw.gauss(0, 1) for _ in range(D)]
        costs = [min(1, max(0, 0.5 + sum(map(float.__mul__, w, row)) + S * draw.gauss(0, 1))) for w in weights]
        x.extend(row)
        cost.extend(costs)
        least += min(costs)
        total += sum(costs) / ARMS
    save(f"{folder}/x.npy", x, D)
    save(f"{folder}/cost.npy", cost, ARMS)
    return total / ROWS, least / ROWS, x, cost

def solve(a, b):
    """A x = B, B of several columns, by elimination."""
    n = len(a)
    rows = [a[i] + b[i] for i in range(n)]
    for i in range(n):
        top = max(range(i, n), key=lambda k: abs(rows[k][i]))
        rows[i], rows[top] = rows[top], rows[i]
        for k in range(n):
            if k != i:
                f = rows[k][i] / rows[i][i]
                rows[k] = [u - f * v for u, v in zip(rows[k], rows[i])]
    return [[v / rows[i][i] for v in rows[i][n:]] for i in range(n)]

def linear(x, cost):
    """Mean cost of the cheapest arm by a least-squares line an arm, from all costs of all rows."""
    gram = [[0.0] * (D + 1) for _ in range(D + 1)]
    moment = [[0.0] * ARMS for _ in range(D + 1)]
    rows = [list(x[i * D:(i + 1) * D]) + [1.0] for i in range(ROWS)]
    for r, row in enumerate(rows):
        costs = cost[r * ARMS:(r + 1) * ARMS]
        for i in range(D + 1):
            v = row[i]
            gram[i][:i + 1] = [g + v * u for g, u in zip(gram[i], row[:i + 1])]
            moment[i] = [m + v * c for m, c in zip(moment[i], costs)]
    gram = [[gram[max(i, j)][min(i, j)] for j in range(D + 1)] for i in range(D + 1)]
    theta = list(zip(*solve(gram, moment)))
    return sum(cost[r * ARMS + min(range(ARMS), key=lambda k: sum(map(float.__mul__, theta[k], row)))]
               for r, row in enumerate(rows)) / ROWS

def main(muster, folder):
    any_arm, least, x, cost = make(folder)
    best = linear(x, cost)
    print(f"mean cost: any arm {any_arm:.5f}, the cheapest {least:.5f}, the best linear rule {best:.5f}")
    subprocess.run([muster, "import", "npy", f"{folder}/x.npy", f"{folder}/cost.npy", "--task", "regression",
                    "-o", f"{folder}/task.h5", "--force"], check=True, capture_output=True)
    with open(f"{folder}/task.yaml", "w") as e:
        e.write(f"job: bandit\nhorizon: {ROWS}\ndata: {{train: {folder}/task.h5}}\n"
                f"environment: {{kind: rows, pays: costs}}\noutput: {{run: {folder}/run.h5}}\n")
    policies = [dict(kind="linucb", beta=b) for b in (0.05, 0.1, 0.25, 0.5, 1)]
    policies += [dict(kind="thompson", scale=0.05), dict(kind="epsilon_greedy", epsilon=0.05),
                 dict(kind="squarecb")]
    print("| policy | mean cost | above the cheapest | above the best linear rule |\n|---|---|---|---|")
    for p in policies + [dict(kind="ucb1")]:
        if p["kind"] != "ucb1":
            p["disjoint"] = True
        done = subprocess.run([muster, "run", f"{folder}/task.yaml", "--quiet", "--set", f"policy={json.dumps(p)}"],
                              capture_output=True, text=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        regret = json.loads(done.stdout.splitlines()[-1])["result"]["regret"] / ROWS
        says = ", ".join(f"{k}: {v}" for k, v in p.items() if k not in ("kind", "disjoint"))
        print(f"| `{p['kind']}`{' ' + says if says else ''} | {least + regret:.5f} | {regret:.5f} | "
              f"{least + regret - best:.5f} |")

if sys.argv[1:2] == ["--make"]:
    make(sys.argv[2])
elif len(sys.argv) > 2:
    main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
else:
    with tempfile.TemporaryDirectory() as where:
        main(os.path.abspath(sys.argv[1]), where)
