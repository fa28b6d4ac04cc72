#!/bin/sh
# What the batch script of `muster submit` makes of the ends of its runs: which end the job, which give it
# back to the queue, and for how long. Launcher, scontrol and sleep are stand-ins: a start takes no time,
# and Slurm answers that the job runs, unless it was cancelled.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0; result "the dataset is there" $?
cd "$dir" || exit 1
cat >e.yaml <<END
job: federated
data: {train: bars.h5}
clients: {count: 20}
model: {kind: softmax}
method: {rounds: 5}
output: {run: run.h5}
END
alone submit e.yaml --ntasks 2 -t 10 -n
sed '$d' out >script
ended 0 && [ -s script ] && bash -n script; result "the script is there" $?
[ -s script ] || finish
mkdir stand_in
# The run: a line of `plan` for every start, the last for all that follow: "CODE WORD [ROUND]", the
# launcher's code, the word that muster leaves (- for none), the checkpoint that the start reaches (=ROUND:
# the only one that is left then). Files say what else happens: warn and term send their signal to the
# script, as Slurm does; other says that another job has begun beside the same run file.
cat >stand_in/mpirun <<'END'
#!/bin/bash
[[ ! -e warn ]] || trap : USR1 # before anybody sends it
n=$(($(wc -l <launches) + 1))
echo "$*" >>launches
[[ ! -e $MUSTER_STATUS ]] || cat "$MUSTER_STATUS" >>stale
read -r code word round < <(sed -n "${n}p" plan; tail -n 1 plan)
[[ $round != =* ]] || rm -f run.checkpoint-*
round=${round#=}
[[ -z $round ]] || : >"run.checkpoint-$(printf %09d "$round").h5"
[[ ! -e other ]] || echo '99 1 0' >run.starts
[[ $word == - ]] || echo "${word/:/ }" >"$MUSTER_STATUS"
[[ ! -e warn ]] || { kill -USR1 $PPID; really_sleep 0.1; }
[[ ! -e term ]] || { kill -TERM $PPID; really_sleep 0.1; }
exit "$code"
END
cat >stand_in/scontrol <<'END'
#!/bin/bash
case $* in
  "show config") printf '%s\n' "KillWait                = 2 sec" "SlurmdTimeout           = 8 sec" ;;
  "show job"*)
    if (($(<deaf) > 0)); then # so many questions are not answered
      echo $(($(<deaf) - 1)) >deaf
      exit 1
    fi
    echo "JobId=$SLURM_JOB_ID JobState=$(<state) Reason=None"
    ;;
  requeue*)
    [[ ! -e full ]] || exit 1
    echo "$*" >>requeues
    ;;
  *) exit 1 ;;
