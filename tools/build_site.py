"""Put a Pyodide distribution with weblayers, and the demo's pages around it, into one folder.

Without --pages the folder is the distribution itself; with them it lies in the site's `weblayers/`.
"""

import argparse
from pathlib import Path

from gallery import gallery
from peers import module_files, peer_files

from weblayers.hosting.offline import WORKER, offline_worker
from weblayers.hosting.runtime import distribution, read_tree, write_tree


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pyodide", type=Path, required=True, help="the unpacked npm package pyodide")
    parser.add_argument("--wheels", type=Path, required=True, help="the folder that fetch_wheels.py filled")
    parser.add_argument("--dist", type=Path, required=True, help="the folder with the wheel of weblayers")
    parser.add_argument("--compiled", type=Path, nargs="*", default=[], help="folders of compiled wheels")
    parser.add_argument("--pages", type=Path, help="the demo's static files")
    parser.add_argument("--data", type=Path, help="the demo's data, served as data/")
    parser.add_argument("--peers", type=Path, help="node_modules with the peers that the page of speed compares with")
    parser.add_argument("--docs", type=Path, help="the documentation, served as docs/")
    arguments = parser.parse_args()

    files = distribution(arguments.pyodide, arguments.wheels, arguments.dist, arguments.compiled)
    if arguments.pages:
        files = {f"weblayers/{name}": data for name, data in files.items()}
        files |= {n: data for n, data in read_tree(arguments.pages).items() if not n.startswith("programs/")}
        files |= gallery(arguments.pages / "programs")
        if arguments.peers:
            beside = module_files() | peer_files(arguments.peers)
            files |= {f"speed/{name}": path.read_bytes() for name, path in beside.items()}
        if arguments.data:
            files |= read_tree(arguments.data, "data/")
        # who measures speed is at the network: a first visit does without the peers
        files[WORKER] = offline_worker({n: data for n, data in files.items() if not n.startswith("speed/")})
        if arguments.docs:
            files |= read_tree(arguments.docs, "docs/")
    write_tree(files, arguments.out)


if __name__ == "__main__":
    main()
