#!/bin/sh
# The analytic job's weights of rows and clients, and its heads of clients' own: weights are repeated
# rows, heads never see what their client holds out, digests are the same on any number of ranks, and
# what cannot be is refused in one line.
. "$srcdir/tests/jobs/common.sh"

for kind in sound weights bad_weights repeated y_wide; do "$bad_dataset" $kind "$dir/$kind.h5"; done
make_bars "$dir/bars.csv"
# 200 rows of noise whose classes nothing tells.
awk 'BEGIN { s = 4711; for (i = 0; i < 200; i++) {
  for (p = 0; p <= 260; p++) { s = (s * 1103515245 + 12345) % 2147483648
    printf p == 0 ? "%d" : ",%d", p == 0 ? int(s / 65536) % 2 : int(s / 65536) % 1000 }
  printf "\n" } }' >"$dir/noise.csv"
for f in bars noise; do
  alone import csv "$dir/$f.csv" --label-column 0 --scale 0.01 -o "$dir/$f.h5"
  ended 0; result "$f.h5 is there" $?
done
cat >"$dir/a.yaml" <<'Y'
job: analytic
data: {train: weights.h5, test: sound.h5}
clients: {count: 6, partition: iid}
analytic: {ridge: 0.5}
Y
cat >"$dir/p.yaml" <<'Y'
job: analytic
data: {train: bars.h5, test: bars.h5}
clients: {count: 20, partition: dirichlet, alpha: 0.1, holdout: 0.3}
features: {kind: relu, count: 40}
analytic: {ridge: 1}
personal: {share: 0.7, heads: true}
Y

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
# SENTENCE, A, B: they agree to ten digits.
agree() {
  awk -v a="$2" -v b="$3" 'BEGIN { d = a - b; s = b < 0 ? -b : b; exit !(d <= 1e-10 * s && -d <= 1e-10 * s) }'
  result "$1: $2 and $3" $?
}
# SENTENCE, MESSAGE, FILE, SETTINGS: refused with exit code 2.
no() {
  sentence=$1 message=$2 file=$3
  shift 3
  for s in "$@"; do set -- "$@" --set "$s"; shift; done
  alone run "$dir/$file.yaml" -q --set output.run="$dir/x.h5" "$@"
  refused "$sentence" 2 "$message"
}

to weighted 1 a
complained 'rows count by /weight'; result "that rows have weights is said" $?
loss=$(field loss); train=$(field train_loss) want=$digest
to weighted 3 a
[ "$digest" = "$want" ]; result "weights keep the bits on 3 ranks" $?
to often 1 a data.train="$dir/repeated.h5"
agree "a weight is a repetition" "$loss" "$(field loss)"
agree "in the training loss too" "$train" "$(field train_loss)"
to without 1 a data.train="$dir/sound.h5"; want=$digest
to none 1 a analytic.weights=none
[ "$digest" = "$want" ]; result "weights that are not used change nothing" $?
to kept 1 a analytic.keep_statistics=true; want=$digest
to gone 1 a update.from="$dir/kept.h5" update.remove='[2]'
[ -n "$(field summed_weight)" ]; result "kept sums know what their rows weigh" $?
to back 1 a update.from="$dir/gone.h5" update.restore='[2]'
[ "$digest" = "$want" ]; result "clients with weights leave and come back" $?
no "kept statistics with other weights" 'update.from|data.train' a update.from="$dir/kept.h5" \
  update.remove='[2]' analytic.weights=none
alone run "$dir/a.yaml" -q --set output.run="$dir/x.h5" --set data.train="$dir/bad_weights.h5"
ended 2 && complained '2 of 40 rows.*weight that is negative or not finite \(the first is row 7'
result "weights below 0 or not finite are refused (exit code $code)" $?
to dropped 1 a data.train="$dir/bad_weights.h5" data.on_nonfinite=drop
[ "$(field dropped_rows)" = 2 ]; result "they are left out where that is asked for" $?
to equal 1 p analytic.clients=equal; want=$digest
to equal 3 p analytic.clients=equal
[ "$digest" = "$want" ]; result "clients that count the same keep the bits on 3 ranks" $?
no "weights that are asked for and are not there" 'has no /weight' a data.train="$dir/sound.h5" analytic.weights=rows
no "weights in masked sums" 'weight_bound.*public numbers' a secure.aggregate=masks secure.bound=9
no "a bound of no weights" 'rows have no weights' a secure.aggregate=masks secure.bound=9 \
  secure.weight_bound=2 analytic.weights=none
