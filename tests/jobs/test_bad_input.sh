#!/bin/sh
# Bad input of every kind: one clear message from rank 0, the right exit code, no hang (every run has
# a time limit), nothing under the final name.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
"$muster" import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5" >/dev/null 2>"$dir/err"
result "the dataset is there" $?
for kind in sound labels nonfinite no_rows no_x x_text y_short twins; do
  "$bad_dataset" $kind "$dir/$kind.h5"
done

# experiment LINE...: the lines follow the job, data and an output that must not appear.
experiment() {
  { echo "job: analytic"; echo "data: {train: bars.h5}"; echo "output: {run: out.h5}"
    for line in "$@"; do echo "$line"; done; } >"$dir/e.yaml"
}
nothing_left() { nothing_of "$dir/out.h5"; }
# SENTENCE, CODE, PATTERN: run e.yaml on two ranks.
check() {
  ranks 2 run "$dir/e.yaml" -q
  refused "$1" "$2" "$3"
  nothing_left; result "$1: no file is left" $?
  rm -f "$dir/out.h5" "$dir"/.out.h5.*.tmp
}
# The same alone, and with --set: SENTENCE, CODE, PATTERN, KEY=VALUE...
check_set() {
  sentence=$1 want=$2 pattern=$3
  shift 3
  set_options=
  for s in "$@"; do set_options="$set_options --set $s"; done
  # shellcheck disable=SC2086
  alone run "$dir/e.yaml" -q $set_options
  refused "$sentence" "$want" "$pattern"
}

# The experiment file.
experiment "analytic: {ridgee: 1}"
check "a misspelt key is named with file, line and the nearest key" 2 'e\.yaml:4: .*ridgee.*ridge'
experiment "colour: blue"
check "an unknown key" 2 'e\.yaml:4: .*colour'
experiment "analytic: {ridge: soft}"
check "a word where a number belongs" 2 "e\.yaml:4: .*ridge.*soft"
experiment "analytic: {ridge: -1}"
check "a negative ridge" 2 'e\.yaml:4: .*ridge.*-1'
experiment "clients: {count: 10, partition: dirichlet, alpha: 0}"
check "alpha 0" 2 'e\.yaml:4: .*alpha'
experiment
check_set "a bad value from --set" 2 'gamma.*-3' analytic.gamma=-3
check_set "an unknown key from --set" 2 'analitic' analitic.gamma=3
check_set "a --set without a value" 2 'analytic.gamma' analytic.gamma
check_set "a misspelt partition" 2 'partition.*dirichle.*dirichlet' clients.partition=dirichle
check_set "a misspelt feature map" 2 'kind.*conf.*conv' features.kind=conf features.filters=8
check_set "a key of another feature map" 2 'filters.*means nothing.*relu' features.kind=relu features.filters=8
check_set "a key of another partition" 2 'alpha.*means nothing.*iid' clients.alpha=3
check_set "dirichlet without alpha" 2 'alpha' clients.partition=dirichlet clients.count=3
check_set "more classes a client than there are" 2 'classes' clients.partition=shards clients.count=3 clients.classes=9
check_set "natural clients that the data does not have" 2 'client' clients.partition=natural
check_set "a job that does not exist" 2 'job.*analitic.*analytic' job=analitic
check_set "a map that does not fit the rows" 2 'conv|image|height' features.kind=conv
check_set "too little memory" 1 'resources\.memory.*MiB|GiB.*resources\.memory' resources.memory=0.00001
: >"$dir/e.yaml"
check_set "an empty experiment" 2 'e\.yaml.*empty'
printf 'job: analytic\n  data: [\n' >"$dir/e.yaml"
check_set "broken YAML" 2 'e\.yaml:[0-9]'
printf 'job: analytic\n' >"$dir/e.yaml"
check_set "no training data" 2 'data\.train'
alone run "$dir/none.yaml"
refused "a missing experiment" 2 'none\.yaml'
alone run "$dir"
refused "a folder as experiment" 2 'experiment'

