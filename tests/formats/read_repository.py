#!/usr/bin/python3
"""Reads a repository of snapshots: a second implementation, written from docs/formats/repository.md and chunk-codings.md alone.

    read_repository.py REPOSITORY [--key-file FILE | --password-file FILE] list
    read_repository.py REPOSITORY […] check
    read_repository.py REPOSITORY […] restore SNAPSHOT FOLDER

Everything that can be checked is. Exit status 0: all is well; 1: damaged, and the message says what.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import struct
import sys

from codings import FormatError, decode, decode_difference
from hashes import blake3, xxh3

ENTRY = struct.Struct("<32sIIBBQ")
STAT = struct.Struct("<BHIIqqqQ")
MAXIMUM_CHUNK = 4 << 20
MAXIMUM_DEPTH, MAXIMUM_FRAMES = 16, 1365
FILE, DIRECTORY, LINK, HARD_LINK, PIPE = 1, 2, 3, 4, 5


def require(condition, message):
    if not condition:
        raise FormatError(message)


def is_hex(text, digits):
    return isinstance(text, str) and len(text) == digits and not set(text) - set("0123456789abcdef")


def hkdf(key, salt, info):
    pseudorandom = hmac.new(salt or bytes(32), key, hashlib.sha256).digest()
    return hmac.new(pseudorandom, info + b"\x01", hashlib.sha256).digest()


def decrypt(key, nonce, sealed, associated, name):
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(nonce, sealed, associated)
    except InvalidTag:
        raise FormatError(f"{name}: the tag does not match") from None


class Fields:
    """Reads fields one behind the other and never outside."""

    def __init__(self, data, name):
        self.data, self.at, self.name = data, 0, name

    def take(self, count):
        require(count <= len(self.data) - self.at, f"{self.name} ends early")
        self.at += count
        return self.data[self.at - count : self.at]

    def u32(self):
        return int.from_bytes(self.take(4), "little")

    def u64(self):
        return int.from_bytes(self.take(8), "little")

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                require(value < 1 << 64 and (byte or not shift), f"{self.name} has a number that is not in its shortest form")
                return value
            shift += 7
            require(shift < 70, f"{self.name} has a number of more than 64 bits")

    def bytes(self, maximum):
        length = self.varint()
        require(length <= maximum, f"{self.name} has a field of {length} bytes")
        return self.take(length)

    def end(self):
        require(self.at == len(self.data), f"{self.name} has bytes left over")


class Entry:
    def __init__(self, fields):
        values = ENTRY.unpack(fields.take(ENTRY.size))
        self.id, self.stored, self.length, self.coding, self.parameter, self.checksum = values
        require(0 < self.length <= MAXIMUM_CHUNK and self.stored <= MAXIMUM_CHUNK + 1024, f"{fields.name} lists a chunk that cannot be")
        self.baseline = []
        if self.coding == 9:
            count = fields.take(1)[0]
            require(1 <= count <= 4, f"{fields.name} has a difference against {count} chunks")
            self.baseline = [fields.take(32) for _ in range(count)]
        self.raw = values + tuple(self.baseline)


class Pack:
    def __init__(self, name, salt, size, entries):
        self.name, self.salt, self.size, self.entries = name, salt, size, entries


class Repository:
    def __init__(self, root, secret):
        """secret: None, ("password", bytes) or ("key", 32 bytes)."""
        self.root, self.encryption, self.id_key = root, None, None
        config = self.read("config")
        body = self.members(self.envelope(config, 1, "config", sealed=False), "config", id=str, version=int, encryption=str, created_at=str)
        require(body["version"] == 1 and body["encryption"] in ("aes-256-gcm", "none"), "the configuration is of another version or encryption")
        require((body["encryption"] == "none") == (secret is None), "a key is needed, or none is")
        if secret:
            master = self.unwrap(secret, blake3(config))
            require(master, "no key fits, or the configuration was changed")
            self.encryption = hkdf(master, b"", b"dumont encryption")
            self.id_key = hkdf(master, b"", b"dumont chunk id")
        self.packs, self.chunks, self.costs, self.waiting = {}, {}, {}, []

    # Objects

    def read(self, name):
        with open(os.path.join(self.root, name), "rb") as file:
            return file.read()

    def names(self, prefix):
        folder = os.path.join(self.root, prefix)
        return sorted(f"{prefix}/{name}" for name in os.listdir(folder)) if os.path.isdir(folder) else []

    def envelope(self, content, kind, name, sealed=None):
        sealed = self.encryption is not None if sealed is None else sealed
        require(len(content) >= 40 and content[:8] == b"DUMONTOB", f"{name} is no object")
        require(xxh3(content[:-8]) == int.from_bytes(content[-8:], "little"), f"{name}: the checksum does not match")
        require(content[8:12] == bytes([kind, 1, sealed, 0]), f"{name} is of another kind or version, or not sealed as it must be")
        require(int.from_bytes(content[12:16], "little") == len(content) - 40, f"{name} has another length than it claims")
        body = content[32:-8]
        if not sealed:
            return body
        key = hkdf(self.encryption, content[16:32], b"dumont object")
        return decrypt(key, bytes(12), body, content[:32], name)

    def members(self, body, name, /, **kinds):
        try:
            value = json.loads(body.decode("utf-8"))
        except ValueError:
            raise FormatError(f"{name} is no JSON") from None
        require(isinstance(value, dict), f"{name} is no JSON object")
        for member, kind in kinds.items():
            require(member in value and isinstance(value[member], kind), f"{name} lacks {member}")
        return value

    def named(self, name, kind):
        content = self.read(name)
        require(blake3(content).hex() == name.rsplit("/", 1)[1], f"{name}: the content does not match the name")
        return self.envelope(content, kind, name)

    def keys(self):
        for name in self.names("keys"):
            content = self.read(name)
            require(blake3(content).hex()[:16] == name[5:], f"{name}: the content does not match the name")
            body = self.envelope(content, 2, name, sealed=False)
            yield self.members(body, name, kdf=str, iterations=int, salt=str, wrapped=str, created_at=str, label=str)

    def unwrap(self, secret, binding):
        kind, value = secret
        for key in self.keys():
            salt, wrapped = base64.b64decode(key["salt"], validate=True), base64.b64decode(key["wrapped"], validate=True)
            if len(wrapped) != 60 or key["kdf"] != {"password": "pbkdf2-sha256", "key": "hkdf-sha256"}[kind]:
                continue
            if kind == "key":
                wrapping = hkdf(value, salt, b"dumont key file")
            else:
                require(0 < key["iterations"] <= 100_000_000, "a key asks for too many rounds")
                wrapping = hashlib.pbkdf2_hmac("sha256", value, salt, key["iterations"], 32)
            try:
                return decrypt(wrapping, wrapped[:12], wrapped[12:], binding, "key")
            except FormatError:
                continue
        return None

    # Index and packs

    def load_index(self):
        indexes = {}
        for name in self.names("index"):
            fields = Fields(self.named(name, 3), name)
            superseded = [fields.take(32) for _ in self.counted(fields, 32)]
            packs = []
            for _ in self.counted(fields, 60):
                pack = Pack(fields.take(32), fields.take(16), fields.u64(), None)
                pack.entries = [Entry(fields) for _ in self.counted(fields, ENTRY.size)]
                packs.append(pack)
            fields.end()
            indexes[bytes.fromhex(name.rsplit("/", 1)[1])] = (superseded, packs)
        self.learn(indexes)

    def learn(self, indexes):
        gone = {name for superseded, _ in indexes.values() for name in superseded}
        for name, (_, packs) in indexes.items():
            for pack in packs if name not in gone else ():
                # An index that came late may list what was deleted.
                if pack.name not in self.packs and os.path.exists(os.path.join(self.root, self.pack_path(pack))):
                    self.packs[pack.name] = pack
                    self.learn_pack(pack)
        self.learn_differences()

    def learn_pack(self, pack):
        at = 8
        for entry in pack.entries:
            if entry.coding == 9:
                self.waiting.append((pack, at, entry))
            else:
                self.place(pack, at, entry, 0, 1)
            at += entry.stored

    def learn_differences(self):
        """First those from whole chunks, then those from these, and so on: nothing is missing then, and no chain has a circle."""
        for _ in range(MAXIMUM_DEPTH):
            ready = [place for place in self.waiting if all(part in self.chunks for part in place[2].baseline)]
            for place in ready:
                frames = 1 + sum(self.costs[part][1] for part in place[2].baseline)
                depth = 1 + max(self.costs[part][0] for part in place[2].baseline)
                if frames <= MAXIMUM_FRAMES and depth <= MAXIMUM_DEPTH:
                    self.place(*place, depth, frames)
            self.waiting = [place for place in self.waiting if place[2].id not in self.chunks]

    def place(self, pack, at, entry, depth, frames):
        if entry.id not in self.chunks:
            self.chunks[entry.id] = (pack, at, entry)
            self.costs[entry.id] = (depth, frames)

    @staticmethod
    def counted(fields, size):
        count = fields.u32()
        require(count * size <= len(fields.data) - fields.at, f"{fields.name} claims more than it holds")
        return range(count)

    def pack_path(self, pack):
        return f"packs/{pack.name.hex()[:2]}/{pack.name.hex()}"

    def read_footer(self, pack_name):
        """What a pack says of itself."""
        name = self.pack_path(Pack(pack_name, None, None, None))
        content = self.read(name)
        require(content[:8] == b"DUMONTPK" and len(content) >= 48, f"{name} begins differently")
        trailer = content[-40:]
        salt, length, frames, checksum, magic = struct.unpack("<16sIIQ8s", trailer)
        tag = 16 if self.encryption else 0
        require(magic == b"DUMONTPE" and length >= frames * ENTRY.size + tag, f"{name} does not end like a pack")
        start = len(content) - 40 - length
        require(start >= 8, f"{name} has a footer longer than itself")
        footer = content[start:-40]
        require(blake3(footer + trailer) == pack_name and xxh3(footer) == checksum, f"{name}: the footer does not match the name")
        if self.encryption:
            key = hkdf(self.encryption, salt, b"dumont pack")
            footer = decrypt(key, struct.pack("<qI", start, 1), footer, salt, name)
        fields = Fields(footer, name)
        entries = [Entry(fields) for _ in range(frames)]
        fields.end()
        require(8 + sum(e.stored for e in entries) == start, f"{name} has gaps")
        return Pack(pack_name, salt, len(content), entries)

    def check_pack(self, pack):
        name = self.pack_path(pack)
        found = self.read_footer(pack.name)
        require(found.size == pack.size and found.salt == pack.salt, f"{name} has another size or salt than the index says")
        require([e.raw for e in found.entries] == [e.raw for e in pack.entries], f"{name} holds other chunks than the index says")
        content, entries = self.read(name), found.entries
        at = 8
        for entry in entries:
            # A difference that nobody reads from here may have lost its baseline.
            is_read = entry.coding != 9 or (entry.id in self.chunks and self.chunks[entry.id][:2] == (pack, at))
            self.open_frame(pack, at, entry, content[at : at + entry.stored], is_read)
            at += entry.stored

    def open_frame(self, pack, at, entry, frame, decodes=True):
        name = f"{self.pack_path(pack)} at {at}"
        require(len(frame) == entry.stored and xxh3(frame) == entry.checksum, f"{name}: the checksum does not match")
        if self.encryption:
            key = hkdf(self.encryption, pack.salt, b"dumont pack")
            associated = entry.id + struct.pack("<BBI", entry.coding, entry.parameter, entry.length)
            frame = decrypt(key, struct.pack("<qI", at, 0), frame, associated, name)
        if not decodes:
            return None
        if entry.coding == 9:
            baseline = b"".join(self.chunk(part, None) for part in entry.baseline)
            chunk = decode_difference(entry.parameter, frame, entry.length, baseline)
        else:
            chunk = decode(entry.coding, entry.parameter, frame, entry.length)
        require(blake3(chunk, self.id_key) == entry.id, f"{name}: the chunk is not what its id says")
        return chunk

    def chunk(self, chunk_id, length):
        require(chunk_id in self.chunks, f"chunk {chunk_id.hex()} has no place: in no index, its pack missing, or a difference that takes too much")
        pack, at, entry = self.chunks[chunk_id]
        require(length in (None, entry.length), f"chunk {chunk_id.hex()} has another length")
        with open(os.path.join(self.root, self.pack_path(pack)), "rb") as file:
            file.seek(at)
            return self.open_frame(pack, at, entry, file.read(entry.stored))

    # Snapshots

    def snapshots(self):
        found = {}
        for name in self.names("snapshots"):
            found[name.rsplit("/", 1)[1]] = self.members(
                self.named(name, 4), name, time=str, hostname=str, source=str, name=str, tags=list, parent=(str, type(None)),
                program=str, manifest=list, statistics=dict)
        return found

    def manifest(self, snapshot):
        if any(isinstance(part, dict) and is_hex(part.get("id"), 64) and bytes.fromhex(part["id"]) not in self.chunks for part in snapshot["manifest"]):
            self.learn_pending()
        entries = self.read_entries(snapshot)
        if any(chunk_id and chunk_id not in self.chunks for entry in entries for chunk_id, _ in entry.extents):
            self.learn_pending()
        return entries

    def learn_pending(self):
        """What only the packs of a pending record have."""
        for name in self.names("pending"):
            for text in self.members(self.named(name, 6), name, marked_at=str, packs=list)["packs"]:
                require(is_hex(text, 64), f"{name} names no packs")
                path = os.path.join(self.root, f"packs/{text[:2]}/{text}")
                if bytes.fromhex(text) not in self.packs and os.path.exists(path):
                    self.learn({b"": ([], [self.read_footer(bytes.fromhex(text))])})
        self.load_index()

    def read_entries(self, snapshot):
        parts = []
        for part in snapshot["manifest"]:
            require(isinstance(part, dict) and is_hex(part.get("id"), 64) and isinstance(part.get("bytes"), int), "a snapshot lists no chunk")
            parts.append(self.chunk(bytes.fromhex(part["id"]), part["bytes"]))
        return list(read_manifest(b"".join(parts)))

    def check(self):
        for name in self.names("locks"):
            lock = self.members(self.envelope(self.read(name), 5, name), name, kind=str, holder=str, created_at=str, expires_at=str, hostname=str, process_id=int)
            require(name == "locks/" + {"writer": f"writer-{lock['holder']}", "prune": "prune"}[lock["kind"]], f"{name} is another's")
        for name in self.names("pending"):
            pending = self.members(self.named(name, 6), name, marked_at=str, packs=list)
            require(all(is_hex(pack, 64) for pack in pending["packs"]), f"{name} names no packs")
        if self.encryption:
            list(self.keys())
        for pack in self.packs.values():
            self.check_pack(pack)
        for snapshot in self.snapshots().values():
            for entry in self.manifest(snapshot):
                for chunk_id, length in entry.extents:
                    require(chunk_id is None or chunk_id in self.chunks, "a file needs a chunk that has no place")
                    require(chunk_id is None or self.chunks[chunk_id][2].length == length, "a file needs a chunk of another length")


class ManifestEntry:
    def __init__(self, path, stat, payload, name):
        self.path = path
        self.kind, self.mode, self.uid, self.gid, self.size, self.modified, _, _ = STAT.unpack(stat)
        require(self.kind in (FILE, DIRECTORY, LINK, HARD_LINK, PIPE) and self.mode < 1 << 12 and self.size >= 0, f"{path!r} is of no known kind")
        fields = Fields(payload, name)
        self.attributes = [(fields.bytes(65536), fields.bytes(65536)) for _ in range(self.counted(fields))]
        self.target, self.extents = None, []
        if self.kind in (LINK, HARD_LINK):
            self.target = fields.bytes(4095)
        elif self.kind == FILE:
            for _ in range(self.counted(fields)):
                length, is_hole = divmod(fields.varint(), 2)
                require(length > 0, f"{path!r} has an empty extent")
                self.extents.append((None if is_hole else fields.take(32), length))
            require(sum(length for _, length in self.extents) == self.size, f"{path!r} has another size than its extents")
        fields.end()

    @staticmethod
    def counted(fields):
        count = fields.varint()
        require(count <= len(fields.data) - fields.at, f"{fields.name} claims more than it holds")
        return count


def read_row(fields, is_root):
    name = fields.bytes(255)
    good = not name if is_root else name and name not in (b".", b"..") and b"/" not in name and b"\0" not in name
    require(good, f"the name {name!r} cannot be")
    return name, fields.take(STAT.size), fields.bytes(len(fields.data))


def read_manifest(content):
    require(content[:8] == b"DMTREE01", "the manifest does not begin like one")
    fields = Fields(content[8:], "the manifest")
    _, stat, payload = read_row(fields, True)
    root = ManifestEntry(b"", stat, payload, "the manifest")
    require(root.kind == DIRECTORY, "the root is no directory")
    yield root
    announced, files, before = {b""}, set(), None
    while fields.at < len(fields.data):
        path = fields.bytes(4095)
        require((before is None or path > before) and path in announced, f"the block of {path!r} is out of order or of no directory")
        announced.remove(path)
        before, count = path, fields.varint()
        rows, last = Fields(fields.take(fields.u32()), "a block of the manifest"), b""
        while rows.at < len(rows.data):
            name, stat, payload = read_row(rows, False)
            require(name > last, f"{name!r} is out of order")
            last, count = name, count - 1
            entry = ManifestEntry(path + b"/" + name if path else name, stat, payload, "a row of the manifest")
            require(len(entry.path) <= 4095, "a path is too long")
            require(entry.kind != HARD_LINK or entry.target in files, f"{entry.path!r} is a second name of nothing")
            if entry.kind == DIRECTORY:
                announced.add(entry.path)
            elif entry.kind == FILE:
                files.add(entry.path)
            yield entry
        require(count == 0, f"the block of {path!r} has another number of rows than it claims")
    require(not announced, "a directory has no block")


def restore(repository, entries, folder):
    """Into a folder that is not there yet."""
    base = os.fsencode(folder)
    os.mkdir(base)
    for entry in entries[1:]:
        path = os.path.join(base, entry.path)
        if entry.kind == DIRECTORY:
            os.mkdir(path, 0o700)
        elif entry.kind == LINK:
            os.symlink(entry.target, path)
        elif entry.kind == HARD_LINK:
            os.link(os.path.join(base, entry.target), path, follow_symlinks=False)
        elif entry.kind == PIPE:
            os.mkfifo(path)
        else:
            restore_file(repository, entry, path)
    # Backwards: what changes a directory comes before its own time.
    for entry in reversed(entries):
        if entry.kind != HARD_LINK:
            restore_attributes(entry, os.path.join(base, entry.path) if entry.path else base)


def restore_file(repository, entry, path):
    with open(path, "xb") as file:
        at = 0
        for chunk_id, length in entry.extents:
            if chunk_id is not None:
                file.seek(at)
                file.write(repository.chunk(chunk_id, length))
            at += length
        file.truncate(entry.size)


def restore_attributes(entry, path):
    if os.geteuid() == 0:
        os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
    for name, value in entry.attributes:
        os.setxattr(path, name, value, follow_symlinks=False)
    if entry.kind != LINK:
        os.chmod(path, entry.mode)
    os.utime(path, ns=(entry.modified, entry.modified), follow_symlinks=False)


def read_secret(arguments):
    if arguments.key_file:
        with open(arguments.key_file, encoding="ascii") as file:
            return "key", base64.b64decode(file.read().strip(), validate=True)
    if arguments.password_file:
        with open(arguments.password_file, "rb") as file:
            return "password", file.read().rstrip(b"\r\n")
    return None


def main():
    parser = argparse.ArgumentParser(description="Reads a repository of snapshots.")
    parser.add_argument("repository")
    parser.add_argument("--key-file")
    parser.add_argument("--password-file")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list")
    actions.add_parser("check")
    into = actions.add_parser("restore")
    into.add_argument("snapshot")
    into.add_argument("folder")
    arguments = parser.parse_args()
    try:
        repository = Repository(arguments.repository, read_secret(arguments))
        if arguments.action == "list":
            for name, snapshot in repository.snapshots().items():
                print(name, snapshot["time"], snapshot["hostname"], snapshot["source"])
            return 0
        repository.load_index()
        if arguments.action == "check":
            repository.check()
            print(f"{len(repository.packs)} packs, {len(repository.chunks)} chunks")
        else:
            restore(repository, repository.manifest(repository.snapshots()[arguments.snapshot]), arguments.folder)
        return 0
    except (FormatError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
