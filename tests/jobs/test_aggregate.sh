#!/bin/sh
# `muster aggregate`: NumPy and HDF5 files of vectors, the same bytes on any number of ranks, what the
# last line says, and what is refused. And the program in examples/.
. "$srcdir/tests/jobs/common.sh"

# FILE SHAPE: the header of an NPY file of '<f4' or '<f8' elements (third argument).
npy_header() {
  text="{'descr': '$3', 'fortran_order': ${4:-False}, 'shape': ($2), }"
  printf '\223NUMPY\001\000\166\000' >"$1"
  printf '%-117s\n' "$text" >>"$1"
}
golden=$srcdir/tests/core/golden/byzantine
npy_header "$dir/v.npy" "20, 1000" "<f4"
cat "$golden/inputs.f32" >>"$dir/v.npy"
npy_header "$dir/clipped.npy" "20, 1000" "<f8"
cat "$golden/Clipping_c2.f64" >>"$dir/clipped.npy"
# Row $2 of the vectors as a vector of its own.
npy_row() {
  npy_header "$1" "1000," "<f4"
  tail -c 80000 "$dir/v.npy" | tail -c +$(($2 * 4000 + 1)) | head -c 4000 >>"$1"
}
npy_row "$dir/row3.npy" 3
npy_header "$dir/ones.npy" "20," "<f8"
for _ in $(seq 20); do printf '\000\000\000\000\000\000\360\077' >>"$dir/ones.npy"; done
# One entry of vector 7 is a NaN.
cp "$dir/v.npy" "$dir/nan.npy"
printf '\000\000\300\177' | dd of="$dir/nan.npy" bs=1 seek=$((128 + 7 * 4000 + 40)) conv=notrunc 2>/dev/null

# OPTIONS...: the same bytes on 1, 2 and 3 ranks, with a full last line.
agrees() {
  name=$1
  shift
  for p in 1 2 3; do
    ranks $p aggregate "$@" -o "$dir/$name.$p.npy"
    ended 0 && last_line '^\{"vectors": .*"n": 20, "d": 1000, .*"digest": "[0-9a-f]{64}".*\}$'
    result "$name on $p ranks (got $code)" $?
    [ $p -eq 1 ] && digest=$(field digest)
    cmp -s "$dir/$name.1.npy" "$dir/$name.$p.npy" && [ "$(field digest)" = "$digest" ]
    result "$name: the same bytes on 1 and $p ranks" $?
  done
}
agrees krum "$dir/v.npy" --rule krum --byzantine 4
said '"chosen": \[[0-9]+\], "weights": \['; result "krum chooses one vector" $?
chosen=$(sed -n 's/.*"chosen": \[\([0-9]*\)\].*/\1/p' "$dir/out")
npy_row "$dir/chosen.npy" "${chosen:-0}"
cmp -s "$dir/krum.1.npy" "$dir/chosen.npy"; result "which is the file's own bytes, header and all" $?
agrees median "$dir/v.npy" -r median -f 4
said '"weights"'; [ $? -ne 0 ]; result "a rule over columns has no weights" $?
agrees mixed "$dir/v.npy" -r trimmed_mean -f 4 --pre clipping --pre nnm --option clipping.bound=5
agrees wide "$dir/clipped.npy" -r geometric_median -f 4 --option iterations=8
said '"type": "float64"' && [ "$(wc -c <"$dir/wide.1.npy")" -eq 8128 ]
result "float64 in, float64 out" $?
agrees nan "$dir/nan.npy" -r krum -f 4
said '"excluded": 1, .*"excluded_rows": \[7\]' && said 'left out +1$'
result "a vector with a NaN is left out and named" $?
agrees trust "$dir/v.npy" -r fltrust -f 4 --root "$dir/row3.npy"
said '"chosen": \[[0-9, ]*3[],]'; result "fltrust trusts the vector that is the trusted one" $?
agrees weighted "$dir/v.npy" -r mean -f 4 --weights "$dir/ones.npy"
alone aggregate "$dir/v.npy" -r mean -f 4 -o "$dir/mean.npy"
cmp -s "$dir/weighted.1.npy" "$dir/mean.npy"; result "weights of 1 are no weights" $?
alone aggregate "$dir/v.npy" -r centered_clipping -f 4 --previous "$dir/krum.1.npy" -o "$dir/krum.1.npy"
ended 2 && complained 'same file'; result "the last result is not overwritten" $?
alone aggregate "$dir/v.npy" -r centered_clipping -f 4 --previous "$dir/krum.1.npy" -o "$dir/cc.npy"
ended 0 && ! cmp -s "$dir/cc.npy" "$dir/krum.1.npy"; result "but can be gone on from (got $code)" $?

# HDF5: a dataset is a file of vectors too, with the same result as the array it was made from.
alone import npy "$dir/v.npy" -o "$dir/v.h5"
ended 0; result "the vectors as a dataset (got $code)" $?
agrees dataset "$dir/v.h5" -r median -f 4
cmp -s "$dir/dataset.1.npy" "$dir/median.1.npy"; result "have the same median" $?

