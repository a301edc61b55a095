# SPDX-License-Identifier: GPL-3.0-or-later
"""Surfaces that materials are laid on: the size of their UV map, a new plane, and an unwrap for meshes without UVs."""

import bpy
import numpy as np
from bpy.types import Context, Mesh, Object
from mathutils import Vector

from .matshot_host.graph import MaterialGraph

#: Widths from the middle of a plane to that of the next.
_SPACING = 1.25


def needs_unwrap(target: Object | None) -> bool:
    """Whether an object is a mesh without a UV map, on which images would be a single color."""
    return target is not None and target.type == "MESH" and not target.data.uv_layers


def uv_size(target: Object | None) -> tuple[float, float] | None:
    """Meters that one unit of U and V spans on an object, averaged over its area; None if unknown."""
    if target is None or target.type != "MESH" or not target.data.uv_layers:
        return None
    mesh = target.data
    mesh.calc_loop_triangles()
    count = len(mesh.loop_triangles)
    if not count:
        return None
    corners, vertices = np.empty(3 * count, np.int32), np.empty(3 * count, np.int32)
    mesh.loop_triangles.foreach_get("loops", corners)
    mesh.loop_triangles.foreach_get("vertices", vertices)
    uv = np.empty(2 * len(mesh.loops), np.float32)
    mesh.uv_layers.active.data.foreach_get("uv", uv)
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    linear = np.array(target.matrix_world.to_3x3(), np.float64) * bpy.context.scene.unit_settings.scale_length
    points = (points.reshape(-1, 3) @ linear.T)[vertices].reshape(-1, 3, 3)
    uv = uv.reshape(-1, 2)[corners].reshape(-1, 3, 2).astype(np.float64)
    edges, steps = points[:, 1:] - points[:, :1], uv[:, 1:] - uv[:, :1]
    weight = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    determinant = steps[:, 0, 0] * steps[:, 1, 1] - steps[:, 0, 1] * steps[:, 1, 0]
    usable = (np.abs(determinant) > 1e-12) & (weight > 0)
    if not usable.any():
        return None
    edges, steps, weight = edges[usable], steps[usable], weight[usable]
    # Derivatives of the position by u and v: the edges are the derivatives times the steps in u and v.
    derivatives = np.linalg.solve(steps, edges)
    along = np.average(np.linalg.norm(derivatives, axis=2), axis=0, weights=weight)
    return float(along[0]), float(along[1])


def tiling(graph: MaterialGraph, aspect: float, size: tuple[float, float] | None) -> tuple[float, float]:
    """Repetitions in u and v that show a material without distortion, and in its real size if that is known.

    Args:
        graph: of the material.
        aspect: width of its maps divided by their height.
        size: of the UV map, see :func:`uv_size`; None counts as a square.
    """
    if graph.physical_size is not None and size is not None:
        return size[0] / graph.physical_size[0], size[1] / graph.physical_size[1]
    return 1.0, aspect * (size[1] / size[0] if size is not None else 1.0)


def height_scale(
    graph: MaterialGraph, target: Object | None, size: tuple[float, float] | None, repeats: float
) -> float:
    """Scale of the displacement in units of the object, 0 if unknown.

    Args:
        graph: of the material.
        target: object that gets it, if any.
        size: of its UV map.
        repeats: of the material in u.
    """
    displacement = graph.displacement
    assert displacement is not None
    meters = displacement.scale
    if meters is None and displacement.widths is not None:
        meters = displacement.widths * (size[0] if size is not None else 1.0) / repeats
    if meters is None:
        return 0.0
    unit = bpy.context.scene.unit_settings.scale_length
    if target is not None:
        # Displacement happens before the object is scaled.
        unit *= sum(abs(value) for value in target.matrix_world.to_scale()) / 3.0 or 1.0
    return meters / unit


def new_plane(context: Context, name: str, width: float, height: float, column: int = 0) -> Object:
    """A plane at the 3D cursor with a UV map over all of it, selected and active.

    Args:
        context: with the collection for it.
        name: of the object.
        width: in meters.
        height: in meters.
        column: number of planes of this size between the cursor and this one.
    """
    unit = context.scene.unit_settings.scale_length
    x, y = width / unit / 2, height / unit / 2
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(-x, -y, 0), (x, -y, 0), (x, y, 0), (-x, y, 0)], [], [(0, 1, 2, 3)])
    for corner, uv in zip(mesh.uv_layers.new(name="UVMap").data, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True):
        corner.uv = uv
    plane = bpy.data.objects.new(name, mesh)
    plane.location = context.scene.cursor.location
    plane.location.x += column * _SPACING * 2 * x
    (context.collection or context.scene.collection).objects.link(plane)
    for other in context.view_layer.objects.selected:
        other.select_set(False)
    plane.select_set(True)
    context.view_layer.objects.active = plane
    return plane


def unwrap(mesh: Mesh) -> None:
    """Give a mesh a UV map: a projection along the axis that each face points to, all in one scale.

    One unit of U and V is the longest side of the mesh.
    """
    layer = mesh.uv_layers.new(name="UVMap")
    corners = [vertex.co for vertex in mesh.vertices]
    low = Vector(map(min, zip(*corners, strict=True))) if corners else Vector()
    high = Vector(map(max, zip(*corners, strict=True))) if corners else Vector()
    side = max(high - low) or 1.0
    for polygon in mesh.polygons:
        axis = max(range(3), key=lambda index: abs(polygon.normal[index]))
        first, second = ((1, 2), (0, 2), (0, 1))[axis]
        for loop in polygon.loop_indices:
            point = (mesh.vertices[mesh.loops[loop].vertex_index].co - low) / side
            layer.data[loop].uv = point[first], point[second]
