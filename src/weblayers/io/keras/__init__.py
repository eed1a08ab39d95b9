"""Keras' own files, read and written with h5py or, in pages, what is like it."""
