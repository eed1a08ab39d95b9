"""Integers and addresses as code: what varies less is summed outside of what varies more."""

from __future__ import annotations

from collections.abc import Callable

from ..statements import Value
from . import assembler as wasm
from .addresses import FIRST, Atom, Indices, Shape, Sum
from .assembler import I32
from .frame import DRAW, FRAGMENT, ROWS, Frame

# So much memory lies before and behind all textures: reading there does no harm.
MARGIN = 2**20

_ALWAYS = {"first": DRAW, "row": ROWS, "column": FRAGMENT}

# Constants below zero are made of a multiple of this, which many addresses share, and an offset.
STEP = 2**16


class Integers:
    """``operand`` gives the code of a float."""

    def __init__(self, frame: Frame, width: int, height: int, operand: Callable[[Value, int], bytes]) -> None:
        self._frame, self._operand = frame, operand
        self.indices = Indices(frame.depends, frame.jam.axis, width, height)

    # -- numbers ------------------------------------------------------------------------------------------------------

    def code(self, value: Value | int, j: int) -> bytes:
        """Leaves an integer on the stack."""
        return self._number(self.indices.sum(value, j))

    def _number(self, total: Sum) -> bytes:
        terms = [(atom, n) for atom, n in total.terms.items() if n]
        if not terms:
            return wasm.i32_const(total.constant)
        if len(terms) == 1 and terms[0][1] == 1 and not total.constant:
            return self._atom(terms[0][0], self._stage(terms[0][0]))
        place, offset = self.sum(total, None)
        return place + (wasm.i32_const(offset) + wasm.I32_ADD if offset else b"")

    def sum(self, total: Sum, base: int | None) -> tuple[bytes, int]:
        """The code of a sum, added to a local, and an offset that is still to be added; it is not negative."""
        constant = total.constant
        offset = constant if constant >= 0 else constant % STEP
        # sums that differ in their offsets only are one
        key = base, constant - offset, tuple(total.terms.items())
        for shared in reversed(self._frame.shared):
            if key in shared:
                return wasm.local_get(shared[key]), offset
        return self._summed(key), offset

    def _summed(self, key: tuple[int | None, int, tuple[tuple[Atom, int], ...]]) -> bytes:
        base, below, terms = key
        place, stage = base, DRAW
        known: object = (base, below)
        if below:
            place = self._partial(known, place, wasm.i32_const(below), DRAW)
        staged: dict[int, list[tuple[Atom, int]]] = {}
        for atom, n in terms:
            if n:
                staged.setdefault(self._stage(atom), []).append((atom, n))
        for stage in sorted(staged):
            part = sorted(staged[stage], key=_order)
            code = b""
            for atom, n in part:
                code += _scaled(self._atom(atom, stage), n) + (wasm.I32_ADD if code else b"")
            known = (known, *part)
            place = self._partial(known, place, code, stage)
        if place is None:
            return wasm.i32_const(0)
        self._frame.shared[stage][key] = place
        return wasm.local_get(place)

    def _partial(self, key: object, place: int | None, code: bytes, stage: int) -> int:
        shared = self._frame.shared[stage]
        if key not in shared:
            code = code if place is None else wasm.local_get(place) + code + wasm.I32_ADD
            shared[key] = self._frame.put(stage, code, I32)
        return shared[key]

    # -- what sums are made of ----------------------------------------------------------------------------------------

    def _stage(self, atom: Atom) -> int:
        value = atom[0]
        return _ALWAYS[value] if isinstance(value, str) else self._frame.stage(value, value.level)

    def _atom(self, atom: Atom, stage: int) -> bytes:
        value, j = atom
        if atom == FIRST:
            return wasm.local_get(self._frame.argument(0))
        if atom not in self._frame.locals:
            assert isinstance(value, Value)
            self._frame.locals[atom] = self._frame.put(stage, self._irreducible(value, j), I32)
        return wasm.local_get(self._frame.locals[atom])

    def _irreducible(self, value: Value, j: int) -> bytes:
        if value.op == "to_int":
            return self._operand(value.args[0], j) + wasm.I32_TRUNC_SAT_F32_S
        x = self.code(value.args[0], j)
        if value.op == "iclamp":
            _, low, high = value.args
            x = self._bounded(x, wasm.i32_const(high), wasm.I32_LT_S)
            return self._bounded(x, wasm.i32_const(low), wasm.I32_GT_S)
        if value.op == "imin":
            return self._bounded(x, self.code(value.args[1], j), wasm.I32_LT_S)
        n, is_quotient = value.args[1], value.op == "idiv"
        if n & (n - 1) == 0:
            # of numbers below zero too, these are the floor and what is left of it
            shift = wasm.i32_const(n.bit_length() - 1) + wasm.I32_SHR_S
            return x + (shift if is_quotient else wasm.i32_const(n - 1) + wasm.I32_AND)
        low, _ = self.indices.span(self.indices.sum(value.args[0], j))
        if low >= 0:
            return x + wasm.i32_const(n) + (wasm.I32_DIV_U if is_quotient else wasm.I32_REM_U)
        return x + wasm.i32_const(n) + (wasm.I32_DIV_S if is_quotient else wasm.I32_REM_S)

    def _bounded(self, code: bytes, limit: bytes, keeps: bytes) -> bytes:
        """A number, or the limit where the comparison does not hold."""
        local = self._frame.local(I32)
        return code + wasm.local_tee(local) + limit + wasm.local_get(local) + limit + keeps + wasm.SELECT

    # -- texels -------------------------------------------------------------------------------------------------------

    def texel(self, fetch: Value, shape: Shape, j: int, lane: Value | int = 0) -> tuple[bytes, int]:
        """Where a texel's lane is loaded from: an address, and the offset to it."""
        slot, x, y, layer = fetch.args
        total = self.indices.address(x, y, layer, shape, j)
        if lane != 0:
            total = self.indices.simple(total.plus(self.indices.sum(lane, j), 4), j)
        low, high = self.indices.span(total)
        if low >= -MARGIN and high <= shape.size + MARGIN:
            return self.sum(total, self._frame.argument(1 + slot))
        return self._clamped(total, slot, shape), 0

    def _clamped(self, total: Sum, slot: int, shape: Shape) -> bytes:
        """An address that may lie anywhere, brought into the texture: nobody looks at what is there."""
        stage = max((self._stage(atom) for atom in total.terms), default=DRAW)
        key = "clamped", slot, total.constant, tuple(total.terms.items())
        shared = self._frame.shared[stage]
        if key not in shared:
            local = self._frame.local(I32)
            code = self._number(total) + wasm.local_tee(local) + wasm.i32_const(0) + wasm.local_get(local)
            code += wasm.i32_const(shape.size) + wasm.I32_LT_U + wasm.SELECT
            shared[key] = self._frame.put(
                stage, code + wasm.local_get(self._frame.argument(1 + slot)) + wasm.I32_ADD, I32
            )
        return wasm.local_get(shared[key])


def _order(term: tuple[Atom, int]) -> tuple:
    (value, j), n = term
    return (value, 0, j, n) if isinstance(value, str) else ("", value.id, j, n)


def _scaled(code: bytes, n: int) -> bytes:
    if n == 1:
        return code
    if n > 0 and n & (n - 1) == 0:
        return code + wasm.i32_const(n.bit_length() - 1) + wasm.I32_SHL
    return code + wasm.i32_const(n) + wasm.I32_MUL
