#!/usr/bin/env bash
# The one entry to building, showing and testing weblayers; `./build.sh help` lists the verbs.
# Each verb first sets up what it needs and what is missing; a second run downloads nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

ROOT=$PWD
BUILD=$ROOT/build
VENV=$ROOT/.venv
NODE_MODULES=$ROOT/node_modules
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/weblayers
PYTHON=$VENV/bin/python

MAIN_PYODIDE=314.0.3
OLDEST_PYODIDE=0.27.7

CHROMIUM_PACKAGES=(chromium chromium-driver)
TEST_PACKAGES=("${CHROMIUM_PACKAGES[@]}" firefox-esr webkit2gtk-driver xvfb
  libgl1-mesa-dri libegl1 libegl-mesa0 libgles2)

say() { printf '== %s\n' "$*" >&2; }
die() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }

usage() {
  cat <<'TEXT'
Usage: ./build.sh VERB [ARGUMENTS]
  demo [PORT]      build the site, serve it on localhost and print its URL
  test [ARGS]      lint, then all tests; with ARGS only pytest, which gets them
  site             static files into build/site
  wheel            build/dist/weblayers-*.whl
  lint             ruff, mypy, tsc
  fuzz [SECONDS] [FIRST_SEED]   random models, graphs and training steps, as plans as by NumPy, and models in Keras
  bench [ARGS]     measure against TensorFlow.js and jax-js, into build/bench.json
  counts           draws, bytes and memory of steps beside TensorFlow.js, into build/counts.json and docs/speed.md
  growth           how the time of a step grows with its work, into build/growth.json and docs/speed.md
  responsiveness   what a page's user feels while it trains, in all browsers, into build/responsiveness.json
  loading          what a first visit loads, and how long it takes, in all browsers, into build/loading.json
  smoke            train the main demo in headless Chromium
TEXT
}

# -- stamps: a step is done when its stamp holds the hash of what it was made from --------------

hash_of() { cat "$@" | sha256sum | cut -d' ' -f1; }
is_stamped() { [[ -f $1 && $(<"$1") == "$2" ]]; }

# -- set up -------------------------------------------------------------------------------------

# install_packages REASON PACKAGE...: Debian packages, by apt where we may.
install_packages() {
  local reason=$1; shift
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    die "$reason. Install these Debian packages (or what your system calls them) and run this again:
  sudo apt-get install $*"
  fi
  say "installing $*"
  apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" >&2 ||
    die "apt-get could not install $*: check the network and the package sources, then run this again"
}

need_packages() {
  local reason=$1 package missing=(); shift
  command -v dpkg-query >/dev/null || return 0 # not Debian: the tests name a browser they do not find
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]} == 0)) || install_packages "$reason" "${missing[@]}"
}

setup_python() {
  python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages "Python's venv module is missing" python3-venv
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "python3 is $(python3 --version), but weblayers needs Python 3.11 or newer: put one on PATH as python3"
  local key
  # A virtual environment holds absolute paths, so a copied or moved checkout needs a new one.
  key=$({ cat requirements.txt; python3 --version; echo "$ROOT"; } | hash_of -)
  is_stamped "$VENV/.stamp" "$key" && return
  say "installing the Python packages of requirements.txt into .venv"
  python3 -m venv --clear "$VENV"
  "$PYTHON" -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt >&2 &&
    "$PYTHON" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . >&2 ||
    die "pip could not install requirements.txt: check the network and pip's configuration, then run this again"
  echo "$key" >"$VENV/.stamp"
}

# setup_node [all]: what building the wheel needs; "all" adds the peers that the site, tests and bench compare with.
setup_node() {
  command -v node >/dev/null && command -v npm >/dev/null || install_packages "Node.js is missing" nodejs npm
  local key peers=--omit=dev
  key=$(hash_of package-lock.json)
  is_stamped "$NODE_MODULES/.stamp" "$key all" && return
  if [[ ${1:-} == all ]]; then key+=" all" peers=--include=dev; fi
  is_stamped "$NODE_MODULES/.stamp" "$key" && return
  say "installing the npm packages of package-lock.json"
  npm ci --silent "$peers" >&2 ||
    die "npm could not install package-lock.json: check the network and npm's configuration, then run this again"
  echo "$key" >"$NODE_MODULES/.stamp"
}

# -- build --------------------------------------------------------------------------------------

build_glue() {
  setup_node
  [[ -f js_glue/index.js ]] || return 0
  local esbuild=("$NODE_MODULES/.bin/esbuild" --bundle --target=es2022 --log-level=warning)
  local glue=src/weblayers/glue
  # A module for pages that import it, and a script for Python to load where the page did not.
  "${esbuild[@]}" js_glue/module.js --format=esm --outfile=$glue/weblayers_glue.mjs
  "${esbuild[@]}" js_glue/index.js --format=iife --global-name=weblayersGlue --outfile=$glue/weblayers_glue.js
}

