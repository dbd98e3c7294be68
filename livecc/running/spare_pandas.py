"""Keep pyarrow from importing pandas where nobody asks for it."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any


def spare_pandas() -> None:
    """Keep pyarrow from importing pandas, which takes longer than many a job.

    For the first list that it converts, pyarrow imports pandas to see whether the list is one of
    its series. So it converts one while pandas cannot be found; who asks for pandas later gets it,
    pyarrow included.
    """
    if "pyarrow" not in sys.modules and "pandas" not in sys.modules:
        sys.meta_path.insert(0, _PyarrowWithoutPandas())


class _PyarrowWithoutPandas(MetaPathFinder):
    """Lets pyarrow look for pandas in vain when it is imported."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        if fullname != "pyarrow":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def load_alone(module: ModuleType) -> None:
            load(module)
            nothing = _NoPandas()
            sys.meta_path.insert(0, nothing)
            try:
                module.array([])
            finally:
                sys.meta_path.remove(nothing)

        spec.loader.exec_module = load_alone  # type: ignore[method-assign]
        return spec


class _NoPandas(MetaPathFinder):
    """Makes imports of pandas fail.

    None in sys.modules would have the same effect, but pyarrow's C++ code would use it as the
    module.
    """

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:  # noqa: ARG002
        if fullname == "pandas":
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
