import bz2
import gzip
import io
import json
import lzma
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.oci import archive as archive_module
from integrations.oci import media, spool, tarball
from integrations.oci.archive import DockerArchive, archive_opened
from integrations.oci.errors import ContentError, NotFound, RegistryError, TooLarge, Unsupported
from integrations.oci.layout import OciLayout
from integrations.oci.manifest import Manifest, Platform
from integrations.oci.source import image_resolve
from tests.doubles import sample_images
from tests.doubles.sample_images import digest

AMD64 = Platform("linux", "amd64")
LAYERS = (sample_images.tar({"etc/a": b"1"}), sample_images.tar({"etc/b": b"2"}))


def config(*diffs: bytes) -> bytes:
    rootfs = {"type": "layers", "diff_ids": [digest(raw) for raw in diffs]}
    return json.dumps({"os": "linux", "architecture": "amd64", "rootfs": rootfs, "history": []}).encode()


def archive(
    path: Path, members: list[tuple[str, bytes | str]], entries: list[dict[str, Any]], last: bool = True
) -> Path:
    """A docker-save tar; a text as content makes a symbolic link. `last` puts manifest.json at the end."""
    manifest: list[tuple[str, bytes | str]] = [("manifest.json", json.dumps(entries).encode())]
    with tarfile.open(path, "w") as tar:
        for name, content in members + manifest if last else manifest + members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def entry(config_name: str, layers: list[str], *names: str) -> dict[str, Any]:
    return {"Config": config_name, "Layers": layers, "RepoTags": list(names) or None}


def read(source: DockerArchive, identifier: str = "") -> list[bytes]:
    return [b"".join(source.blob(layer)) for layer in image_resolve(source, identifier, AMD64).manifest.layers]


@pytest.mark.parametrize("last", [True, False])
def test_the_old_form_is_read_with_links_inside_the_archive(tmp_path: Path, last: bool) -> None:
    members = [
        ("aa/layer.tar", LAYERS[0]),
        ("bb/layer.tar", "../aa/layer.tar"),
        ("cc/layer.tar", LAYERS[1]),
        ("c.json", config(LAYERS[0], LAYERS[0], LAYERS[1])),
    ]
    listed = entry("c.json", ["aa/layer.tar", "bb/layer.tar", "cc/layer.tar"], "app:1")
    source = DockerArchive(archive(tmp_path / "a.tar", members, [listed], last))
    assert source.tags() == ["app:1"]
    assert read(source) == [LAYERS[0], LAYERS[0], LAYERS[1]]
    source.close()


def test_the_new_form_is_read_with_compressed_layers(tmp_path: Path) -> None:
    zipped, raw = gzip.compress(LAYERS[0]), config(*LAYERS)
    members = [(f"blobs/sha256/{digest(item).partition(':')[2]}", item) for item in (zipped, LAYERS[1], raw)]
    names = [name for name, _ in members]
    source = DockerArchive(archive(tmp_path / "a.tar", members, [entry(names[2], names[:2], "app:1")]))
    manifest = source.manifest("app:1")
    assert isinstance(manifest, Manifest)
    assert [layer.media_type for layer in manifest.layers] == [media.DOCKER_LAYER_GZIP, media.DOCKER_LAYER]
    assert [layer.digest for layer in manifest.layers] == [digest(zipped), digest(LAYERS[1])]
    assert manifest.config.digest == digest(raw)
    assert read(source) == [zipped, LAYERS[1]]
    source.close()


def test_the_digest_is_the_same_each_time_and_can_be_asked_for(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.tar", [("l.tar", LAYERS[0]), ("c.json", config(LAYERS[0]))], [entry("c.json", ["l.tar"])]
    )
    with path.open("rb") as file:
        first = DockerArchive(file).manifest()
        again = DockerArchive(file)
        assert again.manifest(first.digest).digest == first.digest
        with pytest.raises(NotFound):
            again.manifest("sha256:" + "0" * 64)


def test_two_layers_can_be_read_in_turns(tmp_path: Path) -> None:
    members = [("1.tar", LAYERS[0]), ("2.tar", LAYERS[1]), ("c.json", config(*LAYERS))]
    source = DockerArchive(archive(tmp_path / "a.tar", members, [entry("c.json", ["1.tar", "2.tar"])]))
    manifest = source.manifest()
    assert isinstance(manifest, Manifest)
    pairs = list(zip(*(source.blob(layer) for layer in manifest.layers), strict=True))
    assert pairs == [LAYERS]
    source.close()


