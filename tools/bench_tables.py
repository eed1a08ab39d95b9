"""The benchmark's report as tables: for the terminal, and for the README between its markers."""

import textwrap
from collections.abc import Callable, Sequence
from itertools import zip_longest

from tools.marked import between

WORKLOADS = {
    "dense1": "Dense(1), SGD, batch 4",
    "xor": "XOR, 2-8-1, SGD, 4 samples",
    "playground": "2-8-8-1 network on 256 points, SGD, batch 32",
    "regression": "8-32-1 network, Adam, batch 32",
    "mlp": "784-128-10 network, Adam, batch 128",
    "mnist_cnn": "convolutional network, 28x28, Adam, batch 64",
    "lstm": "LSTM(64) over 40 steps, batch 32",
    "gru": "GRU(64) over 40 steps, batch 32",
    "text": "embedding and bidirectional LSTM(32), 40 words, batch 32",
    "cnn_batchnorm": "convolutions with batch normalization, 32x32x3, batch 32",
    "autoencoder": "autoencoder with transposed convolutions, 28x28, batch 32",
    "transformer": "Transformer, 2 blocks of 64, 64 tokens, batch 16",
    "predict_mobilenet": "prediction with MobileNet, 128x128, one image",
    "predict_mobilenet_8": "prediction with MobileNet, 128x128, 8 images",
}
CONTENDERS = {
    "wasm": "WebAssembly",
    "webgl": "WebGL",
    "numpy": "NumPy",
    "page": "a page with a GPU",
    "tfjs_webgl": "TensorFlow.js WebGL",
    "tfjs_cpu": "TensorFlow.js CPU",
    "tfjs_wasm": "TensorFlow.js WebAssembly",
    "jax_wasm": "jax-js WebAssembly",
}
# the peers that compute where ours on WebAssembly does
CPU_PEERS = ("tfjs_cpu", "tfjs_wasm", "jax_wasm")
# the least part of a step's time of a product that is told of
LEAST_PART = 0.03
# of multiply-adds, below which products are not what a step consists of
LEAST_WORK = 1e6
# what compiling consists of; the browser's part of a prediction is not told apart
PARTS = ("trace", "lower", "print", "compile")
MARKERS = "<!-- measured: tools/bench.py --readme writes what is between -->", "<!-- /measured -->"
GUIDE_MARKERS = "<!-- measured: tools/bench.py --docs writes what is between -->", "<!-- /measured -->"

NOT_RUN: dict = {"ms": {}, "first_step_ms": {}}

Rows = list[list[str]]


def best(workload: dict, *names: str) -> float | None:
    """Milliseconds of the fastest way of those contenders that ran."""
    return min((ms for name in names for ms in workload["ms"].get(name, {}).values()), default=None)


def ratios(workload: dict) -> dict[str, float]:
    """How many times as long the peers take."""
    pairs = {
        "tfjs_webgl/wasm": (best(workload, "tfjs_webgl"), best(workload, "wasm")),
        "cpu_peer/wasm": (best(workload, *CPU_PEERS), best(workload, "wasm")),
        "tfjs_webgl/webgl": (best(workload, "tfjs_webgl"), best(workload, "webgl")),
    }
    return {name: times for name, pair in pairs.items() if (times := _over(*pair)) is not None}


def number(value: float | None, unit: str = "") -> str:
    """Two significant digits below a hundred; a dash for what there is not."""
    if value is None:
        return "-"
    return f"{value:.0f}{unit}" if value >= 10 else f"{value:.2g}{unit}"


def step_rows(report: dict) -> Rows:
    """A row for each workload: milliseconds of a step by contender, and the ratios."""
    names = [n for n in CONTENDERS if any(n in w["ms"] for w in report["workloads"].values())]
    head = ["ms per training step", *(CONTENDERS[n] for n in names), "times TensorFlow.js WebGL", "times others on CPU"]
    rows = [head]
    for key, workload in report["workloads"].items():
        times = ratios(workload)
        rows.append(
            [
                WORKLOADS[key],
                *(number(best(workload, n)) for n in names),
                number(times.get("tfjs_webgl/wasm")),
                number(times.get("cpu_peer/wasm")),
            ]
        )
    return rows


def first_rows(report: dict) -> Rows:
    """A row for each workload: draws, milliseconds of the first step by contender, and what compiling takes of ours."""
    names = [n for n in CONTENDERS if any(n in w["first_step_ms"] for w in report["workloads"].values())]
    heads = ["ms of the first step", *(CONTENDERS[n] for n in names), "WebAssembly: " + "+".join(PARTS), "draws"]
    rows = [heads]
    for key, workload in report["workloads"].items():
        spent = workload["compile_ms"].get("wasm", {})
        firsts = (number(workload["first_step_ms"].get(n)) for n in names)
        compiling = " + ".join(number(spent.get(part)) for part in PARTS)
        rows.append([WORKLOADS[key], *firsts, compiling, str(workload["draws"])])
    return rows


