#!/bin/sh
# The sketch job as a user meets it: one digest on any ranks, how far estimates are from the product and what
# was sent for them, least squares from a sketch, a rank that fails, and the refusals of what cannot be.
. "$srcdir/tests/jobs/common.sh"
# Rows with 6 of 200 entries, half of them among the first 20; long ones are rare. The class follows the first.
rows() { awk -v n="$1" -v s="$2" 'function u() { s = (s * 1103515245 + 12345) % 2147483648; return s / 2147483648 }
BEGIN { for (i = 0; i < n; i++) { split("", x); l = 1 / (0.2 + u())
  for (k = 0; k < 3; k++) { x[1 + int(20 * u())] = l * (0.5 + u()); x[21 + int(180 * u())] = l * (0.5 + u()) }
  printf "%d", (1 in x) + (2 in x)
  for (j = 1; j <= 200; j++) if (j in x) printf " %d:%.4f", j, x[j]
  printf "\n" } }'; }
rows 2000 7 >"$dir/a.svm"
rows 2000 8 >"$dir/b.svm"
rows 1999 9 >"$dir/short.svm"
for f in a b short; do alone import libsvm "$dir/$f.svm" --features 200 -o "$dir/$f.h5"; done
cat >"$dir/s.yaml" <<Y
job: sketch
seed: 3
data: {train: $dir/a.h5, other: $dir/b.h5}
sketch: {kind: threshold, size: 300, exact: true}
Y
below() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && a + 0 > 0 && a + 0 < b + 0) }'; }
for kind in threshold priority count_sketch gaussian; do
  size=300
  [ $kind = threshold ] || [ $kind = priority ] || size=20 # a little more bytes
  alone run "$dir/s.yaml" -q --set sketch.kind=$kind --set sketch.size=$size --set output.run="$dir/$kind.1.h5"
  want=$(field digest) bytes=$(field uplink_bytes) error=$(field relative_error)
  ended 0 && [ -n "$want" ] && [ "$(field columns_a)" = 200 ] && below "$error" 1
  result "$kind: relative error $error for $bytes bytes" $?
  echo "$kind $bytes $error" >>"$dir/errors"
  [ $kind = priority ] || [ $kind = count_sketch ] || continue
  ranks 3 run "$dir/s.yaml" -q --set sketch.kind=$kind --set sketch.size=$size --set output.run="$dir/$kind.3.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "$kind: the digest on 3 ranks is $(field digest), on one $want" $?
done
cp "$dir/errors" "$dir/out"
awk '{ b[$1] = $2; e[$1] = $3 } END { m = e["threshold"] > e["priority"] ? e["threshold"] : e["priority"]
  exit !(2 * m < e["count_sketch"] && 2 * m < e["gaussian"] && b["priority"] < b["gaussian"] && b["threshold"] < b["gaussian"]) }' "$dir/errors"
result "samples come nearer than linear sketches of more bytes" $?
alone inspect "$dir/threshold.1.h5"
ended 0 && said 'product +float64 \[200, 200\]' && said 'uplink_messages +2$' && said 'inputs .*data.other'
result "the run file holds the estimate, what was sent, and which rows were sketched" $?
alone run "$dir/s.yaml" -q --set sketch.kind=priority --set sketch.size=2000 --set output.run="$dir/all.h5"
ended 0 && [ "$(field sampled_both)" = 2000 ] && echo "$(field relative_error)" | awk '{ exit !($1 < 1e-14) }'
result "a sample of all rows gives the product, but for $(field relative_error)" $?
alone run "$dir/s.yaml" -q --set data.other="$dir/a.h5" --set sketch.exact=false --set output.run="$dir/self.h5"
ended 0 && [ "$(field sampled_a)" = "$(field sampled_both)" ] && [ -z "$(field relative_error)" ]
result "rows with themselves are all in both samples" $?
sed "s/, other: .*b.h5/, test: $(echo "$dir" | sed 's/\//\\\//g')\/b.h5/" "$dir/s.yaml" >"$dir/r.yaml"
for kind in priority count_sketch; do
  set -- -q --set sketch.task=regression --set sketch.ridge=5 --set sketch.size=1200 --set sketch.kind=$kind
  alone run "$dir/r.yaml" "$@" --set output.run="$dir/r.1.h5"
  want=$(field digest)
  ended 0 && below "$(field exact_train_loss)" "$(field train_loss)" && awk -v a="$(field accuracy)" 'BEGIN { exit !(a > 0.8) }'
  result "$kind: loss $(field train_loss), at least $(field exact_train_loss); accuracy $(field accuracy)" $?
  [ $kind = priority ] || continue
  ranks 3 run "$dir/r.yaml" "$@" --set output.run="$dir/r.3.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "$kind: least squares have the digest $(field digest) on 3 ranks, $want on one" $?
done
alone run "$dir/s.yaml" --dry-run --set sketch.kind=gaussian
ended 0 && said 'rank_bytes' && said '"most_uplink_bytes": 960000'
result "a dry run says what it needs and sends" $?
MUSTER_FAIL_ALLOCATION=1:30 ranks 2 run "$dir/s.yaml" -q --set output.run="$dir/fault.h5"
ended 1 && once && complained 'memory|alloc' && nothing_of "$dir/fault.h5"
result "a rank without memory: one message, exit code 1 (got $code), no file" $?

alone run "$dir/s.yaml" -q --set data.other="$dir/short.h5"
refused "other rows that are fewer" 2 'it has 1999 rows, data.train has 2000'
alone run "$dir/s.yaml" -q --set sketch.task=regression
refused "regression on other rows" 2 'data.other.*learns from /y'
alone run "$dir/s.yaml" -q --set sketch.ridge=1
refused "a ridge without regression" 2 'only sketch.task: regression'
alone run "$dir/s.yaml" -q --set data.test="$dir/b.h5"
refused "test rows without regression" 2 'only sketch.task: regression'
alone run "$dir/s.yaml" -q --set data.on_nonfinite=drop
refused "rows left out of one of two" 2 'belong together'
alone run "$dir/s.yaml" -q --set sketch.kind=countsketch
refused "a sketch that there is not" 2 'sketch.kind.*count_sketch'
alone run "$dir/r.yaml" -q --set sketch.task=regression --set sketch.size=20 --set output.run="$dir/x.h5"
refused "fewer rows than unknowns without a ridge" 2 'give a larger ridge, or a larger sketch.size'
alone run "$dir/s.yaml" -q --set sketch.kind=gaussian --set sketch.size=4000000 --set resources.memory=1 --set output.run="$dir/x.h5"
refused "a sketch that does not fit" 1 'needs at least'
[ ! -e "$dir/x.h5" ]
result "a run that is refused leaves no file" $?
finish
