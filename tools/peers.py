"""What pages load of the libraries that weblayers is compared with, and the modules that run all of them."""

from pathlib import Path

WASM_FILES = (
    "tf-backend-wasm.min.js",
    "tfjs-backend-wasm.wasm",
    "tfjs-backend-wasm-simd.wasm",
    "tfjs-backend-wasm-threaded-simd.wasm",
)
MODULES = ("contest.js", "jax.js", "jax_models.js", "models.js", "ours.js", "tfjs.js", "workloads.js", "workloads.py")
PERF = Path(__file__).parents[1] / "tests" / "perf"


def peer_files(packages: Path) -> dict[str, Path]:
    """The files of peers, by the name under which a page has them beside itself.

    Raises:
        SystemExit: they are not installed.
    """
    tensorflow, jax = packages / "@tensorflow", packages / "@jax-js" / "jax" / "dist"
    files = {"tf.min.js": tensorflow / "tfjs" / "dist" / "tf.min.js"}
    files |= {name: tensorflow / "tfjs-backend-wasm" / "dist" / name for name in WASM_FILES}
    missing = [path for path in (*files.values(), jax) if not path.exists()]
    if missing:
        raise SystemExit(f"{missing[0]} is missing: the packages of package-lock.json for tests are not installed")
    return files | {f"jax/{path.name}": path for path in jax.glob("*.js")}


def module_files() -> dict[str, Path]:
    """The modules that run workloads with weblayers and with its peers."""
    return {name: PERF / name for name in MODULES}
