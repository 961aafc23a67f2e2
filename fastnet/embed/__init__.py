"""A trained net elsewhere: as one source file, in C or Fortran; for scipy's C callbacks; for numba.  Imported when it is used."""
