#!/bin/sh
# The pca job as a user meets it: one digest on any ranks, what is left of rows of low rank, other rows,
# features in place of rows, and the refusals of what cannot be. And kernel features of the analytic job, and naive
# Bayes on the same rows.
. "$srcdir/tests/jobs/common.sh"
# Two directions in 6 columns, of which the last has noise of its own; the class is the first's sign.
rows() { awk -v n="$1" -v s="$2" 'function u() { s = (s * 1103515245 + 12345) % 2147483648; return s / 2147483648 - 0.5 }
BEGIN { for (i = 0; i < n; i++) { a = 8 * u(); b = 4 * u()
  printf "%d,%g,%g,%g,%g,%g,%g\n", (a * a > 4 ? 1 : 0), 5 + a, b, a + b, a - b, 2 * a, 0.1 * u() } }'; }
rows 1500 7 >"$dir/r.csv"
rows 300 8 >"$dir/t.csv"
for f in r t; do alone import csv "$dir/$f.csv" -o "$dir/$f.h5" --label-column 0 --no-header; done
cat >"$dir/p.yaml" <<Y
job: pca
seed: 3
data: {train: $dir/r.h5, test: $dir/t.h5}
pca: {components: 2}
Y
for method in gram randomised; do
  alone run "$dir/p.yaml" -q --set pca.method=$method --set output.run="$dir/$method.1.h5"
  want=$(field digest)
  ended 0 && [ -n "$want" ] && [ "$(field components)" = 2 ] &&
    echo "$(field residual) $(field test_residual) $(field orthogonality) $(field explained)" |
    awk '{ exit !($1 < 0.01 && $1 > 0.001 && $2 < 0.01 && $3 < 1e-14 && $4 > 0.9999) }'
  result "$method: two components leave $(field residual) of the rows, $(field test_residual) of others" $?
  for p in 3; do
    ranks $p run "$dir/p.yaml" -q --set pca.method=$method --set output.run="$dir/$method.$p.h5"
    ended 0 && [ "$(field digest)" = "$want" ]
    result "$method: the digest on $p ranks is $(field digest), on one $want" $?
  done
done
alone run "$dir/p.yaml" -q --set pca.components=6 --set output.run="$dir/all.h5"
ended 0 && echo "$(field residual)" | awk '{ exit !($1 < 1e-14) }'
result "all components leave $(field residual)" $?
alone run "$dir/p.yaml" -q --set features.kind=fourier --set features.count=80 --set features.bandwidth=4 \
  --set features.orthogonal=true --set pca.components=10 --set output.run="$dir/f.h5"
ended 0 && [ "$(field features)" = 80 ]
result "features are decomposed like rows" $?
alone run "$dir/p.yaml" --dry-run
ended 0 && said 'rank_bytes'
result "a dry run says what it needs" $?

alone run "$dir/p.yaml" -q --set pca.components=7
refused "more components than columns" 2 'choose 1 to 6'
alone run "$dir/p.yaml" -q --set pca.power=2
refused "iterations of the exact method" 2 'only pca.method: randomised'
alone run "$dir/p.yaml" -q --set pca.method=randomised --set reduce=fast
refused "fast sums of the other" 2 'reduce'

# Kernel ridge by features: the class is a function of |a| that no linear model of the rows has.
cat >"$dir/k.yaml" <<Y
job: analytic
seed: 3
data: {train: $dir/r.h5, test: $dir/t.h5}
clients: {count: 5}
analytic: {ridge: 0.01}
Y
alone run "$dir/k.yaml" -q --set features.kind=identity --set output.run="$dir/lin.h5"
linear=$(field accuracy)
for map in "fourier --set features.count=200 --set features.bandwidth=4 --set features.orthogonal=true" \
  "nystrom --set features.count=60 --set features.bandwidth=4"; do
  # shellcheck disable=SC2086
  set -- -q --set features.kind=$map
  alone run "$dir/k.yaml" "$@" --set output.run="$dir/k.1.h5"
  want=$(field digest)
  ended 0 && echo "$linear $(field accuracy)" | awk '{ exit !($1 < 0.8 && $2 > 0.95) }'
  result "${map%% *}: accuracy $(field accuracy), of the rows themselves $linear" $?
  ranks 3 run "$dir/k.yaml" "$@" --set output.run="$dir/k.3.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "${map%% *}: the digest on 3 ranks is $(field digest), on one $want" $?
done
sed 's/analytic$/naive_bayes/;/clients/d;/ridge/d' "$dir/k.yaml" >"$dir/b.yaml"
alone run "$dir/b.yaml" -q --set output.run="$dir/b.1.h5"
want=$(field digest)
ranks 3 run "$dir/b.yaml" -q --set output.run="$dir/b.3.h5"
ended 0 && [ -n "$want" ] && [ "$(field digest)" = "$want" ] && echo "$(field accuracy)" | awk '{ exit !($1 > 0.9) }'
result "naive Bayes: accuracy $(field accuracy), digest $(field digest) on 3 ranks, on one $want" $?
alone run "$dir/b.yaml" -q --set naive_bayes.kind=multinomial --set output.run="$dir/b.m.h5"
refused "what is no count" 2 'has a negative feature'
alone predict "$dir/k.1.h5" "$dir/t.h5" -o "$dir/out.h5"
ended 0
result "a run with landmarks predicts" $?
alone run "$dir/k.yaml" -q --set features.kind=nystrom --set features.count=2000 --set features.bandwidth=4
refused "more landmarks than rows" 2 'only 1500 training rows'
alone run "$dir/k.yaml" -q --set features.kind=nystrom
refused "no length scale" 2 'features.bandwidth'
finish
