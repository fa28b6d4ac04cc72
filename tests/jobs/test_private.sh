#!/bin/sh
# The private job as a user meets it: one digest on any ranks, a ledger that no crash and no second
# run can overspend, nothing of the rows in the files, and the refusals.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0
result "the dataset is there" $?
cat >"$dir/p.yaml" <<'Y'
job: private
seed: 3
data: {train: bars.h5, test: bars.h5}
model: {kind: softmax}
optimizer: {kind: sgd, lr: 2, momentum: 0.5, batch: 150}
train: {steps: 30, block: 16}
privacy: {epsilon: 6, delta: 1e-4, clip: 0.5}
Y
charges() { grep -c '^charge ' "$1"; }

alone run "$dir/p.yaml" --dry-run
ended 0 && [ "$(field releases)" = 30 ] && [ "$(field rate)" = 0.25 ] &&
  field epsilon | awk '{ exit !($1 <= 6 && $1 > 5.999) }' && [ ! -e "$dir/p.h5.ledger" ]
result "a dry run says what will be spent ($(field epsilon) of 6), and spends nothing" $?

# With the test key, one digest on any ranks.
test="--set privacy.test_key=true"
# shellcheck disable=SC2086
alone run "$dir/p.yaml" -q $test --set output.run="$dir/p.1.h5"
want=$(field digest)
ended 0 && complained 'protects nobody' && [ -n "$want" ]
result "the test key is said to protect nobody" $?
field accuracy | awk '{ exit !($1 > 0.6) }'
result "the bars are learnt: accuracy $(field accuracy)" $?
for p in 2 3 4; do
  # shellcheck disable=SC2086
  ranks $p run "$dir/p.yaml" -q $test --set output.run="$dir/p.$p.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "the digest on $p ranks is $(field digest), on one $want" $?
done
alone run "$dir/p.yaml" -q --set output.run="$dir/q.h5"
first=$(field digest)
alone run "$dir/p.yaml" -q --set output.run="$dir/q.h5"
ended 0 && [ "$first" != "$want" ] && [ "$(field digest)" != "$first" ]
result "without it no two runs have the same noise" $?
[ "$(charges "$dir/q.h5.ledger")" -eq 30 ]
result "every step is charged in the run's own ledger" $?
alone inspect "$dir/q.h5"
ended 0 && ! said 'train_loss|data\.train|/clients|dropped|batch'
result "the run file does not tell of the training rows" $?

# Rows that are not finite say nothing, and end nothing.
"$bad_dataset" nonfinite "$dir/hole.h5"
alone run "$dir/p.yaml" -q --set data.train="$dir/hole.h5" --set data.test="$dir/hole.h5" \
  --set data.on_nonfinite=drop --set optimizer.batch=8 --set output.run="$dir/hole.out.h5"
ended 0 && ! complained 'data.train'
result "a row that is not finite contributes nothing, in silence" $?

# A run that is killed goes on with fresh noise, and what it lost stays charged.
slow="--set train.steps=1000 --set privacy.sigma=4 --set output.run=$dir/k.h5 \
  --set output.checkpoint.every_steps=50"
sed 's/epsilon: 6, //' "$dir/p.yaml" >"$dir/k.yaml"
# shellcheck disable=SC2086
stopped 9 1 "$dir/k" run "$dir/k.yaml" -q $slow
kept=$(find "$dir" -name 'k.checkpoint-*.h5' | head -n 1)
alone inspect "$kept"
ended 0 && said '^data\.test ' && ! said '^data\.train |train_loss'
result "a checkpoint has no digest and no loss of the training rows" $?
if command -v h5ls >/dev/null; then
  h5ls -r "$kept" | sed -n 's/^\/state\/\([^ ]*\) *Dataset.*/\1/p' | sort | tr '\n' ' ' >"$dir/out"
  said '^counts figures optimizer/momentum optimizer/step parameters $'
  result "a checkpoint holds what was released, and no secret, sums or samples" $?
else
  skip "what a checkpoint holds: there is no h5ls"
fi
before=$(charges "$dir/k.h5.ledger")
# shellcheck disable=SC2086
alone run "$dir/k.yaml" -q $slow --resume
lost=$(field lost_steps)
ended 0 && [ "$before" -lt 1000 ] && [ "$(charges "$dir/k.h5.ledger")" -eq 1000 ] &&
  [ "$lost" -ge 0 ] && [ "$lost" -lt "$before" ]
result "a killed run had charged $before steps, lost $lost, and is charged 1000 in all" $?

# A checkpoint without its ledger, and a cycle that a stop cuts.
# shellcheck disable=SC2086
stopped TERM 1 "$dir/m" run "$dir/k.yaml" -q $slow --set output.run="$dir/m.h5" --set train.steps=100000 \
  --set privacy.sampler=cyclic
mv "$dir/m.h5.ledger" "$dir/elsewhere"
# shellcheck disable=SC2086
alone run "$dir/k.yaml" -q $slow --set output.run="$dir/m.h5" --set train.steps=100000 \
  --set privacy.sampler=cyclic --resume
refused "a checkpoint whose steps the ledger does not know is not gone on from" 2 \
  'the ledger knows of 0'