to masked 1 a secure.aggregate=masks secure.bound=9 secure.weight_bound=2
agree "weights in masked sums" "$loss" "$(field loss)"
to cut 1 a secure.aggregate=masks secure.bound=9 secure.weight_bound=1
[ "$(field loss)" != "$loss" ]; result "weights are cut to their bound" $?
to rule 3 a aggregate.rule=multi_krum aggregate.byzantine=1 analytic.ridge=50 clients.count=8; want=$digest
to rule 1 a aggregate.rule=multi_krum aggregate.byzantine=1 analytic.ridge=50 clients.count=8
[ "$digest" = "$want" ]; result "weights under a rule keep the bits" $?
to rule 1 a aggregate.rule=multi_krum aggregate.byzantine=1 analytic.ridge=50 clients.count=8 analytic.weights=none
[ "$digest" != "$want" ]; result "and count" $?
no "equal clients under a rule" 'counts every client alike' a aggregate.rule=median \
  aggregate.byzantine=1 analytic.clients=equal analytic.weights=none
no "equal clients in kept statistics" 'every client that leaves' a analytic.keep_statistics=true \
  analytic.clients=equal

to heads 1 p
[ "$digest" != "$want" ]; result "and count otherwise than by their rows" $?
want=$digest
global=$(field client_accuracy_rows) own=$(field client_accuracy_personal_rows) held=$(field client_rows_scored)
[ $((held + $(field rows))) = 600 ] && [ "$held" -gt 150 ]; result "$held rows are held out" $?
[ "$own" != "$global" ]; result "heads of their own do $own, that of all $global" $?
down=$(field downlink_bytes)
for p in 3; do
  to heads$p $p p
  [ "$digest" = "$want" ]; result "heads keep the bits on $p ranks" $?
  if command -v h5dump >/dev/null 2>&1; then
    for f in heads heads$p; do h5dump -d /personal/heads "$dir/$f.h5" | tail -n +2 >"$dir/$f.txt"; done
    cmp -s "$dir/heads.txt" "$dir/heads$p.txt" && [ -s "$dir/heads.txt" ]
    result "those that are kept too" $?
  fi
done
to nothing 1 p personal.share=0
[ "$(field client_accuracy_rows)" = "$(field client_accuracy_personal_rows)" ]
result "a share of 0 is the head of all" $?
alone predict "$dir/heads.h5" "$dir/bars.h5" -o "$dir/predictions.h5"
ended 0; result "the head of all predicts" $?
alone run "$dir/p.yaml" -q --dry-run
[ "$(field downlink_bytes)" = "$down" ] && [ "$(field rank_bytes)" -gt 0 ]
result "a dry run knows the bytes" $?
to random 1 p data.train="$dir/noise.h5" data.test="$dir/noise.h5" features.count=300 \
  analytic.ridge=0.001 clients.alpha=5 clients.count=2
leak=$(field client_accuracy_rows)
awk -v a="$leak" -v b="$(field client_accuracy_personal_rows)" 'BEGIN { exit !(a < 0.75 && b < 0.75) }'
result "of noise nothing is known of rows that are held out: $leak" $?
to wide 2 a data.train="$dir/y_wide.h5" data.test="$dir/y_wide.h5" personal.share=0.5 \
  clients.holdout=0.3 analytic.ridge=0.01
loss=$(field loss)
awk -v l="$loss" -v p="$(field client_loss_personal_mean)" 'BEGIN { exit !(l < 1e-3 && p > 0 && p < 1e-2) }'
result "several values are learnt: $(field loss), $(field client_loss_personal_mean)" $?
alone predict "$dir/wide.h5" "$dir/y_wide.h5" -o "$dir/values.h5"
ended 0 && [ "$(field loss)" = "$loss" ]
result "and predicted, with loss $(field loss)" $?
if command -v h5dump >/dev/null 2>&1; then
  h5dump -H -d /value "$dir/values.h5" | grep -q '( 40, 3 )'; result "in as many columns" $?
fi
no "heads without their statistics" 'shortened to secure.bound' p secure.aggregate=masks secure.bound=9
no "heads under a rule" 'no sum that a client' p aggregate.rule=median aggregate.byzantine=1
no "heads and kept statistics" 'no kept statistics' p analytic.keep_statistics=true
no "a share beyond 1" 'must be a number in' p personal.share=1.5
no "rows held out for no heads" 'personal.share: missing' a clients.holdout=0.2
finish
