#!/bin/sh
# The command as its user meets it: help, versions, lists, imports, runs, what goes to which stream,
# what is written and what is not.
. "$srcdir/tests/jobs/common.sh"

# Help and versions.
alone
ended 0 && said '^usage: muster'; result "without arguments the command explains itself" $?
alone --help
ended 0 && said '^  run ' && said '^  import ' && said 'exit codes'; result "--help names the commands" $?
for c in '' run; do
  alone $c --help
  ended 0 && said '^  0 done   1 failed   2 bad input, or training that diverges' &&
    said '^  3 a privacy budget' && said '^  75 SIGTERM'
  result "the help of muster $c tells all exit codes, and that of divergence" $?
done
tr '\n' ' ' <"$srcdir/doc/man/muster.1" | \
  grep -q ' 2 Bad input, or training that diverges: the same start would end so again\.'
result "so does the man page" $?
for c in run import inspect list; do
  alone $c --help
  ended 0 && said "^usage: muster $c" && said '^exit codes' && said '^example'
  result "muster $c --help teaches" $?
  cp "$dir/out" "$dir/help.$c"
  alone help $c
  [ -s "$dir/out" ] && cmp -s "$dir/out" "$dir/help.$c"; result "muster help $c is the same text" $?
  missing=
  for o in $(grep -oE -- '--[a-z][a-z-]*' "$dir/help.$c" | sort -u); do
    sed 's/\\-/-/g' "$srcdir/doc/man/muster-$c.1" | grep -q -- "$o" || missing="$missing $o"
  done
  [ -s "$dir/help.$c" ] && [ -z "$missing" ]; result "man page of $c lacks no option of its help:$missing" $?
done
alone run --help analytic
ended 0 && said '^  ridge ' && said '^  alpha ' && said '^  filters .* 128 ' && said '^  run '
result "run --help analytic lists the keys" $?
[ "$(grep -c '^key ' "$dir/out")" -eq 1 ]; result "under one table head" $?
alone run --help analytics
refused "help for a job that does not exist" 2 "analytics.*nearest is analytic"
[ ! -s "$dir/out" ]; result "and no other help is printed" $?
alone --version
n=0
for word in '^muster [0-9]' '^MPI ' '^HDF5 ' '^BLAS ' '^ScaLAPACK ' '^libsodium '; do said "$word" && n=$((n + 1)); done
[ $n -eq 6 ]; result "--version names muster and five libraries (found $n of 6)" $?
ranks 3 --help
ended 0 && [ "$(grep -c '^usage' "$dir/out")" -eq 1 ]; result "three ranks print help once" $?

# Lists.
alone list
for family in attacks features importers jobs mixers partitions rules; do
  said "^$family "; result "muster list names $family" $?
done
for entry in attacks:alie features:conv importers:csv importers:fashion-mnist jobs:analytic \
  mixers:nnm partitions:dirichlet rules:krum; do
  alone list "${entry%:*}"
  ended 0 && said "^${entry#*:} "; result "list ${entry%:*} holds ${entry#*:}" $?
done
alone list
families=$(cut -d ' ' -f 1 "$dir/out")
[ -n "$families" ] && [ -z "$(echo "$families" | sort | uniq -d)" ]
result "every family is listed once" $?
for family in $families; do
  alone list "$family"
  twice=$(cut -d ' ' -f 1 "$dir/out" | sort | uniq -d)
  ended 0 && [ -s "$dir/out" ] && ! said '^( |$)' && [ -z "$twice" ]
  result "list $family has a member, and none twice: $twice" $?
done
ranks 2 list jobs
ended 0 && [ "$(grep -c '^analytic' "$dir/out")" -eq 1 ]; result "two ranks print a list once" $?
if [ -w /dev/full ]; then
  timeout 60 "$muster" list >/dev/full 2>"$dir/err"; code=$?; : >"$dir/out"
  refused "standard output that is full is an error" 1 "standard output"
fi

# Imports.
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 -o "$dir/bars.h5"
ended 0 && said '600 rows of 64, 4 classes' && last_line '^\{"format": "csv", "files": \[\{"file": ".*bars.h5", "rows": 600'
result "a CSV file becomes a dataset" $?
cp "$dir/bars.h5" "$dir/before.h5"
alone import csv "$dir/bars.csv" --label-column 0 -o "$dir/bars.h5"
refused "an existing file is not replaced" 2 "bars.h5 exists.*--force"
cmp -s "$dir/bars.h5" "$dir/before.h5"; result "and is left as it was" $?
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -f -o "$dir/bars.h5"
ended 0 && ! cmp -s "$dir/bars.h5" "$dir/before.h5"; result "--force replaces it" $?

# Fashion-MNIST from a folder of our own: 3 training images and 2 test images of 2 x 2.
mkdir -p "$dir/share/datasets/fashion-mnist" "$dir/to"
(cd "$dir/share/datasets/fashion-mnist" &&
  printf '\000\000\010\003\000\000\000\003\000\000\000\002\000\000\000\002abcdefghijkl' >train-images-idx3-ubyte &&
  printf '\000\000\010\001\000\000\000\003\000\001\002' >train-labels-idx1-ubyte &&
  printf '\000\000\010\003\000\000\000\002\000\000\000\002\000\000\000\002abcdefgh' >t10k-images-idx3-ubyte &&
  printf '\000\000\010\001\000\000\000\002\002\001' >t10k-labels-idx1-ubyte && gzip ./t*)
