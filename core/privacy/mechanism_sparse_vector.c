/* The sparse vector technique (Dwork, Naor, Reingold, Rothblum and Vadhan 2009; Dwork and Roth
 * 2014, section 3.6) in the table; its functions are in core/privacy/sparse_vector.h. */
#include "core/privacy/mechanism_member.h"

const mst_mechanism_ops mst_mechanism_sparse_vector = {
    .name = "sparse_vector",
    .summary = "which of many queries are above a threshold; reusable holdout; exact",
    .exact = true,
};
