#!/bin/sh
# The local_regression job as a user meets it: one digest on any ranks, one message of every user, what is
# charged, users of a dataset, and the refusals of what cannot be.
. "$srcdir/tests/jobs/common.sh"
mkdir "$dir/here" && cd "$dir/here" || exit 1 # for the ledgers of runs that are refused late
cat >"$dir/l.yaml" <<'Y'
job: local_regression
seed: 3
generate: {users: 20000, width: 8, noise: 0.3, design: signs}
local: {method: ldp_iht, truncation: 2, keep: 2}
privacy: {epsilon: 2, delta: 1e-5, test_key: true}
Y

alone run "$dir/l.yaml" -q --set output.run="$dir/l.1.h5"
want=$(field digest)
ended 0 && [ -n "$want" ] && [ "$(field messages)" = 20000 ] && [ "$(field uplink_bytes)" = 1280000 ] &&
  [ "$(field wrong_support)" = 0 ] && echo "$(field error) $(field epsilon)" | awk '{ exit !($1 < 0.4 && $2 <= 2) }'
result "every user sends one message of 8 numbers, and the error is $(field error)" $?
for p in 2 3; do
  ranks $p run "$dir/l.yaml" -q --set output.run="$dir/l.$p.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "the digest on $p ranks is $(field digest), on one $want" $?
done

# Without interaction: more numbers, and the noise of (epsilon, delta).
alone run "$dir/l.yaml" -q --set local.method=nldp --set privacy.epsilon=8 --set output.run="$dir/n.h5"
ended 0 && [ "$(field messages)" = 20000 ] && [ "$(field message_bytes)" = 352 ] &&
  [ "$(field downlink_bytes)" = 0 ] && echo "$(field epsilon)" | awk '{ exit !($1 <= 8 && $1 > 7.99) }'
result "second moments are sent where nothing is public: $(field message_bytes) bytes, epsilon $(field epsilon)" $?
alone run "$dir/l.yaml" -q --set local.method=nldp_public --set generate.public=2000 --set output.run="$dir/o.h5"
ended 0 && [ "$(field message_bytes)" = 64 ]
result "and are not where rows are" $?

# Users of a dataset; y = x1 - x3 / 2 over 3.
awk 'BEGIN { s = 7; for (i = 0; i < 3000; i++) { for (j = 0; j < 4; j++) {
  s = (s * 1103515245 + 12345) % 2147483648; x[j] = int(s / 65536) % 2 ? 1 : -1 }
  printf "%g,%g,%g,%g,%g\n", (x[0] - x[2] / 2) / 1.5, x[0], x[1], x[2], x[3] } }' >"$dir/u.csv"
alone import csv "$dir/u.csv" -o "$dir/u.h5" --label-column 0 --task regression --no-header
ended 0
result "users are imported" $?
sed '/generate/d' "$dir/l.yaml" >"$dir/u.yaml"
set -- -q --set data.train="$dir/u.h5" --set local.sparsity=2 --set privacy.epsilon=5 --set local.truncation=1
ranks 2 run "$dir/u.yaml" "$@" --set output.run="$dir/u.2.h5"
want=$(field digest)
ended 0 && [ "$(field messages)" = 3000 ] && [ -z "$(field error)" ]
result "rows of a dataset are users, of whom nobody knows the truth" $?
alone run "$dir/u.yaml" "$@" --set output.run="$dir/u.1.h5"
ended 0 && [ "$(field digest)" = "$want" ]
result "with the same digest on one rank" $?

# A ledger that runs share, and one that says that users have spoken.
set -- -q --set generate.users=500 --set privacy.ledger="$dir/ledger" --set privacy.budget=3
alone run "$dir/l.yaml" "$@" --set output.run="$dir/a.h5"
ended 0
result "a run is within the budget of its ledger" $?
alone run "$dir/l.yaml" "$@" --set output.run="$dir/b.h5"
refused "a second one of the same users is not" 3 'budget'
rm "$dir/a.h5"
alone run "$dir/l.yaml" "$@" --set output.run="$dir/a.h5" --resume
refused "nobody speaks twice" 3 'nobody speaks twice'

alone run "$dir/l.yaml" -q --dry-run
ended 0 && said 'messages.*20000' && said 'epsilon'
result "a dry run says what will be sent and spent" $?
alone run "$dir/l.yaml" -q --set generate.sparsity=9
refused "more non-zeros than columns" 2 '9 non-zeros in 8 columns'
alone run "$dir/l.yaml" -q --set generate.users=5 --set local.iterations=6
refused "fewer users than groups" 2 '5 users cannot make 6 groups'
alone run "$dir/l.yaml" -q --set privacy.budget=3
refused "a budget that no run shares" 2 'privacy.budget.*without privacy.ledger'
alone run "$dir/l.yaml" -q --set privacy.epsilon=0
refused "epsilon 0" 2 'privacy.epsilon'
alone run "$dir/l.yaml" -q --set local.method=nldp_public
refused "no public rows" 2 'public rows; there are none'
alone run "$dir/l.yaml" -q --set local.method=nldp --set generate.users=100 --set privacy.test_key=false
refused "noise that drowns the moments" 2 'not positive definite'
alone run "$dir/l.yaml" -q --set data.train="$dir/u.h5"
refused "users are made up or read" 2 'generate.users=?.*data.train'
alone run "$dir/u.yaml" -q --set data.train="$dir/u.h5"
refused "of read users the non-zeros are not known" 2 'local.sparsity'
finish
