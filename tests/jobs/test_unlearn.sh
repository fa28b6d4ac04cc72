#!/bin/sh
# Section `update` of job analytic: clients leave a finished run and come back to the same digest, on
# any number of ranks; a dataset with new classes joins; what cannot be is refused in one line.
. "$srcdir/tests/jobs/common.sh"
export GLIBC_TUNABLES=glibc.malloc.perturb=173 # what is read after it was freed shows in the record

make_bars "$dir/bars.csv"
awk -F, '$1 < 2' "$dir/bars.csv" >"$dir/old.csv"
awk -F, '$1 >= 2 || NR < 9' "$dir/bars.csv" >"$dir/new.csv"
for f in bars old new; do
  alone import csv "$dir/$f.csv" --label-column 0 --scale 0.01 -o "$dir/$f.h5"
  ended 0; result "$f.h5 is there" $?
done
cat >"$dir/a.yaml" <<'Y'
job: analytic
data: {train: bars.h5, test: bars.h5}
clients: {count: 20, partition: dirichlet, alpha: 0.1}
features: {kind: relu, count: 40}
analytic: {ridge: 1, keep_statistics: true}
Y
sed -e 's/train: bars/train: old/' -e 's/test: bars/test: old/' "$dir/a.yaml" >"$dir/c.yaml"

# NAME, RANKS, FILE, SETTINGS: run to NAME.h5; $digest is the run's.
to() {
  name=$1 p=$2 file=$3
  shift 3
  for s in "$@"; do set -- "$@" --set "$s"; shift; done
  set -- run "$dir/$file.yaml" -q --set output.run="$dir/$name.h5" "$@"
  if [ "$p" -eq 1 ]; then alone "$@"; else ranks "$p" "$@"; fi
  ended 0; result "$name runs on $p ranks (got $code)" $?
  digest=$(field digest)
}
to base 2 a; base=$digest
to gone 3 a update.from="$dir/base.h5" update.remove='[4, 9]'; gone=$digest
[ "$(field removed_clients)" = 2 ] && [ "$(field removed_rows)" -gt 0 ] && [ "$gone" != "$base" ]
result "two clients and their $(field removed_rows) rows have left" $?
loss=$(field loss) rows=$(field rows)
to alone 1 a update.from="$dir/base.h5" update.remove='[4, 9]'
[ "$digest" = "$gone" ]; result "with the same bits on 1 and 3 ranks" $?
to back 1 a update.from="$dir/gone.h5" update.restore='[9, 4]'
[ "$digest" = "$base" ]; result "an undo restores the digest" $?
to anew 1 a clients.without='[4, 9]' analytic.keep_statistics=false
[ "$(field rows)" = "$rows" ] &&
  awk -v a="$loss" -v b="$(field loss)" 'BEGIN { d = a / b - 1; exit !(d < 1e-10 && d > -1e-10) }'
result "training without them has the loss that the change has: $loss and $(field loss)" $?
if command -v h5dump >/dev/null 2>&1; then
  h5dump -d /audit/action -y "$dir/back.h5" | grep -q ' 0, 1, 2' &&
    h5dump -d /audit/client -y "$dir/back.h5" | tr -d ' \n' | grep -q '0,-1,1,4,1,9,2,9,2,4'
  result "the record tells what was done to whom" $?
  h5dump -d /audit/set -w 0 "$dir/back.h5" | sed -n 's/,\{0,1\}$//; s/^ *([0-9]*,0): //p' | sort -u | wc -l | grep -q '^ *1$'
  result "and of which dataset: clients come and go with rows of the one trained on" $?
  h5dump -d /clients/rows -y "$dir/gone.h5" | tr -d ' \n' | grep -qE 'DATA\{([0-9]+,){4}0,([0-9]+,){4}0,'
  result "nothing is told of the rows of those who left" $?
else
  skip "what the record tells: there is no h5dump"
fi

