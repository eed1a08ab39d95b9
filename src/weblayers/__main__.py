"""The command line: ``weblayers convert``, ``weblayers new``, ``weblayers build``, ``weblayers serve``."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .io import load_layers_model
from .io.formats import format_of

_WEIGHTS = (".weights.h5", ".safetensors")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 if all went well, 1 for a file that is not as it should be, 2 for wrong arguments."""
    parser = argparse.ArgumentParser(
        prog="weblayers", description="Models between TensorFlow.js, Keras and weblayers; pages from Python programs."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for add in (_add_convert, _add_new, _add_build, _add_serve):
        add(verbs)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (OSError, ValueError, ImportError) as error:
        print(f"weblayers {options.verb}: {error}", file=sys.stderr)
        return 1
    return 0


# -- convert ----------------------------------------------------------------------------------------------------------


def _add_convert(verbs: Any) -> None:
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

    def run(options: argparse.Namespace) -> None:
        written = format_of(options.output, weights=True)
        if options.quantization and written:
            convert.error(f"--quantization is for TensorFlow.js' format, but OUT is a {written} file")
        asyncio.run(_convert(options.input, options.output, options.quantization))

    convert.set_defaults(run=run)


async def _convert(source: str, target: str, quantization: str | None) -> None:
    model = await load_layers_model(source)
    if target.endswith(_WEIGHTS):
        await model.save_weights(target)
    else:
        # a model that says how it is trained goes on saying so
        await model.save(target, include_optimizer=model.is_compiled, quantization=quantization)
    print(f"{target}: {model.class_name} with {len(model.layers)} layers and {model.count_params()} parameters")


# -- pages ------------------------------------------------------------------------------------------------------------


def _add_new(verbs: Any) -> None:
    new = verbs.add_parser("new", help="begin a program for a page", description="Write a program and a test of it.")
    new.add_argument("folder", type=Path, metavar="NAME", help="a new folder")

    def run(options: argparse.Namespace) -> None:
        from .hosting.pages import new_page

        new_page(options.folder)
        print(f"{options.folder}/program.py: run it by Python, or make a page of it:")
        program = shlex.quote(f"{options.folder}/program.py")
        print(f"  weblayers build {program} --out site && weblayers serve site")

    new.set_defaults(run=run)


def _add_build(verbs: Any) -> None:
    build = verbs.add_parser(
        "build",
        help="make a page of a program",
        description="Write a page that runs PROGRAM into a folder, with all that it needs: copy it to any static host."
        " The first time, the runtime (Pyodide, NumPy and weblayers, 20 MB) is fetched by npm and pip.",
    )
    build.add_argument("program", type=Path, metavar="PROGRAM", help="a Python file; its docstring is the page's text")
    build.add_argument("--out", type=Path, default=Path("site"), help="the folder (default: site)")
    build.add_argument("--files", type=Path, nargs="*", default=[], help="what the program opens, beside or below it")
    build.add_argument("--packages", nargs="*", default=[], help="wheels, or packages of Pyodide that the runtime has")
    build.add_argument("--title", help="default: the docstring's first line")
    build.add_argument("--autorun", action="store_true", help="run without a click")
    build.add_argument("--offline", action="store_true", help="have it work without a network after the first visit")
    source = build.add_mutually_exclusive_group()
    source.add_argument("--runtime", help="a runtime's folder to copy, or the URL of one to use, instead of making one")
    source.add_argument("--pyodide", type=Path, help="the npm package pyodide, unpacked, instead of fetching it")

    def run(options: argparse.Namespace) -> None:
        from .hosting.obtaining import obtained_runtime
        from .hosting.pages import build_page

        given = options.runtime
        runtime = given if given and "://" in given else Path(given) if given else obtained_runtime(options.pyodide)
        build_page(
            options.program,
            options.out,
            runtime,
            options.files,
            options.packages,
            options.title,
            options.autorun,
            options.offline,
        )
        print(f"{options.out}: a page for any static host. To see it: weblayers serve {options.out}")

    build.set_defaults(run=run)


def _add_serve(verbs: Any) -> None:
    serve = verbs.add_parser("serve", help="serve a folder on this machine")
    serve.add_argument("folder", type=Path, nargs="?", default=Path("site"))
    serve.add_argument("--port", type=int, default=8000)

    def run(options: argparse.Namespace) -> None:
        from .hosting.server import serve as serving

        if not 0 <= options.port < 65536:
            raise ValueError(f"a port is a number from 0 to 65535, not {options.port}")
        if not options.folder.is_dir():
            raise OSError(f"there is no folder {options.folder}: weblayers build makes one")
        serving(options.folder, options.port)

    serve.set_defaults(run=run)


if __name__ == "__main__":
    sys.exit(main())
