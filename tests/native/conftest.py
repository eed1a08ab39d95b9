import pytest

import weblayers as wl


@pytest.fixture(params=["numpy", "softgpu"])
def backend(request):
    """On NumPy, and as compiled plans on a device that draws with NumPy."""
    wl.set_backend(request.param)
    yield request.param
    wl.set_backend("numpy")
