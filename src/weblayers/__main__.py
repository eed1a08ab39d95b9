"""``weblayers convert IN OUT``: models and weights from one format into another, on the command line."""

from __future__ import annotations

import argparse
import asyncio
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from . import io

_EPILOG = """\
formats, by suffix:
  a folder, or a .json file   TensorFlow.js (model.json with its weights), also from http(s):// URLs
  .keras                      Keras 3
  .h5, .hdf5                  Keras 2 and 3
  .weights.h5, .safetensors   weights alone; to make a model of them, say whose layers they are with --topology
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("weblayers", description="Neural networks of Keras and TensorFlow.js in Python.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    convert = commands.add_parser(
        "convert",
        help="a model from one format into another",
        description="Convert a model from one format into another.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    convert.add_argument("source", metavar="IN", help="a path or URL")
    convert.add_argument("target", metavar="OUT", help="a path; what is there is replaced")
    convert.add_argument("--quantization", choices=("float16", "uint8", "uint16"), help="smaller TensorFlow.js weights")
    convert.add_argument(
        "--topology", metavar="MODEL", help="the model whose weights IN holds, where it holds no layers"
    )
    return parser


def _weights_only(path: str) -> bool:
    return path.endswith((".weights.h5", ".safetensors"))


async def convert(source: str, target: str, quantization: str | None = None, topology: str | None = None) -> None:
    """Convert a model from one format, which the suffix tells, into another.

    Raises:
        ValueError: the formats do not fit, or a ModelFileError.
        OSError: the target cannot be written.
    """
    if Path(target).suffix in (".keras", ".h5", ".hdf5", ".safetensors") and quantization is not None:
        raise ValueError(f"{target}: only TensorFlow.js' files hold quantized weights")
    if topology is None and _weights_only(source):
        raise ValueError(f"{source} holds weights, but no layers: say with --topology which model they are of")
    model = await io.load_layers_model(source if topology is None else topology)
    if topology is not None:
        await model.load_weights(source)
    if _weights_only(target):
        await model.save_weights(target)
    else:
        await model.save(target, quantization=quantization, include_optimizer=model.is_compiled)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; gives 0, or 1 for a failure, which it prints."""
    given = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: print(f"weblayers: {message}", file=sys.stderr)
        try:
            asyncio.run(convert(given.source, given.target, given.quantization, given.topology))
        except (ValueError, OSError, ImportError) as error:
            print(f"weblayers: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
