#!/bin/sh
# The analytic job keeps what it has summed: interrupted or killed in the middle, it goes on from there on
# another number of ranks and in another arrangement of memory, and leaves the model of a run that was
# never disturbed.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
awk '{ line[NR] = $0 } END { for (i = 0; i < 100; i++) for (k = 1; k <= NR; k++) print line[k] }' \
  "$dir/bars.csv" >"$dir/many.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
alone import csv "$dir/many.csv" --label-column 0 --scale 0.01 -o "$dir/many.h5"
ended 0; result "the dataset is there" $?
rm "$dir/many.csv"
cat >"$dir/e.yaml" <<END
job: analytic
data: {train: many.h5, test: bars.h5}
clients: {count: 10}
features: {kind: relu, count: 2000}
output: {run: out.h5}
END
out=$dir/out.h5
often="--set output.checkpoint.every_minutes=0.000001"
rare="--set output.checkpoint.every_minutes=0"
pause=0.3 # how long sums go on, undisturbed by a check, before a signal
checkpoints() { ls "$dir"/out.checkpoint-*.h5 2>/dev/null | wc -l; }
newest() { for newest in "$dir"/out.checkpoint-*.h5; do :; done; } # sets $newest, and starts no process
# disturbed SIGNAL P ARGUMENT...: on P ranks; the signal comes when there is a newer checkpoint than at
# the start; where they are not made often, a moment after the sums have begun.
disturbed() {
  signal=$1 p=$2
  shift 2
  case "$*" in *"$often"*) by=checkpoint ;; *) by=sums ;; esac
  newest
  had=$newest
  $MPIRUN --oversubscribe -np "$p" "$muster" run "$dir/e.yaml" --resume --set output.run="$out" "$@" \
    >"$dir/out" 2>"$dir/err" </dev/null &
  pid=$!
  watch_over $pid
  for _ in $(seq 6000); do
    kill -0 $pid 2>/dev/null || break
    newest
    if [ $by = checkpoint ] && [ "$newest" != "$had" ]; then break; fi
    if [ $by = sums ] && complained '^muster: features'; then sleep $pause; break; fi
    sleep 0.01
  done
  if [ "$signal" = KILL ]; then kill -9 $(pgrep -P $pid muster); else kill "-$signal" $pid; fi
  wait $pid 2>/dev/null
  code=$?
  newest
}

# What is saved now, to begin with once more where a run came to its end before the signal.
keep() { rm -rf "$dir/kept" && mkdir "$dir/kept" && cp "$dir"/out.checkpoint-*.h5 "$dir/kept"; }
restore() { rm -f "$out" "$dir"/out.checkpoint-*.h5 && cp "$dir"/kept/*.h5 "$dir"; }

# The least memory that the job does with.
memory=0.01
for _ in $(seq 30); do
  alone run "$dir/e.yaml" -q --dry-run --set resources.memory="$memory"
  ended 0 && break
  memory=$(sed -n 's/.*\(tables of\|needs at least\) \([0-9.]*\) GiB.*/\2/p' "$dir/err")
  memory=$(awk -v a="$memory" 'BEGIN { print a + 0.001 }')
done
ended 0 && ! complained . && ! said '"passes": 1,'
result "with $memory GiB the job does, in several passes over the rows" $?

alone run "$dir/e.yaml" -q --set output.run="$out"
ended 0 && [ "$(checkpoints)" -eq 0 ]; result "an undisturbed run keeps nothing" $?
straight=$(field digest)
rm -f "$out"
ranks 2 run "$dir/e.yaml" -q --resume --set output.run="$out" $often
ended 0 && [ "$(field digest)" = "$straight" ] && [ "$(checkpoints)" -eq 0 ]
result "checkpoints change no bit, and go with the end; with none, --resume begins at the beginning \
(digest $(field digest), want $straight)" $?
rm -f "$out"

# shellcheck disable=SC2086
disturbed USR1 2 $often
ended 75 && complained '^muster: interrupted while summing the statistics; --resume goes on'
result "SIGUSR1 on two ranks: in order (got $code)" $?
[ "$(checkpoints)" -ge 1 ] && [ ! -e "$out" ]; result "what is summed is kept in $newest" $?
alone inspect "$newest"
ended 0 && said 'digest *verified'; result "in a sound checkpoint" $?
keep
for _ in 1 2 3 4 5 6 7 8; do
  # shellcheck disable=SC2086
  disturbed KILL 3 $often
  [ -e "$out" ] || break
  restore
done
complained '^muster: going on after' && [ ! -e "$out" ] && [ "$newest" != "$had" ]
result "three ranks go on from it, and are killed" $?
# A run holds more at the start than a dry run; where that is too much it says what it needs.
# A signal that comes when all is summed already says nothing of this: once more, from the same sums, sooner.
keep
for _ in 1 2 3 4 5 6 7 8; do
  # shellcheck disable=SC2086
  disturbed USR1 1 $rare --set resources.memory="$memory"
  if complained 'needs at least'; then
    [ $code -eq 1 ] && [ "$newest" = "$had" ]; result "$memory GiB are too little, and nothing is lost" $?
    memory=$(awk '/needs at least/ { sub(/.*needs at least /, ""); print $1 + 0.003 }' "$dir/err")
  elif complained 'start the run again' || ended 0; then
    pause=$(awk -v s=$pause 'BEGIN { print s / 2 }')
    restore
  else
    break
  fi
done
ended 75 && complained '^muster: going on after' && [ "$newest" != "$had" ]
result "one rank with little memory goes on, is interrupted, and keeps what it has added (got $code)" $?
ranks 2 run "$dir/e.yaml" --resume --set output.run="$out"
ended 0 && complained '^muster: going on after' && [ "$(field digest)" = "$straight" ] &&
  [ "$(checkpoints)" -eq 0 ]
result "two ranks end it as if it had never been disturbed (digest $(field digest), want $straight)" $?
rm -f "$out"

# Floating-point sums too, whose last bits follow the order.
disturbed USR1 1 --set reduce=fast $often
ended 75; result "reduce: fast: interrupted (got $code)" $?
alone run "$dir/e.yaml" -q --resume --set output.run="$out" --set reduce=exact
refused "going on with sums of the other kind" 2 'what differs: reduce'
ranks 2 run "$dir/e.yaml" -q --resume --set output.run="$out" --set reduce=fast
ended 0 && [ "$(field accuracy)" = 1.0 ] && [ "$(checkpoints)" -eq 0 ]
result "reduce: fast: gone on from" $?
finish
