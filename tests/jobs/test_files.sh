#!/bin/sh
# Files by their names: an import never writes over what it reads, names of any length that the
# system takes are taken, and a command that fails says which files it has completed.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0
result "the dataset is there" $?

# Inputs that an import must not replace. keeps SENTENCE FILE FORMAT ARGUMENT...
printf '\000\000\010\003\000\000\000\002\000\000\000\002\000\000\000\002abcdefgh' >"$dir/rows.idx"
printf '\000\000\010\001\000\000\000\002\001\000' >"$dir/labels.idx"
keeps() {
  sentence=$1 file=$2
  shift 2
  before=$(cksum <"$file")
  for force in "" --force; do
    # shellcheck disable=SC2086
    ranks 2 import "$@" $force
    refused "an import onto $sentence $force" 2 'the output and .* name the same file'
    [ "$(cksum <"$file")" = "$before" ] && no_temporary "$file"
    result "an import onto $sentence $force: it is as it was" $?
  done
}
ln "$dir/bars.csv" "$dir/hard.csv"
ln -s bars.csv "$dir/soft.csv"
ln -s . "$dir/same"
keeps "its input" "$dir/bars.csv" csv "$dir/bars.csv" -o "$dir/bars.csv"
keeps "its input by another way" "$dir/bars.csv" csv "$dir/bars.csv" -o "$dir/same/./bars.csv"
keeps "a hard link to its input" "$dir/bars.csv" csv "$dir/bars.csv" -o "$dir/hard.csv"
keeps "a link to its input" "$dir/bars.csv" csv "$dir/bars.csv" -o "$dir/soft.csv"
keeps "what a link that it reads leads to" "$dir/bars.csv" csv "$dir/soft.csv" -o "$dir/bars.csv"
keeps "its labels" "$dir/labels.idx" idx "$dir/rows.idx" "$dir/labels.idx" -o "$dir/labels.idx"
keeps "its labels, given as an option" "$dir/labels.idx" idx "$dir/rows.idx" \
  --labels "$dir/labels.idx" -o "$dir/same/labels.idx"
[ -L "$dir/soft.csv" ]; result "the link is still one" $?
before=$(cksum <"$dir/labels.idx")
alone import idx "$dir/rows.idx" --force -o "$dir/labels.idx"
refused "an import onto somebody else's file" 2 'labels\.idx is not an HDF5 file'
[ "$(cksum <"$dir/labels.idx")" = "$before" ]; result "which is as it was" $?

