/* What the analytic job may be told: its own keys, and the sections that it takes from others.
 * Meanings and equations: doc/methods/analytic.md. */
#include "jobs/analytic_keys.h"

#include "jobs/analytic_depth.h"
#include "jobs/analytic_personal.h"
#include "jobs/analytic_private.h"
#include "jobs/family.h"
#include "jobs/options.h"
#include "jobs/ridges.h"
#include "jobs/robust.h"
#include "jobs/secure.h"
#include "jobs/unlearn.h"
#include "jobs/weights.h"

static const mst_key_spec keys_analytic[] = {
    {.key = "features.save_train",
     .type = MST_KEY_PATH,
     .unit = "",
     .help = "also write the training features, as a dataset that a later run can name"},
    {.key = "features.save_test",
     .type = MST_KEY_PATH,
     .unit = "",
     .help = "also write the test features, likewise"},
    {.key = "analytic.ridge",
     .type = MST_KEY_REAL,
     .fallback = "10",
     .min = 0,
     .max = 1e300,
     .unit = "",
     .help = "kept ridge: added to the diagonal of the (standardised) Gram matrix"},
    {.key = "analytic.gamma",
     .type = MST_KEY_REAL,
     .fallback = "1",
     .min = 0,
     .max = 1e300,
     .unit = "",
     .help = "each client's own regulariser, removed again after the sum"},
    {.key = "analytic.standardize",
     .type = MST_KEY_BOOL,
     .fallback = "true",
     .unit = "",
     .help = "divide each feature by its standard deviation over all clients"},
    {.key = "analytic.bias",
     .type = MST_KEY_BOOL,
     .fallback = "true",
     .unit = "",
     .help = "centre the features and learn an unpenalised intercept"},
    {.key = "reduce",
     .type = MST_KEY_WORD,
     .fallback = "exact",
     .allowed = "exact|fast",
     .unit = "",
     .help = "exact: same bits on any number of ranks; fast: floating-point sums and "
             "ScaLAPACK's own process grid"},
    MST_KEYS_ROBUST("clients' statistics"),
    MST_KEYS_SECURE("a row's features"),
    {.key = "secure.target_bound",
     .type = MST_KEY_REAL,
     .min = 0,
     .max = 1e30,
     .open_min = true,
     .unit = "",
     .help = "likewise of a row's targets, where these are no classes"},
    {.key = "output.checkpoint.every_minutes",
     .type = MST_KEY_REAL,
     .fallback = "10",
     .min = 0,
     .max = 1e9,
     .unit = "minutes",
     .help = "save what is summed so often, for --resume; 0: only when a signal comes"},
    {.key = NULL}};

const mst_job_section mst_analytic_sections[] = {
    {.keys = mst_keys_data},
    {.family = &mst_family_partitions},
    {.family = &mst_family_features},
    {.family = &mst_family_rules},
    {.family = &mst_family_mixers},
    {.family = &mst_family_attacks},
    {.keys = keys_analytic},
    {.keys = mst_keys_weights},
    {.keys = mst_keys_depth},
    {.keys = mst_keys_analytic_personal, .optional = "personal"},
    {.keys = mst_keys_keep},
    {.keys = mst_keys_ridges},
    {.keys = mst_keys_update, .optional = "update"},
    {.keys = mst_keys_privacy, .optional = "privacy"},
    {.keys = mst_keys_ledger, .optional = "privacy"},
    {.keys = mst_keys_analytic_private, .optional = "privacy"},
    {.family = &mst_family_accountants, .optional = "privacy"},
    {.keys = NULL}};
