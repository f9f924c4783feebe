"""What the error says: the fix it asks for is among the first candidates, also when other files know it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.faults import FILE, Fault, faults
from tools.repair.clues import clues
from tools.repair.templates import (
    arguments,
    attributes,
    compared,
    conversions,
    crashes,
    forms,
    imports,
    messages,
    misuse,
)
from tools.repair.templates.registry import ALL
from tools.values import Crash, Frame

FAULTS = faults(Path(__file__).with_name("message_faults.txt"))
MODULES = (arguments, attributes, compared, conversions, crashes, forms, imports, messages, misuse)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.template}: {fault.name}")
def test_the_message_leads_to_the_fix(fault: Fault) -> None:
    """The right code comes early when the crash is at the place."""
    assert 0 < fault.rank(25) <= 25


def test_most_fixes_are_among_the_first_three() -> None:
    """A message says nearly all."""
    ranks = [fault.rank(25) for fault in FAULTS]
    assert sum(0 < rank <= 3 for rank in ranks) >= 0.9 * len(ranks)


def test_nothing_is_proposed_without_a_message() -> None:
    """Templates that only answer messages stay silent for a failed assertion."""
    answering = {t.name for t in ALL if t.asks}
    for fault in FAULTS[::6]:
        silent = Fault(
            fault.template, fault.name, fault.faulty, fault.right, fault.line, "AssertionError: assert 1 == 2"
        )
        assert not {c.template for c in silent.candidates()} & answering


def test_each_template_answers_a_fault() -> None:
    """No template without a test, here or below."""
    with_files = {"missing-import", "export", "moved-import", "late-import", "rename-definition"}
    names = {t.name for t in ALL if any(t in vars(module).values() for module in MODULES)}
    assert names <= {fault.template for fault in FAULTS} | with_files


def across(faulty: str, right: str, line: int, error: str, files: dict[str, str]) -> int:
    return Fault("", "", faulty, right, line, error).rank(12, files)


def test_names_are_imported_as_the_repository_does() -> None:
    """A helper of another module, in the style of this one."""
    faulty = "from .prices import net\n\ndef gross(x):\n    return round_up(net(x) * 1.2)\n"
    right = (
        "from .prices import net\nfrom .numbers import round_up\n\ndef gross(x):\n    return round_up(net(x) * 1.2)\n"
    )
    files = {
        "shop/__init__.py": "",
        "shop/numbers.py": "def round_up(x):\n    return -int(-x // 1)\n",
        "shop/prices.py": "def net(x):\n    return x\n",
    }
    assert across(faulty, right, 4, "NameError: name 'round_up' is not defined", files) == 1


def test_third_party_aliases_are_taken_from_other_files() -> None:
    """`tz` is what the neighbours call it."""
    faulty = "def now():\n    return tz.utc\n"
    right = "from dateutil import tz\ndef now():\n    return tz.utc\n"
    files = {"shop/clock.py": "from dateutil import tz\n\nZONE = tz.gettz()\n"}
    assert across(faulty, right, 2, "NameError: name 'tz' is not defined", files) == 1


@pytest.mark.parametrize(
    ("faulty", "right", "error"),
    [
        (
            "from collections import Mapping, OrderedDict\n",
            "from collections import OrderedDict\nfrom collections.abc import Mapping\n",
            "ImportError: cannot import name 'Mapping' from 'collections' (/usr/lib/python3/collections/__init__.py)",
        ),
        (
            "import ConfigParser\n",
            "import configparser as ConfigParser\n",
            "ModuleNotFoundError: No module named 'ConfigParser'",
        ),
        (
            "from shop.helper import slug\n",
            "from shop.helpers import slug\n",
            "ModuleNotFoundError: No module named 'shop.helper'",
        ),
        (
            "from shop.helpers import slugfy\n\nprint(slugfy)\n",
            "from shop.helpers import slugify as slugfy\n\nprint(slugfy)\n",
            "ImportError: cannot import name 'slugfy' from 'shop.helpers' (/srv/shop/helpers.py)",
        ),
        (
            "from shop.helpers import money\n",
            "from shop.prices import money\n",
            "ImportError: cannot import name 'money' from 'shop.helpers' (/srv/shop/helpers.py)",
        ),
    ],
)
def test_imports_that_moved_are_found(faulty: str, right: str, error: str) -> None:
    """The module or the name under which the thing is known now."""
    files = {
        "shop/__init__.py": "",
        "shop/helpers.py": "def slug(x):\n    return x\n\ndef slugify(x):\n    return x\n",
        "shop/prices.py": "def money(x):\n    return x\n",
    }
    assert 0 < across(faulty, right, 1, error, files) <= 4


def test_names_that_tests_ask_of_a_package_are_exported_together() -> None:
    """From the file that defines them; a name that no test mentions stays where it is."""
    files = {"shop/meta.py": "TITLE = 'x'\nAUTHOR = 'y'\nSECRET = 1\n", "shop/orders.py": "def order():\n    pass\n"}
    faulty = "from .orders import order\n"
    error = "AttributeError: module 'shop.stock' has no attribute 'AUTHOR'"
    asked = "from shop import stock\n\n\ndef test_x():\n    assert stock.AUTHOR and stock.TITLE\n"
    fault = Fault("export", "", faulty, f"{faulty}from .meta import TITLE, AUTHOR\n", 1, error, asked)
    assert fault.rank(4, files) == 1


def test_circular_imports_move_into_the_functions() -> None:
    """The statement goes to where the name is used."""
    faulty = "from shop.orders import total\n\ndef bill(x):\n    return total(x)\n"
    right = "\ndef bill(x):\n    from shop.orders import total\n    return total(x)\n"
    error = (
        "ImportError: cannot import name 'total' from partially initialized module 'shop.orders' "
        "(most likely due to a circular import) (/srv/shop/orders.py)"
    )
    assert 0 < across(faulty, right, 1, error, {"shop/orders.py": "from shop.stock import bill\n"}) <= 6


def test_attributes_of_classes_in_other_files_are_known() -> None:
    """The class of the message is looked up where it is defined, its bases too."""
    faulty = "def cost(order):\n    return order.amout * 2\n"
    right = "def cost(order):\n    return order.amount * 2\n"
    files = {
        "shop/base.py": "class Base:\n    def __init__(self):\n        self.amount = 1\n",
        "shop/order.py": "from shop.base import Base\n\nclass Order(Base):\n    pass\n",
    }
    assert across(faulty, right, 2, "AttributeError: 'Order' object has no attribute 'amout'", files) == 1


@pytest.mark.parametrize(
    ("kind", "message", "clue", "names"),
    [
        ("TypeError", "unsupported operand type(s) for +: 'decimal.Decimal' and 'float'", "operand-types", 3),
        ("TypeError", "can't subtract offset-naive and offset-aware datetimes", "naive-aware", 0),
        ("TypeError", "list.append() takes exactly one argument (2 given)", "too-many-arguments", 3),
        ("ValueError", "invalid literal for int() with base 10: '1,0'", "invalid-literal", 1),
        ("RuntimeError", "generator raised StopIteration", "stop-iteration", 0),
        ("error", "nothing to repeat at position 0", "bad-pattern", 0),
        ("AttributeError", "__enter__", "no-context", 1),
        ("StockError", "sold out", "raised", 1),
    ],
)
def test_messages_become_clues(kind: str, message: str, clue: str, names: int) -> None:
    """Each kind is read with what it names and where it happened."""
    crash = Crash(kind=kind, message=message, frames=(Frame(file=FILE, line=7),))
    found = [c for c in clues([crash]) if c.kind == clue]
    assert [(len([n for n in c.names if n]), c.places) for c in found] in (
        [(names, ((FILE, 7),))],
        [(0, ((FILE, 7),))],
    )
