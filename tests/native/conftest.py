import pytest

import weblayers as wl
from weblayers.compiler import verify


@pytest.fixture(params=["numpy", "softgpu"])
def backend(request):
    """On NumPy, and as compiled plans on a device that draws with NumPy."""
    wl.set_backend(request.param)
    yield request.param
    wl.set_backend("numpy")


@pytest.fixture(autouse=True, scope="session")
def plans_are_verified():
    verify.enable()
