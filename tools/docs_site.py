"""What the documentation site has beside the pages of docs/: the reference, the changelog, programs that run.

A hook of MkDocs, named in mkdocs.yml.
"""

import importlib
import inspect
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import weblayers as wl
from weblayers.ops.dispatch import NAMESPACES, OPS

ROOT = Path(__file__).parents[1]
# The runtime's script, from the folder of the docs.
SCRIPT = "../weblayers/weblayers-run.js"
# A block of Python that readers can run: "python" with one more word, which other readers of Markdown ignore.
RUNNABLE = re.compile(r"^```python run\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Classes that are more than what makes them: their methods are part of the reference.
WITH_METHODS = (
    wl.Model,
    wl.Functional,
    wl.Sequential,
    wl.layers.Layer,
    wl.optimizers.Optimizer,
    wl.losses.Loss,
    wl.metrics.Metric,
    wl.data.Dataset,
    wl.data.LazyIterator,
    wl.data.Vocabulary,
    wl.Tensor,
    wl.Variable,
    wl.TensorBuffer,
    wl.GradientTape,
    wl.models.promise.FitPromise,
    wl.vis.Chart,
    wl.vis.Visor,
    wl.page.Control,
    wl.page.Button,
    wl.page.Run,
    wl.models.watching.Watch,
    wl.models.watching.Capture,
)
# What models and layers tell each other, and nobody else.
INTERNAL = [
    "arranged",
    "calls",
    "check_usable",
    "ensure_built",
    "find_layer",
    "fixed_batch",
    "free",
    "give_back",
    "graph_changed",
    "inbound_calls",
    "made_on_host",
    "match_inputs",
    "model_inputs",
    "output_specs",
    "outputs_for",
    "own_metrics",
    "read_batch",
    "references",
    "runs_on_host",
    "samples",
    "static_outputs",
    "steps",
    "sublayers",
]
FACTORIES = (
    "Each has a factory by the name in snake_case, which TensorFlow.js' camelCase finds too: `Conv2D`, `conv2d`."
)


# -- the reference ----------------------------------------------------------------------------------------------------


def public(module: Any) -> list[Any]:
    """The classes and functions that a module is asked for, each once."""
    names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
    values = [getattr(module, n) for n in names]
    mine = [v for v in values if callable(v) and getattr(v, "__module__", "").startswith(wl.__name__)]
    return distinct(v for v in mine if inspect.isclass(v) or inspect.isfunction(v))


def distinct(values: Iterable[Any]) -> list[Any]:
    return list({id(v): v for v in values if inspect.getdoc(v)}.values())


def own(module: Any) -> list[Any]:
    """The public classes and functions that are written in a module."""
    return [v for v in public(module) if v.__module__ == module.__name__]


def entry(value: Any) -> str:
    """The reference of a class or function."""
    lines = [f"::: {value.__module__}.{value.__qualname__}"]
    if value in WITH_METHODS:
        lines += [
            "    options:",
            "      members: null",
            f"      filters: ['!^_', '!^({'|'.join(INTERNAL)})$']",
            f"      inherited_members: {inherited(value)}",
        ]
    return "\n".join(lines) + "\n"


def inherited(cls: type) -> list[str]:
    """What a class has from bases that are not in the reference themselves."""
    covered = {base for known in cls.__mro__[1:] if known in WITH_METHODS for base in known.__mro__}
    members = {name: value for base in cls.__mro__ if base not in covered for name, value in vars(base).items()}
    described = (n for n, v in members.items() if callable(v) or isinstance(v, property | classmethod))
    return sorted(name for name in described if not name.startswith("_") and name not in INTERNAL)


def is_written(value: Any) -> bool:
    """Whether a module's source has a class or function; some are made of others."""
    source = inspect.getsource(importlib.import_module(value.__module__))
    return re.search(rf"^(class|def|async def) {value.__qualname__}\b", source, re.MULTILINE) is not None


def plain(text: str) -> str:
    """A docstring's first paragraph, in Markdown."""
    return re.sub(r":\w+:`([^`]+)`", r"`\1`", " ".join(text.split("\n\n")[0].split()))


def page(title: str, text: str, values: Sequence[Any]) -> str:
    """A page of the reference: what is written has an entry, what is made of others a row in a table."""
    made = [f"| `{v.__name__}` | {plain(inspect.getdoc(v) or '')} |" for v in values if not is_written(v)]
    table = "\n".join(["\n## Made of others\n", "| | |", "|---|---|", *made, ""]) if made else ""
    return f"# {title}\n\n{text}\n\n" + "\n".join(entry(v) for v in values if is_written(v)) + table


def summary(module: Any) -> str:
    return plain(inspect.getdoc(module) or "")


def layer_pages() -> dict[str, tuple[str, str]]:
    """A page for each family of layers, by its path: title and text."""
    families = defaultdict(list)
    for name, cls in sorted(wl.layers.CLASSES.items()):
        if cls.__module__.startswith("weblayers.layers.") and cls.__name__ == name:
            families[cls.__module__].append(cls)
    base = page("Layer", "What every layer is; see [layers of your own](../custom_layers.md).", [wl.layers.Layer])
    pages = {"api/layer.md": ("Layer", base)}
    for module, classes in families.items():
        name = module.rpartition(".")[2]
        title = name.replace("_", " ").capitalize()
        text = f"{summary(importlib.import_module(module))} {FACTORIES}"
        pages[f"api/layers_{name}.md"] = (title, page(title, text, classes))
    return pages


def op_pages() -> dict[str, tuple[str, str]]:
    """A page for each namespace of ops, and for each family of those that are in none."""
    families = defaultdict(list)
    for name, fn in sorted(OPS.items()):
        module = fn.__module__.removeprefix("weblayers.ops.").partition(".")[0]
        families[module].append((name, fn))
    families["control"] = [("scan", wl.scan)]
    families["differentiation"] = [(v.__name__, v) for v in own(wl.ops.differentiation)]
    families["functions"] = [("function", wl.function)]
    pages = {}
    for name in sorted(families):
        spaced = name in NAMESPACES
        title = f"wl.{name}" if spaced else name.capitalize()
        module = importlib.import_module(f"weblayers.ops.{name}")
        names = ", ".join(f"`wl.{n}`" for n, _ in families[name])
        pages[f"api/ops_{name}.md"] = (
            title,
            page(title, f"{summary(module)}\n\n{names}", distinct(fn for _, fn in families[name])),
        )
    return pages


def module_pages() -> dict[str, tuple[str, str]]:
    """A page for each of the other namespaces."""
    tensors = [wl.Tensor, wl.Variable, wl.TensorBuffer, wl.tidy, wl.keep, wl.dispose, wl.memory, wl.profile, wl.time]
    devices = [wl.get_backend, wl.set_backend, wl.why, wl.ready, wl.next_frame, wl.set_random_seed, wl.DeviceLostError]
    debugging = [wl.enable_debug_mode, wl.enable_prod_mode, wl.dispose_variables]
    models = [wl.Model, wl.Sequential, wl.Functional, wl.models.promise.FitPromise, wl.plot_model]
    losses = [wl.losses.Loss, wl.losses.Reduction, *wl.losses.CLASSES.values(), *own(wl.losses.functions)]
    metrics = [c for c in public(wl.metrics) if inspect.isclass(c) and c is not wl.Tensor]
    content = {
        "models": ("Models", wl.models, models),
        "tensors": ("Tensors and devices", None, [*tensors, *devices, *debugging]),
        "optimizers": ("Optimizers", wl.optimizers, [c for c in public(wl.optimizers) if inspect.isclass(c)]),
        "schedules": ("Schedules", wl.optimizers.schedules, public(wl.optimizers.schedules)),
        "losses": ("Losses", wl.losses, distinct(losses)),
        "metrics": ("Metrics", wl.metrics, metrics),
        "callbacks": ("Callbacks", wl.callbacks, public(wl.callbacks)),
        "activations": ("Activations", wl.activations, own(wl.activations)),
        "initializers": ("Initializers", wl.initializers, own(wl.initializers)),
        "regularizers": ("Regularizers", wl.regularizers, own(wl.regularizers)),
        "constraints": ("Constraints", wl.constraints, own(wl.constraints)),
        "data": ("wl.data", wl.data, public(wl.data)),
        "io": ("wl.io", wl.io, public(wl.io)),
        "utils": ("wl.utils", wl.utils, own(wl.utils)),
        "page": ("wl.page", wl.page, public(wl.page)),
        "vis": ("wl.vis", wl.vis, public(wl.vis)),
        "vis_render": ("wl.vis.render", wl.vis.render, public(wl.vis.render)),
        "vis_show": ("wl.vis.show", wl.vis.show, public(wl.vis.show)),
        "vis_metrics": ("wl.vis.metrics", wl.vis.metrics, public(wl.vis.metrics)),
    }
    return {
        f"api/{name}.md": (title, page(title, summary(module) if module else "", values))
        for name, (title, module, values) in content.items()
    }


REFERENCE = {"Modules": module_pages(), "Layers by family": layer_pages(), "Ops by family": op_pages()}


# -- MkDocs' events ---------------------------------------------------------------------------------------------------


def on_config(config: MkDocsConfig) -> None:
    # it would hold absolute URLs
    config.theme.static_templates.discard("404.html")
    assert config.nav is not None
    reference: list[Any] = next(part["Reference"] for part in config.nav if "Reference" in part)
    for group, pages in REFERENCE.items():
        reference.append({group: [{title: path} for path, (title, _) in pages.items()]})


def on_files(files: Files, config: MkDocsConfig) -> None:
    for pages in REFERENCE.values():
        for path, (_, text) in pages.items():
            files.append(File.generated(config, path, content=text))
    files.append(File.generated(config, "assets/icon.svg", abs_src_path=str(ROOT / "demo_site" / "icon.svg")))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace("](docs/", "](")
    files.append(File.generated(config, "changelog.md", content=changelog))


def runnable(match: re.Match[str]) -> str:
    code = match[1].replace("</script", "<\\/script")
    return f'<div>\n<weblayers-run editable><script type="text/x-python">\n{code}</script></weblayers-run>\n</div>'


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    return RUNNABLE.sub(runnable, markdown)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    if "<weblayers-run" not in content:
        return content
    return content + f'<script src="{"../" * page.url.count("/")}{SCRIPT}"></script>'


def on_post_build(config: MkDocsConfig) -> None:
    # the theme's words of other languages, and what only its authors need
    shutil.rmtree(Path(config.site_dir, "assets", "javascripts", "lunr"))
    for path in Path(config.site_dir, "assets").rglob("*.map"):
        path.unlink()
    # a map of the site has URLs, which nobody knows yet
    for name in ("sitemap.xml", "sitemap.xml.gz"):
        Path(config.site_dir, name).unlink(missing_ok=True)
