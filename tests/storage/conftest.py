"""An S3 server on loopback, in this process, for the tests of one worker."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty bucket ``bucket``, credentials, and a folder of its own for local copies."""
    pytest.importorskip("s3fs", reason="s3fs is not installed (the extra curation[s3])")
    server = pytest.importorskip("moto.server", reason="moto[server] is not installed (the extra curation[test])")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("CURATION_COPIES", str(tmp_path_factory.mktemp("copies")))
        import fsspec

        fsspec.filesystem("s3").mkdir("bucket")
        yield
    running.stop()


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No local copies yet, as on another machine."""
    monkeypatch.setenv("CURATION_COPIES", str(tmp_path / "copies"))
    return tmp_path / "copies"
