#!/bin/sh
# Depth of the analytic job as a user meets it: one digest on any ranks and with any memory, accuracy
# that rises with the layers, a run file that predicts, an interrupted run that goes on, and refusals.
. "$srcdir/tests/jobs/common.sh"
# The class is whether a point lies in a ring: no linear model of the two columns has it.
rows() { awk -v n="$1" -v s="$2" 'function u() { s = (s * 1103515245 + 12345) % 2147483648; return s / 1073741824 - 1 }
BEGIN { for (i = 0; i < n; i++) { a = u(); b = u(); r = a * a + b * b
  printf "%d,%.4f,%.4f,%.4f\n", (r > 0.3 && r < 0.8 ? 1 : 0), a, b, a + 0.1 * u() } }'; }
rows 3000 7 >"$dir/r.csv"
rows 500 8 >"$dir/t.csv"
for f in r t; do alone import csv "$dir/$f.csv" -o "$dir/$f.h5" --label-column 0 --no-header; done
cat >"$dir/d.yaml" <<Y
job: analytic
seed: 3
data: {train: $dir/r.h5, test: $dir/t.h5}
clients: {count: 20, partition: dirichlet, alpha: 0.1}
features: {kind: identity}
analytic: {ridge: 0.1, depth: 6, width: 60, layer_ridge: 0.001}
output: {checkpoint: {every_minutes: 0}}
Y
alone run "$dir/d.yaml" -q --set output.run="$dir/1.h5"
want=$(field digest) deep=$(field accuracy)
ended 0 && [ -n "$want" ] && [ "$(field depth)" = 6 ] && [ "$(field communications)" = 13 ]
result "six layers, thirteen communications" $?
cp "$dir/out" "$dir/out.1"
for p in 2 3; do
  ranks $p run "$dir/d.yaml" -q --set output.run="$dir/$p.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "the digest on $p ranks is $(field digest), on one $want" $?
done
alone run "$dir/d.yaml" -q --set output.run="$dir/flat.h5" --set analytic.depth=1
ended 0 && echo "$(field accuracy) $deep" | awk '{ exit !($2 > $1 + 0.02 && $2 > 0.85) }'
result "accuracy $(field accuracy) with one layer, $deep with six" $?
alone run "$dir/d.yaml" -q --set output.run="$dir/f.h5" --set analytic.start=features
ended 0 && [ "$(field features)" = 3 ]
result "layers on the features themselves" $?

alone predict "$dir/1.h5" "$dir/t.h5" -o "$dir/p.h5"
ended 0 && [ "$(field accuracy)" = "$deep" ]
result "the run file predicts: accuracy $(field accuracy), the run had $deep" $?
alone inspect "$dir/1.h5"
ended 0 && said 'depth/q +float32 \[6, 60, 2\]' && said 'layer_uplink_bytes'
result "layers and their bytes are in the run file" $?

# What --save writes are the features that the layers make: the plain job gives the head of the run.
alone run "$dir/d.yaml" -q --set output.run="$dir/s.h5" --set features.save_train="$dir/sr.h5" \
  --set features.save_test="$dir/st.h5"
ended 0 && [ "$(field digest)" = "$want" ]; result "features of the layers are saved" $?
sed 's/depth: 6, width: 60, layer_ridge: 0.001/gamma: 1/' "$dir/d.yaml" >"$dir/plain.yaml"
alone run "$dir/plain.yaml" -q --set data.train="$dir/sr.h5" --set data.test="$dir/st.h5" --set output.run="$dir/h.h5"
ended 0 && echo "$(field accuracy) $deep" | awk '{ d = $1 - $2; exit !(d < 0.003 && d > -0.003) }'
result "the plain job on saved features: accuracy $(field accuracy), $deep" $?

# A stop between layers keeps those that were solved.
stopped USR1 2 "$dir/cut" run "$dir/d.yaml" --set output.run="$dir/cut.h5" --set analytic.depth=60 \
  --set analytic.width=200 --set output.checkpoint.every_minutes=0.000001
ended 75 && complained 'layers solved; --resume goes on from there'
result "SIGUSR1 ends with 75 and says how far it came (got $code)" $?
ls "$dir"/cut.checkpoint-*.h5 >/dev/null 2>&1; result "a checkpoint is there" $?
ranks 3 run "$dir/d.yaml" -q --resume --set output.run="$dir/cut.h5" --set analytic.depth=60 \
  --set analytic.width=200 --set output.checkpoint.every_minutes=0.000001
ended 0; result "it goes on on three ranks (got $code)" $?
went=$(field digest)
alone run "$dir/d.yaml" -q --set output.run="$dir/whole.h5" --set analytic.depth=60 --set analytic.width=200
ended 0 && [ -n "$went" ] && [ "$(field digest)" = "$went" ]
result "the digest of a run that was interrupted is $went, of one that was not $(field digest)" $?

alone run "$dir/d.yaml" --dry-run
ended 0 && said 'rank_bytes' && said '"communications": 13' && said '"depth": 6'
result "a dry run says what it needs" $?
up=$(sed -n 's/.*"uplink_bytes": \([0-9]*\),.*/\1/p' "$dir/out" | tail -n 1)
[ -n "$up" ] && grep -q "\"uplink_bytes\": $up," "$dir/out.1"
result "the dry run's uplink, $up bytes, is the run's" $?
alone run "$dir/d.yaml" -q --dry-run --set resources.memory=0.02
ended 1 || ended 2; result "too little memory is refused (got $code)" $?

bad() { # what, exit code, message, settings
  what=$1 want_code=$2 text=$3
  shift 3
  alone run "$dir/d.yaml" -q --set output.run="$dir/bad.h5" "$@"
  refused "$what" "$want_code" "$text"
}
bad "a depth below 0" 2 'analytic.depth' --set analytic.depth=-1
bad "a width without depth" 2 'means nothing without analytic.depth' --set analytic.depth=0
bad "no ridge on a layer" 2 'analytic.layer_ridge' --set analytic.layer_ridge=0
bad "another activation" 2 'gelu' --set analytic.activation=tanh
bad "no bias" 2 'centred sums' --set analytic.bias=false
bad "fast sums" 2 'reduce: fast' --set reduce=fast
bad "masks" 2 'public bounds' --set secure.aggregate=masks --set secure.bound=10
bad "a rule" 2 'aggregate and attack' --set aggregate.rule=median --set aggregate.byzantine=2
bad "a list of ridges" 2 'choose one ridge' --set 'analytic.ridges=[1, 2]'
bad "kept statistics" 2 'keep_statistics' --set analytic.keep_statistics=true
bad "clients that count alike" 2 'count alike' --set analytic.clients=equal
finish
