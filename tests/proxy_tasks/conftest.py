"""Random programs, as the tests of the language draw them."""

from tests.dsl.conftest import descendant

__all__ = ["descendant"]