XDG_DATA_DIRS="$dir/none:$dir/share" alone import fashion-mnist -o "$dir/to"
ended 0 && said 'fashion-train.h5: 3 rows of 2 x 2' && said 'fashion-test.h5: 2 rows of 2 x 2'
result "fashion-mnist is found below XDG_DATA_DIRS" $?
alone import fashion-mnist --from "$dir/share/datasets/fashion-mnist" --force -o "$dir/to"
ended 0 && [ -s "$dir/to/fashion-test.h5" ]; result "fashion-mnist is taken --from a folder" $?
rm "$dir/to/fashion-train.h5"
ranks 2 import fashion-mnist --from "$dir/share/datasets/fashion-mnist" -o "$dir/to"
refused "fashion-mnist onto a dataset that exists" 2 'fashion-test\.h5 exists.*--force'
nothing_of "$dir/to/fashion-train.h5"; result "and the other one is not begun" $?
alone import fashion-mnist --from "$dir/share/datasets/fashion-mnist" --label-column 0 -o "$dir/to"
refused "an option of another format" 2 'option --label-column means nothing to format fashion-mnist; it belongs to csv$'
alone import csv "$dir/bars.csv" --from "$dir" -o "$dir/x.h5"
refused "a folder for a format" 2 'option --from means nothing to format csv; it belongs to fashion-mnist$'
HOME=$dir XDG_DATA_DIRS="$dir/none" alone import fashion-mnist -o "$dir/to" --force
refused "fashion-mnist that is nowhere names the package" 2 "dataset-fashion-mnist"

# Runs.
cat >"$dir/bars.yaml" <<'Y'
job: analytic
seed: 3
data: {train: bars.h5, test: bars.h5}
clients: {count: 20, partition: dirichlet, alpha: 0.05}
features: {kind: relu, count: 100}
analytic: {ridge: 1}
Y
alone run "$dir/bars.yaml" --dry-run --set output.run="$dir/dry.h5"
ended 0 && said '^  gamma: 1' && said '^# *rank_bytes' && last_line '^\{"job": "analytic", "dry_run": true, "ranks": 1, "estimate": \{.*"rank_bytes": [0-9]+'
result "a dry run prints the resolved experiment and its needs" $?
[ ! -e "$dir/dry.h5" ]; result "a dry run writes nothing" $?
grep -vE '^(#|\{)' "$dir/out" >"$dir/resolved.yaml"
(cd "$dir" && alone run resolved.yaml --dry-run)
grep -vE '^(#|\{)' "$dir/out" | cmp -s - "$dir/resolved.yaml"
result "the resolved experiment resolves to itself" $?
alone run "$dir/bars.yaml" --dry-run --set analytic.ridge=5 --set analytic.ridge=7 -s seed=9
said '^  ridge: 7$' && said '^seed: 9$'; result "--set replaces keys, the last one counts" $?
alone run "$dir/bars.yaml" --dry-run --set clients.partition=iid --set features.kind=identity
ended 0 && once && complained '^muster: .*bars.yaml: passed over.*: clients.alpha, features.count$'
result "keys of members that --set replaces are passed over, and named once" $?
alone run "$dir/bars.yaml" --dry-run -q --set clients.partition=iid
ended 0 && [ ! -s "$dir/err" ]; result "but not by a quiet run" $?

ranks 2 run "$dir/bars.yaml" --set output.run="$dir/run.h5"
ended 0 && last_line '^\{"job": "analytic", "run": ".*run.h5", "rounds": 1, "ranks": 2, "seconds": [0-9.]+, "digest": "[0-9a-f]{64}", "result": \{.*"accuracy": (0\.9|1\.0)'
result "a run ends with one JSON line and learns the bars" $?
[ "$(grep -c '^{' "$dir/out")" -eq 1 ]; result "one rank prints the JSON line" $?
complained 'statistics'; result "progress goes to standard error" $?
digest=$(field digest)
[ "$(field rows)" = 600 ]; result "whole figures are printed whole" $?
alone inspect "$dir/run.h5"
ended 0 && said "digest +$digest: verified" && said 'accuracy' && said 'weights'
result "inspect verifies the run's digest" $?
ranks 2 run "$dir/bars.yaml" -q --set output.run="$dir/run.h5"
ended 0 && [ "$(field digest)" = "$digest" ] && [ ! -s "$dir/err" ]
result "a second run replaces the first, with the same digest and quietly" $?
mkdir -p "$dir/cwd"
here=$(pwd)
cd "$dir/cwd"
alone run ../bars.yaml -q --set data.train=../bars.h5
ended 0 && [ -s bars.h5 ]
result "the run file is by default named after the experiment, here" $?
cd "$here"
cp "$dir/bars.h5" "$dir/other.h5"
before=$(cksum <"$dir/other.h5")
alone run "$dir/bars.yaml" -q --set output.run="$dir/other.h5"
refused "a run does not replace a dataset" 2 "other.h5 exists and is not a run file"
[ "$(cksum <"$dir/other.h5")" = "$before" ]; result "and the dataset is left as it was" $?

