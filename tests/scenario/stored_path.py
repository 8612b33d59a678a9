"""What stands in a repository on a store of S3, looked at as if it were a folder."""

import fnmatch
import functools
import types
import urllib.parse


class Bucket:
    """A bucket of a store, reached by the variables of an environment."""

    def __init__(self, name, environment):
        self.name = name
        self.environment = environment
        self.places = 0

    @functools.cached_property
    def client(self):
        import boto3  # takes a while, and only what looks into the store needs it
        return boto3.client(
            "s3", endpoint_url=self.environment["AWS_ENDPOINT_URL"], region_name=self.environment["AWS_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"])

    def new_place(self):
        """An empty one."""
        self.places += 1
        return StoredPath(self, f"place {self.places}")


class StoredPath:
    """As much of pathlib.Path as tests need. A prefix is a folder where there are objects below it; as text it is
    the place that the program is told."""

    def __init__(self, bucket, key):
        self.bucket = bucket
        self.key = key

    @property
    def client(self):
        return self.bucket.client

    def __str__(self):
        return f"s3://{self.bucket.name}/{urllib.parse.quote(self.key)}"

    def __repr__(self):
        return str(self)

    def __eq__(self, other):
        return str(self) == str(other)

    def __hash__(self):
        return hash(str(self))

    def __lt__(self, other):
        return self.key < other.key

    def __truediv__(self, name):
        return self.at(f"{self.key}/{name}")

    @property
    def name(self):
        return self.key.rpartition("/")[2]

    def keys_below(self):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket.name, Prefix=f"{self.key}/")
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def at(self, key):
        return StoredPath(self.bucket, key)

    def rglob(self, pattern):
        return [self.at(key) for key in self.keys_below() if fnmatch.fnmatchcase(key.rpartition("/")[2], pattern)]

    def glob(self, pattern):
        depth = pattern.count("/") + 1
        prefixes = {"/".join(key.removeprefix(f"{self.key}/").split("/")[:depth]) for key in self.keys_below()}
        return [self / path for path in sorted(prefixes)
                if path.count("/") + 1 == depth
                and all(map(fnmatch.fnmatchcase, path.split("/"), pattern.split("/")))]

    def iterdir(self):
        return self.glob("*")

    def head(self):
        try:
            return self.client.head_object(Bucket=self.bucket.name, Key=self.key)
        except self.client.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise

    def is_file(self):
        return self.head() is not None

    def exists(self):
        return self.is_file() or bool(self.keys_below())

    def stat(self):
        return types.SimpleNamespace(st_size=self.head()["ContentLength"])

    def chmod(self, mode):
        """Objects have none."""

    def read_bytes(self):
        return self.client.get_object(Bucket=self.bucket.name, Key=self.key)["Body"].read()

    def write_bytes(self, content):
        self.client.put_object(Bucket=self.bucket.name, Key=self.key, Body=content)

    def unlink(self):
        self.client.delete_object(Bucket=self.bucket.name, Key=self.key)

    def remove_all(self):
        for key in self.keys_below():
            self.client.delete_object(Bucket=self.bucket.name, Key=key)

    def copy_to(self, folder):
        for key in self.keys_below():
            path = folder / key.removeprefix(f"{self.key}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.at(key).read_bytes())

    def copy_objects_to(self, place):
        for key in self.keys_below():
            answer = self.client.get_object(Bucket=self.bucket.name, Key=key)
            self.client.put_object(Bucket=self.bucket.name, Key=place.key + key.removeprefix(self.key),
                                   Body=answer["Body"].read(), Metadata=answer["Metadata"])
