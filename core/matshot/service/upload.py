"""Uploads on their way to the disk: a raw body, or the parts of a form."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from .naming import plain_name
from .refusal import Refusal

#: Form field of files.
_FIELD = b"file"
#: Bytes of a field that is text, as of a request without files.
_MOST_TEXT = 1 << 20
#: Characters of a boundary, by RFC 2046.
_LONGEST_BOUNDARY = 70


class Upload:
    """The bytes of one upload, in a folder of its own that is removed with it.

    Args:
        folder: in which it makes its own.
        content_type: of the upload.
        name: that it has; empty takes the form's.
        most: bytes.
        most_files: files in a form.
        text_field: field of a form whose text is kept in memory; empty for none.

    Attributes:
        text: of that field; None while there is none.

    Raises:
        Refusal: for a malformed form.
    """

    def __init__(
        self, folder: Path, content_type: str, name: str, most: int, most_files: int, text_field: str = ""
    ) -> None:
        self.folder = folder / uuid.uuid4().hex
        self._parts = self.folder / "parts"
        self._parts.mkdir(parents=True)
        self.files: list[tuple[str, Path]] = []
        self.name = plain_name(name)
        self._left, self._most, self._most_files = most, most, most_files
        self.text: bytearray | None = None
        self.text_field = text_field.encode()
        self._stream: BinaryIO | None = None
        self._form: _Form | None = None
        self._digests: list[hashlib._Hash] = []
        try:
            if content_type.lower().startswith("multipart/"):
                self._form = _Form(self, content_type)
            else:
                self.open(self.name or "upload")
        except BaseException:
            self.discard()
            raise

    def feed(self, data: bytes) -> None:
        """Add a piece of the body.

        Raises:
            Refusal: when it is too large, or the form is malformed.
        """
        self._left -= len(data)
        if self._left < 0:
            raise too_large(self._most)
        if self._form is None:
            self.write(data)
        else:
            self._form.feed(data)

    def finish(self) -> None:
        """End the body.

        Raises:
            Refusal: when something is missing.
        """
        if self._form is not None:
            self._form.finish()
        self.shut()
        if not self.files:
            raise Refusal(400, "The form has no file. Send it as a part named 'file'.")

    def open(self, name: str) -> None:
        """Begin a file."""
        if len(self.files) == self._most_files:
            raise Refusal(413, f"An upload can have {self._most_files} files at most.")
        path = self._parts / str(len(self.files))
        self._stream = path.open("xb")
        self._digests.append(hashlib.sha256())
        self.files.append((plain_name(name), path))

    def write(self, data: bytes) -> None:
        """Add to the file."""
        assert self._stream is not None
        self._stream.write(data)
        self._digests[-1].update(data)

    def add_text(self, data: bytes) -> None:
        """Add to the text of the field that is kept.

        Raises:
            Refusal: when it is too long.
        """
        self.text = self.text if self.text is not None else bytearray()
        self.text += data
        if len(self.text) > _MOST_TEXT:
            raise Refusal(413, f"The part '{self.text_field.decode()}' is too large.")

    def shut(self) -> None:
        """End the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    @property
    def digests(self) -> list[str]:
        """SHA-256 of each file, in hexadecimal digits."""
        return [one.hexdigest() for one in self._digests]

    def discard(self) -> None:
        """Remove all of it."""
        self.shut()
        shutil.rmtree(self.folder, ignore_errors=True)


def too_large(most: int) -> Refusal:
    """The refusal of an upload of more bytes than that."""
    return Refusal(413, f"The upload is too large. This service accepts up to {most / 2**20:.0f} MB.")


def digest_of_files(files: Mapping[str, Path]) -> str:
    """SHA-256 of a folder's files: of their names and what each holds, however they were packed."""
    whole = hashlib.sha256(b"material\n")
    for name in sorted(files):
        with files[name].open("rb") as stream:
            whole.update(f"{hashlib.file_digest(stream, 'sha256').hexdigest()} {name}\n".encode())
    return whole.hexdigest()


class _Form:
    """Parts of ``multipart/form-data``, each of which goes straight to its file."""

    def __init__(self, upload: Upload, content_type: str) -> None:
        from python_multipart import multipart
        from python_multipart.exceptions import MultipartParseError

        self._upload = upload
        self._damaged = MultipartParseError
        self._options = multipart.parse_options_header
        kind, options = multipart.parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= _LONGEST_BOUNDARY:
            raise Refusal(
                400, "The upload is not a form. Send multipart/form-data with its boundary, or the bare file."
            )
        self._name, self._value = b"", b""
        self._disposition = b""
        self._wanted = self._is_text = self._ended = False
        self._parser = multipart.MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_part_data": self._part_data,
                "on_part_end": self._end_part,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_data,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except self._damaged as error:
            raise Refusal(400, "The form is damaged.", str(error)) from error

    def finish(self) -> None:
        if not self._ended:
            raise Refusal(400, "The form ends early. Nothing was stored.")

    def _begin_part(self) -> None:
        self._disposition = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def _begin_data(self) -> None:
        _, options = self._options(self._disposition)
        own = self._upload.text_field
        self._is_text = bool(own) and options.get(b"name") == own
        if self._is_text and self._upload.text is not None:
            raise Refusal(400, f"The form has two parts named '{own.decode()}'.")
        if self._is_text:
            self._upload.add_text(b"")
        self._wanted = options.get(b"name") == _FIELD and b"filename" in options
        if self._wanted:
            self._upload.open(options[b"filename"].decode("utf-8", "replace"))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        # What is neither a file nor the text is passed over.
        if self._is_text:
            self._upload.add_text(data[start:end])
        elif self._wanted:
            self._upload.write(data[start:end])

    def _end_part(self) -> None:
        if self._wanted:
            self._upload.shut()

    def _end(self) -> None:
        self._ended = True