# Inspecting.
ranks 3 inspect "$dir/bars.h5"
ended 0 && said '^rows +600$' && said '^class 3 +150 rows' && said 'checksums'
result "inspect reads a dataset on three ranks" $?
cp "$dir/bars.h5" "$dir/damaged.h5"
size=$(wc -c <"$dir/damaged.h5")
printf 'XXXXXXXX' | dd of="$dir/damaged.h5" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
alone inspect "$dir/damaged.h5"
refused "inspect finds a damaged chunk" 2 "damaged.h5"
cp "$dir/run.h5" "$dir/broken.h5"
size=$(wc -c <"$dir/broken.h5")
dd if="$dir/run.h5" of="$dir/broken.h5" bs=1 count=$((size / 2)) 2>/dev/null
alone inspect "$dir/broken.h5"
refused "inspect finds a truncated run file" 2 "broken.h5"
# Damage in the parts that hold no features: /y of values, /group, /weight.
for part in y group weight; do
  "$bad_dataset" parts "$dir/parts.h5"
  alone inspect "$dir/parts.h5"
  ended 0 && said '^checksums'; result "inspect reads a dataset with all its parts" $?
  "$bad_dataset" "damaged_$part" "$dir/parts.h5"
  ranks 2 inspect "$dir/parts.h5"
  refused "inspect finds a damaged chunk of /$part" 2 "parts.h5.*/$part"
done

# Rank 0 cannot print the line that ends a file: it is made to cross the 4096 bytes after which the
# library writes to standard output, which is full. The other ranks must not go on to the next file.
bars=$dir/bars.h5
set -- "$bars" "$bars" "$bars" "$bars" "$bars" "$bars" "$bars" "$bars" "$bars" "$bars"
alone inspect "$@" "$@" "$@"
at=$(grep -abo '^checksums' "$dir/out" | cut -d: -f1 | awk '$1 < 4076' | tail -n 1)
shift
set -- "$dir/$(dots $((4076 - at)))bars.h5" "$@" "$@"
alone inspect "$@"
at=$(grep -abo '^checksums' "$dir/out" | cut -d: -f1 | awk '$1 < 4096' | tail -n 1)
[ "$at" -gt 4060 ]; result "the line lies across the buffer's end (byte $at)" $?
# shellcheck disable=SC2016
timeout 60 $MPIRUN --oversubscribe -np 3 sh -c 'exec "$0" "$@" >/dev/full' "$muster" inspect "$@" >"$dir/out" 2>"$dir/err" </dev/null
code=$?
refused "what rank 0 cannot print ends inspect on all ranks" 1 'standard output cannot be written'
alone inspect "$dir/bars.csv"
refused "inspect refuses a foreign file" 2 "bars.csv"
alone inspect "$dir/nothing.h5"
refused "inspect names a missing file" 2 "nothing.h5"

# A file named like a temporary is the user's, and may be what is read.
cp "$dir/bars.csv" "$dir/c.h5.tmp"
before=$(cksum <"$dir/c.h5.tmp")
alone import csv "$dir/c.h5.tmp" --label-column 0 -o "$dir/c.h5"
ended 0 && [ "$(cksum <"$dir/c.h5.tmp")" = "$before" ] && [ -s "$dir/c.h5" ] && no_temporary "$dir/c.h5"
result "an import from OUTPUT.tmp leaves its input alone" $?

# Two runs with the same output: both end well, and the file is whole.
"$muster" run "$dir/bars.yaml" -q --set output.run="$dir/both.h5" >"$dir/out2" 2>"$dir/err2" </dev/null &
pid=$!
alone run "$dir/bars.yaml" -q --set output.run="$dir/both.h5"
wait $pid
other=$?
ended 0 && [ $other -eq 0 ] && [ ! -s "$dir/err2" ]; result "two runs with one output both end well" $?
alone inspect "$dir/both.h5"
ended 0 && said 'verified' && no_temporary "$dir/both.h5"; result "and leave one whole run file" $?

# A signal ends a run in order. The run file's temporary shows that the handler is in place.
env -u OPENBLAS_NUM_THREADS "$muster" run "$dir/bars.yaml" --set features.count=6000 \
  --set output.run="$dir/long.h5" >"$dir/out" 2>"$dir/err" </dev/null &
pid=$!
watch_over $pid
for _ in $(seq 600); do no_temporary "$dir/long.h5" || break; sleep 0.05; done
tr '\0' '\n' <"/proc/$pid/environ" >"$dir/environ"
kill -USR1 $pid
wait $pid
code=$?
ended 75 && complained '^muster: .*interrupted'; result "SIGUSR1 ends a run with exit code 75 (got $code)" $?
nothing_of "$dir/long.h5"; result "and leaves no file behind" $?
grep -qx 'OPENBLAS_NUM_THREADS=1' "$dir/environ"
result "OpenBLAS was loaded with one thread, though the environment did not say so" $?
finish
