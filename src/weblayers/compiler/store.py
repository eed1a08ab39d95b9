"""Which values are stored: the graph's outputs, what products read, and what costs more to compute again than to read.

Everything else is computed wherever it is needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence, Set

from ..graph.node import Node, topological
from .kernel import MAX_SAMPLERS, ROOTS
from .pools import spread_in_place
from .views import is_leaf, is_view, operands_of, origin, side_by_side

# So many values may be read to compute one, as its kernel may have others beside it.
MAX_READS = MAX_SAMPLERS - 2

# In scalar operations: about what a draw costs, measured on software WebGL.
RECOMPUTE_LIMIT = 500_000
# The same for each element that is written, and that is read.
STORE_COST, READ_COST = 10.0, 3.5
# What a fragment does one after the other takes its time however few fragments there are: from so many operations on,
# of all kernels that compute a value again or of a reduction's rounds around it, the value is stored.
SERIAL_LIMIT = 15_000
# So many reductions are computed again for all results of one around them: that costs the product of their lengths.
MAX_NESTING = 2
# Operations on top of each other between what is stored. It bounds the expressions that shader compilers get to see,
# and the depth of the recursion that prints them.
MAX_DEPTH = 64

# Operations at different places that one element takes, printed one after the other: a fragment has up to sixteen.
MAX_PRINTED = 600
# Rounds of a reduction that are printed so, and of one over a window or for an index.
UNROLLED, UNROLLED_WINDOW = 4, 16

# Rows and columns of a fragment's block.
BLOCK = 4

# What is never worth a draw by itself.
_FREE = frozenset(("broadcast", "reshape", "transpose", "iota", "slice"))
# What reads one value, elsewhere: stored is what it reads.
_MOVES = frozenset(("broadcast", "reshape", "transpose", "slice", "reverse", "pad"))


def computed_nodes(outputs: Iterable[Node]) -> list[Node]:
    """What the outputs reach and shaders compute or read, inputs before users: no host scalars, no views."""
    return [n for n in topological(outputs) if not n.is_host and not is_view(n)]


def stored_values(
    order: Sequence[Node], outputs: Iterable[Node], inline: Set[Node] = frozenset(), pools: Set[Node] = frozenset()
) -> set[Node]:
    """The nodes of ``order`` that are stored: products, and the outputs and inputs of the graph among them.

    Those ``inline`` are computed where they are needed, products or not; ``pools`` by the kernels of convolutions.
    """
    return _Storing(order, outputs, inline, pools).stored


class _Storing:
    def __init__(self, order: Sequence[Node], outputs: Iterable[Node], inline: Set[Node], pools: Set[Node]) -> None:
        self.stored, self._inline, self._pools = {*outputs, *pools}, inline, pools
        spread = spread_in_place(order)
        products = [n for n in order if n.op in ROOTS]
        self.stored |= operands_of(products, self.stored) - spread
        # what products read part by part
        self._apart = {side_by_side(n) for n in products} - self.stored
        for n in order:
            if is_leaf(n) or n.op == "slots":
                self.stored.add(n)
            elif n.op == "loop":
                self.stored |= {origin(i) for i in n.inputs if not i.is_host}
            elif n in spread:
                self.stored |= {origin(i) for i in n.inputs}
        self._users = self._readers(order)
        self._rounds, self._least_rounds = self._rounds_around(order, max), self._rounds_around(order, min)
        self._places = self._places_asked(order)
        self._reads: dict[Node, frozenset[Node]] = {}
        self._depth: dict[Node, int] = {}
        self._nesting: dict[Node, int] = {}
        self._spread: dict[Node, frozenset[int]] = {}
        self._weight: dict[Node, float] = {}
        # what is printed for a value: operations, each for every place that it is asked for at
        self._printed: dict[Node, frozenset[int]] = {}
        # what is computed on the way to a value, down to what is stored
        self._parts: dict[Node, frozenset[Node]] = {}
        for n in order:
            self._visit(n)
        self.stored |= self._roots_read_elsewhere(order)

    def _readers(self, order: Sequence[Node]) -> dict[Node, list[Node]]:
        """Who reads a value: who reads it reshaped reads it."""
        users: dict[Node, list[Node]] = {n: [] for n in order}
        for n in reversed(order):
            mine = users[n] if n.op == "reshape" and n not in self.stored else [n]
            for i in set(_inputs(n)):
                users[i] += mine
        return users

    def _rounds_around(self, order: Sequence[Node], choose: Callable[[list[int]], int]) -> dict[Node, int]:
        """How often the next reduction that a value goes into computes it: that of most rounds, or of least."""
        rounds: dict[Node, int] = {}
        for n in reversed(order):
            around = [_extent(u) if _reduces(u) else 1 if u in self.stored else rounds[u] for u in self._users[n]]
            rounds[n] = choose(around or [1])
        return rounds

    def _places_asked(self, order: Sequence[Node]) -> dict[Node, int]:
        """At how many places a value is asked for, for each at which what is computed of it is."""
        places: dict[Node, int] = {}
        # where each value is asked for, or itself where it is asked for at several places
        at: dict[Node, object] = {}
        for n in reversed(order):
            asked: set[object] = set()
            for u in self._users[n]:
                if u.prim.elementwise:
                    asked.add(None if u in self.stored else at[u])
                else:
                    asked |= {(u, r) for r in range(_printed_rounds(u))}
            places[n] = max(1, len(asked))
            at[n] = asked.pop() if len(asked) == 1 else n
        return places

    def _visit(self, n: Node) -> None:
        if n.op == "loop":
            # its kernels read what they need, each for itself
            self._settle(n)
            return
        self._bound(n)
        settled = n in self.stored or self._is_root(n)
        inline = n in self._inline or n in self._apart
        if not settled and not inline and (self._too_deep(n) or self._is_worth_storing(n)):
            self.stored.add(n)
            settled = True
        if settled:
            self._settle(n)
        elif inline or not self._store_below(n):
            self._extend(n)

    def _store_below(self, n: Node) -> bool:
        """Whether a value is printed at so many places that it, or what it moves, is stored now.

        Two places are often in two kernels, each of which prints it once.
        """
        if self._places[n] <= 2 or self._places[n] * len(self._prints(n)) <= MAX_PRINTED:
            return False
        moves = []
        while n.op in _MOVES and n not in self.stored and _inputs(n):
            moves.append(n)
            (n,) = _inputs(n)
        if n in self.stored or n.op in _FREE or not _inputs(n):
            return False
        self.stored.add(n)
        self._settle(n)
        for move in reversed(moves):
            self._extend(move)
        return True

    def _is_root(self, n: Node) -> bool:
        return n.op in ROOTS and n not in self._inline

    def _settle(self, n: Node) -> None:
        self._reads[n] = frozenset((n,))
        self._depth[n], self._nesting[n], self._spread[n] = 0, 0, frozenset()
        self._weight[n], self._parts[n] = READ_COST, frozenset((n,))
        self._printed[n] = frozenset((id(n),))

    def _extend(self, n: Node) -> None:
        inputs = _inputs(n)
        self._reads[n] = frozenset().union(*(self._reads[i] for i in inputs))
        self._depth[n] = 1 + max((self._depth[i] for i in inputs), default=0)
        self._nesting[n], self._spread[n] = self._nested(n), self._spread_along(n)
        if _reduces(n):
            self._weight[n], parts = _extent(n) * max(1.0, self._cost(inputs[0])), frozenset[Node]()
        elif n.op == "broadcast" and inputs:
            # the rows and columns of a fragment's block have what is spread over them in common
            shared = min(BLOCK, n.aval.size // max(1, inputs[0].aval.size))
            self._weight[n], parts = self._cost(inputs[0]) / shared, frozenset[Node]()
        else:
            self._weight[n] = n.prim.cost
            parts = frozenset[Node]().union(*(self._parts[i] for i in inputs))
        self._parts[n] = parts | {n}
        self._printed[n] = self._prints(n)

    def _prints(self, n: Node) -> frozenset[int]:
        """Elementwise operations ask for what they read at their own place, all others somewhere else."""
        below = frozenset().union(*(self._printed[i] for i in _inputs(n)))
        if n.prim.elementwise:
            return below | {id(n)}
        rounds = range(_printed_rounds(n))
        return frozenset(hash((id(n), r, place)) for r in rounds for place in below) | {id(n)}

    def _nested(self, n: Node) -> int:
        """How many reductions are computed again within each other to compute a value."""
        within = max((self._nesting[i] for i in _inputs(n)), default=0)
        if not _reduces(n):
            return within
        (x, *_) = _inputs(n)
        # what is spread along the reduced axes alone is computed once for all rounds
        again = not self._spread[x] <= frozenset(n.params.get("axes", ()))
        return within + again if within else 1

    def _spread_along(self, n: Node) -> frozenset[int]:
        """The axes along which what is reduced within a value is the same."""
        inputs = [i for i in _inputs(n) if self._nesting[i]]
        if _reduces(n) or not inputs:
            return frozenset()
        if n.op == "broadcast":
            (x,) = n.inputs
            short = len(n.shape) - len(x.shape)
            own = {i for i, d in enumerate(n.shape) if i < short or x.shape[i - short] != d}
            return self._spread[inputs[0]] | own
        if n.prim.elementwise:
            return frozenset().union(*(self._spread[i] for i in inputs))
        return frozenset(range(len(n.shape))) if any(self._spread[i] for i in inputs) else frozenset()

    def _too_deep(self, n: Node) -> bool:
        if _reduces(n) and self._rounds[n] > 1 and self._nested(n) >= MAX_NESTING:
            return True
        if sum(len(self._printed[i]) for i in _inputs(n)) > MAX_PRINTED and len(self._prints(n)) > MAX_PRINTED:
            return True
        return max((self._depth[i] for i in _inputs(n)), default=0) >= MAX_DEPTH - 1

    def _bound(self, n: Node) -> None:
        """Store inputs of a node, those with the most reads first, until it reads few enough values."""
        inputs = _inputs(n)
        while len(frozenset().union(*(self._reads[i] for i in inputs))) > MAX_READS:
            widest = max(inputs, key=lambda i: len(self._reads[i]))
            if len(self._reads[widest]) <= 1:
                raise ValueError(
                    f"{n.op} of {len(inputs)} tensors: a draw reads at most {MAX_READS}; join fewer at a time"
                )
            self.stored.add(widest)
            self._settle(widest)

    def _cost(self, n: Node) -> float:
        """Scalar operations to compute one element from what is stored, counting shared parts once."""
        return sum(self._weight[p] for p in self._parts[n])

    def _is_worth_storing(self, n: Node) -> bool:
        if n.op in _FREE:
            return False
        if n.op == "store":
            return True
        inputs, users = _inputs(n), self._users[n]
        if users and all(u.op == "store" for u in users):
            return False
        # a product that others read is stored in any case, and better with what every reader would do to it
        if users and not (len(users) == 1 and _reads_in_part(users[0])) and self._ends_product(n):
            return True
        if _reduces(n):
            each = _extent(n) * max(1.0, self._cost(inputs[0]))
        else:
            each = sum(self._cost(i) for i in inputs) + n.prim.cost
        # users of one shape tend to share a kernel, where the value is computed once
        evaluations = {u.shape: self._evaluations(n, u) for u in users}
        extra = (sum(evaluations.values()) - n.aval.size) * each
        if extra > RECOMPUTE_LIMIT + STORE_COST * n.aval.size:
            return True
        # what is cheap by itself is stored, if at all, where a reduction reads it
        rounds = self._rounds[n] if _reduces(n) else max((_extent(u) for u in users if _reduces(u)), default=1)
        return each > 100 and max(len(evaluations), rounds) * each > SERIAL_LIMIT

    def _evaluations(self, n: Node, user: Node) -> float:
        """At how many elements a value is computed for a user that computes it itself."""
        if user.op == "broadcast":
            # what a row is compared with is the same in all rounds over the row
            is_of_rows = n.aval.size * self._least_rounds[user] == user.aval.size
            return n.aval.size if is_of_rows else user.aval.size / BLOCK
        return user.aval.size if user.op.startswith("unpool") else n.aval.size

    def _ends_product(self, n: Node) -> bool:
        """Whether a product's kernel can store a value in place of the product itself, which nobody else reads."""
        while n.prim.elementwise and n not in self.stored:
            below = [i for i in _inputs(n) if len(self._users[i]) == 1 and (i.op in ROOTS or i.prim.elementwise)]
            roots = [i for i in below if self._is_root(i) and i not in self.stored]
            if roots or not below:
                return bool(roots)
            n = below[0]
        return False

    def _roots_read_elsewhere(self, order: Sequence[Node]) -> set[Node]:
        """Roots that something else than an elementwise chain reads: those cannot stay inside their kernel."""
        through: dict[Node, frozenset[Node]] = {}
        read: set[Node] = set()
        for n in order:
            reached = frozenset[Node]().union(*(through.get(i, frozenset()) for i in _inputs(n)))
            if self._is_root(n):
                read |= reached
                through[n] = frozenset((n,))
            elif not n.prim.elementwise and n not in self._pools:
                read |= reached
            elif n not in self.stored:
                through[n] = reached
        return read


def _inputs(n: Node) -> list[Node]:
    return [x for x in map(origin, n.inputs) if not x.is_host]


def _reads_in_part(n: Node) -> bool:
    """Whether a node stays within its input's kernel, or may read less than all of it."""
    return n.prim.elementwise or n.op in ("slice", "dynamic_slice", "gather")


def _reduces(n: Node) -> bool:
    return n.op.startswith(("reduce_", "arg", "pool_"))


def _extent(n: Node) -> int:
    if n.op.startswith("pool_"):
        return math.prod(n.param("window"))
    return max(1, n.inputs[0].aval.size // max(1, n.aval.size))


def _printed_rounds(n: Node) -> int:
    """How often what a node reads is printed for it."""
    if n.op.startswith("unpool"):
        windows = zip(n.param("window"), n.param("strides"), strict=True)
        rounds, most = math.prod(-(-w // k) for w, k in windows), UNROLLED_WINDOW
    elif _reduces(n) and n.op != "pool_at":
        rounds, most = _extent(n), UNROLLED if n.op.startswith("reduce_") else UNROLLED_WINDOW
    else:
        return 1
    return rounds if rounds <= most else 1
