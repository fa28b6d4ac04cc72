#!/bin/sh
# Experiments on a real Slurm of four virtual nodes (cluster/start.sh): whatever happens to a job, it ends
# with the digest of the undisturbed run, or stays ended. Slow links between the nodes make rounds last
# while something is done to a job; the disturbed jobs run side by side.
. "$srcdir/tests/jobs/common.sh"
cluster=$srcdir/tests/slurm/cluster
if ! reason=$("$cluster/start.sh" check); then
  skip "no virtual Slurm cluster: $reason"
  finish
fi
cd "$dir" || exit 1
export CLUSTER=$dir/cluster SLURM_CONF=$dir/cluster/slurm.conf
# Root's MPI; and nodes that are one machine must not bind their ranks to the same core.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1
trap '"$cluster/stop.sh" >/dev/null 2>&1; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
timeout 60 "$cluster/start.sh" 4 1 >out 2>err
code=$?
ended 0; result "a Slurm of four nodes starts" $?
[ "$code" -eq 0 ] || finish

# within SECONDS COMMAND...: the command is true by then.
within() {
  end=$(($(date +%s) + $1))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 0.2
  done
}
about() { scontrol show job -o "$1" | tr ' ' '\n' | sed -n "s/^$2=//p" | head -n 1; }
state() { [ "$(about "$1" JobState)" = "$2" ]; }
is_over() { case $(about "$1" JobState) in PENDING | RUNNING | COMPLETING | SUSPENDED) false;; esac; }
restarted() { [ "$(about "$1" Restarts)" -ge "$2" ]; }
saved() { ls "$1".checkpoint-*.h5 >/dev/null 2>&1; } # NAME of the run file without .h5
rate() { for i in 1 2 3 4; do "$cluster/node.sh" rate "$i" "$1"; done; }
# submit NAME ARGUMENTS...: $job is its number; the run file is NAME.h5 and the log NAME.out.
submit() {
  name=$1
  shift
  alone submit e.yaml --nodes 2 --ntasks 2 --set output.run="$name.h5" --log "$name.out" "$@"
  job=$(field job_id)
  [ "$code" -eq 0 ] && [ -n "$job" ]
  result "$name: is submitted" $?
}
digest() { sed -n 's/^{"job":.*"digest": "\([^"]*\)".*/\1/p' "$1" | tail -n 1; }
# ended_alike NAME JOB STARTS: the job is complete after that many starts, with the digest of the
# undisturbed run.
ended_alike() {
  within 60 is_over "$2"
  cp "$1.out" out
  : >err
  state "$2" COMPLETED && [ "$(about "$2" Restarts)" -eq $(($3 - 1)) ] &&
    [ "$(digest "$1.out")" = "$undisturbed" ] && [ "$(grep -c ': on node' "$1.out")" -eq "$3" ]
  result "$1: complete after $3 starts with the undisturbed digest ($(about "$2" JobState), \
restarts $(about "$2" Restarts), $(digest "$1.out"))" $?
  ! saved "$1"; result "$1: no checkpoint is left" $?
}

make_bars bars.csv
alone import csv bars.csv --label-column 0 --scale 0.01 -o bars.h5
cat >e.yaml <<END
job: federated
data: {train: bars.h5, test: bars.h5}
clients: {count: 20}
model: {kind: mlp, hidden: [400, 200]}
optimizer: {kind: sgd, lr: 0.05, batch: 16}
method: {name: fedavg, rounds: 200, participation: 0.2, local_epochs: 1}
output: {run: alone.h5, checkpoint: {every_rounds: 3}}
END
alone run e.yaml -q
undisturbed=$(field digest)
ended 0 && [ -n "$undisturbed" ]; result "the undisturbed run" $?

# Two nodes.
submit two_nodes --time 5
ended_alike two_nodes "$job" 1
grep -q 'on node\[1-2\]' two_nodes.out; result "two_nodes: on two nodes" $?

# An array of four cells, two at a time; each is the run by hand, and all are in the list.
submit cells --time 5 --array method.rounds=20,30 --array seed=1,2 --log 'cells.%a.out'
cells=$job
for i in 0 1 2 3; do within 60 is_over "${cells}_$i"; done
for i in 0 1 2 3; do
  alone run e.yaml -q --set output.run=hand.h5 --set "method.rounds=$((20 + 10 * (i / 2)))" --set "seed=$((1 + i % 2))"
  want=$(field digest)
  [ -n "$want" ] && [ "$(digest "cells.$i.out")" = "$want" ]
  result "cells: cell $i ends with the digest of the run by hand ($(about "${cells}_$i" JobState), $(digest "cells.$i.out"))" $?