def product_rows(report: dict) -> Rows:
    """A row for each product of a step on WebAssembly: GFLOP/s of its kernel alone and inside the step.

    Those that take next to no time are left out: they are shorter than what the page's clock tells apart.
    """
    rows = [["products on WebAssembly", "GFLOP/s alone", "in a step", "share of it", "of the step's time"]]
    for key, step in report["products"].items():
        for product in _timed(step):
            part = product["inside_ms"] / step["step_ms"]
            if part < LEAST_PART:
                continue
            alone, inside = (product["flops"] / product[f"{where}_ms"] / 1e6 for where in ("alone", "inside"))
            name = f"{key}: {product['product']}"
            rows.append([name, number(alone), number(inside), f"{inside / alone:.0%}", f"{part:.0%}"])
    return rows


def _timed(step: dict) -> list[dict]:
    """The products of a step whose times are known: a browser with a coarse clock does not tell those of small ones."""
    return [product for product in step["products"] if product["alone_ms"] and product["inside_ms"]]


def limit_rows(report: dict) -> Rows:
    """A row for each workload that has products: what its step takes on WebAssembly, and what these would at least.

    That is at the rate of the fastest product that was measured by itself: no order of sums, no plan is faster.
    """
    each = [product for step in report["products"].values() for product in _timed(step)]
    fastest = max((product["flops"] / product["alone_ms"] / 1e6 for product in each), default=None)
    if fastest is None:
        return []
    heads = ["limits on WebAssembly", "M multiply-adds", "ms a step", f"ms at {fastest:.0f} GFLOP/s", "share"]
    rows = [heads]
    for key, workload in report["workloads"].items():
        took, work = best(workload, "wasm"), workload["multiply_adds"]
        if took is None or work < LEAST_WORK:
            continue
        least = 2 * work / fastest / 1e6
        rows.append([WORKLOADS[key], number(work / 1e6), number(took), number(least), f"{least / took:.0%}"])
    return rows


def browser_rows(reports: Sequence[dict]) -> Rows:
    """A row for each workload: how many times as long as ours on WebGL TensorFlow.js' takes in each browser, a step and
    the first one, and how many times as long as the first one on a page that hands steps over to a GPU, if measured.
    """
    kinds: dict[str, Callable[[dict], float | None]] = {
        "": lambda workload: ratios(workload).get("tfjs_webgl/webgl"),
        ", first step": lambda workload: _first(workload, "webgl"),
        ", first step of a page": lambda workload: _first(workload, "page"),
    }
    columns = {
        report["browser"].split()[0] + kind: [ratio(report["workloads"].get(key, NOT_RUN)) for key in WORKLOADS]
        for kind, ratio in kinds.items()
        for report in reports
    }
    told = {name: values for name, values in columns.items() if any(values)}
    rows = zip(WORKLOADS.values(), *told.values(), strict=True)
    return [["times TensorFlow.js, both on WebGL", *told], *([title, *map(number, found)] for title, *found in rows)]


def _first(workload: dict, ours: str) -> float | None:
    """How many times as long TensorFlow.js' first step takes."""
    return _over(*(workload["first_step_ms"].get(name) for name in ("tfjs_webgl", ours)))


def _over(theirs: float | None, ours: float | None) -> float | None:
    return theirs / ours if theirs and ours else None


def markdown(rows: Rows) -> str:
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


def plain(rows: Rows) -> str:
    """Columns under each other; long heads are broken at their spaces."""
    first, *others = rows[0]
    heads = zip_longest([first], *(head.split(" ") for head in others), fillvalue="")
    table = [*heads, *rows[1:]]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in table
    )


def where(report: dict) -> str:
    """One sentence on the machine."""
    threads = "as many threads as they like" if report["isolated"] else "one thread each"
    return (
        f"{report['browser']} on {report['cores']} cores, {threads},"
        f" WebGL drawn by {report['renderer'] or 'nobody'};"
        f" rounds: {report['rounds']}, of which the medians; {report['date']}."
    )


def cannot(report: dict) -> list[str]:
    """What peers did not run, and why."""
    return [
        f"{CONTENDERS[who]} does not run {key}: {reason}"
        for key, workload in report["workloads"].items()
        for who, reason in workload["cannot"].items()
    ]


def readme_with(text: str, report: dict) -> str:
    """The README with the report between its markers."""
    shown = filter(None, (step_rows(report), first_rows(report), product_rows(report), limit_rows(report)))
    block = "\n\n".join([textwrap.fill(where(report), 120), *map(markdown, shown)])
    return between(text, MARKERS, f"\n{block}\n")


def guide_with(text: str, reports: Sequence[dict]) -> str:
    """The guide to speed with browsers' reports between its markers."""
    machines = "\n".join(textwrap.fill(f"- {where(report)}", 120, subsequent_indent="  ") for report in reports)
    return between(text, GUIDE_MARKERS, f"\n{markdown(browser_rows(reports))}\n\n{machines}\n\n")
