#!/bin/sh
# What may stand between agents and the sum of a batch, as a user meets it: neighbours on a graph, liars
# and a rule, masks, a budget. One digest on any ranks, resumes on other ranks, what is refused.
. "$srcdir/tests/jobs/common.sh"
cat >"$dir/b.yaml" <<'Y'
job: bandit
seed: 3
seeds: 2
horizon: 3000
environment: {kind: sphere, dimension: 6, arms: 8, sets: 5, noise: 0.5}
agents: {count: 16}
protocol: {kind: disbe_lucb, beta: 1}
Y
run() {
  alone run "$dir/b.yaml" -q --set output.run="$dir/b.h5" "$@"
}
# On 3 ranks it has the digest that it had on one.
same() {
  want=$(field digest)
  ranks 3 run "$dir/b.yaml" -q --set output.run="$dir/b.3.h5" "$@"
  ended 0 && [ -n "$want" ] && [ "$(field digest)" = "$want" ]
  result "the digest on 3 ranks is that of one" $?
}
# Stopped on 3 ranks and gone on with on one, it has the digest of a run that was not.
long() {
  rm -f "$dir"/long*
  alone run "$dir/b.yaml" -q --set horizon=60000 --set output.run="$dir/straight.h5" "$@"
  want=$(field digest)
  stopped USR1 3 "$dir/long" run "$dir/b.yaml" -q --set horizon=60000 \
    --set output.run="$dir/long.h5" --set output.checkpoint.every_rounds=3000 "$@"
  ended 75
  result "a signal ends the run with code 75 (got $code)" $?
  alone run "$dir/b.yaml" -q --set horizon=60000 --set output.run="$dir/long.h5" \
    --set output.checkpoint.every_rounds=3000 --resume "$@"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "it goes on with the digest of a straight run" $?
}

run
server=$(field regret)
graph="--set protocol.kind=decbe_lucb --set topology.kind=torus"
# shellcheck disable=SC2086
{
  run $graph
  # 4 batches of S rounds, in which 16 agents tell 4 neighbours
  ended 0 && echo "$(field regret) $server $(field messages) $(field consensus_rounds)" |
    awk '{ exit !($1 < 1.3 * $2 && $3 == 4 * $4 * 64) }'
  result "without a server regret is $(field regret), with one $server" $?
  long $graph
  run $graph --set protocol.bits=8
  refused "averages are not rounded" 2 'protocol.bits'
  run $graph --set horizon=60
  refused "a batch must be longer than a consensus" 2 'neighbours take its last'
}
run --set topology.kind=ring
refused "a server needs no graph" 2 'topology.kind'
run --set protocol.kind=decbe_lucb
refused "neighbours need one" 2 'topology.kind'

liars="--set attack.name=sign_flip --set attack.scale=50 --set attack.count=4"
rule="--set aggregate.rule=median --set aggregate.byzantine=4"
# shellcheck disable=SC2086
{
  run $liars
  ended 0 && echo "$(field regret) $server" | awk '{ exit !($1 > 5 * $2) }'
  result "four liars in sixteen break the sum: regret $(field regret)" $?
  run $liars $rule
  ended 0 && echo "$(field regret) $server" | awk '{ exit !($1 < 1.5 * $2) }'
  result "and not the median: regret $(field regret)" $?
  same $liars $rule
  run $rule --set secure.aggregate=masks --set secure.bound=1
  refused "masks hide what a rule looks at" 2 'only their sum'
  run $liars --set protocol.kind=fedlinucb
  refused "online protocols exchange matrices" 2 'sums of vectors'
}
run --set aggregate.rule=median
refused "a rule must know how many lie" 2 'aggregate.byzantine'

run --set secure.aggregate=sum --set secure.bound=1
want=$(field digest)
run --set secure.aggregate=masks --set secure.bound=1
ended 0 && [ "$(field digest)" = "$want" ]
result "masks leave no bit in the sum" $?
same --set secure.aggregate=masks --set secure.bound=1
run --set secure.aggregate=masks
refused "masks need a public bound" 2 'secure.bound'

budget="--set privacy.epsilon=1 --set privacy.delta=1e-6 --set privacy.clip=2"
test_key="--set privacy.test_key=true"
# shellcheck disable=SC2086
{
  run $budget
  ended 0 && echo "$(field epsilon) $(field regret) $server" |
    awk '{ exit !($1 > 0.99 && $1 <= 1 && $2 < 2 * $3) }'
  result "regret under a budget of $(field epsilon) is $(field regret)" $?
  [ ! -e "$dir/b.h5.secret" ]
  result "the secret is gone when the run has ended" $?
  run $budget $test_key --set privacy.unit=agent
  same $budget $test_key --set privacy.unit=agent
  long $budget $test_key --set privacy.noise=hardened
  run $budget --set privacy.ledger="$dir/all.ledger" --set privacy.budget=1.2
  ended 0
  result "a run takes its part of a shared budget" $?
  run $budget --set privacy.ledger="$dir/all.ledger" --set output.run="$dir/second.h5"
  refused "a second is more than is left" 3 'budget'
  run $budget --set secure.aggregate=masks
  refused "noise on the sum and masks do not go together" 2 'leave out one of secure and privacy'
}
finish
