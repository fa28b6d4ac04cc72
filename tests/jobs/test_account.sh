#!/bin/sh
# `muster account`: published figures, calibration that keeps to its budget, the same line on any number
# of ranks, and what is refused.
. "$srcdir/tests/jobs/common.sh"

# SENTENCE FIELD LOWEST HIGHEST: a number of the JSON line.
between() {
  ended 0 && awk -v x="$(field "$2")" -v a="$3" -v b="$4" 'BEGIN { exit !(x >= a && x <= b) }'
  result "$1 (exit code $code, $2 $(field "$2"), want $3 to $4)" $?
}
run_of_1160="--sampling poisson --n 60000 --batch 2048 --steps 1160 --delta 1e-5"

alone account --q 0.0043 --sigma 1.1 --steps 14040 --delta 1e-5
between "pld of a long run is its truth, not below" epsilon 2.4003896 2.4005
between "with a proven bound from below" lower 2.4001 2.4003906
line=$(tail -n 1 "$dir/out")
ranks 3 account --q 0.0043 --sigma 1.1 --steps 14040 --delta 1e-5
ended 0 && [ "$(tail -n 1 "$dir/out")" = "$line" ]; result "the same line on 3 ranks" $?
alone account --q 0.04 --sigma 1.5 --steps 2250 --delta 1e-5 --accountant rdp
between "rdp" epsilon 7.32911117 7.32911118
alone account --sigma 1 --epsilon 1 --accountant gdp
between "delta of one Gaussian release" delta 0.126936737 0.126936738
alone account --sigma 1.7320508075688772 --steps 3 --epsilon 1 --accountant gdp
between "three releases are one, for full batches" delta 0.126936 0.126937
# shellcheck disable=SC2086
alone account $run_of_1160 --calibrate epsilon=3
between "sigma of a budget" sigma 1.80074 1.80076
between "which it keeps to" epsilon 2.9999 3
cat >"$dir/events.json" <<'J'
[{"mechanism": "gaussian", "noise": 2, "steps": 3}, {"mechanism": "laplace", "noise": 5}]
J
alone account --events "$dir/events.json" --delta 1e-5
between "unlike releases" epsilon 3 5
alone account --sigma 2 --steps 3 --delta 1e-5
between "are dearer than some of them" epsilon 2 5
alone list accountants
ended 0 && said '^pld ' && said '^rdp ' && said '^gdp_clt .*estimate'; result "muster list accountants" $?

alone account --sigma 1 --steps 3
refused "neither delta nor epsilon" 2 'delta'
alone account --q 1.5 --sigma 1 --delta 1e-5
refused "a probability above 1" 2 '1\.5'
alone account --q 0.1 --sigma -1 --delta 1e-5
refused "negative noise" 2 'sigma'
alone account --sigma 1 --delta 1e-5 --accountant pdl
refused "a misspelt accountant" 2 "pdl.*pld"
alone account --q 0.1 --sigma 1 --delta 1e-5 --accountant gdp
refused "exact Gaussian privacy of samples" 2 'gdp'
printf '[{"mechanism": "gaussian", "nose": 2}]' >"$dir/events.json"
alone account --events "$dir/events.json" --delta 1e-5
refused "an unknown key of a release" 2 'nose'
finish
