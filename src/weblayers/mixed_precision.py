"""In what precision a GPU keeps what a model computes on the way."""

from __future__ import annotations

from . import naming

_POLICIES = {"float32": "float32", "mixed_float16": "float16"}


class Policy:
    """A precision by Keras' name.

    Args:
        name: ``"float32"`` or ``"mixed_float16"``.

    Attributes:
        compute_dtype: what activations are stored as, ``"float16"`` if mixed. Sums are computed in float32 always.
        variable_dtype: what weights are, ``"float32"``.

    Raises:
        ValueError: there is no such policy.

    >>> import weblayers as wl
    >>> wl.mixed_precision.Policy("mixed_float16").compute_dtype
    'float16'
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise ValueError(f"a policy is named by a text, such as {' or '.join(map(repr, _POLICIES))}, not {name!r}")
        self.compute_dtype = naming.lookup("policy", name, _POLICIES)
        self.name, self.variable_dtype = name, "float32"

    @property
    def stores_halves(self) -> bool:
        """Whether activations are stored in half precision."""
        return self.compute_dtype == "float16"

    def __repr__(self) -> str:
        return f'<Policy "{self.name}">'


_global = Policy("float32")


def set_global_policy(policy: str | Policy) -> None:
    """Choose the precision of models that are made from here on; those that are there keep theirs.

    With ``"mixed_float16"`` the activations that a layer gives to the next are stored in half precision on WebGL, which
    takes half the memory and half the bytes of every read: larger batches fit. Each number keeps three digits; what is
    beyond 65,504 becomes infinite. Weights, gradients, the optimizer's state, losses and all results stay float32, so
    that nothing need be scaled; so do numbers that tell where to look, such as words, sorted or not. What runs outside
    ``fit``, ``evaluate`` and ``predict`` is float32 too, as is everything on WebAssembly and NumPy.

    Raises:
        ValueError: there is no such policy.

    >>> import weblayers as wl
    >>> wl.mixed_precision.set_global_policy("mixed_float16")
    >>> wl.mixed_precision.global_policy().name
    'mixed_float16'
    >>> wl.mixed_precision.set_global_policy("float32")
    """
    global _global
    _global = policy if isinstance(policy, Policy) else Policy(policy)


def global_policy() -> Policy:
    """The precision of models that are made now.

    >>> import weblayers as wl
    >>> wl.mixed_precision.global_policy()
    <Policy "float32">
    """
    return _global


# Keras 3's names
DTypePolicy, set_dtype_policy, dtype_policy = Policy, set_global_policy, global_policy
