"""A network of one's own: an ONNX file and a card in a folder that ``$MATSHOT_MODELS`` names."""

import os

from inputs import output_folder, write_wall
from network import write_network

import matshot

out = output_folder()
wall = write_wall(out)

matshot.upscale(wall, scale=2, look="detail", output=out / "shipped.png")
os.environ["MATSHOT_MODELS"] = str(write_network(out / "models"))
matshot.upscale(wall, scale=2, look="detail", output=out / "custom.png")

matshot.preview(wall, out / "shipped.png", out / "custom.png", size=256, output=out / "picture.jpg")

print(f"See {out}/picture.jpg")
