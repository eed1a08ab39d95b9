"""The command line: ``weblayers convert IN OUT``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from .io import load_layers_model
from .io.formats import format_of

_WEIGHTS = (".weights.h5", ".safetensors")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if all went well, 1 for a file that is not as it should be, 2 for wrong arguments."""
    parser = argparse.ArgumentParser(prog="weblayers", description="Models between TensorFlow.js, Keras and weblayers.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    convert = verbs.add_parser(
        "convert",
        help="write a model in another format",
        description="Write a model in the format that the name of OUT says: .keras and .h5 are Keras', .weights.h5 and"
        " .safetensors hold the weights alone, and anything else is a folder (or a .json file) of TensorFlow.js.",
    )
    convert.add_argument("input", metavar="IN", help="a folder, model.json, .keras or .h5 file, or their URL")
    convert.add_argument("output", metavar="OUT", help="a folder or file")
    convert.add_argument(
        "--quantization", choices=("float16", "uint8", "uint16"), help="smaller weights, in TensorFlow.js' format only"
    )
    options = parser.parse_args(arguments)
    written = format_of(options.output, weights=True)
    if options.quantization and written:
        convert.error(f"--quantization is for TensorFlow.js' format, but OUT is a {written} file")
    try:
        asyncio.run(_convert(options.input, options.output, options.quantization))
    except (OSError, ValueError, ImportError) as error:
        print(f"weblayers convert: {error}", file=sys.stderr)
        return 1
    return 0


async def _convert(source: str, target: str, quantization: str | None) -> None:
    model = await load_layers_model(source)
    if target.endswith(_WEIGHTS):
        await model.save_weights(target)
    else:
        # a model that says how it is trained goes on saying so
        await model.save(target, include_optimizer=model.is_compiled, quantization=quantization)
    print(f"{target}: {model.class_name} with {len(model.layers)} layers and {model.count_params()} parameters")


if __name__ == "__main__":
    sys.exit(main())