esac
END
cat >stand_in/sleep <<'END'
#!/bin/bash
echo "$1" >>sleeps
[[ ! -e late ]] || kill -USR1 $PPID # the time limit comes near while the script waits
END
ln -s "$(command -v sleep)" stand_in/really_sleep
chmod +x stand_in/*
echo RUNNING >state
echo 0 >deaf

# start COUNT: start the script as Slurm would start job $id for the COUNT-th time (from 0).
id=7
start() {
  SLURM_JOB_ID=$id SLURM_JOB_NODELIST=node1 SLURM_RESTART_COUNT=$1 PATH=$dir/stand_in:$PATH \
    timeout 60 bash script >out 2>err </dev/null
  code=$?
}
# job PLAN...: start it as long as it asks for that, 30 times at most; $n is the number of starts.
job() {
  rm -f stale sleeps run.starts run.checkpoint-*
  : >requeues
  : >launches
  printf '%s\n' "$@" >plan
  n=0
  while [ $n -lt 30 ]; do
    before=$(wc -l <requeues)
    start $n
    n=$((n + 1))
    [ "$(wc -l <requeues)" -gt "$before" ] || break
  done
}
waited() { [ -e sleeps ] && [ "$(wc -l <sleeps)" -eq "$1" ]; }
nothing_kept() { ! ls -A | grep -qE '^\.?run\.(starts|status)'; }
gave_up() { [ "$(grep -c 'started again 3 times in a row without a newer checkpoint' err)" -eq 1 ]; }

# Ends of the run itself.
echo '2 input' >run.status
: >.run.status.0123ab.tmp
job '0 0:ok'
ended 0 && [ $n -eq 1 ] && nothing_kept && [ ! -e stale ]
result "a complete run ends the job; a word of an earlier run, or its beginning, is gone before it starts" $?
grep -q -- ' --resume$' launches; result "it is started with --resume" $?
for end in '1 1:io' '1 1:memory' '2 2:input' '3 3:budget' '1 2:singular' '1 1:internal' '2 -' '3 -'; do
  job "$end"
  own=${end#* } # the word's code, where there is a word
  [ "$own" != - ] || own=$end
  ended "${own%%[: ]*}" && [ $n -eq 1 ] && nothing_kept && [ ! -e sleeps ]
  result "a run that failed by itself ($end) ends the job with its code (got $code after $n starts)" $?
done
job '0 -'
ended 0 && [ $n -eq 1 ]; result "code 0 ends the job where no word could be written" $?

# Lost ranks and nodes: no word, or that a rank could not be reached; whatever the launcher says.
for end in '1 -' '1 1:comm' '137 -' '139 -' '141 -' '143 -' '205 -' '127 -'; do
  job "$end"
  ended "${end%% *}" && [ $n -eq 4 ] && [ "$(grep -cx 'requeue 7' requeues)" -eq 3 ] && nothing_kept && gave_up
  result "a lost rank ($end) gives the job back three times, then ends it with one line ($n starts)" $?
done
waited $((4 * 70)); result "Slurm has SlurmdTimeout, KillWait and a minute to requeue by itself first" $?
job '1 - 3' '1 -' '1 -' '1 - 4' '1 -' '1 -' '1 - 5' '1 -'
ended 1 && gave_up && [ $n -eq 11 ]
result "a newer checkpoint begins the count anew (got $n starts, want 11)" $?
job '1 - 1' '1 - 2' '1 - 3' '1 - 4' '1 - 5' '1 - 6' '1 - 7' '1 - 8' '1 - 9' '1 - 10' '0 0:ok'
ended 0 && [ $n -eq 11 ] && nothing_kept; result "a job that gets on is given back as often as it needs" $?
job '1 - 3' '1 - 2' '1 - 3'
ended 1 && gave_up && [ $n -eq 5 ]; result "an older checkpoint is no newer one (got $n starts, want 5)" $?
job '1 - 500' '1 - =100' '1 - =120' '1 - =140' '1 - =160' '1 - =180' '0 0:ok'
ended 0 && [ $n -eq 7 ]
result "a run that had to go on from an older checkpoint gets on from there (got $n starts, want 7)" $?
for unanswered in 0 2; do
  echo CANCELLED >state
  echo $unanswered >deaf
  job '1 -'
  ended 1 && [ $n -eq 1 ] && [ ! -s requeues ] && nothing_kept &&
    [ "$(grep -c 'not back to the queue: Slurm has the job as CANCELLED$' err)" -eq 1 ]
  result "a cancelled job is not brought back, and says why ($unanswered questions unanswered)" $?
  echo RUNNING >state
done
echo 5 >deaf
job '1 -' '0 0:ok'
ended 0 && [ $n -eq 2 ] && [ "$(cat deaf)" -eq 0 ]
result "where Slurm does not say how a job is, it is asked for another start all the same ($n starts)" $?
echo 5 >deaf
: >full
job '1 -'
ended 1 && [ $n -eq 1 ] && nothing_kept && complained 'scontrol does not say how the job is' &&
  complained 'Slurm does not take the job back: it ends$'
result "where Slurm does not do that either, the job ends with a line that says so" $?
rm full
echo 0 >deaf
export SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_JOB_ID=99 # of the job that has submitted this one
job '1 -' '0 0:ok'
ended 0 && [ $n -eq 2 ] && [ "$(cat requeues)" = 'requeue 7' ] && ! grep -q -- '--cell' launches
result "a job without an array is no task of one, whatever it inherits ($(cat requeues))" $?
unset SLURM_ARRAY_TASK_ID SLURM_ARRAY_JOB_ID
: >other
job '0 0:ok'
ended 0 && [ "$(cat run.starts)" = '99 1 0' ]; result "what another job keeps beside the run file stays" $?
rm other

# The warning before the time limit.
: >warn
job '75 75:interrupted'
ended 75 && [ $n -eq 4 ] && [ ! -e sleeps ] && complained 'USR1, the time limit is near' && gave_up
result "a time limit shorter than a round ends the job after three more starts (got $n)" $?
job '75 75:interrupted 1' '75 - 2' '138 - 3' '75 75:interrupted 4' '75 75:interrupted 5' '0 0:ok'
ended 0 && [ $n -eq 6 ] && [ ! -e sleeps ]; result "warned and saved, it goes on for as long as it takes" $?
rm warn
: >late
job '1 -'
ended 1 && [ $n -eq 4 ] && waited 4 && gave_up
result "the warning ends the wait for Slurm, and the job is given back ($n starts, $(wc -l <sleeps) seconds)" $?
job '75 75:interrupted'
ended 75 && [ $n -eq 1 ] && [ ! -s requeues ]; result "but not where the ranks had TERM" $?
rm late

# TERM at the ranks: preemption, which Slurm ends, or somebody who wants an end.
for end in '75 75:interrupted' '1 75:interrupted'; do
  job "$end"
  ended 75 && [ $n -eq 1 ] && waited 900
  result "ranks that had TERM ($end): Slurm decides, not the script" $?
done
: >term
for end in '143 -' '1 1:comm'; do
  job "$end" "$end" "$end" "$end" "$end" "$end" '0 0:ok'
  ended 0 && [ $n -eq 7 ] && nothing_kept
  result "a start that had TERM is no vain one, whatever became of its ranks ($end, $n starts)" $?
done
rm term

# Starts that Slurm itself requeued, having killed the script: `run.starts` is as the start before left it.
echo '1 -' >plan
rm -f run.checkpoint-*
id=8
for vain in 3 4; do
  echo "8 0 $((vain - 1))" >run.starts
  : >launches
  start $vain
  [ "$(wc -l <launches)" -eq $((4 - vain)) ] && gave_up && ended 1 && nothing_kept
  result "after $vain vain starts that Slurm requeued ($(wc -l <launches) launches, code $code)" $?
done
rm -f run.checkpoint-*
: >run.checkpoint-000000120.h5
echo '8 500 1' >run.starts
echo '1 - =140' >plan
: >launches
: >requeues
start 2
[ "$(cat requeues)" = 'requeue 8' ] && [ "$(cat run.starts)" = '8 120 2' ]
result "a start that Slurm requeued after it fell back to an older checkpoint: $(cat run.starts)" $?
rm -f run.checkpoint-*
echo '1 -' >plan
echo '6 0 9' >run.starts
: >launches
start 0
[ "$(wc -l <launches)" -eq 1 ]; result "the count of another job is not this one's" $?
rm -f run.starts
mkdir run.starts.new
job '1 -'
[ $n -eq 1 ] && complained 'run\.starts cannot be kept'
result "where starts cannot be counted, none is asked for" $?
finish
