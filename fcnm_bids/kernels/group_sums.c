/* Sums over participants. library.py loads what build_kernels.py, at the top of the repository,
 * makes of this file. Every variant for a processor has to give the same bits: the compiler neither
 * reorders nor contracts operations, so write fma() where a product and a sum are to be one. */

/* Increase this, and VERSION in library.py, with every change of a function or its arguments. */
int fcnm_kernels_version(void) { return 1; }
