/* Private analytic training: a source of bounded rows and targets, noise on the tiles of each
 * owner, and the solution on one rank of what is then public. */
#include "parallel/analytic_private.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/features/bounded.h"
#include "parallel/feature_source.h"

/* Rows of another source, with targets that are centred (classes) and shortened, and weighed where
 * clients are what is hidden. */
typedef struct bounded_source {
  mst_block_source inner;
  const mst_analytic_data *data;
  const mst_analytic_privacy *privacy;
  float *x, *y; /* of a block */
} bounded_source;

static mst_status load(void *context, int64_t group, int64_t *first, int64_t *blocks) {
  bounded_source *s = context;
  return s->inner.load(s->inner.context, group, first, blocks);
}

/* A client's share of a row at a place: its rows together weigh no more than client_rows. The rows'
 * own weights are sums of squares, so entries take the square root. */
static double weight_of(const bounded_source *s, int64_t place, int64_t *client) {
  const mst_roster *r = s->data->roster;
  if (s->privacy->client_rows == 0) return 1;
  while (r->client_first[*client + 1] <= place) ++*client;
  int64_t rows = r->client_first[*client + 1] - r->client_first[*client];
  return rows <= s->privacy->client_rows ? 1 : sqrt((double)s->privacy->client_rows / (double)rows);
}

