"""Who executes: NumPy everywhere, WebGL2 in a browser. Tensors, their memory, and the choice of device."""
