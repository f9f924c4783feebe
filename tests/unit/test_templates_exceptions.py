"""Exceptions: caught, raised, swallowed and wrapped as they should be, with what may hide a fault marked."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.fakes.faults import Fault, faults
from tools.repair.templates import checks, exceptions
from tools.repair.templates.registry import ALL

FAULTS = faults(Path(__file__).with_name("exception_faults.txt"))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.template}: {fault.name}")
def test_the_right_code_comes_early(fault: Fault) -> None:
    """Among the first candidates at the place."""
    assert 0 < fault.rank(60) <= 60


def test_each_template_has_a_fault() -> None:
    """No template without a test."""
    names = {t.name for t in ALL if t in (*vars(exceptions).values(), *vars(checks).values())}
    assert names <= {fault.template for fault in FAULTS}


def test_swallowing_is_marked() -> None:
    """A crash that is only hidden is trusted less than one that is raised as something else."""
    (fault,) = (f for f in FAULTS if f.name == "raised as what the tests wait for" and f.template == "try-around")
    found = [c for c in itertools.islice(fault.candidates(), 200) if c.template == "try-around"]
    hidden = [c for c in found if "raise" not in c.description]
    assert hidden
    assert all("overfit-prone" in c.tags for c in hidden)
    assert not any("overfit-prone" in c.tags for c in found if "raise ValueError" in c.description)


def test_faults_of_code_are_not_swallowed() -> None:
    """`except AttributeError: return` would hide that an attribute is missing."""
    code = "def size(box):\n    width = box.measure()\n    return width\n"
    fault = Fault("try-around", "", code, "", 2, "AttributeError: 'Box' object has no attribute 'measure'")
    found = [c for c in itertools.islice(fault.candidates(), 300) if c.template == "try-around"]
    assert not found
    other = Fault("try-around", "", code, "", 2, "KeyError: 'measure'")
    assert any(c.template == "try-around" for c in itertools.islice(other.candidates(), 300))


def test_exceptions_of_other_modules_are_imported() -> None:
    """A handler that catches an exception of the repository brings its import along."""
    faulty = "def load(read):\n    try:\n        return read()\n    except OSError:\n        return None\n"
    right = f"from .errors import StockError\n{faulty}".replace("except OSError", "except (OSError, StockError)")
    right = right.replace("from .errors", "from shop.errors")
    files = {"shop/__init__.py": "", "shop/errors.py": "class StockError(Exception):\n    pass\n"}
    fault = Fault("caught-type", "", faulty, right, 3, "shop.errors.StockError: sold out")
    assert 0 < fault.rank(12, files) <= 12
