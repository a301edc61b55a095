"""Super-resolution of textures and materials.

``upscale`` works on a :class:`~matshot.image.types.Texture`; ``upscale_file`` on files of any size, in bounded memory;
``upscale_all`` on images, folders of them, material folders and UDIM sets.
"""

from .batch import UpscaleResult, upscale_all
from .files import upscale_file
from .methods import METHODS
from .upscale import UpscaleOptions, upscale

__all__ = ["METHODS", "UpscaleOptions", "UpscaleResult", "upscale", "upscale_all", "upscale_file"]