# The command line.
experiment
alone runn "$dir/e.yaml"; refused "an unknown command" 2 "runn.*run"
alone run "$dir/e.yaml" --dryrun; refused "a misspelt option" 2 "dryrun.*--dry-run"
alone run "$dir/e.yaml" --set; refused "an option without its value" 2 "--set.*needs a value"
alone run "$dir/e.yaml" --quiet=yes; refused "a value that an option does not take" 2 "--quiet"
alone run "$dir/e.yaml" "$dir/e.yaml"; refused "two experiments" 2 "one experiment"
alone run; refused "no experiment" 2 "experiment file"
alone list ruels; refused "a family that does not exist" 2 "rules"
alone import; refused "an import without format" 2 "format"
alone import cvs "$dir/bars.csv" -o "$dir/x.h5"; refused "a misspelt format" 2 "cvs.*csv"
alone import csv "$dir/bars.csv"; refused "an import without output" 2 "-o"
alone import csv "$dir/bars.csv" -o "$dir/x.h5" --features 3; refused "an option of another format" 2 "--features.*libsvm"
alone import csv "$dir/bars.csv" -o "$dir/x.h5" --deflate 12; refused "a level out of range" 2 "deflate.*12"
alone import csv "$dir/none.csv" -o "$dir/x.h5"; refused "an import of a missing file" 2 "none\.csv"
alone import idx "$dir/bars.csv" -o "$dir/x.h5"; refused "an import of a foreign file" 2 "bars\.csv"
nothing_of "$dir/x.h5"; result "a refused import leaves no file" $?
alone inspect; refused "inspect without a file" 2 "needs a file"
ranks 3 run "$dir/e.yaml" --dryrun
ended 2 && once; result "a wrong option on three ranks: one message, exit code 2 (got $code)" $?

# Data.
experiment; sed -i 's/bars\.h5/none.h5/' "$dir/e.yaml"
check "a missing dataset" 2 'none\.h5'
size=$(wc -c <"$dir/bars.h5")
dd if="$dir/bars.h5" of="$dir/short.h5" bs=1 count=$((size * 2 / 3)) 2>/dev/null
experiment; sed -i 's/bars\.h5/short.h5/' "$dir/e.yaml"
check "a truncated dataset" 2 'short\.h5'
experiment; sed -i 's/bars\.h5/bars.csv/' "$dir/e.yaml"
check "a dataset that is not HDF5" 2 'bars\.csv'
experiment; sed -i 's/bars\.h5/no_x.h5/' "$dir/e.yaml"
check "a dataset without x" 2 'no_x\.h5.*x'
experiment; sed -i 's/bars\.h5/no_rows.h5/' "$dir/e.yaml"
check "a dataset without rows" 2 'no_rows\.h5: /x has no rows'
for job in federated train; do
  experiment "model: {kind: softmax}"
  sed -i -e 's/bars\.h5/no_rows.h5/' -e "s/analytic/$job/" "$dir/e.yaml"
  check "a dataset without rows for job $job" 2 'no_rows\.h5: /x has no rows'
done
experiment; sed -i 's/bars\.h5/sound.h5/' "$dir/e.yaml"
check_set "a test dataset without rows" 2 'no_rows\.h5: /x has no rows' data.test="$dir/no_rows.h5"
experiment; sed -i 's/bars\.h5/x_text.h5/' "$dir/e.yaml"
check "a dataset whose x is text" 2 'x_text\.h5.*x'
experiment; sed -i 's/bars\.h5/y_short.h5/' "$dir/e.yaml"
check "a dataset with fewer labels than rows" 2 'y_short\.h5'
experiment; sed -i 's/bars\.h5/labels.h5/' "$dir/e.yaml"
check "labels beyond n_classes: row, value and n_classes are named" 2 'labels\.h5.*13.*7.*4|labels\.h5.*7.*13.*4'
experiment "clients: {count: 3}"
alone run "$dir/e.yaml" -q --set data.test="$dir/sound.h5"
refused "test rows of another shape" 2 'data\.test'
alone run "$dir/e.yaml" -q --set output.run="$dir/run_of_bars.h5"
ended 0; result "a sound run" $?
alone run "$dir/e.yaml" -q --set data.train="$dir/run_of_bars.h5"
refused "a run file as dataset" 2 'run_of_bars\.h5'
alone run "$dir/e.yaml" -q --set output.run="$dir/nowhere/out.h5"
refused "an output folder that does not exist" 2 'nowhere'

