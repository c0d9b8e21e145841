"""Archives: the same files come out of every kind of archive, and every error in one is named."""

import contextlib
import gzip
import io
import struct
import tarfile
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afmbatch.errors import FieldError, InvalidInput, TooLarge
from afmbatch.settings import Settings
from afmbatch.structures.archives import Upload, members
from afmbatch.structures.budget import Budget

H = b"1\n\nH 0 0 0\n"
SETTINGS = Settings(max_unpacked_bytes=1 << 20, max_members=20)


def zipped(*files: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return f.getvalue()


def tarred(*files: tuple[str | tarfile.TarInfo, bytes], mode: str = "w", form: int = tarfile.PAX_FORMAT) -> bytes:
    f = io.BytesIO()
    with tarfile.open(fileobj=f, mode=mode, format=form) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = info.size or len(data)
            archive.addfile(info, io.BytesIO(data) if data else None)
    return f.getvalue()


def tgz(*files: tuple[str | tarfile.TarInfo, bytes]) -> bytes:
    return tarred(*files, mode="w:gz")


PACKERS = [zipped, tarred, tgz]


def unpack(data: bytes, name: str = "a", settings: Settings = SETTINGS) -> list[tuple[str, bytes] | FieldError]:
    found = []
    for member in members(Upload(name, io.BytesIO(data)), name, Budget(settings)):
        if isinstance(member, FieldError):
            found.append(member)
            continue
        inner, file = member
        content = b""
        while block := file.read(1000):
            content += block
        found.append((inner, content))
    return found


def error_of(data: bytes) -> FieldError:
    (error,) = unpack(data)
    assert isinstance(error, FieldError), error
    return error


def broken(data: bytes, name: str = "a") -> FieldError:
    with pytest.raises(InvalidInput) as e:
        unpack(data, name)
    (error,) = e.value.field_errors
    return error


def test_an_upload_that_is_no_archive():
    assert unpack(H, "a.zip") == [("", H)]
    assert unpack(b"", "a.tar") == [("", b"")]


def test_read_from_the_start():
    file = io.BytesIO(zipped(("a.xyz", H)))
    file.seek(0, io.SEEK_END)
    ((name, _),) = members(Upload("a", file), "a", Budget(SETTINGS))
    assert name == "a.xyz"


@pytest.mark.parametrize("pack", PACKERS)
def test_the_kind_is_recognised_by_content(pack):
    for name in ("a.xyz", "a.zip", "a.tar", ""):
        assert unpack(pack(("b.xyz", H), ("sub/c.EXTXYZ", H * 500)), name) == [("b.xyz", H), ("sub/c.EXTXYZ", H * 500)]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_formats(form):
    name = "d" * 90 + "/" + "f" * 90 + ".xyz"
    assert unpack(tarred((name, H), form=form)) == [(name, H)]


def test_old_tar_without_magic():
    data = bytearray(tarred(("a.xyz", H), form=tarfile.USTAR_FORMAT))
    data[257:265] = bytes(8)
    data[148:156] = b"%06o\0 " % (256 + sum(data[:148]) + sum(data[156:512]))
    assert unpack(bytes(data), "old.tar") == [("a.xyz", H)]


@pytest.mark.parametrize("pack", PACKERS)
def test_skipped_files(pack):
    junk = ["__MACOSX/._a.xyz", ".DS_Store", "sub/.hidden/a.xyz", "._a.xyz", "Thumbs.db"]
    assert unpack(pack(*((name, b"junk") for name in junk), ("./sub//a.xyz", H))) == [("sub/a.xyz", H)]


def test_directories_are_skipped():
    folder = tarfile.TarInfo("data.zip")
    folder.type = tarfile.DIRTYPE
    assert unpack(tgz((folder, b""))) == unpack(zipped(("data.zip/", b""))) == []


@pytest.mark.parametrize("pack", PACKERS)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../x.xyz", "leads out"),
        ("a/../../x.xyz", "leads out"),
        ("..\\x.xyz", "leads out"),
        ("/etc/x.xyz", "leads out"),
        ("C:\\x.xyz", "leads out"),
        ("README", "not a .xyz or .extxyz file"),
        ("a.xyz.txt", "not a .xyz or .extxyz file"),
        ("b.ZIP", "archive within an archive"),
        ("b.tar.gz", "archive within an archive"),
        ("n" * 300 + ".xyz", "too long"),
    ],
)
def test_refused_names(pack, name, reason):
    error, good = unpack(pack((name, H), ("good.xyz", H)))
    assert reason in error.reason
    assert error.field.startswith("a:")
    assert good == ("good.xyz", H)


def test_names_with_a_nul():
    data = zipped(("aNxyz.xyz", H)).replace(b"aNxyz", b"a\0xyz")  # zipfile writes none itself
    assert error_of(data).reason == "the member's name contains a NUL"
    info = tarfile.TarInfo("a.xyz")
    info.pax_headers = {"path": "a\0.xyz"}
    assert error_of(tarred((info, H))).reason == "the member's name contains a NUL"


