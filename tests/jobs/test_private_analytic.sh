#!/bin/sh
# The analytic job under a budget as a user meets it: one digest on any ranks, charges before the
# release, nothing of the rows in the files, and the refusals.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0
result "the dataset is there" $?
cat >"$dir/a.yaml" <<'Y'
job: analytic
seed: 3
data: {train: bars.h5, test: bars.h5}
clients: {count: 20, partition: iid}
privacy: {epsilon: 8, delta: 1e-4, clip: 0.5}
Y
plain="job: analytic
data: {train: bars.h5, test: bars.h5}
clients: {count: 20, partition: iid}"
charges() { grep -c '^charge ' "$1"; }

alone run "$dir/a.yaml" --dry-run
ended 0 && field epsilon | awk '{ exit !($1 <= 8 && $1 > 7.999) }' && [ ! -e "$dir/a.h5.ledger" ]
result "a dry run says what will be spent ($(field epsilon) of 8), and spends nothing" $?

test="--set privacy.test_key=true"
# shellcheck disable=SC2086
alone run "$dir/a.yaml" -q $test --set output.run="$dir/a.1.h5"
want=$(field digest)
ended 0 && complained 'protects nobody' && [ -n "$want" ] &&
  field accuracy | awk '{ exit !($1 > 0.6) }'
result "the bars are learnt in one round: accuracy $(field accuracy)" $?
[ "$(charges "$dir/a.1.h5.ledger")" -eq 2 ]
result "both releases are charged" $?
for p in 2 3 4; do
  # shellcheck disable=SC2086
  ranks $p run "$dir/a.yaml" -q $test --set output.run="$dir/a.$p.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "the digest on $p ranks is $(field digest), on one $want" $?
done
alone run "$dir/a.yaml" -q --set output.run="$dir/q.h5"
first=$(field digest)
alone run "$dir/a.yaml" -q --set output.run="$dir/q.h5"
ended 0 && [ "$first" != "$want" ] && [ "$(field digest)" != "$first" ]
result "without the test key no two runs have the same noise" $?
alone inspect "$dir/q.h5"
ended 0 && said '^  epsilon ' && ! said 'train_loss|data\.train *[0-9a-f]|/clients|dropped|gram_flops'
result "the run file does not tell of the training rows" $?

# Rows that are not finite say nothing, and end nothing.
"$bad_dataset" nonfinite "$dir/hole.h5"
alone run "$dir/a.yaml" -q --set data.train="$dir/hole.h5" --set data.test="$dir/hole.h5" \
  --set data.on_nonfinite=drop --set clients.count=1 --set output.run="$dir/hole.out.h5"
ended 0 && ! complained 'data.train'
result "a row that is not finite contributes nothing, in silence" $?

# A start that goes on after the charge does not release for free.
alone run "$dir/a.yaml" -q --set output.run="$dir/s.h5" --set privacy.ledger="$dir/shared.ledger"
ended 0
result "a shared ledger has room for one run" $?
alone run "$dir/a.yaml" -q --set output.run="$dir/t.h5" --set privacy.ledger="$dir/shared.ledger"
refused "a second run of the same budget is refused" 3 'epsilon 8'
[ "$(charges "$dir/shared.ledger")" -eq 2 ] && nothing_of "$dir/t.h5"
result "nothing is charged for it, and nothing released" $?
: >"$dir/empty.ledger"
alone run "$dir/a.yaml" -q --set output.run="$dir/e.h5" --set privacy.ledger="$dir/empty.ledger"
ended 0 && [ "$(charges "$dir/empty.ledger")" -eq 2 ]
result "an empty file, as a full disk leaves it, is no ledger yet" $?
alone run "$dir/a.yaml" -q --set output.run="$dir/w.h5" --set privacy.ledger="$dir/w.ledger" \
  --set data.test="$dir/hole.h5" --set data.train="$dir/hole.h5" --set clients.count=1
refused "test rows that are not finite are refused" 2 'data.test.*NaN'
[ "$(charges "$dir/w.ledger")" -eq 0 ]
result "before anything is charged" $?
alone run "$dir/a.yaml" -q --set output.run="$dir/w.h5" --set privacy.population=10
refused "more than twice as many rows as the population are refused" 2 'privacy.population=10: found 10'
nothing_of "$dir/w.h5" && [ ! -e "$dir/w.h5.ledger" ]
result "before there is a ledger" $?

# One client more or less.
alone run "$dir/a.yaml" -q --set privacy.unit=client --set privacy.client_rows=10 \
  --set output.run="$dir/u.h5"
ended 0 && field accuracy | awk '{ exit !($1 >= 0) }'
result "whole clients can be what the noise hides" $?

# Without the section the job is as ever.
printf '%s\n' "$plain" >"$dir/plain.yaml"
alone run "$dir/plain.yaml" -q --set output.run="$dir/plain.h5"
ended 0 && [ -n "$(field train_loss)" ] && [ ! -e "$dir/plain.h5.ledger" ]
result "an experiment without the section is not private" $?
alone run "$dir/plain.yaml" -q --set privacy.clip=1
refused "a section that says too little is refused" 2 'privacy.delta: missing'
alone run "$dir/a.yaml" -q --set privacy.epsilonn=1
refused "a misspelt key of it is refused" 2 'privacy.epsilonn'

refuse() { # KEY=VALUE, PATTERN
  alone run "$dir/a.yaml" -q --set output.run="$dir/r.h5" --set "$1"
  refused "$1 is refused" 2 "$2"
}
refuse privacy.noise=hardened 'grid of integers'
refuse reduce=fast 'floating-point sums'
refuse analytic.ridge=3 'privacy.floor'
refuse features.save_train="$dir/f.h5" 'not private'
refuse privacy.client_rows=3 'belong together'
refuse privacy.target_bound=1 'bound of their own'
refuse privacy.sigma=1 'one of privacy.epsilon'
finish
