"""Callbacks on the editor's main thread, once per frame."""

from __future__ import annotations

import traceback
from typing import Any, Callable

import unreal


class Ticker:
    """Calls a function in every frame of the engine until it is stopped.

    Dialogs and progress windows run frames of Slate, in which nothing may be imported; these do not count as frames of
    the engine and are skipped, like frames inside a call.

    Args:
        call: the function; an error is logged once and stops nothing.
    """

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._calling = False
        self._frame = -1
        self._logged = ""
        self._handle: Any = unreal.register_slate_post_tick_callback(self._tick)

    def stop(self) -> None:
        """Stop the calls."""
        if self._handle is not None:
            unreal.unregister_slate_post_tick_callback(self._handle)
            self._handle = None

    def _tick(self, seconds: float) -> None:
        frame = unreal.SystemLibrary.get_frame_count()
        if self._calling or frame == self._frame:
            return
        self._frame = frame
        self._calling = True
        try:
            self._call()
        except Exception as error:
            if str(error) != self._logged:
                self._logged = str(error)
                unreal.log_error(f"Matshot: {traceback.format_exc()}")
        finally:
            self._calling = False