# Names of any length: PATH_MAX is 4096 bytes, and a temporary's name needs 16 more.
cat >"$dir/e.yaml" <<'Y'
job: analytic
data: {train: bars.h5}
features: {kind: relu, count: 40}
Y
alone import csv "$dir/bars.csv" --label-column 0 -o "$dir/plain.h5"
for n in 200 240 248 300 1000 3000 4000; do
  pad=$dir/$(dots $((n - ${#dir})))
  ranks 2 inspect "${pad}bars.h5"
  ended 0 && said '^checksums'; result "inspect of a name of $n bytes (got $code)" $?
  ranks 2 import csv "${pad}bars.csv" --label-column 0 -o "${pad}long.h5"
  ended 0 && cmp -s "$dir/long.h5" "$dir/plain.h5"
  result "import from and to names of $n bytes (got $code)" $?
  ranks 2 run "${pad}e.yaml" -q --set data.train="${pad}bars.h5" --set data.test="${pad}bars.h5" \
    --set output.run="${pad}run.h5" --set features.save_train="${pad}f.h5"
  ended 0 && [ -s "$dir/run.h5" ] && [ -s "$dir/f.h5" ]
  result "a run with names of $n bytes (got $code)" $?
  ranks 2 inspect "${pad}run.h5" "${pad}f.h5"
  ended 0 && said ': verified$' && said '^checksums'; result "and its files are whole (got $code)" $?
  rm -f "$dir/long.h5" "$dir/run.h5" "$dir/f.h5"
done
for n in 4098 9000; do
  pad=$dir/$(dots $((n - ${#dir})))
  ranks 2 inspect "${pad}bars.h5"
  refused "inspect of a name of $n bytes" 2 'name too long$'
  ranks 2 import csv "${pad}bars.csv" -o "$dir/x.h5"
  refused "import of a name of $n bytes" 2 'name too long$'
  ranks 2 import csv "$dir/bars.csv" -o "${pad}x.h5"
  refused "import to a name of $n bytes" 2 'name too long$'
  ranks 2 run "${pad}e.yaml"
  refused "run of a name of $n bytes" 2 'name too long$'
  for key in output.run features.save_train; do
    ranks 2 run "$dir/e.yaml" -q --set output.run="$dir/x.h5" --set "$key=${pad}x.h5"
    refused "run with a name of $n bytes as $key" 2 'name too long$'
  done
  ranks 2 run "$dir/e.yaml" -q --set output.run="$dir/x.h5" --set data.train="${pad}x.h5"
  refused "a name of $n bytes that is read" 2 'cannot read: File name too long$'
done
# A name of its own, or with its temporary's, is too long: found before the work, not after it.
for name in "$(printf 'n%.0s' $(seq 300)).h5" "$(dots $((4088 - ${#dir})))x.h5"; do
  n=$((${#dir} + 1 + ${#name}))
  ranks 2 import csv "$dir/bars.csv" --label-column 0 -o "$dir/$name"
  refused "import to a name of $n bytes" 2 'name too long$'
  for key in output.run features.save_train; do
    ranks 2 run "$dir/e.yaml" --set output.run="$dir/x.h5" --set "$key=$dir/$name"
    refused "run with a name of $n bytes as $key" 2 'name too long$'
    ! grep -q statistics "$dir/err"; result "and no work is done before" $?
  done
done
nothing_of "$dir/x.h5"; result "names that are too long leave no file" $?

# What has been completed is named when a command fails after that.
full() { # COMMAND ARGUMENT...: with a standard output that is full
  timeout 120 "$muster" "$@" >/dev/full 2>"$dir/err" </dev/null
  code=$?
  : >"$dir/out"
}
if [ -w /dev/full ]; then
  full import csv "$dir/bars.csv" --label-column 0 -o "$dir/i.h5"
  refused "an import that cannot say so" 1 'standard output cannot be written.*kept: [^ ]*/i\.h5$'
  full run "$dir/e.yaml" -q --set output.run="$dir/r.h5" --set features.save_train="$dir/rf.h5"
  refused "a run that cannot say so" 1 'standard output.*kept: [^ ]*/rf\.h5, [^ ]*/r\.h5$'
  alone inspect "$dir/i.h5" "$dir/r.h5" "$dir/rf.h5"
  ended 0; result "the files are complete (got $code)" $?
  full inspect "$dir/i.h5"
  refused "inspect completes no file" 1 'standard output cannot be written: [^;]*$'
fi
rm -f "$dir"/[ir].h5
timeout 120 "$muster" import csv "$dir/bars.csv" --label-column 0 -o "$dir/i.h5" 2>"$dir/err" >&-
code=$?
: >"$dir/out"
refused "an import without a standard output" 1 'standard output cannot be written.*kept: [^ ]*/i\.h5$'
alone inspect "$dir/i.h5"
ended 0; result "its file is complete (got $code)" $?

# The weights of the test rows are damaged; only the feature file needs them.
"$bad_dataset" parts "$dir/parts.h5"
cp "$dir/parts.h5" "$dir/torn.h5"
"$bad_dataset" damaged_weight "$dir/torn.h5"
ranks 2 run "$dir/e.yaml" -q --set data.train="$dir/parts.h5" --set data.test="$dir/torn.h5" \
  --set output.run="$dir/r.h5" --set features.save_train="$dir/a.h5" \
  --set features.save_test="$dir/b.h5"
grep -v -e 'is not used' -e 'count by' "$dir/err" >"$dir/err2"
mv "$dir/err2" "$dir/err"
refused "a run that fails after a feature file" 2 'torn\.h5.*/weight.*kept: [^ ]*/a\.h5$'
nothing_of "$dir/r.h5" && nothing_of "$dir/b.h5"; result "what it did not complete is not there" $?
alone inspect "$dir/a.h5"
ended 0; result "the feature file that it names is complete (got $code)" $?
finish
