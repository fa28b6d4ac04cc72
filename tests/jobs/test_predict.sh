#!/bin/sh
# `muster predict`: a run's model applied to a dataset: the figures of the run itself on its own test
# rows, the same bytes on any number of ranks, for classes and values, and what cannot be is refused.
. "$srcdir/tests/jobs/common.sh"

make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
alone import csv "$dir/bars.csv" --label-column 0 --task regression --scale 0.01 -o "$dir/values.h5"
cut -d, -f1-41 "$dir/bars.csv" >"$dir/narrow.csv"
alone import csv "$dir/narrow.csv" --label-column 0 -o "$dir/narrow.h5"
ended 0; result "the datasets are there" $?
cat >"$dir/analytic.yaml" <<'Y'
job: analytic
data: {train: bars.h5, test: bars.h5}
clients: {count: 20, partition: dirichlet, alpha: 0.1}
features: {kind: relu, count: 40}
analytic: {ridge: 1}
Y
cat >"$dir/mlp.yaml" <<'Y'
job: federated
data: {train: bars.h5, test: bars.h5}
clients: {count: 8, partition: iid}
features: {kind: fourier, count: 50, bandwidth: 4}
model: {kind: mlp, hidden: [16, 8]}
optimizer: {kind: sgd, lr: 0.1, batch: 10}
method: {name: fedavg, rounds: 2, participation: 0.5, local_epochs: 1}
output: {checkpoint: {every_rounds: 0}}
Y
sed -e 's/^features:.*//' -e 's/^model:.*/model: {kind: glm, family: linear}/' \
  -e 's/lr: 0.1/lr: 0.001/' -e 's/bars\.h5/values.h5/g' "$dir/mlp.yaml" >"$dir/glm.yaml"

# FILE DATASET: the run's figures again, on 1, 2 and 3 ranks, and one file for all of them.
agrees() {
  ranks 2 run "$dir/$1.yaml" -q --set output.run="$dir/$1.run.h5"
  ended 0; result "$1 runs (got $code)" $?
  accuracy=$(field accuracy) loss=$(field loss) digest=$(field digest)
  for p in 1 2 3; do
    ranks $p predict "$dir/$1.run.h5" "$dir/$2.h5" -o "$dir/$1.$p.h5"
    ended 0 && last_line '^\{"run": .*"rows": 600, .*"nonfinite_rows": 0\}\}$'
    result "$1 predicts on $p ranks (got $code)" $?
    got="accuracy $(field accuracy), want $accuracy; loss $(field loss), want $loss"
    [ -n "$loss" ] && [ "$(field accuracy)" = "$accuracy" ] && [ "$(field loss)" = "$loss" ] &&
      [ "$(field digest)" = "$digest" ]
    result "with the run's figures: $got" $?
    cmp -s "$dir/$1.1.h5" "$dir/$1.$p.h5"
    result "$1: the file has the same bytes on 1 and $p ranks" $?
  done
}
agrees analytic bars
agrees mlp bars
agrees glm values
# The classes that are written are those that were counted.
if command -v h5dump >/dev/null 2>&1; then
  h5dump -d /class -y -w 1 "$dir/analytic.1.h5" | grep -oE '^ *[0-9]+' | tr -d ' ' >"$dir/class"
  cut -d, -f1 "$dir/bars.csv" | paste -d, - "$dir/class" |
    awk -F, '$1 == $2 { n++ } END { print n / NR }' >"$dir/share"
  ranks 1 predict "$dir/analytic.run.h5" "$dir/bars.h5" -o "$dir/analytic.1.h5"
  got="$(cat "$dir/share"), want $(field accuracy)"
  [ "$(wc -l <"$dir/class")" -eq 600 ] &&
    awk -v got="$(cat "$dir/share")" -v want="$(field accuracy)" \
      'BEGIN { exit !(got > want - 1e-5 && got < want + 1e-5) }'
  result "the classes in the file are right as often as it says: $got" $?
  holds() { # FILE, DATASET, SHAPE
    h5dump -H "$1" | tr -d '\n ' |
      grep -q "DATASET\"$2\"{DATATYPEH5T_IEEE_F32LEDATASPACESIMPLE{($3)"
  }
  holds "$dir/analytic.1.h5" scores 600,4; result "there is a score for each class" $?
  holds "$dir/glm.1.h5" value 600; result "values have a column where /y has one" $?
else
  skip "what the file holds: there is no h5dump"
fi

# `muster inspect` knows them, and whether they are whole.
for p in 1 3; do
  ranks $p inspect "$dir/mlp.1.h5"
  ended 0 && said "run  *$dir/mlp.run.h5$" && said 'job  *federated$' && said 'n_classes  *4$' &&
    said 'scores  *float32 \[600, 4\]$' && said 'class  *int32 \[600\]$' && said '^checksums .* sound$'
  result "inspect says what predictions are, on $p ranks (got $code)" $?
done
head -c 5000 "$dir/mlp.1.h5" >"$dir/cut.h5"
alone inspect "$dir/cut.h5"
refused "inspect of predictions that were cut short" 2 'cut\.h5.*(truncated|5000)'

# Rows without targets, and rows that are not finite.
"$bad_dataset" nonfinite "$dir/nonfinite.h5"
cat >"$dir/small.yaml" <<'Y'
job: analytic
data: {train: sound.h5, test: sound.h5}
clients: {count: 2, partition: iid}
Y
"$bad_dataset" sound "$dir/sound.h5"
alone run "$dir/small.yaml" -q --set output.run="$dir/small.run.h5"
ended 0; result "a run on forty rows (got $code)" $?
alone predict "$dir/small.run.h5" "$dir/nonfinite.h5" -o "$dir/n1.h5"
ended 0 && [ "$(field nonfinite_rows)" -ge 1 ] && last_line '"loss": null'
result "rows with NaN are counted, and there is no loss: $(field nonfinite_rows)" $?
ranks 3 predict "$dir/small.run.h5" "$dir/nonfinite.h5" -o "$dir/n3.h5"
ended 0 && cmp -s "$dir/n1.h5" "$dir/n3.h5"; result "the same on 3 ranks, where some have no rows" $?

