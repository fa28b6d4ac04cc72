#!/bin/sh
# A run that is killed, interrupted or short of room goes on from its checkpoints and leaves the same
# model and metrics as one that never was; nobody goes on from a damaged checkpoint or another
# experiment's.
# Environment: RESUME_KILLS kills of the first part (default 6; each is at a random moment).
. "$srcdir/tests/jobs/common.sh"
: "${RESUME_KILLS:=6}" "${RESUME_SEED:=$(date +%s)}"
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0
result "the dataset is there" $?
cat >"$dir/e.yaml" <<END
job: federated
data: {train: bars.h5, test: bars.h5}
clients: {count: 30, partition: dirichlet, alpha: 0.5}
model: {kind: mlp, hidden: [24]}
optimizer: {kind: sgd, lr: 0.05, batch: 10}
method: {name: scaffold, rounds: 120, participation: 0.5, local_epochs: 3}
output: {run: out.h5, checkpoint: {every_rounds: 5}}
END
out=$dir/out.h5
start() { alone run "$dir/e.yaml" -q --set output.run="$out" "$@"; }
checkpoints() { ls "$dir"/out.checkpoint-*.h5 2>/dev/null | wc -l; }
newest() { ls "$dir"/out.checkpoint-*.h5 | tail -n 1; }
begun() { ls "$dir"/.out.checkpoint-*.tmp 2>/dev/null | wc -l; }
clean() { rm -f "$dir"/out.* "$dir"/.out.*; }

# the last run was complete, with this digest, and left nothing but its file
done_with() { # SENTENCE DIGEST
  ended 0 && [ "$(field digest)" = "$2" ] && [ "$(checkpoints)" -eq 0 ] && [ "$(begun)" -eq 0 ]
  result "$1 (exit code $code, $(checkpoints) checkpoints, digest $(field digest), want $2)" $?
}

# interrupted SIGNAL ARGUMENT...: start alone and send the signal after the first checkpoint; a run that comes
# to its end first is begun anew.
interrupted() {
  signal=$1
  shift
  for _ in 1 2 3 4 5 6 7 8; do
    "$muster" run "$dir/e.yaml" -q --set output.run="$out" "$@" >"$dir/out" 2>"$dir/err" </dev/null &
    pid=$!
    watch_over $pid
    for _ in $(seq 2400); do
      [ "$(checkpoints)" -lt "${wait_for:-1}" ] && kill -0 $pid 2>/dev/null || break
      sleep 0.01
    done
    kill "-$signal" $pid 2>/dev/null
    wait $pid 2>/dev/null
    code=$?
    [ $code -eq 0 ] || break
    clean
  done
}

# Killed at random moments, on any number of ranks, with a checkpoint after every round. A run that comes to
# its end first is begun anew, so that a fast machine kills as often as a slow one.
rounds=360
many="--set method.rounds=$rounds --set output.checkpoint.every_rounds=1"
# shellcheck disable=SC2086
start $many
ended 0 && [ "$(checkpoints)" -eq 0 ]
result "an uninterrupted run leaves no checkpoint (got $code)" $?
straight=$(field digest)
clean
kills=0 starts=0 worst=0 others=0
while [ $kills -lt "$RESUME_KILLS" ] && [ $starts -lt $((20 * RESUME_KILLS)) ]; do
  starts=$((starts + 1))
  moment=$(awk -v s="$RESUME_SEED" -v i=$starts 'BEGIN { srand(s + 7919 * i); rand()
    print 1 + int(3 * rand()), 0.25 + 0.9 * rand() }')
  # shellcheck disable=SC2086
  $MPIRUN --oversubscribe -np "${moment% *}" "$muster" run "$dir/e.yaml" --resume -q $many \
    --set output.run="$out" >"$dir/out" 2>"$dir/err" </dev/null &
  pid=$!
  watch_over $pid
  sleep "${moment#* }"
  all=$(pgrep -P $pid muster)
  case $((starts % 3)) in
    0) victims=$pid ;;                            # mpirun, whose ranks then end by themselves
    1) victims=$all ;;                            # all ranks
    *) victims=$(echo "$all" | tail -n 1) ;;      # one rank, whose like mpirun then ends
  esac
  # shellcheck disable=SC2086
  [ -n "$all" ] && kill -9 $victims 2>/dev/null && kills=$((kills + 1))
  wait $pid 2>/dev/null
  code=$?
  for rank in $all; do
    for _ in $(seq 500); do
      case $(ps -o stat= -p "$rank") in '' | Z*) break ;; esac
      sleep 0.02
    done
  done
  [ "$code" -ne 2 ] && [ "$code" -ne 1 ] && ! complained 'passed over' || worst=$code
  [ "$code" -eq 0 ] || continue
  [ "$(field digest)" = "$straight" ] || others=$((others + 1))
  clean
