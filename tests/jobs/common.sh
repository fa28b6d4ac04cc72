# What the scripts that drive the command share. To be sourced; sets muster, dir, and counts.
# Environment: builddir, srcdir, MPIRUN, TEST_SCRATCH (as tests/run.sh sets them).
set -u
muster=$builddir/muster
bad_dataset=$builddir/tests/jobs/bad_dataset
dir=$(mktemp -d "${TEST_SCRATCH:-/tmp}/jobs.XXXXXX")
export TMPDIR="$dir" # Open MPI leaves an empty folder there when a signal ends a program at once
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0 skipped=0
unset XDG_DATA_HOME XDG_DATA_DIRS

result() { # sentence, exit code of its condition
  if [ "$2" -eq 0 ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $1"
    for f in out err; do [ ! -s "$dir/$f" ] || sed "s/^/    $f: /" "$dir/$f" | head -n 12; done
  fi
}
skip() { skipped=$((skipped + 1)); echo "skipped: $1"; }

# Run the command, alone or on ranks; standard output and error are kept, $code is the exit code.
alone() { timeout 120 "$muster" "$@" >"$dir/out" 2>"$dir/err" </dev/null; code=$?; }
ranks() {
  p=$1
  shift
  timeout 120 $MPIRUN --oversubscribe -np "$p" "$muster" "$@" >"$dir/out" 2>"$dir/err" </dev/null
  code=$?
}

# The last command ended with this code.
ended() { [ "$code" -eq "$1" ]; }
# Standard output, or error, holds a line that matches; the last line of the output does.
said() { grep -qE -- "$1" "$dir/out"; }
complained() { grep -qE -- "$1" "$dir/err"; }
last_line() { tail -n 1 "$dir/out" | grep -qE -- "$1"; }
# Exactly one message of muster's on standard error.
once() { [ "$(grep -c '^muster: ' "$dir/err")" -eq 1 ]; }
# The value of a field in the JSON line.
field() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" "$dir/out" | tail -n 1; }

# Kill the process of that number when it still runs after two minutes; nobody has to end this.
watch_over() {
  (for _ in $(seq 120); do sleep 1; kill -0 "$1" || exit; done; kill -9 "$1") >/dev/null 2>&1 &
}

# begun RANKS ARGUMENTS...: run the command in the background; $pid is its process, or its launcher's.
begun() {
  p=$1
  shift
  if [ "$p" -eq 1 ]; then "$muster" "$@" >"$dir/out" 2>"$dir/err" </dev/null &
  else $MPIRUN --oversubscribe -np "$p" "$muster" "$@" >"$dir/out" 2>"$dir/err" </dev/null &
  fi
  pid=$!
  watch_over $pid
}
# until_saved STEM: wait for a checkpoint of the run file STEM.h5, or the end of what has begun.
until_saved() {
  for _ in $(seq 6000); do
    ! ls "$1".checkpoint-*.h5 >/dev/null 2>&1 && kill -0 $pid 2>/dev/null || break
    sleep 0.01
  done
}
# stopped SIGNAL RANKS STEM ARGUMENTS...: begin, and send the signal at the first checkpoint; $code is the
# exit code.
stopped() {
  signal=$1 p=$2 stem=$3
  shift 3
  begun "$p" "$@"
  until_saved "$stem"
  kill "-$signal" $pid 2>/dev/null
  wait $pid 2>/dev/null
  code=$?
}

# Write that many bytes of "./", the padding of a long name.
dots() { awk -v n="$(($1 / 2))" 'BEGIN { for (i = 0; i < n; i++) printf "./" }'; }

# No temporary file of that file's is there; none of them and not the file itself either.
no_temporary() {
  for t in "$(dirname "$1")/.$(basename "$1")".*.tmp; do [ ! -e "$t" ] || return 1; done
}
nothing_of() { [ ! -e "$1" ] && no_temporary "$1"; }

# SENTENCE, CODE, PATTERN: the last command ended with that code and one message that matches.
refused() {
  ended "$2" && complained "$3" && once
  result "$1 (exit code $code, want $2 and '$3')" $?
}

finish() {
  if [ "$skipped" -gt 0 ]; then echo "$passed passed, $failed failed, $skipped skipped"
  else echo "$passed passed, $failed failed"; fi
  [ "$failed" -eq 0 ]
  exit $?
}

# 600 images of 8 x 8 in four classes: a bright row says the class, noise from a linear
# congruential generator.
make_bars() { # CSV file
  awk 'BEGIN { s = 12345
    for (i = 0; i < 600; i++) { c = i % 4; printf "%d", c
      for (p = 0; p < 64; p++) { s = (s * 1103515245 + 12345) % 2147483648
        v = int(s / 65536) % 100; if (int(p / 8) == 2 * c) v += 80
        printf ",%d", v }
      printf "\n" } }' >"$1"
}
