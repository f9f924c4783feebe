"""Which distribution provides what a test suite uses: plugin options, markers, fixtures, configuration keys, imports.

Tables of public knowledge, one place to extend. Names that are not in them are left alone: a guess at an unknown name
would install whatever somebody put under it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

# Options that pytest refuses to start with when their plugin is missing; a name ending in "-" stands for a prefix.
OPTIONS = {
    "--cov": "pytest-cov", "--no-cov": "pytest-cov", "--cov-": "pytest-cov", "--no-cov-": "pytest-cov",
    "-n": "pytest-xdist", "--numprocesses": "pytest-xdist", "--maxprocesses": "pytest-xdist", "--dist": "pytest-xdist",
    "--looponfail": "pytest-xdist", "--max-worker-restart": "pytest-xdist", "--forked": "pytest-forked",
    "--benchmark-": "pytest-benchmark", "--asyncio-mode": "pytest-asyncio", "--timeout": "pytest-timeout",
    "--timeout-": "pytest-timeout", "--timeout_method": "pytest-timeout", "--session-timeout": "pytest-timeout",
    "--mypy": "pytest-mypy", "--mypy-": "pytest-mypy", "--flake8": "pytest-flake8", "--flakes": "pytest-flakes",
    "--black": "pytest-black", "--isort": "pytest-isort", "--pylint": "pytest-pylint", "--pylint-": "pytest-pylint",
    "--ruff": "pytest-ruff", "--ruff-format": "pytest-ruff", "--pycodestyle": "pytest-pycodestyle",
    "--pydocstyle": "pytest-pydocstyle", "--pep8": "pytest-pep8", "--reruns": "pytest-rerunfailures",
    "--reruns-": "pytest-rerunfailures", "--only-rerun": "pytest-rerunfailures",
    "--random-order": "pytest-random-order", "--random-order-": "pytest-random-order",
    "--randomly-": "pytest-randomly", "--html": "pytest-html", "--self-contained-html": "pytest-html",
    "--json-report": "pytest-json-report", "--json-report-": "pytest-json-report", "--ds": "pytest-django",
    "--dc": "pytest-django", "--reuse-db": "pytest-django", "--create-db": "pytest-django",
    "--nomigrations": "pytest-django", "--no-migrations": "pytest-django", "--fail-on-template-vars": "pytest-django",
    "--snapshot-": "syrupy", "--doctest-plus": "pytest-doctestplus", "--doctest-plus-": "pytest-doctestplus",
    "--doctest-rst": "pytest-doctestplus", "--doctest-only": "pytest-doctestplus", "--doctest-cython": "pytest-cython",
    "--remote-data": "pytest-remotedata", "--open-files": "pytest-openfiles", "--arraydiff": "pytest-arraydiff",
    "--mpl": "pytest-mpl", "--mpl-": "pytest-mpl", "--nbval": "nbval", "--nbval-": "nbval", "--nbmake": "nbmake",
    "--hypothesis-": "hypothesis", "--disable-socket": "pytest-socket", "--allow-hosts": "pytest-socket",
    "--allow-unix-socket": "pytest-socket", "--instafail": "pytest-instafail", "--force-sugar": "pytest-sugar",
    "--order-": "pytest-order", "--record-mode": "pytest-recording", "--block-network": "pytest-recording",
    "--vcr-": "pytest-vcr", "--memray": "pytest-memray", "--markdown-docs": "pytest-markdown-docs",
    "--xdoctest": "xdoctest", "--xdoc": "xdoctest", "--xdoctest-": "xdoctest", "--typeguard-packages": "typeguard",
    "--icdiff": "pytest-icdiff", "--profile": "pytest-profiling", "--alluredir": "allure-pytest",
    "--aiohttp-": "pytest-aiohttp", "--splits": "pytest-split", "--group": "pytest-split", "--count": "pytest-repeat",
    "--force-regen": "pytest-regressions", "--inline-snapshot": "inline-snapshot", "--pspec": "pytest-pspec",
    "--spec": "pytest-spec", "--spec-": "pytest-spec", "--picked": "pytest-picked", "--testmon": "pytest-testmon",
    "--error-for-skips": "pytest-error-for-skips", "--md": "pytest-md", "--emoji": "pytest-emoji",
    "--suppress-no-test-exit-code": "pytest-custom-exit-code", "--gherkin-terminal-reporter": "pytest-bdd",
    "--unordered": "pytest-unordered", "--beartype-packages": "pytest-beartype", "--jaxtyping-packages": "jaxtyping",
    "--codeblocks": "pytest-codeblocks", "--fail-slow": "pytest-fail-slow", "--tests-per-worker": "pytest-parallel",
    "--clarity": "pytest-clarity", "--check-links": "pytest-check-links", "--env": "pytest-env",
    "--postgresql-": "pytest-postgresql", "--durations-path": "pytest-split", "--store-durations": "pytest-split",
    "--mypy-only-local-stub": "pytest-mypy-plugins", "--mypy-testing-base": "pytest-mypy-plugins",
}  # fmt: skip

# Keys of pytest's own configuration section that belong to a plugin.
KEYS = {
    "asyncio_mode": "pytest-asyncio", "asyncio_default_fixture_loop_scope": "pytest-asyncio",
    "asyncio_default_test_loop_scope": "pytest-asyncio", "timeout": "pytest-timeout",
    "timeout_method": "pytest-timeout", "django_settings_module": "pytest-django",
    "django_find_project": "pytest-django", "env": "pytest-env", "env_files": "pytest-dotenv",
    "mock_use_standalone_module": "pytest-mock", "trio_mode": "pytest-trio", "doctest_plus": "pytest-doctestplus",
    "remote_data_strict": "pytest-remotedata", "mpl-": "pytest-mpl", "qt_api": "pytest-qt",
    "bdd_features_base_dir": "pytest-bdd", "reruns": "pytest-rerunfailures", "flake8-ignore": "pytest-flake8",
    "flake8-max-line-length": "pytest-flake8", "text_file_format": "pytest-doctestplus",
    "open_files_ignore": "pytest-openfiles", "anyio_mode": "anyio", "benchmark": "pytest-benchmark",
}  # fmt: skip

MARKERS = {
    "asyncio": "pytest-asyncio", "anyio": "anyio", "trio": "pytest-trio", "timeout": "pytest-timeout",
    "django_db": "pytest-django", "flaky": "pytest-rerunfailures", "vcr": "pytest-recording",
    "benchmark": "pytest-benchmark", "freeze_time": "pytest-freezer", "order": "pytest-order",
    "run": "pytest-ordering", "repeat": "pytest-repeat", "dependency": "pytest-dependency",
    "datafiles": "pytest-datafiles", "respx": "respx", "remote_data": "pytest-remotedata",
    "mpl_image_compare": "pytest-mpl", "httpx_mock": "pytest-httpx", "enable_socket": "pytest-socket",
    "disable_socket": "pytest-socket", "xdist_group": "pytest-xdist", "forked": "pytest-forked",
    "gen_test": "pytest-tornado", "twisted": "pytest-twisted",
}  # fmt: skip

FIXTURES = {
    "mocker": "pytest-mock", "class_mocker": "pytest-mock", "session_mocker": "pytest-mock",
    "benchmark": "pytest-benchmark", "httpx_mock": "pytest-httpx", "requests_mock": "requests-mock",
    "respx_mock": "respx", "aiohttp_client": "pytest-aiohttp", "aiohttp_server": "pytest-aiohttp",
    "httpserver": "pytest-httpserver", "snapshot": "syrupy", "freezer": "pytest-freezer", "fs": "pyfakefs",
    "datadir": "pytest-datadir", "shared_datadir": "pytest-datadir", "data_regression": "pytest-regressions",
    "file_regression": "pytest-regressions", "num_regression": "pytest-regressions", "subtests": "pytest-subtests",
    "faker": "faker", "qtbot": "pytest-qt", "django_assert_num_queries": "pytest-django",
    "admin_client": "pytest-django", "unused_tcp_port": "pytest-asyncio", "unused_tcp_port_factory": "pytest-asyncio",
    "event_loop": "pytest-asyncio", "worker_id": "pytest-xdist", "testrun_uid": "pytest-xdist",
    "script_runner": "pytest-console-scripts", "cli_runner": "pytest-click", "socket_enabled": "pytest-socket",
    "socket_disabled": "pytest-socket", "time_machine": "time-machine", "fp": "pytest-subprocess",
    "fake_process": "pytest-subprocess",
}  # fmt: skip

# Top-level import name: distribution. Testing aids first, then libraries that small programs use without declaring.
IMPORTS = {
    "hypothesis": "hypothesis", "freezegun": "freezegun", "responses": "responses", "requests_mock": "requests-mock",
    "parameterized": "parameterized", "ddt": "ddt", "mock": "mock", "nose": "pynose", "pytest_mock": "pytest-mock",
    "pytest_asyncio": "pytest-asyncio", "pytest_cov": "pytest-cov", "xdist": "pytest-xdist", "respx": "respx",
    "pytest_cases": "pytest-cases", "pytest_lazyfixture": "pytest-lazy-fixture", "pytest_bdd": "pytest-bdd",
    "pytest_httpx": "pytest-httpx", "pytest_httpserver": "pytest-httpserver",
    "pytest_regressions": "pytest-regressions", "pytest_subtests": "pytest-subtests",
    "pytest_benchmark": "pytest-benchmark", "pytest_django": "pytest-django", "pytest_timeout": "pytest-timeout",
    "pytest_check": "pytest-check", "pytest_factoryboy": "pytest-factoryboy", "sybil": "sybil",
    "testfixtures": "testfixtures", "faker": "faker", "factory": "factory-boy", "pyfakefs": "pyfakefs",
    "time_machine": "time-machine", "dirty_equals": "dirty-equals", "inline_snapshot": "inline-snapshot",
    "syrupy": "syrupy", "vcr": "vcrpy", "betamax": "betamax", "httpretty": "httpretty", "moto": "moto",
    "fakeredis": "fakeredis", "hamcrest": "pyhamcrest", "assertpy": "assertpy", "sure": "sure", "expects": "expects",
    "testtools": "testtools", "testscenarios": "testscenarios", "fixtures": "fixtures", "webtest": "webtest",
    "pexpect": "pexpect", "flexmock": "flexmock", "mockito": "mockito", "icontract": "icontract",
    "deepdiff": "deepdiff", "schemathesis": "schemathesis", "aioresponses": "aioresponses", "trio": "trio",
    "anyio": "anyio", "numpy": "numpy", "pandas": "pandas", "scipy": "scipy", "attr": "attrs", "attrs": "attrs",
    "yaml": "pyyaml", "six": "six", "requests": "requests", "httpx": "httpx", "aiohttp": "aiohttp", "flask": "flask",
    "click": "click", "jinja2": "jinja2", "markupsafe": "markupsafe", "simplejson": "simplejson",
    "dateutil": "python-dateutil", "pytz": "pytz", "tzdata": "tzdata", "tzlocal": "tzlocal", "lxml": "lxml",
    "bs4": "beautifulsoup4", "PIL": "pillow", "sqlalchemy": "sqlalchemy", "pydantic": "pydantic",
    "marshmallow": "marshmallow", "docutils": "docutils", "setuptools": "setuptools", "pkg_resources": "setuptools<81",
    "toml": "toml", "tomli": "tomli", "tomli_w": "tomli-w", "tomlkit": "tomlkit",
    "typing_extensions": "typing-extensions", "tenacity": "tenacity", "psutil": "psutil", "networkx": "networkx",
    "sympy": "sympy", "matplotlib": "matplotlib", "redis": "redis", "werkzeug": "werkzeug", "tornado": "tornado",
    "cryptography": "cryptography", "jwt": "pyjwt", "msgpack": "msgpack", "ujson": "ujson", "orjson": "orjson",
    "markdown": "markdown", "pygments": "pygments", "chardet": "chardet", "certifi": "certifi", "urllib3": "urllib3",
    "babel": "babel", "packaging": "packaging", "fastapi": "fastapi", "starlette": "starlette", "django": "django",
    "importlib_metadata": "importlib-metadata", "rich": "rich", "importlib_resources": "importlib-resources",
    "distro": "distro", "termcolor": "termcolor", "colorama": "colorama", "typer": "typer", "tqdm": "tqdm",
    "cachetools": "cachetools", "more_itertools": "more-itertools", "sortedcontainers": "sortedcontainers",
    "pyparsing": "pyparsing", "jsonschema": "jsonschema", "dns": "dnspython", "tabulate": "tabulate",
    "structlog": "structlog", "loguru": "loguru", "pendulum": "pendulum", "arrow": "arrow", "boltons": "boltons",
    "toolz": "toolz", "wrapt": "wrapt", "decorator": "decorator", "cachecontrol": "cachecontrol",
    "websockets": "websockets", "docopt": "docopt", "nltk": "nltk", "sklearn": "scikit-learn", "Cython": "cython",
    "cython": "cython", "ruamel": "ruamel.yaml", "regex": "regex", "unidiff": "unidiff", "lark": "lark", "ply": "ply",
    "shapely": "shapely", "bitarray": "bitarray", "gmpy2": "gmpy2", "zstandard": "zstandard", "brotli": "brotli",
    "botocore": "botocore", "boto3": "boto3", "peewee": "peewee", "pymongo": "pymongo", "dotenv": "python-dotenv",
    "slugify": "python-slugify", "prompt_toolkit": "prompt-toolkit", "httplib2": "httplib2", "watchdog": "watchdog",
    "sphinx": "sphinx", "mypy": "mypy", "coverage": "coverage", "multidict": "multidict", "yarl": "yarl",
}  # fmt: skip


def option_plugins(words: Iterable[str]) -> set[str]:
    """Distributions that the options among `words` need ("-p NAME" of a known plugin module included)."""
    found: set[str] = set()
    previous = ""
    for word in words:
        name = word.split("=", 1)[0]
        if previous == "-p" or (word.startswith("-p") and len(word) > 2 and not word.startswith("--")):
            module = word if previous == "-p" else word[2:].strip()
            found |= {IMPORTS[module]} if IMPORTS.get(module, "").startswith("pytest-") else set()
        if name in OPTIONS:
            found.add(OPTIONS[name])
        elif name.startswith("-n") and name[2:] and (name[2:].isdigit() or name[2:] == "auto"):
            found.add("pytest-xdist")
        else:
            found |= {dist for option, dist in OPTIONS.items() if option.endswith("-") and name.startswith(option)}
        previous = word
    return found


def split_options(text: str) -> list[str]:
    """Words of an `addopts` value; a value with broken quotes is split at blanks."""
    try:
        return shlex.split(text, comments=False)
    except ValueError:
        return text.split()
