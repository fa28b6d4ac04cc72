#!/bin/sh
# The off_policy job as a user meets it: a log that is imported, one digest on any ranks, a target that is
# taken from a run file, and refusals; and datasets as the environment of job bandit.
. "$srcdir/tests/jobs/common.sh"
# Two numbers a row; arm 0 mostly pays where the first is positive, arm 1 elsewhere, arm 2 never; arms are
# logged with chances 1/2, 1/4, 1/4.
awk 'function u() { s = s * 16807 % 2147483647; return s / 2147483647 }
BEGIN { s = 9; print "a,b,arm,reward,p"; for (i = 0; i < 5000; i++) { x = u() - 0.5; y = u() - 0.5
  v = u(); arm = v < 0.5 ? 0 : v < 0.75 ? 1 : 2
  printf "%.5f,%.5f,%d,%d,%g\n", x, y, arm, u() < (arm == 2 ? 0 : arm == (x > 0 ? 0 : 1) ? 0.9 : 0.1), arm ? 0.25 : 0.5 } }' >"$dir/log.csv"
columns="--arm-column arm --reward-column reward --propensity-column p"
# shellcheck disable=SC2086
alone import csv "$dir/log.csv" $columns -o "$dir/log.h5"
ended 0 && said '5000 rows of 2, a log of 3 arms'
result "a log is imported" $?
alone inspect "$dir/log.h5"
ended 0 && said 'propensities of 3 arms'
result "and inspected" $?
alone import csv "$dir/log.csv" --arm-column arm -o "$dir/x.h5"
refused "a log needs its propensities" 2 'name all three columns'
# shellcheck disable=SC2086
alone import csv "$dir/log.csv" $columns --arms 2 -o "$dir/x.h5"
refused "more arms than were announced" 2 "column 2 \('arm'\) is '2'"

cat >"$dir/o.yaml" <<Y
job: off_policy
data: {log: $dir/log.h5}
target: {kind: greedy}
Y
alone run "$dir/o.yaml" -q --set output.run="$dir/o.1.h5"
want=$(field digest)
near=0
for e in replay ips snips dm dr; do
  echo "$(field $e) $(field ${e}_low) $(field ${e}_high)" |
    awk '{ exit !($1 > 0.8 && $1 < 0.97 && $2 < $1 && $1 < $3 && $3 - $2 < 0.15) }' && near=$((near + 1))
done
ended 0 && [ -n "$want" ] && [ "$(field rows)" = 2500 ] && [ "$(field train_rows)" = 2500 ] && [ $near = 5 ]
result "five estimates of a learned policy: $(field dr) by dr" $?
for p in 2 3; do
  ranks $p run "$dir/o.yaml" -q --set output.run="$dir/o.$p.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "the digest on $p ranks is $(field digest), on one $want" $?
done
alone run "$dir/o.yaml" -q --set target.weights="$dir/o.1.h5" --set evaluate.by='[ips, dr]' --set output.run="$dir/w.h5"
ended 0 && [ "$(field rows)" = 5000 ] && [ -z "$(field snips)" ] && [ -n "$(field ips)" ]
result "a target of another run, by two evaluators" $?
alone run "$dir/o.yaml" -q --set target.kind=constant --set target.arm=2 --set output.run="$dir/c.h5"
ended 0 && [ "$(field ips)" = 0.0 ] && [ "$(field matched_rows)" -gt 1100 ]
result "an arm that never pays" $?
alone run "$dir/o.yaml" -q --set target.kind=uniform --set evaluate.interval=bernstein --set evaluate.clip=4 --set output.run="$dir/b.h5"
ended 0 && [ -n "$(field ips_low)" ] && [ -z "$(field dr)" ]
result "Bernstein intervals, of those that have a range" $?
alone run "$dir/o.yaml" -q --set target.kind=uniform --set evaluate.clip=1 --set output.run="$dir/k.h5"
ended 0 && complained 'weights were cut off to evaluate.clip'
result "weights that are cut off are warned of" $?
alone run "$dir/o.yaml" --dry-run
ended 0 && said 'rank_bytes' && said 'arms +3'
result "a dry run says what it needs" $?

