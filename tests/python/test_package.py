from importlib.metadata import version

import structstore


def test_version_is_that_of_the_distribution() -> None:
    assert structstore.__version__ == version("structstore")
