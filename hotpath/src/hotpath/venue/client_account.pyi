from hotpath.ipc.journal import JournalWriter

RECORD_SIZE: int
SEGMENT_RECORDS: int
MAX_SEGMENTS: int

class MessageSink:
    """Takes an account's outbound messages in place of a journal."""

class ClientAccount:
    """One account. Raises ValueError naming the setting, JournalError when its journal cannot be opened.

    With a sink there is no journal, and `directory` is not used.
    """

    username: str
    directory: str
    journal: JournalWriter
    last_user_ref_num: int
    disabled: bool
    exhausted: bool

    def __init__(
        self, username: str, password: str, firm: str, directory: str, reserve: int, sink: MessageSink | None = None
    ) -> None: ...
    def recover(self, last_user_ref_num: int, disabled: bool) -> None: ...
    def append_message(self, message: bytes, contra_ref: int = 0) -> None:
        """Add one OUCH message to the stream outside the hot loop (recovery). Raises JournalFull."""
