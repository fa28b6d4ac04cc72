#!/bin/sh
# The ease job as a user meets it: one digest on any ranks, items of a user's taste are found, test users
# who were never seen, stars with a threshold, and the refusals of what is no rating.
. "$srcdir/tests/jobs/common.sh"
# Users of 8 tastes among 120 items; a few likes are of anything. Sparse lines: label index:rating ...
users() { awk -v n="$1" -v s="$2" -v stars="$3" 'function u() { s = (s * 1103515245 + 12345) % 2147483648; return s / 2147483648 }
BEGIN { for (i = 0; i < n; i++) { printf "0"
  for (j = 1; j <= 120; j++) if (u() < (j % 8 == i % 8 ? 0.6 : 0.03)) printf " %d:%d", j, stars ? 4 : 1
    else if (stars && u() < 0.2) printf " %d:2", j
  printf "\n" } }'; }
users 900 7 0 >"$dir/u.svm"
users 200 9 0 >"$dir/t.svm"
users 900 7 1 >"$dir/s.svm"
for f in u t s; do alone import libsvm "$dir/$f.svm" --features 120 -o "$dir/$f.h5"; done
cat >"$dir/e.yaml" <<Y
job: ease
seed: 3
data: {train: $dir/u.h5}
ease: {lambda: 50}
Y
alone run "$dir/e.yaml" -q --set output.run="$dir/e.1.h5"
want=$(field digest) whole=$want
ended 0 && [ "$(field users)" = 900 ] && [ "$(field items)" = 120 ] && [ "$(field judged_users)" = 900 ] &&
  echo "$(field recall_20) $(field ndcg_100)" | awk '{ exit !($1 > 0.7 && $2 > 0.5 && $1 < 1 && $2 < 1) }'
result "of what is held out $(field recall_20) is recommended, gain $(field ndcg_100)" $?
for p in 3; do
  ranks $p run "$dir/e.yaml" -q --set output.run="$dir/e.$p.h5"
  ended 0 && [ "$(field digest)" = "$want" ]
  result "the digest on $p ranks is $(field digest), on one $want" $?
done
alone run "$dir/e.yaml" -q --set data.test="$dir/t.h5" --set output.run="$dir/t.1.h5"
want=$(field digest) tested=$want
ended 0 && [ "$(field judged_users)" = 200 ] && echo "$(field recall_20)" | awk '{ exit !($1 > 0.7 && $1 < 1) }'
result "of users who were not seen $(field recall_20)" $?
ranks 3 run "$dir/e.yaml" -q --set data.test="$dir/t.h5" --set output.run="$dir/t.3.h5"
ended 0 && [ "$(field digest)" = "$want" ]
result "with the same digest on 3 ranks" $?
alone run "$dir/e.yaml" -q --set ease.holdout=0 --set output.run="$dir/n.h5"
ended 0 && [ -z "$(field recall_20)" ] && [ "$(field held_out)" = 0 ]
result "nothing is held out where nobody is judged" $?
alone run "$dir/e.yaml" -q --set data.train="$dir/s.h5" --set ease.threshold=4 --set output.run="$dir/s.1.h5"
ended 0 && [ "$(field judged_users)" = 900 ]
result "stars become likes from a threshold on" $?

# The same users as sparse rows.
for f in u t; do
  alone import libsvm "$dir/$f.svm" --features 120 --sparse -o "$dir/$f.sparse.h5"
  ended 0 && [ "$(field entries)" -gt 0 ]
  result "sparse rows are imported, $(field entries) entries" $?
done
for p in 1 2 7; do
  ranks $p run "$dir/e.yaml" -q --set data.train="$dir/u.sparse.h5" --set output.run="$dir/p.$p.h5"
  ended 0 && [ -n "$whole" ] && [ "$(field digest)" = "$whole" ]
  result "sparse rows have the digest of whole ones on $p ranks" $?
done
for k in "u.sparse t.sparse" "u t.sparse"; do
  ranks 2 run "$dir/e.yaml" -q --set data.train="$dir/${k% *}.h5" --set data.test="$dir/${k#* }.h5" --set output.run="$dir/m.h5"
  ended 0 && [ -n "$tested" ] && [ "$(field digest)" = "$tested" ]
  result "users of $k, of which some are sparse: the same digest" $?
done
cp "$dir/u.h5" "$dir/keep.h5" && cp "$dir/u.sparse.h5" "$dir/u.h5"
alone run "$dir/e.yaml" -q --resume --set output.run="$dir/t.1.h5" --set data.test="$dir/t.h5"
ended 0 && [ "$(field digest)" = "$tested" ]
result "a finished run knows its users in either form" $?
cp "$dir/keep.h5" "$dir/u.h5"
awk 'BEGIN { print "user,item,rating" } { for (j = 2; j <= NF; j++) { split($j, e, ":"); printf "%d,%d,%s\n", NR + 5000, e[1] + 1000, e[2] } }' "$dir/s.svm" >"$dir/r.csv"
alone import ratings "$dir/r.csv" -o "$dir/r.h5"
ended 0 && [ "$(field rows)" = 900 ] && [ "$(field row_elements)" = 120 ]
result "a list of ratings has $(field rows) users and $(field row_elements) items" $?
alone run "$dir/e.yaml" -q --set data.train="$dir/s.h5" --set ease.threshold=4 --set output.run="$dir/r.w.h5"
want=$(field digest)
alone run "$dir/e.yaml" -q --set data.train="$dir/r.h5" --set ease.threshold=4 --set output.run="$dir/r.r.h5"
ended 0 && [ -n "$want" ] && [ "$(field digest)" = "$want" ]
result "and says what whole rows of stars say" $?
alone run "$dir/e.yaml" --dry-run --set data.train="$dir/u.sparse.h5"
ended 0 && [ "$(field entries)" -gt 0 ] && [ "$(field rank_bytes)" -gt 0 ]
result "$(field entries) entries need $(field rank_bytes) bytes" $?
alone run "$dir/e.yaml" -q --set data.train="$dir/u.sparse.h5" --set resources.memory="$(field rank_bytes | awk '{ printf "%.4f", $1 / 2^30 - 0.01 }')" --set output.run="$dir/x.h5"
refused "more than memory holds" 1 'the ease job needs at least .* for 120 features'
alone run "$dir/e.yaml" -q --set data.train="$dir/r.h5" --set output.run="$dir/x.h5"
refused "sparse stars without a threshold" 2 'for item [0-9]+ is [24]: without ease.threshold'
head -c 20000 "$dir/u.sparse.h5" >"$dir/cut.h5"
ranks 2 run "$dir/e.yaml" -q --set data.train="$dir/cut.h5" --set output.run="$dir/x.h5"
refused "sparse rows that were cut off" 2 'cut.h5: is truncated'
alone import ratings "$dir/r.csv" --task regression -o "$dir/x.h5"
refused "a task for ratings" 2 'option --task means nothing to format ratings'

alone run "$dir/e.yaml" -q --set data.train="$dir/s.h5" --set output.run="$dir/x.h5"
refused "stars without a threshold" 2 'for item [0-9]+ is [24]: without ease.threshold'
sed '5s/1:1/1:-1/;5s/ / 1:-1 /' "$dir/u.svm" | sed '5s/ 1:1 / /' >"$dir/b.svm"
alone import libsvm "$dir/b.svm" --features 120 -o "$dir/b.h5"
alone run "$dir/e.yaml" -q --set data.train="$dir/b.h5" --set output.run="$dir/x.h5"
refused "a negative rating" 2 'the rating of user 4 for item 0 is -1'
awk '{ printf "%s 121:1 122:1\n", $0 }' "$dir/u.svm" >"$dir/d.svm"
alone import libsvm "$dir/d.svm" -o "$dir/d.h5"
alone run "$dir/e.yaml" -q --set data.train="$dir/d.h5" --set ease.lambda=0 --set ease.holdout=0 --set output.run="$dir/x.h5"
refused "two items that are always liked together, without a ridge" 2 'singular at ease.lambda 0: give more'
alone run "$dir/e.yaml" -q --set data.test="$dir/t.h5" --set ease.holdout=0
refused "test users without items held out" 2 'nothing to judge by'
[ ! -e "$dir/x.h5" ]
result "a run that is refused leaves no file" $?
finish
