"""What the studies of this folder share: runs that are kept in a folder, and how their figures are printed.

A study can be broken off and taken up: runs whose files are there are not made again.
"""
import json, os, subprocess
import h5py, numpy as np

def run(muster, stem, experiment):
    """Metrics by name, and the JSON line's result, of an experiment's text; none when the run ended in numbers
    that are not finite. The experiment's output.run is STEM.h5."""
    with open(f"{stem}.yaml", "w") as e:
        e.write(experiment + f"output: {{run: {stem}.h5, checkpoint: {{every_rounds: 0}}}}\n")
    done = subprocess.run([muster, "run", f"{stem}.yaml", "--quiet", "--resume"], capture_output=True, text=True,
                          env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    if done.returncode != 0:
        if "finite" in done.stderr:
            return None, None
        raise SystemExit(done.stderr)
    with h5py.File(f"{stem}.h5") as f:
        return {k: v[:] for k, v in f["metrics"].items()}, json.loads(done.stdout.splitlines()[-1])["result"]

def tail(values, last):
    """Mean of the last values that were measured, in hundredths."""
    return 100 * float(np.mean(values[np.isfinite(values)][-last:]))

def spread(values):
    return f"{np.mean(values):.2f}" + (f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else "")
