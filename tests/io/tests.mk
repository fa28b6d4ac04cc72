# test programs of io