def test_several_images_need_a_name(tmp_path: Path) -> None:
    members = [("1.tar", LAYERS[0]), ("2.tar", LAYERS[1]), ("1.json", config(LAYERS[0])), ("2.json", config(LAYERS[1]))]
    entries = [entry("1.json", ["1.tar"], "app:1"), entry("2.json", ["2.tar"], "app:2", "app:latest")]
    source = DockerArchive(archive(tmp_path / "a.tar", members, entries))
    assert read(source, "app:1") == [LAYERS[0]]
    assert read(source, "latest") == [LAYERS[1]]
    with pytest.raises(NotFound) as caught:
        source.manifest("")
    assert "app:1, app:2, app:latest" in caught.value.message
    source.close()


@pytest.mark.parametrize(
    "members",
    [
        [("c.json", config(LAYERS[0]))],
        [("c.json", config(LAYERS[0])), ("l.tar", "/etc/passwd")],
        [("c.json", config(LAYERS[0])), ("l.tar", "../../etc/passwd")],
        [("c.json", config(LAYERS[0])), ("l.tar", "l.tar")],
        [("c.json", config(*LAYERS)), ("l.tar", LAYERS[0])],
        [("c.json", b"nonsense"), ("l.tar", LAYERS[0])],
        [("l.tar", LAYERS[0])],
    ],
)
def test_what_the_archive_names_but_does_not_hold_is_an_error(tmp_path: Path, members: list[tuple[str, Any]]) -> None:
    source = DockerArchive(archive(tmp_path / "a.tar", members, [entry("c.json", ["l.tar"])]))
    with pytest.raises(ContentError):
        source.manifest()
    source.close()


def test_bytes_that_do_not_match_the_configuration_are_an_error(tmp_path: Path) -> None:
    members = [("l.tar", LAYERS[1]), ("c.json", config(LAYERS[0]))]
    source = DockerArchive(archive(tmp_path / "a.tar", members, [entry("c.json", ["l.tar"])]))
    with pytest.raises(ContentError):
        read(source)
    source.close()


@pytest.mark.parametrize("content", [b"", b"nonsense" * 200, gzip.compress(b"x"), sample_images.tar({"a": b"1"})])
def test_a_file_that_is_no_archive_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    with pytest.raises(ContentError):
        DockerArchive(path)
    with pytest.raises(NotFound):
        DockerArchive(tmp_path / "none.tar")


@pytest.mark.parametrize("entries", [[], [{}], [None], "x", [{"Config": "c"}]])
def test_a_manifest_json_that_is_nonsense_is_named(tmp_path: Path, entries: Any) -> None:
    with pytest.raises(ContentError):
        DockerArchive(archive(tmp_path / "a.tar", [], entries))


@pytest.mark.skipif(
    shutil.which("skopeo") is None or not Path("/tmp/ri/layout").is_dir(),
    reason="skopeo or the real images are missing",
)
def test_an_archive_written_by_a_real_tool_holds_the_same_layers(tmp_path: Path) -> None:
    path = tmp_path / "base.tar"
    command = ["skopeo", "--insecure-policy", "copy", "oci:/tmp/ri/layout:base", f"docker-archive:{path}:demo/base:1"]
    subprocess.run(command, check=True, capture_output=True)
    original = image_resolve(OciLayout("/tmp/ri/layout"), "base", AMD64)
    with closing(DockerArchive(path)) as source:
        resolved = image_resolve(source, "demo/base:1", AMD64)
        assert resolved.config.diff_ids == original.config.diff_ids
        assert sum(len(piece) for layer in resolved.manifest.layers for piece in source.blob(layer)) > 0


# --- from a pipe, and compressed


@contextmanager
def piped(content: bytes) -> Iterator[BinaryIO]:
    """The reading end of a pipe that a thread writes `content` into."""
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(content)

    with ThreadPoolExecutor(1) as pool, os.fdopen(reading, "rb") as file:
        pool.submit(write)
        yield file


