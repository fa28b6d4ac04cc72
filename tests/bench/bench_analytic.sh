#!/bin/sh
# Scattering of a few hundred images beside numpy in the same run, on as many processes as ranks
# (scattering_numpy.py), with the same images, whose features must be the same but for rounding.
#
#   bench_analytic.sh RANKS
#
# Environment: builddir, srcdir, MPIRUN; SCATTERING_PYTHON, a Python that has numpy and, if it shall
# be used, scipy (default: python3, or else /usr/bin/python3).
set -u
ranks=${1:-2}
: "${builddir:=.}" "${srcdir:=.}" "${MPIRUN:=mpirun}"
images=400 # a process
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT

for python in "${SCATTERING_PYTHON:-}" python3 /usr/bin/python3 ''; do
  [ -z "$python" ] || ! "$python" -c 'import numpy' >/dev/null 2>&1 || break
done
if [ -z "$python" ]; then
  echo "scattering_numpy_p$ranks  ours not measured (no numpy here to compare with: set SCATTERING_PYTHON)"
  exit 0
fi
# Every rank takes the images of one process; files of all ranks are alike.
i=0
set --
while [ $i -lt "$ranks" ]; do
  [ $i -eq 0 ] || set -- "$@" :
  set -- "$@" -np 1 "$builddir/tests/bench/bench_analytic" write "$here/$i" $images
  i=$((i + 1))
done
$MPIRUN --oversubscribe "$@" >"$here/ours" 2>&1 </dev/null || { cat "$here/ours"; exit 1; }
OPENBLAS_NUM_THREADS=1 "$python" "$srcdir/tests/bench/scattering_numpy.py" "$here/0" $images "$ranks" \
  >"$here/peer" 2>&1 </dev/null || { tail -n 20 "$here/peer"; exit 1; }
cat "$here/ours" "$here/peer" | awk -v n=$images -v p="$ranks" '
  $1 == "scattering_seconds" { if ($2 > ours) ours = $2 }
  $1 == "difference" { difference = $2 }
  $1 == "peer_seconds" { peer = $2; library = $3; for (i = 4; i <= NF; i++) library = library " " $i }
  END {
    if (ours == 0 || difference == "" || difference + 0 > 1e-5) {
      print "features differ from those of numpy by " difference; exit 1
    }
    ours /= n * p; peer /= n
    printf "scattering_numpy_p%d  ours %.4f ms  peer %.3f ms (%s, %d processes; an image)  ratio %.0fx\n",
           p, 1e3 * ours, 1e3 * peer, library, p, peer / ours
  }'
