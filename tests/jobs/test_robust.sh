#!/bin/sh
# Robust rules and attacks in an experiment: the same digest on any number of ranks and after an
# interruption that goes on on others; keys of rules, mixers and attacks that were not chosen, and what
# does not go together, are refused by name before any work.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0
result "the dataset is there" $?
cat >"$dir/e.yaml" <<END
job: federated
data: {train: bars.h5, test: bars.h5}
clients: {count: 20, partition: dirichlet, alpha: 5}
model: {kind: mlp, hidden: [16]}
optimizer: {kind: sgd, lr: 0.05, batch: 10}
method: {name: fedavg, weighted: false, rounds: 60, participation: 0.6, local_steps: 2}
aggregate: {rule: centered_clipping, byzantine: 2, tau: 0.2, pre: [bucketing], momentum: 0.9}
attack: {name: mimic, count: 4, warmup: 9}
output: {run: out.h5, checkpoint: {every_rounds: 5}}
END
out=$dir/out.h5

ranks 1 run "$dir/e.yaml" -q --set output.run="$dir/1.h5"
want=$(field digest)
ended 0 && [ -n "$want" ] && [ "$(field contributions)" = 720 ] && [ "$(field excluded)" = 0 ]
result "rounds with a rule on one rank" $?
ranks 3 run "$dir/e.yaml" -q --set output.run="$dir/3.h5"
ended 0 && [ "$(field digest)" = "$want" ]
result "the same digest on three ranks" $?
ranks 2 run "$dir/e.yaml" -q --set output.run="$dir/spill.h5" --set resources.spill=all
ended 0 && [ "$(field digest)" = "$want" ]
result "the same digest with momentum in files" $?

# Interrupted on one rank, after rounds in which the last result, momentum and the attackers' memory
# were kept; gone on with on three.
stopped TERM 1 "$dir/out" run "$dir/e.yaml" -q --set output.run="$out" --set output.checkpoint.every_rounds=1
ended 75
result "a signal interrupts the run (exit code $code, want 75)" $?
ranks 3 run "$dir/e.yaml" -q --resume --set output.run="$out" --set output.checkpoint.every_rounds=1
ended 0 && [ "$(field digest)" = "$want" ]
result "gone on on three ranks: digest $(field digest), want $want" $?

# NaN lowers f and is counted.
alone run "$dir/e.yaml" -q --set output.run="$dir/nan.h5" --set attack.name=nan \
  --set aggregate.rule=krum --set aggregate.pre='[]' --set method.participation=1
ended 0 && [ "$(field excluded)" = 240 ] && [ "$(field contributions)" = 960 ]
result "vectors that are not finite are left out and counted" $?

# What is refused. SENTENCE, PATTERN, KEY=VALUE...
check_set() {
  sentence=$1 pattern=$2
  shift 2
  set_options=
  for s in "$@"; do set_options="$set_options --set $s"; done
  # shellcheck disable=SC2086
  alone run "$dir/e.yaml" -q --set output.run="$dir/no.h5" $set_options
  refused "$sentence" 2 "$pattern"
}
check_set "a misspelt rule" 'aggregate.rule.*krun.*krum' aggregate.rule=krun
check_set "a misspelt mixer" 'aggregate.pre.*entry 2.*nmm.*nnm' 'aggregate.pre=[bucketing,nmm]'
check_set "a mixer that is no list" 'aggregate.pre.*found "nnm", must be a list.*\[nnm\]' aggregate.pre=nnm
check_set "a misspelt attack" 'attack.name.*imp.*ipm' attack.name=imp
check_set "a key of another mixer" 'bound.*means nothing to aggregate.pre: \[bucketing\]; .*add clipping' aggregate.bound=2
check_set "a key of another rule" 'select.*means nothing.*centered_clipping.*multi_krum' aggregate.select=2
check_set "a key of another attack" 'epsilon.*means nothing.*mimic' attack.epsilon=2
check_set "a key that there is not" 'aggregate.sizes.*size' aggregate.sizes=2
check_set "weights of clients that a rule does not take" 'krum takes no weights.*method.weighted: false' \
  aggregate.rule=krum 'aggregate.pre=[]' method.weighted=true
check_set "too many attackers" 'attack.count.*20 clients' attack.count=21
check_set "a cohort too small for f" 'a round of 12 clients: .*needs at least 13 vectors, there are 12' \
  aggregate.byzantine=6 aggregate.rule=median
check_set "no trusted rows" 'fltrust needs rows.*aggregate.trusted_rows' aggregate.rule=fltrust
check_set "trusted rows that nobody looks at" 'looks at no trusted rows' aggregate.trusted_rows=9
check_set "momentum without end" 'aggregate.momentum is 1' aggregate.momentum=1
sed -e '/^attack/d' -e 's/byzantine: 2, //' "$dir/e.yaml" >"$dir/f.yaml"
alone run "$dir/f.yaml" -q
refused "a rule that is not told f" 2 'f.yaml: aggregate.byzantine: not set; say how many'
sed -e '/^attack/d' "$dir/e.yaml" >"$dir/f.yaml"
alone run "$dir/f.yaml" -q --set attack.name=ipm
refused "an attack of nobody knows how many" 2 'attack.count: not set; say how many'
alone run "$dir/f.yaml" -q --set attack.count=3
refused "attackers without an attack" 2 'attack.count.*attack.name is none'
alone run "$dir/e.yaml" -q --dry-run
ended 0 && [ "$(field node_bytes)" -gt $((12 * 4 * 1108)) ]
result "a dry run counts the slots" $?
finish