@pytest.mark.parametrize("pack", PACKERS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_names(pack):
    good, error = unpack(pack(("a/b.xyz", H), ("./a//b.xyz", H)))
    assert good == ("a/b.xyz", H)
    assert error.field == "a:a/b.xyz"
    assert "two members" in error.reason


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_tar_links_and_devices(kind):
    info = tarfile.TarInfo("a.xyz")
    info.type, info.linkname = kind, "/etc/passwd"
    assert "link or a device" in error_of(tarred((info, b""))).reason


def test_sparse_tar_members():
    info = tarfile.TarInfo("a.xyz")
    info.pax_headers = {"GNU.sparse.map": "0,11", "GNU.sparse.size": str(1 << 50), "GNU.sparse.name": "a.xyz"}
    assert "sparse" in error_of(tarred((info, H))).reason


def test_zip_links():
    info = zipfile.ZipInfo("a.xyz")
    info.external_attr = 0o120777 << 16
    assert "link or a device" in error_of(zipped((info, b"/etc/passwd"))).reason


def test_encrypted_zip():
    data = bytearray(zipped(("a.xyz", H)))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in error_of(bytes(data)).reason


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_zip_methods(method):
    assert "neither stored nor deflated" in error_of(zipped(("a.xyz", H), method=method)).reason


@pytest.mark.parametrize(("magic", "kind"), [(b"BZh9", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"7z\xbc\xaf\x27\x1c", "7z")])
def test_other_archives(magic, kind):
    assert f"{kind} files can't be read" in broken(magic + bytes(99)).reason


def test_gzip_of_something_else():
    assert "not what it seems (ReadError: no tar member" in broken(gzip.compress(H)).reason


@pytest.mark.parametrize("pack", PACKERS)
def test_too_many_members(pack):
    files = [(f"{i}.xyz", H) for i in range(21)]
    assert len(unpack(pack(*files[:20]))) == 20
    with pytest.raises(TooLarge) as e:
        unpack(pack(*files))
    assert "at most 20 files" in e.value.field_errors[0].accepted


@pytest.mark.parametrize("pack", [zipped, tgz])
def test_bomb(pack):
    data = pack(("a.xyz", bytes(1 << 22)))
    assert len(data) < 1 << 14
    with pytest.raises(TooLarge) as e:
        unpack(data)
    assert "at most 1048576 bytes" in e.value.field_errors[0].accepted


def test_bomb_in_a_member_that_is_not_read():
    with pytest.raises(TooLarge):
        unpack(tgz((".hidden", bytes(1 << 22))))


def test_bomb_behind_the_end_of_a_tar():
    with pytest.raises(TooLarge):
        unpack(gzip.compress(tarred(("a.xyz", H)) + bytes(1 << 22)))


def test_bomb_in_a_tar_header():
    info = tarfile.TarInfo("a.xyz")
    info.pax_headers = {"comment": "x" * (1 << 17)}
    assert "header of" in broken(tgz((info, H))).reason


def test_zip_that_lies_about_sizes():
    data = bytearray(zipped(("a.xyz", bytes(1 << 22))))
    central = data.index(b"PK\x01\x02")
    for size in (100, 1 << 30):
        data[22:26] = data[central + 24 : central + 28] = struct.pack("<I", size)
        with pytest.raises((TooLarge, InvalidInput)):
            unpack(bytes(data))


def test_zip_whose_members_overlap():
    data = bytearray(zipped(("a.xyz", bytes(600_000)), ("b.xyz", H)))
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 42 : entry + 46] = bytes(4)  # b.xyz's entry points at a.xyz's data
    assert "damaged" in broken(bytes(data)).reason


def test_checksums():
    data = bytearray(zipped(("a.xyz", H * 50), method=zipfile.ZIP_STORED))
    data[45] ^= 1
    assert broken(bytes(data)).field == "a:a.xyz"
    data = bytearray(tgz(("a.xyz", H)))
    data[-6] ^= 1
    assert "damaged" in broken(bytes(data)).reason


@pytest.mark.parametrize("pack", PACKERS)
def test_cut_off_anywhere(pack):
    whole = pack(("a.xyz", H), ("b.xyz", H * 100), ("c.xyz", H))
    end = len(whole)
    if pack is tarred:  # one block of its end mark, which is all zeros, is enough
        end = len(whole.rstrip(b"\0")) // 512 * 512 + 512
    for n in [*range(3, end, 37), end - 1]:
        try:
            found = unpack(whole[:n], "a.tar")
        except InvalidInput:
            continue
        assert found == [("", whole[:n])]  # too short to be an archive: the xyz reader refuses it
        assert n < 512


def test_damaged_header_within_a_tar():
    data = bytearray(tarred(("a.xyz", H), ("b.xyz", H)))
    data[1024] ^= 1
    assert "no tar member where one should be" in broken(bytes(data)).reason


def test_nested_tar_headers():
    header = tarfile.TarInfo("x")
    header.type = tarfile.XHDTYPE
    assert "damaged" in broken(header.tobuf() * 5000).reason


@pytest.mark.parametrize("pack", PACKERS)
@given(
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
    st.floats(0, 1),
)
def test_damage_is_always_named(pack, changes, cut):
    data = bytearray(pack(("a.xyz", H), ("sub/b.xyz", H * 9), (".c", b"")))
    for at, value in changes:
        data[int(at * len(data))] = value
    if pack is tgz:  # test damage that the decompressor does not find as well
        inner = bytearray(tarred(("a.xyz", H), ("sub/b.xyz", H * 9)))
        for at, value in changes:
            inner[int(at * 1024)] = value
        refuses_or_reads(gzip.compress(bytes(inner), 1))
    refuses_or_reads(bytes(data))
    refuses_or_reads(bytes(data[: int(cut * len(data))]))


@pytest.mark.parametrize("head", [b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08\0", bytes(257) + b"ustar"])
@given(st.binary(max_size=600))
def test_noise_is_always_named(head, noise):
    refuses_or_reads(head + noise)
    refuses_or_reads(head + zlib.compress(noise))


def refuses_or_reads(data: bytes) -> None:
    with contextlib.suppress(InvalidInput, TooLarge):
        unpack(data, "a.tar")
