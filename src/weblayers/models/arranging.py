"""Where to draw the boxes of a graph without loops: in ranks, each edge pointing to a later one.

The steps are those of Sugiyama, Tagawa and Toda (1981): ranks by the longest path, an order in each rank with few
crossings, and places near those of the neighbours. *Along* is the direction of the edges, *across* the other one.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

# Places of edges that pass a rank: how wide they are, and how much straighter than others they should be.
LANE = 12.0
STRAIGHT = 4.0
ROUNDS = 12

Point = tuple[float, float]
Edge = tuple[int, int]


class Layout(NamedTuple):
    """Middles of the boxes and ways of the edges, as (across, along); and how far everything reaches."""

    middles: list[Point]
    ways: dict[Edge, list[Point]]
    extent: Point


def arrange(boxes: Sequence[Point], edges: Sequence[Edge], gap_across: float, gap_along: float) -> Layout:
    """Places for boxes, given by their sizes (across, along), in an order in which edges point forwards."""
    ranks = _ranks(len(boxes), edges)
    sizes = list(boxes)
    lanes = {edge: _lanes(edge, ranks, sizes) for edge in dict.fromkeys(edges)}
    links = [pair for (a, b), lane in lanes.items() for pair in zip([a, *lane], [*lane, b], strict=True)]
    above: dict[int, list[int]] = {n: [] for n in range(len(sizes))}
    below: dict[int, list[int]] = {n: [] for n in range(len(sizes))}
    for a, b in links:
        above[b].append(a)
        below[a].append(b)
    rows: list[list[int]] = [[] for _ in range(max(ranks, default=-1) + 1)]
    for node, rank in enumerate(ranks):
        rows[rank].append(node)
    rows = _ordered(rows, above, below)
    across = _placed(rows, above, below, sizes, len(boxes), gap_across)
    along, depth = _along(rows, sizes, gap_along)
    left = min((across[n] - sizes[n][0] / 2 for n in range(len(sizes))), default=0.0)
    places = [(across[n] - left, along[n]) for n in range(len(sizes))]
    width = max((places[n][0] + sizes[n][0] / 2 for n in range(len(sizes))), default=0.0)
    ways = {
        (a, b): [
            (places[a][0], places[a][1] + sizes[a][1] / 2),
            *(places[n] for n in lane),
            (places[b][0], places[b][1] - sizes[b][1] / 2),
        ]
        for (a, b), lane in lanes.items()
    }
    return Layout(places[: len(boxes)], ways, (width, depth))


def _ranks(count: int, edges: Sequence[Edge]) -> list[int]:
    """One more than the last of what points here."""
    ranks = [0] * count
    for a, b in sorted(edges, key=lambda e: e[1]):
        ranks[b] = max(ranks[b], ranks[a] + 1)
    # what nothing points to stands right before what it is needed for
    for node in range(count):
        after = [ranks[b] for a, b in edges if a == node]
        if after and not any(b == node for _, b in edges):
            ranks[node] = min(after) - 1
    return ranks


def _lanes(edge: Edge, ranks: list[int], sizes: list[Point]) -> list[int]:
    """New nodes where an edge passes ranks."""
    made = []
    for rank in range(ranks[edge[0]] + 1, ranks[edge[1]]):
        made.append(len(sizes))
        ranks.append(rank)
        sizes.append((LANE, 0.0))
    return made


def _ordered(rows: list[list[int]], above: Mapping[int, list[int]], below: Mapping[int, list[int]]) -> list[list[int]]:
    """Rows with each node near the middle of its neighbours, in the order that crosses least."""
    best, fewest = rows, _crossings(rows, below)
    for turn in range(ROUNDS):
        down = turn % 2 == 0
        rows = [list(row) for row in rows]
        for i in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            at = {node: k for k, node in enumerate(rows[i - 1 if down else i + 1])}
            beside = above if down else below
            middles = {n: _mean([at[m] for m in beside[n]], k) for k, n in enumerate(rows[i])}
            rows[i].sort(key=middles.__getitem__)
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _crossings(rows: list[list[int]], below: Mapping[int, list[int]]) -> int:
    total = 0
    for row, after in itertools.pairwise(rows):
        at = {node: k for k, node in enumerate(after)}
        ends = [at[m] for node in row for m in sorted(below[node], key=at.__getitem__)]
        total += sum(ends[i] > ends[j] for i in range(len(ends)) for j in range(i + 1, len(ends)))
    return total


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _placed(
    rows: list[list[int]],
    above: Mapping[int, list[int]],
    below: Mapping[int, list[int]],
    sizes: list[Point],
    boxes: int,
    gap: float,
) -> list[float]:
    """Each node near its neighbours, without touching the next."""
    across = [0.0] * len(sizes)
    weights = [1.0 if n < boxes else STRAIGHT for n in range(len(sizes))]

    def settle(row: list[int], wanted: list[float]) -> None:
        steps = [(sizes[a][0] + sizes[b][0]) / 2 + gap for a, b in itertools.pairwise(row)]
        for node, place in zip(row, spread(wanted, [weights[n] for n in row], steps), strict=True):
            across[node] = place

    for turn in range(ROUNDS):
        down = turn % 2 == 0
        for row in rows if down else reversed(rows):
            beside = above if down else below
            settle(row, [_mean([across[m] for m in beside[n]], across[n]) for n in row])
    # of the places with the shortest edges the one below what comes before: chains become straight
    for _ in range(ROUNDS):
        for row in rows:
            wanted = []
            for node in row:
                around = sorted(across[m] for m in above[node] + below[node]) or [across[node]]
                low, high = around[(len(around) - 1) // 2], around[len(around) // 2]
                wanted.append(min(max(_mean([across[m] for m in above[node]], across[node]), low), high))
            settle(row, wanted)
    return across


def spread(wanted: Sequence[float], weights: Sequence[float], steps: Sequence[float]) -> list[float]:
    """The places nearest to the wanted ones (least weighted squares) that keep the order and the steps between them.

    Without the steps it is isotonic regression: neighbours that are out of order are pooled.

    >>> spread([0.0, 0.0], [1, 1], [10])
    [-5.0, 5.0]
    """
    offsets = [0.0]
    for step in steps:
        offsets.append(offsets[-1] + step)
    pools: list[tuple[float, float, int]] = []
    for want, weight, offset in zip(wanted, weights, offsets, strict=False):
        place, total, count = want - offset, weight, 1
        while pools and pools[-1][0] > place:
            other, more, size = pools.pop()
            place = (place * total + other * more) / (total + more)
            total, count = total + more, count + size
        pools.append((place, total, count))
    flat = [place for place, _, count in pools for _ in range(count)]
    return [place + offset for place, offset in zip(flat, offsets, strict=False)]


def _along(rows: list[list[int]], sizes: list[Point], gap: float) -> tuple[list[float], float]:
    along, start = [0.0] * len(sizes), 0.0
    for row in rows:
        size = max(sizes[n][1] for n in row)
        for node in row:
            along[node] = start + size / 2
        start += size + gap
    return along, max(0.0, start - gap)
