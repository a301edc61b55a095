"""Run by Unreal at startup; starts Matshot once the project's assets are loaded."""

from matshot_unreal import startup

startup.begin()
