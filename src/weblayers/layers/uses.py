"""What a layer knows of its uses: the calls on symbolic tensors, and who still needs its weights."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from .. import naming, tree
from .symbolic import LayerCall

_ids = itertools.count(1)


@dataclass
class DisposeResult(naming.Named):
    """What ``dispose`` gives: how many uses are left, and how many variables were freed."""

    ref_count_after_dispose: int
    num_disposed_variables: int


class Used(naming.Named):
    """The part of a layer that is about its uses."""

    name: str
    built: bool

    def __init__(self) -> None:
        self.id = next(_ids)
        # in the order in which they were made, as far as somebody has them
        self._inbound: WeakValueDictionary[int, LayerCall] = WeakValueDictionary()
        self._outbound: WeakValueDictionary[int, LayerCall] = WeakValueDictionary()
        self._uses = self._released = 0

    def note_use(self, call: LayerCall) -> None:
        """Count a use on symbolic tensors."""
        self._inbound[next(_ids)] = call
        self._uses += 1

    def note_reader(self, call: LayerCall) -> None:
        """Note a use of another layer that reads this one's outputs."""
        self._outbound[next(_ids)] = call

    def forget_use(self) -> None:
        """A use is gone together with the models that it was part of, none of which was disposed of."""
        self._uses -= 1
        if self.references < 1:
            # the others are given back already, but this one never was
            self._uses += 1

    @property
    def inbound_calls(self) -> list[LayerCall]:
        """The layer's uses on symbolic tensors."""
        return list(self._inbound.values())

    @property
    def inbound_nodes(self) -> list[LayerCall]:
        """The layer's uses on symbolic tensors."""
        return self.inbound_calls

    @property
    def outbound_nodes(self) -> list[LayerCall]:
        """The uses of other layers that read this one's outputs."""
        return list(self._outbound.values())

    @property
    def input(self) -> Any:
        """The symbolic input of the layer's only use."""
        return self._only_call().inputs

    @property
    def output(self) -> Any:
        """The symbolic output of the layer's only use."""
        return self._only_call().outputs

    @property
    def output_shape(self) -> Any:
        """The shape that the layer's uses have in common, with the batch axis; a list for several outputs."""
        shapes = [tree.mapped(lambda w: w.shape, call.outputs) for call in self.inbound_calls]
        if not shapes or any(shape != shapes[0] for shape in shapes):
            what = "multiple uses with different output shapes: see get_output_at" if shapes else "never been used"
            raise RuntimeError(f"The layer {self.name!r} has {what}.")
        return shapes[0]

    def get_input_at(self, node_index: int) -> Any:
        """The symbolic input of one of the layer's uses."""
        return self._call_at(node_index).inputs

    def get_output_at(self, node_index: int) -> Any:
        """The symbolic output of one of the layer's uses."""
        return self._call_at(node_index).outputs

    def _call_at(self, index: int) -> LayerCall:
        calls = self.inbound_calls
        if not 0 <= index < len(calls):
            raise ValueError(
                f"Asked for use {index} of layer {self.name!r}, but it was used {len(calls)} times on symbolic tensors."
            )
        return calls[index]

    def _only_call(self) -> LayerCall:
        calls = self.inbound_calls
        if len(calls) != 1:
            raise RuntimeError(
                f"layer {self.name!r} has {len(calls)} uses on symbolic tensors; it must have exactly one"
            )
        return calls[0]

    # -- references ---------------------------------------------------------------------------------------------------

    @property
    def references(self) -> int:
        """How many uses there are that were not disposed of; one if there are only uses on values."""
        return max(1, self._uses) - self._released

    def check_usable(self) -> None:
        """Raises a RuntimeError if the weights are gone."""
        if self._released and not self.references:
            raise RuntimeError(f"Layer '{self.name}' is already disposed.")

    def dispose(self) -> DisposeResult:
        """Give back one use of the layer; with the last one its weights are freed, and it cannot be used any more.

        >>> import weblayers as wl
        >>> layer = wl.layers.dense(units=2)
        >>> layer.apply(wl.ones([1, 3])).shape
        (1, 2)
        >>> layer.dispose()
        DisposeResult(ref_count_after_dispose=0, num_disposed_variables=2)
        """
        if not self.built:
            raise RuntimeError(f"Cannot dispose Layer {self.name} because it has not been built yet.")
        self.check_usable()
        self._released += 1
        return DisposeResult(self.references, 0 if self.references else self.free())

    def free(self) -> int:
        """Free the weights; says how many there were."""
        raise NotImplementedError
