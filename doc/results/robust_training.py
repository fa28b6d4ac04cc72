#!/usr/bin/env python3
"""Training under attack: robust rules against attacks and worker momentum, and training without a server.

Usage: robust_training.py MUSTER TRAIN.h5 TEST.h5 FOLDER server|collapse|monna|dissensus|ring [AT_ONCE] [SEED,SEED,...]
       (needs python3-h5py)

All on Fashion-MNIST with a 784-100-10 network, unless another is named, in batches of 32.
server: 25 clients, one step a round, 600 rounds; inner-product manipulation by 11, sign flip, label flip and ALIE
  by 5; momentum 0, 0.9 and 0.99 of the clients' messages, m <- beta m + g, with step sizes 0.1, 0.02 and 0.004;
  centred clipping at 100 times the step size. Test accuracy, mean over the last 50 rounds.
collapse: the same with batches of 4, so that gradients are noise above all: inner-product manipulation by 11, no
  momentum.
monna: 26 nodes that average models by nearest neighbours, 5 of which attack, against none; accuracy of the honest
  nodes, mean and worst.
dissensus: 20 nodes on two cliques joined by bridges, 2 attackers, gossip against self-centred clipping.
ring: 32 nodes on a ring that begin with parameters of their own, of a 784-100-100-100-10 network; rounds that plain and variance-corrected gossip
  need to the accuracy that plain gossip ends with.

Runs are kept in FOLDER, and those that are there already are not made again. AT_ONCE runs go side by side.
"""
import concurrent.futures, os, sys
import numpy as np
from runs import run as run_kept, spread, tail

muster, folder, study = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[4]), sys.argv[5]
train, test = os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
at_once = int(sys.argv[6]) if len(sys.argv) > 6 else 2
seeds = [int(s) for s in (sys.argv[7] if len(sys.argv) > 7 else "1,2,3").split(",")]

COMMON = (f"data: {{train: {train}, test: {test}}}\n"
          "features: {kind: identity, shift: 0.2860, scale: 0.3530}\n")
NETWORK = "model: {kind: mlp, hidden: [100]}\n"
DEEP = "model: {kind: mlp, hidden: [100, 100, 100]}\n"
RULES = ["centered_clipping", "geometric_median", "trimmed_mean", "median", "krum"]
ATTACKS = [("none", 0, 5), ("sign_flip", 5, 5), ("label_flip", 5, 5), ("ipm", 11, 11), ("alie", 5, 5)]
STEP_SIZES = {0: 0.1, 0.9: 0.02, 0.99: 0.004}  # by momentum

def serve(rule, attack, count, told, momentum, seed, batch=32):
    hostile = f"attack: {{name: {attack}, count: {count}{', epsilon: 0.1' if attack == 'ipm' else ''}}}\n" if count else ""
    tau = f", tau: {100 * STEP_SIZES[momentum]:g}" if rule == "centered_clipping" else ""
    return run_kept(
        muster, f"{folder}/server{'' if batch == 32 else batch}-{rule}-{attack}-{momentum}-{seed}",
        f"job: federated\nseed: {seed}\n" + COMMON + NETWORK + "clients: {count: 25, partition: iid}\n"
        "optimizer: {kind: sgd, lr: " f"{STEP_SIZES[momentum]}" ", batch: " f"{batch}}}\n"
        "method: {name: fedavg, weighted: false, rounds: 600, participation: 1, local_steps: 1}\n"
        "evaluate: {every: 10}\n"
        f"aggregate: {{rule: {rule}, byzantine: {told}, momentum: {momentum}, momentum_form: heavy{tau}}}\n" + hostile)

def server(pool):
    found = {(r, a, m, s): pool.submit(serve, r, a, count, told, m, s)
             for a, count, told in ATTACKS for m in STEP_SIZES for r in RULES for s in seeds}
    print("| attack (clients) | momentum | " + " | ".join(RULES) + " |\n|---|---|" + "---|" * len(RULES))
    for a, count, _ in ATTACKS:
        for m in STEP_SIZES:
            cells = []
            for r in RULES:
                outcome = [found[r, a, m, s].result()[0] for s in seeds]
                cells.append("not finite" if any(o is None for o in outcome) else
                             spread([tail(o["accuracy"], 5) for o in outcome]))
            print(f"| {a} ({count}) | {m} | " + " | ".join(cells) + " |")

def collapse(pool):
    found = {(r, a, s): pool.submit(serve, r, a, c, 11, 0, s, 4)
             for a, c in (("none", 0), ("ipm", 11)) for r in RULES for s in seeds}
    print("| attack (clients) | " + " | ".join(RULES) + " |\n|---|" + "---|" * len(RULES))
    for a, c in (("none", 0), ("ipm", 11)):
        cells = []
        for r in RULES:
            outcome = [found[r, a, s].result()[0] for s in seeds]
            cells.append("not finite" if any(o is None for o in outcome) else
                         spread([tail(o["accuracy"], 5) for o in outcome]))
        print(f"| {a} ({c}) | " + " | ".join(cells) + " |")