build_page() {
  local esbuild=("$NODE_MODULES/.bin/esbuild" --bundle --target=es2022 --log-level=warning)
  local assets=src/weblayers/page/assets
  "${esbuild[@]}" js_page/run.js --format=iife --outfile=$assets/weblayers-run.js
  "${esbuild[@]}" js_page/worker.js --format=esm --outfile=$assets/weblayers-worker.js
  "${esbuild[@]}" js_page/program.js --format=esm --outfile=$assets/weblayers-program.js
  "${esbuild[@]}" js_page/monitor.js --format=esm --outfile=$assets/weblayers-monitor.js
  "${esbuild[@]}" js_page/offline.js --format=iife --minify --define:process.env.NODE_ENV='"production"' \
    --outfile=$assets/weblayers-offline.js
  "${esbuild[@]}" js_page/editor.js --format=esm --minify --legal-comments=inline --outfile=$assets/weblayers-editor.js
}

build_charts() {
  setup_node
  node tools/bundle_charts.mjs src/weblayers/vis/assets/weblayers_charts.mjs
}

# HDF5's library, with the notice that h5wasm's licence wants to be kept.
build_hdf5() {
  local h5wasm=$NODE_MODULES/h5wasm licence
  licence=$(<"$h5wasm/LICENSE.txt")
  "$NODE_MODULES/.bin/esbuild" js_page/hdf5.js --bundle --minify --charset=utf8 --target=es2022 --format=esm \
    --alias:hdf5_util="$h5wasm/dist/esm/hdf5_util.js" --log-level=warning \
    --banner:js="/*! In here, besides weblayers: $licence */" \
    --outfile=src/weblayers/io/keras/assets/weblayers_hdf5.mjs
}

build_wheel() {
  setup_python
  build_glue
  build_page
  build_charts
  build_hdf5
  rm -rf "$BUILD/dist"
  "$PYTHON" -m build --wheel --no-isolation --outdir "$BUILD/dist" . >"$BUILD/wheel.log" 2>&1 ||
    { cat "$BUILD/wheel.log" >&2; die "building the wheel failed"; }
  byte_compile "$BUILD/compiled" "$BUILD"/dist/weblayers-*.whl
  # the same sources, with what Pyodide's Python makes of them
  cp "$BUILD"/compiled/weblayers-*-py3-none-any.whl "$BUILD/dist"
}

# byte_compile OUT_DIR WHEEL...: what parses and compiles for 200 ms in the browser then loads in 10.
byte_compile() {
  local out=$1 key; shift
  key=$(hash_of src/weblayers/hosting/byte_compile.* "$@")
  is_stamped "$out/.stamp" "$key" && return
  rm -rf "$out"
  node src/weblayers/hosting/byte_compile.mjs "$NODE_MODULES/pyodide" "$out" "$@"
  echo "$key" >"$out/.stamp"
}

pack_data() {
  [[ -f tools/pack_data.py ]] || return 0
  local key
  key=$(hash_of tools/pack_data.py package-lock.json)
  is_stamped "$BUILD/data/.stamp" "$key" && return
  "$PYTHON" tools/pack_data.py "$NODE_MODULES" "$BUILD/data"
  echo "$key" >"$BUILD/data/.stamp"
}

# The documentation, of its pages and of the docstrings.
build_docs() {
  local inputs key
  mapfile -t inputs < <(find mkdocs.yml README.md CHANGELOG.md requirements.txt docs tools/docs_* demo_site/icon.svg \
    src/weblayers -type f ! -name '*.pyc' ! -path 'src/*/assets/*' ! -path 'src/*/glue/*' 2>/dev/null | sort)
  key=$({ printf '%s\n' "${inputs[@]}"; cat "${inputs[@]}"; } | hash_of -)
  is_stamped "$BUILD/docs/.stamp" "$key" && return
  say "building the documentation"
  NO_MKDOCS_2_WARNING=1 "$PYTHON" -m mkdocs build --strict >"$BUILD/docs.log" 2>&1 ||
    { cat "$BUILD/docs.log" >&2; die "building the documentation failed"; }
  echo "$key" >"$BUILD/docs/.stamp"
}

