"""Exceptions of the Python edge of the wire codecs; the hot path uses the codes of codec.pxd."""


class CodecError(ValueError):
    """A frame that cannot be decoded, or a message that cannot be encoded."""


class TruncatedError(CodecError):
    """The frame ends before the message does."""


class UnknownTypeError(CodecError):
    """Not a message type of this protocol and direction: skip it by its envelope length."""


class UnexpectedTypeError(CodecError):
    """A known type where another one was required."""


class MalformedError(CodecError):
    """Lengths inside the frame contradict each other."""


class TrailingBytesError(CodecError):
    """Bytes left over after the last element."""


class InvalidFieldError(CodecError):
    """A numeric text field holds something other than one number."""


class FieldRangeError(CodecError):
    """A value does not fit its field."""


class NoSpaceError(CodecError):
    """The output buffer is too small."""


class TooLargeError(CodecError):
    """The message can never fit the configured limit."""


_BY_CODE: dict[int, type[CodecError]] = {
    -1: TruncatedError,
    -2: UnknownTypeError,
    -3: UnexpectedTypeError,
    -4: MalformedError,
    -5: TrailingBytesError,
    -6: InvalidFieldError,
    -7: FieldRangeError,
    -8: NoSpaceError,
    -9: TooLargeError,
}


def error_for(code: int, what: str) -> CodecError:
    """The exception for a negative result code of codec.pxd; `what` names the protocol and message."""
    kind = _BY_CODE.get(code, CodecError)
    return kind(f"{what}: {(kind.__doc__ or '').rstrip('.')}")