# What is refused.
npy_header "$dir/columns.npy" "20, 1000" "<f4" True; cat "$golden/inputs.f32" >>"$dir/columns.npy"
npy_header "$dir/int.npy" "20, 1000" "<i4"; cat "$golden/inputs.f32" >>"$dir/int.npy"
head -c 50000 "$dir/v.npy" >"$dir/short.npy"
gzip -c "$dir/v.npy" >"$dir/packed.npy"
npy_header "$dir/many.npy" "5000, 4" "<f4"; cat "$golden/inputs.f32" >>"$dir/many.npy"
printf 'x' >"$dir/mine.txt"; cp "$dir/mine.txt" "$dir/text.npy"
"$bad_dataset" no_x "$dir/no_x.h5"
check() { # SENTENCE PATTERN ARGUMENTS...
  sentence=$1 pattern=$2
  shift 2
  ranks 2 aggregate "$@" -o "$dir/out.npy"
  refused "$sentence" 2 "$pattern"
  nothing_of "$dir/out.npy"; result "$sentence: no file is left" $?
}
check "no file" 'needs a file of vectors' -r krum -f 4
check "no rule" 'needs a rule' "$dir/v.npy" -f 4
check "no f" 'needs the most vectors' "$dir/v.npy" -r krum
check "two files" "follows" "$dir/v.npy" "$dir/v.npy" -r krum -f 4
check "an unknown rule" "krumm.*is unknown.*nearest is krum" "$dir/v.npy" -r krumm -f 4
check "an unknown mixer" "nmm.*is unknown" "$dir/v.npy" -r krum -f 4 --pre nmm
check "an unknown option" 'nearest is --byzantine' "$dir/v.npy" -r krum --byzantin 4
check "a setting that the rule lacks" "krum has no setting 'nu'; it has neighbours" "$dir/v.npy" -r krum -f 4 --option nu=1
check "a setting without a value" "is not NAME=VALUE" "$dir/v.npy" -r krum -f 4 --option neighbours
check "a setting of another word" "others.published" "$dir/v.npy" -r krum -f 4 --option neighbours=some
check "a setting that is no number" "a number is needed" "$dir/v.npy" -r geometric_median -f 4 --option nu=small
check "a setting of nobody" "neither the rule nor a mixer" "$dir/v.npy" -r krum -f 4 --option nnm.size=2
check "a setting out of range" "aggregate.nu is" "$dir/v.npy" -r geometric_median -f 4 --option nu=-1
check "too large an f" 'needs at least [0-9]+ vectors, there are 20' "$dir/v.npy" -r krum -f 12
check "an f that is no number" 'is not an integer' "$dir/v.npy" -r krum -f some
check "no trusted vector" 'needs a trusted vector' "$dir/v.npy" -r fltrust -f 4
check "a trusted vector for nothing" 'takes no trusted vector' "$dir/v.npy" -r krum -f 4 --root "$dir/row3.npy"
check "a trusted vector of another length" 'the trusted vector has 1000' "$dir/v.npy" -r fltrust -f 4 --root "$dir/ones.npy"
check "weights for a rule that takes none" 'takes no weights' "$dir/v.npy" -r krum -f 4 --weights "$dir/ones.npy"
check "a missing file" 'nothing\.npy' "$dir/nothing.npy" -r krum -f 4
check "an array in Fortran order" 'column by column' "$dir/columns.npy" -r krum -f 4
check "an array of integers" 'integers' "$dir/int.npy" -r krum -f 4
check "an array cut short" 'truncated' "$dir/short.npy" -r krum -f 4
check "a packed array" 'gzip' "$dir/packed.npy" -r krum -f 4
check "too many vectors" 'a rule takes at most 4096' "$dir/many.npy" -r krum -f 4
check "a foreign file" 'neither an NPY file nor an HDF5 file' "$dir/text.npy" -r krum -f 4
check "an HDF5 file without /x" 'has no /x' "$dir/no_x.h5" -r krum -f 4
ranks 2 aggregate "$dir/v.npy" -r krum -f 4
refused "no output" 2 'needs the file to write'
ranks 2 aggregate "$dir/v.npy" -r krum -f 4 -o "$dir/v.npy"
refused "the vectors as output" 2 'same file'
ranks 2 aggregate "$dir/v.npy" -r krum -f 4 -o "$dir/mine.txt"
refused "somebody's file as output" 2 'mine\.txt exists'
ranks 2 aggregate "$dir/v.npy" -r krum -f 4 -o "$dir/no/out.npy"
refused "an output without a folder" 2 'folder'
[ "$(cat "$dir/mine.txt")" = x ]; result "somebody's file is as it was" $?

# Lists and help.
alone list rules
ended 0 && said '^krum ' && said '^geometric_median ' && said '^mean '; result "muster list rules" $?
alone list mixers
ended 0 && said '^nnm ' && said '^bucketing '; result "muster list mixers" $?
alone aggregate --help
ended 0 && said '^usage: muster aggregate' && said 'byzantine F'; result "muster aggregate --help" $?

# One rank's allocation fails: all end, with one message, and leave no file.
for n in 1 3 6 10 15 21 28 40; do
  MUSTER_FAIL_ALLOCATION=1:$n
  export MUSTER_FAIL_ALLOCATION
  ranks 2 aggregate "$dir/v.npy" -r krum -f 4 -o "$dir/fault.npy"
  unset MUSTER_FAIL_ALLOCATION
  { ended 1 && once && nothing_of "$dir/fault.npy"; } || { ended 0 && cmp -s "$dir/fault.npy" "$dir/chosen.npy"; }
  result "allocation $n of rank 1 fails: all end alike (got $code)" $?
  rm -f "$dir/fault.npy"
done

# The program in examples/: one hostile update of 3 a rank moves nothing far.
for p in 1 3; do
  timeout 120 $MPIRUN --oversubscribe -np $p "$builddir/examples/aggregate" >"$dir/out" 2>"$dir/err" </dev/null
  code=$?
  ended 0 && said "^$((3 * p)) updates, 0 left out; the middle entry is 0\.51[0-9]$"
  result "examples/aggregate on $p ranks (got $code)" $?
done
finish