def bulk(path: Path) -> bytes:
    """An archive of one image, larger than a pipe's buffer."""
    layer = sample_images.tar({"etc/a": os.urandom(300_000)})
    return archive(
        path / "bulk.tar", [("l.tar", layer), ("c.json", config(layer))], [entry("c.json", ["l.tar"], "app:1")]
    ).read_bytes()


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "gzip in two members": lambda raw: gzip.compress(raw[:70_000]) + gzip.compress(raw[70_000:]),
    "gzip, padded": lambda raw: gzip.compress(raw) + bytes(1024),
    "zstd": zstandard.compress,
    "zstd in two frames": lambda raw: zstandard.compress(raw[:70_000]) + zstandard.compress(raw[70_000:]),
    "zstd after a skippable frame": lambda raw: b"\x50\x2a\x4d\x18\x04\0\0\0junk" + zstandard.compress(raw),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_is_read_from_a_pipe_whatever_its_compression(tmp_path: Path, form: str) -> None:
    raw = bulk(tmp_path)
    with piped(FORMS[form](raw)) as file, closing(archive_opened(file)) as source:
        assert image_resolve(source, "app:1", AMD64).manifest.layers[0].size == len(read(source)[0])


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_is_read_from_a_file_whatever_its_compression(tmp_path: Path, form: str) -> None:
    path = tmp_path / "image"
    path.write_bytes(FORMS[form](bulk(tmp_path)))
    with closing(archive_opened(path)) as source:
        assert len(read(source)) == 1


def test_an_archive_is_read_from_a_named_pipe(tmp_path: Path) -> None:
    raw, path = bulk(tmp_path), tmp_path / "pipe"
    os.mkfifo(path)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(path.write_bytes, raw)
        with closing(archive_opened(path)) as source:
            assert len(read(source)) == 1


def test_nothing_is_copied_of_a_plain_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bulk(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with closing(archive_opened(tmp_path / "bulk.tar", max_bytes=1)) as source:
        assert len(read(source)) == 1


def test_a_copy_has_no_name_and_ends_with_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, folder = bulk(tmp_path), tmp_path / "room"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with piped(raw) as file:
        source = archive_opened(file)
        assert list(folder.iterdir()) == []
        source.close()
        with pytest.raises(ValueError, match="closed"):
            read(source)
        assert not file.closed


@pytest.mark.parametrize("form", ["plain", "gzip", "zstd"])
def test_a_copy_is_bounded_and_the_bound_is_named(tmp_path: Path, form: str) -> None:
    with piped(FORMS[form](bulk(tmp_path))) as file, pytest.raises(TooLarge) as caught:
        archive_opened(file, max_bytes=100_000)
    assert "100,000 bytes" in caught.value.message
    assert "SCAN_MAX_IMAGE_BYTES" in caught.value.message


def test_a_bomb_ends_at_the_bound() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    with piped(bomb) as file, pytest.raises(TooLarge):
        archive_opened(file, max_bytes=5_000_000)


def test_a_folder_without_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    raw = bulk(tmp_path)
    with Path("/dev/full").open("wb", buffering=0) as full, piped(raw) as file:
        monkeypatch.setattr(spool.tempfile, "TemporaryFile", lambda: full)
        with pytest.raises(ContentError) as caught:
            archive_opened(file)
    assert "No space left" in caught.value.message
    assert caught.value.permanent is False


@pytest.mark.parametrize(("pack", "name"), [(bz2.compress, "bzip2"), (lzma.compress, "xz")])
def test_a_compression_that_is_not_read_is_named(pack: Callable[[bytes], bytes], name: str) -> None:
    with piped(pack(b"x")) as file, pytest.raises(Unsupported, match=name):
        archive_opened(file)


@pytest.mark.parametrize("form", ["plain", "gzip", "zstd"])
@pytest.mark.parametrize("part", [0.0, 0.001, 0.1, 0.5, 0.9, 0.97])
def test_an_archive_cut_short_is_an_error(tmp_path: Path, form: str, part: float) -> None:
    packed = FORMS[form](bulk(tmp_path))
    with piped(packed[: int(len(packed) * part)]) as file, pytest.raises(ContentError):
        archive_opened(file).manifest()


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_a_device_is_no_archive(path: str) -> None:
    with pytest.raises(NotFound, match="neither a file nor a pipe"):
        archive_opened(path)


def test_a_folder_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        archive_opened(tmp_path)


# --- hostile archives


def tar_bytes(*members: tuple[tarfile.TarInfo, bytes], **options: Any) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content) if content else None)
    return buffer.getvalue()


