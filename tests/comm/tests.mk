# test programs of comm
