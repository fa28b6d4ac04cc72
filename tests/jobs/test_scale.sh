#!/bin/sh
# Series of runs on several rank counts: each is the run that it would be by hand, all have the same bits,
# what fails is told beside what does not, and nothing is left of a series that a signal or a clock ends.
. "$srcdir/tests/jobs/common.sh"

make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0; result "the dataset is there" $?
cd "$dir" || exit 1
mkdir runs
cat >f.yaml <<'Y'
job: federated
data: {train: bars.h5, test: bars.h5}
clients: {count: 12, partition: dirichlet, alpha: 0.3}
model: {kind: mlp, hidden: [10]}
optimizer: {kind: sgd, lr: 0.05, batch: 10}
method: {name: fedavg, rounds: 2, participation: 0.5, local_epochs: 1}
output: {run: runs/f.h5, checkpoint: {every_rounds: 0}}
Y
cat >a.yaml <<'Y'
job: analytic
data: {train: bars.h5, test: bars.h5}
clients: {count: 5}
features: {kind: relu, count: 32}
output: {run: runs/a.h5}
Y
row() { tail -n 1 out | sed "s/.*{\"name\": \"$1\"\([^{]*\).*/\1/"; }
of_row() { row "$1" | sed -n "s/.*\"$2\": \"\{0,1\}\([^\",}]*\).*/\1/p"; }
clean() { [ -z "$(ls -A runs)" ]; }

# Before anything is run.
alone scale --ranks 1,2
refused "no experiment" 2 'needs an experiment file'
alone scale f.yaml
refused "no rank counts" 2 'needs --ranks'
for given in 0 1,,2 1,1; do
  alone scale f.yaml --ranks "$given"
  refused "--ranks $given" 2 'option --ranks'
done
alone scale f.yaml --ranks 2 --predict 8
refused "a forecast from one count" 2 'two rank counts'
alone scale f.yaml --ranks 1,2 --repeat 0
refused "no runs" 2 'option --repeat'
alone scale f.yaml --ranks 1,2 --timeout -1
refused "a time before the start" 2 'option --timeout'
alone scale f.yaml --ranks 1,2 -o f.pdf
refused "a page of another kind" 2 'option --output'
alone scale f.yaml --ranks 1,2 --set method.round=3
refused "an unknown key" 2 'method\.rounds'
alone scale f.yaml --ranks 1,20 --weak
refused "clients that are fewer than ranks" 2 'option --weak: method.cohort is'
alone scale f.yaml --ranks 1,2 --grow clients.count
refused "a key that grows by nothing" 2 'option --grow'
alone scale f.yaml --ranks 1,2 --grow methods.cohort=2
refused "an unknown key that grows" 2 'methods'
alone scale a.yaml --ranks 1,2 --set features.save_train=map.h5
refused "a file that every run would write" 2 'features\.save_train.*leave it out'
alone scale a.yaml --ranks 1,2 --set data.rows=601
refused "more rows than there are" 2 'data\.rows.*600 rows'
alone scale f.yaml --ranks 1,2 --launcher ./nothing-there
ended 2 && complained 'nothing-there' && last_line '"error"'
result "a launcher that is not there" $?
ranks 2 scale f.yaml --ranks 1,2
refused "a launcher around it" 2 'start it alone'
clean; result "nothing of this has left a file: $(ls -A runs | tr '\n' ' ')" $?

# Strong scaling.
alone run f.yaml -q --set output.run=hand.h5
want=$(field digest)
alone scale f.yaml --ranks 2,1 --predict 8,64 --pieces 6 -o f.html
ended 0 && last_line '^\{"scale": "strong", "experiment": "f.yaml", "job": "federated", .*"pieces": 6, "same_digest": true, "rows": \[\{"name": "strong 1", "ranks": 1, "runs": 1, "seconds": [0-9.]+, .*"forecast": \[\{"ranks": 8, .*"ranks": 64, .*"limit": "[a-z]+"\}\]'
result "a series on 1 and 2 ranks (got $code)" $?
for name in seconds efficiency limit ratio work_seconds comm_seconds balance mpi_bytes shared_bytes; do
  for p in 1 2; do [ -n "$(of_row "strong $p" $name)" ] || echo "$name of $p"; done
done >missing
[ ! -s missing ]; result "rows tell all: but not $(tr '\n' ' ' <missing)" $?
[ -n "$want" ] && [ "$(of_row 'strong 1' digest)" = "$want" ] && [ "$(of_row 'strong 2' digest)" = "$want" ]
result "the runs are the run by hand ($(of_row 'strong 2' digest), $want)" $?
awk -v a="$(of_row 'strong 1' seconds)" -v b="$(of_row 'strong 2' seconds)" -v e="$(of_row 'strong 2' efficiency)" \
  'BEGIN { d = a / (2 * b) - e; exit !(d < 1e-9 && d > -1e-9) }'
result "efficiency is seconds over twice seconds" $?
said '^ +ranks +seconds +speed-up +efficiency' && said '58 ranks have no work' && said '^ +64 ' &&
  said '2 rank counts cannot tell apart'
