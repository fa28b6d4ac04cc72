#!/bin/sh
# The low_rank_rl job as a user meets it: one digest on any ranks, fewer trajectories than alone, and the
# refusals of what cannot be.
. "$srcdir/tests/jobs/common.sh"
cat >"$dir/r.yaml" <<'Y'
job: low_rank_rl
seed: 3
users: 60
world: {states: 6, actions: 3, horizon: 3, rank: 2}
collect: {explore: 3, rounds: 6, batch: 4}
completion: {rank: 2}
Y
alone run "$dir/r.yaml" -q --set output.run="$dir/r.1.h5"
want=$(field digest)
ended 0 && [ -n "$want" ] && [ "$(field trajectories_per_user)" = 27 ] &&
  echo "$(field gap) $(field gap_alone)" | awk '{ exit !($1 < 0.5 * $2 && $1 >= 0) }'
result "plans are $(field gap) from the best, $(field gap_alone) alone" $?
for p in 2 3; do
  ranks $p run "$dir/r.yaml" -q --set output.run="$dir/r.$p.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "the digest on $p ranks is $(field digest), on one $want" $?
done
long="--set collect.rounds=150 --set output.run=$dir/long.h5"
# shellcheck disable=SC2086
{
  alone run "$dir/r.yaml" -q $long --set output.run="$dir/straight.h5"
  want=$(field digest)
  stopped USR1 3 "$dir/long" run "$dir/r.yaml" -q $long --set output.checkpoint.every_rounds=2
  ended 75 && complained 'interrupted after round [0-9]+ of 150'
  result "a signal ends the run with code 75 (got $code)" $?
  alone run "$dir/r.yaml" -q $long --resume
  ended 0 && [ "$(field digest)" = "$want" ]
  result "it goes on with the digest $(field digest), straight $want" $?
}
alone run "$dir/r.yaml" -q --set completion.rank=0
refused "a completion has a rank" 2 'completion.rank'
alone run "$dir/r.yaml" -q --set users=0
refused "there is a user" 2 'users'
alone run "$dir/r.yaml" -q --set resources.memory=1e-6
refused "users that memory does not hold" 1 'resources.memory'
finish