done
[ "$(grep -c '"state": "done"' cells.grid/index.json)" -eq 4 ] && [ "$(ls -A cells.grid | wc -l)" -eq 5 ]
result "cells: the list has four that are done, and nothing else is left ($(ls -A cells.grid | tr '\n' ' '))" $?

# A run that fails is not started again: the dataset goes away between submission and start.
cp bars.h5 gone.h5
submit failing --time 5 --set data.train=gone.h5 -- --hold
rm gone.h5
scontrol release "$job"
within 20 is_over "$job"
state "$job" FAILED && [ "$(about "$job" ExitCode)" = 2:0 ] && [ "$(about "$job" Restarts)" = 0 ]
result "failing: ends with the run's code 2, once ($(about "$job" JobState) $(about "$job" ExitCode))" $?

# From here rounds last half a second and more. One job is warned of its time limit again and again.
# Beside it run the tasks of an array: one is cancelled, the other is warned by hand; then a job loses a
# node.
rate 8mbit
submit limited --time 1 --signal-seconds 55 -- --nodelist='node[1-2]'
limited=$job
mkdir swept.grid # for the log
submit swept --time 5 --array seed=0,1 --log 'swept.grid/seed-%a.out' -- --nodelist='node[3-4]'
swept=$job
within 30 saved swept.grid/seed-0
result "swept: the first task has saved its state" $?
scancel "${swept}_0"
within 20 is_over "${swept}_0"
state "${swept}_0" CANCELLED
result "swept: the first task is cancelled ($(about "${swept}_0" JobState))" $?
within 30 saved swept.grid/seed-1
result "swept: the second task has saved its state" $?
scancel --batch --signal=USR1 "${swept}_1"
within 30 restarted "${swept}_1" 1
result "swept: the second task is back in the queue" $?

submit node_loss --time 5 -- --nodelist='node[3-4]'
lost=$job
within 30 saved node_loss
result "node_loss: has saved its state" $?
before=$(ls node_loss.checkpoint-*.h5)
"$cluster/node.sh" kill 4
within 60 restarted "$lost" 1
result "node_loss: Slurm requeues it" $?
[ -n "$before" ] && ! grep -q '^{"job":' node_loss.out
result "node_loss: in the middle of the run" $?
"$cluster/node.sh" start 4
within 90 restarted "$limited" 2
result "limited: requeued twice ($(about "$limited" Restarts))" $?
rate none
within 60 is_over "$limited" # on a slow machine after another warning or two
restarts=$(about "$limited" Restarts)
ended_alike limited "$limited" "$((restarts + 1))"
# The last start may be warned too, and come to its end all the same.
warned=$(sed -n 's/.* start \([0-9]*\): USR1, the time limit is near$/\1/p' limited.out | sort -u |
  awk -v n="$restarts" '$1 < n' | wc -l)
[ "$warned" -eq "$restarts" ] &&
  [ "$(grep -c '^muster: going on after round' limited.out)" -ge 2 ]
result "limited: each start was warned, saved and went on ($warned warned, $restarts restarts)" $?
ended_alike node_loss "$lost" 2
grep -q '^muster: going on after round' node_loss.out; result "node_loss: went on from its checkpoint" $?
ended_alike swept.grid/seed-1 "${swept}_1" 2
state "${swept}_0" CANCELLED && [ "$(about "${swept}_0" Restarts)" = 0 ] && saved swept.grid/seed-0 &&
  [ "$(grep -c ': on node' swept.grid/seed-0.out)" -eq 1 ]
result "swept: the first task stays cancelled, and keeps its checkpoints" $?

# A rank goes, which Slurm does not miss: the script waits whether it does, and asks for another start.
rate 8mbit
submit rank_loss --time 5 -- --nodelist='node[3-4]'
within 60 saved rank_loss
result "rank_loss: has saved its state" $?
rank=$(pgrep -f "^$muster run .*=rank_loss\.h5" | tail -n 1)
[ -n "$rank" ] && kill -9 "$rank"
result "rank_loss: a rank is killed" $?
rate none
within 120 restarted "$job" 1
result "rank_loss: the script asks Slurm for another start" $?
ended_alike rank_loss "$job" 2
grep -q 'waiting for Slurm to requeue' rank_loss.out &&
  grep -q '^muster: going on after round' rank_loss.out
result "rank_loss: after waiting for Slurm, and from its checkpoint" $?
for f in *.starts *.status */*.starts */*.status; do [ ! -e "$f" ] || [ "$f" = swept.grid/seed-0.starts ] || left="${left:-} $f"; done
[ -z "${left:-}" ]; result "no job that has ended leaves what its script kept:${left:-}" $?
finish
