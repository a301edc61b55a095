"""Super-resolution of textures and materials.

``upscale`` works on a :class:`~matshot.image.types.Texture`; ``upscale_file`` on files of any size, in bounded memory;
``upscale_all`` on images, folders of them, material folders and UDIM sets.
"""

from .batch import Outcome, upscale_all
from .files import upscale_file
from .methods import METHODS
from .upscale import LOOKS, SCALES, UpscaleOptions, upscale

__all__ = ["LOOKS", "METHODS", "SCALES", "Outcome", "UpscaleOptions", "upscale", "upscale_all", "upscale_file"]
