#!/bin/sh
# Correlated noise and adaptive clips as a user meets them: one charge for the whole run, a secret
# that another start needs and nobody else gets, no noise in any file, and the refusals.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0
result "the dataset is there" $?
cat >"$dir/p.yaml" <<'Y'
job: private
seed: 3
data: {train: bars.h5, test: bars.h5}
model: {kind: softmax}
optimizer: {kind: sgd, lr: 0.5, momentum: 0.5, batch: 150}
train: {steps: 30, block: 16}
privacy: {epsilon: 6, delta: 1e-4, clip: 0.5, sampler: cyclic, kept: true, correlation: banded}
Y
sed -e 's/epsilon: 6, //' -e 's/steps: 30/steps: 1000/' "$dir/p.yaml" >"$dir/k.yaml"
charges() { grep -c '^charge ' "$1"; }
slow="--set privacy.sigma=40 --set output.checkpoint.every_steps=50"
# Start a long run of the name $1 with further options, and halt it behind its first checkpoint.
begin_slow() {
  name=$1
  shift
  # shellcheck disable=SC2086
  begun 1 run "$dir/k.yaml" -q $slow --set output.run="$dir/$name.h5" "$@"
  until_saved "$dir/$name"
  kill -STOP $pid
}
resume_slow() {
  name=$1
  shift
  # shellcheck disable=SC2086
  alone run "$dir/k.yaml" -q $slow --set output.run="$dir/$name.h5" "$@" --resume
}
end_with() { kill "-$1" $pid; kill -CONT $pid 2>/dev/null; wait $pid 2>/dev/null; }

# One event for the whole run, charged before its first step.
alone run "$dir/p.yaml" -q --set output.run="$dir/a.h5"
ended 0 && [ "$(grep -c '^charge 0 0 1$' "$dir/a.h5.ledger")" = 1 ] &&
  [ "$(grep -c '^charge 0 0 0$' "$dir/a.h5.ledger")" = 29 ] &&
  sed -n 5p "$dir/a.h5.ledger" | grep -q '^charge 0 0 1$' && field epsilon | awk '{ exit !($1 <= 6) }'
result "the whole run is one release, charged at its first step" $?
[ ! -e "$dir/a.h5.secret" ]
result "a run that has ended leaves no secret" $?
for p in 1 2 3 4 7; do
  ranks $p run "$dir/p.yaml" -q --set privacy.test_key=true --set output.run="$dir/t.$p.h5"
  [ "$p" != 1 ] || want=$(field digest)
  ended 0 && [ "$(field digest)" = "$want" ] && [ ! -e "$dir/t.$p.h5.secret" ]
  result "the digest on $p ranks is $(field digest), on one $want" $?
done

# A kill, and the start that goes on.
begin_slow k
[ "$(stat -c %a "$dir/k.h5.secret")" = 600 ]
result "the secret is its owner's alone" $?
resume_slow k
refused "two starts do not draw one noise at the same time" 2 'another start of this run is going on'
end_with KILL
before=$(charges "$dir/k.h5.ledger")
cp -p "$dir/k.h5.secret" "$dir/secret"
mv "$dir/k.h5.secret" "$dir/elsewhere"
resume_slow k
refused "without its secret a run is not gone on with" 2 'nothing more is released'
begin_slow other
end_with KILL
cp -p "$dir/other.h5.secret" "$dir/k.h5.secret"
resume_slow k
refused "nor with that of another run" 2 'not the secret with which the noise of this run began'
cp -p "$dir/secret" "$dir/k.h5.secret"
resume_slow k --set privacy.clip=0.4
[ "$code" -eq 2 ] && [ "$(charges "$dir/k.h5.ledger")" -eq "$before" ]
result "nor with other settings: nothing is charged" $?
chmod 644 "$dir/k.h5.secret"
resume_slow k
refused "nor where others may have read it" 2 'others may have read'
[ "$(charges "$dir/k.h5.ledger")" -eq "$before" ]
result "all that released nothing" $?
chmod 600 "$dir/k.h5.secret"
resume_slow k
lost=$(field lost_steps)
ended 0 && [ "$before" -lt 1000 ] && [ "$(charges "$dir/k.h5.ledger")" -eq 1000 ] &&
  [ "$(grep -c '^charge 0 0 1$' "$dir/k.h5.ledger")" = 1 ] && [ "$lost" -ge 0 ] &&
  [ "$lost" -lt "$before" ] && [ ! -e "$dir/k.h5.secret" ]
