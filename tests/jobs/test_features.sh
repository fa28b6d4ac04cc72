#!/bin/sh
# Feature maps in experiments: joined maps and the stacked one have the same digest on any number of ranks, and their run
# files rebuild them; saved features are the joined ones; other jobs read them; what cannot be is refused in one line.
. "$srcdir/tests/jobs/common.sh"

# 300 images of 12 x 12 in three classes: a bright bar and noise.
awk -v labels="$dir/l.txt" 'BEGIN { s = 12345
  for (i = 0; i < 300; i++) { c = i % 3; printf "\\%03o\n", c >labels
    for (p = 0; p < 144; p++) { s = (s * 1103515245 + 12345) % 2147483648
      v = int(s / 65536) % 160; if (int(p / 24) == 2 * c) v += 60
      printf "\\%03o", v }
    printf "\n" } }' >"$dir/i.txt"
bytes() { while read -r line; do printf "$line"; done <"$1"; } # lines of octal escapes
{ printf '\000\000\010\003\000\000\001\054\000\000\000\014\000\000\000\014'; bytes "$dir/i.txt"; } >"$dir/i"
{ printf '\000\000\010\001\000\000\001\054'; bytes "$dir/l.txt"; } >"$dir/l"
alone import idx "$dir/i" "$dir/l" -o "$dir/bars.h5"
ended 0 && said '300 rows of 12 x 12, 3 classes'; result "import of the bars" $?

cat >"$dir/joined.yaml" <<'Y'
job: analytic
seed: 3
data: {train: bars.h5, test: bars.h5}
clients: {count: 20, partition: dirichlet, alpha: 0.1}
features: {kind: conv, filters: 6, patch: 4, grid: 2, join: [scattering, relu], angles: 2, count: 30}
analytic: {ridge: 1}
Y
sed 's/^features:.*/features: {kind: conv_stack, filters: 6, patch: 4, pool: 5, fields: 3, field_maps: 4, second_filters: 5, grid: 2}/' \
  "$dir/joined.yaml" >"$dir/stack.yaml"

for e in joined stack; do
  ranks 1 run "$dir/$e.yaml" -q --set output.run="$dir/$e.1.h5"
  want=$(field digest) accuracy=$(field accuracy) loss=$(field loss)
  ended 0 && [ -n "$want" ]; result "$e runs (got $code)" $?
  ranks 3 run "$dir/$e.yaml" -q --set output.run="$dir/$e.3.h5"
  ended 0 && [ "$(field digest)" = "$want" ]; result "$e has the same digest on 3 ranks" $?
  for p in 1 3; do
    ranks $p predict "$dir/$e.3.h5" "$dir/bars.h5" -o "$dir/$e.p$p.h5"
    ended 0 && [ "$(field accuracy)" = "$accuracy" ] && [ "$(field loss)" = "$loss" ]
    result "$e predicts on $p ranks with the figures of the run" $?
  done
  cmp -s "$dir/$e.p1.h5" "$dir/$e.p3.h5"; result "$e: one file of predictions" $?
done

# 2 * 4 * 6 of conv, 9 maps of 3 x 3 of scattering, 30 of relu; every client is sent conv's and relu's arrays.
alone run "$dir/joined.yaml" -q --dry-run
ended 0 && [ "$(field features)" = 159 ]; result "the widths of joined maps add up" $?
down=$(field setup_downlink_bytes) clients=$(field clients_with_rows)
[ "$down" = $((clients * (4 * (96 + 6 + 1) + 4 * (144 * 30 + 30) + 4 * (159 + 3)))) ]
result "a joined map's arrays are counted: $down bytes to $clients clients" $?

# Features through a file.
ranks 2 run "$dir/joined.yaml" -q --set features.save_train="$dir/f.h5" --set output.run="$dir/save.h5"
loss=$(field train_loss)
alone inspect "$dir/f.h5"
ended 0 && said 'conv \+ scattering \+ relu'; result "a feature file tells of all its maps" $?
sed -e 's/^data:.*/data: {train: f.h5}/' -e 's/^features:.*//' "$dir/joined.yaml" >"$dir/saved.yaml"
alone run "$dir/saved.yaml" -q --set output.run="$dir/again.h5"
ended 0 && [ -n "$loss" ] && [ "$(field train_loss)" = "$loss" ]
result "the training loss through a file of joined features: $(field train_loss), direct $loss" $?

# Another job, and a map that keeps nothing of rows.
cat >"$dir/sgd.yaml" <<'Y'
job: federated
data: {train: bars.h5, test: bars.h5}
clients: {count: 5, partition: iid}
features: {kind: relu, join: [fourier], count: 20, bandwidth: 6}
model: {kind: softmax}
optimizer: {lr: 0.1}
method: {rounds: 1, local_epochs: 1}
output: {checkpoint: {every_rounds: 0}}
Y
ranks 2 run "$dir/sgd.yaml" -q --set output.run="$dir/sgd.h5"
ended 0 && ranks 2 predict "$dir/sgd.h5" "$dir/bars.h5" -o "$dir/sgd.p.h5" && ended 0
result "a federated run has joined features, and its model predicts" $?
ranks 2 run "$dir/joined.yaml" -q --set features.kind=relu --set features.join=[scattering] \
  --set clients.without=[1,2] --set output.run="$dir/without.h5"
ended 0; result "clients leave a run whose joined maps keep nothing of rows" $?

refuse() { # SENTENCE, PATTERN, SETTINGS...
  sentence=$1 pattern=$2
  shift 2
  for s in "$@"; do set -- "$@" --set "$s"; shift; done
  alone run "$dir/joined.yaml" -q "$@" --set output.run="$dir/no.h5"
  refused "$sentence" 2 "$pattern"
}
refuse "a map is not joined to itself" 'features.join names conv, which is there already' 'features.join=[conv]'
refuse "nor a misspelt one to anything" 'entry 1: found "scatering".*did you mean scattering' \
  'features.join=[scatering]'
refuse "joined maps have their own keys" 'scattering needs images of at least|features.angles' features.angles=0
refuse "keys of a map that is not there" 'pool.*means nothing to features.kind: conv; .*features.join: .conv_stack. beside' \
  features.pool=4
refuse "clients leave no map that was fitted on their rows" 'fitted on rows of all clients' 'clients.without=[1]'
sed -i 's/pool: 5/pool: 10/' "$dir/stack.yaml"
alone run "$dir/stack.yaml" -q --set output.run="$dir/no.h5"
refused "cells between layers that the image lacks" 2 'features.pool is 10; choose a value from 1 to 9'
[ ! -e "$dir/no.h5" ]; result "nothing is left of what was refused" $?
finish
