#!/bin/sh
# The recipes for Spack, EasyBuild, Apptainer, modules and Debian: filled in by configure with the
# version of this build, and well-formed as far as the tools of this machine can tell.
. "$srcdir/tests/jobs/common.sh"
made=$builddir/slurm/packaging
version=$(sed -n 's/^#define PACKAGE_VERSION "\(.*\)"/\1/p' "$builddir/config.h")

[ -n "$version" ]; result "the version is known" $?
for f in package.py muster.eb muster.def muster.lua muster.tcl; do
  grep -qF "$version" "$made/$f"; result "$f is of version $version" $?
  ! grep -qE '@[A-Za-z_]+@' "$made/$f"; result "$f has nothing left to fill in" $?
done

if command -v python3 >/dev/null 2>&1; then
  PYTHONDONTWRITEBYTECODE=1 python3 - "$made" "$version" >"$dir/out" 2>"$dir/err" <<'P'
import ast, sys
made, version = sys.argv[1:]
ast.parse(open(made + "/package.py").read())
scope = {"SHLIB_EXT": "so"}
exec(compile(open(made + "/muster.eb").read(), "muster.eb", "exec"), scope)
assert scope["version"] == version, scope["version"]
for key in ("easyblock", "name", "description", "toolchain", "sources", "moduleclass"):
    assert scope[key], key
for name, at in scope["dependencies"] + scope["builddependencies"]:
    assert name and at
P
  result "Spack's and EasyBuild's recipes are Python" $?
else
  skip "no python3: the recipes of Spack and EasyBuild"
fi
lua=$(command -v luac || command -v luac5.4 || command -v luac5.3 || command -v luac5.1 || true)
if [ -n "$lua" ]; then
  "$lua" -p "$made/muster.lua" >"$dir/out" 2>"$dir/err"; result "the Lmod module is lua" $?
else
  skip "no luac: the Lmod module"
fi
if command -v tclsh >/dev/null 2>&1; then
  cat >"$dir/module.tcl" <<'T'
foreach word {module-whatis conflict prepend-path setenv} { proc $word {args} { global said; lappend said $args } }
source [lindex $argv 0]
puts $said
T
  tclsh "$dir/module.tcl" "$made/muster.tcl" >"$dir/out" 2>"$dir/err" && said '\{PATH .*/bin\}'
  result "the Tcl module runs" $?
else
  skip "no tclsh: the Tcl module"
fi
# Every section that is a script.
for section in post test runscript environment; do
  awk -v want="%$section" '/^%/ { on = $1 == want; next } on' "$made/muster.def" >"$dir/$section.sh"
  [ -s "$dir/$section.sh" ] && sh -n "$dir/$section.sh" 2>"$dir/err"
  result "section $section of the Apptainer image is a script" $?
done
if command -v apptainer >/dev/null 2>&1; then
  skip "apptainer is here, but no image is built: it would be downloaded"
else
  skip "no apptainer: the image is not built"
fi

# What Debian's packages and the image are built with is what quickstart installs.
wanted=$(sed -n '/^packages=(/,/^)/p' "$srcdir/quickstart" | tr ' ' '\n' |
  grep -E '^z?lib.*-dev$' | grep -v '^libc6' | sort -u)
for f in "$made/muster.def" "$srcdir/slurm/packaging/debian/control"; do
  missing=
  for p in $wanted; do grep -qw -- "$p" "$f" || missing="$missing $p"; done
  [ -z "$missing" ]; result "$(basename "$f") names every library of quickstart ($missing)" $?
done
make -n -f "$srcdir/slurm/packaging/debian/rules" build >/dev/null 2>"$dir/err"
if command -v dh >/dev/null 2>&1; then result "debian/rules is a makefile" $?
else skip "no debhelper: debian/rules"; fi
finish
