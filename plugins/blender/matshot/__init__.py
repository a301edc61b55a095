# SPDX-License-Identifier: GPL-3.0-or-later
"""Matshot in Blender: what its menus show is done by a worker process; this only starts it and shows what it made."""

from . import drop, menus, operators, preferences, review, running, session

_MODULES = (preferences, running, operators, review, menus, drop)


def register() -> None:
    """Called by Blender when the extension is enabled."""
    for module in _MODULES:
        module.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled, and when Blender quits."""
    for module in reversed(_MODULES):
        module.unregister()
    session.close()
