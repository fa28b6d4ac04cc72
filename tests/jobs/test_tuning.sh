#!/bin/sh
# The tuning job as a user meets it: one digest on any ranks, figures that hang together, a ridge path of
# a dataset, and the refusals of what cannot be.
. "$srcdir/tests/jobs/common.sh"
cat >"$dir/t.yaml" <<'Y'
job: tuning
seed: 3
seeds: 2
systems: {side: 8, count: 200, shift_low: 0.02}
grid: {low: 1, high: 1.9, count: 7}
tuner: {kind: cheb_cb}
Y
alone run "$dir/t.yaml" -q --set output.run="$dir/t.1.h5"
want=$(field digest) took=$(field iterations)
ended 0 && [ -n "$want" ] && [ "$(field unsolved)" = 0.0 ] &&
  echo "$took $(field best_each) $(field best_fixed) $(field at_one) $(field regret)" |
  awk '{ exit !($2 <= $3 && $3 < $4 && $1 < $4 && $1 - $3 == $5) }'
result "a tuner takes $took iterations, omega 1 $(field at_one)" $?
for p in 2 3; do
  ranks $p run "$dir/t.yaml" -q --set output.run="$dir/t.$p.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "the digest on $p ranks is $(field digest), on one $want" $?
done
ranks 2 run "$dir/t.yaml" -q --set compare=false --set output.run="$dir/b.h5"
ended 0 && [ "$(field iterations)" = "$took" ] && [ -z "$(field best_fixed)" ]
result "it takes as many where nothing is compared" $?

awk 'BEGIN { s = 7; for (i = 0; i < 600; i++) { for (j = 0; j < 4; j++) {
  s = (s * 1103515245 + 12345) % 2147483648; x[j] = (j + 1) * (s / 1073741824 - 1) + x[0] }
  printf "%g,%g,%g,%g,%g\n", x[0] - x[2] / 2, x[0], x[1], x[2], x[3] } }' >"$dir/u.csv"
alone import csv "$dir/u.csv" -o "$dir/u.h5" --label-column 0 --task regression --no-header
sed 's/^systems.*/systems: {count: 100, law: path, shift_low: 1.0e-4, shift_high: 10}/' "$dir/t.yaml" >"$dir/u.yaml"
set -- -q --set data.train="$dir/u.h5" --set solver.kind=ssor_cg
ranks 3 run "$dir/u.yaml" "$@" --set output.run="$dir/u.3.h5"
want=$(field digest)
ended 0 && [ "$(field unsolved)" = 0.0 ]
result "a ridge path of a dataset is solved" $?
alone run "$dir/u.yaml" "$@" --set output.run="$dir/u.1.h5"
ended 0 && [ "$(field digest)" = "$want" ]
result "with the same digest on one rank" $?

alone run "$dir/t.yaml" -q --set grid.high=2
refused "omega is below 2" 2 'grid.high'
alone run "$dir/t.yaml" -q --set systems.law=path --set systems.alpha=1
refused "alpha is of one law alone" 2 'systems.alpha'
alone run "$dir/t.yaml" -q --set tuner.bins=3
refused "bins mean nothing to another tuner" 2 'tuner.bins'
alone run "$dir/u.yaml" -q --set data.train="$dir/u.h5" --set systems.side=9
refused "there is one matrix" 2 'systems.side'
finish
