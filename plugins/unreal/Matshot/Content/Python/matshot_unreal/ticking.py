"""Calls on the editor's main thread, once in a frame."""

from __future__ import annotations

import traceback
from typing import Any, Callable

import unreal


class Ticking:
    """Calls something in every frame until it is stopped.

    Dialogs and progress windows run frames of their own while they are open, so a call may come while one is under way;
    it is left out then.

    Args:
        call: what is called; an error in it ends nothing, and is logged, though not sixty times a second.
    """

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._inside = False
        self._logged = ""
        self._handle: Any = unreal.register_slate_post_tick_callback(self._tick)

    def stop(self) -> None:
        """Call no more."""
        if self._handle is not None:
            unreal.unregister_slate_post_tick_callback(self._handle)
            self._handle = None

    def _tick(self, seconds: float) -> None:
        if self._inside:
            return
        self._inside = True
        try:
            self._call()
        except Exception as error:
            if str(error) != self._logged:
                self._logged = str(error)
                unreal.log_error(f"Matshot: {traceback.format_exc()}")
        finally:
            self._inside = False
