"""The TensorFlow.js Layers API in pure Python, on WebGL2 in the browser and NumPy everywhere."""

__version__ = "0.1.0"
