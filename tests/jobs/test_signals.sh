#!/bin/sh
# Signals end a run in order and other commands at once; closed standard descriptors harm no file; a
# run never writes over what it reads, over another file of its own, or over somebody else's file.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0
result "the dataset is there" $?
cat >"$dir/e.yaml" <<END
job: analytic
data: {train: bars.h5}
features: {kind: relu, count: 40}
output: {run: out.h5}
END
long="--set features.count=6000 --set output.run=$dir/long.h5"

# signalled FILE SIGNAL COMMAND...: send the signal $later seconds after the temporary of FILE shows
# that the work has begun; $code is the exit code, $seconds the time that the end took.
signalled() {
  file=$1 signal=$2
  shift 2
  "$@" >"$dir/out" 2>"$dir/err" </dev/null &
  pid=$!
  watch_over $pid
  for _ in $(seq 1200); do no_temporary "$file" || break; sleep 0.05; done
  sleep "$later"
  start=$(date +%s)
  kill "-$signal" $pid
  wait $pid 2>/dev/null # where the shell says that the signal ended it
  code=$?
  seconds=$(($(date +%s) - start))
}
ended_in_order() { # SENTENCE
  ended 75 && complained '^muster: .*interrupted' && once
  result "$1 ends the run with exit code 75 and one message (got $code after $seconds s)" $?
  nothing_of "$dir/long.h5"
  result "$1 leaves no file" $?
  rm -f "$dir"/long.h5 "$dir"/.long.h5.*.tmp "$dir"/long.checkpoint-*
}

# shellcheck disable=SC2086
for later in 0 1; do
  signalled "$dir/long.h5" USR1 $MPIRUN --oversubscribe -np 2 "$muster" run "$dir/e.yaml" -q $long
  ended_in_order "SIGUSR1 to mpirun $later s into the job"
  signalled "$dir/long.h5" TERM "$muster" run "$dir/e.yaml" -q $long
  ended_in_order "SIGTERM $later s into the job"
done
later=0

# Other commands do not catch the signal.
awk '{ line[NR] = $0 } END { for (i = 0; i < 300; i++) for (k = 1; k <= NR; k++) print line[k] }' \
  "$dir/bars.csv" >"$dir/large.csv"
signalled "$dir/large.h5" TERM "$muster" import csv "$dir/large.csv" --label-column 0 \
  -o "$dir/large.h5"
ended 143 && [ "$seconds" -le 5 ] && [ ! -e "$dir/large.h5" ]
result "SIGTERM ends an import by the default action (got $code after $seconds s)" $?
rm -f "$dir"/large.csv "$dir"/.large.h5.*.tmp

# Closed descriptors.
timeout 120 "$muster" run "$dir/e.yaml" <&- >&- 2>&-
code=$?
[ "$code" -eq 1 ]; result "a closed standard output is an error (got $code, want 1)" $?
timeout 120 "$muster" inspect "$dir/out.h5" >"$dir/out" 2>"$dir/err" <&-
code=$?
ended 0; result "the run file written with closed descriptors is sound (got $code)" $?
timeout 120 "$muster" --help 2>"$dir/err" >&-
code=$?
refused "help without a standard output" 1 'standard output'

# Files that a run must not write. refuses SENTENCE PATTERN FILE KEY=VALUE...: FILE keeps its content.
refuses() {
  sentence=$1 pattern=$2 file=$3
  shift 3
  options=
  for s in "$@"; do options="$options --set $s"; done
  before=$(cksum <"$file")
  # shellcheck disable=SC2086
  ranks 2 run "$dir/e.yaml" -q $options
  refused "$sentence" 2 "$pattern"
  [ "$(cksum <"$file")" = "$before" ]; result "$sentence: $file is as it was" $?
}
rm -f "$dir/out.h5"
echo "not muster's" >"$dir/notes.txt"
ln -s bars.h5 "$dir/link.h5"
ln -s . "$dir/same"
bars=$dir/bars.h5
refuses "save_train on data.train" 'features\.save_train and data\.train' "$bars" features.save_train="$bars"
refuses "save_train on a link to data.train" 'features\.save_train and data\.train' "$bars" \
  features.save_train="$dir/link.h5"
refuses "save_test on data.test" 'features\.save_test and data\.t' "$bars" data.test="$bars" \
  features.save_test="$bars"
refuses "output.run on data.train" 'output\.run and data\.train' "$bars" output.run="$bars"
refuses "output.run on the experiment" 'output\.run and the experiment file' "$dir/e.yaml" \
  output.run="$dir/e.yaml"
refuses "save_train on output.run" 'output\.run and features\.save_train' "$bars" \
  features.save_train="$dir/out.h5"
refuses "save_train on output.run by another way" 'output\.run and features\.save_train' "$bars" \
  features.save_train="$dir/same/out.h5"
refuses "save_train on save_test" 'save_train and features\.save_test' "$bars" data.test="$bars" \
  features.save_train="$dir/s.h5" features.save_test="$dir/s.h5"
ln -s s.h5 "$dir/nothing_yet.h5"
refuses "save_train on save_test by a link to nothing" 'save_train and features\.save_test' "$bars" \
  data.test="$bars" features.save_train="$dir/nothing_yet.h5" features.save_test="$dir/s.h5"
refuses "output.run on a text file" 'notes\.txt is not an HDF5 file' "$dir/notes.txt" \
  output.run="$dir/notes.txt"
refuses "save_train on a text file" 'notes\.txt is not an HDF5 file' "$dir/notes.txt" \
  features.save_train="$dir/notes.txt"
refuses "save_train in no folder" 'features\.save_train.*nowhere' "$bars" \
  features.save_train="$dir/nowhere/s.h5"
refuses "save_train on a folder" 'features\.save_train.*folder' "$bars" features.save_train="$dir"
refuses "save_train on a device" 'features\.save_train.*regular' "$bars" \
  features.save_train=/dev/null
[ -c /dev/null ] && nothing_of "$dir/out.h5" && nothing_of "$dir/s.h5"
result "refused runs leave no file" $?

# What is allowed.
cp "$bars" "$dir/old.h5"
alone run "$dir/e.yaml" -q --set data.test="$bars" --set features.save_train="$dir/old.h5" \
  --set features.save_test="$dir/same/new.h5"
ended 0 && [ -s "$dir/old.h5" ] && [ -s "$dir/new.h5" ] && ! cmp -s "$dir/old.h5" "$bars"
result "an old dataset is replaced; train and test may be one file" $?
alone run "$dir/e.yaml" -q --dry-run --set features.save_train="$bars"
ended 0; result "a dry run writes nothing, so it refuses nothing" $?
[ -z "$(find "$dir" -maxdepth 1 -name '.*.tmp')" ]; result "no temporary is left" $?
finish
