"""Draw the icons of the shelf: ``python plugins/maya/icons.py`` writes them into the module.

Needs PySide6. Maya uses ``_150`` and ``_200`` on screens with a higher resolution.
"""

import os
import sys
from pathlib import Path
from typing import Callable, Dict, Sequence, Tuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QGuiApplication, QImage, QPainter, QPen, QPolygonF, QRadialGradient

#: Drawings are on a square of this side.
_SIDE = 32
_SIZES = {"": 32, "_150": 48, "_200": 64}
_LINE = QColor("#dcdcdc")
_ACCENT = QColor("#f2a33c")
_DIM = QColor("#8fb7c9")


def _pen(painter: QPainter, color: QColor = _LINE, width: float = 2.0) -> None:
    painter.setPen(QPen(color, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _fill(painter: QPainter, color: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(color))


def _shape(painter: QPainter, *points: Tuple[float, float]) -> None:
    painter.drawPolygon(QPolygonF([QPointF(*point) for point in points]))


def _lines(painter: QPainter, *points: Tuple[float, float]) -> None:
    painter.drawPolyline(QPolygonF([QPointF(*point) for point in points]))


def _sphere(painter: QPainter, x: float, y: float, radius: float) -> None:
    light = QRadialGradient(QPointF(x - radius / 3, y - radius / 3), radius * 1.3)
    light.setColorAt(0.0, QColor("#ffffff"))
    light.setColorAt(0.35, _DIM)
    light.setColorAt(1.0, QColor("#33505e"))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(light))
    painter.drawEllipse(QPointF(x, y), radius, radius)


def _camera(painter: QPainter, x: float, y: float, width: float) -> None:
    height = width * 0.68
    _pen(painter)
    painter.drawRoundedRect(QRectF(x, y, width, height), 2.5, 2.5)
    _lines(painter, (x + width * 0.3, y), (x + width * 0.38, y - 3), (x + width * 0.62, y - 3), (x + width * 0.7, y))
    painter.drawEllipse(QPointF(x + width / 2, y + height / 2), height * 0.28, height * 0.28)


def _arrow(painter: QPainter, start: Tuple[float, float], end: Tuple[float, float], barbs: Sequence[QPointF]) -> None:
    _lines(painter, start, end)
    for barb in barbs:
        _lines(painter, end, (end[0] + barb.x(), end[1] + barb.y()))


def _upscale(painter: QPainter) -> None:
    _pen(painter)
    painter.drawRect(QRectF(4, 4, 24, 24))
    _fill(painter, _DIM)
    painter.drawRect(QRectF(4, 19, 9, 9))
    _pen(painter, _ACCENT, 2.4)
    _arrow(painter, (15, 17), (23, 9), [QPointF(-6, 0), QPointF(0, 6)])


def _oneshot(painter: QPainter) -> None:
    _camera(painter, 3, 9, 26)
    _fill(painter, _ACCENT)
    painter.drawEllipse(QPointF(16, 17.8), 3.2, 3.2)


def _twoshot(painter: QPainter) -> None:
    _camera(painter, 2.5, 12, 21)
    _fill(painter, _ACCENT)
    _shape(painter, (26, 2), (19.5, 12.5), (23.5, 12.5), (21.5, 20), (29.5, 8.8), (25, 8.8))


def _adjust(painter: QPainter) -> None:
    _sphere(painter, 16, 12, 9)
    _pen(painter)
    _lines(painter, (4, 26), (28, 26))
    _fill(painter, _ACCENT)
    painter.drawEllipse(QPointF(20, 26), 3.6, 3.6)


def _multiply(painter: QPainter) -> None:
    _fill(painter, _ACCENT)
    painter.drawRect(QRectF(4, 4, 11, 11))
    _fill(painter, _DIM)
    for x, y in ((17, 4), (4, 17), (17, 17)):
        painter.drawRect(QRectF(x, y, 11, 11))
    _pen(painter, QColor("#2c2c2c"), 1.6)
    for x, y in ((4, 4), (17, 4), (4, 17), (17, 17)):
        _lines(painter, (x + 2.5, y + 8.5), (x + 5, y + 4.5), (x + 8.5, y + 6.5))


def _tile(painter: QPainter) -> None:
    _pen(painter, _DIM, 1.6)
    painter.drawRect(QRectF(3, 3, 26, 26))
    _pen(painter, _ACCENT, 2.6)
    for shift in (0.0, 13.0):
        wave = ((3, 9.5), (8, 6), (13, 12), (19, 6), (24, 12), (29, 9.5))
        _lines(painter, *[(x, y + shift) for x, y in wave])
    _pen(painter, _LINE, 1.2)
    _lines(painter, (16, 3), (16, 29))
    _lines(painter, (3, 16), (29, 16))


def _style(painter: QPainter) -> None:
    _pen(painter, _LINE, 3.0)
    _lines(painter, (27, 4), (15, 17))
    _fill(painter, _ACCENT)
    painter.drawEllipse(QPointF(11.5, 20.5), 5.2, 5.2)
    _shape(painter, (7, 18), (4, 29), (15.5, 25))
    _fill(painter, _DIM)
    painter.drawEllipse(QPointF(25.5, 25), 3, 3)


def _convert(painter: QPainter) -> None:
    _pen(painter, _LINE, 2.4)
    _arrow(painter, (5, 11), (27, 11), [QPointF(-6, -6), QPointF(-6, 6)])
    _pen(painter, _ACCENT, 2.4)
    _arrow(painter, (27, 21.5), (5, 21.5), [QPointF(6, -6), QPointF(6, 6)])


def _preview(painter: QPainter) -> None:
    _pen(painter, _LINE, 1.6)
    painter.drawRect(QRectF(3, 3, 26, 26))
    _sphere(painter, 16, 16, 9)


def _material(painter: QPainter) -> None:
    _sphere(painter, 12.5, 19.5, 9.5)
    _pen(painter, _ACCENT, 2.4)
    _arrow(painter, (19, 13), (28, 4), [QPointF(-7, 0), QPointF(0, 7)])


def _load(painter: QPainter) -> None:
    _pen(painter)
    _lines(painter, (3, 8), (3, 27), (29, 27), (29, 9), (15, 9), (12, 5), (3, 5), (3, 8))
    _sphere(painter, 16, 18, 6.5)


def _panel(painter: QPainter) -> None:
    for y, color in ((4, _ACCENT), (13, _DIM), (22, _DIM)):
        _fill(painter, color)
        painter.drawRect(QRectF(4, y, 6.5, 6.5))
        _pen(painter)
        _lines(painter, (14, y + 3.2), (28, y + 3.2))


def _preferences(painter: QPainter) -> None:
    for y, x in ((7, 21), (16, 10), (25, 18)):
        _pen(painter)
        _lines(painter, (4, y), (28, y))
        _fill(painter, _ACCENT)
        painter.drawEllipse(QPointF(x, y), 3.4, 3.4)


def _matshot(painter: QPainter) -> None:
    _sphere(painter, 16, 16, 13)
    _pen(painter, _ACCENT, 3.0)
    _lines(painter, (9, 22), (9, 11), (16, 19), (23, 11), (23, 22))


ICONS: Dict[str, Callable[[QPainter], None]] = {
    "matshot": _matshot,
    "matshot_upscale": _upscale,
    "matshot_oneshot": _oneshot,
    "matshot_twoshot": _twoshot,
    "matshot_adjust": _adjust,
    "matshot_multiply": _multiply,
    "matshot_tile": _tile,
    "matshot_style": _style,
    "matshot_convert": _convert,
    "matshot_preview": _preview,
    "matshot_material": _material,
    "matshot_load": _load,
    "matshot_panel": _panel,
    "matshot_preferences": _preferences,
}


def write(folder: Path) -> None:
    """Draw all icons into a folder."""
    for name, draw in ICONS.items():
        for suffix, side in _SIZES.items():
            image = QImage(side, side, QImage.Format.Format_ARGB32)
            image.fill(Qt.GlobalColor.transparent)
            painter = QPainter(image)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.scale(side / _SIDE, side / _SIDE)
            draw(painter)
            painter.end()
            image.save(str(folder / f"{name}{suffix}.png"))


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QGuiApplication(sys.argv)
    write(Path(__file__).parent / "matshot" / "icons")
