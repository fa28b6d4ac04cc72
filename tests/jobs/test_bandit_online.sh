#!/bin/sh
# Bandits that tell each other on a graph, on a schedule, and in private, as a user meets them: one
# digest on any ranks, a private run that is stopped and goes on, what it spends, what is refused.
. "$srcdir/tests/jobs/common.sh"
cat >"$dir/g.yaml" <<'Y'
job: bandit
seed: 3
seeds: 2
horizon: 600
environment: {kind: ball, dimension: 4, arms: 6, sets: 1, noise: 0.3}
agents: {count: 9}
topology: {kind: torus}
protocol: {kind: dducb}
Y
sed '/topology/d; s/dducb/periodic, period: 20/; s/sets: 1/sets: 4/' "$dir/g.yaml" >"$dir/t.yaml"
{
  cat "$dir/t.yaml"
  echo 'policy: {kind: linucb}'
  echo 'privacy: {epsilon: 20, delta: 1e-5, clip: 1, test_key: true}'
} >"$dir/p.yaml"

# On 3 ranks it has the digest that it has on one.
same() {
  alone run "$dir/$1.yaml" -q --set output.run="$dir/$1.h5"
  want=$(field digest)
  ended 0 && [ -n "$want" ]
  result "$2: regret $(field regret)" $?
  ranks 3 run "$dir/$1.yaml" -q --set output.run="$dir/$1.3.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "on 3 ranks too" $?
}

same g "agents mix with four neighbours each"
[ "$(field messages)" = 21384.0 ] # 9 agents, 4 neighbours, but for the first 6 rounds
result "every message is counted along its edge: $(field messages)" $?
printf '0 1\n1 2\n2 3\n3 4\n4 5\n5 6\n6 7\n7 8\n' >"$dir/path.txt"
alone run "$dir/g.yaml" -q --set topology.kind=list --set topology.file="$dir/path.txt" \
  --set protocol.kind=coop_ucb --set output.run="$dir/l.h5"
ended 0 && [ "$(field messages)" = 9600.0 ] # 8 edges, both ways, 600 rounds
result "the graph may come from a file: $(field messages) messages" $?
same t "agents synchronise on a schedule"
[ "$(field uplink_reals_per_agent)" = 406.0 ] # 29 times 10 + 4
result "29 times d (d + 1) / 2 + d numbers go up: $(field uplink_reals_per_agent)" $?
same p "the same in private"
echo "$(field epsilon)" | awk '{ exit !($1 > 19.9 && $1 <= 20) }' && [ "$(field messages)" = 522.0 ]
result "which spends its budget: $(field epsilon)" $?

# A run with noise that nobody knows goes on with the secret that it kept.
long="--set privacy.test_key=false --set horizon=60000 --set output.run=$dir/long.h5"
# shellcheck disable=SC2086
{
  stopped USR1 3 "$dir/long" run "$dir/p.yaml" -q $long \
    --set output.checkpoint.every_rounds=1000
  ended 75 && [ -s "$dir/long.h5.secret" ]
  result "a signal ends a private run with code 75 (got $code), and its secret is kept" $?
  alone run "$dir/p.yaml" -q $long --set output.checkpoint.every_rounds=1000 --resume
  ended 0 && [ ! -e "$dir/long.h5.secret" ] && echo "$(field ledger_epsilon)" | awk '{ exit !($1 <= 20) }'
  result "it goes on without another charge: $(field ledger_epsilon)" $?
}

alone run "$dir/p.yaml" -q --set protocol.kind=dislinucb
refused "a trigger that tells of interactions is refused" 2 'choose protocol.kind: periodic'
alone run "$dir/g.yaml" -q --set environment.sets=0
refused "gossip is for arms that stay" 2 'environment.sets: 1'
alone run "$dir/g.yaml" -q --set protocol.kind=full
refused "a server needs no graph" 2 'leave the section topology out'
alone run "$dir/t.yaml" -q --set protocol.kind=coop_ucb
refused "gossip needs a graph" 2 'choose topology.kind'
alone report "$dir/g.h5" "$dir/t.h5" -o "$dir/r.html"
ended 0 && grep -q 'Regret by communication' "$dir/r.html" && grep -q 'Regret by agent' "$dir/r.html"
result "a report shows regret by round, by what was told, by agent" $?
finish
