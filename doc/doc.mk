# documentation
dist_man_MANS += doc/man/muster.1 doc/man/muster-run.1 doc/man/muster-import.1 \
  doc/man/muster-submit.1 doc/man/muster-scale.1 doc/man/muster-report.1 doc/man/muster-predict.1 \
  doc/man/muster-merge.1 \
  doc/man/muster-aggregate.1 doc/man/muster-account.1 \
  doc/man/muster-inspect.1 doc/man/muster-bench.1 doc/man/muster-list.1
nobase_dist_doc_DATA += doc/formats.md doc/grids.md doc/architecture.md doc/architecture.svg doc/cluster.md \
  doc/methods/accounting.md doc/methods/analytic.md doc/methods/attacks.md doc/methods/coding.md doc/methods/compression.md \
  doc/methods/decentralised.md doc/methods/federated.md doc/methods/lattice.md doc/methods/list_regression.md doc/methods/merging.md doc/methods/models_conv.md \
  doc/methods/models.md doc/methods/optimizers.md doc/methods/partitions.md \
  doc/methods/depth.md doc/methods/personalisation.md doc/methods/personal_heads.md doc/methods/robust.md doc/methods/robust_distributed.md \
  doc/methods/solve.md doc/methods/train.md
nobase_dist_doc_DATA += doc/methods/mechanisms.md
nobase_dist_doc_DATA += doc/methods/bandits.md
nobase_dist_doc_DATA += doc/methods/scaling.md
nobase_dist_doc_DATA += doc/methods/secure_aggregation.md
# Results, one line a file.
nobase_dist_doc_DATA += doc/results/bandits.md doc/results/bandits.py
nobase_dist_doc_DATA += doc/results/invariance.py
nobase_dist_doc_DATA += doc/results/invariance.md
nobase_dist_doc_DATA += doc/results/large_batch.py
nobase_dist_doc_DATA += doc/results/large_batch.md
nobase_dist_doc_DATA += doc/results/private.md
nobase_dist_doc_DATA += doc/results/main_job.md
nobase_dist_doc_DATA += doc/results/analytic.md
nobase_dist_doc_DATA += doc/results/federated_speed.md
nobase_dist_doc_DATA += doc/results/robust_speed.md
nobase_dist_doc_DATA += doc/results/robust_training.md doc/results/robust_training.py doc/results/runs.py
nobase_dist_doc_DATA += doc/results/federated_methods.md doc/results/federated_methods.py
nobase_dist_doc_DATA += doc/results/federated_parity.sh
nobase_dist_doc_DATA += doc/results/federated_parity.md
nobase_dist_doc_DATA += doc/methods/private_training.md doc/methods/private_analytic.md doc/methods/unlearning.md
nobase_dist_doc_DATA += doc/methods/privacy_checklist.md
nobase_dist_doc_DATA += doc/methods/private_variance_reduced.md doc/results/private_slopes.md doc/results/private_slopes.py
nobase_dist_doc_DATA += doc/methods/local_privacy.md doc/results/local_regression.md doc/results/local_regression.py
nobase_dist_doc_DATA += doc/methods/off_policy.md doc/results/bandit_rows.py
nobase_dist_doc_DATA += doc/methods/identify.md doc/results/identify.md
nobase_dist_doc_DATA += doc/methods/tuning.md doc/methods/treatment.md doc/methods/low_rank_rl.md
nobase_dist_doc_DATA += doc/methods/features.md doc/methods/pca.md doc/methods/ease.md doc/methods/naive_bayes.md
nobase_dist_doc_DATA += doc/methods/sketch.md doc/results/sketch.md doc/results/sketch.py
nobase_dist_doc_DATA += doc/results/tuning.md doc/results/treatment.md doc/results/low_rank_rl.md
