#!/bin/sh
# The train job as a user meets it: one digest on any ranks, a resume on another number of ranks, the
# refusals of what cannot be, and a run file that predicts.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0
result "the dataset is there" $?
cat >"$dir/t.yaml" <<'Y'
job: train
seed: 3
data: {train: bars.h5, test: bars.h5}
model: {kind: mlp, hidden: [90]}
optimizer: {kind: lamb, lr: 0.02, batch: 100, clip: 1, schedule: cosine, warmup: 0.1}
train: {epochs: 8, block: 16}
ema: {decay: 0.8, batch: 50}
Y

alone run "$dir/t.yaml" -q --set output.run="$dir/t.1.h5"
want=$(field digest) accuracy=$(field accuracy)
ended 0 && [ -n "$want" ] && [ "$(field steps)" = 48 ] && [ "$(field rows_differentiated)" = 4800 ]
result "eight epochs of 600 rows are 48 steps" $?
echo "$accuracy" | awk '{ exit !($1 > 0.9) }'
result "the bars are learnt: accuracy $accuracy" $?
for p in 2 3 4 7; do
  ranks $p run "$dir/t.yaml" -q --set output.run="$dir/t.$p.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "the digest on $p ranks is $(field digest), on one $want" $?
done
MUSTER_SHARED_MEMORY=0 ranks 3 run "$dir/t.yaml" -q --set output.run="$dir/apart.h5" \
  --set train.accumulate=3 --set train.overlap=true
ended 0 && [ "$(field digest)" = "$want" ]
result "the digest without shared memory, in portions, is the same" $?

alone predict "$dir/t.2.h5" "$dir/bars.h5" -o "$dir/p.h5"
ended 0 && [ "$(field accuracy)" = "$accuracy" ]
result "the run file predicts with accuracy $(field accuracy), the run had $accuracy" $?

# A long run is told to stop on two ranks and goes on, on three.
long="--set train.epochs=200 --set output.run=$dir/long.h5 --set output.checkpoint.every_steps=40"
# shellcheck disable=SC2086
{
  alone run "$dir/t.yaml" -q $long --set output.run="$dir/straight.h5"
  want=$(field digest)
  stopped USR1 2 "$dir/long" run "$dir/t.yaml" -q $long
  ended 75 && complained 'interrupted after step [0-9]+ of 1200'
  result "a signal ends the run with code 75 (got $code)" $?
  ranks 3 run "$dir/t.yaml" -q $long --resume
  ended 0 && [ "$(field digest)" = "$want" ]
  result "it goes on with the digest $(field digest), straight $want" $?
}

# Batch norm: its running statistics are a part of the model, on any ranks, and of no other job's.
alone run "$dir/t.yaml" -q --set model.norm=batch --set model.ghost=12 --set output.run="$dir/n.1.h5"
want=$(field digest) accuracy=$(field accuracy)
ended 0 && [ -n "$want" ] && echo "$accuracy" | awk '{ exit !($1 > 0.9) }'
result "the bars are learnt with batch norm: accuracy $accuracy" $?
ranks 3 run "$dir/t.yaml" -q --set model.norm=batch --set model.ghost=12 --set output.run="$dir/n.3.h5"
ended 0 && [ "$(field digest)" = "$want" ]
result "the digest of batch norm on 3 ranks is $(field digest), on one $want" $?
alone predict "$dir/n.3.h5" "$dir/bars.h5" -o "$dir/p.h5"
ended 0 && [ "$(field accuracy)" = "$accuracy" ]
result "its run file predicts with accuracy $(field accuracy), the run had $accuracy" $?
alone merge "$dir/n.1.h5" "$dir/n.3.h5" --data "$dir/bars.h5" -o "$dir/m.h5"
refused "networks with batch norm are not merged" 2 'model.norm: batch is not for muster merge'
alone run "$dir/t.yaml" -q --set model.ghost=12
refused "ghost batches of no norm are refused" 2 'model.ghost=12: '
alone run "$dir/t.yaml" -q --dry-run --set "model={kind: softmax}"
ended 0
result "a model that knows no norm is none the worse" $?
mixed="data: {train: bars.h5}
model: {kind: mlp, hidden: [9], norm: batch}"
printf 'job: federated\nclients: {count: 5}\nmethod: {rounds: 2}\n%s\n' "$mixed" >"$dir/f.yaml"
alone run "$dir/f.yaml" --dry-run
refused "rounds of clients refuse batch norm" 2 'model.norm: batch is not for rounds of clients'
printf 'job: private\nprivacy: {epsilon: 3, delta: 1e-5, clip: 1}\ntrain: {steps: 9}\n%s\n' \
  "$mixed" >"$dir/private.yaml"
alone run "$dir/private.yaml" --dry-run --set optimizer.batch=50
refused "private training refuses batch norm" 2 'a clip does not bound what one row changes'

# Coded steps: hostile workers change nothing, on any ranks.
coded="--set coding.kind=repetition --set coding.workers=6 --set train.epochs=2"
# shellcheck disable=SC2086
{
  alone run "$dir/t.yaml" -q $coded --set output.run="$dir/honest.h5"
  loss=$(field train_loss)
  ended 0 && [ "$(field hostile_messages)" = 0 ]
  result "a coded run finds nobody where nobody attacks" $?
  ranks 3 run "$dir/t.yaml" -q $coded --set output.run="$dir/hostile.h5" --set attack.name=sign_flip \
    --set attack.count=1
  ended 0 && [ "$(field train_loss)" = "$loss" ] && [ "$(field hostile_messages)" = 12 ] &&
    [ "$(field worker_rows)" = 3600 ]
  result "the loss with a hostile worker is $(field train_loss), without $loss" $?
  alone run "$dir/t.yaml" -q $coded --set attack.name=alie --set attack.count=1
  refused "an attack that sees others is refused" 2 "attack.name: alie .*the attacker's own message"
}

alone run "$dir/t.yaml" -q --set optimizer.kind=egn
refused "egn is refused" 2 'optimizer.kind=egn: .*no sum over blocks'
alone run "$dir/t.yaml" -q --set train.steps=5
refused "epochs and steps together are refused" 2 'train.steps=5: .*give one of them'
alone run "$dir/t.yaml" -q --set optimizer.kind=dog
refused "an average of an average is refused" 2 'ema.decay: .*average of its own'
alone run "$dir/t.yaml" -q --set ema.decay=0
refused "a batch of no average is refused" 2 'ema.batch: '
alone run "$dir/t.yaml" -q --set stop.metric=accuracy
refused "a metric without a value is refused" 2 'stop.metric and stop.at belong together'
sed '/^data:/s/, test: bars\.h5//' "$dir/t.yaml" >"$dir/untested.yaml"
alone run "$dir/untested.yaml" -q --set stop.metric=loss --set stop.at=0.5
refused "a metric of test rows without any is refused" 2 'stop.metric=loss: .*without data.test'
alone run "$dir/t.yaml" -q --set clients.count=5
refused "clients mean nothing here" 2 'clients'
alone run "$dir/t.yaml" -q --set optimizer.kind=sgd --set optimizer.lr=1e30 --set optimizer.clip=0
refused "a diverging run names its step" 2 'step [0-9]+ of 48: .*not finite'
finish
