from _typeshed import ReadableBuffer, WriteableBuffer

ROW_FIELDS: list[tuple[str, str]]
ROW_BYTES: int

def order_rows(data: ReadableBuffer, out: WriteableBuffer) -> tuple[int, int, int]: ...
