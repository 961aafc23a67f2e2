"""Files: which paths are taken, and how a file is replaced without ever being half there."""

import contextlib
import errno
import os
import stat


def check_path(path, name="path"):
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a str or an os.PathLike of str; got {type(path).__name__}")
    return text


@contextlib.contextmanager
def errors_name(path):
    """Every ValueError raised inside begins with the path."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_regular(path, mode):
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise ValueError("path must be a regular file, not a device, a pipe or a socket")


def open_regular(path):
    _check_regular(path, os.stat(path).st_mode)    # before opening: opening a pipe would wait
    return open(path, "rb")


def mode_to_keep(target):
    """The permissions of the file that `target` replaces; None if there is none."""
    directory = os.path.dirname(target)
    if not os.path.exists(directory):
        raise FileNotFoundError(errno.ENOENT, "No such directory to save into", directory)
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    with errors_name(target):
        _check_regular(target, mode)
    return stat.S_IMODE(mode)


def write_atomically(target, mode, chunks):
    """Replace the file `target` by one that holds `chunks`, or leave everything as it was."""
    directory = os.path.dirname(target)
    temporary = os.path.join(directory, f".fastnet-{os.urandom(8).hex()}.tmp")
    file = open(temporary, "xb")    # a fresh file: the umask decides, as for any other
    try:
        with file:
            if mode is not None:
                os.chmod(temporary, mode)
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _flush_directory(directory)


def _flush_directory(directory):
    """Make the renaming last through a power cut, where the system can; it has already happened."""
    with contextlib.suppress(OSError):    # Windows and some file systems cannot
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