# A result that cannot be said.
if [ -w /dev/full ]; then
  timeout 120 "$muster" predict "$dir/mlp.run.h5" "$dir/bars.h5" -o "$dir/unsaid.h5" >/dev/full 2>"$dir/err" </dev/null
  code=$?
  : >"$dir/out"
  refused "predictions that cannot be said" 1 'standard output cannot be written.*kept: [^ ]*/unsaid\.h5$'
  cmp -s "$dir/unsaid.h5" "$dir/mlp.1.h5"; result "the file is complete" $?
fi
bad=$(printf 'bad\377')
ranks 2 predict "$dir/mlp.run.h5" "$dir/bars.h5" -o "$dir/$bad.h5"
refused "a name that JSON cannot hold" 2 'is not UTF-8; choose another name'
complained '^muster: --output: the name ' && nothing_of "$dir/$bad.h5"
result "is named before there is a file of that name" $?
cp "$dir/bars.h5" "$dir/$bad.h5"
ranks 2 predict "$dir/mlp.run.h5" "$dir/$bad.h5" -o "$dir/unsaid.h5"
refused "a dataset of such a name" 2 'is not UTF-8; choose another name'
complained '^muster: the dataset: the name '; result "is named" $?

# What is refused.
cp "$dir/mlp.run.h5" "$dir/changed.h5"
size=$(wc -c <"$dir/changed.h5") k=4096
while [ $k -lt "$size" ]; do
  printf 'X' | dd of="$dir/changed.h5" bs=1 seek=$k conv=notrunc 2>/dev/null
  k=$((k + 1024))
done
head -c 5000 "$dir/mlp.run.h5" >"$dir/short.h5"
echo mine >"$dir/mine.txt"
sed 's/, test: bars\.h5//' "$dir/mlp.yaml" >"$dir/personal.yaml"
alone run "$dir/personal.yaml" -q --set personal.keep=1 --set output.run="$dir/personal.run.h5"
ended 0; result "a run whose clients keep a layer (got $code)" $?
# SENTENCE, PATTERN, ARGUMENTS: two ranks refuse to predict what the arguments say.
refuses() {
  what=$1 pattern=$2
  shift 2
  ranks 2 predict "$@"
  refused "$what, on 2 ranks" 2 "$pattern"
}
refuses "no output" 'needs the file to write' "$dir/mlp.run.h5" "$dir/bars.h5"
refuses "no dataset" 'needs a run file and a dataset' "$dir/mlp.run.h5" -o "$dir/x.h5"
refuses "a dataset too many" 'follows' \
  "$dir/mlp.run.h5" "$dir/bars.h5" "$dir/bars.h5" -o "$dir/x.h5"
refuses "rows of another shape" 'its rows are 40, those that the model was trained on 64' \
  "$dir/mlp.run.h5" "$dir/narrow.h5" -o "$dir/x.h5"
refuses "values for a model of classes" 'holds values, the model gives classes' \
  "$dir/mlp.run.h5" "$dir/values.h5" -o "$dir/x.h5"
refuses "a dataset as the run" 'is not a run file' "$dir/bars.h5" "$dir/bars.h5" -o "$dir/x.h5"
refuses "a run as the dataset" 'mlp\.run\.h5' "$dir/mlp.run.h5" "$dir/mlp.run.h5" -o "$dir/x.h5"
refuses "a damaged model" 'changed\.h5' "$dir/changed.h5" "$dir/bars.h5" -o "$dir/x.h5"
refuses "a run file cut short" 'short\.h5' "$dir/short.h5" "$dir/bars.h5" -o "$dir/x.h5"
refuses "a missing run file" 'nothing\.h5' "$dir/nothing.h5" "$dir/bars.h5" -o "$dir/x.h5"
refuses "predictions onto the dataset" 'same file' \
  "$dir/mlp.run.h5" "$dir/bars.h5" -o "$dir/bars.h5"
refuses "predictions onto another dataset" 'not a file of predictions' \
  "$dir/mlp.run.h5" "$dir/bars.h5" -o "$dir/values.h5"
refuses "predictions onto somebody's file" 'mine\.txt' \
  "$dir/mlp.run.h5" "$dir/bars.h5" -o "$dir/mine.txt"
refuses "a model of which clients keep a part" 'kept layers of its own' \
  "$dir/personal.run.h5" "$dir/bars.h5" -o "$dir/x.h5"
nothing_of "$dir/x.h5" && [ "$(cat "$dir/mine.txt")" = mine ]
result "nothing was written by what was refused" $?

# One rank's allocation fails: all end, with one message, and leave no file.
for n in 1 4 9 16 25 40; do
  MUSTER_FAIL_ALLOCATION=1:$n
  export MUSTER_FAIL_ALLOCATION
  ranks 2 predict "$dir/mlp.run.h5" "$dir/bars.h5" -o "$dir/fault.h5"
  unset MUSTER_FAIL_ALLOCATION
  { ended 1 && once && nothing_of "$dir/fault.h5"; } ||
    { ended 0 && cmp -s "$dir/fault.h5" "$dir/mlp.1.h5"; }
  result "allocation $n of rank 1 fails: all end alike (got $code)" $?
  rm -f "$dir/fault.h5"
done
finish
