"""Runs that outgrow one process: an engine on Dask, whole libraries, and templates for render farms.

Needs the extra ``farm``; nothing here is imported before it is used.
"""
