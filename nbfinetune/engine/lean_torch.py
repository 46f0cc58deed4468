"""torch, torchvision and timm without torch's compiler, as long as nobody compiles.

`torch._dynamo` costs every process more than a second. torchvision imports it for the sake of one
function; optimizers, timm and torch's own decompositions to tell it to leave some of theirs alone.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

COMPILER = "torch._dynamo"
TAKEN_BY_TORCHVISION = "torch._dynamo.utils"
_MARK = "_torchdynamo_disable"
"""On a function that the compiler is to leave alone; it looks for it whenever it comes."""
_REMEMBERED = "__dynamo_disable"
"""Where `torch._compile` keeps what the compiler made of such a function."""


def leave_out_compiler() -> None:
    """Import torchvision, and let others who name `torch._dynamo` have a stand-in.

    Whoever asks it for more than to be left alone gets the real one, imported at that moment; where
    another torchvision asks for more, that is at once.
    """
    import torch  # noqa: F401 - which has to be there first

    if COMPILER in sys.modules:
        return
    stand_in = _Compiler(COMPILER)
    sys.modules[COMPILER] = stand_in
    sys.meta_path.insert(0, stand_in.finder)
    asked = _Later(TAKEN_BY_TORCHVISION)
    sys.modules[TAKEN_BY_TORCHVISION] = asked
    try:
        import torchvision  # noqa: F401
    finally:
        asked.leave()


class _Later(ModuleType):
    """Gives, instead of any function of a module, one that imports the module when it is called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def imported_when_called(*args: Any, **kwargs: Any) -> Any:
            self.leave()
            return getattr(importlib.import_module(self.__name__), name)(*args, **kwargs)

        return imported_when_called

    def leave(self) -> None:
        """Make way for the real one."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


class _Compiler(ModuleType):
    """`torch._dynamo` as far as one speaks to it while nothing is compiled.

    Attributes
    ----------
    config : SimpleNamespace
        What is set there is set in the real one's, once it is there.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self.config = SimpleNamespace()
        self.finder = _Parts(self)
        self._left_alone: list[Any] = []

    def disable(self, function: Any = None, *settings: Any, **named: Any) -> Any:
        """Mark a function as to be left alone; what is none goes to the real one."""
        if not isinstance(function, FunctionType):
            return self.make_way().disable(function, *settings, **named)
        setattr(function, _MARK, True)
        self._left_alone.append(function)
        return function

    def graph_break(self, *_: Any, **__: Any) -> None:
        """Nothing: there is no graph."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.make_way(), name)

    def make_way(self) -> ModuleType:
        """Import the real one, as it would be had it been there from the beginning."""
        if sys.modules.get(COMPILER) is self:
            sys.meta_path.remove(self.finder)
            del sys.modules[COMPILER]
        real = importlib.import_module(COMPILER)
        for name, value in vars(self.config).items():
            setattr(real.config, name, value)
        while self._left_alone:
            vars(self._left_alone.pop()).pop(_REMEMBERED, None)
        return real


class _Parts(MetaPathFinder):
    """Notices that somebody imports a part of the compiler, before anybody looks for it."""

    def __init__(self, stand_in: _Compiler) -> None:
        self._stand_in = stand_in

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where it is, or None: not a part of it."""
        if not fullname.startswith(f"{COMPILER}."):
            return None
        self._stand_in.make_way()
        there = sys.modules.get(fullname)
        return importlib.util.find_spec(fullname) if there is None else _Kept(there).spec


class _Kept(Loader):
    """Loads a module that the real compiler has loaded meanwhile."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._own = module, module.__spec__
        self.spec = ModuleSpec(module.__name__, self)

    def create_module(self, _spec: ModuleSpec) -> ModuleType:
        """The module as it is."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Leave it so."""
        module.__spec__ = self._own
