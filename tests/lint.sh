#!/bin/sh
# Look over the sources: layout (reported only), clang-tidy and cppcheck (both must be silent).
#
#   LINT_FLAGS='compiler flags' SRCDIR=folder tests/lint.sh
set -u
: "${SRCDIR:=.}" "${LINT_FLAGS:=}"
cd "$SRCDIR" || exit 1
sources=$(find core comm io parallel jobs -name '*.c' | sort)
bad=0
have() { command -v "$1" >/dev/null 2>&1 || { echo "$1: not installed, left out"; return 1; }; }

if have clang-format; then
  n=0 all=0
  for f in $sources $(find core comm io parallel jobs -name '*.h' | sort); do
    all=$((all + 1))
    clang-format --dry-run --Werror "$f" >/dev/null 2>&1 || n=$((n + 1))
  done
  echo "clang-format: $n of $all files would be laid out otherwise (not an error)"
fi
if have clang-tidy; then
  log=$(mktemp)
  # shellcheck disable=SC2016
  printf '%s\n' $sources | LINT_FLAGS=$LINT_FLAGS xargs -P "$(nproc)" -n 4 sh -c '
    for f in "$@"; do clang-tidy --quiet "$f" -- $LINT_FLAGS 2>/dev/null; done' lint >"$log"
  n=$(grep -cE ': (error|warning):' "$log")
  [ "$n" -eq 0 ] || { cat "$log"; bad=1; }
  rm -f "$log"
  echo "clang-tidy: $n findings"
fi
if have cppcheck; then
  # C17 where it is known; C11, of which C17 is a correction, where it is not.
  std=c11
  case $(cppcheck --help) in *c17*) std=c17;; esac
  cppcheck --quiet --std=$std --language=c --enable=warning,performance,portability \
    --suppress=missingIncludeSystem --suppress=unknownMacro --suppress=invalidPointerCast \
    --inline-suppr --error-exitcode=1 -I. core comm io parallel jobs || bad=1
  [ $bad -ne 0 ] || echo "cppcheck: silent"
fi
exit $bad
