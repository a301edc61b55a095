"""Plug-ins and their host programs."""