to two 1 c; two=$digest
to four 3 c update.from="$dir/two.h5" update.join="$dir/new.h5" data.test="$dir/bars.h5"
[ "$(field outputs)" = 4 ] && [ "$(field joined_rows)" = 304 ] && [ "$(field summed_rows)" = 604 ] && [ "$(field accuracy)" = 1.0 ]
result "two new classes have joined, and are told apart" $?
alone predict "$dir/four.h5" "$dir/bars.h5" -o "$dir/p.h5"
ended 0 && [ "$(field accuracy)" = 1.0 ]; result "the model of four classes predicts" $?
to three 1 c update.from="$dir/four.h5" update.remove='[4]' data.test="$dir/bars.h5"
to again 1 c update.from="$dir/three.h5" update.restore='[4]' update.leave="$dir/new.h5"
[ "$digest" = "$two" ]; result "and leave without a trace, whatever was done between" $?

# A ridge from a list: huge ones lose.
sed -e 's/ridge: 1,/ridges: [1e9, 1, 1e8],/' "$dir/a.yaml" >"$dir/r.yaml"
to list 3 r; list=$digest
[ "$(field ridge)" = 1.0 ] && [ "$(field holdout_clients)" = 2 ] && [ "$(field holdout_rows)" -gt 0 ]
result "the ridge with the least loss on held-out clients is taken: $(field ridge)" $?
loss=$(field loss)
to listed 1 r
[ "$digest" = "$list" ]; result "with the same bits on 1 and 3 ranks" $?
to base 1 a
awk -v a="$loss" -v b="$(field loss)" 'BEGIN { d = a / b - 1; exit !(d < 1e-10 && d > -1e-10) }'
result "and the model is that of all clients at it: $loss and $(field loss)" $?

# One huge value among the rows held out asks for more room, where the sums are not kept too.
awk 'BEGIN { FS = OFS = "," } NR == 7 { $3 = 50000 } 1' "$dir/bars.csv" >"$dir/wild.csv"
alone import csv "$dir/wild.csv" --label-column 0 --scale 0.01 -o "$dir/wild.h5"
cat >"$dir/w.yaml" <<'Y'
job: analytic
data: {train: wild.h5, test: wild.h5}
clients: {count: 20, partition: dirichlet, alpha: 0.1}
analytic: {ridges: [1, 10], holdout: 0.5}
Y
alone run "$dir/w.yaml" -q --set output.run="$dir/no.h5"
refused "a held-out client without room" 2 'column 1 .*larger analytic.room'
to roomy 1 w analytic.room=1048576

# SENTENCE, CODE, PATTERN, SETTINGS
no() {
  sentence=$1 want=$2 pattern=$3
  shift 3
  for s in "$@"; do set -- "$@" --set "$s"; shift; done
  alone run "$dir/a.yaml" -q --set output.run="$dir/no.h5" "$@"
  refused "$sentence" "$want" "$pattern"
}
from=update.from=$dir/base.h5
no "a client that is not there" 2 'update.remove.*no client 99: they are 0 to 19' "$from" 'update.remove=[99]'
no "a client twice" 2 'client 3 is named twice' "$from" 'update.remove=[3, 3]'
no "a client that has left" 2 'client 4 are not in' update.from="$dir/gone.h5" 'update.remove=[4]'
no "nothing to change" 2 'nothing is to be changed' "$from"
no "another partition" 2 'clients.alpha is not as' "$from" 'update.remove=[1]' clients.alpha=0.2
no "other rows" 2 'data.train.*not those' "$from" 'update.remove=[1]' data.train="$dir/new.h5" data.test="$dir/new.h5"
no "a run without statistics" 2 'kept no statistics' update.from="$dir/anew.h5" 'update.remove=[1]'
no "a dataset that never joined" 2 'not in the statistics' "$from" update.leave="$dir/new.h5"
no "the training rows a second time" 2 'update.join.*of data.train' "$from" update.join="$dir/bars.h5"
no "floating-point sums" 2 'exact sums' analytic.keep_statistics=true reduce=fast
no "left out, and not there" 2 'clients.without.*no client 20' 'clients.without=[20]'
no "a holdout of nothing" 2 'nothing without analytic.ridges' analytic.holdout=0.2
cp "$dir/base.h5" "$dir/bent.h5"
"$bad_dataset" bent_statistics "$dir/bent.h5" || echo "not ok: the scale could not be changed"
no "a scale that no run writes" 2 'statistics is damaged: column 0' update.from="$dir/bent.h5" 'update.remove=[1]'
finish