/* The client of a place. */
static int64_t client_at(const mst_roster *r, int64_t place) {
  int64_t low = 0, high = r->clients - 1;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (r->client_first[middle + 1] <= place)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void bound_targets(const bounded_source *s, const float *from, float *to) {
  int64_t c = s->inner.targets;
  double mean = s->data->label != NULL ? 1 / (double)c : 0;
  for (int64_t k = 0; k < c; k++) to[k] = (float)((double)from[k] - mean);
  (void)mst_adassp_clip(c, to, s->privacy->target_bound, to);
}

static mst_status block(void *context, int64_t b, const float **features, const float **targets) {
  bounded_source *s = context;
  const mst_block *at = &s->data->roster->block[b];
  const float *x = NULL, *y = NULL;
  int64_t d = s->inner.features, c = s->inner.targets,
          client = client_at(s->data->roster, at->first);
  MST_TRY(s->inner.block(s->inner.context, b, &x, &y));
  for (int64_t i = 0; i < at->rows; i++) {
    double weight = weight_of(s, at->first + i, &client);
    bound_targets(s, y + i * c, s->y + i * c);
    for (int64_t k = 0; k < c && weight < 1; k++)
      s->y[i * c + k] = (float)(weight * (double)s->y[i * c + k]);
    for (int64_t j = 0; j < d; j++) s->x[i * d + j] = (float)(weight * (double)x[i * d + j]);
  }
  *features = s->x;
  *targets = s->y;
  return MST_OK;
}

static mst_status create_source(const mst_block_source *inner, const mst_analytic_data *data,
                                const mst_analytic_privacy *privacy, bounded_source *s) {
  *s = (bounded_source){.inner = *inner, .data = data, .privacy = privacy};
  MST_TRY(mst_alloc(&s->x, MST_BLOCK_ROWS * inner->features, sizeof *s->x, "rows of a block"));
  return mst_alloc(&s->y, MST_BLOCK_ROWS * inner->targets, sizeof *s->y, "targets of a block");
}

static mst_block_source view(bounded_source *s) {
  mst_block_source v = s->inner;
  v.context = s;
  v.load = load;
  v.block = block;
  return v;
}

/* Row h of the lower triangle, columns e to e + n: noise for what is released, zeros for the rest
 * (products of targets, and with the ones). */
static void add_noise_run(const mst_analytic_privacy *p, const mst_noise noise[2], int64_t d,
                          int64_t c, int64_t h, int64_t e, int64_t n, double *run) {
  double drawn[MST_TILE] = {0};
  int64_t part = n;
  if (h < d) {
    part = mst_least(n, h + 1 - e);
    if (part > 0) mst_adassp_gram_noise(&noise[0], p->gram, h, e, part, drawn);
  } else if (h < d + c) {
    part = mst_least(n, d - e);
    if (part > 0) mst_noise_gaussian(&noise[1], (h - d) * d + e, part, p->moments, drawn);
  } else {
    part = 0;
  }
  for (int64_t q = 0; q < n; q++) run[q] = q < part ? run[q] + drawn[q] : 0;
}

/* Noise on the tiles that this rank owns. Local. */
static void add_noise(mst_tiles *t, const mst_analytic_privacy *p, int64_t d, int64_t c) {
  mst_noise noise[2] = {mst_noise_of(&p->secret, MST_NOISE_GRAM, 0, 0),
                        mst_noise_of(&p->secret, MST_NOISE_MOMENT, 0, 0)};
  int rank = mst_team_rank(t->grid->team);
  for (int64_t j = 0; j < t->tiles; j++)
    for (int64_t i = j; i < t->tiles; i++) {
      if (mst_tiles_owner(t->grid, i, j) != rank) continue;
      double *tile = mst_tiles_at(t, i, j), run[MST_TILE];
      int64_t width = mst_tiles_extent(t, j);
      for (int64_t r = 0; r < mst_tiles_extent(t, i); r++) {
        for (int64_t q = 0; q < width; q++) run[q] = tile[q * t->lld + r];
        add_noise_run(p, noise, d, c, i * MST_TILE + r, j * MST_TILE, width, run);
        for (int64_t q = 0; q < width; q++) tile[q * t->lld + r] = run[q];
      }
    }
  mst_noise_wipe(&noise[0]);
  mst_noise_wipe(&noise[1]);
}

/* What is public by now, solved on one rank: w(d, c). Local. */
static mst_status solve_full(double *full, int64_t n, int64_t d, int64_t c,
                             const mst_analytic_privacy *p, double *w, double *condition) {
  double *moments = NULL;
  MST_TRY(mst_alloc(&moments, d * c, sizeof *moments, "noisy moments"));
  for (int64_t i = 0; i < d; i++)
    for (int64_t k = 0; k < c; k++) moments[i * c + k] = full[(d + k) * n + i];
  mst_status st =
      mst_adassp_solve(d, c, full, n, moments, p->gram, p->kind, p->floor, w, condition);
  mst_free(moments);
  return st;
}

static mst_status solve(const mst_tiles *t, const mst_analytic_privacy *p, int64_t d, int64_t c,
                        double *w, double *condition) {
  mst_team *team = t->grid->team;
  bool root = mst_team_rank(team) == 0;
  double *full = NULL;
  mst_status st = root ? mst_alloc(&full, t->n * t->n, sizeof *full, "full matrix") : MST_OK;
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_tiles_gather(t, 0, full);
  if (st == MST_OK && root) st = solve_full(full, t->n, d, c, p, w, condition);
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_team_bcast(team, w, d * c * (int64_t)sizeof *w, 0);
  if (st == MST_OK) st = mst_team_bcast(team, condition, sizeof *condition, 0);
  mst_free(full);
  return st;
}

/* The model of the features before they were bounded; centred classes get their mean back. */
static mst_status unfold(const mst_analytic_data *data, const mst_features *features,
                         const mst_features *bounded, const double *w, mst_analytic_model *model) {
  *model = (mst_analytic_model){
      .d = features->width, .c = data->outputs, .train_loss = NAN, .condition = model->condition};
  MST_TRY(mst_alloc(&model->weights, model->d * model->c, sizeof(double), "weights"));
  MST_TRY(mst_alloc(&model->intercept, model->c, sizeof(double), "intercepts"));
  mst_bounded_unfold(bounded, model->c, w, model->weights, model->intercept);
  for (int64_t k = 0; k < model->c && data->label != NULL; k++)
    model->intercept[k] += 1 / (double)model->c;
  return MST_OK;
}

static mst_status check(const mst_analytic_data *data, const mst_analytic_privacy *p) {
  if (data->roster->rows > MST_ANALYTIC_PRIVATE_ROWS * p->population)
    return mst_fail(MST_ERR_INPUT,
                    "privacy.population: there are more than twice the %lld rows that it says",
                    (long long)p->population);
  return MST_OK;
}

/* The noisy statistics, which are all that is looked at from then on. */
static mst_status release(mst_team *team, const mst_analytic_data *data, mst_features *bounded,
                          const mst_analytic_plan *plan, const mst_analytic_privacy *p,
                          const mst_observer *observer, mst_tiles *t, mst_gram_result *gram) {
  int64_t d = bounded->width, c = data->outputs;
  mst_feature_source source;
  bounded_source bounds = {.x = NULL};
  double *shift = NULL;
  mst_pipeline pipeline = mst_pipeline_sum();
  mst_status st = mst_feature_source_create(data, bounded, plan->resident, &source);
  mst_block_source inner = mst_feature_source_blocks(&source, plan->groups);
  if (st == MST_OK) st = create_source(&inner, data, p, &bounds);
  if (st == MST_OK) st = mst_alloc(&shift, plan->gram.n, sizeof *shift, "column shifts");
  st = mst_team_agree(team, st);
  if (st == MST_OK) {
    mst_block_source rows = view(&bounds);
    const mst_gram_options options = {.bound = p->clip,
                                      .target_bound = p->target_bound,
                                      .bound_rows = MST_ANALYTIC_PRIVATE_ROWS * p->population,
                                      .save_seconds = -1};
    st = mst_gram(team, data->roster, &rows, &plan->gram, &pipeline, &options, observer, t, shift,
                  gram);
  }
  if (st == MST_OK) add_noise(t, p, d, c);
  mst_feature_source_free(&source);
  mst_free(bounds.x);
  mst_free(bounds.y);
  mst_free(shift);
  return st;
}

mst_status mst_analytic_private_train(mst_team *team, const mst_analytic_data *data,
                                      const mst_features *features, mst_features *bounded,
                                      const mst_analytic_plan *plan,
                                      const mst_analytic_privacy *privacy,
                                      const mst_observer *observer, mst_analytic_model *model,
                                      mst_gram_result *gram) {
  int64_t d = bounded->width, c = data->outputs;
  mst_grid *grid = NULL;
  mst_tiles t = {0};
  double *w = NULL;
  *model = (mst_analytic_model){.d = d};
  mst_status st = check(data, privacy);
  if (st == MST_OK) st = mst_alloc(&w, d * c, sizeof *w, "weights of bounded features");
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_grid_create(team, 0, &grid);
  if (st == MST_OK) st = mst_tiles_create(grid, plan->gram.n, &t);
  if (st == MST_OK) st = release(team, data, bounded, plan, privacy, observer, &t, gram);
  if (st == MST_OK) mst_observer_phase(observer, "solve", 0, "");
  if (st == MST_OK) st = solve(&t, privacy, d, c, w, &model->condition);
  if (st == MST_OK) st = mst_team_agree(team, unfold(data, features, bounded, w, model));
  mst_tiles_free(&t);
  mst_grid_destroy(grid);
  mst_free(w);
  if (st != MST_OK) mst_analytic_model_free(model);
  return st;
}
