/* The digest of a state: one value for one state, whatever the layout and the rank count. */
#include "core/base/digest.h"
#include "tests/comm/comm_test.h"

/* hashlib.blake2b(digest_size=32) in Python over the bytes that comm/digest.c lays down. */
#define GOLDEN "b7b97557818ae6748ecfd5b63d72cb539695dea9e5d5807bac14108640096119"

enum {
  ROWS = 1001,
  COLUMNS = 3
};

typedef struct arrays {
  double weights[ROWS][COLUMNS];
  float scale[4];
  int32_t labels[2][2][2];
  int64_t round;
  uint8_t flags[5];
} arrays;

static void fill(arrays *a) {
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < COLUMNS; j++) a->weights[i][j] = (i - 500) * 0.25 + j;
  for (int i = 0; i < 4; i++) a->scale[i] = 1.5f * (float)i - 2.0f;
  for (int i = 0; i < 8; i++) a->labels[i / 4][i / 2 % 2][i % 2] = 7 - 3 * i;
  a->round = 123456789012;
  memcpy(a->flags, (uint8_t[]){1, 0, 255, 4, 9}, 5);
}

/* How weights lie: on every rank (0), in even shards (1), all on the last rank (2), or in shards
 * of which every other one is empty (3). */
static void add_weights(mst_state *state, mst_team *team, arrays *a, int layout) {
  int64_t shape[2] = {ROWS, COLUMNS}, p = mst_team_size(team), r = mst_team_rank(team);
  int64_t begin = r * ROWS / p, end = (r + 1) * ROWS / p;
  if (layout == 0) {
    ck_ok(mst_state_add(state, "weights", MST_F64, 2, shape, a->weights));
    return;
  }
  if (layout == 2) {
    begin = 0;
    end = r == p - 1 ? ROWS : 0;
  }
  if (layout == 3) { /* the rank before an odd one takes its rows too */
    if (r % 2 == 0 && r + 1 < p) end = (r + 2) * ROWS / p;
    if (r % 2 == 1) begin = end;
  }
  ck_ok(mst_state_add_shard(state, "weights", MST_F64, 2, shape, begin, end - begin,
                            end > begin ? a->weights[begin] : NULL));
}

static void make_state(mst_state *state, mst_team *team, arrays *a, int layout) {
  int64_t one = 1, four = 4, five = 5, cube[3] = {2, 2, 2};
  mst_state_init(state);
  add_weights(state, team, a, layout);
  ck_ok(mst_state_add(state, "scale", MST_F32, 1, &four, a->scale));
  ck_ok(mst_state_add(state, "labels", MST_I32, 3, cube, a->labels));
  ck_ok(mst_state_add(state, "round", MST_I64, 1, &one, &a->round));
  ck_ok(mst_state_add(state, "flags", MST_U8, 1, &five, a->flags));
}

START_TEST(the_digest_is_golden_in_every_layout) {
  mst_team *team = make_team(0);
  arrays *a = get(1, sizeof *a);
  char hex[MST_DIGEST_HEX];
  fill(a);
  for (int limited = 0; limited < 2; limited++) { /* and when shards travel in small pieces */
    mst_comm_limit(team, limited ? 1000 : 0, 0);
    for (int layout = 0; layout < 4; layout++) {
      mst_state state;
      make_state(&state, team, a, layout);
      memset(hex, 0, sizeof hex);
      ck_ok(mst_team_digest(team, &state, hex));
      ck_assert_str_eq(hex, GOLDEN);
      mst_state_clear(&state);
    }
  }
  mst_free(a);
  mst_team_destroy(team);
}
END_TEST

START_TEST(any_change_changes_the_digest) {
  mst_team *team = make_team(0);
  arrays *a = get(1, sizeof *a);
  char hex[MST_DIGEST_HEX];
  mst_state state;
  for (int change = 0; change < 6; change++) {
    fill(a);
    make_state(&state, team, a, 1);
    if (change == 0) a->weights[ROWS - 1][COLUMNS - 1] += 0x1p-40;
    if (change == 1) a->flags[0] ^= 128;
    if (change == 2) strcpy(state.item[2].name, "label");
    if (change == 3) state.item[1].type = MST_I32;
    if (change == 4)
      state.item[2].shape[0] = 4, state.item[2].shape[1] = 1, state.item[2].count = 4;
    if (change == 5) state.n--;
    ck_ok(mst_team_digest(team, &state, hex));
    ck_assert_str_ne(hex, GOLDEN);
    mst_state_clear(&state);
  }
  mst_free(a);
  mst_team_destroy(team);
}
END_TEST

START_TEST(shards_with_a_gap_are_refused) {
  mst_team *team = make_team(0);
  int64_t p = mst_team_size(team), r = mst_team_rank(team), rows = 2 * p + 1;
  int64_t data[2] = {1, 2};
  char hex[MST_DIGEST_HEX];
  mst_state state;
  mst_state_init(&state);
  ck_ok(mst_state_add_shard(&state, "short", MST_I64, 1, &rows, 2 * r, 2, data));
  ck_refused(mst_team_digest(team, &state, hex), MST_ERR_INTERNAL, "short: the shards hold");
  mst_state_clear(&state);
  mst_state_init(&state);
  ck_ok(mst_state_add_shard(&state, "gap", MST_I64, 1, &rows, 2 * r + (r == p - 1), 2, data));
  ck_refused(mst_team_digest(team, &state, hex), MST_ERR_INTERNAL, "gap: rank");
  mst_state_clear(&state);
  mst_team_destroy(team);
}
END_TEST

START_TEST(a_rank_without_memory_stops_all_ranks) {
  mst_team *team = make_team(0);
  arrays *a = get(1, sizeof *a);
  char hex[MST_DIGEST_HEX];
  mst_state state;
  fill(a);
  make_state(&state, team, a, 1);
  if (mst_team_rank(team) == mst_team_size(team) - 1) mst_memory_fail_at(1);
  ck_refused(mst_team_digest(team, &state, hex), MST_ERR_MEMORY, "shards");
  mst_memory_fail_at(0);
  mst_state_clear(&state);
  mst_free(a);
  mst_team_destroy(team);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("digest");
  TCase *c = tcase_create("digest");
  tcase_add_test(c, the_digest_is_golden_in_every_layout);
  tcase_add_test(c, any_change_changes_the_digest);
  tcase_add_test(c, shards_with_a_gap_are_refused);
  tcase_add_test(c, a_rank_without_memory_stops_all_ranks);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
