#!/usr/bin/env python3
"""How the error of locally private regression goes with users, columns, non-zeros and epsilon.

Usage: local_regression.py MUSTER [SEEDS] [AT_ONCE]

Made-up users (rows of signs, noise 0.5, truncation 2; of ldp_iht 8 iterations, and 2 k entries kept, but 8 k of
the published bound); every figure is the mean of |theta - theta*| over the
seeds. A slope is that of the least-squares line through the logarithms. Noise is taken from the seed
(privacy.test_key), so the table can be made again. AT_ONCE runs go side by side, one rank each.
"""
import concurrent.futures, json, math, os, statistics, subprocess, sys, tempfile, time

muster = os.path.abspath(sys.argv[1])
seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
at_once = int(sys.argv[3]) if len(sys.argv) > 3 else 1

KEYS = {"n": "generate.users", "d": "generate.width", "k": "generate.sparsity", "epsilon": "privacy.epsilon"}
DOUBLED = [100000, 200000, 400000]
iht = dict(method="ldp_iht", step=0.5, iterations=8, n=800000, d=32, k=2, epsilon=1)
published = dict(iht, bound="published", coordinate=1, n=1600000, d=64, k=4, epsilon=2)
public = dict(method="nldp_public", public=100000, n=800000, d=32, k=4, epsilon=2)
alone = dict(method="nldp", n=400000, d=16, k=4, epsilon=8)
# method, its settings, what is varied and how, the exponent of the stated rate
STUDY = [("nldp", dict(alone, d=8), "n", DOUBLED, -0.5), ("nldp", alone, "d", [8, 16, 32], 1),
         ("nldp", alone, "k", [1, 2, 4, 8], 0.5),
         ("nldp", dict(alone, n=1600000, d=4, k=2), "epsilon", [0.5, 1, 2], -1),
         ("nldp_public", public, "n", DOUBLED, -0.5), ("nldp_public", public, "d", [16, 32, 64], 0.5),
         ("nldp_public", public, "k", [1, 2, 4, 8], 0.5),
         ("nldp_public", dict(public, d=16), "epsilon", [0.5, 1, 2], -1),
         ("ldp_iht", iht, "n", DOUBLED, -0.5), ("ldp_iht", iht, "d", [32, 64, 128], 0.5),
         ("ldp_iht", dict(iht, d=64), "k", [1, 2, 4], 0.5),
         ("ldp_iht", iht, "epsilon", [0.3, 0.5, 1], -1),
         ("ldp_iht, bound: published", published, "k", [2, 4, 8], 1)]

def run(folder, setting, seed):
    s, local = dict(setting), {"truncation": 2}
    for key in ("step", "iterations", "bound", "coordinate"):
        if key in s:
            local[key] = s[key]
    if s["method"] == "ldp_iht" and "bound" not in s:
        local["keep"] = 2 * s["k"]
    stem = f"{folder}/" + "-".join(str(v) for v in s.values()) + f"-{seed}"
    with open(f"{stem}.yaml", "w") as e:
        e.write(f"job: local_regression\nseed: {seed}\ngenerate: {{users: {s['n']}, width: {s['d']}, sparsity: {s['k']}, "
                f"noise: 0.5, design: signs, public: {s.get('public', 0)}}}\n"
                f"local: {json.dumps(dict(local, method=s['method']))}\n"
                f"privacy: {{epsilon: {s['epsilon']}, delta: 1e-5, test_key: true}}\noutput: {{run: {stem}.h5}}\n")
    done = subprocess.run([muster, "run", f"{stem}.yaml", "--quiet"], capture_output=True, text=True,
                          env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    if done.returncode != 0:
        raise SystemExit(f"{stem}: {done.stderr}")
    result = json.loads(done.stdout.splitlines()[-1])["result"]
    if result["messages"] != s["n"]:
        raise SystemExit(f"{result['messages']} messages of {s['n']} users")
    return result["error"]

started = time.time()
with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(at_once) as pool:
    found = {}
    for _, setting, name, values, _ in STUDY:
        for value in values:
            one = tuple(dict(setting, **{name: value}).items())
            for seed in range(1, seeds + 1):
                if (one, seed) not in found:
                    found[one, seed] = pool.submit(run, folder, dict(one), seed)
    print("| method | at | in | error | slope | stated |\n|---|---|---|---|---|---|")
    for label, setting, name, values, stated in STUDY:
        errors = [statistics.mean(found[tuple(dict(setting, **{name: v}).items()), seed].result()
                                  for seed in range(1, seeds + 1)) for v in values]
        slope = statistics.linear_regression([math.log(v) for v in values], [math.log(e) for e in errors]).slope
        rest = ", ".join(f"{k} {setting[k]:g}" for k in KEYS if k != name)
        print(f"| `{label}` | {rest} | {name}: {', '.join(f'{v:g}' for v in values)} | "
              f"{', '.join(f'{e:.3f}' for e in errors)} | {slope:.2f} | {stated:g} |", flush=True)
print(f"\n{len(found)} runs, {time.time() - started:.0f} s", file=sys.stderr)
