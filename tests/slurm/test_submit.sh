#!/bin/sh
# `muster submit` as far as it goes without Slurm: what is checked and refused, and the script that is
# written. `sbatch` is a stand-in that keeps what it is given.
. "$srcdir/tests/jobs/common.sh"
make_bars "$dir/bars.csv"
alone import csv "$dir/bars.csv" --label-column 0 --scale 0.01 -o "$dir/bars.h5"
ended 0
result "the dataset is there" $?
cd "$dir" || exit 1
cat >e.yaml <<END
job: federated
data: {train: bars.h5, test: bars.h5}
clients: {count: 20}
model: {kind: mlp, hidden: [40]}
method: {rounds: 5}
output: {run: out.h5}
END
mkdir stand_in
cat >stand_in/sbatch <<'END'
#!/bin/sh
env >"$0.env"
printf '%s\n' "$@" >"$0.arguments"
[ ! -e "$0.refuse" ] || { echo "sbatch: error: invalid partition" >&2; echo "and more" >&2; exit 1; }
echo "4711;cluster"
END
chmod +x stand_in/sbatch
PATH=$dir/stand_in:$PATH
export PATH
# Word by word what an array of the script holds once bash has read it.
words() { bash -c "$(grep "^$1=(" "$2")"'; printf "%s\n" "${'"$1"'[@]}"'; }

alone submit --help
ended 0 && said '^usage: muster submit' && said '^exit codes' && said '^example'
result "the help teaches" $?
missing=
for o in $(grep -oE -- '--[a-z][a-z-]*' out | grep -v constraint | sort -u); do
  sed 's/\\-/-/g' "$srcdir/doc/man/muster-submit.1" | grep -q -- "$o" || missing="$missing $o"
done
[ -z "$missing" ]; result "the man page lacks no option of the help:$missing" $?

alone submit e.yaml --nodes 2 --ntasks 5 --time 1-02:30 --dry-run
ended 0 && said '^#SBATCH --nodes=2$' && said '^#SBATCH --ntasks=5$' &&
  said '^#SBATCH --ntasks-per-node=3$' && said '^#SBATCH --time=1-02:30$' &&
  said '^#SBATCH --signal=B:USR1@120$' && said '^#SBATCH --requeue$' &&
  said '^#SBATCH --open-mode=append$' && said '^#SBATCH --job-name=e$' &&
  said '^#SBATCH --output=e\.%j\.out$' && last_line '^\{"dry_run": true, '
result "a dry run shows the script" $?
! said '@[A-Z_]+@'; result "no field of the template is left" $?
cp out shown
sed '$d' shown >script
bash -n script; result "the script is one of bash" $?
words run script >run
printf '%s\n' "$muster" run "$dir/e.yaml" --resume | sed "s|^$builddir|$(cd "$builddir" && pwd -P)|" >want
cmp -s run want; result "it starts this very program, by whole names, with --resume" $?
[ ! -e stand_in/sbatch.arguments ] && [ ! -e out.sbatch ]; result "a dry run submits and writes nothing" $?

alone submit e.yaml --ntasks 4 -t 10 -n
one=$(field node_bytes)
alone submit e.yaml --nodes 4 --ntasks 4 -t 10 -n
four=$(field node_bytes)
alone submit e.yaml --ntasks 4 -t 10 -n --set "model.hidden=[4000, 4000]"
large=$(field node_bytes)
[ "$four" -lt "$one" ] && [ "$large" -gt $((4 * 4 * 16000000)) ] &&
  [ "$(sed -n 's/^#SBATCH --mem=\([0-9]*\)M$/\1/p' out)" -ge $((large >> 20)) ]
result "memory follows the ranks of a node and the model ($four, $one, $large)" $?
alone submit e.yaml --ntasks 2 -t 3 -n
said '^#SBATCH --signal=B:USR1@60$'; result "the warning of a short job comes a third before its end" $?
alone submit e.yaml --ntasks 2 -t 3 -n --signal-seconds 7 --launcher srun
said '@7$' && said '^launch=\(srun .*--kill-on-bad-exit'; result "signal and launcher can be chosen" $?

# Submitted.
env >env_before
alone submit e.yaml --ntasks 2 -t 3 --set "optimizer.lr=0.5" -p "two words" -A sums --qos q1 \
  -J "it's 100%" -- --constraint=avx2 -x node7 --comment='say "so"'
ended 0 && last_line '^\{"job_id": 4711, "script": ".*out\.sbatch", "log": "it'"'"'s 100%.4711.out", ' &&
  [ "$(cat stand_in/sbatch.arguments)" = "--parsable
out.sbatch" ]
result "sbatch gets the script, and its answer is the job's number" $?
head -n 2 out.sbatch | tail -n 1 | grep -q '^# Made by: muster submit e.yaml '
result "the script says how it was made" $?
grep -qxF '#SBATCH "--comment=say \"so\""' out.sbatch && grep -qx '#SBATCH -x node7' out.sbatch &&
  grep -qxF '#SBATCH --partition="two words"' out.sbatch && grep -qx '#SBATCH --account=sums' out.sbatch &&
  grep -qx '#SBATCH --qos=q1' out.sbatch && grep -qxF "#SBATCH --job-name=\"it's 100%\"" out.sbatch
result "options of sbatch stand in the script, quoted" $?
[ "$(grep -cE '^(PMIX_|OMPI_COMMAND)' stand_in/sbatch.env)" -eq \
  "$(grep -cE '^(PMIX_|OMPI_COMMAND)' env_before)" ]
result "the job's environment has nothing of this command's own MPI" $?
alone submit e.yaml --ntasks 2 -t 3
ended 0; result "a second submission replaces the script" $?
touch stand_in/sbatch.refuse
alone submit e.yaml --ntasks 2 -t 3
refused "sbatch's refusal" 2 'sbatch refuses .*: sbatch: error: invalid partition$'
rm stand_in/sbatch.refuse
echo "mine" >out.sbatch
alone submit e.yaml --ntasks 2 -t 3
refused "another file in the script's place" 2 'out\.sbatch exists and was not written by muster;'
[ "$(cat out.sbatch)" = mine ]; result "that file stays as it was" $?
rm out.sbatch
limit=$(command -v timeout)
# (a daemon of Open MPI wants to see a way to other machines, used or not)
OMPI_MCA_plm_rsh_agent=/bin/true PATH=/nowhere "$limit" 60 "$muster" submit e.yaml --ntasks 2 -t 3 >"$dir/out" 2>"$dir/err"
code=$?
refused "a machine without Slurm" 2 'sbatch cannot be started'
rm -f out.sbatch

# The script is longer than a buffer of output, so that printing it fails, and not only its end.
if [ -w /dev/full ]; then
  for p in 1 2; do
    timeout 120 $MPIRUN --oversubscribe -np $p sh -c 'exec "$@" >/dev/full' sh "$muster" submit \
      e.yaml --ntasks 2 -t 3 -n >"$dir/out" 2>"$dir/err" </dev/null
    code=$?
    refused "a script that cannot be said, on $p ranks" 1 'standard output cannot be written'
  done
fi

# Arrays.
alone submit e.yaml --ntasks 2 -t 3 -n --array "model.hidden=[40],[20, 10]" --array seed=1,2,3
ended 0 && said '^#SBATCH --array=0-5$' && said '^#SBATCH --output=e\.%A_%a\.out$' && said '^array=yes$'
result "an array has a task for every combination of values" $?
sed '$d' out >script
words files script >files
[ "$(wc -l <files)" -eq 6 ] && [ "$(sed -n 2p files)" = "out.grid/hidden-_40_,seed-2.h5" ] &&
  [ "$(tail -n 1 files)" = "out.grid/hidden-_20__10_,seed-3.h5" ]
result "each with its run file" $?
words run script | tail -n 5 >run
printf '%s\n' --grid 'model.hidden=[40],[20, 10]' --grid seed=1,2,3 --resume >want
cmp -s run want; result "the tasks share one grid, of which each runs a cell" $?
grep -q '"script": "out\.sbatch"' out && [ ! -e out.grid ]
result "the script stands where that of one run would, and a dry run makes no folder" $?
alone submit e.yaml --ntasks 2 -t 3 --array seed=1,2
ended 0 && [ -d out.grid ] && [ -z "$(ls -A out.grid)" ]
result "a submission makes the folder, so that the tasks need not" $?
rm -rf out.grid out.sbatch
for array in "method.rounds=1,2,1" "optimizer.lr=a b,a_b" "method.rounds=1,,2" "method.rounds" "=1" \
  "output.run=a.h5,b.h5"; do
  alone submit e.yaml --ntasks 2 -t 3 -n --array "$array"
  refused "--array $array" 2 'option --array'
done
alone submit e.yaml --ntasks 2 -t 3 -n --array method.rounds=3,-4
refused "a value that the key does not take" 2 '--array method.rounds=-4: .*method\.rounds'
alone submit e.yaml --ntasks 2 -t 3 -n --array seed=1,2 --array method.rounds=3,-4
refused "a value that the key does not take, of two keys" 2 '--array seed=1, method.rounds=-4: .*method\.rounds'

# What is refused.
alone submit e.yaml --ntasks 2 -t 3 -n --set methods.rounds=3
refused "an unknown key" 2 "methods"
alone submit e.yaml --ntasks 2 -t 3 -n --set data.train=nowhere.h5
refused "a dataset that is missing" 2 'nowhere\.h5'
alone submit --ntasks 2 -t 3
refused "no experiment" 2 'experiment file'
alone submit e.yaml -t 3
refused "no number of ranks" 2 '--ntasks'
alone submit e.yaml --ntasks 3
refused "no time" 2 '--time'
alone submit e.yaml --nodes 3 --ntasks 2 -t 3
refused "fewer ranks than nodes" 2 '--ntasks'
for t in 0 1:2:3:4 1-2-3 5s -5 "" 1- 10:; do
  alone submit e.yaml --ntasks 2 --time "$t"
  refused "the time '$t'" 2 'option --time'
done
alone submit e.yaml --ntasks 2 -t 2 --signal-seconds 120
refused "a warning before the start" 2 '--signal-seconds'
alone submit e.yaml --ntasks 2 -t 2 --launcher rsh
refused "an unknown launcher" 2 '--launcher'
alone submit e.yaml --ntasks 2 -t 2 --log nowhere/log
refused "a log in no folder" 2 'option --log: the folder nowhere'
alone submit e.yaml --ntasks 2 -t 2 -J "two
lines"
refused "a name of two lines" 2 'line of a batch script'
alone run e.yaml -q
ended 0; result "the experiment runs" $?
alone submit e.yaml --ntasks 2 -t 2 -n --set optimizer.lr=0.3
refused "the run file of another experiment" 2 'out\.h5'
alone submit e.yaml --ntasks 2 -t 2 -n
ended 0 && complained 'out\.h5 is complete'; result "a complete run is pointed out" $?
[ ! -e out.sbatch ]; result "refused submissions leave no script" $?
finish
