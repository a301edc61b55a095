"""Matshot in Maya: dialogs, a panel with jobs, and shading networks, built on ``matshot_host``."""
