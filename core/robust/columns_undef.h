/* Takes back what one inclusion of columns_tile.h was given. */
#undef NAME
#undef REAL
#undef FLOATS
#undef DOUBLES
#undef LOAD_WIDE
#undef STORE_WIDE
#undef HALF_WIDE
#undef MIN
#undef MAX
#undef SORT
#undef MEDIAN
#undef EACH_SIZE
#undef OF_SORTED
#undef LANES
#undef WIDES
#undef INLINE
