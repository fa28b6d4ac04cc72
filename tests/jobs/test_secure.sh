#!/bin/sh
# Secure aggregation in an experiment: the digest of the sum without masks on any number of ranks, also
# after an interruption; bytes of masks and of the protocol; rounds and statistics that too few clients
# are left for; what masks do not go together with is refused by name before any work.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0
result "the dataset is there" $?
# Images of any bytes: 40 of 6 x 6.
{ printf '\000\000\010\003\000\000\000\050\000\000\000\006\000\000\000\006'; head -c 1440 "$muster"; } >"$dir/i"
{ printf '\000\000\010\001\000\000\000\050'; for _ in 0 1 2 3 4 5 6 7 8 9; do printf '\000\001\002\003'; done; } >"$dir/l"
alone import idx "$dir/i" "$dir/l" -o "$dir/images.h5"
ended 0
result "the images are there" $?
cat >"$dir/e.yaml" <<END
job: federated
data: {train: bars.h5, test: bars.h5}
clients: {count: 20, partition: dirichlet, alpha: 5}
model: {kind: mlp, hidden: [16]}
optimizer: {kind: sgd, lr: 0.05, batch: 10}
method: {name: fedavg, rounds: 12, participation: 0.6, local_steps: 2}
secure: {aggregate: masks, bound: 1, threshold: 0.51, neighbours: 8, dropout: 0.05}
output: {run: out.h5, checkpoint: {every_rounds: 4}}
END
cat >"$dir/a.yaml" <<END
job: analytic
seed: 3
data: {train: bars.h5, test: bars.h5}
clients: {count: 20, partition: dirichlet, alpha: 5}
secure: {aggregate: masks, bound: 16, threshold: 0.55, dropout: 0.2}
output: {run: out.h5}
END

ranks 1 run "$dir/e.yaml" -q --set output.run="$dir/1.h5"
want=$(field digest) gone=$(field dropped_clients) up=$(field uplink_bytes)
ended 0 && [ -n "$want" ] && [ "$gone" -gt 0 ] && [ "$(field aborted_rounds)" = 0 ] &&
  [ $(($(field contributions) + gone)) = 144 ]
result "rounds behind masks on one rank" $?
ranks 3 run "$dir/e.yaml" -q --set output.run="$dir/3.h5"
ended 0 && [ "$(field digest)" = "$want" ]
result "the same digest on three ranks" $?
ranks 2 run "$dir/e.yaml" -q --set output.run="$dir/s.h5" --set secure.aggregate=sum
ended 0 && [ "$(field digest)" = "$want" ] && [ "$(field uplink_bytes)" -lt "$up" ]
result "the digest of the sum without masks, which is cheaper" $?
ranks 2 run "$dir/e.yaml" -q --set output.run="$dir/all.h5" --set secure.neighbours=0
ended 0 && [ "$(field digest)" = "$want" ]
result "neighbours change what is sent, and not what comes of it" $?
alone run "$dir/e.yaml" -q --set output.run="$dir/d.h5" --set secure.dropout=0
ended 0 && [ "$(field contributions)" = 144 ] && [ "$(field dropped_clients)" = 0 ]
result "nobody is gone without dropouts" $?
bytes=$(field uplink_bytes)
alone run "$dir/e.yaml" -q --dry-run
ended 0 && [ "$(field uplink_bytes)" = "$bytes" ]
result "a dry run counts the same bytes" $?
alone run "$dir/e.yaml" -q --set output.run="$dir/t.h5" --set secure.threshold=1
ended 0 && [ "$(field aborted_rounds)" -gt 0 ] && [ "$(field aborted_rounds)" -lt 12 ]
result "rounds that too few are left for give no update" $?
alone run "$dir/e.yaml" -q --set output.run="$dir/t.h5" --set secure.threshold=1 \
  --set secure.dropout=0.8
refused "a run without an update" 2 'no round could be used: round 12: .*lower secure.dropout'

ranks 1 run "$dir/a.yaml" -q --set output.run="$dir/a1.h5"
want=$(field digest)
ended 0 && [ -n "$want" ] && [ "$(field dropped_clients)" -gt 0 ]
result "statistics behind masks on one rank" $?
ranks 3 run "$dir/a.yaml" -q --set output.run="$dir/a3.h5" --set secure.aggregate=sum
ended 0 && [ "$(field digest)" = "$want" ]
result "the digest of the sum without masks on three ranks" $?
alone run "$dir/a.yaml" -q --set output.run="$dir/a4.h5" --set secure.threshold=1 \
  --set secure.dropout=0.5
refused "statistics that too few clients are left for" 2 'too few to take the masks away'

# What is refused. FILE, SENTENCE, PATTERN, KEY=VALUE...
check_set() {
  file=$1 sentence=$2 pattern=$3
  shift 3
  set_options=
  for s in "$@"; do set_options="$set_options --set $s"; done
  # shellcheck disable=SC2086
  alone run "$dir/$file.yaml" -q --set output.run="$dir/no.h5" $set_options
  refused "$sentence" 2 "$pattern"
}
check_set e "a rule that compares vectors" "rule 'krum' compares distances.*'masks' hides" \
  aggregate.rule=krum aggregate.byzantine=2 method.weighted=false
check_set e "an attack" 'masks leave none to be read' attack.name=ipm attack.count=2
check_set e "a compressor" "those that 'topk' leaves out too" compress.kind=topk
check_set e "half of the clients" 'secure.threshold' secure.threshold=0.5
check_set e "a map that is fitted on clients' rows" 'features.kind.*rows that clients send' \
  data.train="$dir/images.h5" data.test="$dir/images.h5" clients.partition=iid features.kind=conv \
  features.patch=3 features.filters=4 features.grid=1
check_set e "options of masks without them" 'secure.bound.*secure.aggregate is none' \
  secure.aggregate=none
check_set a "sums that round" 'masks cancel in whole numbers only' reduce=fast
check_set a "a bound of classes" 'secure.target_bound.*classes have the bound 1' \
  secure.target_bound=2
for f in e a; do
  sed -e 's/bound: [0-9]*, //' "$dir/$f.yaml" >"$dir/n.yaml"
  alone run "$dir/n.yaml" -q
  refused "no bound" 2 'n.yaml: secure.bound: not set; masks need a grid that is known before'
done
finish