result "a killed run had taken $before steps, lost $lost, goes on, and is charged once" $?
printf 'mine' >"$dir/f.h5.secret"
alone run "$dir/p.yaml" -q --set output.run="$dir/f.h5"
refused "a file that is no secret is refused" 2 'not a secret of yours'
[ "$(cat "$dir/f.h5.secret")" = mine ] && [ ! -e "$dir/f.h5.ledger" ]
result "and left as it was, before any ledger" $?

# A signal loses nothing: with the test key the same bits as of a run that was never stopped.
for how in "banded " "independent --set privacy.sampler=poisson \
  --set privacy.adaptive_clip.quantile=0.5 --set privacy.adaptive_clip.count_noise=100"; do
  # shellcheck disable=SC2086
  set -- --set privacy.correlation=$how --set privacy.test_key=true
  begin_slow s "$@"
  end_with TERM
  resume_slow s "$@"
  got=$(field digest) lost=$(field lost_steps)
  # shellcheck disable=SC2086
  alone run "$dir/k.yaml" -q $slow --set output.run="$dir/u.h5" "$@"
  ended 0 && [ "$lost" = 0 ] && [ -n "$got" ] && [ "$(field digest)" = "$got" ]
  result "${how%% *} noise goes on after a signal where it was" $?
  rm -f "$dir"/s.* "$dir"/u.*
done

# A checkpoint holds what it holds without correlation, and no noise.
begin_slow c --set privacy.correlation=independent
end_with KILL
begin_slow b
end_with KILL
size() { find "$dir" -name "$1.checkpoint-*.h5" -printf '%s\n' | sort -n | tail -n 1; }
[ -n "$(size c)" ] && [ "$(($(size b) - $(size c)))" -lt 200 ]
result "a checkpoint of banded noise has $(size b) bytes, of independent $(size c)" $?

# Restarted with every cycle, nothing is kept, and a start begins with a cycle.
begin_slow r --set privacy.correlation=tree
[ ! -e "$dir/r.h5.secret" ]
result "noise that begins anew with every cycle keeps no secret" $?
end_with KILL
resume_slow r --set privacy.correlation=tree
ended 0 && [ "$(grep -c '^charge 0 0 1$' "$dir/r.h5.ledger")" = 250 ]
result "and is charged once a cycle, 250 times of 4 steps" $?

# What cannot be accounted for.
no() { # sentence, message, options
  says=$1 want=$2
  shift 2
  alone run "$dir/p.yaml" -q --set output.run="$dir/n.h5" "$@"
  refused "$says" 2 "$want"
}
no "poisson samples with a tree" 'how often a record' --set privacy.sampler=poisson \
  --set privacy.correlation=tree
no "samples of a fixed size with bands" 'draws anew' --set privacy.sampler=fixed \
  --set privacy.adjacency=replace_one
no "groups that are drawn anew, with bands over cycles" 'choose privacy.kept' \
  --set privacy.kept=false
no "more bands than steps of a cycle" 'may come again after 4' --set privacy.bands=5
no "hardened noise with fractions" 'choose tree' --set privacy.noise=hardened
no "a clip that moves under correlated noise" 'cancels only' \
  --set privacy.adaptive_clip.quantile=0.5
no "a clip that moves within a cycle" 'charged once a cycle' --set privacy.correlation=independent \
  --set privacy.adaptive_clip.quantile=0.5
no "a clip that moves on the grid of hardened noise" 'one clip' --set privacy.sampler=poisson \
  --set privacy.correlation=independent --set privacy.adaptive_clip.quantile=0.5 \
  --set privacy.noise=hardened
no "a count that takes all the budget" 'count_noise' --set privacy.sampler=poisson \
  --set privacy.correlation=independent --set privacy.adaptive_clip.quantile=0.5 \
  --set privacy.adaptive_clip.count_noise=0.01
no "a greatest clip below the first" 'adaptive_clip.most=0.1: found 0.1' --set privacy.sampler=poisson \
  --set privacy.correlation=independent --set privacy.adaptive_clip.quantile=0.5 \
  --set privacy.adaptive_clip.most=0.1
nothing_of "$dir/n.h5" && [ ! -e "$dir/n.h5.secret" ]
result "refusals leave nothing behind" $?
finish
