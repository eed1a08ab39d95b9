"""Plans as WebAssembly: the third reading of what `shader` builds.

`assembler` writes modules, `analysis` and `addresses` find out what a shader's values depend on and where its texels
lie, `emission` prints a shader as a function, `mathematics` has the functions that WebAssembly lacks, and `module` puts
a plan's functions together.
"""
