"""The safetensors format: written straight from memory, and checked to the last byte before it is read.

A file is 8 bytes of header length (little endian), a JSON header {name: {dtype, shape, data_offsets}}, then the data.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import safetensors

from headstart.errors import InputError
from headstart.run import strict_json

HEADER_LIMIT = 8 << 20
DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
}
_CODES = {name: code for code, name in DTYPES.items()}


def chunks(arrays: dict[str, np.ndarray]) -> Iterator[bytes | memoryview]:
    """Yields the file that holds `arrays`, in order, without copying contiguous ones.

    Raises:
        InputError: an array has a dtype that the format does not know.
    """
    header, offset, blocks = {}, 0, []
    for name, array in sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize):  # keeps the data aligned
        check_dtype(name, array.dtype.name)
        block = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
        header[name] = {
            "dtype": _CODES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + block.nbytes],
        }
        offset += block.nbytes
        blocks.append(block)
    text = strict_json.encode(header)
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for block in blocks:
        if block.nbytes:
            yield memoryview(block.reshape(-1).view(np.uint8))


def check_dtype(name: str, dtype: str) -> None:
    """Raises `InputError` for a dtype that the format does not know."""
    if dtype not in _CODES:
        raise InputError(f"{name}: dtype {dtype} cannot be stored; choose from {', '.join(_CODES)}")


def decode(content: bytes, where: str) -> dict[str, np.ndarray]:
    """Reads arrays from a file's content, after `check_header`. The arrays are writable and own their memory.

    Raises:
        InputError: the content is not exactly a safetensors file of plain arrays.
    """
    check_header(content, where)
    arrays = {}
    for name, entry in safetensors.deserialize(content):
        block = np.frombuffer(entry["data"], np.uint8)
        if entry["dtype"] == "BOOL" and block.size and block.max() > 1:
            raise InputError(f"{where}: {name!r} is declared boolean and holds other bytes; the file is damaged")
        arrays[name] = block.view(np.dtype(DTYPES[entry["dtype"]]).newbyteorder("<")).reshape(entry["shape"])
    return arrays


def check_header(content: bytes, where: str) -> None:
    """Raises `InputError` unless the header describes every byte of the data once, and nothing else."""
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or not 2 <= size <= min(HEADER_LIMIT, len(content) - 8):
        raise _bad(where, f"a header of {size} bytes in a file of {len(content)}")
    header = strict_json.decode(content[8 : 8 + size], where)
    if not isinstance(header, dict):
        raise _bad(where, "the header is not a table of arrays")
    spans = sorted(_span(name, entry, where) for name, entry in header.items())
    expected = 0
    for begin, end, name in spans:
        if begin != expected:
            raise _bad(where, f"{name!r} starts at byte {begin} of the data, not {expected}: a hole or an overlap")
        expected = end
    if expected != len(content) - 8 - size:
        raise _bad(where, f"the arrays take {expected} bytes and the file has {len(content) - 8 - size}")


def _span(name: str, entry: Any, where: str) -> tuple[int, int, str]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _bad(where, f"{name!r} must have dtype, shape and data_offsets")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in DTYPES:
        raise _bad(where, f"{name!r} has the dtype {str(entry['dtype'])[:40]!r}")
    if not _naturals(shape) or len(shape) > 32 or not _naturals(offsets) or len(offsets) != 2:
        raise _bad(where, f"{name!r} has a shape or offsets that are not lists of whole numbers")
    begin, end = offsets
    if end - begin != math.prod(shape) * np.dtype(DTYPES[entry["dtype"]]).itemsize:
        raise _bad(where, f"{name!r} has {end - begin} bytes for the shape {str(shape)[:80]} of {entry['dtype']}")
    return begin, end, name


def _naturals(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 1 << 62 for item in value)


def _bad(where: str, what: str) -> InputError:
    return InputError(f"{where}: not a sound safetensors file: {what}")
