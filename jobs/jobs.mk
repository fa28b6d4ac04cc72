# jobs: the muster command. It is linked with the layers themselves, so that it runs in place
# without libtool's wrapper.
bin_PROGRAMS += muster
muster_SOURCES = jobs/job.h jobs/options.h jobs/arguments.h jobs/watch.h jobs/output.h jobs/say.h \
  jobs/say.c jobs/command.h jobs/main.c jobs/arguments.c jobs/output.c jobs/version.c \
  jobs/options.c jobs/family.h jobs/family.c jobs/families.c jobs/registry.c jobs/compose.c \
  jobs/watch.c jobs/paths.c jobs/resume.h jobs/resume.c jobs/run.h jobs/run_once.c jobs/run.c \
  jobs/grid.h jobs/grid.c jobs/grid_index.h jobs/grid_index.c jobs/grid_run.h jobs/grid_run.c \
  jobs/worst.h jobs/worst.c jobs/report_heat.h jobs/report_heat.c jobs/report_heat_page.c jobs/sbatch.h \
  jobs/sbatch.c jobs/submit.h jobs/submit_script.c jobs/submit.c jobs/import.c jobs/inspect.c \
  jobs/list.c jobs/feature_file.h jobs/feature_file.c jobs/data.h jobs/data.c \
  jobs/figures.h jobs/figures.c jobs/model.h jobs/model.c jobs/analytic_keys.h jobs/analytic_keys.c jobs/analytic_private.h jobs/analytic_private.c jobs/analytic_robust.h jobs/analytic_robust.c jobs/analytic.c \
  jobs/federated_private.h jobs/federated_private.c jobs/federated.c jobs/decentralised.c jobs/bandit_private.h jobs/bandit_private.c jobs/bandit.c \
  jobs/robust.h jobs/robust.c jobs/secure.h jobs/secure.c jobs/pooled.h jobs/pooled.c jobs/train.c jobs/privacy.h jobs/privacy.c jobs/private.c jobs/private_noise.h jobs/private_noise.c jobs/local_regression.c jobs/identify.c jobs/tuning.c jobs/treatment.c jobs/low_rank_rl.c jobs/off_policy.c jobs/pca.c jobs/data_sparse.c jobs/ease.c jobs/naive_bayes.c jobs/sketch.c jobs/bandit_rows.h jobs/bandit_rows.c jobs/record.h jobs/record.c jobs/rebuild.h jobs/rebuild.c \
  jobs/predict.c jobs/merge.c jobs/aggregate.c jobs/account.c jobs/account_events.h jobs/account_events.c jobs/setting.h jobs/setting.c jobs/report.h \
  jobs/report.c jobs/report_page.c jobs/report_tables.c jobs/report_rounds.c jobs/report_bandit.c jobs/report_clients.c \
  jobs/report_classes.c jobs/report_costs.c
muster_SOURCES += jobs/unlearn.h jobs/unlearn.c jobs/unlearn_open.c jobs/unlearn_file.c jobs/ridges.h jobs/ridges.c jobs/weights.h jobs/weights.c jobs/analytic_depth.h jobs/analytic_depth.c jobs/analytic_personal.h jobs/analytic_personal.c
muster_SOURCES += jobs/scale.h jobs/scale.c jobs/scale_plan.c jobs/scale_run.c jobs/scale_law.c jobs/scale_print.c jobs/scale_page.c
muster_SOURCES += jobs/bench.h jobs/bench.c jobs/bench_rows.c jobs/bench_machine.c jobs/bench_sums.c jobs/bench_files.c \
  jobs/bench_compare.c
muster_LDADD = libmstparallel.la libmstio.la libmstcomm.la libmstcore.la $(parallel_libs) \
  $(io_libs) $(comm_libs) $(core_libs)

# The batch script of `muster submit`, as a string of the program.
EXTRA_DIST += slurm/muster.sbatch.in
BUILT_SOURCES += jobs/sbatch_template.h
CLEANFILES += jobs/sbatch_template.h
jobs/sbatch.$(OBJEXT): jobs/sbatch_template.h
jobs/sbatch_template.h: slurm/muster.sbatch.in
	@$(MKDIR_P) jobs
	$(AM_V_GEN)(echo 'static const char template[] =' && \
	  sed -e 's/[\"]/\\&/g' -e 's/.*/  "&\\n"/' $(srcdir)/slurm/muster.sbatch.in && \
	  echo '  ;') >$@.new && \
	  mv $@.new $@