build_site() {
  setup_node all # the page of speed compares with peers
  build_wheel
  local wheels=$CACHE/pyodide-$MAIN_PYODIDE
  "$PYTHON" tools/fetch_wheels.py "$NODE_MODULES/pyodide" "$wheels"
  byte_compile "$wheels/compiled" "$wheels"/numpy-*.whl "$NODE_MODULES/pyodide/python_stdlib.zip"
  pack_data
  build_docs
  "$PYTHON" tools/build_site.py --out "$BUILD/site" --pages demo_site --data "$BUILD/data" \
    --pyodide "$NODE_MODULES/pyodide" --wheels "$wheels" --dist "$BUILD/dist" \
    --compiled "$BUILD/compiled" "$wheels/compiled" --docs "$BUILD/docs" --peers "$NODE_MODULES"
}

# The oldest supported Pyodide, for the tests only.
build_oldest_pyodide() {
  local wheels=$CACHE/pyodide-$OLDEST_PYODIDE
  "$PYTHON" tools/fetch_wheels.py "$NODE_MODULES/pyodide-oldest" "$wheels"
  "$PYTHON" tools/build_site.py --out "$BUILD/pyodide-$OLDEST_PYODIDE" \
    --pyodide "$NODE_MODULES/pyodide-oldest" --wheels "$wheels" --dist "$BUILD/dist"
}

# locked FUNCTION...: two builds in one checkout wait for each other.
locked() {
  mkdir -p "$BUILD" "$CACHE"
  local step
  if command -v flock >/dev/null; then exec 9>"$BUILD/.lock"; flock 9; fi
  for step in "$@"; do $step 9>&-; done
  exec 9>&-
}

# -- verbs --------------------------------------------------------------------------------------

demo() {
  locked build_site
  exec "$PYTHON" -m weblayers serve "$BUILD/site" ${1:+--port "$1"}
}

lint() {
  locked setup_python setup_node
  run_lint
}

run_lint() {
  say "ruff"
  "$PYTHON" -m ruff check .
  "$PYTHON" -m ruff format --check .
  say "mypy"
  "$PYTHON" -m mypy
  if [[ -d js_glue && -n $(find js_glue -name '*.js' -print -quit) ]]; then
    say "tsc"
    "$NODE_MODULES/.bin/tsc" --project tsconfig.json
  fi
}

run_glue_tests() {
  local tests
  mapfile -t tests < <(find js_glue/tests -name '*test*.js' -o -name '*test*.mjs' 2>/dev/null | sort)
  ((${#tests[@]})) || return 0
  say "node --test"
  node --test "${tests[@]}"
}

tests() {
  need_packages "The browsers for the tests are missing" "${TEST_PACKAGES[@]}"
  locked build_site build_oldest_pyodide
  if (($# == 0)); then
    run_lint
    run_glue_tests
    # the browsers' tests beside all others, see tests/conftest.py; tools/browser_table.py reads what came of them
    set -- --numprocesses 2 --dist loadgroup --no-loadscope-reorder --junitxml "$BUILD/tests.xml"
  fi
  say "pytest"
  exec "$PYTHON" -m pytest "$@"
}

counts() {
  need_packages "Chromium is missing" "${CHROMIUM_PACKAGES[@]}"
  locked build_site
  exec "$PYTHON" tools/counts.py "$@"
}

growth() {
  need_packages "Chromium is missing" "${CHROMIUM_PACKAGES[@]}"
  locked build_site
  exec "$PYTHON" tools/growth.py "$@"
}

bench() {
  if [[ " $* " == *firefox* || " $* " == *webkit* ]]; then
    need_packages "a browser is missing" "${TEST_PACKAGES[@]}"
  else
    need_packages "Chromium is missing" "${CHROMIUM_PACKAGES[@]}"
  fi
  locked build_site
  exec "$PYTHON" tools/bench.py "$@"
}

responsiveness() {
  need_packages "a browser is missing" "${TEST_PACKAGES[@]}"
  locked build_site
  exec "$PYTHON" tools/responsiveness.py "$@"
}

loading() {
  need_packages "a browser is missing" "${TEST_PACKAGES[@]}"
  locked build_site
  exec "$PYTHON" tools/loading.py "$@"
}

fuzz() {
  locked setup_python
  exec "$PYTHON" -m tests.fuzz "$@"
}

smoke() {
  need_packages "Chromium is missing" "${CHROMIUM_PACKAGES[@]}"
  locked build_site
  exec "$PYTHON" tools/smoke.py "$@"
}

verb=${1:-help}
shift || true
case $verb in
  demo | lint | fuzz | bench | counts | growth | responsiveness | loading | smoke) "$verb" "$@" ;;
  test) tests "$@" ;;
  site) locked build_site; say "the site is in build/site" ;;
  wheel) locked build_wheel; say "the wheel is in build/dist" ;;
  help | -h | --help) usage ;;
  *) usage >&2; die "unknown verb '$verb'" ;;
esac