sed '2s/,0.[25]*$/,0/; 9s/,[0-9.]*$/,1.5/' "$dir/log.csv" >"$dir/bad.csv"
# shellcheck disable=SC2086
alone import csv "$dir/bad.csv" $columns -o "$dir/bad.h5"
ranks 2 run "$dir/o.yaml" -q --set data.log="$dir/bad.h5"
refused "propensities outside (0, 1]" 2 'row 0 of the log, counted from 0, has a propensity.*; 2 of 5000 rows do'
sed '2,$s/,[0-2],\([01]\),/,0,\1,/' "$dir/log.csv" >"$dir/zero.csv"
# shellcheck disable=SC2086
alone import csv "$dir/zero.csv" $columns --arms 3 -o "$dir/zero.h5"
alone run "$dir/o.yaml" -q --set data.log="$dir/zero.h5" --set target.kind=constant --set target.arm=1
refused "a log without the target's arm" 2 'effective sample size is 0'
alone run "$dir/o.yaml" -q --set target.temperature=2
refused "greedy has no temperature" 2 'target.temperature.*only target.kind: softmax'
alone run "$dir/o.yaml" -q --set evaluate.interval=bernstein --set evaluate.by='[dr]'
refused "dr has no range" 2 'bernstein is for means of terms of a stated range'
alone run "$dir/o.yaml" -q --set evaluate.by='[ips, ips]'
refused "an evaluator twice" 2 'named twice'

# A dataset with classes is a bandit.
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
alone run "$dir/o.yaml" -q --set data.log="$dir/bars.h5"
refused "a dataset that is no log" 2 'no log of decisions'
cat >"$dir/r.yaml" <<Y
job: bandit
horizon: 600
data: {train: $dir/bars.h5}
environment: {kind: rows}
policy: {kind: linucb, disjoint: true, beta: 0.2}
Y
alone run "$dir/r.yaml" -q --set output.run="$dir/r.1.h5"
want=$(field digest)
ended 0 && echo "$(field regret)" | awk '{ exit !($1 > 5 && $1 < 200) }'
result "a class is an arm: $(field regret) of 600 rows are not taken for theirs" $?
ranks 3 run "$dir/r.yaml" -q --set output.run="$dir/r.3.h5"
ended 0 && [ "$(field digest)" = "$want" ]
result "with the same digest on three ranks" $?
set -- -q --set agents.count=3 --set horizon=200 --set protocol.kind=dislinucb --set protocol.threshold=20
alone run "$dir/r.yaml" "$@" --set output.run="$dir/s.1.h5"
want=$(field digest)
ranks 2 run "$dir/r.yaml" "$@" --set output.run="$dir/s.2.h5"
ended 0 && [ "$(field digest)" = "$want" ] && [ -n "$want" ] && echo "$(field messages)" | awk '{ exit !($1 > 0) }'
result "agents share the rows, and tell" $?
alone run "$dir/r.yaml" -q --set policy.disjoint=false
refused "rows need a vector an arm" 2 'policy.disjoint: true'
alone run "$dir/r.yaml" -q --set environment.arms=3
refused "rows say how many arms there are" 2 'environment.arms.*takes all from data.train'
alone run "$dir/r.yaml" -q --set environment.pays=costs
refused "classes are no costs" 2 'environment.pays'
alone run "$dir/r.yaml" -q --set resources.memory=0.0001
refused "rows that do not fit" 1 'every rank holds all rows'
sed '/^data/d' "$dir/r.yaml" >"$dir/n.yaml"
alone run "$dir/n.yaml" -q
refused "rows are of a dataset" 2 'needs a dataset: data.train'
finish
