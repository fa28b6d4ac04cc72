#!/bin/sh
# `muster merge`: two networks trained on their own and brought together: the barrier falls, the same
# bits on any number of ranks, a run file that the other commands read; and what cannot be is refused.
. "$srcdir/tests/jobs/common.sh"

make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0; result "the dataset is there" $?
cat >"$dir/mlp.yaml" <<'Y'
job: train
data: {train: bars.h5, test: bars.h5}
model: {kind: mlp, hidden: [24, 16]}
optimizer: {kind: adam, lr: 0.005, batch: 50}
train: {epochs: 12}
evaluate: {every: 0}
output: {checkpoint: {every_steps: 0}}
Y
# NAME, --set...: a run of that name.
train() {
  name=$1
  shift
  alone run "$dir/mlp.yaml" -q --set "output.run=$dir/$name.h5" "$@"
  ended 0; result "$name runs (got $code)" $?
}
train one --set seed=1
train two --set seed=2
train wide --set 'model.hidden=[24, 20]' --set train.epochs=1
train mapped --set features.kind=relu --set features.count=64 --set train.epochs=1

# The barrier falls by matching, on any number of ranks alike.
is_less() { awk -v a="$1" -v b="$2" -v f="$3" 'BEGIN { exit !(a != "" && a + 0 < f * b) }'; }
on() { if [ "$1" = 1 ]; then shift; alone "$@"; else ranks "$@"; fi; }
for matching in weights activations; do
  for p in 1 3; do
    on $p merge "$dir/one.h5" "$dir/two.h5" --data "$dir/bars.h5" -m $matching \
      -o "$dir/$matching.$p.h5"
    ended 0 && last_line '^\{"runs": \[.*"rows": 600, "ranks": '$p', .*"loss": [0-9.e-]*\}\}$'
    result "merges by $matching on $p ranks (got $code)" $?
    before=$(field barrier_before) after=$(field barrier_after)
    is_less "$after" "$before" 0.5
    result "the barrier falls from $before to $after" $?
    [ "$p" = 1 ] && digest=$(field digest) figures=$(tail -n 1 "$dir/out" | sed 's/.*"result"//')
    [ -n "$digest" ] && [ "$(field digest)" = "$digest" ] &&
      [ "$(tail -n 1 "$dir/out" | sed 's/.*"result"//')" = "$figures" ]
    result "the digest and the figures of 1 rank: $(field digest)" $?
  done
  [ "$(grep -cE '^  [01]\.[0-9]{4} ' "$dir/out")" -eq 11 ]; result "the path has eleven places" $?
done
accuracy=$(field accuracy) loss=$(field loss)
alone merge "$dir/one.h5" "$dir/two.h5" -d "$dir/bars.h5" -m none -p 5 -o "$dir/none.h5"
ended 0 && [ "$(field barrier_after)" = "$(field barrier_before)" ] &&
  is_less 0 "$(field barrier_before)" 1
result "without a matching the barrier stays: $(field barrier_after)" $?

# What is written is a run file.
alone predict "$dir/activations.1.h5" "$dir/bars.h5" -o "$dir/predicted.h5"
ended 0 && [ "$(field accuracy)" = "$accuracy" ] && [ "$(field loss)" = "$loss" ]
result "predict finds the merged figures again: $(field accuracy) $(field loss), want $accuracy $loss" $?
alone report "$dir/activations.1.h5" --csv "$dir/table.csv"
ended 0 && grep -q 'barrier_after' "$dir/table.csv"; result "report reads it (got $code)" $?
alone merge "$dir/one.h5" "$dir/two.h5" "$dir/one.h5" -d "$dir/bars.h5" -o "$dir/none.h5"
ended 0 && [ "$(grep -c '^from ' "$dir/out")" -eq 2 ] &&
  is_less "$(field barrier_after)" "$(field barrier_before)" 1
result "three networks have two paths, and may replace an older run file" $?

# What is refused.
cat >"$dir/analytic.yaml" <<'Y'
job: analytic
data: {train: bars.h5, test: bars.h5}
clients: {count: 2, partition: iid}
Y
alone run "$dir/analytic.yaml" -q --set "output.run=$dir/analytic.h5"
ended 0; result "an analytic run (got $code)" $?
# SENTENCE, PATTERN, ARGUMENTS
refuses() {
  what=$1 pattern=$2
  shift 2
  alone merge "$@"
  refused "$what" 2 "$pattern"
}
ranks 2 merge "$dir/one.h5" "$dir/wide.h5" -d "$dir/bars.h5" -o "$dir/x.h5"
refused "another width, on 2 ranks" 2 'one\.h5 and .*wide\.h5 hold different models'
ranks 2 merge "$dir/bars.h5" "$dir/one.h5" -d "$dir/bars.h5" -o "$dir/x.h5"
refused "a dataset as a run, on 2 ranks" 2 'is not a run file'
refuses "another feature map" 'models of different features' \
  "$dir/one.h5" "$dir/mapped.h5" -d "$dir/bars.h5" -o "$dir/x.h5"
refuses "a closed-form solution" "job 'analytic' holds a closed-form solution" \
  "$dir/analytic.h5" "$dir/analytic.h5" -d "$dir/bars.h5" -o "$dir/x.h5"
refuses "no data" 'a dataset to score on' "$dir/one.h5" "$dir/two.h5" -o "$dir/x.h5"
refuses "an unknown matching" "weight.*weights" \
  "$dir/one.h5" "$dir/two.h5" -d "$dir/bars.h5" -m weight -o "$dir/x.h5"
refuses "a merged file onto predictions" 'not a run file' \
  "$dir/one.h5" "$dir/two.h5" -d "$dir/bars.h5" -o "$dir/predicted.h5"
nothing_of "$dir/x.h5"
result "nothing was written by what was refused" $?

# One rank's allocation fails: all end, with one message, and leave no file.
for n in 20 110; do
  MUSTER_FAIL_ALLOCATION=1:$n
  export MUSTER_FAIL_ALLOCATION
  ranks 2 merge "$dir/one.h5" "$dir/two.h5" -d "$dir/bars.h5" -m activations -o "$dir/fault.h5"
  unset MUSTER_FAIL_ALLOCATION
  { ended 1 && once && nothing_of "$dir/fault.h5"; } ||
    { ended 0 && [ "$(field digest)" = "$digest" ]; }
  result "allocation $n of rank 1 fails: all end alike (got $code)" $?
  rm -f "$dir/fault.h5"
done
finish