def gossip(name, nodes, seed, rounds, steps, rest, every=10, network=NETWORK):
    return run_kept(
        muster, f"{folder}/{name}-{seed}",
        f"job: decentralised\nseed: {seed}\n" + COMMON + network +
        f"clients: {{count: {nodes}, partition: dirichlet, alpha: {rest.pop('alpha')}}}\n"
        "optimizer: {kind: sgd, lr: " f"{rest.pop('lr')}" ", batch: 32}\n"
        f"method: {{name: dsgd, rounds: {rounds}, local_steps: {steps}, {rest.pop('method')}}}\n"
        f"evaluate: {{every: {every}}}\n" + "".join(f"{k}: {v}\n" for k, v in rest.items()))

def cell(outcome, name):
    values = [o.result()[0] for o in outcome]
    return "not finite" if any(v is None for v in values) else spread([tail(v[name], 1) for v in values])

def monna(pool):
    """Nodes on a complete graph wait for all models but five; the nearest are averaged."""
    attacks = {"none": "", "sign_flip": "{name: sign_flip, count: 5}", "alie": "{name: alie, count: 5}",
               "ipm": "{name: ipm, count: 5}", "label_flip": "{name: label_flip, count: 5}"}
    def start(a, s, f):
        rest = {"alpha": 5, "lr": 0.1, "method": "momentum: 0.99, start: same", "topology": "{kind: complete}",
                "mixing": "{kind: rule, wait: quorum}" if f else "{kind: gossip}"}
        if f:
            rest["aggregate"] = "{rule: nna, byzantine: 5, nearest: n-f}"
        if attacks[a]:
            rest["attack"] = attacks[a]
        return pool.submit(gossip, f"monna-{a}-{f}", 26, s, 600, 1, rest, 100)
    found = {("none", 0, s): start("none", s, 0) for s in seeds}
    found.update({(a, 5, s): start(a, s, 5) for a in attacks for s in seeds})
    print("| attack | nodes that attack | mean of the honest nodes | worst of them |\n|---|---|---|---|")
    for a, f in [("none", 0)] + [(a, 5) for a in attacks]:
        outcome = [found[a, f, s] for s in seeds]
        print(f"| {a}{'' if f else ', plain averaging'} | {5 if attacks[a] else 0} | {cell(outcome, 'accuracy')} | "
              f"{cell(outcome, 'accuracy_worst')} |")

def dissensus(pool):
    mixings = ["gossip", "self_centred_clipping"]
    def start(m, attack, s):
        rest = {"alpha": 5, "lr": 0.1, "method": "start: same", "topology": "{kind: complete}",
                "mixing": f"{{kind: {m}{', bound: theory' if m != 'gossip' else ''}}}"}
        if attack:
            rest["attack"] = "{name: dissensus, count: 4, epsilon: 2}"
        return pool.submit(gossip, f"dissensus-{m}-{attack}", 26, s, 200, 5, rest)
    found = {(m, a, s): start(m, a, s) for m in mixings for a in (0, 1) for s in seeds}
    print("| mixing | no attack | dissensus by 4 of 26 |\n|---|---|---|")
    for m in mixings:
        print(f"| {m} | " + " | ".join(cell([found[m, a, s] for s in seeds], "accuracy") for a in (0, 1)) + " |")

def ring(pool):
    mixings, rounds = ["gossip", "variance_corrected"], 80
    found = {(m, s): pool.submit(gossip, f"ring-{m}", 32, s, rounds, 5,
                                 {"alpha": 0.5, "lr": 0.1, "method": "start: apart", "topology": "{kind: ring}",
                                  "mixing": f"{{kind: {m}}}"}, 2, DEEP) for m in mixings for s in seeds}
    print("| seed | accuracy of gossip | its rounds | rounds of variance_corrected to the same | ratio |\n|---|---|---|---|---|")
    for s in seeds:
        plain, corrected = (found[m, s].result()[0]["accuracy"] for m in mixings)
        plain, corrected = ({i + 1: a for i, a in enumerate(x) if np.isfinite(a)} for x in (plain, corrected))
        target = max(plain.values())
        first, then = (next((i for i, a in x.items() if a >= target), None) for x in (plain, corrected))
        print(f"| {s} | {100 * target:.2f} | {first} | {then} | {then / first:.2f}x |" if then else
              f"| {s} | {100 * target:.2f} | {first} | not in {rounds} | |")

os.makedirs(folder, exist_ok=True)
with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
    {"server": server, "collapse": collapse, "monna": monna, "dissensus": dissensus, "ring": ring}[study](pool)