done
[ "$worst" -eq 0 ]
result "no start after a kill finds a damaged checkpoint or fails (got $worst, seed $RESUME_SEED)" $?
[ $kills -eq "$RESUME_KILLS" ]
result "the run was killed often enough ($kills of $RESUME_KILLS, $starts starts)" $?
[ $others -eq 0 ]
result "those that ended between the kills ended as if there had been none ($others did not)" $?
[ "$(checkpoints)" -le 2 ]
result "at most two checkpoints are kept (found $(checkpoints))" $?
# shellcheck disable=SC2086
ranks 2 run "$dir/e.yaml" --resume -q $many --set output.run="$out"
done_with "after $kills kills the run ends as if there had been none" "$straight"
alone inspect "$out"
ended 0 && said ': verified$'; result "and its file is whole" $?

# A complete run that is started again has nothing to do, and says what it came to.
result_of() { sed -n 's/.*"digest"/"digest"/p' "$dir/out" | tail -n 1; }
clean
start
line=$(result_of) short=$(field digest) sum=$(cksum <"$out")
ranks 2 run "$dir/e.yaml" -q --resume --set output.run="$out"
ended 0 && [ "$(result_of)" = "$line" ] && [ "$(cksum <"$out")" = "$sum" ]
result "a complete run prints the same result again (got $code)" $?
start --resume --set seed=2
refused "a complete run of another experiment" 2 'complete and belongs to another.*seed \(1, now 2\)'
[ "$(cksum <"$out")" = "$sum" ]; result "which stays as it is" $?
awk -F, -v OFS=, 'NR == 3 { $9 += 1 } { print }' "$dir/bars.csv" >"$dir/other.csv"
alone import csv "$dir/other.csv" --label-column 0 --scale 0.01 -o "$dir/other.h5"
ended 0; result "there is a dataset with one other number" $?
cp "$dir/bars.h5" "$dir/copy.h5"
for key in train test; do
  ranks 3 run "$dir/e.yaml" -q --resume --set output.run="$out" --set data.$key="$dir/copy.h5"
  ended 0 && [ "$(result_of)" = "$line" ]
  result "a complete run takes a copy of data.$key elsewhere for the same (got $code)" $?
  ranks 3 run "$dir/e.yaml" -q --resume --set output.run="$out" --set data.$key="$dir/other.h5"
  refused "a complete run and other rows for data.$key" 2 \
    "is complete, and data\.$key: .*other\.h5\"? has other rows, targets or clients"
done
"$bad_dataset" without_gradient "$out"
alone inspect "$out"
ended 0 && ! said '^  gradient:'; result "the run file is one from before evaluate.gradient" $?
start --resume
ended 0 && [ "$(result_of)" = "$line" ]
result "an option that came later and has its default is no change (got $code)" $?
start --resume --set evaluate.gradient=true
refused "such an option with another value" 2 'differs: evaluate\.gradient \(false, now true\);'
clean

# Signals: saved at the end of the round, and gone on from.
slow="--set method.rounds=4000 --set output.checkpoint.every_rounds=50"
for signal in TERM USR1; do
  # shellcheck disable=SC2086
  interrupted $signal $slow
  ended 75 && complained '^muster: interrupted after round [0-9]+ of 4000; --resume' && once
  result "SIG$signal ends the run with 75 and one message (got $code)" $?
  at=$(sed -n 's/.*after round \([0-9]*\) of.*/\1/p' "$dir/err")
  newest | grep -q "checkpoint-0*$at\.h5"
  result "its state after that round, $at, is kept in $(newest)" $?
  [ ! -e "$out" ] && no_temporary "$out"
  result "no run file is left" $?
  clean
done

# Another experiment is refused, another place or more memory is not.
interrupted USR1
ended 75 && [ "$(checkpoints)" -ge 1 ]; result "a run was interrupted (got $code)" $?
kept=$(newest)
ranks 2 inspect "$kept"
ended 0 && said 'round  *[0-9]' && said 'digest *verified' && said 'name: scaffold'
result "a checkpoint can be inspected" $?
head -c 4000 "$kept" >"$dir/cut.h5"
alone inspect "$dir/cut.h5"
ended 2
result "a truncated one is refused (got $code)" $?
rm -f "$dir/cut.h5"
before=$(checkpoints)
start --resume --set optimizer.lr=0.06 --set method.rounds=121
refused "going on with another experiment" 2 \
  'what differs: optimizer\.lr \(0\.05, now 0\.06\), method\.rounds \(120, now 121\)'
[ "$(checkpoints)" -eq "$before" ]; result "the checkpoints stay" $?
ranks 3 run "$dir/e.yaml" -q --resume --no-shared-memory --set output.run="$out" \
  --set resources.memory=1 --set output.checkpoint.every_rounds=7
