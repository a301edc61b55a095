"""A material as a USD scene: a plane of its real size that wears it.

The material has two faces. Renderers that read MaterialX get the OpenPBR surface of the folder's ``material.mtlx``, by
reference; all others get a UsdPreviewSurface (OpenUSD's "UsdPreviewSurface Specification" 2.6), which is written from
the same graph and holds what that model can.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from matshot_host.description import DOCUMENT
from matshot_host.graph import Channel, Image, Invert, MaterialGraph, NormalMap

from .materialx import document_name

#: Inputs of UsdPreviewSurface by those of OpenPBR.
_INPUTS = {
    "base_color": "diffuseColor",
    "base_metalness": "metallic",
    "specular_roughness": "roughness",
    "geometry_normal": "normal",
    "geometry_opacity": "opacity",
    "emission_color": "emissiveColor",
}
#: Types of those that are no number.
_TYPES = {"diffuseColor": "color3f", "emissiveColor": "color3f", "normal": "normal3f"}
#: Color spaces of files, by encoding.
_COLORSPACES = {"srgb": "sRGB", "linear": "raw", "data": "raw"}
#: Shorter side of a plane whose size is not known, in meters.
_SIDE = 1.0


def usd_document(graph: MaterialGraph, folder: str | os.PathLike[str], aspect: float = 1.0) -> str:
    """The text of a ``.usda`` file.

    Meters, Y up, the plane upright and centered at the origin. Its texture coordinates span one repetition of the maps.
    Specular level and anisotropy have no place in UsdPreviewSurface and are the OpenPBR surface's alone.

    Args:
        graph: of the material.
        folder: that the document will lie in, beside ``material.mtlx``; files below it are named from there.
        aspect: width of the maps over their height, for a plane whose size is not known.
    """
    name = document_name(graph.name)
    width, height = graph.physical_size or (_SIDE * max(aspect, 1.0), _SIDE * max(1 / aspect, 1.0))
    lines = [
        "#usda 1.0",
        "(",
        f'    defaultPrim = "{name}"',
        "    metersPerUnit = 1",
        '    upAxis = "Y"',
        ")",
        "",
        f'def Xform "{name}" (',
        '    kind = "component"',
        ")",
        "{",
        *_indented(_plane(f"/{name}/materials/{name}", width, height)),
        "",
        '    def Scope "materials"',
        "    {",
        f'        def Material "{name}" (',
        f"            prepend references = @./{DOCUMENT}@</MaterialX/Materials/{name}>",
        "        )",
        "        {",
        *_indented(_preview(graph, Path(os.path.abspath(folder)), f"/{name}/materials/{name}"), 3),
        "        }",
        "    }",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _indented(lines: Iterator[str], times: int = 1) -> Iterator[str]:
    return ("    " * times + line if line else "" for line in lines)


def _plane(material: str, width: float, height: float) -> Iterator[str]:
    right, top = width / 2, height / 2
    corners = [(-right, -top), (right, -top), (right, top), (-right, top)]
    yield 'def Mesh "plane" ('
    yield '    prepend apiSchemas = ["MaterialBindingAPI"]'
    yield ")"
    yield "{"
    yield f"    float3[] extent = [({-right:g}, {-top:g}, 0), ({right:g}, {top:g}, 0)]"
    yield "    int[] faceVertexCounts = [4]"
    yield "    int[] faceVertexIndices = [0, 1, 2, 3]"
    yield f"    rel material:binding = <{material}>"
    yield "    normal3f[] normals = [(0, 0, 1), (0, 0, 1), (0, 0, 1), (0, 0, 1)] ("
    yield '        interpolation = "vertex"'
    yield "    )"
    yield f"    point3f[] points = [{', '.join(f'({x:g}, {y:g}, 0)' for x, y in corners)}]"
    yield "    texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1), (0, 1)] ("
    yield '        interpolation = "vertex"'
    yield "    )"
    yield '    uniform token subdivisionScheme = "none"'
    yield "}"


def _preview(graph: MaterialGraph, folder: Path, path: str) -> Iterator[str]:
    """The UsdPreviewSurface and what feeds it."""
    sources = {given: graph.surface[meaning] for meaning, given in _INPUTS.items() if meaning in graph.surface}
    if graph.occlusion:
        sources["occlusion"] = graph.occlusion
    raised = graph.displacement
    if raised is not None and raised.scale is not None:
        sources["displacement"] = raised.source
        yield f"token outputs:displacement.connect = <{path}/preview.outputs:displacement>"
    yield f"token outputs:surface.connect = <{path}/preview.outputs:surface>"
    yield ""
    yield 'def Shader "preview"'
    yield "{"
    yield '    uniform token info:id = "UsdPreviewSurface"'
    for given, source in sources.items():
        kind = _TYPES.get(given, "float")
        if isinstance(source, str):
            output = "rgb" if kind != "float" else _channel(graph, source)
            yield f"    {kind} inputs:{given}.connect = <{path}/{given}_map.outputs:{output}>"
        else:
            yield f"    {kind} inputs:{given} = {source:g}"
    if "base_color" not in graph.surface:
        yield "    color3f inputs:diffuseColor = (0.8, 0.8, 0.8)"
    yield "    token outputs:displacement"
    yield "    token outputs:surface"
    yield "}"
    across, down = graph.mapping.tiling
    yield ""
    yield 'def Shader "coordinates"'
    yield "{"
    yield '    uniform token info:id = "UsdPrimvarReader_float2"'
    yield '    string inputs:varname = "st"'
    yield "    float2 outputs:result"
    yield "}"
    yield ""
    yield 'def Shader "place"'
    yield "{"
    yield '    uniform token info:id = "UsdTransform2d"'
    yield f"    float2 inputs:in.connect = <{path}/coordinates.outputs:result>"
    yield f"    float2 inputs:scale = ({across:g}, {down:g})"
    yield "    float2 outputs:result"
    yield "}"
    for given, source in sources.items():
        if not isinstance(source, str):
            continue
        yield ""
        scale, bias = _values(graph, source)
        if given == "displacement" and raised is not None and raised.scale is not None:
            scale, bias = (raised.scale,) * 3, (-raised.level * raised.scale,) * 3
        yield from _texture(_image(graph, source), folder, f"{given}_map", path, scale, bias)


def _texture(
    image: Image, folder: Path, name: str, path: str, scale: tuple[float, ...], bias: tuple[float, ...]
) -> Iterator[str]:
    file = Path(image.file)
    named = f"./{file.relative_to(folder).as_posix()}" if file.is_relative_to(folder) else file.as_posix()
    space = "auto" if image.colorspace else _COLORSPACES[image.encoding]
    yield f'def Shader "{name}"'
    yield "{"
    yield '    uniform token info:id = "UsdUVTexture"'
    yield f"    asset inputs:file = @{named}@"
    if scale != (1.0, 1.0, 1.0):
        yield f"    float4 inputs:scale = ({', '.join(f'{each:g}' for each in scale)}, 1)"
    if bias != (0.0, 0.0, 0.0):
        yield f"    float4 inputs:bias = ({', '.join(f'{each:g}' for each in bias)}, 0)"
    yield f'    token inputs:sourceColorSpace = "{space}"'
    yield f"    float2 inputs:st.connect = <{path}/place.outputs:result>"
    for axis, letter in (("S", "x"), ("T", "y")):
        yield f'    token inputs:wrap{axis} = "{"repeat" if letter in image.wrap else "clamp"}"'
    yield "    float outputs:r"
    yield "    float outputs:g"
    yield "    float outputs:b"
    yield "    float3 outputs:rgb"
    yield "}"


def _image(graph: MaterialGraph, name: str) -> Image:
    """The file behind a node."""
    node = graph.node(name)
    while not isinstance(node, Image):
        node = graph.node(node.source)
    return node


def _channel(graph: MaterialGraph, name: str) -> str:
    """Which output of the file's texture a node of one number is."""
    node = graph.node(name)
    while not isinstance(node, Image):
        if isinstance(node, Channel):
            return "rgb"[node.index]
        node = graph.node(node.source)
    return "r"


def _values(graph: MaterialGraph, name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Factor on what a file stores, and what is added then, for what a node gives out."""
    node = graph.node(name)
    if isinstance(node, Invert):
        return (-1.0,) * 3, (1.0,) * 3
    if isinstance(node, NormalMap):
        size, middle = (1.0, 0.0) if node.signed else (2.0, -1.0)
        green = -1.0 if node.convention == "dx" else 1.0
        return (size, green * size, size), (middle, green * middle, middle)
    return (1.0,) * 3, (0.0,) * 3
