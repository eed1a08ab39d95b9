"""Keras' own files, read and written with h5py."""
