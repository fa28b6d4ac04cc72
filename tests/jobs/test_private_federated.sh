#!/bin/sh
# Private rounds of clients as a user meets them: one digest on any ranks wherever the noise is added, a
# charge a round, nothing of the clients in the files, and the refusals.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0
result "the dataset is there" $?
cat >"$dir/f.yaml" <<'Y'
job: federated
seed: 3
data: {train: bars.h5, test: bars.h5}
clients: {count: 60, partition: iid}
model: {kind: softmax}
optimizer: {kind: sgd, lr: 0.5, batch: 5}
method: {name: fedavg, weighted: false, sampling: bernoulli, participation: 0.5, rounds: 6, local_epochs: 2}
privacy: {epsilon: 20, delta: 1e-4, clip: 2}
Y
charges() { grep -c '^charge ' "$1"; }

alone run "$dir/f.yaml" --dry-run
ended 0 && [ "$(field releases)" = 6 ] && [ "$(field cohort)" = 30 ] &&
  field epsilon | awk '{ exit !($1 <= 20 && $1 > 19.99) }' && [ ! -e "$dir/f.h5.ledger" ]
result "a dry run says what will be spent ($(field epsilon) of 20), and spends nothing" $?

for place in central shares; do
  set="--set privacy.test_key=true --set privacy.placement=$place"
  # shellcheck disable=SC2086
  alone run "$dir/f.yaml" -q $set --set output.run="$dir/$place.1.h5"
  want=$(field digest)
  ended 0 && complained 'protects nobody' && field accuracy | awk '{ exit !($1 > 0.5) }'
  result "$place: the bars are learnt: accuracy $(field accuracy)" $?
  # shellcheck disable=SC2086
  ranks 3 run "$dir/f.yaml" -q $set --set output.run="$dir/$place.3.h5"
  ended 0 && [ -n "$want" ] && [ "$(field digest)" = "$want" ]
  result "$place: the digest on 3 ranks is $(field digest), on one $want" $?
done
set="--set privacy.test_key=true --set privacy.placement=shares --set secure.aggregate=masks"
# shellcheck disable=SC2086
ranks 3 run "$dir/f.yaml" -q $set --set output.run="$dir/masks.3.h5"
ended 0 && [ "$(field digest)" = "$want" ]
result "shares behind masks come to what they come to in the open" $?
gone="--set privacy.tolerance=0.4 --set secure.dropout=0.2 --set secure.threshold=0.6"
# shellcheck disable=SC2086
alone run "$dir/f.yaml" -q $set $gone --set output.run="$dir/gone.1.h5" --set secure.aggregate=sum
want=$(field digest) down=$(field downlink_bytes)
ended 0 && [ -n "$want" ] && field accuracy | awk '{ exit !($1 > 0.5) }'
result "the bars are learnt without those who are gone: accuracy $(field accuracy)" $?
# shellcheck disable=SC2086
ranks 7 run "$dir/f.yaml" -q $set $gone --set output.run="$dir/gone.7.h5"
ended 0 && [ "$(field digest)" = "$want" ] && [ "$(field downlink_bytes)" -gt "$down" ]
result "and behind masks on 7 ranks the digest is $(field digest), in the open $want" $?
alone inspect "$dir/gone.7.h5"
ended 0 && ! said 'dropped |aborted|contributions'
result "nothing tells who was gone" $?
[ "$(charges "$dir/central.1.h5.ledger")" -eq 6 ]
result "every round is charged" $?
alone run "$dir/f.yaml" -q --set output.run="$dir/q.h5" --set privacy.noise=hardened
ended 0 && [ "$(field digest)" != "$want" ]
result "noise can be discrete" $?
alone inspect "$dir/q.h5"
ended 0 && ! said 'train_loss|data\.train *[0-9a-f]|/clients|contributions|excluded|gradients'
result "the run file does not tell of the clients" $?
alone run "$dir/f.yaml" -q --set output.run="$dir/s.h5" --set privacy.ledger="$dir/l" --set privacy.budget=25
ended 0
result "a shared ledger has room for one run" $?
alone run "$dir/f.yaml" -q --set output.run="$dir/t.h5" --set privacy.ledger="$dir/l"
refused "a second run beyond its budget is refused" 3 'epsilon 25'

refuse() { # SENTENCE, PATTERN, KEY=VALUE ...
  sentence=$1 pattern=$2
  shift 2
  alone run "$dir/f.yaml" -q --set output.run="$dir/r.h5" "$@"
  refused "$sentence" 2 "$pattern"
}
refuse "means by rows are refused" 'method.weighted' --set method.weighted=true
refuse "cohorts of a fixed size are refused" 'bernoulli' --set method.sampling=fixed
refuse "control variates are refused" 'scaffold' --set method.name=scaffold
refuse "an early stop is refused" 'stop rule' --set stop.metric=accuracy --set stop.at=0.5
refuse "scores of clients are refused" 'scores of clients' --set evaluate.clients=true
refuse "held-out rows are refused" 'clients.holdout' --set clients.holdout=0.2
refuse "masks without shares of the noise are refused" 'placement: shares' --set secure.aggregate=masks
refuse "a tolerance without shares is refused" 'placement: shares' --set privacy.tolerance=0.1
finish
