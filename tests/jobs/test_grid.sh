#!/bin/sh
# Grids: every combination is the run that it would be by hand, whatever happens to the others; all are
# checked before the first begins; what is finished is passed over; the list says what became of each.
. "$srcdir/tests/jobs/common.sh"

make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0; result "the dataset is there" $?
cd "$dir" || exit 1
cat >e.yaml <<'Y'
job: federated
data: {train: bars.h5, test: bars.h5}
clients: {count: 12, partition: dirichlet, alpha: 0.3}
model: {kind: mlp, hidden: [10]}
optimizer: {kind: sgd, lr: 0.05, batch: 10}
method: {name: fedavg, rounds: 4, participation: 0.5, local_epochs: 1}
output: {run: out.h5, checkpoint: {every_rounds: 0}}
Y
# The list has this many cells of a state; the digest, or the state, of cell N in it.
listed() { [ "$(grep -c "\"state\": \"$2\"" "$1/index.json")" -eq "$3" ]; }
of_cell() { sed -n "s/^{\"cell\": $2,.*\"$3\": \"\([^\"]*\)\".*/\1/p" "$1/index.json"; }
by_hand() { alone run e.yaml -q --set output.run=hand.h5 "$@"; field digest; }
two_keys="--grid method.name=fedavg,scaffold --grid model.hidden=[10],[6,4]"

# Before anything is run.
alone run e.yaml -q --grid method.name=fedavg,scaffold --grid optimizer.lr=0.1,-3
refused "a value that the key does not take" 2 'cell 1 \(method.name=fedavg, optimizer.lr=-3\): .*optimizer\.lr'
alone run e.yaml -q --grid methods.name=fedavg,scaffold
refused "an unknown key" 2 'cell 0 .*methods'
for grid in seed seed=1,,2 =1 seed=1,1 "seed=1 2,1_2" output.run=a.h5,b.h5; do
  alone run e.yaml -q --grid "$grid"
  refused "--grid $grid" 2 'option --grid'
done
alone run e.yaml -q --grid seed=1,2 --grid seed=3
refused "a key twice" 2 'seed is given twice'
alone run e.yaml -q --grid seed=1,2 --cell 2
refused "a cell past the end" 2 "option --cell: '2' is not an integer from 0 to 1"
alone run e.yaml -q --cell 0
refused "a cell of no grid" 2 'give --grid too'
alone run e.yaml -q $two_keys --dry-run
ended 0 && [ "$(grep -c '^  rank_bytes ' out)" -eq 4 ] && last_line '"dry_run": true.*"cell": 3, .*"estimate"'
result "a dry run prints what every cell will need" $?
[ ! -e out.grid ]; result "nothing of this has left a folder" $?
echo mine >out.grid
alone run e.yaml -q --grid seed=1,2
refused "a file in the folder's place" 2 'out\.grid is not an HDF5 file'
rm out.grid

# All cells, on one rank and on three.
alone run e.yaml -q $two_keys
ended 0 && last_line '^\{"job": "federated", "grid": "out.grid", .*"done": 4, "failed": 0, "worst": \{"figure": "accuracy"' &&
  [ "$(grep -c '^cell . (method' out)" -eq 4 ] && listed out.grid done 4
result "every combination is run (got $code)" $?
[ "$(ls out.grid | wc -l)" -eq 5 ] && [ -e "out.grid/name-scaffold,hidden-_6_4_.h5" ]
result "each has a run file, and nothing else is left: $(ls out.grid | tr '\n' ' ')" $?
worst=$(sed -n 's/.*"worst": {.*"value": \([0-9.]*\)}, "cells".*/\1/p' out)
least=$(sed -n 's/^{"cell".*"accuracy": \([0-9.]*\),.*/\1/p' out.grid/index.json | sort -n | head -n 1)
[ -n "$worst" ] && [ "$worst" = "$least" ]; result "the worst is the least accuracy ($worst, $least)" $?
want=$(by_hand --set method.name=scaffold --set 'model.hidden=[6, 4]')
[ -n "$want" ] && [ "$(of_cell out.grid 3 digest)" = "$want" ]
result "the last cell is the run by hand ($(of_cell out.grid 3 digest), $want)" $?
ranks 3 run e.yaml -q $two_keys --set output.run=three.h5
ended 0 && listed three.grid done 4; result "on three ranks too (got $code)" $?
for i in 0 1 2 3; do [ "$(of_cell out.grid $i digest)" = "$(of_cell three.grid $i digest)" ] || echo $i; done >differ
[ ! -s differ ]; result "with the same digests (but for $(tr '\n' ' ' <differ))" $?

# Again.
ls -l --full-time out.grid/*.h5 >before
rm "out.grid/name-fedavg,hidden-_6_4_.h5"
alone run e.yaml -q $two_keys
ls -l --full-time out.grid/*.h5 >after
ended 0 && [ "$(diff before after | grep -c '^[<>]')" -eq 2 ] && listed out.grid done 4
result "only the cell whose file is gone is run again" $?
alone run e.yaml -q $two_keys --resume --set method.rounds=5
refused "finished cells of another experiment, with --resume" 2 'cell 0 .*belongs to another experiment.*method\.rounds'
alone run e.yaml -q --grid seed=1,2 --set output.run=other.h5
alone run e.yaml -q --grid seed=1,2 --set output.run=other.h5 --set method.rounds=5
ended 0 && complained 'seed-1\.h5 is of another experiment, and will be replaced' &&
  [ "$(of_cell other.grid 0 digest)" = "$(by_hand --set seed=1 --set method.rounds=5)" ]
result "without, they are replaced" $?
echo mine >other.grid/index.json
alone run e.yaml -q --grid seed=1,2 --set output.run=other.h5
refused "a list that is somebody else's" 2 'index\.json exists and was not written by muster'

# A cell that fails.
alone run e.yaml -q --grid optimizer.lr=0.05,1e30,0.1 --set output.run=bad.h5
ended 2 && complained '^muster: cell 1 \(optimizer.lr=1e30\) failed: .*not finite' &&
  complained '^muster: 1 of 3 cells failed, the first: cell 1 ' && last_line '"done": 2, "failed": 1'
result "a failing cell does not lose the others (got $code)" $?
listed bad.grid done 2 && [ "$(of_cell bad.grid 1 state)" = failed ] && [ -n "$(of_cell bad.grid 1 error)" ]
result "the list has two that are done and one that failed, and why" $?
alone run e.yaml -q --grid optimizer.lr=0.05,1e30,0.1 --set output.run=bad.h5 --cell 2
ended 0 && last_line '^\{"job": "federated", "run": "bad.grid/lr-0.1.h5"' && listed bad.grid failed 1
result "a finished cell alone prints its result, and leaves the list as it is" $?
alone run e.yaml -q --grid optimizer.lr=0.05,1e30,0.1 --set output.run=bad.h5 --cell 1
refused "the failing cell alone" 2 'cell 1 .*not finite'

# Cells side by side, as tasks of an array.
for i in 0 1 2 3; do
  timeout 120 "$muster" run e.yaml -q $two_keys --set output.run=array.h5 --cell $i >task.$i 2>&1 </dev/null &
done
wait
cat task.* >out
listed array.grid done 4; result "cells that end side by side are all in the list" $?
for i in 0 1 2 3; do
  [ "$(of_cell array.grid $i digest)" = "$(of_cell out.grid $i digest)" ] &&
    grep -q "\"digest\": \"$(of_cell out.grid $i digest)\"" task.$i || echo $i
done >differ
[ ! -s differ ]; result "with the digests of the grid (but for $(tr '\n' ' ' <differ))" $?

# A signal in the second cell.
long="--grid method.rounds=3,200 --set output.run=long.h5"
"$muster" run e.yaml -q $long --set output.checkpoint.every_rounds=1 >out 2>err </dev/null &
pid=$!
watch_over $pid
i=0
until ls long.grid/rounds-200.checkpoint-* >/dev/null 2>&1 || [ $i -gt 600 ]; do sleep 0.05; i=$((i + 1)); done
kill -USR1 $pid
wait $pid
code=$?
ended 75 && listed long.grid done 1 && listed long.grid waiting 1
result "a signal ends the grid in order (got $code)" $?
alone run e.yaml $long --resume
ended 0 && complained 'going on after round' && last_line '"done": 2' &&
  ! ls long.grid/*.checkpoint-* >/dev/null 2>&1
result "with --resume the cell goes on from its checkpoint (got $code)" $?
[ "$(of_cell long.grid 1 digest)" = "$(by_hand --set method.rounds=200)" ]
result "to the digest of the undisturbed run" $?

# One rank's allocation fails: all end, with one message, or the cell is told to have failed.
for n in 2 40; do
  MUSTER_FAIL_ALLOCATION=1:$n
  export MUSTER_FAIL_ALLOCATION
  ranks 2 run e.yaml -q --grid seed=1,2 --set output.run=fault.$n.h5
  unset MUSTER_FAIL_ALLOCATION
  ended 1 || ended 0; result "allocation $n of rank 1 fails: all end alike (got $code)" $?
done
finish