done_with "going on with other resources, ranks and checkpoints" "$short"
clean

# The datasets: their rows count, not their names and times.
# shellcheck disable=SC2086
for key in train test; do
  cp "$dir/bars.h5" "$dir/$key.h5"
  interrupted USR1 $many --set data.$key="$dir/$key.h5"
  ended 75; result "a run on a dataset of its own, data.$key, was interrupted (got $code)" $?
  before=$(checkpoints)
  awk -F, -v OFS=, 'NR == 3 { $9 += 1 } { print }' "$dir/bars.csv" >"$dir/other.csv"
  rm "$dir/$key.h5"
  alone import csv "$dir/other.csv" --label-column 0 --scale 0.01 -o "$dir/$key.h5"
  ended 0; result "$key.h5 is another one now" $?
  ranks 2 run "$dir/e.yaml" -q --resume $many --set output.run="$out" --set data.$key="$dir/$key.h5"
  refused "going on when $key.h5 was changed in its place" 2 \
    "data\.$key: .*$key\.h5\"? has other rows, targets or clients than when .*out\.checkpoint-[0-9]*\.h5"
  [ "$(checkpoints)" -eq "$before" ]; result "the checkpoints stay" $?
  cp "$dir/bars.h5" "$dir/copy.h5"
  touch -d 2001-01-01 "$dir/copy.h5"
  ranks 3 run "$dir/e.yaml" -q --resume $many --set output.run="$out" --set data.$key="$dir/copy.h5"
  done_with "going on with a copy of $key.h5 elsewhere, of another time" "$straight"
  clean
done

# Damaged checkpoints.
damage() { # SENTENCE COMMAND...: damage the newest of two, go on from the older
  sentence=$1
  shift
  wait_for=2 interrupted KILL
  [ "$(checkpoints)" -ge 2 ]; result "$sentence: there are two checkpoints" $?
  "$@" "$(newest)"
  start --resume
  [ "$(grep -c 'passed over' "$dir/err")" -eq 1 ] && once
  result "$sentence: one line says so" $?
  done_with "$sentence: the older one is gone on from" "$short"
  clean
}
cut_short() { dd if=/dev/null of="$1" bs=1 seek=5000 2>/dev/null; }
overwrite() { printf 'XXXXXXXX' | dd of="$1" bs=1 seek=$(($(wc -c <"$1") / 2)) conv=notrunc 2>/dev/null; }
replace() { echo "not HDF5" >"$1"; }
damage "a truncated checkpoint" cut_short
damage "a damaged checkpoint" overwrite
damage "a foreign file" replace
wait_for=2 interrupted KILL
for f in "$dir"/out.checkpoint-*.h5; do replace "$f"; done
start --resume
complained 'no checkpoint is sound'
result "when none is sound the run says that it begins anew" $?
done_with "and it does" "$short"
clean

# Without --resume.
wait_for=1 interrupted KILL
n=$(checkpoints)
start --set method.rounds=nonsense
ended 2 && [ "$(checkpoints)" -eq "$n" ]; result "a wrong key leaves checkpoints alone" $?
start
complained '^muster: [0-9]+ checkpoints? of an earlier start (is|are) here' && once
result "a run that begins anew says that --resume would go on" $?
done_with "and begins anew" "$short"
alone inspect "$out"
said '^  resumed  *0$'; result "from round 0" $?
clean
start --resume
done_with "--resume without a checkpoint begins at the beginning" "$short"
clean

# No room for checkpoints, but for the run file.
mkdir "$dir/disk"
if mount -t tmpfs -o size=512k tmpfs "$dir/disk" 2>/dev/null; then
  trap 'umount "$dir/disk"; rm -rf "$dir"' EXIT
  alone run "$dir/e.yaml" -q --set output.run="$dir/disk/out.h5"
  complained 'checkpoint of round 5 cannot be written \(there is no older one\); the run goes on: ' &&
    complained 'No space left on device' && once
  result "a checkpoint that cannot be written is told once" $?
  done_with "and does not end the run" "$short"
  [ "$(ls -A "$dir/disk")" = out.h5 ]; result "nothing else is on the full disk" $?
  rm -f "$dir/disk/out.h5" "$dir/err"
  # shellcheck disable=SC2086
  "$muster" run "$dir/e.yaml" -q $slow --set output.run="$dir/disk/out.h5" >"$dir/out" 2>"$dir/err" </dev/null &
  pid=$!
  watch_over $pid
  for _ in $(seq 2400); do ! complained 'cannot be written' || break; sleep 0.02; done
  kill -TERM $pid
  wait $pid
  code=$?
  ended 1 && complained 'a signal asked for the end, but the checkpoint of round [0-9]+ cannot be written'
  result "a signal that finds no room for the state is a failure (got $code)" $?
else
  skip "no room for checkpoints: only root can make a small disk"
fi
finish
