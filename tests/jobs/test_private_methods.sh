#!/bin/sh
# Private methods with differences as a user meets them: one digest on any ranks, two kinds of
# releases in one ledger, runs that are broken off or would overspend, and the refusals.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0
result "the dataset is there" $?
cat >"$dir/p.yaml" <<'Y'
job: private
seed: 3
data: {train: bars.h5, test: bars.h5}
model: {kind: softmax, init: zero}
optimizer: {kind: sgd, lr: 0.5}
train: {steps: 30, block: 16}
method: {name: diff2, period: 6, smoothness: 2}
privacy: {epsilon: 6, delta: 1e-4, clip: 1, accountant: gdp}
Y
charges() { grep -c "^charge 0 $2 1" "$1"; }
test="--set privacy.test_key=true"

alone run "$dir/p.yaml" --dry-run
ended 0 && [ "$(field releases)" = 30 ] && [ "$(field rate)" = 1.0 ] &&
  field epsilon | awk '{ exit !($1 <= 6 && $1 > 5.9999) }' && [ ! -e "$dir/p.h5.ledger" ]
result "a dry run says what will be spent ($(field epsilon) of 6), and spends nothing" $?
for m in "name: diff2, period: 6, smoothness: 2" \
  "name: spiderboost, period: 6, smoothness: 2, rows: 60" \
  "name: tree_spider, smoothness: 2, depth: 3" \
  "name: recursive, stages: 3, regularizer: 0.01" \
  "name: diff2_bvr, period: 3, smoothness: 2, workers: 4, local_steps: 3, rows: 20, output: average"; do
  sed "s/^method: .*/method: {$m}/" "$dir/p.yaml" >"$dir/m.yaml"
  counts="1 2 4"
  case $m in
    *boost*) more="--set optimizer.batch=200 --set privacy.accountant=pld" ;;
    *tree*) more="--set train.steps=16 --set optimizer.lr=0.1" ;;
    *bvr*) more="--set privacy.accountant=pld" counts="1 4" ;;
    *) more= ;;
  esac
  want=
  for p in $counts; do
    # shellcheck disable=SC2086
    ranks $p run "$dir/m.yaml" -q $test $more --set output.run="$dir/m.$p.h5"
    [ -n "$want" ] || want=$(field digest)
    ended 0 && [ "$(field digest)" = "$want" ]
    result "$m: the digest on $p ranks is $(field digest)" $?
  done
  field accuracy | awk '{ exit !($1 > 0.5) }'
  result "the bars are learnt: accuracy $(field accuracy)" $?
  cp "$dir/m.4.h5.ledger" "$dir/ledger.$(echo "$m" | sed 's/name: //; s/,.*//')"
done
[ "$(charges "$dir/ledger.diff2" 0)" = 5 ] && [ "$(charges "$dir/ledger.diff2" 1)" = 25 ]
result "the ledger has 5 sums of gradients and 25 of differences" $?
[ "$(charges "$dir/ledger.tree_spider" 0)" = 1 ]
result "one pass is charged as one release" $?
[ "$(charges "$dir/ledger.recursive" 0)" = 10 ]
result "stages on rows of their own are charged as one" $?

[ "$(charges "$dir/ledger.diff2_bvr" 0)" = 4 ] && [ "$(charges "$dir/ledger.diff2_bvr" 2)" = 6 ] &&
  [ "$(charges "$dir/ledger.diff2_bvr" 1)" = 20 ] &&
  grep -q '^event 1 gaussian [^ ]* 1 poisson ' "$dir/ledger.diff2_bvr"
result "of 10 rounds 4 are charged gradients, 6 differences, and all their local steps as such" $?

# What a run ends with costs nothing; along trees an estimate that is short may end it.
# shellcheck disable=SC2086
alone run "$dir/p.yaml" -q $test --set method.output=random --set output.run="$dir/r.h5"
ended 0 && field epsilon | awk '{ exit !($1 <= 6 && $1 > 5.9999) }'
result "a random point of the run costs epsilon $(field epsilon), as the last one does" $?
sed 's/^method: .*/method: {name: tree_spider, smoothness: 2, depth: 3, stop: 1e9}/' "$dir/p.yaml" >"$dir/s.yaml"
# shellcheck disable=SC2086
alone run "$dir/s.yaml" -q $test --set train.steps=16 --set output.run="$dir/s.h5"
ended 0 && [ "$(field steps)" = 1 ] && [ "$(charges "$dir/s.h5.ledger" 0)" = 1 ]
result "a short estimate ends a run along trees, at its one charge" $?

# A run that is killed: what it kept goes on, what it lost stays charged.
slow="--set train.steps=2000 --set output.run=$dir/k.h5 --set output.checkpoint.every_steps=25"
# shellcheck disable=SC2086
stopped 9 1 "$dir/k" run "$dir/p.yaml" -q $slow
before=$(grep -c '^charge ' "$dir/k.h5.ledger")
# shellcheck disable=SC2086
alone run "$dir/p.yaml" -q $slow --resume
lost=$(field lost_steps)
ended 0 && [ "$before" -lt 2000 ] && [ "$(charges "$dir/k.h5.ledger" 0)" -eq 334 ] &&
  [ "$(charges "$dir/k.h5.ledger" 1)" -eq 1666 ] && [ "$lost" -ge 0 ] && [ "$lost" -lt "$before" ]
result "a killed run had charged $before steps, lost $lost, and is charged 334 and 1666 in all" $?

# A ledger that two runs share.
shared="--set privacy.ledger=$dir/both.ledger"
# shellcheck disable=SC2086
alone run "$dir/p.yaml" -q $shared --set privacy.budget=8 --set output.run="$dir/a.h5"
ended 0
result "a run begins a ledger with a budget of 8 and spends $(field ledger_epsilon)" $?
# shellcheck disable=SC2086
alone run "$dir/p.yaml" -q $shared --set output.run="$dir/b.h5"
refused "a second run like it would overspend" 3 'budget is epsilon 8 .* would be spent'
[ "$(grep -c '^charge ' "$dir/both.ledger")" -eq 30 ] && nothing_of "$dir/b.h5"
result "and released nothing" $?

# The grid of a difference may be half as fine as that of a gradient.
sed -e 's/^method: .*/method: {name: tree_spider, smoothness: 2, depth: 1}/' -e 's/epsilon: 6, //' \
  -e 's/clip: 1,/clip: 0.5, noise: hardened, sigma: 2,/' "$dir/p.yaml" >"$dir/h.yaml"
alone run "$dir/h.yaml" --dry-run --set train.steps=4 --set privacy.delta=1.5e-13
ended 0
result "hardened noise of one pass is on a grid that is fine enough for a delta of 1.5e-13" $?
alone run "$dir/h.yaml" --dry-run --set train.steps=4 --set privacy.delta=4e-14
refused "but not for one that only gradients are fine enough for" 2 'grid is too coarse'

# What cannot be.
alone run "$dir/p.yaml" -q --set privacy.sampler=poisson
refused "samples that are not the method's are refused" 2 'diff2 has samples of its own \(full\)'
alone run "$dir/p.yaml" -q --set optimizer.batch=20
refused "a batch that nobody reads is refused" 2 'says itself which rows'
alone run "$dir/p.yaml" -q --set method.period=0
refused "a period is at least 1" 2 'method.period'
alone run "$dir/p.yaml" -q --set method.output=average --set ema.decay=0.9
refused "a run does not end with two averages" 2 'method.output'
finish
