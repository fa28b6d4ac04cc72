#!/bin/sh
# `muster report`: one page that is whole, needs nothing else and shows what the runs came to, and the
# same numbers as a table; for one run and for several, with clients by the thousand, rounds without a
# score, values instead of classes, and names that HTML and gnuplot could take for something else.
. "$srcdir/tests/jobs/common.sh"

make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
cat >"$dir/analytic.yaml" <<'Y'
job: analytic
data: {train: bars.h5, test: bars.h5}
clients: {count: 20, partition: dirichlet, alpha: 0.1}
features: {kind: relu, count: 40}
Y
cat >"$dir/rounds.yaml" <<'Y'
job: federated
data: {train: bars.h5, test: bars.h5}
clients: {count: 12, partition: dirichlet, alpha: 0.3}
model: {kind: softmax}
optimizer: {kind: sgd, lr: 0.05, batch: 10}
method: {name: fedavg, rounds: 7, participation: 0.5, local_epochs: 1}
evaluate: {every: 3}
output: {checkpoint: {every_rounds: 0}}
Y

# The page is XML too: every element is closed in order. Prints what is wrong with it.
balance='
  { page = page $0 "\n" }
  END {
    gsub(/<!DOCTYPE[^>]*>/, "", page); gsub(/<!--[^>]*-->/, "", page)
    while (match(page, /<[^>]*>/)) {
      between = substr(page, 1, RSTART - 1); tag = substr(page, RSTART + 1, RLENGTH - 2)
      page = substr(page, RSTART + RLENGTH)
      if (name[depth] != "style" && between ~ /&/ && between !~ /&(amp|lt|gt|quot|#39);/) print "a bare &: " between
      if (tag ~ /\/$/) continue
      if (tag ~ /^\//) {
        if (substr(tag, 2) != name[depth]) print "</" substr(tag, 2) "> closes <" name[depth] ">"
        depth--
      } else { split(tag, word, /[ \n\t]/); name[++depth] = word[1] }
    }
    if (depth != 0) print depth " elements are open"
    if (page ~ /</) print "a bare <"
  }'
# SENTENCE FILE: well-formed, and nothing in it is fetched from elsewhere or run.
sound() {
  wrong=$(awk "$balance" "$2" | head -n 3)
  [ -s "$2" ] && [ -z "$wrong" ]; result "$1 is well-formed: $wrong" $?
  outside=$(sed 's/xmlns\(:xlink\)\{0,1\}="[^"]*"//g' "$2" |
    grep -oiE 'https?://[^"< ]*|<script|<link|<img|<iframe|<object|@import|url\([^#)]*\)|(src|[^k:]href)=.{9}|xlink:href=.[^#].{8}|[ ]on[a-z]+="' | head -n 3)
  [ -z "$outside" ]; result "$1 needs nothing from elsewhere: $outside" $?
  twice=$(grep -oE "[ <]id=['\"][^'\"]*['\"]" "$2" | sort | uniq -d | head -n 3)
  [ -z "$twice" ]; result "$1 names nothing twice: $twice" $?
}
figures() { grep -c '<figcaption>' "$1"; }
# FILE.csv COLUMN LINE: a cell, lines from 1 below the names.
cell() { awk -F, -v column="$2" -v line="$3" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == column) at = i }
  NR == line + 1 { print $at }' "$1"; }

alone run "$dir/rounds.yaml" -q --set output.run="$dir/rounds.h5"
ended 0; result "the first run ends well" $?
cp "$dir/out" "$dir/rounds.out"
alone run "$dir/analytic.yaml" -q --set output.run="$dir/analytic.h5"
ended 0; result "the second run ends well" $?
cp "$dir/out" "$dir/analytic.out"

if ! command -v gnuplot >/dev/null 2>&1; then skip "figures: there is no gnuplot"; else
  alone report "$dir/rounds.h5" -o "$dir/one.html"
  ended 0 && last_line '^\{"runs": 1, "figures": [0-9]+, "report": '
  result "a report of one run (got $code)" $?
  sound "the page of one run" "$dir/one.html"
  for what in 'Accuracy by round' 'Accuracy by uplink' 'Loss by round' 'Training loss by round' \
    'Accuracy by client' 'Rows of clients' 'Label mix' 'Confusion of classes' 'Time by phase'; do
    grep -q "<figcaption>$what" "$dir/one.html"; result "it has a figure '$what'" $?
  done
  [ "$(figures "$dir/one.html")" -eq "$(field figures)" ] &&
    [ "$(grep -o 'role="img"' "$dir/one.html" | wc -l)" -eq "$(field figures)" ]
  result "every figure of it is drawn" $?
  cp "$dir/rounds.out" "$dir/out"
  digest=$(field digest)
  grep -q "$digest" "$dir/one.html" && grep -q 'participation: 0.5' "$dir/one.html"
  result "it shows the digest and the experiment" $?

  for p in 1 2 3; do
    ranks $p report "$dir/rounds.h5" "$dir/analytic.h5" -o "$dir/two.$p.html" --csv "$dir/two.$p.csv"
    ended 0 && last_line '"runs": 2'; result "a report of two runs on $p ranks (got $code)" $?
  done
  cmp -s "$dir/two.1.html" "$dir/two.3.html" && cmp -s "$dir/two.1.html" "$dir/two.2.html"
  result "which is the same page on 1, 2 and 3 ranks" $?
  sound "the page of two runs" "$dir/two.1.html"
  grep -q 'clients.count' "$dir/two.1.html" && ! grep -q '<code>data.train</code>' "$dir/two.1.html"
  result "it lists the keys that differ, and no others" $?

  # Names, for HTML, for gnuplot's quotes and commands, and in no encoding.
  odd="$dir/a<b>&\"c' \`touch $dir/ran\` \$(x) é.h5"
  odd=$(printf '%s' "$odd" | sed "s|touch .*ran|touch ran|")
  cp "$dir/rounds.h5" "$odd"
  bytes="$dir/$(printf 'bad\377\001').h5"
  cp "$dir/rounds.h5" "$bytes"
  alone report "$odd" "$bytes" "$dir/rounds.h5" -o "$dir/odd.html"
  ended 0; result "a report of runs with odd names (got $code)" $?
  sound "the page of odd names" "$dir/odd.html"
  grep -q 'a&lt;b&gt;&amp;&quot;c&#39; `touch ran` $(x) é' "$dir/odd.html" && [ ! -e ran ]
  result "names stand there as they are" $?
  ! LC_ALL=C grep -q "$(printf '[\377\001]')" "$dir/odd.html"
  result "what is no UTF-8, and control characters, are replaced" $?
  grep -q 'same digest' "$dir/odd.html"; result "runs of the same bits are said to be so" $?

  # Clients by the thousand, of which many have nothing.
  alone run "$dir/rounds.yaml" -q --set output.run="$dir/many.h5" --set clients.count=5000 \
    --set method.participation=0.01 --set method.rounds=2
  ended 0; result "a run with 5,000 clients" $?
  alone report "$dir/many.h5" -o "$dir/many.html"
  ended 0 && grep -q '>5,000<' "$dir/many.html" && [ "$(wc -c <"$dir/many.html")" -lt 400000 ]
  result "a report of 5,000 clients stays readable: $(wc -c <"$dir/many.html") bytes" $?
  sound "the page of 5,000 clients" "$dir/many.html"

  # Values: no accuracy, no classes.
  alone import csv "$dir/bars.csv" --label-column 0 --task regression --scale 0.01 -o "$dir/values.h5"
  alone run "$dir/analytic.yaml" -q --set data.train="$dir/values.h5" --set data.test="$dir/values.h5" \
    --set clients.partition=iid --set output.run="$dir/values.run.h5"
  ended 0; result "a run that learns values" $?
  alone report "$dir/values.run.h5" "$dir/rounds.h5" -o "$dir/values.html"
  ended 0; result "a report of values beside classes (got $code)" $?
  sound "the page of values" "$dir/values.html"
  ! grep -qE '>-?(nan|inf)' "$dir/values.html" "$dir/one.html"
  result "no page shows nan" $?

  alone report "$dir/rounds.h5" -o "$dir/one.html"
  ended 0; result "an older page is replaced" $?
fi

# The table: every number of the JSON line, to the last digit.
alone report "$dir/rounds.h5" "$dir/analytic.h5" --csv "$dir/table.csv"
ended 0 && last_line '"figures": 0, "csv"'; result "a table alone needs no figures (got $code)" $?
[ "$(wc -l <"$dir/table.csv")" -eq 3 ]; result "it has a line a run" $?
line=0
for run in rounds analytic; do
  line=$((line + 1))
  cp "$dir/$run.out" "$dir/out"
  for name in digest rounds ranks $(tail -n 1 "$dir/out" | sed 's/.*"result"//' | grep -oE '"[a-z_]+"' | tr -d '"'); do
    want=$(field "$name") got=$(cell "$dir/table.csv" "$name" $line)
    [ -n "$want" ] && [ "$got" = "$(echo "$want" | sed 's/\.0$//')" ]
    result "the table's $name of $run: $got, want $want" $?
  done
done
[ -z "$(cell "$dir/table.csv" features 1)" ] && [ -n "$(cell "$dir/table.csv" features 2)" ]
result "what a run has not is an empty cell" $?

# The worst case of a grid, with a cell that fails: every place is the least of its cells.
alone run "$dir/rounds.yaml" -q --grid method.name=fedavg,scaffold --grid optimizer.lr=0.01,0.1,1e30 \
  --grid seed=1,2 --set output.run="$dir/grid.h5"
ended 2 && last_line '"done": 8, "failed": 4'; result "a grid of which a third fails" $?
alone report "$dir/grid.grid/index.json" --csv "$dir/cells.csv" --worst "$dir/worst.csv"
ended 0 && last_line '^\{"runs": 8, .*"worst": \{"figure": "accuracy", "value": 0\.[0-9]+, "run": ".*", "rows": 2, "columns": 3\}'
result "a report of its list (got $code)" $?
[ "$(head -n 1 "$dir/worst.csv")" = "worst of accuracy,0.01,0.1,1e30,worst,missing" ] &&
  [ "$(wc -l <"$dir/worst.csv")" -eq 4 ] && [ "$(cell "$dir/worst.csv" missing 1)" = 2 ] &&
  [ "$(cell "$dir/worst.csv" missing 3)" = 4 ] && [ -z "$(cell "$dir/worst.csv" 1e30 3)" ]
result "the rows, columns and missing cells of the worst case" $?
# The least accuracy of the runs whose names match, with every digit.
least() { sed -n "s|.*grid/\($1\)\.h5.*|&|p" "$dir/cells.list" | sed 's/.* //' | sort -g | head -n 1; }
awk 'NR == 1 { n = split($0, name, ","); for (i = 1; i <= n; i++) if (name[i] == "accuracy") from_end = n - i }
  NR > 1 { n = split($0, v, ","); print $0 " " v[n - from_end] }' "$dir/cells.csv" >"$dir/cells.list"
set -f # the patterns are no file names
for place in "0.01 1 name-fedavg,lr-0.01,.*" "0.1 2 name-scaffold,lr-0.1,.*" "worst 1 name-fedavg,.*" "0.01 3 .*lr-0.01,.*" \
  "worst 3 .*"; do
  set -- $place
  want=$(least "$3") got=$(cell "$dir/worst.csv" "$1" "$2")
  [ -n "$want" ] && [ "$got" = "$want" ]; result "the worst in column $1 of line $2: $got, want $want" $?
done
set +f
alone report "$dir/grid.grid/index.json" --worst "$dir/turned.csv" --rows optimizer.lr --columns seed,method.name \
  --figure loss
ended 0 && [ "$(head -n 1 "$dir/turned.csv")" = 'worst of loss,"1, fedavg","2, fedavg","1, scaffold","2, scaffold",worst,missing' ] &&
  [ "$(sed -n 2p "$dir/turned.csv" | awk -F, '{ m = $2; for (i = 2; i <= 5; i++) if ($i > m) m = $i; print (m == $6) }')" = 1 ]
result "other keys and another figure, of which the greatest is the worst" $?
if command -v gnuplot >/dev/null 2>&1; then
  alone report "$dir/grid.grid/index.json" -o "$dir/grid.html"
  ended 0 && grep -q '<figcaption>Worst accuracy' "$dir/grid.html" &&
    [ "$(figures "$dir/grid.html")" -eq "$(field figures)" ]
  result "the page of a grid has its heat map" $?
  sound "the page of a grid" "$dir/grid.html"
  set -- "$dir"/grid.grid/*.h5
  alone report "$@" "$@" "$@" "$@" -o "$dir/list.html"
  ended 0 && last_line '^\{"runs": 32, "figures": 1, ' && grep -q '<h1>32 runs' "$dir/list.html"
  result "more runs than can be told apart are a list and the heat map (got $code)" $?
  sound "the page of many runs" "$dir/list.html"
fi
alone report "$dir/grid.grid/index.json" --worst "$dir/x.csv" --rows method.nam
refused "rows of an unknown key" 2 "option --rows: no run has the key 'method.nam'"
alone report "$dir/grid.grid/index.json" --worst "$dir/x.csv" --figure acuracy
refused "an unknown figure" 2 "option --figure: no run has a figure 'acuracy'"
alone report "$dir/rounds.h5" --worst "$dir/x.csv"
refused "the worst case of one run" 2 'differ in fewer than two keys'
echo '{"cells": []}' >"$dir/foreign.json"
alone report "$dir/foreign.json" --csv "$dir/x.csv"
refused "another list" 2 'foreign\.json is not the list of'
alone report "$dir/grid.grid/index.json" --csv "$dir/grid.grid/index.json"
refused "a table onto the list" 2 'name the same file'
alone report "$dir/rounds.h5" --worst "$dir/table.csv"
refused "the worst case onto another table" 2 'table\.csv exists and was not written by muster'

# What is refused, before anything is written.
head -c 3000 "$dir/rounds.h5" >"$dir/short.h5"
cp "$dir/rounds.h5" "$dir/changed.h5"
size=$(wc -c <"$dir/changed.h5")
# A byte of every kilobyte turned: whatever is hit, the digest or a checksum notices.
k=4096
while [ $k -lt "$size" ]; do printf 'X' | dd of="$dir/changed.h5" bs=1 seek=$k conv=notrunc 2>/dev/null; k=$((k + 1024)); done
echo mine >"$dir/mine.txt"
mkfifo "$dir/pipe"
for p in 3; do
  ranks $p report -o "$dir/x.html"
  refused "no run, on $p ranks" 2 'needs a run file'
  ranks $p report "$dir/rounds.h5"
  refused "no output, on $p ranks" 2 'needs a file to write'
  ranks $p report "$dir/rounds.h5" --cvs "$dir/x.csv"
  refused "a misspelt option, on $p ranks" 2 'nearest is --csv'
  ranks $p report "$dir/nothing.h5" --csv "$dir/x.csv"
  refused "a missing run file, on $p ranks" 2 'nothing\.h5'
  ranks $p report "$dir/bars.h5" --csv "$dir/x.csv"
  refused "a dataset, on $p ranks" 2 'is not a run file'
  ranks $p report "$dir/rounds.h5" "$dir/short.h5" --csv "$dir/x.csv"
  refused "a run file cut short, on $p ranks" 2 'short\.h5'
  ranks $p report "$dir/changed.h5" --csv "$dir/x.csv"
  refused "a run file that was changed, on $p ranks" 2 'changed\.h5'
  ranks $p report "$dir/rounds.h5" --csv "$dir/mine.txt"
  refused "a table onto somebody's file, on $p ranks" 2 'mine\.txt exists and was not written by muster;'
  ranks $p report "$dir/rounds.h5" --csv "$dir/rounds.h5"
  refused "a table onto the run file, on $p ranks" 2 '--csv and a run file name the same file'
  ranks $p report "$dir/rounds.h5" --csv "$dir/analytic.h5"
  refused "a table onto another run file, on $p ranks" 2 'analytic\.h5 exists and was not written by muster;'
  ranks $p report "$dir/rounds.h5" --csv "$dir/no/such/x.csv"
  refused "a table into a missing folder, on $p ranks" 2 'no/such'
  ranks $p report "$dir/rounds.h5" -o "$dir/x" --csv "$dir/x"
  refused "one file for both, on $p ranks" 2 'name the same file'
  ranks $p report "$dir/rounds.h5" -o "$dir/x.csv" --csv "$dir/./x.csv"
  refused "one file for both by two names, on $p ranks" 2 'name the same file'
  for option in -o --csv; do
    ranks $p report "$dir/rounds.h5" $option "$dir/$(printf 'bad\377')"
    refused "a name that JSON cannot hold for $option, on $p ranks" 2 'is not UTF-8; choose another name'
    nothing_of "$dir/$(printf 'bad\377')"; result "and nothing is written under it" $?
  done
  ranks $p report "$dir/rounds.h5" --csv "$dir/pipe"
  refused "a pipe that nobody writes into, on $p ranks" 2 'pipe is not a regular file'
done
[ "$(cat "$dir/mine.txt")" = mine ] && nothing_of "$dir/x.csv" && nothing_of "$dir/x.html"
result "nothing was written by what was refused" $?

mkdir "$dir/empty" # but for what Open MPI looks for
for tool in ssh rsh orted prted sh; do
  ! command -v $tool >/dev/null || ln -s "$(command -v $tool)" "$dir/empty/$tool"
done
timeout 60 env PATH="$dir/empty" "$muster" report "$dir/rounds.h5" -o "$dir/x.html" >"$dir/out" 2>"$dir/err" </dev/null
code=$?
refused "without gnuplot" 1 'gnuplot is needed .* gnuplot-nox'
nothing_of "$dir/x.html"; result "and no page is left" $?
printf '#!/bin/sh\nif [ "$1" = --version ]; then exit 0; fi\ncat >/dev/null\necho "line 3: no such terminal" >&2\nexit 1\n' >"$dir/empty/gnuplot"
chmod +x "$dir/empty/gnuplot"
timeout 60 env PATH="$dir/empty:$PATH" "$muster" report "$dir/rounds.h5" -o "$dir/x.html" >"$dir/out" 2>"$dir/err" </dev/null
code=$?
refused "with a gnuplot that fails" 1 'gnuplot could not draw a figure .* no such terminal'
nothing_of "$dir/x.html"; result "and no page is left then" $?

# One rank's allocation fails: all end, with one message.
for n in 1 3 8; do
  MUSTER_FAIL_ALLOCATION=1:$n
  export MUSTER_FAIL_ALLOCATION
  ranks 2 report "$dir/rounds.h5" --csv "$dir/fault.csv"
  unset MUSTER_FAIL_ALLOCATION
  { ended 1 && once && nothing_of "$dir/fault.csv"; } || { ended 0 && [ -s "$dir/fault.csv" ]; }
  result "allocation $n of rank 1 fails: all end alike (got $code)" $?
  rm -f "$dir/fault.csv"
done
finish
