"""Content that was made to do harm, by kind: pickles, tensor files, JSON, manifests. Made here, never stored."""

import base64
import hashlib
import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from headstart.run import sealed, tensors

LIKE = {"w": np.arange(6, dtype=np.float32), "b": np.zeros(2, bool)}
FILES = ("config.json", "metrics.jsonl", "summary.json", "ledger.json")
SHAPES = """[[-1], [9223372036854775808], [4611686018427387904, 4], [0, 4611686018427387904], [2.0], [true, 2], ["2"],
    [[2]], null, 2, {}, [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2],
    [4294967296, 4294967296], [3], [1]]"""
OFFSETS = """[[8, 0], [-8, 0], [0, 9223372036854775808], [1, 9], [0, 16], [0.0, 8.0], [true, 8], ["0", 8], [0],
    [0, 4, 8], null, {}, 8, [0, 7]]"""
DTYPES = """["F33", "f4", "O", "object", "|O", "V8", "F128", "", null, 4, ["F32"], {"F32": 1}, "F32\\u0000",
    "os.system", "BF16", "F8_E4M3"]"""
LEAVES = """[{"dtype": "object"}, {"dtype": "O"}, {"dtype": ["float32"]}, {"dtype": null}, {"shape": [-6]},
    {"shape": null}, {"shape": [4611686018427387904, 4611686018427387904]}, {"shape": ["6"]}, {"shape": [6.0]},
    {"key": "os.system"}, {"key": 5}, {"key": "rbg"}, {"path": 3}, {"more": 1}]"""
NUMBERS = b"NaN Infinity -Infinity 1e999 -1e999 01 +1 .5 0x10 1_000"
TEXTS = (
    b'{"step":1}//',
    b'{"step":1,}',
    b"{'step':1}",
    b"{}{}",
    b'\xef\xbb\xbf{"step":1}',
    b'{"step":"\xff\xfe"}',
    b'{"step":"\xc0\xaf"}',
    b'{"step":1}\0',
    b'{"step":',
    b'{"step":"\x01"}',
    b'{"step":"\\ud800"}',
    b'{"\\u001b[2J":1}',
    b'"x"',
    b"3",
    b"null",
    b"[]",
    b"true",
    b"",
    b"  \n",
    b'!!python/object/apply:os.system ["true"]',
    b'{"_target_":"os.system","_args_":["true"]}',
    b'{"py/object":"os.system","py/reduce":["os.system"]}',
    b'{"entry_point":"os:system"}',
    b'{"__class__":"Popen","__module__":"subprocess"}',
    b'{"__reduce__":["os.system",["true"]]}',
    b"__import__('os').system('true')",
    b'{"<script>alert(1)</script>":1}',
    b'{"__proto__":{}}',
)


class Bomb:
    """Executes when it is unpickled."""

    def __init__(self, canary: Path):
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self.canary}",)


def pickles(canary: Path) -> Iterator[tuple[str, bytes]]:
    for protocol in range(6):
        raw = pickle.dumps(Bomb(canary), protocol)
        yield f"pickle protocol {protocol}", raw
        yield f"pickle {protocol} behind a length", struct.pack("<Q", len(raw)) + raw
        yield f"pickle {protocol} in JSON", json.dumps({"py/reduce": base64.b64encode(raw).decode()}).encode()
        for member in ("archive/data.pkl", "data.pkl", "policy.pth", "pytorch_variables.pth", "data"):
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w") as archive:
                archive.writestr(member, raw)
            yield f"zip with {member}, protocol {protocol}", packed.getvalue()
    for save in (np.save, np.savez):
        packed = io.BytesIO()
        save(packed, np.array([Bomb(canary)], dtype=object), allow_pickle=True)
        yield f"{save.__name__} of an object", packed.getvalue()


def tensor_file(header: object, content: bytes = b"", size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + content


def entry(dtype="F32", shape=(2,), offsets=(0, 8), **more) -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)} | more


def safetensors(canary: Path) -> Iterator[tuple[str, bytes]]:
    sound = tensor_file({"w": entry()}, bytes(8))
    for size in (
        0,
        1,
        7,
        8,
        100_000_001,
        len(sound),
        len(sound) + 1,
        *(2**n + d for n in (31, 53, 63) for d in (-1, 0)),
    ):
        yield f"header length {size}", struct.pack("<Q", size) + sound[8:]
    for size in range(0, len(sound), 3):
        yield f"cut to {size}", sound[:size]
    for name, text in hostile_texts():
        yield f"header {name}", tensor_file(text, bytes(8))
    for shape in json.loads(SHAPES):
        yield f"shape {str(shape)[:30]}", tensor_file({"w": entry() | {"shape": shape}}, bytes(8))
    for offsets in json.loads(OFFSETS):
        yield f"offsets {offsets}", tensor_file({"w": entry() | {"data_offsets": offsets}}, bytes(8))
    for dtype in json.loads(DTYPES):
        yield f"dtype {dtype!r}", tensor_file({"w": entry() | {"dtype": dtype}}, bytes(8))
    for gone in ("dtype", "shape", "data_offsets"):
        yield f"without {gone}", tensor_file({"w": {k: v for k, v in entry().items() if k != gone}}, bytes(8))
    yield "one field more", tensor_file({"w": entry(module="os")}, bytes(8))
    yield "metadata", tensor_file({"__metadata__": {"format": "pt"}, "w": entry()}, bytes(8))
    yield "metadata that is no table", tensor_file({"__metadata__": "x" * 1000, "w": entry()}, bytes(8))
    yield "a hole", tensor_file({"v": entry(), "w": entry(offsets=(16, 24))}, bytes(24))
    yield "a hole at the start", tensor_file({"w": entry(offsets=(8, 16))}, bytes(16))
    yield "an overlap", tensor_file({"v": entry(), "w": entry(offsets=(4, 12))}, bytes(12))
    yield "two arrays in one place", tensor_file({"v": entry(), "w": entry()}, bytes(8))
    yield "bytes that nobody owns", tensor_file({"w": entry()}, bytes(16))
    yield "too few bytes", tensor_file({"w": entry()}, bytes(7))
    yield "other names", tensor_file({"../../../w": entry()}, bytes(8))
    yield "a very long name", tensor_file({"w" * 500_000: entry()}, bytes(8))
    yield "a name with NUL", tensor_file({"w\0/etc/passwd": entry()}, bytes(8))
    many = {str(i): entry(shape=(0,), offsets=(0, 0)) for i in range(60_000)}
    yield "sixty thousand empty arrays", tensor_file(many)
    yield "a million empty arrays", tensor_file(b"{" + b",".join(b'"%d":{}' % i for i in range(1_000_000)) + b"}")
    flags = {"state['w']": entry(shape=(6,), offsets=(0, 24)), "state['b']": entry("BOOL", (2,), (24, 26))}
    yield "booleans of 2", tensor_file(flags, bytes(24) + b"\1\2")
    yield "two file starts", sound + sound


