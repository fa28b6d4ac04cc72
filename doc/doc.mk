# documentation
dist_man_MANS += doc/man/muster.1 doc/man/muster-run.1 doc/man/muster-import.1 \
  doc/man/muster-inspect.1 doc/man/muster-list.1
nobase_dist_doc_DATA += doc/formats.md doc/architecture.md doc/architecture.svg doc/cluster.md \
  doc/methods/analytic.md doc/methods/lattice.md doc/methods/partitions.md doc/methods/solve.md
# Results, one line a file.
nobase_dist_doc_DATA += doc/results/invariance.py
nobase_dist_doc_DATA += doc/results/invariance.md
nobase_dist_doc_DATA += doc/results/main_job.md
