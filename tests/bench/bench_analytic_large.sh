#!/bin/sh
# A whole run at 20,000 features: the test images as training rows, random ReLU features. What it
# took of memory on a rank beside what --dry-run states, and its seconds. Heavy (minutes, 6 GB on
# two ranks), so run.sh takes it only when its filter says "large".
#
#   bench_analytic_large.sh RANKS
#
# Environment: builddir, srcdir, MPIRUN; FASHION_MNIST, the folder of its IDX files; BENCH_FEATURES
# (20000).
set -u
ranks=${1:-2}
: "${builddir:=.}" "${srcdir:=.}" "${MPIRUN:=mpirun}" "${BENCH_FEATURES:=20000}"
: "${FASHION_MNIST:=/usr/share/datasets/fashion-mnist}"
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
name=analytic_${BENCH_FEATURES}

if ! "$builddir/muster" import fashion-mnist --from "$FASHION_MNIST" -o "$here" >/dev/null 2>&1; then
  echo "${name}_memory_p$ranks  ours not measured (no Fashion-MNIST in $FASHION_MNIST)"
  exit 0
fi
run() {
  $MPIRUN --oversubscribe -np "$ranks" "$builddir/muster" run "$srcdir/examples/analytic_fashion.yaml" \
    --set data.train="$here/fashion-test.h5" --set data.test="$here/fashion-test.h5" \
    --set features.kind=relu --set features.count="$BENCH_FEATURES" --set output.run="$here/run.h5" "$@" \
    >"$here/out" 2>"$here/errors" </dev/null || { cat "$here/errors"; exit 1; }
}
figure() { "$builddir/muster" inspect "$here/run.h5" | awk -v name="$1" '$1 == name { value = $2 } END { print value }'; }
run --dry-run
stated=$(sed -n 's/.*"rank_bytes": \([0-9]*\).*/\1/p' "$here/out" | tail -n 1)
run
awk -v peak="$(figure peak_bytes)" -v stated="$stated" -v s="$(figure seconds)" -v p="$ranks" -v name="$name" 'BEGIN {
  printf "%s_memory_p%d  ours %.2f GB  limit %.2f GB (--dry-run, a rank)  ratio %.2fx\n",
         name, p, peak / 1e9, stated / 1e9, stated / peak
  printf "%s_p%d  ours %.1f s (nothing to compare with)\n", name, p, s }'
