"""Tables that a user gives on the command line, as a file or as they stand."""

from pathlib import Path

from headstart.errors import InputError
from headstart.run import disk, strict_json

LIMIT = 1 << 20  # bytes


def read_table(option: str, words: str) -> str:
    """Reads a table, from a file or as it stands, and returns it as one canonical line of JSON.

    So a run keeps what it was given, whatever becomes of the file.

    Args:
        option: that it was given with, such as `--adapter`, for the message.
        words: the path of a JSON file, or JSON that begins with a brace.

    Raises:
        InputError: there is no such file, or it is no JSON.
    """
    if words.lstrip().startswith("{"):
        content, where = words.encode(), option
    else:
        where = f"{option} {words}"
        try:
            content = disk.read_file(Path(words), LIMIT)
        except OSError as error:
            raise InputError(f"{where}: cannot be read ({error.strerror}); give a JSON file") from None
    return strict_json.encode(strict_json.decode(content, where)).decode()
