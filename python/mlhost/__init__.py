"""The Python side of mlhost. Whoever imports `mlhost` gets nothing but its version: what needs packages of other people is
in a module of its own, and is imported by name. Importing this must never need anything but Python."""

__version__ = "0.1.0"
