#!/bin/sh
# The command's same-bits contract: one digest for any number of ranks, with shared memory on and
# off, with little memory and much, and after features went through a file.
set -u
muster=$builddir/muster
dir=$(mktemp -d "${TEST_SCRATCH:-/tmp}/same_bits.XXXXXX")
passed=0 failed=0
result() { # name, condition's exit code
  if [ "$2" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $1"; fi
}
ranks() { p=$1; shift; timeout 120 $MPIRUN --oversubscribe -np "$p" "$muster" "$@"; }
field() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" | tail -n 1; }

# 3,000 images of 12 x 12 in five classes, as IDX files made here: a bright bar whose place says
# the class, and noise from a linear congruential generator.
awk 'BEGIN { s = 12345; n = 3000
  for (i = 0; i < n; i++) { c = i % 5; printf "%d", c
    for (p = 0; p < 144; p++) { s = (s * 1103515245 + 12345) % 2147483648
      v = int(s / 65536) % 120; if (int(p / 12) == 2 * c + 1) v += 90
      printf ",%d", v }
    printf "\n" } }' >"$dir/bars.csv"
"$muster" import csv "$dir/bars.csv" --label-column 0 --scale 0.00392156862745098 -o "$dir/bars.h5" >"$dir/log" 2>&1
result "import of the bars" $?
cat >"$dir/bars.yaml" <<'Y'
job: analytic
seed: 3
data: {train: bars.h5, test: bars.h5}
clients: {count: 60, partition: dirichlet, alpha: 0.01}
features: {kind: relu, count: 300}
analytic: {ridge: 1, gamma: 1}
Y
ranks 1 run "$dir/bars.yaml" --quiet --set output.run="$dir/p1.h5" >"$dir/out" 2>"$dir/err"
result "one rank runs" $?
want=$(field digest <"$dir/out")
[ -n "$want" ]; result "a digest is printed" $?
for p in 2 3 4 7; do
  got=$(ranks $p run "$dir/bars.yaml" --quiet --set output.run="$dir/p$p.h5" 2>>"$dir/err" | field digest)
  [ "$got" = "$want" ]; result "digest on $p ranks: $got, on one: $want" $?
done
got=$(MUSTER_SHARED_MEMORY=0 ranks 3 run "$dir/bars.yaml" --quiet --set output.run="$dir/noshm.h5" 2>>"$dir/err" | field digest)
[ "$got" = "$want" ]; result "digest without shared memory: $got, want $want" $?
got=$(ranks 2 run "$dir/bars.yaml" --quiet --set clients.count=1 --set output.run="$dir/k1.h5" 2>>"$dir/err" | field digest)
[ -n "$got" ] && [ "$got" != "$want" ]; result "another partition is another run" $?

# One file serves a sweep over partitions: the file's own alpha is passed over, unless it stands in
# the file beside another partition.
ranks 2 run "$dir/bars.yaml" --quiet --set clients.partition=iid --set output.run="$dir/iid.h5" >"$dir/iid.out" 2>>"$dir/err"
result "another partition by --set" $?
sed -e 's/partition: dirichlet/partition: iid/' "$dir/bars.yaml" >"$dir/foreign.yaml"
ranks 2 run "$dir/foreign.yaml" --quiet --set output.run="$dir/no.h5" >/dev/null 2>"$dir/foreign.err"
[ $? -eq 2 ] && grep -q 'foreign.yaml:4: clients.alpha: .*means nothing' "$dir/foreign.err"
result "a key that means nothing is refused: $(cat "$dir/foreign.err")" $?

# Features through a file: the model is the same to the last bit but for the feature map itself.
ranks 2 run "$dir/bars.yaml" --quiet --set features.save_train="$dir/f.h5" --set features.save_test="$dir/ft.h5" \
  --set output.run="$dir/save.h5" >"$dir/save.out" 2>>"$dir/err"
result "features are saved" $?
sed -e 's/^data:.*/data: {train: f.h5, test: ft.h5}/' -e 's/^features:.*/features: {kind: identity}/' "$dir/bars.yaml" >"$dir/saved.yaml"
ranks 3 run "$dir/saved.yaml" --quiet --set output.run="$dir/again.h5" >"$dir/again.out" 2>>"$dir/err"
result "a run on saved features" $?
a=$(field train_loss <"$dir/save.out"); b=$(field train_loss <"$dir/again.out")
[ -n "$a" ] && [ "$a" = "$b" ]; result "training loss through a feature file: $b, direct: $a" $?
[ "$failed" -eq 0 ] || cat "$dir/err" "$dir/log"
rm -rf "$dir"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
