"""Models: layers in order, and how they are trained."""
