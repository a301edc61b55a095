# SPDX-License-Identifier: GPL-3.0-or-later
"""Matshot in Blender: operators start jobs in a worker process and bring their results into the .blend file."""

from . import (
    drop,
    history,
    job_operator,
    job_queue,
    menus,
    operators,
    preferences,
    review,
    sidebar,
    whole_material,
)

_MODULES = (
    *(preferences, history, job_queue, job_operator, operators, whole_material),
    *(review, menus, sidebar, drop),
)


def register() -> None:
    """Called by Blender when the extension is enabled."""
    for module in _MODULES:
        module.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled, and when Blender quits."""
    for module in reversed(_MODULES):
        module.unregister()
