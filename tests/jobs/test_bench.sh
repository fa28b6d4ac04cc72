#!/bin/sh
# `muster bench`: its rows on one rank and on three, the last line, what is refused, two results side by
# side, and a disk that is full. Sizes are tiny: that figures are right is not looked at, but that
# they fit together.
. "$srcdir/tests/jobs/common.sh"
quick="--seconds 0.01 --size 1 --dir $dir"

# No figure of a row contradicts another: rate / limit is ratio, nothing is zero or negative.
sound() {
  tail -n 1 "$dir/out" | tr '{' '\n' | grep '"seconds"' | awk '
    function value(k,   s) { s = $0; if (!sub(".*\"" k "\": ", "", s)) return ""; sub(/[,}].*/, "", s); return s + 0 } # a number
    { n++
      if (!(value("seconds") > 0 && value("rate") > 0 && value("repeats") >= 1)) bad = 1
      if (/"limit": /) { r = value("rate") / value("limit") / value("ratio")
        if (!(r > 0.999999 && r < 1.000001)) bad = 1 } }
    END { exit bad || n == 0 }'
}
rows() { tail -n 1 "$dir/out" | grep -o '"name"' | wc -l; }

# shellcheck disable=SC2086
alone bench $quick -o "$dir/one.json"
ended 0 && [ "$(rows)" -eq 9 ] && sound; result "nine rows on one rank (got $code, $(rows))" $?
said '^memory_triad_one ' && said '^file_read ' && said '^left out: sums: .*2 ranks'
result "sums are left out there, and it is said" $?
last_line '^\{"bench": "muster", .*"ranks": 1, .*"skipped": "sums'; result "the last line is the result" $?
[ "$(cat "$dir/one.json")" = "$(tail -n 1 "$dir/out")" ]; result "the file holds it" $?
[ -z "$(ls -A "$dir" | grep -i 'muster-bench')" ]; result "no file of the benchmark is left" $?
cp "$dir/out" "$dir/saved.out"

# shellcheck disable=SC2086
ranks 3 bench --json $quick -o "$dir/three.json"
ended 0 && [ "$(wc -l <"$dir/out")" -eq 1 ] && sound; result "--json is one line, from one rank (got $code)" $?
# 9 of one rank, 7 more of all, 4 collectives of 4 KiB, 64 KiB and 1 MiB
[ "$(rows)" -eq 28 ]; result "28 rows on three ranks (got $(rows))" $?
for row in dgemm_all sum_lattice_4KiB sum_fast_64KiB sum_scatter_1MiB gather_all_1MiB file_write; do
  grep -q "\"name\": \"$row\", \"ranks\": 3, " "$dir/out"; result "row $row is of three ranks" $?
done
if command -v python3 >/dev/null 2>&1; then
  python3 -m json.tool "$dir/three.json" >/dev/null; result "the result is JSON to others too" $?
else
  skip "no python3: the result is only read by muster itself"
fi

# shellcheck disable=SC2086
alone bench fma memory_copy $quick
ended 0 && [ "$(rows)" -le 2 ] && said '^memory_copy_one' && ! said '^dgemm'
result "only what is named" $?

alone bench --compare "$dir/one.json" "$dir/three.json"
ended 0 && said '^dgemm_one .* [0-9.]+x' && said '^sum_fast_4KiB +- ' &&
  last_line '^\{"compare": \[.*"name": "dgemm_one", "a": [0-9.]+, "b": [0-9.]+, "ratio": '
result "two results side by side (got $code)" $?
ranks 3 bench --compare "$dir/one.json" "$dir/one.json"
ended 0 && [ "$(grep -c '^dgemm_one .* 1\.00x' "$dir/out")" -eq 1 ]
result "a result is like itself, told once by three ranks" $?
alone bench --compare "$dir/saved.out" "$dir/one.json"
ended 0 && said '^syrk_one .* 1\.00x'; result "a saved output will do" $?

sed 's/"busy": [0-9.]*/"busy": 0.42/g' "$dir/one.json" >"$dir/busy.json"
sed 's/"busy": [0-9.]*/"busy": 1.0/g' "$dir/one.json" >"$dir/idle.json"
alone bench --compare "$dir/idle.json" "$dir/busy.json"
ended 0 && said '^dgemm_one .*b DISTURBED$' && ! said 'a DISTURBED|both'; result "a disturbed row is marked" $?

# shellcheck disable=SC2086
ranks 3 bench dgem $quick
refused "a misspelt name" 2 "no benchmark 'dgem'; the nearest is dgemm"
alone bench --seconds 0
refused "no time" 2 'more than 0'
alone bench --size 0
refused "no size" 2 'size'
alone bench --secnds 1
refused "an unknown option" 2 'nearest is --seconds'
ranks 2 bench fma --dir "$dir/nowhere"
refused "a folder that is not there" 2 'nowhere'
alone bench fma -o "$dir/x.h5"
refused "a result is no HDF5 file" 2 'FILE\.json'
echo mine >"$dir/mine.txt"
ranks 2 bench fma -o "$dir/mine.txt"
refused "somebody's file is not replaced" 2 'mine\.txt exists'
alone bench --compare "$dir/one.json"
refused "one result is not two" 2 'two result files'
alone bench --compare "$dir/one.json" "$dir/mine.txt"
refused "a file that is no result" 2 'mine\.txt.*no result'
alone bench --compare "$dir/one.json" "$dir/nothing.json"
refused "a result that is not there" 2 'nothing\.json'

# Memory that one rank lacks, at each of the first allocations: one message, and nobody waits.
for n in 1 6; do
  MUSTER_FAIL_ALLOCATION=1:$n
  export MUSTER_FAIL_ALLOCATION
  # shellcheck disable=SC2086
  ranks 3 bench sum_fast $quick
  unset MUSTER_FAIL_ALLOCATION
  ended 1 && once && complained 'rank 1'; result "allocation $n fails on one rank (got $code)" $?
done

# A disk without room for the files: their row and one message say so, the other rows are there.
mkdir "$dir/disk"
if mount -t tmpfs -o size=1m tmpfs "$dir/disk" 2>/dev/null; then
  ranks 2 bench fma memory_read files sum_fast --seconds 0.01 --size 1 --dir "$dir/disk" -o "$dir/full.json"
  ended 1 && once && complained 'free|space'; result "a full disk is told once (got $code)" $?
  said '^files +failed: ' && said '^sum_fast_1MiB ' && said '^memory_read_all '
  result "and the rest of the table is there" $?
  last_line '"name": "files", "error": "' && [ -s "$dir/full.json" ]; result "and the result" $?
  [ -z "$(ls -A "$dir/disk")" ]; result "and nothing is left on the disk" $?
  umount "$dir/disk"
else
  skip "no tmpfs can be mounted: a full disk"
fi
finish
