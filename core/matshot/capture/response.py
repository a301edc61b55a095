"""How the flash photograph of a level surface responds to slopes, by what is known of its lamp."""

from __future__ import annotations

import cv2
import numpy as np

from ..shading.render import Camera
from .fitting import Scale, expected_response
from .lamp import Lamp
from .shading import Response

#: Longer side at which it is computed.
_SIDE = 320


def response_of_lamp(lamp: Lamp, camera: Camera) -> Response:
    """Of a level surface of the mean reflectance; it is smooth, so a smaller picture has all of it."""
    shrink = min(1.0, _SIDE / max(camera.width, camera.height))
    eye = Camera(max(2, round(camera.width * shrink)), max(2, round(camera.height * shrink)), camera.fov)
    scale = Scale(1.0, lamp.metallic, np.asarray(lamp.base_color, np.float32), lamp.roughness)
    small = expected_response(scale, eye, lamp.light)
    size = (camera.width, camera.height)
    planes = (small.along_x, small.along_y, small.glare)
    return Response(
        *(np.asarray(cv2.resize(each, size, interpolation=cv2.INTER_LINEAR), np.float32) for each in planes)
    )
