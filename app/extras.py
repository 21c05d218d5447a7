"""Which libraries of the package's extras are installed."""

import importlib.util


def is_installed(*modules: str) -> bool:
    """Whether all of the modules can be imported; of a dotted name only the packages above it are."""
    for name in modules:
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            return False
        if found is None:
            return False
    return True
