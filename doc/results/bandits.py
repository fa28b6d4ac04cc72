#!/usr/bin/env python3
"""Regret and communication of all protocols of bandits with a server, by the number of agents.

Usage: bandits.py MUSTER FOLDER [AGENTS,AGENTS,...]     (needs python3-h5py and python3-numpy)

Runs are kept in FOLDER, so that a study that was broken off goes on. Three settings of d = 20 with arms from
the unit sphere and noise 1: a pool of 50 sets of 40 arms that offers are drawn from; one set of 120 arms; a
set of 40 arms for each agent.
"""
import os, sys
from runs import run

muster, folder = sys.argv[1], sys.argv[2]
counts = [int(n) for n in (sys.argv[3] if len(sys.argv) > 3 else "10,50,500").split(",")]
rounds, seeds = {10: 10000, 50: 10000, 500: 1000}, {10: 5, 50: 2, 500: 1}
os.makedirs(folder, exist_ok=True)

online = {"`none`": "kind: none", "`full`": "kind: full", "`dislinucb`": "kind: dislinucb", "`fedlinucb`": "kind: fedlinucb",
          "`async_linucb`": "kind: async_linucb"}
disbe = {"`disbe_lucb`, beta 1": "kind: disbe_lucb, beta: 1"}
pool = {**online, **disbe, "`disbe_lucb_estimated`, beta 1": "kind: disbe_lucb_estimated, beta: 1"}
fixed = {**online, **disbe, "`delb`, C = 0.2": "kind: delb, constant: 0.2", "`phased_elimination`": "kind: phased_elimination"}
own = {**online, "`fed_pe`, beta 1": "kind: fed_pe, beta: 1", "`fed_pe`": "kind: fed_pe"}

def experiment(protocol, environment, agents):
    policy = "" if any(f"kind: {k}" in protocol for k in ("disbe", "delb", "phased", "fed_pe")) else "policy: {kind: linucb, beta: 1}\n"
    return (f"job: bandit\nseed: 1\nseeds: {seeds[agents]}\nhorizon: {rounds[agents]}\n"
            f"environment: {{kind: sphere, dimension: 20, noise: 1, {environment}}}\n"
            f"agents: {{count: {agents}}}\nprotocol: {{{protocol}}}\n{policy}")

def table(title, protocols, environment):
    print(f"\n### {title}\n\n| agents, rounds | protocol | regret | an agent and round | messages | numbers up, an agent | down |\n|---|---|---|---|---|---|---|")
    for agents in counts:
        for name, protocol in protocols.items():
            stem = "".join(c if c.isalnum() else "_" for c in f"{title}-{protocol}-{agents}")
            _, r = run(muster, f"{folder}/{stem}", experiment(protocol, environment.replace("AGENTS", str(agents)), agents))
            spread = f" +- {r['regret_sd']:,.0f}" if seeds[agents] > 1 else ""
            print(f"| {agents}, {rounds[agents]:,} | {name} | {r['regret']:,.0f}{spread} | {r['regret'] / agents / rounds[agents]:.4f} | "
                  f"{r['messages']:,.0f} | {r['uplink_reals_per_agent']:,.0f} | {r['downlink_reals_per_agent']:,.0f} |", flush=True)

table("A pool of sets", pool, "arms: 40, sets: 50")
table("One set", fixed, "arms: 120, sets: 1")
table("A set for each agent", own, "arms: 40, sets: AGENTS, offer: own")
