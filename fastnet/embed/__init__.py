"""One trained net as one source file, in C or Fortran; imported by `export_c` and `export_fortran` only."""
