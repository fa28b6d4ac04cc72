#!/bin/sh
# The analytic job by a robust rule as a user meets it: one digest on any ranks, accuracy that
# attackers do not take, what the plan counts, and what is refused before any work.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0
result "the dataset is there" $?
cat >"$dir/a.yaml" <<Y
job: analytic
seed: 3
data: {train: bars.h5, test: bars.h5}
clients: {count: 12, partition: iid}
attack: {name: sign_flip, count: 3, scale: 10}
output: {run: out.h5}
Y
rule="--set aggregate.rule=geometric_median --set aggregate.byzantine=3 --set aggregate.pre=[nnm]"

alone run "$dir/a.yaml" -q --set output.run="$dir/m.h5"
ended 0 && field accuracy | awk '{ exit !($1 < 0.5) }'
result "attackers take the mean's accuracy: $(field accuracy)" $?
# shellcheck disable=SC2086
ranks 1 run "$dir/a.yaml" -q $rule --set output.run="$dir/1.h5"
want=$(field digest) up=$(field uplink_bytes) setup=$(field setup_uplink_bytes)
ended 0 && [ -n "$want" ] && [ "$(field attackers)" = 3 ] && [ "$(field excluded)" = 0 ] &&
  field accuracy | awk '{ exit !($1 > 0.8) }'
result "a rule keeps it: $(field accuracy)" $?
# shellcheck disable=SC2086
ranks 3 run "$dir/a.yaml" -q $rule --set output.run="$dir/3.h5"
ended 0 && [ "$(field digest)" = "$want" ]
result "the same digest on three ranks" $?
# shellcheck disable=SC2086
alone run "$dir/a.yaml" -q $rule --dry-run
ended 0 && [ "$(field uplink_bytes)" = "$up" ] && [ "$(field setup_uplink_bytes)" = "$setup" ]
result "a dry run counts the same bytes" $?
with=$(field rank_bytes)
alone run "$dir/a.yaml" -q --dry-run --set attack.name=none --set attack.count=0
ended 0 && [ "$(field rank_bytes)" -lt "$with" ]
result "a dry run counts the clients' vectors" $?
# shellcheck disable=SC2086
alone run "$dir/a.yaml" -q $rule --dry-run --set clients.partition=dirichlet --set clients.alpha=1
ended 0 && complained "clients.partition is dirichlet: honest clients' statistics then differ"
result "unlike clients are warned of" $?

# What is refused. SENTENCE, PATTERN, KEY=VALUE...
check_set() {
  sentence=$1 pattern=$2
  shift 2
  set_options=
  for s in "$@"; do set_options="$set_options --set $s"; done
  # shellcheck disable=SC2086
  alone run "$dir/a.yaml" -q --set output.run="$dir/no.h5" $set_options
  refused "$sentence" 2 "$pattern"
}
check_set "a rule without a number of attackers" 'aggregate.byzantine.*say how many' \
  aggregate.rule=median
check_set "masks and a rule" "'masks' hides contributions.*aggregate 'median' is not a sum" \
  aggregate.rule=median aggregate.byzantine=3 secure.aggregate=masks secure.bound=9
check_set "masks and an attack" 'masks leave none to be read' secure.aggregate=masks secure.bound=9
check_set "a privacy budget and a rule" 'aggregate.rule.*noise of private statistics' \
  aggregate.rule=median aggregate.byzantine=3 privacy.epsilon=8 privacy.delta=1e-4 privacy.clip=0.5
alone run "$dir/a.yaml" -q --set aggregate.rule=median --set aggregate.byzantine=3 \
  --set clients.count=400 --set features.kind=relu --set features.count=3000 \
  --set resources.memory=4
refused "vectors that memory has no room for" 1 'GiB of it for the statistics of single clients'
finish
