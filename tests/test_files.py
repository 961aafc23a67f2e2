"""Files are replaced whole or not at all, and a path is followed to where it leads."""

import os
import pathlib
import stat

import pytest

import fastnet as fn
from fastnet.persistence import describe

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links as POSIX has them")


@pytest.fixture
def saved(tmp_path):
    """A small network on disk."""
    path = tmp_path / "net.safetensors"
    fn.Network([2, 3, 1], seed=0).save(path)
    return path


def bits(net):
    return net.parameters.tobytes()


# Atomicity.

class HalfWrittenFile:
    """A file on a disk that fills up."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.file.close()

    def write(self, chunk):
        self.file.write(chunk[:len(chunk) // 2])
        self.file.flush()
        raise OSError("No space left on device")


def fail_in(where, error, monkeypatch):
    def fail(*args, **kwargs):
        raise error
    if where == "write":
        monkeypatch.setattr("fastnet._files.open", lambda *args: HalfWrittenFile(open(*args)), raising=False)
    else:
        monkeypatch.setattr(os, where, fail)


@pytest.mark.parametrize("where, error", [
    ("write", OSError("No space left on device")), ("chmod", PermissionError("no")), ("fsync", OSError("I/O error")),
    ("replace", PermissionError("in use")), ("fsync", KeyboardInterrupt()), ("replace", MemoryError()),
], ids=lambda value: value if isinstance(value, str) else type(value).__name__)
def test_a_failure_leaves_the_old_file_whole_and_nothing_else(saved, where, error, monkeypatch):
    before = saved.read_bytes()
    with monkeypatch.context() as patch:
        fail_in(where, error, patch)
        with pytest.raises(type(error)):
            fn.Network([5, 4, 3], seed=1).save(saved)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


def test_a_failure_where_there_was_no_file_leaves_none(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        fail_in("fsync", OSError("I/O error"), patch)
        with pytest.raises(OSError, match="I/O error"):
            fn.Network([2, 1], seed=0).save(tmp_path / "net")
    assert os.listdir(tmp_path) == []


def test_the_data_reach_the_disk_before_the_name(saved, monkeypatch):
    order, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (order.append("fsync"), fsync(descriptor)))
    monkeypatch.setattr(os, "replace", lambda *names: (order.append("replace"), replace(*names)))
    fn.Network([2, 1], seed=0).save(saved)
    assert order[:2] == ["fsync", "replace"]


@posix
def test_a_directory_that_cannot_be_flushed_does_no_harm(saved, monkeypatch):
    fsync = os.fsync

    def fsync_files_only(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError("Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync_files_only)
    net = fn.Network([3, 3], seed=2)
    net.save(saved)
    assert bits(fn.load(saved)) == bits(net)


def test_a_network_that_cannot_be_described_is_not_saved(saved):
    before = saved.read_bytes()
    net = fn.Network([1] * 20_000, seed=0)
    with pytest.raises(ValueError, match="too many"):
        net.save(saved)
    assert saved.read_bytes() == before


# Paths.

@posix
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path, umask):
    previous = os.umask(umask)
    try:
        fn.Network([2, 1], seed=0).save(tmp_path / "net")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "net").stat().st_mode) == 0o666 & ~umask


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_a_replaced_file_keeps_its_permissions(saved, mode):
    saved.chmod(mode)
    fn.Network([2, 1], seed=0).save(saved)
    assert stat.S_IMODE(saved.stat().st_mode) == mode


@posix
@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_is_written_through(tmp_path, exists):
    (tmp_path / "real").mkdir()
    (tmp_path / "links").mkdir()
    link, target = tmp_path / "links" / "net", tmp_path / "real" / "net"
    link.symlink_to(os.path.join("..", "real", "net"))
    if exists:
        target.write_bytes(b"old")
    net = fn.Network([2, 1], seed=0)
    net.save(link)
    assert link.is_symlink() and not target.is_symlink()
    assert bits(fn.load(target)) == bits(net)
    assert os.listdir(tmp_path / "links") == os.listdir(tmp_path / "real") == ["net"]


def test_a_path_may_be_a_str_a_path_or_a_bare_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = fn.Network([2, 1], seed=0)
    for path in ("bare", str(tmp_path / "str"), tmp_path / "Path", pathlib.PurePath("pure"), "with space and ü"):
        net.save(path)
        assert bits(fn.load(path)) == bits(net)
    assert sorted(os.listdir(tmp_path)) == ["Path", "bare", "pure", "str", "with space and ü"]


@pytest.mark.parametrize("path", [None, 3, b"net", 1.5, ["net"]], ids=repr)
def test_other_kinds_of_path_are_a_type_error(path):
    for attempt in (fn.load, describe, fn.Network([2, 1], seed=0).save):
        with pytest.raises(TypeError, match="path must be a str or an os.PathLike"):
            attempt(path)


def test_paths_are_called_what_the_caller_calls_them():
    with pytest.raises(TypeError, match="checkpoint must be a str or an os.PathLike of str; got int"):
        fn.Network([2, 1], seed=0).fit([[0, 1]], [1], epochs=1, checkpoint=5)
    with pytest.raises(TypeError, match="folder must be a str or an os.PathLike of str; got int"):
        fn.callbacks.TensorBoard(5)


def test_only_networks_are_saved(tmp_path):
    from fastnet.persistence import save
    with pytest.raises(TypeError, match="net must be a Network; got dict"):
        save({}, tmp_path / "net")


@pytest.mark.parametrize("reader", [fn.load, describe])
def test_a_missing_file_and_a_directory_are_named_as_such(tmp_path, reader):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        reader(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        reader(tmp_path)


def test_saving_into_a_missing_directory_names_it(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        fn.Network([2, 1], seed=0).save(tmp_path / "missing" / "net")
    assert caught.value.filename == os.path.realpath(tmp_path / "missing")


def test_saving_over_a_directory_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError):
        fn.Network([2, 1], seed=0).save(tmp_path)
    assert os.listdir(tmp_path) == []


@posix
def test_a_pipe_is_neither_read_nor_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match="regular file"):
        fn.load(pipe)
    with pytest.raises(ValueError, match="regular file"):
        fn.Network([2, 1], seed=0).save(pipe)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
