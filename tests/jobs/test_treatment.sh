#!/bin/sh
# The treatment job as a user meets it: one digest on any ranks, a resume on another number of ranks, and
# what policies regret.
. "$srcdir/tests/jobs/common.sh"
cat >"$dir/d.yaml" <<'Y'
job: treatment
seed: 3
seeds: 4
patients: 3000
policy: {kind: dtr, pulls: 5}
Y
alone run "$dir/d.yaml" -q --set output.run="$dir/d.1.h5"
want=$(field digest) regret=$(field regret)
ended 0 && [ -n "$want" ] && [ "$(field forced)" = 160.0 ]
result "160 of 3000 patients are forced" $?
for p in 2 3; do
  ranks $p run "$dir/d.yaml" -q --set output.run="$dir/d.$p.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "the digest on $p ranks is $(field digest), on one $want" $?
done
alone run "$dir/d.yaml" -q --set policy.kind=uniform --set output.run="$dir/u.h5"
ended 0 && echo "$(field regret) $regret" | awk '{ exit !($2 < 0.15 * $1 && $2 > 0) }'
result "two estimators regret $regret, any arm $(field regret)" $?

long="--set patients=40000 --set output.run=$dir/long.h5 --set output.checkpoint.every_rounds=400"
# shellcheck disable=SC2086
{
  alone run "$dir/d.yaml" -q $long --set output.run="$dir/straight.h5" --set output.checkpoint.every_rounds=0
  want=$(field digest)
  stopped USR1 3 "$dir/long" run "$dir/d.yaml" -q $long
  ended 75 && complained 'interrupted after patient [0-9]+ of 40000'
  result "a signal ends the run with code 75 (got $code)" $?
  alone run "$dir/d.yaml" -q $long --resume --set output.checkpoint.every_rounds=0
  ended 0 && [ "$(field digest)" = "$want" ]
  result "it goes on with the digest $(field digest), straight $want" $?
}
alone run "$dir/d.yaml" -q --set policy.kind=best
refused "a policy is one of five" 2 'policy.kind'
alone run "$dir/d.yaml" -q --set policy.gap=0
refused "a gap of 0 names its key" 2 'policy.gap'
alone run "$dir/d.yaml" -q --set resources.memory=1e-6
refused "patients that memory does not hold" 1 'resources.memory'
finish
