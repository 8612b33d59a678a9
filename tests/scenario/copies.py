"""What the scenarios about files of others share: how such files are made, and a collection that they are copies of."""

import base64
import io
import json
import pathlib
import tarfile

from holdfast import Scenario

CONFIGURATION = """
environment = "$APP_ENV"
[databases.app]
source = "app.db"
exclusions = [{{ table = "videos", where = "title = 'Prizies'" }}]
[[databases.app.exports]]
collection = "videos"
file = "results.json"
[records]
spool = "spool"
patience = "0s"
[collections.videos]
database = "app"
key = "video_id"
alias = {{ prefix = "yt:" }}
[collections.videos.fields]
{fields}
{more}
"""


class Copies(Scenario):
    """Writes the files."""

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def archive(self, name, *members, change=lambda entry: None):
        """Of (name, content); `change` is done to the last entry."""
        path = self.folder / name
        with tarfile.open(path, "w:gz") as made:
            for number, (member, content) in enumerate(members, 1):
                entry = tarfile.TarInfo(member)
                entry.size = len(content)
                if number == len(members):
                    change(entry)
                made.addfile(entry, io.BytesIO(content))
        return path

    def hostile_archives(self, database):
        """Each has a sound database, and an entry that leads out of it."""
        def named(name):
            return lambda entry: setattr(entry, "name", name)

        def typed(kind):
            def change(entry):
                entry.type, entry.linkname = kind, "/etc/passwd"
            return change

        kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
        changes = [named("../outside"), named("/tmp/outside"), *map(typed, kinds)]
        for number, change in enumerate(changes):
            yield self.archive(f"hostile{number}", ("app.db", database.read_bytes()), ("x", b""), change=change)

    def expect_nothing_outside(self):
        self.assertFalse((self.folder.parent / "outside").exists() or pathlib.Path("/tmp/outside").exists())


class Videos(Copies):
    """The database, the collection and its records; the classes below say what is theirs in it."""

    COLUMNS = "video_id TEXT PRIMARY KEY, title TEXT NOT NULL, stats_total INTEGER"
    FIELDS = '"stats.total" = "stats_total"'
    MORE = ""

    def setUp(self):
        super().setUp()
        self.app = self.folder / "app.db"
        self.sql(self.app, "PRAGMA journal_mode = WAL", f"CREATE TABLE videos ({self.COLUMNS})")
        self.configure(CONFIGURATION.format(fields=self.FIELDS, more=self.MORE))
        self.environment["APP_ENV"] = ""
        self.init()

    def video(self, key, title="T", **rest):
        return {"video_id": key, "title": title, **rest}

    @staticmethod
    def keyed(*records):
        """An object keyed by id, in base64: as the tools of old left them."""
        return base64.b64encode(json.dumps({record["video_id"]: record for record in records}).encode())

    def titles(self):
        return dict(self.sql(self.app, "SELECT video_id, title FROM videos"))