def member(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> tuple[Any, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(content)
    return info, content


def complete(*links: tuple[tarfile.TarInfo, bytes], layers: tuple[str, ...] = ("l.tar",)) -> bytes:
    listed = json.dumps([entry("c.json", list(layers))]).encode()
    return tar_bytes(member("manifest.json", listed), member("c.json", config(LAYERS[0])), *links)


LINKS = [
    (member("l.tar", kind=tarfile.SYMTYPE, link="/etc/passwd"),),
    (member("l.tar", kind=tarfile.SYMTYPE, link="../../../../etc/passwd"),),
    (member("l.tar", kind=tarfile.LNKTYPE, link="/etc/passwd"),),
    (member("l.tar", kind=tarfile.SYMTYPE, link="b"), member("b", kind=tarfile.SYMTYPE, link="l.tar")),
    (member("l.tar", kind=tarfile.SYMTYPE, link=""),),
    (member("l.tar", kind=tarfile.CHRTYPE),),
    (member("l.tar", kind=tarfile.FIFOTYPE),),
    (member("l.tar", kind=tarfile.DIRTYPE),),
]


@pytest.mark.parametrize("links", LINKS)
def test_a_link_leads_to_members_only(links: tuple[Any, ...]) -> None:
    source = archive_opened(io.BytesIO(complete(*links)))
    with pytest.raises(ContentError, match="does not hold"):
        source.manifest("")


@pytest.mark.parametrize("name", ["/etc/passwd", "../../../etc/passwd", "a/../../x", "\0", "x" * 5000])
def test_a_name_outside_the_archive_is_no_member(name: str) -> None:
    source = archive_opened(io.BytesIO(complete(member("l.tar", LAYERS[0]), layers=(name,))))
    with pytest.raises(ContentError, match="does not hold"):
        source.manifest("")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_layer_that_is_a_link_to_another_member_is_read(kind: bytes) -> None:
    archived = complete(member("x/l.tar", LAYERS[0]), member("l.tar", kind=kind, link="./x/l.tar"))
    with closing(DockerArchive(io.BytesIO(archived))) as source:
        assert read(source) == [LAYERS[0]]


def test_a_header_that_asks_for_much_memory_is_refused() -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 2**31
    with pytest.raises(TooLarge, match="headers"):
        archive_opened(io.BytesIO(header.tobuf() + bytes(4096)))


def test_headers_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarball, "HEADERS_MAX_BYTES", 100_000)
    with pytest.raises(TooLarge, match="headers"):
        archive_opened(io.BytesIO(tar_bytes(*(member(f"{number}", b"x") for number in range(500)))))


def test_members_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarball, "MEMBERS_MAX", 10)
    with pytest.raises(TooLarge, match="more than 10 members"):
        archive_opened(io.BytesIO(tar_bytes(*(member("same") for _ in range(11)))))


def test_a_chain_of_long_names_is_no_archive() -> None:
    link = tarfile.TarInfo("././@LongLink")
    link.type, link.size = tarfile.GNUTYPE_LONGNAME, 1
    with pytest.raises(ContentError):
        archive_opened(io.BytesIO((link.tobuf() + b"x".ljust(512, b"\0")) * 2000))


def test_images_and_layers_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "IMAGES_MAX", 2)
    monkeypatch.setattr(archive_module, "DESCRIPTORS_MAX", 2)
    with pytest.raises(TooLarge, match="more than 2 images"):
        DockerArchive(archive(tmp_path / "a.tar", [], [entry("c", [])] * 3))
    with pytest.raises(TooLarge, match="more than 2 layers"):
        archive_opened(io.BytesIO(complete(layers=("a",) * 3))).manifest("")


@settings(max_examples=150, deadline=None)
@given(
    places=st.lists(st.tuples(st.integers(0, 6000), st.binary(min_size=1, max_size=12)), max_size=8),
    cut=st.integers(0, 12_000),
    pack=st.sampled_from([bytes, gzip.compress, zstandard.compress]),
    after=st.booleans(),
)
def test_damaged_bytes_are_read_or_refused_and_nothing_else(
    places: list[tuple[int, bytes]], cut: int, pack: Callable[[bytes], bytes], after: bool
) -> None:
    raw = bytearray(complete(member("l.tar", kind=tarfile.SYMTYPE, link="x"), member("x", LAYERS[0])))
    if after:
        raw = bytearray(pack(bytes(raw)))
    for place, piece in places:
        raw[place : place + len(piece)] = piece
    content = bytes(raw[:cut]) if after else pack(bytes(raw[:cut]))
    try:
        with closing(archive_opened(io.BytesIO(content), max_bytes=1_000_000)) as source:
            manifest = source.manifest("")
            assert isinstance(manifest, Manifest)
            assert b"".join(source.blob(manifest.layers[0])) == LAYERS[0]
    except RegistryError:
        pass


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_are_read_or_refused_and_nothing_else(content: bytes) -> None:
    with pytest.raises(RegistryError):
        archive_opened(io.BytesIO(content)).manifest("")
