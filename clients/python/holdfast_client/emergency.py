"""The last place for a record: a file of its own, in the form that Holdfast's own emergency copies have."""

from __future__ import annotations

import base64
import datetime
import os
import secrets
from typing import Mapping

from .wire import json_text

LONGEST_SEARCH = 3600


def free_name(moment: datetime.datetime, number: int) -> str:
    named = moment + datetime.timedelta(seconds=number)
    return f"EMERGENCY_SAVE_{named:%Y%m%d_%H%M%S}.json.b64"


def sync_folder(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_synced(path: str, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    handle = os.open(path, flags, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view):]
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: str) -> None:
    """As os.makedirs, and durable."""
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    make_folder(parent)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    sync_folder(parent)


def save(folder: str, records: Mapping[str, str]) -> str:
    """Writes the records (their JSON text by id) below `folder`: base64, in one line, of an object.

    The path of the file, which is durable then and was never another's: where a name is taken, the
    time (in UTC) of the next free second is. Raises OSError if it cannot be written.
    """
    content = "{" + ",".join(f"{json_text(id)}:{text}" for id, text in records.items()) + "}"
    folder = os.path.abspath(folder)
    make_folder(folder)
    beside = os.path.join(folder, f".EMERGENCY_SAVE.new-{secrets.token_hex(8)}")
    try:
        write_synced(beside, base64.b64encode(content.encode("utf-8")))
        moment = datetime.datetime.now(datetime.timezone.utc)
        for number in range(LONGEST_SEARCH):
            path = os.path.join(folder, free_name(moment, number))
            try:
                # A link is made only where nothing is, so nothing is ever replaced.
                os.link(beside, path)
            except FileExistsError:
                continue
            os.unlink(beside)
            sync_folder(folder)
            return path
        raise FileExistsError(f"all names of an hour are taken in {folder}")
    except OSError:
        try:
            os.unlink(beside)
        except OSError:
            pass  # the first failure is the one to report
        raise
