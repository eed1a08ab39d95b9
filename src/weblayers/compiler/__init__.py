"""From a graph to a plan of draws: simplify, fuse, place in textures, generate shaders."""
