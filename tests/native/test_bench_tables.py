"""The benchmark's report becomes the README's tables."""

import re
from pathlib import Path

import pytest

from tools import bench_tables as tables

ROOT = Path(__file__).parents[2]

REPORT = {
    "workloads": {
        "xor": {
            "draws": 4,
            "multiply_adds": 96,
            "ms": {
                "wasm": {"fit": 0.02},
                "webgl": {"fit": 0.5},
                "tfjs_webgl": {"fit": 3.0, "minimize": 2.0},
                "tfjs_cpu": {"fit": 1.5, "minimize": 1.25},
                "jax_wasm": {"step": 0.3},
            },
            "first_step_ms": {
                "wasm": 41.26,
                "webgl": 200,
                "page": 50,
                "tfjs_webgl": 500,
                "tfjs_cpu": 2,
                "jax_wasm": 30,
            },
            "compile_ms": {"wasm": {"trace": 3.21, "lower": 12.3, "print": 4.4, "compile": 1.7}},
            "cannot": {},
        },
        "predict_mobilenet": {
            "draws": 30,
            "multiply_adds": 180_000_000,
            "ms": {"wasm": {"predict": 20}},
            "first_step_ms": {"wasm": 400},
            "compile_ms": {"wasm": {"trace": 90, "lower": 80, "print": 70}},
            "cannot": {"tfjs_wasm": "no such kernel"},
        },
    },
    "products": {
        "mlp": {
            "step_ms": 4.0,
            "products": [
                {"product": "dot of 128x784 and 784x128", "flops": 25690112, "inside_ms": 1.5, "alone_ms": 1.2},
                {"product": "dot of 128x10 and 128x10", "flops": 327680, "inside_ms": 0.01, "alone_ms": 0.02},
            ],
        },
    },
    "browser": "Chromium 1",
    "renderer": "SwiftShader",
    "cores": 2,
    "isolated": False,
    "rounds": 5,
    "date": "2026-01-02",
}


def test_ratios_take_the_fastest_way_of_the_fastest_peer():
    found = tables.ratios(REPORT["workloads"]["xor"])
    assert found == pytest.approx({"tfjs_webgl/wasm": 100, "cpu_peer/wasm": 15, "tfjs_webgl/webgl": 4})


def test_what_did_not_run_has_no_ratio():
    assert tables.ratios(REPORT["workloads"]["predict_mobilenet"]) == {}
    head, _, mobilenet = tables.step_rows(REPORT)
    assert dict(zip(head, mobilenet, strict=True)) == {
        "ms per training step": tables.WORKLOADS["predict_mobilenet"],
        "WebAssembly": "20",
        "WebGL": "-",
        "TensorFlow.js WebGL": "-",
        "TensorFlow.js CPU": "-",
        "jax-js WebAssembly": "-",
        "times TensorFlow.js WebGL": "-",
        "times others on CPU": "-",
    }
    assert tables.cannot(REPORT) == ["TensorFlow.js WebAssembly does not run predict_mobilenet: no such kernel"]


def test_compiling_is_told_by_its_parts():
    _, xor, mobilenet = tables.first_rows(REPORT)
    assert xor[-2:] == ["3.2 + 12 + 4.4 + 1.7", "4"]
    assert mobilenet[-2] == "90 + 80 + 70 + -"


def test_products_that_take_time_are_rates():
    _, product = tables.product_rows(REPORT)
    assert product == ["mlp: dot of 128x784 and 784x128", "21", "17", "80%", "38%"]


def test_limits_are_those_of_the_fastest_product():
    (*_, least, _), *rows = tables.limit_rows(REPORT)
    assert least == "ms at 21 GFLOP/s"
    assert rows == [[tables.WORKLOADS["predict_mobilenet"], "180", "20", "17", "84%"]]


def test_plain_tables_are_aligned():
    lines = tables.plain(tables.step_rows(REPORT)).splitlines()
    assert len({len(line) for line in lines}) == 1


def test_the_readme_is_written_between_its_markers_alone():
    begin, end = tables.MARKERS
    made = tables.readme_with(f"before\n{begin}\nold\n{end}\nafter\n", REPORT)
    assert made.startswith(f"before\n{begin}\nChromium 1 on 2 cores, one thread each")
    assert made.endswith(f"|\n{end}\nafter\n") and "old" not in made
    assert tables.readme_with(made, REPORT) == made
    with pytest.raises(ValueError, match="found 0"):
        tables.readme_with("no markers", REPORT)


def test_browsers_are_columns_beside_each_other():
    """And what was not measured is none."""
    xor = {**REPORT["workloads"]["xor"], "first_step_ms": {"webgl": 100, "tfjs_webgl": 300}}
    other = {**REPORT, "browser": "Firefox 2", "workloads": {"xor": xor}}
    head, *rows = tables.browser_rows([REPORT, other])
    assert head[1:] == [
        "Chromium", "Firefox", "Chromium, first step", "Firefox, first step", "Chromium, first step of a page"
    ]  # fmt: skip
    assert [row for row in rows if row[0] == tables.WORKLOADS["xor"]] == [
        [tables.WORKLOADS["xor"], "4", "4", "2.5", "3", "10"]
    ]


def test_the_guide_to_speed_has_their_table():
    text = (ROOT / "docs" / "speed.md").read_text()
    made = tables.guide_with(text, [REPORT])
    assert "| 4 | 2.5 |" in made and tables.guide_with(made, [REPORT]) == made


def test_what_is_too_short_for_a_clock_is_no_rate():
    products = [{"product": "dot", "flops": 1e6, "inside_ms": 0, "alone_ms": 0}]
    report = {**REPORT, "products": {"mlp": {"step_ms": 4.0, "products": products}}}
    assert tables.limit_rows(report) == [] and len(tables.product_rows(report)) == 1


def test_the_readme_has_the_tables_and_every_workload_a_name():
    text = (ROOT / "README.md").read_text()
    tables.readme_with(text, REPORT)
    sizes = (ROOT / "tests" / "perf" / "workloads.js").read_text()
    assert set(re.findall(r"^  (\w+): \{$", sizes, re.M)) == set(tables.WORKLOADS)
