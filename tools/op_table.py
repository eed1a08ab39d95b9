"""Writes docs/ops.md: for every op, where it runs, and whether it has a gradient.

Usage: op_table.py [--check]
"""

import collections
import inspect
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests import kernel_cases, matrix_cases, window_cases  # noqa: E402, F401
from tests.golden import kernels  # noqa: E402
from tests.op_cases import FLAT, OPS  # noqa: E402
from weblayers.naming import snake  # noqa: E402
from weblayers.ops import dispatch  # noqa: E402

PATH = ROOT / "docs" / "ops.md"

HEAD = """# Ops

*Runs* says where: on the device (the GPU, or NumPy where there is none), or on the host, as its results have shapes
that depend on values. *Gradient*: what has one is compared with finite differences, on random shapes; "zero" is
constant between jumps, or gives integers or booleans. *TensorFlow.js* counts the recorded calls of its kernels that are
repeated here. Functions are in `wl`, those with a dot in their namespace; TensorFlow.js' spelling works too.
Made by `tools/op_table.py`; a test holds it up to date.

| op | runs | gradient | TensorFlow.js | |
|---|---|---|---|---|
"""

_MAKES = "makes a tensor"
_RANKED = "as of any rank"
_CREATION = """
buffer clone eye fill linspace meshgrid ones ones_like print range scalar tensor tensor1d tensor2d tensor3d tensor4d
tensor5d tensor6d variable zeros zeros_like cosine_window signal.hann_window signal.hamming_window
"""
# Why an op is not in the table of cases.
OTHERWISE = {
    **dict.fromkeys(_CREATION.split(), _MAKES),
    **dict.fromkeys([name for name in dispatch.OPS if re.fullmatch(r"(?!conv|tensor|as).*[a-z][1-4]d", name)], _RANKED),
    **dict.fromkeys(["random_normal", "random_standard_normal", "random_uniform", "random_uniform_int"], _MAKES),
    **dict.fromkeys(("enclosing_power_of_two", "sum_out_type", "upcast_type"), "-"),
    "truncated_normal": _MAKES,
    "multinomial": _MAKES,
    "dropout": "yes, of the mask's values",
    "multi_rnn_cell": "of its cells",
    "image.pixel_grid": _MAKES,
    **{f"browser.{name}": "-" for name in ("draw", "from_pixels", "from_pixels_async", "to_pixels")},
}


def tested() -> dict[str, str]:
    """What the table of cases says of the gradient of each op."""
    found: dict[str, str] = {}
    for name in OPS:
        op = name.split()[0].rstrip(",")
        if name not in FLAT or op not in found:
            found[op] = "zero" if name in FLAT else "yes"
    return found


def is_on_host(name: str) -> bool:
    return "Runs on the host" in (dispatch.OPS[name].__doc__ or "")


def missing() -> list[str]:
    """Ops on the device that neither the table of cases nor :data:`OTHERWISE` has."""
    known = tested()
    return sorted(n for n in dispatch.OPS if n not in known and n not in OTHERWISE and not is_on_host(n))


def rows() -> list[str]:
    counts: collections.Counter[str] = collections.Counter()
    for case in kernels():
        kernel = case["kernel"]
        if kernel_cases.is_supported(case) and not kernel_cases.is_departure(case):
            gradient = kernel_cases.GRADIENTS.get(kernel)
            counts[gradient[0] if gradient else kernel_cases.NAMES.get(kernel, snake(kernel))] += 1
    gradients, out = tested(), []
    for name, fn in sorted(dispatch.OPS.items()):
        host = is_on_host(name)
        gradient = gradients.get(name, "-" if host else OTHERWISE.get(name, "?"))
        first = (inspect.getdoc(fn) or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
        first = re.sub(r":\w+:`~?([^`]*)`", r"`\1`", first).replace("``", "`")
        cells = ["host" if host else "device", gradient, str(counts[name] or "-"), first]
        out.append(f"| `{name}` | {' | '.join(cells)} |")
    return out


def main() -> None:
    text = HEAD + "\n".join(rows()) + "\n"
    if "--check" in sys.argv:
        if not PATH.exists() or PATH.read_text() != text:
            sys.exit(f"{PATH.relative_to(ROOT)} is out of date: run tools/op_table.py")
        return
    PATH.write_text(text)


if __name__ == "__main__":
    main()
