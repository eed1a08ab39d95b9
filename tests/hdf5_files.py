"""HDF5 files as bytes, and what such files from outside may have in them."""

import io

import h5py
import numpy as np


def hdf5(fill):
    """A file that ``fill`` has written to."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    return buffer.getvalue()


def dense_weights(file):
    """Those of a dense layer of three inputs and two units, where Keras 3 has them."""
    variables = file.create_group("layers/dense/vars")
    variables["0"], variables["1"] = np.ones((3, 2), np.float32), np.ones(2, np.float32)


def soft(file):
    file["layers/dense/vars/2"] = h5py.SoftLink("/layers")


def virtual(file):
    layout = h5py.VirtualLayout((3, 2), np.float32)
    layout[:] = h5py.VirtualSource("other.h5", "secret", (3, 2))
    del file["layers/dense/vars/0"]
    file["layers/dense/vars"].create_virtual_dataset("0", layout)
