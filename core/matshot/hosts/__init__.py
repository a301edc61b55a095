"""Plug-ins and the programs that they are for."""
