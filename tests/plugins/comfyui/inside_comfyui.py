"""Runs in the Python of a ComfyUI: loads the nodes with its loader and runs workflows with its executor.

Arguments: folder of ComfyUI, folder of the nodes, base folder for inputs and outputs, file for the answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

COMFYUI, FOLDER, BASE, ANSWER = (os.path.abspath(one) for one in sys.argv[1:5])
sys.argv = ["main.py", "--cpu", "--base-directory", BASE]
sys.path.insert(0, COMFYUI)
os.chdir(COMFYUI)

import comfy.options  # noqa: E402  ComfyUI wants its arguments first

comfy.options.enable_args_parsing()

import execution  # noqa: E402
import folder_paths  # noqa: E402
import nodes  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from comfy_config import config_parser  # noqa: E402
from PIL import Image  # noqa: E402


class Server:
    """What the executor tells."""

    client_id = "test"
    last_node_id = None
    last_prompt_id = "test"

    def send_sync(self, *_: Any) -> None:
        """Nobody listens."""


class BadImage:
    """A node whose picture is damaged."""

    CATEGORY, FUNCTION, RETURN_TYPES = "test", "run", ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Nothing."""
        return {"required": {}}

    def run(self) -> tuple[Any]:
        """Not a number."""
        return (torch.full((1, 8, 8, 3), float("nan")),)


class RepeatImageBatch:
    """A batch of one picture several times, as ComfyUI's extras have it."""

    CATEGORY, FUNCTION, RETURN_TYPES = "test", "run", ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """A picture and a number."""
        return {"required": {"image": ("IMAGE",), "amount": ("INT", {"default": 1})}}

    def run(self, image: Any, amount: int) -> tuple[Any]:
        """The batch."""
        return (image.repeat(amount, 1, 1, 1),)


def _capture() -> dict[str, Any]:
    """Values of the required widgets of Photo to Material."""
    sockets = nodes.NODE_CLASS_MAPPINGS["MatshotOneshot"].INPUT_TYPES()["required"]
    return {name: options["default"] for name, (_, options) in sockets.items() if "default" in options}


def _workflow() -> dict[str, Any]:
    """A picture, larger; a material of it, adjusted, split and saved."""
    upscale = {"image": ["1", 0], "scale": "2", "look": "fidelity", "wrap": "auto", "kind": "auto", "normal": "auto"}
    join = {"basecolor": ["2", 0], "roughness": ["2", 0], "convention": "gl"}
    larger = {"material": ["3", 0], "scale": "2", "look": "fidelity", "wrap": "auto", "method": "nearest"}
    save = {
        "material": ["4", 0],
        "folder": "walls",
        "name": "wall",
        "normal": "gl",
        "pack": "none",
        "size": 0,
        "format": "same",
    }
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": "small.png"}},
        "2": {"class_type": "MatshotUpscale", "inputs": {**upscale, "method": "bicubic"}},
        "3": {"class_type": "MatshotJoinMaterial", "inputs": join},
        "4": {"class_type": "MatshotUpscaleMaterial", "inputs": larger},
        "5": {"class_type": "MatshotSaveMaterial", "inputs": save},
        "6": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "large"}},
        "7": {"class_type": "MatshotPreview", "inputs": {"source": ["4", 0], "size": 128, "view": "material"}},
        "8": {"class_type": "SaveImage", "inputs": {"images": ["7", 0], "filename_prefix": "sheet"}},
        # A batch of two becomes two materials, and so two roughness maps.
        "9": {"class_type": "RepeatImageBatch", "inputs": {"image": ["2", 0], "amount": 2}},
        "10": {"class_type": "MatshotOneshot", "inputs": {"image": ["9", 0], **_capture()}},
        "11": {"class_type": "MatshotSplitMaterial", "inputs": {"material": ["10", 0]}},
        "12": {"class_type": "SaveImage", "inputs": {"images": ["11", 2], "filename_prefix": "rough"}},
    }


def _run(workflow: dict[str, Any]) -> tuple[Any, list[Any]]:
    """Whether a workflow ran, and the executor's messages."""
    executor = execution.PromptExecutor(
        Server(), cache_type=execution.CacheType.CLASSIC, cache_args={"lru": 0, "ram": 0}
    )
    valid = asyncio.run(execution.validate_prompt("test", workflow, None))
    assert valid[0], valid
    executor.execute(workflow, "test", {"client_id": "test"}, valid[2])
    return executor.success, executor.status_messages


def main() -> None:
    """Do it all, and write the answer."""
    for name in ("input", "output", "temp"):
        Path(BASE, name).mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(Path(folder_paths.get_input_directory(), "small.png"))
    loaded = asyncio.run(nodes.load_custom_node(FOLDER))
    nodes.NODE_CLASS_MAPPINGS.update(BadImage=BadImage, RepeatImageBatch=RepeatImageBatch)
    workflow = _workflow()
    valid = asyncio.run(execution.validate_prompt("test", workflow, None))
    success, messages = _run(workflow)
    output = Path(folder_paths.get_output_directory())
    larger = next(iter(output.glob("large*.png")), None)
    wrong = {
        "1": workflow["1"],
        "2": {
            "class_type": "MatshotMultiply",
            "inputs": {
                "image": ["1", 0],
                "size": "9x",
                "seed": 0,
                "tileable": False,
                "count": 1,
                "variety": 0.5,
            },
        },
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "x"}},
    }
    refused = asyncio.run(execution.validate_prompt("test", wrong, None))
    bad = {
        "1": {"class_type": "BadImage", "inputs": {}},
        "2": workflow["2"],
        "6": workflow["6"],
    }
    _, errors = _run(bad)
    answer = {
        "loaded": loaded,
        "project": config_parser.extract_node_configuration(FOLDER).project.name,
        "nodes": sorted(name for name in nodes.NODE_CLASS_MAPPINGS if name.startswith("Matshot")),
        "valid": list(valid[:2]),
        "success": success,
        "messages": messages,
        "size": list(Image.open(larger).size) if larger else None,
        "split": len(list(output.glob("rough*.png"))),
        "saved": sorted(one.name for one in (output / "walls" / "wall").glob("*")),
        "refused": refused,
        "failed": next((data["exception_message"].strip() for event, data in errors if event == "execution_error"), ""),
    }
    Path(ANSWER).write_text(json.dumps(answer, default=str), encoding="utf-8")


if __name__ == "__main__":
    main()
