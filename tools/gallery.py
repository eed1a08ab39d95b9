"""The gallery: a page for each program of demo_site/programs, its docstring as prose, and a list of them all."""

import ast
import html
import re
from pathlib import Path

# In this order, from what is simplest.
PROGRAMS = (
    "first",
    "tensorflow_js",
    "regression",
    "spiral",
    "playground",
    "runs",
    "fashion",
    "camera",
    "autoencoder",
    "gan",
    "weather",
    "reviews",
    "sonnets",
    "gpt",
    "cartpole",
)

# Workers have no camera.
IN_THE_PAGE = ("camera",)

HEAD = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <meta name="description" content="{description}">
  <title>{title} · weblayers</title>
  <link rel="icon" href="{root}icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="{root}gallery.css">
{scripts}</head>
<body>
  <nav aria-label="Site">
    <a class="brand" href="{root}"><img src="{root}icon.svg" alt="" width="24" height="24"> weblayers</a>
    <a href="{root}gallery/">Gallery</a>
    <a href="{root}docs/">Documentation</a>
  </nav>
"""
PROGRAM = """  <main>
    <h1>{title}</h1>
{prose}
    <weblayers-run src="{name}.py" files="{files}" offline="{root}offline.js" editable linked{more}></weblayers-run>
    <noscript><p>This page runs a program: please allow JavaScript.</p></noscript>
  </main>
  <footer>
    <p>{data}<a href="{name}.py">{name}.py</a> is all the Python of this page. Nothing leaves your browser.</p>
    <p>{before}{after}</p>
  </footer>
</body>
</html>
"""
LIST = """  <main>
    <h1>Networks that learn in your browser</h1>
    <p>Each is one Python file: read it, change it, run it. It computes on your graphics processor or your processor,
      whichever is faster, and nothing leaves the page.</p>
    <ul class="cards">
{cards}
    </ul>
  </main>
</body>
</html>
"""
CARD = '      <li><a href="{href}"><strong>{title}</strong></a><span>{text}</span></li>'
DIGITS = ("../", "Handwritten digits", "Draw a digit and watch a network that has just learnt to read it.")

SPEED = (
    "../speed/",
    "Speed on this machine",
    "Train the same networks with weblayers, TensorFlow.js and jax-js, and compare.",
)


def described(source: str) -> tuple[str, list[str], str]:
    """A program's title, paragraphs, and the one about its data, from its docstring."""
    title, *parts = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")
    parts = [" ".join(part.split()) for part in parts]
    data = [part for part in parts if part.startswith(("Data:", "Physics:"))]
    return title, [part for part in parts if part not in data], " ".join(data)


def code(text: str) -> str:
    """A paragraph as HTML."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def head(title: str, description: str, root: str, scripts: str = "") -> str:
    return HEAD.format(title=html.escape(title), description=html.escape(description), root=root, scripts=scripts)


def gallery(folder: Path) -> dict[str, bytes]:
    """The files of the gallery, below `gallery/`."""
    files: dict[str, bytes] = {}
    sources = {name: (folder / f"{name}.py").read_text(encoding="utf-8") for name in PROGRAMS}
    left_out = {path.stem for path in folder.glob("*.py")} - sources.keys()
    if left_out:
        raise SystemExit(f"gallery: {', '.join(sorted(left_out))} must be in PROGRAMS")
    cards = [CARD.format(href=DIGITS[0], title=DIGITS[1], text=DIGITS[2])]
    for i, (name, source) in enumerate(sources.items()):
        title, prose, data = described(source)
        root = "../../"
        near = {"before": PROGRAMS[i - 1] if i else None, "after": PROGRAMS[i + 1] if i + 1 < len(PROGRAMS) else None}
        links = {
            "before": "" if near["before"] is None else f'<a rel="prev" href="../{near["before"]}/">← Before</a> ',
            "after": "" if near["after"] is None else f'<a rel="next" href="../{near["after"]}/">Next →</a>',
        }
        needed = sorted(set(re.findall(r'"(data/[^"]+)"', source)))
        page = head(title, prose[0], root, f'  <script src="{root}weblayers/weblayers-run.js"></script>\n')
        page += PROGRAM.format(
            title=html.escape(title),
            prose="\n".join(f"    <p>{code(part)}</p>" for part in prose),
            name=name,
            root=root,
            files=" ".join(root + path for path in needed),
            more=' thread="main"' if name in IN_THE_PAGE else "",
            data=f"{code(data)} " + (f'(<a href="{root}data/licences.txt">licences</a>) ' if needed else "")
            if data
            else "",
            **links,
        )
        files[f"gallery/{name}/index.html"] = page.encode()
        files[f"gallery/{name}/{name}.py"] = source.encode()
        cards.append(CARD.format(href=f"{name}/", title=html.escape(title), text=code(prose[0])))
    cards.append(CARD.format(href=SPEED[0], title=SPEED[1], text=SPEED[2]))
    listing = head("Gallery", "Networks that learn in your browser, one Python file each.", "../")
    files["gallery/index.html"] = (listing + LIST.format(cards="\n".join(cards))).encode()
    return files
