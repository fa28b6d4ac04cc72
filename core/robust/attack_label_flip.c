/* Label flipping: attackers train as they should, on labels y -> classes - 1 - y. Kind: in the data
 * (mst_attack_flip_labels); what is sent is what training gave. */
#include "core/robust/attack_member.h"

const mst_attack_ops mst_attack_label_flip = {
    .name = "label_flip",
    .summary = "trains on labels y -> classes - 1 - y",
    .needs = MST_ATTACK_LABELS | MST_ATTACK_EACH,
};