# A ledger that two runs share.
both="--set privacy.ledger=$dir/race.ledger --set privacy.budget=6"
# shellcheck disable=SC2086
"$muster" run "$dir/p.yaml" -q $both --set output.run="$dir/e.h5" >/dev/null 2>&1 </dev/null &
pid=$!
watch_over $pid
# shellcheck disable=SC2086
alone run "$dir/p.yaml" -q $both --set output.run="$dir/f.h5"
wait $pid
other=$?
case $code$other in 03 | 30 | 33) [ "$(charges "$dir/race.ledger")" -eq 30 ] ;; *) false ;; esac
result "two runs at once end with $code and $other: what fits is charged once, 30 steps" $?
shared="--set privacy.ledger=$dir/both.ledger"
# shellcheck disable=SC2086
alone run "$dir/p.yaml" -q $shared --set privacy.budget=8 --set output.run="$dir/a.h5"
ended 0 && [ "$(field ledger_budget)" = 8.0 ]
result "a run begins a ledger with a budget of 8 and spends $(field ledger_epsilon)" $?
# shellcheck disable=SC2086
alone run "$dir/p.yaml" -q $shared --set output.run="$dir/b.h5"
refused "a second run like it would overspend" 3 'budget is epsilon 8 .* would be spent'
[ "$(charges "$dir/both.ledger")" -eq 30 ] && nothing_of "$dir/b.h5"
result "and released nothing" $?
printf 'charge 0 0' >>"$dir/both.ledger" # what a crash left of a charge that was never confirmed
# shellcheck disable=SC2086
ranks 2 run "$dir/p.yaml" -q $shared --set privacy.epsilon=2 --set output.run="$dir/c.h5"
ended 0 && field ledger_epsilon | awk '{ exit !($1 > 6 && $1 <= 8) }'
result "a smaller one fits, both have spent $(field ledger_epsilon)" $?
# shellcheck disable=SC2086
alone run "$dir/p.yaml" -q $shared --set privacy.epsilon=2 --set privacy.budget=100 \
  --set output.run="$dir/d.h5"
refused "a ledger's budget cannot be raised from outside" 2 "the ledger's budget is epsilon 8"
sed -i 's/^charge 0 0 1$/charge 0 0 x/' "$dir/both.ledger"
# shellcheck disable=SC2086
alone run "$dir/p.yaml" -q $shared --set privacy.epsilon=0.1 --set output.run="$dir/d.h5"
refused "a damaged ledger releases nothing" 2 'line [0-9]+ of the ledger is damaged'
cp "$dir/bars.csv" "$dir/precious"
printf 'no line at all' >"$dir/short"
cp "$dir/short" "$dir/short.was"
for f in precious short; do
  alone run "$dir/p.yaml" -q --set privacy.ledger="$dir/$f" --set output.run="$dir/d.h5"
  refused "a file that is no ledger is refused" 2 'line 1 of the ledger is damaged'
done
cmp -s "$dir/bars.csv" "$dir/precious" && cmp -s "$dir/short" "$dir/short.was"
result "and left as it was" $?

# What cannot be.
{ # 40 images of 8 x 8, and their labels
  printf '\223NUMPY\001\000\166\000'
  printf '%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (40, 8, 8), }"
  head -c 10240 /dev/zero
} >"$dir/x.npy"
{
  printf '\223NUMPY\001\000\166\000'
  printf '%-117s\n' "{'descr': '<i4', 'fortran_order': False, 'shape': (40,), }"
  head -c 160 /dev/zero
} >"$dir/y.npy"
alone import npy "$dir/x.npy" "$dir/y.npy" -o "$dir/images.h5"
alone run "$dir/p.yaml" -q --set features.kind=conv --set features.patch=3 \
  --set data.train="$dir/images.h5" --set data.test="$dir/images.h5"
refused "features that are fitted to the rows are refused" 2 'not private'
alone run "$dir/p.yaml" -q --set privacy.sampler=fixed
refused "batches of a fixed size need replace_one" 2 'replace_one'
alone run "$dir/p.yaml" -q --set privacy.sampler=shuffled
refused "shuffled batches are no sampler, and cannot claim to be poisson" 2 'shuffled'
alone run "$dir/p.yaml" -q --set stop.metric=accuracy --set stop.at=0.5
refused "an early stop would follow what the rows say, and is refused" 2 'stop'
alone run "$dir/p.yaml" -q --set model.kind=mlp --set model.hidden='[8]' --set model.norm=batch
refused "a model that mixes the rows of a batch is refused" 2 'the other rows'
alone run "$dir/p.yaml" -q --set privacy.accountant=gdp_clt
refused "an accountant that only estimates is refused" 2 'estimate'
alone run "$dir/p.yaml" -q --set privacy.sigma=2
refused "epsilon and sigma exclude each other" 2 'give one of'
for s in fixed full cyclic; do
  alone run "$dir/p.yaml" -q --set privacy.sampler=$s --set privacy.adjacency=replace_one \
    --set output.run="$dir/$s.h5"
  ended 0 && field epsilon | awk '{ exit !($1 <= 6 && $1 > 5.9) }'
  result "sampler $s spends $(field epsilon) of 6" $?
done
finish
