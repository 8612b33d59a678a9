"""A client of `holdfast serve`: one honest answer about each record. README.md shows how."""

from .answers import Answer, Away, HoldfastError, NotKept, Page, Refused
from .client import Client

__all__ = ["Answer", "Away", "Client", "HoldfastError", "NotKept", "Page", "Refused"]
