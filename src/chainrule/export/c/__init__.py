"""C: a model as one file of C99 that allocates nothing and needs math.h alone."""
