#!/bin/sh
# The identify job as a user meets it: one digest on any ranks, a resume on another number of ranks,
# pulls and errors, and the refusals of what cannot be.
. "$srcdir/tests/jobs/common.sh"
cat >"$dir/i.yaml" <<'Y'
job: identify
seed: 3
seeds: 60
instance: {kind: soare, dimension: 5, angle: 0.3, noise: 0.5}
identify: {method: glucb, delta: 0.05}
Y

alone run "$dir/i.yaml" -q --set output.run="$dir/i.1.h5"
want=$(field digest) pulls=$(field pulls)
ended 0 && [ -n "$want" ] && [ "$(field instances)" = 60 ] && [ "$(field undecided)" = 0 ] &&
  echo "$(field error) $(field error_upper) $pulls" | awk '{ exit !($1 <= 0.05 && $2 > $1 && $2 < 0.15 && $3 > 100) }'
result "the best arm is found in $pulls pulls, with errors $(field error) and at most $(field error_upper)" $?
for p in 2 3; do
  ranks $p run "$dir/i.yaml" -q --set output.run="$dir/i.$p.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "the digest on $p ranks is $(field digest), on one $want" $?
done
alone run "$dir/i.yaml" -q --set identify.method=lucb --set seeds=3 --set output.run="$dir/l.h5"
ended 0 && echo "$(field pulls) $pulls" | awk '{ exit !($1 > 10 * $2) }'
result "without the arms' vectors it takes $(field pulls)" $?

# Tasks that share a subspace, and tasks that do not.
cat >"$dir/s.yaml" <<'Y'
job: identify
seed: 3
seeds: 2
instance: {kind: shared, dimension: 12, arms: 24, tasks: 100, rank: 2, noise: 0.5}
identify: {method: douexpdes, rank: 2, constant: 0.0003}
Y
alone run "$dir/s.yaml" -q --set output.run="$dir/s.h5"
found=$(field pulls)
ended 0 && [ "$(field wrong)" = 0 ] && [ "$(field alone)" = 0 ]
result "a shared subspace is found" $?
complained 'identify.constant is 0.0003, below 1' && once
result "that delta is not known to hold is said" $?
alone run "$dir/s.yaml" -q --set identify.method=task_by_task --set output.run="$dir/t.h5"
ended 0 && echo "$found $(field pulls)" | awk '{ exit !($1 < $2 / 4) }'
result "it saves pulls: $found, task by task $(field pulls)" $?
alone run "$dir/s.yaml" -q --set instance.kind=unshared --set output.run="$dir/u.h5"
ended 0 && [ "$(field wrong)" = 0 ] && [ "$(field alone)" = 2 ]
result "that there is none is found out" $?

# A long run is told to stop on three ranks, and goes on alone.
long="--set identify.method=lucb --set seeds=120 --set output.run=$dir/long.h5 --set output.checkpoint.every_rounds=7"
# shellcheck disable=SC2086
{
  stopped USR1 3 "$dir/long" run "$dir/i.yaml" -q $long
  ended 75 && complained 'interrupted after instance [0-9]+ of 120'
  result "a signal ends the run with code 75 (got $code)" $?
  alone run "$dir/i.yaml" -q $long --resume
  resumed=$(field digest)
  ended 0
  result "it goes on" $?
  ranks 2 run "$dir/i.yaml" -q $long --set output.run="$dir/straight.h5"
  ended 0 && [ "$(field digest)" = "$resumed" ]
  result "with the digest $resumed, straight $(field digest)" $?
}

alone run "$dir/i.yaml" -q --set identify.most=50 --set output.run="$dir/m.h5"
ended 0 && [ "$(field undecided)" = 60 ] && [ "$(field wrong)" = 0 ] && [ "$(field error_upper)" = 1.0 ]
result "what needs too many pulls is undecided" $?
alone run "$dir/i.yaml" -q --dry-run
ended 0 && said 'instances.*60'
result "a dry run says what there is to do" $?
alone run "$dir/i.yaml" -q --set identify.delta=0
refused "delta 0" 2 'identify.delta'
alone run "$dir/i.yaml" -q --set instance.tasks=3
refused "an instance of one task has no number of tasks" 2 'instance.tasks'
alone run "$dir/s.yaml" -q --set instance.arms=9
refused "fewer arms than dimensions" 2 'there are 9 arms'
alone run "$dir/s.yaml" -q --set instance.rank=13
refused "a rank above the dimension" 2 'instance.rank: 13 of 12'
alone run "$dir/s.yaml" -q --set instance.kind=unshared --set identify.rank=0
refused "a rank that nobody says" 2 'must be told'
alone run "$dir/i.yaml" -q --set identify.method=c_douexpdes
refused "no contexts" 2 'with contexts'
alone run "$dir/i.yaml" -q --set instance.kind=sphere --set instance.arms=5 --set instance.gap=4
refused "a gap that cannot be" 2 'none of 200000'
alone run "$dir/i.yaml" -q --set identify.ridge=1e-300
refused "a ridge that rounding swallows" 2 'identify.ridge'
alone run "$dir/s.yaml" -q --set seeds=1e9 --set instance.tasks=1e6
refused "more answers than can be counted" 2 'seeds'
alone run "$dir/i.yaml" -q --set output.run="$dir/g.h5" --set seeds=1 --set identify.method=xy_static --set identify.growth=1e-300
ended 0 && [ "$(field undecided)" = 0 ]
result "batches grow by a pull at least" $?
finish
