#!/bin/sh
# The decentralised job as a user meets it: one digest on any ranks, with and without shared memory, a
# resume on another number of ranks, attackers, edges from a file, and the refusals of what cannot be.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0
result "the dataset is there" $?
cat >"$dir/d.yaml" <<'Y'
job: decentralised
seed: 3
data: {train: bars.h5, test: bars.h5}
clients: {count: 12, partition: dirichlet, alpha: 1}
model: {kind: mlp, hidden: [24]}
optimizer: {kind: sgd, lr: 0.2, batch: 10}
method: {rounds: 12, local_epochs: 2}
topology: {kind: torus}
mixing: {kind: variance_corrected}
evaluate: {every: 4}
output: {nodes: true}
Y

alone run "$dir/d.yaml" -q --set output.run="$dir/d.1.h5"
want=$(field digest) accuracy=$(field accuracy)
# 64 * 24 + 24 + 24 * 4 + 4 floats, both ways over 24 edges, 12 times
ended 0 && [ -n "$want" ] && [ "$(field uplink_bytes)" = $((1660 * 4 * 2 * 24 * 12)) ]
result "the bytes are those of every edge, both ways" $?
echo "$accuracy $(field accuracy_worst)" | awk '{ exit !($1 > 0.9 && $2 > 0.8 && $2 <= $1) }'
result "the bars are learnt: accuracy $accuracy, at worst $(field accuracy_worst)" $?
ranks 3 run "$dir/d.yaml" -q --set output.run="$dir/d.3.h5"
ended 0 && [ "$(field digest)" = "$want" ]
result "the digest on 3 ranks is $(field digest), on one $want" $?
MUSTER_SHARED_MEMORY=0 ranks 4 run "$dir/d.yaml" -q --set output.run="$dir/apart.h5"
ended 0 && [ "$(field digest)" = "$want" ]
result "the digest without shared memory is the same" $?

if command -v h5ls >/dev/null; then
  h5ls -r "$dir/d.3.h5" | grep -q '^/nodes/models .*{12, 1660}'
  result "the run file holds the nodes' own models" $?
else
  skip "the nodes' own models are not looked at: no h5ls"
fi
alone predict "$dir/d.3.h5" "$dir/bars.h5" -o "$dir/p.h5"
ended 0 && echo "$(field accuracy)" | awk '{ exit !($1 > 0.9) }'
result "the run file predicts with the nodes' mean: accuracy $(field accuracy)" $?

awk 'BEGIN { print "# a path"; for (i = 0; i < 11; i++) print i ", " i + 1 }' >"$dir/path.txt"
alone run "$dir/d.yaml" -q --set topology.kind=list --set topology.file="$dir/path.txt" \
  --set output.run="$dir/path.h5"
ended 0 && [ "$(field edges)" = 11 ]
result "a file gives the edges" $?

# MoNNA among attackers, on a complete graph; gossip falls to them.
attacked="--set topology.kind=complete --set attack.name=gaussian --set attack.count=3 --set attack.sigma=5 \
  --set method.rounds=15"
# shellcheck disable=SC2086
{
  alone run "$dir/d.yaml" -q $attacked --set mixing.kind=gossip --set output.run="$dir/g.h5"
  ended 0 && echo "$(field accuracy)" | awk '{ exit !($1 < 0.7) }'
  result "gossip falls to attackers: accuracy $(field accuracy)" $?
  alone run "$dir/d.yaml" -q $attacked --set mixing.kind=rule --set aggregate.rule=nna \
    --set aggregate.byzantine=3 --set mixing.wait=quorum --set method.momentum=0.5 \
    --set output.run="$dir/m.h5"
  ended 0 && echo "$(field accuracy)" | awk '{ exit !($1 > 0.9) }'
  result "nearest neighbours do not: accuracy $(field accuracy)" $?
}

# A long run is told to stop on two ranks and goes on, on three.
long="--set method.rounds=200 --set output.run=$dir/long.h5 --set output.checkpoint.every_rounds=10 \
  --set method.name=gradient_tracking --set mixing.kind=gossip --set evaluate.every=0 --set method.local_epochs=1"
# shellcheck disable=SC2086
{
  alone run "$dir/d.yaml" -q $long --set output.run="$dir/straight.h5"
  want=$(field digest)
  stopped USR1 2 "$dir/long" run "$dir/d.yaml" -q $long
  ended 75 && complained 'interrupted after round [0-9]+ of 200'
  result "a signal ends the run with code 75 (got $code)" $?
  ranks 3 run "$dir/d.yaml" -q $long --resume
  ended 0 && [ "$(field digest)" = "$want" ]
  result "it goes on with the digest $(field digest), straight $want" $?
}

alone run "$dir/d.yaml" -q --set aggregate.rule=median
refused "a rule that nobody asks is refused" 2 'aggregate.rule=median: .*mixing.kind: rule'
alone run "$dir/d.yaml" -q --set mixing.kind=rule --set aggregate.rule=median --set aggregate.byzantine=3
refused "a torus has too few neighbours for three attackers" 2 'node 0, which counts 5 vectors'
alone run "$dir/d.yaml" -q --set topology.kind=list
refused "a list needs its file" 2 'topology.file'
echo "3 x" >>"$dir/path.txt"
alone run "$dir/d.yaml" -q --set topology.kind=list --set topology.file="$dir/path.txt"
refused "a line that is no edge is named" 2 'path.txt:13: .3 x. is no edge'
alone run "$dir/d.yaml" -q --set topology.kind=erdos_renyi --set topology.probability=0.01
refused "a graph in pieces is refused" 2 'not connected|does not reach'
finish
