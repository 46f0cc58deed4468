"""Hatch's build hook: a wheel, and an editable install, hold the built front end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))
import frontend


class FrontEnd(BuildHookInterface):
    """Builds the front end where it is missing or stale, and only then asks for Node."""

    def dependencies(self) -> list[str]:
        """Node as a package, where the front end must be built and the system has none."""
        return [frontend.NODE_PACKAGE] if frontend.is_stale() and not frontend.has_node() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build before hatch collects the files."""
        try:
            frontend.build()
        except frontend.FrontEndError as error:
            self.app.abort(f"nbfinetune: {error}")
