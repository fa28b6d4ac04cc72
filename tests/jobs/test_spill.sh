#!/bin/sh
# What clients keep, and their rows, in files instead of memory: the same bits on any ranks and after
# kills, less memory, no files left behind, and one message when there is no room for them.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0
result "the dataset is there" $?
cat >"$dir/scaffold.yaml" <<'Y'
job: federated
data: {train: bars.h5, test: bars.h5}
clients: {count: 30, partition: dirichlet, alpha: 0.5}
model: {kind: mlp, hidden: [24]}
optimizer: {kind: sgd, lr: 0.05, batch: 10}
method: {name: scaffold, rounds: 12, participation: 0.5, local_epochs: 2}
output: {checkpoint: {every_rounds: 5}}
Y
cat >"$dir/personal.yaml" <<'Y'
job: federated
data: {train: bars.h5}
clients: {count: 30, partition: dirichlet, alpha: 0.5, holdout: 0.25}
features: {kind: relu, count: 50}
model: {kind: mlp, hidden: [24]}
optimizer: {kind: sgd, lr: 0.05, batch: 10}
method: {name: feddyn, rounds: 8, participation: 0.5, local_epochs: 2}
personal: {keep: 1, fine_tune_epochs: 1}
evaluate: {clients: true}
compress: {kind: topk, fraction: 0.2, feedback: true}
output: {checkpoint: {every_rounds: 5}}
Y
scratch_files() { ls -A "$dir" "$dir/disk" 2>/dev/null | grep -c '\.scratch'; }
# SENTENCE: the last run ended well with the digest $want and left no scratch file.
same() {
  ended 0 && [ "$(field digest)" = "$want" ] && [ "$(scratch_files)" -eq 0 ]
  result "$1: digest $(field digest), want $want; $(scratch_files) scratch files" $?
}

for e in scaffold personal; do
  alone run "$dir/$e.yaml" -q --set output.run="$dir/$e.h5"
  want=$(field digest)
  ended 0 && [ -n "$want" ]
  result "$e runs in memory" $?
  for p in 1 2 3 4 7; do
    for what in state all; do
      ranks $p run "$dir/$e.yaml" -q --set resources.spill=$what --set output.run="$dir/s.h5"
      same "$e with spilled $what on $p ranks"
    done
  done
  MUSTER_SHARED_MEMORY=0 ranks 3 run "$dir/$e.yaml" -q --set resources.spill=all --set output.run="$dir/s.h5"
  same "$e with spilled rows, without shared memory"
done

# Killed with one kind of memory, gone on with another.
slow="--set method.rounds=4000 --set output.checkpoint.every_rounds=50 --set output.run=$dir/k.h5"
checkpoints() { ls "$dir"/k.checkpoint-*.h5 2>/dev/null | wc -l; }
# shellcheck disable=SC2086
for e in scaffold personal; do
  rounds="--set method.rounds=250"
  alone run "$dir/$e.yaml" -q $slow $rounds --set output.run="$dir/straight.h5"
  want=$(field digest)
  for way in "all none" "state all" "none state"; do
    for _ in 1 2 3 4 5 6 7 8; do # until it does not come to its end first
      rm -f "$dir"/k.* "$dir"/.k.*
      begun 2 run "$dir/$e.yaml" -q $slow $rounds --set resources.spill="${way% *}"
      for _ in $(seq 2400); do
        [ "$(checkpoints)" -lt 1 ] && kill -0 $pid 2>/dev/null || break
        sleep 0.01
      done
      for rank in $(pgrep -P $pid muster); do kill -9 "$rank" 2>/dev/null; done
      wait $pid 2>/dev/null || break
    done
    [ "$(scratch_files)" -eq 0 ] && [ "$(checkpoints)" -ge 1 ]
    result "$e, spilled ${way% *}, is killed with $(checkpoints) checkpoints and $(scratch_files) scratch files" $?
    ranks 3 run "$dir/$e.yaml" -q --resume $slow $rounds --set resources.spill="${way#* }"
    same "$e is gone on with, spilled ${way#* }"
  done