result "the tables are there" $?
if command -v gnuplot >/dev/null; then
  head -n 2 f.html | grep -q 'muster scale' && grep -q '<svg' f.html && grep -q 'Forecast' f.html
  result "so is the page" $?
  alone scale f.yaml --ranks 1 -j -o f.html
  ended 0 && [ "$(wc -l <out)" -eq 1 ] && last_line '^\{"scale"'
  result "it is replaced, and one count is a series too, in one line (got $code)" $?
  echo mine >mine.html
  alone scale f.yaml --ranks 1 -o mine.html
  refused "a page of somebody else's" 2 'mine\.html'
else
  skip "the page: there is no gnuplot"
fi
clean; result "no run file is left" $?

# Weak scaling: the work is in the keys.
alone scale a.yaml --ranks 1,2 --weak --folder kept --repeat 2
ended 0 && last_line '"scale": "weak", .*"grows": \{"data.rows": 300.0\}' &&
  [ "$(of_row 'weak 1' share)" = 0.5 ] && [ "$(of_row 'weak 2' runs)" = 2 ] &&
  [ "$(ls kept | tr '\n' ' ')" = "ranks-1.run-1.h5 ranks-1.run-2.h5 ranks-2.run-1.h5 ranks-2.run-2.h5 " ]
result "rows grow with the ranks, and runs are kept where it is asked for (got $code)" $?
alone inspect kept/ranks-1.run-1.h5
said 'rows: *300|rows +300'; result "the run on one rank had half of the rows" $?
alone scale f.yaml --ranks 1,2 --grow method.cohort=3 -j
ended 0 && [ "$(of_row 'weak 1' share)" = 0.5 ] && [ "$(of_row 'weak 1' digest)" != "$(of_row 'weak 2' digest)" ]
result "a named key grows (got $code)" $?
alone run f.yaml -q --set output.run=hand.h5 --set method.cohort=6
[ "$(field digest)" = "$want" ]; result "six clients are half of twelve" $?

# The first rows are a dataset of their own.
head -n 300 bars.csv >half.csv
alone import csv half.csv --label-column 0 --scale 0.01 -o half.h5
alone run a.yaml -q --set data.train=half.h5 --set output.run=hand.h5
half=$(field digest)
alone run a.yaml -q --set data.rows=300 --set output.run=hand.h5
[ -n "$half" ] && [ "$(field digest)" = "$half" ]; result "data.rows: 300 is a file of 300 rows" $?

# What fails.
cat >launch <<'L'
#!/bin/sh
[ "$2" -ne 2 ] || set -- "$@" --set "$ON_TWO"
exec $MPIRUN --oversubscribe "$@"
L
chmod +x launch
ON_TWO=seed=2
export ON_TWO
alone scale f.yaml --ranks 1,2 --launcher ./launch
ended 1 && complained 'differ: digest .* on 1 rank, .* on 2' && last_line '"same_digest": false' &&
  complained 'did not give the same bits'
result "runs with other bits are told (got $code)" $?
ON_TWO=optimizer.lr=1e30
alone scale f.yaml --ranks 1,2 --launcher ./launch --repeat 2
ended 2 && complained '^muster: 2 ranks: .*code 2: .*not finite' && [ "$(grep -c '^muster: 2 ranks: ' err)" -eq 1 ] &&
  complained '1 of 2 rank counts failed' && [ "$(of_row 'strong 1' runs)" = 2 ] &&
  [ "$(of_row 'strong 2' runs)" = 0 ] && last_line '"error": "the run ended with code 2'
result "a count that fails does not lose the other (got $code)" $?
printf '#!/bin/sh\nshift 2\nexec "$@"\n' >one
chmod +x one
alone scale f.yaml --ranks 1,2 --launcher ./one
ended 2 && complained '^muster: 2 ranks: the run had 1 rank: ./one does not' && [ "$(of_row 'strong 1' runs)" = 1 ]
result "a launcher that starts other ranks is told (got $code)" $?
printf '#!/bin/sh\necho $$ >pid\nexec sleep 60\n' >sleeper
chmod +x sleeper
alone scale f.yaml --ranks 1 --launcher ./sleeper --timeout 0.5
ended 1 && complained 'ended after 0.5 s' && ! kill -0 "$(cat pid)" 2>/dev/null
result "a run that hangs is ended (got $code)" $?
rm pid
"$muster" scale f.yaml --ranks 1,2 --launcher ./sleeper >out 2>err </dev/null &
series=$!
watch_over $series
i=0
until [ -s pid ] || [ $i -gt 200 ]; do sleep 0.05; i=$((i + 1)); done
kill -TERM $series
wait $series
code=$?
ended 75 && complained 'a signal ended the series' && ! kill -0 "$(cat pid)" 2>/dev/null
result "a signal ends the run and the series (got $code)" $?
clean; result "nothing is left: $(ls -A runs | tr '\n' ' ')" $?
finish