def hostile_texts() -> Iterator[tuple[str, bytes]]:
    for n in (65, 1000, 10_000, 100_000):
        yield f"{n} lists deep", b"[" * n + b"]" * n
        yield f"{n} tables deep", b'{"a":' * n + b"1" + b"}" * n
    yield "a million keys", b"{" + b",".join(b'"k%d":1' % i for i in range(1_000_000)) + b"}"
    yield "a million numbers", b"[" + b"1," * 1_000_000 + b"1]"
    yield "a text of quotes", b'{"a":"' + b'\\"' * 1_000_000
    yield "quotes", b'"' * 1_000_001
    for number in (*NUMBERS.split(), b"1" * 100_000):
        yield f"number {number[:12].decode()}", b'{"step":' + number + b"}"
    yield "keys twice", b'{"step":1,"step":2}'
    yield "keys twice by escape", b'{"step":1,"st\\u0065p":2}'
    yield "keys twice below", b'{"step":1,"format":1,"extra":{"a":1,"a":2}}'
    yield "UTF-16", '{"step":1}'.encode("utf-16")
    yield "only NUL", bytes(4096)
    yield from ((text.decode("ascii", "backslashreplace")[:30], text) for text in TEXTS)


def versions() -> Iterator[tuple[str, bytes]]:
    for value in (999, 10**300, -1, True, 1.0, "1", None):
        fields = {"format": value, "step": 1, "kind": "checkpoint", "versions": {"headstart": "\x1b[2Jevil\nline"}}
        yield f"format {str(value)[:20]}", json.dumps(fields).encode()


def manifests() -> Iterator[tuple[str, bytes]]:
    """Manifests whose own checksum is right: only their content is hostile."""
    content = b"".join(tensors.chunks({"state['w']": LIKE["w"], "state['b']": LIKE["b"]}))
    files = {sealed.STATE: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
    leaves = [
        {"path": f"state[{name!r}]", "dtype": array.dtype.name, "shape": list(array.shape), "key": None}
        for name, array in LIKE.items()
    ]
    sound = {
        "kind": "checkpoint",
        "format": 1,
        "headstart": "0.1.0",
        "step": 7,
        "files": files,
        "leaves": leaves,
        "extra": {},
    }
    names = (
        "/etc/passwd",
        "../../state.safetensors",
        "a/b",
        "a\0b",
        "x" * 5000,
        "STATE.safetensors",
        "..",
        "",
        "state.pkl",
    )
    for name in names:
        yield f"file {name[:30]!r}", sealed.stamp(sound | {"files": {name: files[sealed.STATE]}})
        yield f"file {name[:30]!r} too", sealed.stamp(sound | {"files": files | {name: files[sealed.STATE]}})
        yield f"leaf {name[:30]!r}", sealed.stamp(sound | {"leaves": [*leaves, leaves[0] | {"path": name}]})
    for size in (-1, 0, 2**62, 10**30, 1.0, True, None, "9", [1], len(content) - 1, len(content) + 1):
        yield f"size {size!r}", sealed.stamp(sound | {"files": {sealed.STATE: files[sealed.STATE] | {"bytes": size}}})
    for change in json.loads(LEAVES):
        yield f"leaf with {str(change)[:40]}", sealed.stamp(sound | {"leaves": [leaves[0] | change, *leaves[1:]]})
    for field in sound:
        yield f"without {field}", sealed.stamp({k: v for k, v in sound.items() if k != field})
        for value in (None, [], {}, "x", -1, 1.5, True, 10**40):
            if field not in ("headstart",) and (field, value) != ("extra", {}):
                yield f"{field} of {value!r}", sealed.stamp(sound | {field: value})
    yield "one field more", sealed.stamp(sound | {"command": "os.system('true')"})
    yield "no leaves", sealed.stamp(sound | {"leaves": []})
    yield "leaves twice", sealed.stamp(sound | {"leaves": leaves * 2})


def corpus(canary: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yields the file to replace, what it is, and the hostile content."""
    for what, content in (*pickles(canary), *hostile_texts(), *versions()):
        for name in FILES:
            yield name, what, content + (b"\n" if name == "metrics.jsonl" else b"")
        yield sealed.MANIFEST, what, content
    for what, content in (*pickles(canary), *safetensors(canary)):
        yield sealed.STATE, what, content
    for what, content in manifests():
        yield sealed.MANIFEST, what, content