done

# The plan, and the memory that is taken: 300 clients with a megabyte each.
wide="--set clients.count=300 --set clients.partition=iid --set model.hidden=[900,200] --set method.rounds=2 \
  --set method.participation=0.05 --set output.checkpoint.every_rounds=0 --set output.run=$dir/w.h5"
measured() { sed -n "s/^ *$1  *\([0-9]*\)\$/\1/p" "$dir/out"; }
# shellcheck disable=SC2086
for what in none state all; do
  alone run "$dir/scaffold.yaml" -q --dry-run $wide --set resources.spill=$what
  node=$(field node_bytes) files=$(field scratch_bytes) state=$((4 * $(field parameters) * 300))
  rows=$((600 * (64 * 4 + 4)))
  case $what in
    none) all=$node; [ "$files" -eq 0 ] && [ "$node" -gt "$state" ];;
    state) [ "$files" -eq "$state" ] && [ "$node" -eq $((all - state)) ];;
    all) [ "$files" -eq $((state + rows)) ] && [ "$node" -eq $((all - state - 2 * rows)) ];;
  esac
  result "planned with spilled $what: $node bytes of a node, $files of files" $?
  alone run "$dir/scaffold.yaml" -q $wide --set resources.spill=$what
  got=$(field digest)
  alone inspect "$dir/w.h5"
  arrays=$(measured array_peak_bytes) peak=$(measured peak_bytes)
  case $what in
    none) want=$got most=$arrays most_peak=$peak; [ "$arrays" -gt "$state" ];;
    *) [ "$got" = "$want" ] && [ "$arrays" -lt $((most - state * 9 / 10)) ];;
  esac
  result "taken with spilled $what: $arrays bytes of arrays; $peak resident" $?
  [ "$what" = none ] || grep -q __asan_init "$muster" || {
    [ "$peak" -lt "$most_peak" ] && [ "$peak" -lt "$state" ]
    result "resident with spilled $what: $peak bytes, with a state of $state" $?
  }
done

# No room: on the disk, by a limit of one rank alone.
mkdir "$dir/disk"
if mount -t tmpfs -o size=8m tmpfs "$dir/disk" 2>/dev/null; then
  trap 'umount "$dir/disk"; rm -rf "$dir"' EXIT
  for p in 1 3; do
    for what in state all; do
      # shellcheck disable=SC2086
      ranks $p run "$dir/scaffold.yaml" -q $wide --set resources.spill=$what --set output.run="$dir/disk/o.h5"
      refused "spilled $what on a disk without room, on $p ranks" 1 \
        'scratch file: .*/disk/o\.h5: cannot write: No space left on device \(up to [0-9.]* MB are needed, [0-9.]* MB are free there\)'
      [ -z "$(ls -A "$dir/disk")" ]
      result "nothing is left on it: $(ls -A "$dir/disk")" $?
    done
  done
else
  skip "no room on a disk: only root can make a small one"
fi
cat >"$dir/limited.sh" <<'S'
[ "$OMPI_COMM_WORLD_RANK" != 2 ] || ulimit -f 100000
exec "$@"
S
# shellcheck disable=SC2086
MUSTER_SHARED_MEMORY=0 timeout 120 $MPIRUN --oversubscribe -np 3 sh "$dir/limited.sh" "$muster" run \
  "$dir/scaffold.yaml" -q $wide --set resources.spill=state --set output.run="$dir/l.h5" \
  >"$dir/out" 2>"$dir/err" </dev/null
code=$?
refused "a limit of one rank" 1 'rank 2: scratch file: .*the limit on file sizes'
nothing_of "$dir/l.h5" && [ "$(scratch_files)" -eq 0 ]
result "and nothing is left" $?
alone run "$dir/scaffold.yaml" -q --set resources.spill=rows
refused "another word" 2 'resources.spill=rows: .*none.*state.*all'
finish
