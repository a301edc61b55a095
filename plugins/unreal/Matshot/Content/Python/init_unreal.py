"""Run by Unreal at every start; registers Matshot's menus once the assets of the project are known."""

from matshot_unreal import startup

startup.begin()
