"""Photos in an S3 bucket: the same names as in the data folder, and never a public address.

What goes wrong there is an `OSError`, as on a disk: then no image is blamed for it, a worker gives
its images back, and a person is told to come again.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files import File
from storages.backends.s3 import S3File, S3Storage

MISSING = {"404", "NoSuchKey", "NotFound"}
TIMES = {"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 3}}
"""A bucket that does not answer is away, and a request must not wait a minute to learn it."""
SENT_AT_ONCE = 8
IN_MEMORY = 5 * 1024 * 1024
"""Bytes of a photo held in memory while it is read; a larger one goes by way of the disk."""


@contextmanager
def as_on_a_disk() -> Iterator[None]:
    """Turn what boto3 raises into what a disk would have."""
    try:
        yield
    except ClientError as problem:
        if problem.response.get("Error", {}).get("Code") in MISSING:
            raise FileNotFoundError(errno.ENOENT, "not in the bucket") from problem
        raise OSError(errno.EIO, "the bucket refused") from problem
    except BotoCoreError as problem:
        raise OSError(errno.EIO, "the bucket does not answer") from problem


@cache
def _senders(pid: int) -> ThreadPoolExecutor:  # noqa: ARG001
    """Threads of this process, kept with their connections; those from before a fork are gone."""
    return ThreadPoolExecutor(SENT_AT_ONCE, thread_name_prefix="bucket")


class BucketFile(S3File):
    """A file that is fetched when it is first read."""

    def _get_file(self) -> Any:
        with as_on_a_disk():
            return super()._get_file()

    # The property of the parent calls the parent's own getter.
    file = property(_get_file, S3File._set_file)


class BucketStorage(S3Storage):
    """Names are content hashes, so a name that is taken holds the same bytes and is simply kept."""

    def __init__(self, **options: Any) -> None:
        # Private, whatever the bucket's default is, and without addresses that open it for others.
        fixed = {"default_acl": None, "querystring_auth": False, "file_overwrite": True}
        # Servers other than Amazon's rarely have a host name for each bucket.
        style = {"addressing_style": "path" if options.get("endpoint_url") else "auto"}
        config = Config(**TIMES, signature_version="s3v4", s3=style)
        super().__init__(max_memory_size=IN_MEMORY, client_config=config, **fixed, **options)

    def url(self, name: str, *_: Any, **__: Any) -> str:
        """Never: a photo is streamed to those who may see it."""
        raise NotImplementedError(f"{type(self).__name__} gives no addresses.")

    def _open(self, name: str, mode: str = "rb") -> BucketFile:
        with as_on_a_disk():
            return BucketFile(self._normalize_name(name), mode, self)

    def _save(self, name: str, content: File) -> str:
        if self.exists(name):
            return name
        with as_on_a_disk():
            return str(super()._save(name, content))

    def save_together(self, files: Sequence[tuple[str, File]]) -> None:
        """Save several files, some at a time: each waits for the network, not for us."""
        list(_senders(os.getpid()).map(lambda each: self._save(*each), files))

    def exists(self, name: str) -> bool:
        with as_on_a_disk():
            return bool(super().exists(name))

    def delete(self, name: str) -> None:
        with as_on_a_disk():
            super().delete(name)
