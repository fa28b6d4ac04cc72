#!/bin/sh
# The bandit job as a user meets it: one digest on any ranks, a resume on another number of ranks, what
# is counted, the corners of the settings, and the refusals of what cannot be.
. "$srcdir/tests/jobs/common.sh"
cat >"$dir/b.yaml" <<'Y'
job: bandit
seed: 3
seeds: 2
horizon: 3000
environment: {kind: sphere, dimension: 6, arms: 8, sets: 5, noise: 0.5}
agents: {count: 5}
protocol: {kind: disbe_lucb, beta: 1, bits: 16}
Y
online="--set protocol.kind=fedlinucb --set agents.active=one --set policy.kind=linucb --set horizon=800"

alone run "$dir/b.yaml" -q --set output.run="$dir/b.1.h5"
want=$(field digest) batches=$(field batches)
# log2(5 3000 / 6) = 11.3, so 1 + log2(11.3 / 2 + 1) = 3.7 batches, rounded up
ended 0 && [ -n "$want" ] && [ "$batches" = 4 ] &&
  [ "$(field uplink_reals_per_agent)" = 24.0 ] && [ "$(field downlink_reals_per_agent)" = 24.0 ] &&
  [ "$(field uplink_bits_per_agent)" = 384.0 ]
result "an agent sends d numbers a batch, and gets as many" $?
for p in 2 3; do
  ranks $p run "$dir/b.yaml" -q --set output.run="$dir/b.$p.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "the digest on $p ranks is $(field digest), on one $want" $?
done
regret=$(field regret)
# shellcheck disable=SC2086
{
  alone run "$dir/b.yaml" -q --set protocol.kind=none --set policy.kind=epsilon_greedy \
    --set policy.epsilon=1 --set output.run="$dir/n.h5"
  ended 0 && echo "$(field regret) $regret" | awk '{ exit !($2 < 0.3 * $1 && $2 > 0) }'
  result "batches regret $regret where any arm regrets $(field regret)" $?
  alone run "$dir/b.yaml" -q $online --set output.run="$dir/f.h5"
  ended 0 && [ "$(field batches)" = 0 ] &&
    echo "$(field messages)" | awk '{ exit !($1 > 10 && $1 < 400) }'
  result "few messages go to and from a server: $(field messages)" $?
  want=$(field digest)
  ranks 4 run "$dir/b.yaml" -q $online --set output.run="$dir/f.4.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "and the digest is the same on 4 ranks" $?

  # A long run is told to stop on three ranks, which share agents, and goes on alone.
  long="$online --set horizon=100000 --set output.run=$dir/long.h5 --set output.checkpoint.every_rounds=2000"
  alone run "$dir/b.yaml" -q $long --set output.run="$dir/straight.h5" --set output.checkpoint.every_rounds=0
  want=$(field digest)
  stopped USR1 3 "$dir/long" run "$dir/b.yaml" -q $long
  ended 75 && complained 'interrupted after round [0-9]+ of 100000'
  result "a signal ends the run with code 75 (got $code)" $?
  alone run "$dir/b.yaml" -q $long --resume
  ended 0 && [ "$(field digest)" = "$want" ]
  result "it goes on with the digest $(field digest), straight $want" $?
}

for corner in environment.arms=1 environment.dimension=1 agents.count=1 horizon=1 environment.sets=1 \
  environment.noise=0; do
  alone run "$dir/b.yaml" -q --set horizon=300 --set "$corner" --set output.run="$dir/c.h5"
  ended 0 && echo "$(field regret)" | awk '{ exit !($1 >= 0 && $1 < 1e4) }'
  result "$corner is played: regret $(field regret)" $?
done

alone run "$dir/b.yaml" -q --set protocol.kind=none --set policy.kind=thompson_bernoulli
refused "a policy that counts ones and zeros is of no other rewards" 2 'environment.link'
alone run "$dir/b.yaml" -q --set protocol.kind=none --set policy.kind=ds_oful --set policy.gamma=2
refused "a policy that would never learn is refused" 2 'policy.gamma'
alone run "$dir/b.yaml" -q --set environment.sets=0 --set environment.offer=own
refused "an agent's own offer is a set of a pool" 2 'environment.sets'
alone run "$dir/b.yaml" -q --set policy.kind=thompson
refused "a protocol with a policy of its own takes no other" 2 'policy.kind=thompson: .*policy of its own'
alone run "$dir/b.yaml" -q --set agents.active=one
refused "batches are of all agents" 2 'agents.active'
alone run "$dir/b.yaml" -q --set protocol.kind=full --set protocol.bits=8
refused "bits mean nothing to another protocol" 2 'protocol.bits'
alone run "$dir/b.yaml" -q --set environment.dimension=0
refused "arms need an entry" 2 'environment.dimension=0: .*choose 1 or more'
grep -v environment: "$dir/b.yaml" >"$dir/bare.yaml"
alone run "$dir/bare.yaml" -q --set environment.arms=3 --set environment.sets=1
refused "a missing number of entries is named with the file" 2 'bare.yaml: environment.dimension'
alone run "$dir/b.yaml" -q --set resources.memory=1e-6
refused "a run that needs more memory than it is given is refused" 1 'resources.memory'
finish
