"""What a name that is not there may have meant: names of ours that are public, or of other libraries."""

import importlib

import pytest

import weblayers as wl
from weblayers.elsewhere import ARGUMENTS, NAMES

ALL = [(library, path, ours) for library, names in NAMES.items() for path, ours in names.items()]


@pytest.mark.parametrize(("library", "path", "ours"), ALL)
def test_names_of_other_libraries(library, path, ours):
    *spaces, last = path.split(".")
    place = wl
    for space in spaces:
        place = getattr(place, space)
    with pytest.raises(AttributeError) as caught:
        getattr(place, last)
    assert str(caught.value).endswith(f"{library}'s `{path}` is `{ours}`.")
    for name in ours.removesuffix(" and others").split(", "):
        found = wl
        for part in name.split(".")[1:]:
            found = getattr(found, part)


@pytest.mark.parametrize(
    ("make", "known"),
    [
        (lambda: wl.train.sgd(lr=0.1), "learning_rate"),
        (lambda: wl.layers.dense(output_dim=3), "units"),
        (lambda: wl.layers.dense(3, init="zeros"), "kernel_initializer"),
    ],
)
def test_arguments_under_other_names(make, known):
    with pytest.raises(TypeError, match=f"It is called '{known}' here"):
        make()
    assert known in ARGUMENTS.values()


@pytest.mark.parametrize(
    "look",
    [lambda: wl.layer, lambda: wl.layers.dens, lambda: wl.ones([1]).shap, lambda: wl.train.sgd(0.1).learning_rat],
    ids=["module", "namespace", "tensor", "optimizer"],
)
def test_a_hint_is_given_once(look):
    with pytest.raises(AttributeError) as caught:
        look()
    assert str(caught.value).count("Did you mean") == 1
    # whose names Python would look through, for a hint of its own
    assert caught.value.obj is None and caught.value.name


@pytest.mark.parametrize(
    "name",
    ["", "layers", "losses", "metrics", "optimizers", "initializers", "constraints", "regularizers", "data", "io"],
)
def test_only_what_is_public_is_suggested(name):
    module = importlib.import_module(f"weblayers.{name}".rstrip("."))
    public = set(getattr(module, "__all__", ())) or {
        n for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__
    }
    for wrong in ("namin", "anotations", "np_", "Any_", "Mappin", "naming_", "nothing_like_it"):
        with pytest.raises(AttributeError) as caught:
            getattr(module, wrong)
        quoted = str(caught.value).partition(". ")[2]
        if quoted.startswith("Did you mean"):
            assert {q.strip("'?") for q in quoted.removeprefix("Did you mean ").split(" or ")} <= public
        else:
            assert set(filter(None, quoted.removeprefix("Valid names: ").rstrip(".").split(", "))) <= public
