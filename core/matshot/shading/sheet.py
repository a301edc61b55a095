"""Pictures beside and below each other on one dark sheet, with labels.

Pictures are display-encoded (sRGB) ``H x W x 3`` in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import OpenImageIO as oiio

from ..image.color import Pixels

#: Pixels between pictures.
GUTTER = 12
#: Pixels around all of them.
_MARGIN = 24

#: Gray of the sheet.
_GROUND = 0.125
#: Gray of labels and titles.
_INK = 0.82
#: Gray of facts.
_FAINT_INK = 0.55

#: Size of the letters of labels and facts, in pixels.
_LABEL = 13
#: Height of their lines.
_LINE = 26
#: Size of the letters of titles, in pixels.
_TITLE = 20
#: Height of their lines.
_HEADING = 28


def sheet(rows: Sequence[Pixels], title: str = "", facts: str = "") -> Pixels:
    """Rows under each other on a dark neutral ground.

    Args:
        rows: pictures of any width, such as those of :func:`labeled_row`.
        title: of the sheet.
        facts: in small letters under the title.
    """
    header = (_HEADING if title else 0) + (_LINE if facts else 0) + (GUTTER if title or facts else 0)
    width = max(row.shape[1] for row in rows) + 2 * _MARGIN
    height = header + sum(row.shape[0] for row in rows) + GUTTER * (len(rows) - 1) + 2 * _MARGIN
    picture = np.full((height, width, 3), _GROUND, dtype=np.float32)
    top = _MARGIN + header
    below = top - GUTTER
    _write(picture[_MARGIN : below - (_LINE if facts else 0), _MARGIN:-_MARGIN], title, _TITLE, _INK)
    _write(picture[below - _LINE : below, _MARGIN:-_MARGIN], facts, _LABEL, _FAINT_INK)
    for row in rows:
        picture[top : top + row.shape[0], _MARGIN : _MARGIN + row.shape[1]] = row
        top += row.shape[0] + GUTTER
    return picture


def labeled_row(pictures: Sequence[Pixels], labels: Sequence[str]) -> Pixels:
    """Pictures side by side, each above its label.

    Args:
        pictures: of equal height.
        labels: one for each, or empty.
    """
    height = pictures[0].shape[0]
    width = sum(picture.shape[1] for picture in pictures) + GUTTER * (len(pictures) - 1)
    row = np.full((height + _LINE, width, 3), _GROUND, dtype=np.float32)
    left = 0
    for picture, label in zip(pictures, labels, strict=True):
        row[:height, left : left + picture.shape[1]] = np.clip(as_rgb(picture), 0, 1)
        _write(row[height:, left : left + picture.shape[1]], label, _LABEL, _INK)
        left += picture.shape[1] + GUTTER
    return row


def fitted_picture(picture: Pixels, width: int, height: int) -> Pixels:
    """A picture of any size, as large as it can be in the middle of a box of the sheet's gray."""
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inner = _resized(picture, max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return centered_picture(inner, width, height)


def centered_picture(picture: Pixels, width: int, height: int) -> Pixels:
    """A picture in the middle of a box of the sheet's gray."""
    top, left = (height - picture.shape[0]) // 2, (width - picture.shape[1]) // 2
    box = np.full((height, width, 3), _GROUND, dtype=np.float32)
    box[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return box


def scaled_picture(picture: Pixels, longest: int) -> Pixels:
    """A picture whose longer side has that many pixels."""
    scale = longest / max(picture.shape[:2])
    return _resized(picture, *(max(1, round(side * scale)) for side in picture.shape[1::-1]))


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """Mean of the area that a pixel covers, or cubic when it grows."""
    grows = width * height > pixels.shape[0] * pixels.shape[1]
    how = cv2.INTER_CUBIC if grows else cv2.INTER_AREA
    resized = cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=how)
    return np.asarray(resized, dtype=np.float32).reshape(height, width, pixels.shape[2])


def as_rgb(pixels: Pixels) -> Pixels:
    """Three channels: gray repeated, alpha left out."""
    return np.repeat(pixels[..., :1], 3, axis=2) if pixels.shape[2] < 3 else pixels[..., :3]


def _write(strip: Pixels, text: str, size: int, gray: float) -> None:
    """Put a line of text into a strip of the sheet; what does not fit is cut off."""
    if not text:
        return
    canvas = oiio.ImageBuf(np.ascontiguousarray(strip))
    baseline = (strip.shape[0] + size) // 2 - 1
    # Without a font, which some builds of OpenImageIO do not bring, the sheet stays without words.
    if oiio.ImageBufAlgo.render_text(canvas, 0, baseline, text, size, textcolor=(gray, gray, gray)):
        strip[...] = np.asarray(canvas.get_pixels(oiio.FLOAT))[: strip.shape[0], : strip.shape[1], :3]
    else:
        canvas.geterror()