# NaN and infinity.
experiment; sed -i 's/bars\.h5/nonfinite.h5/' "$dir/e.yaml"
check "rows with NaN are refused, counted and named" 2 'nonfinite\.h5.* 2 of 40 .*row 5.*on_nonfinite: drop'
ranks 2 run "$dir/e.yaml" -q --set data.on_nonfinite=drop
ended 0 && [ "$(field dropped_rows)" = 2 ] && [ "$(field rows)" = 38 ]
result "rows with NaN are dropped when asked" $?
rm -f "$dir/out.h5"

# Singular statistics: more features than rows.
experiment "analytic: {ridge: 0, gamma: 0}" "features: {kind: relu, count: 100}"
sed -i 's/bars\.h5/sound.h5/' "$dir/e.yaml"
check "singular statistics at ridge 0 suggest a ridge" 2 'singular.*analytic\.ridge.*[0-9]'
sed -i -e 's/sound\.h5/twins.h5/' -e '/^features/d' "$dir/e.yaml"
check "equal columns at ridge 0 suggest a ridge" 2 'singular.*analytic\.ridge.*[0-9]'
ranks 2 run "$dir/e.yaml" -q --set analytic.ridge=0.001
ended 0; result "and the ridge helps" $?
rm -f "$dir/out.h5"

# A disk without room: a limit on the size of files stands for it (16 MiB, since MPI needs some files
# of its own). 20,000 columns make a large map of few rows, and a larger dataset.
awk 'BEGIN { for (i = 0; i < 40; i++) print i % 2, i + 1 ":1", "20000:" i }' >"$dir/wide.svm"
limited() { # command of ours with its arguments
  (trap '' XFSZ; ulimit -f 32768; "$@"; echo "$code" >"$dir/code")
  code=$(cat "$dir/code")
}
limited alone import libsvm "$dir/wide.svm" -o "$dir/wide.h5"
ended 0; result "a dataset that fits" $?
limited alone import libsvm "$dir/wide.svm" --features 200000 -o "$dir/full.h5"
refused "a dataset that does not fit on the disk" 1 'full\.h5'
nothing_of "$dir/full.h5"; result "a full disk leaves no dataset" $?
experiment "features: {kind: relu, count: 300}"; sed -i 's/bars\.h5/wide.h5/' "$dir/e.yaml"
limited ranks 2 run "$dir/e.yaml" -q
refused "a run file that does not fit on the disk" 1 'out\.h5'
nothing_left; result "a full disk leaves no run file" $?

# A rank that fails alone: its n-th allocation fails. The run must end on all ranks with one message; a
# hang ends in exit code 124, and 0 means that the fault never fired.
fails_alone() { # SENTENCE, FILE: the last command, which would have written that file
  ended 1 && once && complained '^muster: .*memory|^muster: .*alloc' && nothing_of "$2"
  result "$1 fails: one message, exit code 1 (got $code), no file" $?
  rm -f "$2" "$(dirname "$2")/.$(basename "$2")".*.tmp
}
faulty_run() {
  MUSTER_FAIL_ALLOCATION=1:$1 ranks 3 run "$dir/e.yaml" -q
}
experiment "features: {kind: relu, count: 300}"
for n in 1 3 10 20; do
  faulty_run $n
  fails_alone "allocation $n of rank 1" "$dir/out.h5"
done
# Reading the experiment takes hundreds of allocations; the training is in the last ones. Find the
# last (no run of this size has 4096), then fail those before it.
last=20 over=4096
while [ $((over - last)) -gt 1 ]; do
  n=$(((last + over) / 2))
  faulty_run $n
  if [ "$code" -eq 0 ]; then over=$n; else last=$n; fi
  rm -f "$dir/out.h5" # to replace it would take more allocations
done
for back in 0 1 2 4 6 9 12 16 20 25 30 40 50 60 75 90; do
  faulty_run $((last - back))
  fails_alone "allocation $((last - back)) of rank 1 ($last in all)" "$dir/out.h5"
done
for fault in 0:2 0:20 1:2 1:3; do
  MUSTER_FAIL_ALLOCATION=$fault ranks 2 import csv "$dir/bars.csv" --label-column 0 -f -o "$dir/fault.h5"
  fails_alone "allocation $fault of an import" "$dir/fault.h5"
done
for fault in 0:2 1:2 1:4; do
  MUSTER_FAIL_ALLOCATION=$fault ranks 2 inspect "$dir/bars.h5"
  fails_alone "allocation $fault of inspect" "$dir/none.h5"
done
finish
